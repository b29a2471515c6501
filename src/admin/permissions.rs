//! The APIs for grants that MLflow had before 3.13, one for each type: `experiments/permissions/…`,
//! `registered-models/permissions/…`, `scorers/permissions/…` and `gateway/…/permissions/…`.
//!
//! They read and write the rows that a user holds alone. NO_PERMISSIONS here is DENY there.

use serde_json::{Value, json};

use super::{Admin, no_user, ok};
use crate::accounts::{Change, Database, GrantKey};
use crate::authz::Permission;
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::request::Call;
use crate::request::input::text;
use crate::routes::GrantedBy;

/// The four verbs of a family.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Create,
    Get,
    Update,
    Delete,
}

/// The words in which the families differ.
struct Words {
    title: &'static str,
    object: &'static str,
    levels: &'static str,
}

fn words(by: GrantedBy) -> Words {
    let (title, object) = match by {
        GrantedBy::TypeAndId => ("Permission", "permission"),
        GrantedBy::Experiment => ("Experiment permission", "experiment_permission"),
        GrantedBy::Model => ("Registered model permission", "registered_model_permission"),
        GrantedBy::Scorer => ("Scorer permission", "scorer_permission"),
        GrantedBy::GatewaySecret => ("Gateway secret permission", "gateway_secret_permission"),
        GrantedBy::GatewayEndpoint => ("Gateway endpoint permission", "gateway_endpoint_permission"),
        GrantedBy::GatewayModelDefinition => {
            ("Gateway model definition permission", "gateway_model_definition_permission")
        }
    };
    // USE came with MLflow 3.9 and is taken everywhere; the sentence of the first two is that of 3.3
    let levels = match by {
        GrantedBy::Experiment | GrantedBy::Model => "('READ', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')",
        GrantedBy::TypeAndId | GrantedBy::Scorer => "('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')",
        GrantedBy::GatewaySecret | GrantedBy::GatewayEndpoint | GrantedBy::GatewayModelDefinition => {
            "('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')"
        }
    };
    Words { title, object, levels }
}

/// One of the endpoints. Parameters are demanded in MLflow's order: resource, user, level.
pub async fn act<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, action: Action) -> Result<Response<S>> {
    let granted = call.granted()?;
    let words = words(granted.by);
    let username = call.account()?;
    let key = GrantKey { username, resource: &granted.resource, under_any_type: true };
    let change = match action {
        Action::Create => admin.accounts.create_grant(&key, level(call, words.levels)?).await?,
        Action::Get => admin.accounts.get_grant(&key).await?,
        Action::Update => admin.accounts.update_grant(&key, level(call, words.levels)?).await?,
        Action::Delete => admin.accounts.delete_grant(&key).await?,
    };
    match change {
        Change::NoUser => Err(no_user(username)),
        Change::NotSo if action == Action::Create => Err(Rejection::mlflow(
            Code::ResourceAlreadyExists,
            format!("{} ({}) already exists.", words.title, listed(&granted.ids, username, ", ", ", ")),
        )),
        Change::NotSo => {
            let last = if granted.ids.len() > 1 { ", and " } else { " and " };
            let message = format!("{} with {} not found", words.title, listed(&granted.ids, username, ", ", last));
            Err(Rejection::mlflow(Code::ResourceDoesNotExist, message))
        }
        Change::Done(user_id, level) if matches!(action, Action::Create | Action::Get) => {
            let mut object = json!({ "permission": classic_name(level), "user_id": user_id });
            if let Value::Object(fields) = &mut object {
                fields.extend(granted.ids.iter().map(|(name, id)| ((*name).to_owned(), id.as_str().into())));
            }
            Ok(ok(json!({ words.object: object })))
        }
        Change::Done(..) => Ok(ok(json!({}))),
    }
}

/// The ids and the user as MLflow lists them.
fn listed(ids: &[(&str, String)], username: &str, between: &str, last: &str) -> String {
    let ids: Vec<String> = ids.iter().map(|(name, id)| format!("{name}={id}")).collect();
    format!("{}{last}username={username}", ids.join(between))
}

/// The name of a level in the classic API, which has one word for shutting a user out.
pub fn classic_name(level: Permission) -> &'static str {
    match level {
        Permission::Deny => Permission::NoPermissions.as_str(),
        level => level.as_str(),
    }
}

fn level<S>(call: &Call<S>, levels: &str) -> Result<Permission> {
    let name = text(call, "permission")?;
    let level = match name.as_str() {
        "NO_PERMISSIONS" => Some(Permission::Deny),
        "DENY" => None,
        other => Permission::parse(other),
    };
    level.ok_or_else(|| Rejection::invalid(format!("Invalid permission '{name}'. Valid permissions are: {levels}")))
}
