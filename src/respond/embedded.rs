//! Other resources inside an answer than the one that was asked for: it goes out without those that the caller may not
//! see, and an MCP server with what the caller may do (MLflow 3.17).
//!
//! Each object is gone through twice by the same functions: once to learn what has to be known, which D1 says at once, and
//! once to take out what may not be seen.

use super::{Answered, Responder};
use crate::accounts::Database;
use crate::authz::{self, Caller, Capability, Grants, Permit, Policy, Required, Resource, ResourceType, may_read};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::owners::gateway::scorer_of;
use crate::owners::queues::{has_reviewer, is_owner};
use crate::owners::read_json;
use crate::request::Call;
use crate::routes::Embedding;
use crate::upstream::proxy::Withheld;
use crate::upstream::{Origin, bad_upstream_response};

/// The fields by which a way to an MCP server shows a version of it.
const OF_MCP_VERSION: &[&str] = &["resolved_version", "tools", "server_version", "server_alias"];
/// MLflow's names of what a caller may do to an MCP server.
const ACTIONS: &[(Capability, &str)] = &[
    (Capability::Use, "USE"),
    (Capability::Update, "UPDATE"),
    (Capability::Delete, "DELETE"),
    (Capability::Manage, "MANAGE"),
];

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Forwards, and takes out of the objects under this path what the caller may not see.
    pub(super) async fn redact(
        &self,
        permit: Permit,
        mut call: Call<O::Stream>,
        caller: &Caller,
        path: &[&str],
        embedding: Embedding,
    ) -> Answered<O::Stream> {
        call.method = call.method.decided_as();
        let response = self.proxy.forward(&permit, &mut call).await?;
        if !response.is_success() {
            return Ok(permit.release(response));
        }
        let mut response = Withheld::new(response);
        let bytes = self.redacted(response.read().await?, caller, path, embedding).await?;
        let response = response.release_with(&permit, bytes);
        Ok(permit.release(response))
    }

    /// The answer without what the caller may not see.
    pub(super) async fn redacted(
        &self,
        bytes: Vec<u8>,
        caller: &Caller,
        path: &[&str],
        embedding: Embedding,
    ) -> Result<Vec<u8>> {
        let mut answer = read_json(&bytes)?;
        if !matches!(answer, Json::Object(_)) {
            return Err(bad_upstream_response("an answer that is no object"));
        }
        self.redact_all(&mut under(&mut answer, path), caller, embedding).await?;
        Ok(answer.compact().into_bytes())
    }

    /// Takes out of each object what the caller may not see.
    pub(super) async fn redact_all(
        &self,
        objects: &mut [&mut Json],
        caller: &Caller,
        embedding: Embedding,
    ) -> Result<()> {
        let mut judge = Judge { caller, asked: Vec::new(), known: None, is_refused: false };
        objects.iter_mut().for_each(|object| embedding.hide(object, &mut judge));
        let grants = self.accounts.grants(caller.id, &authz::patterns(&judge.asked)).await?;
        judge = Judge { caller, asked: Vec::new(), known: Some((grants, self.config.policy())), is_refused: false };
        objects.iter_mut().for_each(|object| embedding.hide(object, &mut judge));
        if judge.is_refused {
            return Err(Rejection::denied(format!("user {} may not see what is in the answer", caller.id)));
        }
        Ok(())
    }

    /// The list of models that the gateway has, with those alone that the caller may use.
    pub(super) async fn usable_models(
        &self,
        permit: Permit,
        mut call: Call<O::Stream>,
        caller: &Caller,
    ) -> Answered<O::Stream> {
        call.method = call.method.decided_as();
        let response = self.proxy.forward(&permit, &mut call).await?;
        if !response.is_success() {
            return Ok(permit.release(response));
        }
        let mut response = Withheld::new(response);
        let mut answer = read_json(&response.read().await?)?;
        let Some(Json::List(models)) = answer.get_mut("data") else {
            return Err(bad_upstream_response("no models in the answer"));
        };
        let endpoints = self.owners.endpoints().await?;
        let required = |model: &Json| {
            let endpoint = endpoints.get(model.field("id")?.text()?)?;
            Some(Required::on(Capability::Use, endpoint))
        };
        let all: Vec<Required> = models.iter().filter_map(required).collect();
        let policy = self.config.policy();
        let grants = self.accounts.grants(caller.id, &authz::patterns(&all)).await?;
        models.retain(|model| required(model).is_some_and(|it| may_read(&[it], &grants, policy)));
        let response = response.release_with(&permit, answer.compact().into_bytes());
        Ok(permit.release(response))
    }
}

/// The objects at the end of a path; none where there is nothing.
fn under<'j>(answer: &'j mut Json, path: &[&str]) -> Vec<&'j mut Json> {
    match path {
        [] => vec![answer],
        ["[]", rest @ ..] => match answer {
            Json::List(items) => items.iter_mut().flat_map(|item| under(item, rest)).collect(),
            _ => Vec::new(),
        },
        [name, rest @ ..] => answer.get_mut(name).map_or(Vec::new(), |value| under(value, rest)),
    }
}

/// Answers if something may be seen: at first nobody knows, and all that is asked is written down; then the grants tell.
struct Judge<'a> {
    caller: &'a Caller,
    asked: Vec<Required>,
    known: Option<(Grants, Policy)>,
    /// True if the whole answer is not for the caller.
    is_refused: bool,
}

