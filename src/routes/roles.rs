//! Roles, the permissions that they have and the users who have them (MLflow 3.12): answered here, never forwarded.
//!
//! The managers of a workspace change its roles, its members see them. Only roles of the workspace `default` decide
//! about resources.

use super::words::*;
use Endpoint::*;

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/3.0/mlflow/roles/create",             InWorkspace(Manager, OfRole), Json, Local(CreateRole)),
    get   ("{api}/3.0/mlflow/roles/get",                InWorkspace(Member, OfRole),        Local(GetRole)),
    get   ("{api}/3.0/mlflow/roles/list",               InWorkspace(Member, EachNamed),     Local(ListRoles)),
    patch ("{api}/3.0/mlflow/roles/update",             InWorkspace(Manager, OfRole), Json, Local(UpdateRole)),
    delete("{api}/3.0/mlflow/roles/delete",             InWorkspace(Manager, OfRole), Json, Local(DeleteRole)),
    post  ("{api}/3.0/mlflow/roles/permissions/add",    InWorkspace(Manager, OfRole), Json, Local(AddRolePermission)),
    delete("{api}/3.0/mlflow/roles/permissions/remove", InWorkspace(Manager, OfRole), Json, Local(RemoveRolePermission)),
    get   ("{api}/3.0/mlflow/roles/permissions/list",   InWorkspace(Member, OfRole),        Local(ListRolePermissions)),
    patch ("{api}/3.0/mlflow/roles/permissions/update", InWorkspace(Manager, OfRole), Json, Local(UpdateRolePermission)),
    post  ("{api}/3.0/mlflow/roles/assign",             InWorkspace(Manager, OfRole), Json, Local(AssignRole)),
    delete("{api}/3.0/mlflow/roles/unassign",           InWorkspace(Manager, OfRole), Json, Local(UnassignRole)),
    get   ("{api}/3.0/mlflow/roles/users/list",         InWorkspace(Manager, OfRole),       Local(ListRoleUsers)),
    get   ("{api}/3.0/mlflow/users/roles/list",         InWorkspace(Manager, OfUser),            Local(ListUserRoles)),
];
