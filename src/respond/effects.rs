//! Grants that follow from an answer of the origin.

use std::cell::Cell;

use super::{Answered, Responder};
use crate::accounts::Database;
use crate::accounts::renamed::{OfRole, Standing};
use crate::authz::{Caller, EVERY, Permit, Resource, ResourceType};
use crate::error::{Code, Rejection, Result};
use crate::http::{Method, Response};
use crate::json::Json;
use crate::mlflow::prompt::is_prompt;
use crate::owners::{experiments_in, read_json};
use crate::request::path::{encode, percent_decode};
use crate::request::{Call, Payload};
use crate::routes::{Embedding, GrantEffect};
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
        let subject = Subject::of(call, effect)?;
        let before = match effect {
            GrantEffect::ModelDeleted => Some(self.accounts.standing(&subject.name, &subject.name).await?),
            GrantEffect::ModelRenamed => Some(self.may_be_renamed(&subject).await?),
            GrantEffect::ExperimentCreated | GrantEffect::ModelCreated | GrantEffect::Created(_) => None,
            GrantEffect::ScorerRegistered | GrantEffect::ScorerDeleted | GrantEffect::Deleted(_) => None,
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
                let rename = async || self.accounts.rename(&before, &subject.name, &new, is_tried.replace(true)).await;
                retry(rename).await.map_err(|failure| unsettled(&said, &failure))?;
            }
            GrantEffect::ModelDeleted => {
                let before = before.ok_or_else(not_looked_at)?;
                let said = format!("The model '{}' was deleted, but grants on it remain.", subject.name);
                let forget = async || self.accounts.forget(&before, &subject.name).await;
                retry(forget).await.map_err(|failure| unsettled(&said, &failure))?;
            }
            GrantEffect::Created(kind) => {
                let made = made(&read_json(&bytes)?, kind)?;
                self.grant_manage_or_undo(caller, &made).await?;
            }
            // A further version does not make a scorer one's own, whoever may write into its experiment. MLflow counts from 1
            // again if all versions were deleted one by one; its manager, and those who are shut out, stay then.
            GrantEffect::ScorerRegistered if !is_first_version(&read_json(&bytes)?) => {}
            GrantEffect::ScorerRegistered => {
                if let Some(scorer) = &subject.resource {
                    let grant = async || self.accounts.grant_manage_if_unclaimed(caller.id, scorer).await;
                    self.or_undo(caller, scorer, grant).await?;
                }
            }
            GrantEffect::Deleted(_) | GrantEffect::ScorerDeleted => {
                if let Some(gone) = &subject.resource {
                    self.forget(gone).await?;
                }
            }
        }
        let is_endpoint = effect == GrantEffect::Created(ResourceType::GatewayEndpoint);
        let bytes = match is_endpoint && !caller.is_admin {
            true => self.redacted(bytes, caller, &["endpoint"], Embedding::GatewayEndpoint).await?,
            false => bytes,
        };
        Ok(response.release_with(permit, bytes))
    }

    /// Looks at the grants on a model that is to be renamed. Where a role names it, or the next name, the role would come
    /// to speak of another model, or of none: so an administrator has to change the role first (as in MLflow 3.18).
    async fn may_be_renamed(&self, subject: &Subject) -> Result<Standing> {
        let Subject { name, next_name: next, .. } = subject;
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

    /// Everybody's grants on what is no more go.
    async fn forget(&self, gone: &Resource) -> Result<()> {
        let said = format!("The {} '{}' was deleted, but grants on it remain.", gone.kind.as_str(), gone.id);
        let forget = async || self.accounts.delete_grants(gone).await;
        retry(forget).await.map_err(|failure| unsettled(&said, &failure))
    }

    /// MANAGE for the creator. If it cannot be recorded the resource would be as open as the default permission says
    /// and nobody's: it is deleted again, and the answer says what happened.
    async fn grant_manage_or_undo(&self, caller: &Caller, resource: &Resource) -> Result<()> {
        self.or_undo(caller, resource, async || self.accounts.grant_manage(caller.id, resource).await).await
    }

    async fn or_undo(&self, caller: &Caller, resource: &Resource, grant: impl AsyncFn() -> Result<()>) -> Result<()> {
        let Err(failure) = retry(grant).await else { return Ok(()) };
        let (method, target, object) = undoing(resource);
        let undone = self.proxy.ask(method, target, object, Some(&caller.username)).await;
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

/// The subject of a request with an effect, as far as the request says so.
struct Subject {
    /// The name of the model.
    name: String,
    /// The name that it is to have.
    next_name: String,
    /// The resource whose grants are made or taken back.
    resource: Option<Resource>,
}

impl Subject {
    fn of<S>(call: &Call<S>, effect: GrantEffect) -> Result<Self> {
        let of_type = |kind, parameter: &str| {
            let id = call.optional(parameter)?.filter(|id| id != EVERY);
            Ok::<_, Rejection>(id.map(|id| Resource { kind, id }))
        };
        let scorer = || call.optional("name")?.map(|name| call.scorer(&name)).transpose();
        let resource = match effect {
            GrantEffect::ScorerRegistered => scorer()?,
            GrantEffect::ScorerDeleted if call.optional("version")?.is_some() => None,
            GrantEffect::ScorerDeleted => scorer()?,
            GrantEffect::Deleted(ResourceType::McpServer) => {
                call.optional("mcp_namespace")?.map(|namespace| call.mcp_server(&namespace)).transpose()?
            }
            GrantEffect::Deleted(kind) => id_of(kind).map_or(Ok(None), |(_, key)| of_type(kind, key))?,
            GrantEffect::ExperimentCreated | GrantEffect::ModelCreated | GrantEffect::Created(_) => None,
            GrantEffect::ModelRenamed | GrantEffect::ModelDeleted => None,
        };
        let text = |name: &str| match &call.payload {
            Payload::Json(_, Ok(json)) => json.field(name).and_then(Json::text),
            _ => None,
        };
        let name = text("name").unwrap_or_default();
        let next_name = text("new_name").unwrap_or(name).to_owned();
        Ok(Self { name: name.to_owned(), next_name, resource })
    }
}

/// Where an answer holds a resource that was made, and the key of its id, which is also that of a request to delete it.
fn id_of(kind: ResourceType) -> Option<(&'static [&'static str], &'static str)> {
    match kind {
        ResourceType::GatewaySecret => Some((&["secret"], "secret_id")),
        ResourceType::GatewayEndpoint => Some((&["endpoint"], "endpoint_id")),
        ResourceType::GatewayModelDefinition => Some((&["model_definition"], "model_definition_id")),
        ResourceType::McpServer => Some((&[], "name")),
        _ => None,
    }
}

/// The resource that the origin says it has made.
fn made(answer: &Json, kind: ResourceType) -> Result<Resource> {
    let id = id_of(kind).and_then(|(path, key)| answer.at(path)?.field(key)?.text());
    let id = id.filter(|id| !id.is_empty() && *id != EVERY);
    let id = id.ok_or_else(|| bad_upstream_response(format!("no id of a {} in the answer", kind.as_str())))?;
    Ok(Resource { kind, id: id.to_owned() })
}

/// Returns true if a scorer was registered for the first time.
fn is_first_version(answer: &Json) -> bool {
    matches!(answer.field("version"), Some(Json::Number(version)) if version == "1")
}

/// The request that takes back what was made.
fn undoing(resource: &Resource) -> (Method, String, Option<Json>) {
    let with = |fields: &[(&str, &str)]| {
        let mut object = Json::Object(Vec::new());
        fields.iter().for_each(|(key, value)| object.set(key, Json::Text((*value).to_owned())));
        Some(object)
    };
    let id = resource.id.as_str();
    let gateway = |family: &str| format!("/api/3.0/mlflow/gateway/{family}/delete");
    match resource.kind {
        ResourceType::Experiment => {
            (Method::Post, "/api/2.0/mlflow/experiments/delete".to_owned(), with(&[("experiment_id", id)]))
        }
        ResourceType::GatewaySecret => (Method::Delete, gateway("secrets"), with(&[("secret_id", id)])),
        ResourceType::GatewayEndpoint => (Method::Delete, gateway("endpoints"), with(&[("endpoint_id", id)])),
        ResourceType::GatewayModelDefinition => {
            (Method::Delete, gateway("model-definitions"), with(&[("model_definition_id", id)]))
        }
        ResourceType::McpServer => (Method::Delete, format!("/api/3.0/mlflow/mcp-servers/{}", encode(id)), None),
        ResourceType::Scorer => {
            let (experiment, name) = id.split_once('/').unwrap_or_default();
            let name = percent_decode(name, false).unwrap_or_default();
            let fields = with(&[("experiment_id", experiment), ("name", &name)]);
            (Method::Delete, "/api/3.0/mlflow/scorers/delete".to_owned(), fields)
        }
        _ => (Method::Delete, "/api/2.0/mlflow/registered-models/delete".to_owned(), with(&[("name", id)])),
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
