//! Grants that follow from an answer of the origin.

use std::cell::Cell;

use super::{Answered, Responder};
use crate::accounts::Database;
use crate::accounts::renamed::{OfRole, Standing};
use crate::authz::{Caller, Permit, Resource, ResourceType};
use crate::error::{Code, Rejection, Result};
use crate::http::{Method, Response};
use crate::json::Json;
use crate::mlflow::prompt::is_prompt;
use crate::owners::{experiments_in, read_json};
use crate::request::{Call, Payload};
use crate::routes::GrantEffect;
use crate::upstream::proxy::Withheld;
use crate::upstream::{Origin, bad_upstream_response};

/// Tries of a write to the directory after the origin has acted.
const TRIES: usize = 3;

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Forwards, and records what a success means. The answer goes out only when that is done.
    pub(super) async fn effect(
        &self,
        permit: Permit,
        mut call: Call<O::Stream>,
        caller: &Caller,
        effect: GrantEffect,
    ) -> Answered<O::Stream> {
        let answer = self.forward_and_record(&permit, &mut call, caller, effect).await;
        self.admin.authn.accounts_changed();
        answer.map(|answer| permit.release(answer))
    }

    async fn forward_and_record(
        &self,
        permit: &Permit,
        call: &mut Call<O::Stream>,
        caller: &Caller,
        effect: GrantEffect,
    ) -> Result<Response<O::Stream>> {
        let text = |name: &str| match &call.payload {
            Payload::Json(_, Ok(json)) => json.field(name).and_then(Json::text).map(str::to_owned),
            _ => None,
        };
        let name = text("name").unwrap_or_default();
        let before = match effect {
            GrantEffect::ExperimentCreated | GrantEffect::ModelCreated => None,
            GrantEffect::ModelDeleted => Some(self.accounts.standing(&name, &name).await?),
            GrantEffect::ModelRenamed => {
                let next = text("new_name").unwrap_or_else(|| name.clone());
                Some(self.may_be_renamed(&name, &next).await?)
            }
        };
        let response = self.proxy.forward(permit, call).await?;
        if !response.is_success() {
            return Ok(response);
        }
        let mut response = Withheld::new(response);
        let bytes = response.read().await?;
        match effect {
            GrantEffect::ExperimentCreated => {
                for experiment in experiments_in(&read_json(&bytes)?, &["experiment_id"])? {
                    self.grant_manage_or_undo(caller, &experiment).await?;
                }
            }
            GrantEffect::ModelCreated => {
                let model = made_model(&read_json(&bytes)?)?;
                self.grant_manage_or_undo(caller, &model).await?;
            }
            GrantEffect::ModelRenamed => {
                let (before, new) = (before.ok_or_else(not_looked_at)?, model_in(&bytes)?);
                let said = format!("The model was renamed to '{new}', but its grants were not moved.");
                let is_tried = Cell::new(false);
                let rename = async || self.accounts.rename(&before, &name, &new, is_tried.replace(true)).await;
                retry(rename).await.map_err(|failure| unsettled(&said, &failure))?;
            }
            GrantEffect::ModelDeleted => {
                let before = before.ok_or_else(not_looked_at)?;
                let said = format!("The model '{name}' was deleted, but grants on it remain.");
                let forget = async || self.accounts.forget(&before, &name).await;
                retry(forget).await.map_err(|failure| unsettled(&said, &failure))?;
            }
        }
        Ok(response.release_with(permit, bytes))
    }

    /// Looks at the grants on a model that is to be renamed. Where a role names it, or the next name, the role would come
    /// to speak of another model, or of none: so an administrator has to change the role first (as in MLflow 3.18).
    async fn may_be_renamed(&self, name: &str, next: &str) -> Result<Standing> {
        let before = self.accounts.standing(name, next).await?;
        let Some(found) = before.of_role()?.filter(|_| name != next) else { return Ok(before) };
        let (OfRole { role, level, .. }, Resource { kind, id }) = (&found, &found.resource);
        let kind = kind.as_str();
        Err(Rejection::invalid(format!(
            "Cannot rename '{name}' to '{next}' because role grants reference these names by exact name \
             (role '{role}' has {level} on {kind} '{id}'). Renaming would change which model or prompt those grants apply \
             to. An admin must update or remove these role grants before the rename."
        )))
    }

    /// MANAGE for the creator. If it cannot be recorded the resource would be as open as the default permission says
    /// and nobody's: it is deleted again, and the answer says what happened.
    async fn grant_manage_or_undo(&self, caller: &Caller, resource: &Resource) -> Result<()> {
        let Err(failure) = retry(async || self.accounts.grant_manage(caller.id, resource).await).await else {
            return Ok(());
        };
        let (method, target, key) = match resource.kind {
            ResourceType::Experiment => (Method::Post, "/api/2.0/mlflow/experiments/delete", "experiment_id"),
            _ => (Method::Delete, "/api/2.0/mlflow/registered-models/delete", "name"),
        };
        let mut object = Json::Object(Vec::new());
        object.set(key, Json::Text(resource.id.clone()));
        let undone = self.proxy.ask(method, target, Some(object), Some(&caller.username)).await;
        let undone = undone.is_ok_and(|response| response.is_success());
        let (kind, id) = (resource.kind.as_str(), &resource.id);
        let outcome = if undone {
            "It was deleted again; please retry."
        } else {
            "It could not be deleted again: tell an administrator."
        };
        Err(unsettled(
            &format!("{kind} '{id}' was created, but your MANAGE permission could not be recorded. {outcome}"),
            &failure,
        ))
    }
}

/// Tries a write a few times: the origin has acted already.
async fn retry(write: impl AsyncFn() -> Result<()>) -> Result<()> {
    for _ in 1..TRIES {
        if write().await.is_ok() {
            return Ok(());
        }
    }
    write().await
}

/// The model or prompt that the origin says it has made.
fn made_model(answer: &Json) -> Result<Resource> {
    let object = answer.at(&["registered_model"]);
    let name = object.and_then(|object| object.field("name")).and_then(Json::text);
    let name = name.ok_or_else(|| bad_upstream_response("no registered_model.name in the answer"))?;
    let is_prompt = object.is_some_and(is_prompt);
    let kind = if is_prompt { ResourceType::Prompt } else { ResourceType::RegisteredModel };
    Ok(Resource { kind, id: name.to_owned() })
}

fn model_in(bytes: &[u8]) -> Result<String> {
    let answer = read_json(bytes)?;
    let name = answer.at(&["registered_model", "name"]).and_then(Json::text);
    name.map(str::to_owned).ok_or_else(|| bad_upstream_response("no registered_model.name in the answer"))
}

fn not_looked_at() -> Rejection {
    bad_upstream_response("the grants on the model were not looked at")
}

fn unsettled(message: &str, failure: &Rejection) -> Rejection {
    Rejection::fault(Code::InternalError, message, failure.reason())
}
