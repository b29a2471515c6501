//! The endpoints that are answered here: users, permissions, roles, the sign-up page.
//!
//! Shapes, codes and messages are MLflow's (3.3.2 for the classic API, 3.17.2 for grants and roles).

pub mod grants;
mod holders;
mod permissions;
mod roles;
mod signup;
mod tokens;
mod users;

use crate::accounts::{Accounts, Database};
use crate::authn::Authenticator;
use crate::authz::{Caller, Permit, Permitted};
use crate::config::Config;
use crate::error::{Code, Page, Rejection, Result};
use crate::http::Response;
use crate::request::Call;
use crate::routes::{Endpoint, Route};

/// The stage that answers here.
pub struct Admin<'a, D> {
    /// The operator's configuration.
    pub config: &'a Config,
    /// Users, grants and tokens.
    pub accounts: &'a Accounts<D>,
    /// Password hashes, current passwords, time and randomness.
    pub authn: &'a Authenticator<'a, D>,
}

/// Answers one of our own endpoints; the caller has what the row demands.
pub async fn serve<D: Database, S>(
    admin: &Admin<'_, D>,
    permit: Permit,
    endpoint: Endpoint,
    call: &Call<S>,
    caller: &Caller,
) -> Result<Permitted<Response<S>>> {
    let answer = answer(admin, endpoint, call, caller).await;
    if call.row.is_some_and(Route::writes_accounts) {
        admin.authn.accounts_changed(); // also after an error: of a change whose answer was lost nobody knows
    }
    answer.map(|answer| permit.release(answer))
}

async fn answer<D: Database, S>(
    admin: &Admin<'_, D>,
    endpoint: Endpoint,
    call: &Call<S>,
    caller: &Caller,
) -> Result<Response<S>> {
    use permissions::Action;
    let permission = |action| permissions::act(admin, call, action);
    match endpoint {
        Endpoint::CreateUser => users::create(admin, call).await,
        Endpoint::GetUser => users::get(admin, call).await,
        Endpoint::ListUsers => users::list(admin, caller).await,
        Endpoint::CurrentUser => Ok(users::current(caller)),
        Endpoint::UpdatePassword => users::update_password(admin, call, caller).await,
        Endpoint::UpdateAdmin => users::update_admin(admin, call).await,
        Endpoint::DeleteUser => users::delete(admin, call, caller).await,
        Endpoint::CreateToken => tokens::create(admin, call, caller).await,
        Endpoint::ListTokens => tokens::list(admin, call, caller).await,
        Endpoint::DeleteToken => tokens::delete(admin, call, caller).await,
        Endpoint::SignUp => signup::form(admin, call, caller),
        Endpoint::CreateUserUi => signup::submit(admin, call, caller).await,
        Endpoint::CreateResourcePermission => permission(Action::Create).await,
        Endpoint::GetResourcePermission => permission(Action::Get).await,
        Endpoint::UpdateResourcePermission => permission(Action::Update).await,
        Endpoint::DeleteResourcePermission => permission(Action::Delete).await,
        Endpoint::GrantPermission => grants::grant(admin, call).await,
        Endpoint::RevokePermission => grants::revoke(admin, call).await,
        Endpoint::GetPermission => grants::get(admin, call, caller).await,
        Endpoint::ListPermissions => grants::list(admin, call.account()?, caller).await,
        Endpoint::CurrentPermissions => grants::list(admin, &caller.username, caller).await,
        Endpoint::ListResourceUsers => holders::list(admin, call).await,
        Endpoint::NoWorkspaces => Err(no_workspaces(call)),
        Endpoint::ListUserRoles => roles::list_of_user(admin, call, caller).await,
        Endpoint::CreateRole => roles::create(admin, call).await,
        Endpoint::GetRole => roles::get(admin, call).await,
        Endpoint::ListRoles => roles::list(admin, call).await,
        Endpoint::UpdateRole => roles::update(admin, call).await,
        Endpoint::DeleteRole => roles::delete(admin, call).await,
        Endpoint::AddRolePermission => roles::add_permission(admin, call).await,
        Endpoint::RemoveRolePermission => roles::remove_permission(admin, call).await,
        Endpoint::ListRolePermissions => roles::list_permissions(admin, call).await,
        Endpoint::UpdateRolePermission => roles::update_permission(admin, call).await,
        Endpoint::AssignRole => roles::assign(admin, call).await,
        Endpoint::UnassignRole => roles::unassign(admin, call).await,
        Endpoint::ListRoleUsers => roles::list_users(admin, call).await,
    }
}

/// 200 with Flask's `jsonify`: sorted keys, no blanks, a newline.
fn ok<S>(body: serde_json::Value) -> Response<S> {
    Response::new(200, "application/json", format!("{body}\n"))
}

/// MLflow's answer where workspaces are switched off, as they are here.
fn no_workspaces<S>(call: &Call<S>) -> Rejection {
    let pattern = call.row.map(|row| row.path).unwrap_or_default().replace('{', "<").replace('}', ">");
    Rejection::page(Page::Disabled(format!(
        "Endpoint: {pattern} disabled because the server is running without workspaces support. To enable workspace, run \
         `mlflow server` with `--enable-workspaces`"
    )))
}

fn no_user(username: &str) -> Rejection {
    Rejection::mlflow(Code::ResourceDoesNotExist, format!("User with username={username} not found"))
}
