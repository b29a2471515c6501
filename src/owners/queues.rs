//! Review queues belong to their owners and reviewers, who are in the origin's object and change: it is asked each time.

use super::authorizer::Authorizer;
use super::{ID, encoded, experiments_in};
use crate::accounts::Database;
use crate::authz::{Caller, Capability, Grants, Required, ResourceType, may_read, patterns};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::request::{Call, Payload};
use crate::routes::{QueueRule, Route, ValueKind};
use crate::upstream::{Origin, bad_upstream_response};

impl<D: Database, O: Origin> Authorizer<'_, D, O> {
    /// Refuses a caller who has the level for it and yet may not do this with the queue that the request names.
    pub(super) async fn check_queues(
        &self,
        route: &Route,
        call: &Call<O::Stream>,
        caller: &Caller,
        grants: &Grants,
    ) -> Result<()> {
        for access in route.access() {
            let (_, field) = access.parts();
            let ValueKind::Queue(rule) = field.names else { continue };
            for id in call.values(field)? {
                self.check_queue(rule, &id, call, caller, grants).await?;
            }
        }
        Ok(())
    }

    async fn check_queue(
        &self,
        rule: QueueRule,
        id: &str,
        call: &Call<O::Stream>,
        caller: &Caller,
        grants: &Grants,
    ) -> Result<()> {
        let answer = self.owners.ask(format!("/api/3.0/mlflow/review-queues/get?queue_id={}", encoded(id))).await?;
        let answer = answer.ok_or_else(|| Rejection::denied(format!("no review queue '{id}'")))?;
        let queue = answer.field("review_queue").ok_or_else(|| bad_upstream_response("no review queue"))?;
        let needed = match rule {
            QueueRule::Open if has_reviewer(queue, caller) => None,
            QueueRule::Open if is_owner(queue, caller) => Some(Capability::Update),
            QueueRule::Change if is_owner(queue, caller) && !gives_away(call) => None,
            QueueRule::Prune if is_owner(queue, caller) && is_custom(queue) => None,
            QueueRule::Review if has_reviewer(queue, caller) => None,
            QueueRule::Review => return Err(Rejection::denied(format!("no reviewer of the queue '{id}'"))),
            QueueRule::Open | QueueRule::Change | QueueRule::Prune => Some(Capability::Manage),
        };
        let Some(capability) = needed else { return Ok(()) };
        let experiments = experiments_in(queue, ID)?;
        let required: Vec<Required> = experiments
            .iter()
            .flat_map(|experiment| Required::on_children(capability, ResourceType::ReviewQueue, experiment))
            .collect();
        let patterns = patterns(&required);
        let grants = match grants.cover(patterns.iter()) {
            true => grants.clone(),
            false => self.accounts.grants(caller.id, &patterns).await?,
        };
        match may_read(&required, &grants, self.owners.config.policy()) {
            true => Ok(()),
            false => Err(Rejection::denied(format!("neither manager, nor owner or reviewer, of the queue '{id}'"))),
        }
    }
}

/// Returns true if the request gives the queue to another owner.
fn gives_away<S>(call: &Call<S>) -> bool {
    !matches!(&call.payload, Payload::Json(_, Ok(json)) if json.field("new_owner").is_none())
}

/// Returns true if the caller is one of the reviewers of the queue.
pub fn has_reviewer(queue: &Json, caller: &Caller) -> bool {
    let users = queue.field("users").and_then(Json::list).unwrap_or_default();
    users.iter().filter_map(Json::text).any(|user| user == normal(&caller.username))
}

/// Returns true if the caller owns the queue.
pub fn is_owner(queue: &Json, caller: &Caller) -> bool {
    queue.field("created_by").and_then(Json::text).is_some_and(|owner| normal(owner) == normal(&caller.username))
}

fn is_custom(queue: &Json) -> bool {
    queue.field("queue_type").and_then(Json::text) == Some("CUSTOM")
}

/// MLflow keeps the names of reviewers in lower case, and compares those of owners so.
fn normal(name: &str) -> String {
    name.trim().to_lowercase()
}