impl Judge<'_> {
    fn may(&mut self, all: &[Required]) -> bool {
        match &self.known {
            None => {
                self.asked.extend_from_slice(all);
                true
            }
            Some((grants, policy)) => may_read(all, grants, *policy),
        }
    }

    /// Returns true unless it is denied.
    fn is_not_denied(&mut self, kind: ResourceType, id: &str) -> bool {
        self.may(&[Required::on(Capability::NotDenied, &Resource { kind, id: id.to_owned() })])
    }
}

impl Embedding {
    /// Takes out of an object what may not be seen.
    fn hide(self, object: &mut Json, judge: &mut Judge<'_>) {
        match self {
            Self::GatewayEndpoint => {
                under(object, &["model_mappings", "[]"]).into_iter().for_each(|it| hide_in_mapping(it, judge));
            }
            Self::ModelMapping => hide_in_mapping(object, judge),
            Self::ModelDefinition => hide_in_definition(object, judge),
            Self::GuardrailConfig => hide_in_guardrail(object, judge),
            Self::SecretsConfig => object.remove("using_default_passphrase"),
            Self::McpServer => describe_mcp_server(object, judge),
            Self::ReviewQueue => judge.is_refused |= !may_open(object.field("review_queue"), judge),
            Self::ReviewQueues => keep_reviewed(object, judge),
        }
    }
}

fn text(object: &Json, path: &[&str]) -> Option<String> {
    object.at(path).and_then(Json::text).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn hide_in_mapping(mapping: &mut Json, judge: &mut Judge<'_>) {
    let definition =
        text(mapping, &["model_definition_id"]).or_else(|| text(mapping, &["model_definition", "model_definition_id"]));
    if definition.is_none_or(|id| !judge.is_not_denied(ResourceType::GatewayModelDefinition, &id)) {
        mapping.remove("model_definition");
        mapping.remove("model_definition_id");
    }
    under(mapping, &["model_definition"]).into_iter().for_each(|it| hide_in_definition(it, judge));
}

fn hide_in_definition(definition: &mut Json, judge: &mut Judge<'_>) {
    let secret = text(definition, &["secret_id"]);
    if secret.is_none_or(|id| !judge.is_not_denied(ResourceType::GatewaySecret, &id)) {
        definition.remove("secret_id");
        definition.remove("secret_name");
    }
}

/// A review queue is opened by who manages it, by its reviewers, and by its owner who may edit.
fn may_open(queue: Option<&Json>, judge: &mut Judge<'_>) -> bool {
    let Some(queue) = queue else { return false };
    let (manages, edits) =
        (may_to_queue(Capability::Manage, queue, judge), may_to_queue(Capability::Update, queue, judge));
    manages || has_reviewer(queue, judge.caller) || (edits && is_owner(queue, judge.caller))
}

/// Whoever may edit is shown all review queues of the experiment, and others those on which they review.
fn keep_reviewed(answer: &mut Json, judge: &mut Judge<'_>) {
    if let Some(Json::List(queues)) = answer.get_mut("review_queues") {
        queues.retain(|queue| may_to_queue(Capability::Update, queue, judge) || has_reviewer(queue, judge.caller));
    }
}

fn may_to_queue(capability: Capability, queue: &Json, judge: &mut Judge<'_>) -> bool {
    let Some(experiment) = text(queue, &["experiment_id"]).and_then(|id| Resource::experiment(&id).ok()) else {
        return false;
    };
    judge.may(&Required::on_children(capability, ResourceType::ReviewQueue, &experiment))
}

/// The scorer stands there with its whole text. One that does not say whose it is goes.
fn hide_in_guardrail(config: &mut Json, judge: &mut Judge<'_>) {
    for guardrail in under(config, &["guardrail"]) {
        let Some(scorer) = guardrail.field("scorer") else { continue };
        let required = scorer_of(scorer).map(|(experiment, scorer)| to_see_scorer(&experiment, &scorer));
        if required.is_none_or(|all| !judge.may(&all)) {
            guardrail.remove("scorer");
        }
    }
}

/// The requirements to see a version of a scorer in a list.
pub(super) fn to_see_scorer(experiment: &Resource, scorer: &Resource) -> Vec<Required> {
    let versions = Resource::every(ResourceType::ScorerVersion);
    let see = |it| Required::on(Capability::Read, it);
    vec![see(experiment), see(scorer), Required::on(Capability::NotDenied, &versions)]
}

fn describe_mcp_server(server: &mut Json, judge: &mut Judge<'_>) {
    let Some(name) = text(server, &["name"]) else { return hide_mcp_versions(server) };
    let it = Resource { kind: ResourceType::McpServer, id: name };
    let may = ACTIONS.iter().filter(|(capability, _)| judge.may(&[Required::on(*capability, &it)]));
    let actions = may.map(|(_, action)| Json::Text((*action).to_owned())).collect();
    server.set("allowed_actions", Json::List(actions));
    let versions = Required::on_children(Capability::NotDenied, ResourceType::McpServerVersion, &it);
    if !judge.may(&versions) {
        hide_mcp_versions(server);
    }
}

fn hide_mcp_versions(server: &mut Json) {
    for way in under(server, &["access_endpoints", "[]"]) {
        let shown = OF_MCP_VERSION.iter().filter(|name| way.get(name).is_some()).copied().collect::<Vec<_>>();
        shown.into_iter().for_each(|name| way.set(name, Json::Null));
    }
}
