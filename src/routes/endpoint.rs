//! The endpoints that are answered here.

/// The endpoints that are answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the route of that name in users.rs or roles.rs
pub enum Endpoint {
    CreateUser,
    CreateUserUi,
    GetUser,
    ListUsers,
    CurrentUser,
    UpdatePassword,
    UpdateAdmin,
    DeleteUser,
    CreateToken,
    ListTokens,
    DeleteToken,
    SignUp,
    CreateResourcePermission,
    GetResourcePermission,
    UpdateResourcePermission,
    DeleteResourcePermission,
    GrantPermission,
    RevokePermission,
    GetPermission,
    ListPermissions,
    CurrentPermissions,
    ListResourceUsers,
    NoWorkspaces,
    ListUserRoles,
    CreateRole,
    GetRole,
    ListRoles,
    UpdateRole,
    DeleteRole,
    AddRolePermission,
    RemoveRolePermission,
    ListRolePermissions,
    UpdateRolePermission,
    AssignRole,
    UnassignRole,
    ListRoleUsers,
}

impl Endpoint {
    /// Returns true if it changes users or grants, or makes credentials: for that a token must have been made.
    pub fn administers(self) -> bool {
        use Endpoint::*;
        match self {
            CreateUser | CreateUserUi | UpdatePassword | UpdateAdmin | DeleteUser | CreateToken => true,
            CreateResourcePermission | UpdateResourcePermission | DeleteResourcePermission => true,
            GrantPermission | RevokePermission => true,
            CreateRole | UpdateRole | DeleteRole | AssignRole | UnassignRole => true,
            AddRolePermission | RemoveRolePermission | UpdateRolePermission => true,
            GetUser | ListUsers | CurrentUser | ListTokens | SignUp => false,
            DeleteToken => false, // a token may end itself; that of another user is the endpoint's business
            GetResourcePermission | ListResourceUsers | NoWorkspaces => false,
            GetPermission | ListPermissions | CurrentPermissions | ListUserRoles => false,
            GetRole | ListRoles | ListRolePermissions | ListRoleUsers => false,
        }
    }
}
