//! `experiments/permissions/…` and `registered-models/permissions/…`: the classic API.

use serde_json::{Value, json};

use super::{Admin, no_user, ok};
use crate::accounts::{Change, Database, GrantKey};
use crate::authz::{Permission, Resource, ResourceType};
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::json::Json;
use crate::request::Call;
use crate::request::input::{not_text, parameter, text};
use crate::request::resource_ref::check_model_name;

/// The four verbs of a family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Get,
    Update,
    Delete,
}

/// The words in which the two families differ.
struct Words {
    parameter: &'static str,
    title: &'static str,
    object: &'static str,
}

fn words(kind: ResourceType) -> Words {
    match kind {
        ResourceType::Experiment => {
            Words { parameter: "experiment_id", title: "Experiment permission", object: "experiment_permission" }
        }
        _ => Words { parameter: "name", title: "Registered model permission", object: "registered_model_permission" },
    }
}

/// One of the eight endpoints. Parameters are demanded in MLflow's order: resource, user, level.
pub async fn act<D: Database, S>(
    admin: &Admin<'_, D>,
    call: &Call<S>,
    kind: ResourceType,
    action: Action,
) -> Result<Response<S>> {
    let words = words(kind);
    let resource = resource(call, kind, words.parameter)?;
    let username = text(call, "username")?;
    let key = GrantKey { username: &username, resource: &resource, under_any_type: true };
    let change = match action {
        Action::Create => admin.accounts.create_grant(&key, level(call)?).await?,
        Action::Get => admin.accounts.get_grant(&key).await?,
        Action::Update => admin.accounts.update_grant(&key, level(call)?).await?,
        Action::Delete => admin.accounts.delete_grant(&key).await?,
    };
    let (parameter, id) = (words.parameter, &resource.id);
    match change {
        Change::NoUser => Err(no_user(&username)),
        Change::NotSo if action == Action::Create => Err(Rejection::mlflow(
            Code::ResourceAlreadyExists,
            format!("{} ({parameter}={id}, username={username}) already exists.", words.title),
        )),
        Change::NotSo => Err(Rejection::mlflow(
            Code::ResourceDoesNotExist,
            format!("{} with {parameter}={id} and username={username} not found", words.title),
        )),
        Change::Done(user_id, level) if matches!(action, Action::Create | Action::Get) => {
            let mut object = json!({ "permission": classic_name(level), "user_id": user_id });
            if let Value::Object(fields) = &mut object {
                fields.insert(parameter.to_owned(), Value::from(id.as_str()));
            }
            Ok(ok(json!({ words.object: object })))
        }
        Change::Done(..) => Ok(ok(json!({}))),
    }
}

fn resource<S>(call: &Call<S>, kind: ResourceType, name: &str) -> Result<Resource> {
    let id = match parameter(call, name)? {
        Json::Text(id) => id,
        Json::Number(id) if kind == ResourceType::Experiment => id,
        _ => return Err(not_text(name)),
    };
    match kind {
        ResourceType::Experiment => Resource::experiment(&id),
        _ => check_model_name(&id).map(|()| Resource::registered_model(&id)),
    }
}

/// The name of a level in the classic API, which has one word for shutting a user out.
pub fn classic_name(level: Permission) -> &'static str {
    match level {
        Permission::Deny => Permission::NoPermissions.as_str(),
        level => level.as_str(),
    }
}

/// USE came with MLflow 3.9 and is taken; the sentence is that of 3.3.
fn level<S>(call: &Call<S>) -> Result<Permission> {
    let name = text(call, "permission")?;
    let level = match name.as_str() {
        "NO_PERMISSIONS" => Some(Permission::Deny),
        "DENY" => None,
        other => Permission::parse(other),
    };
    level.ok_or_else(|| {
        Rejection::invalid(format!(
            "Invalid permission '{name}'. Valid permissions are: ('READ', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')"
        ))
    })
}
