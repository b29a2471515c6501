//! `users/permissions/…` of MLflow 3.13 and later, over the same rows as the classic API.
//!
//! The level DENY of this API is NO_PERMISSIONS of the other. A role per user (`__user_<id>__`) is how MLflow 3.17
//! shows grants made to a user; it is made up here, since the rows are the user's own.

use serde_json::{Value, json};

use super::{Admin, no_user, ok};
use crate::accounts::{Change, Database, GrantKey};
use crate::authz::{Capability, Permission};
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::request::Call;
use crate::request::input::{resource, text};

fn level<S>(call: &Call<S>) -> Result<Permission> {
    let (name, kind) = (text(call, "permission")?, text(call, "resource_type")?);
    match name.as_str() {
        "NO_PERMISSIONS" => Err(Rejection::invalid(format!(
            "Invalid permission 'NO_PERMISSIONS' for resource_type='{kind}'. Resource-level grants accept only: \
             ('DENY', 'EDIT', 'MANAGE', 'READ', 'USE')."
        ))),
        other => Permission::parse(other).ok_or_else(|| {
            Rejection::invalid(format!(
                "Invalid permission '{other}'. Valid permissions are: \
                 ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', 'DENY')"
            ))
        }),
    }
}

/// Makes a grant; one that is there already is an error.
pub async fn grant<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let (username, resource, level) = (text(call, "username")?, resource(call)?, level(call)?);
    let key = GrantKey { username: &username, resource: &resource, under_any_type: false };
    let change = admin.accounts.create_grant(&key, level).await?;
    answer(change, &key, Code::ResourceAlreadyExists, "already exists.")
}

/// Takes a grant back.
pub async fn revoke<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let (username, resource) = (text(call, "username")?, resource(call)?);
    let key = GrantKey { username: &username, resource: &resource, under_any_type: false };
    let change = admin.accounts.delete_grant(&key).await?;
    answer(change, &key, Code::ResourceDoesNotExist, "not found.")
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

/// The level that counts, granted or by default; `allowed` means that it may be used, as in MLflow 3.17.
pub async fn get<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let (username, resource) = (text(call, "username")?, resource(call)?);
    let level = match admin
        .accounts
        .get_grant(&GrantKey { username: &username, resource: &resource, under_any_type: false })
        .await?
    {
        Change::Done(_, level) => level,
        Change::NotSo => admin.config.default_permission,
        Change::NoUser => return Err(no_user(&username)),
    };
    Ok(ok(json!({ "allowed": level.allows(Capability::Use), "permission": level.as_str() })))
}

/// Everything granted to a user.
pub async fn list<D: Database, S>(admin: &Admin<'_, D>, username: &str) -> Result<Response<S>> {
    let user = admin.accounts.user(username).await?.ok_or_else(|| no_user(username))?;
    let permissions: Vec<Value> = user
        .grants
        .iter()
        .map(|(resource, level)| {
            json!({
                "permission": level.as_str(),
                "resource_pattern": resource.id,
                "resource_type": resource.kind.as_str(),
                "role_id": user.id,
                "role_name": format!("__user_{}__", user.id),
                "workspace": "default",
            })
        })
        .collect();
    Ok(ok(json!({ "is_admin": user.is_admin, "permissions": permissions })))
}
