//! `users/permissions/…` of MLflow 3.13 and later, over the same rows as the classic API.
//!
//! The level DENY of this API is NO_PERMISSIONS of the other. MLflow looks at the parameters in a fixed order: each is
//! there, then the user exists, then the rest makes sense. For a caller who is no administrator the decision has looked
//! at what the grant is about before that.

use serde_json::{Value, json};

use super::roles::{is_level_for, known_level, no_level_for};
use super::{Admin, no_user, ok};
use crate::accounts::holders::RoleGrant;
use crate::accounts::{Change, Database, GrantKey};
use crate::authz::{Caller, Capability, Permission, Required, ResourceType, patterns};
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::request::Call;
use crate::request::granted::Granted;
use crate::request::input::{parameter, text};

/// Makes a grant; one that is there already is an error.
pub async fn grant<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let username = named_user(call, &["resource_type", "resource_id", "permission"])?;
    let (granted, level) = after_user(admin, username, new_grant(call)).await?;
    let key = GrantKey { username, resource: &granted.resource, under_any_type: false };
    let change = admin.accounts.create_grant(&key, level).await?;
    answer(change, &key, Code::ResourceAlreadyExists, "already exists.")
}

/// Takes a grant back.
pub async fn revoke<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let username = named_user(call, &["resource_type", "resource_id"])?;
    let granted = after_user(admin, username, call.granted()).await?;
    let key = GrantKey { username, resource: &granted.resource, under_any_type: false };
    let change = admin.accounts.delete_grant(&key).await?;
    answer(change, &key, Code::ResourceDoesNotExist, "not found.")
}

/// The user whom the request names. All that it lacks is said in the order of these.
fn named_user<'c, S>(call: &'c Call<S>, others: &[&str]) -> Result<&'c str> {
    let username = call.account()?;
    others.iter().try_for_each(|name| parameter(call, name).map(drop))?;
    Ok(username)
}

/// Gives what is wrong with the rest of a request only for a user who exists.
async fn after_user<D: Database, T>(admin: &Admin<'_, D>, username: &str, rest: Result<T>) -> Result<T> {
    match rest {
        Err(_) if !admin.accounts.has_user(username).await? => Err(no_user(username)),
        rest => rest,
    }
}

fn new_grant<S>(call: &Call<S>) -> Result<(&Granted, Permission)> {
    let granted = call.granted()?;
    granted.check_can_be_granted()?;
    Ok((granted, level(call, granted.resource.kind)?))
}

fn level<S>(call: &Call<S>, kind: ResourceType) -> Result<Permission> {
    let level = known_level(&text(call, "permission")?)?;
    if is_level_for(level, kind) { Ok(level) } else { Err(no_level_for(level.as_str(), kind)) }
}

fn answer<S>(change: Change, key: &GrantKey<'_>, code: Code, outcome: &str) -> Result<Response<S>> {
    match change {
        Change::Done(..) => Ok(ok(json!({}))),
        Change::NoUser => Err(no_user(key.username)),
        Change::NotSo => Err(Rejection::mlflow(
            code,
            format!(
                "Permission for user={} on resource_type={}, resource_id={} {outcome}",
                key.username,
                key.resource.kind.as_str(),
                key.resource.id
            ),
        )),
    }
}

/// The level that decides about a request of that user, by whatever role or by default; that an administrator may do
/// everything is not in it. `allowed` means that it may be used, as in MLflow.
pub async fn get<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let username = named_user(call, &["resource_type", "resource_id"])?;
    let asked = call.granted().and_then(|granted| granted.check_has_level().map(|()| granted));
    let granted = match asked {
        Err(rejection) if is_of_another(caller, username) => return Err(Rejection::denied(rejection.reason())),
        asked => after_user(admin, username, asked).await?,
    };
    let required = Required::on(Capability::Use, &granted.resource);
    let grants = admin.accounts.grants_of(username, &patterns([&required])).await?;
    let grants = grants.ok_or_else(|| match is_of_another(caller, username) {
        true => Rejection::denied(format!("there is no user '{username}'")),
        false => no_user(username),
    })?;
    let weighed = required.weigh(&grants, admin.config.policy());
    Ok(ok(json!({ "allowed": weighed.is_enough(), "permission": weighed.level.as_str() })))
}

/// Returns true if a manager asks about another: then MLflow says neither that a user does not exist nor what is wrong with
/// the rest.
fn is_of_another(caller: &Caller, username: &str) -> bool {
    !caller.is_admin && caller.username != username
}

/// Everything that a user has by every role: all of it for the user and for administrators, else what is in a workspace
/// that the caller manages.
pub async fn list<D: Database, S>(admin: &Admin<'_, D>, username: &str, caller: &Caller) -> Result<Response<S>> {
    let manager = is_of_another(caller, username).then_some(caller.id);
    let account = admin.accounts.all_grants_of(username, manager).await?.ok_or_else(|| no_user(username))?;
    let permissions: Vec<Value> = account.grants.iter().map(shown).collect();
    Ok(ok(json!({ "is_admin": account.is_admin, "permissions": permissions })))
}

fn shown(grant: &RoleGrant) -> Value {
    json!({
        "permission": grant.permission,
        "resource_pattern": grant.resource_pattern,
        "resource_type": grant.resource_type,
        "role_id": grant.role_id,
        "role_name": grant.role_name,
        "workspace": grant.workspace,
    })
}
