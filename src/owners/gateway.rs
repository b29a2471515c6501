//! Endpoints of the AI gateway are called by their names, and granted by their ids; the origin knows which is which. Names
//! are changed and given again: nothing of this is remembered.

use std::collections::BTreeMap;

use super::{Owners, encoded};
use crate::authz::{EVERY, Resource, ResourceType};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::upstream::{Origin, bad_upstream_response};

const ENDPOINTS: &str = "/api/3.0/mlflow/gateway/endpoints";

impl<O: Origin> Owners<'_, O> {
    /// The endpoint of a name. One that does not exist, as on an origin that has no gateway, is refused like one that is
    /// forbidden.
    pub async fn endpoint_by_name(&self, name: &str) -> Result<Resource> {
        let answer = self.ask(format!("{ENDPOINTS}/get?name={}", encoded(name))).await?;
        let answer = answer.ok_or_else(|| Rejection::denied(format!("no endpoint '{name}'")))?;
        match answer.field("endpoint").and_then(endpoint) {
            Some((found, endpoint)) if found == name => Ok(endpoint),
            _ => Err(bad_upstream_response("another endpoint than the one that was asked for")),
        }
    }

    /// Every endpoint, by its name.
    pub async fn endpoints(&self) -> Result<BTreeMap<String, Resource>> {
        let answer = self.ask(format!("{ENDPOINTS}/list")).await?;
        let answer = answer.ok_or_else(|| bad_upstream_response("endpoints that cannot be listed"))?;
        let rows = answer.field("endpoints").and_then(Json::list).unwrap_or_default();
        Ok(rows.iter().filter_map(endpoint).collect())
    }

    /// The scorer that a guardrail asks. What the gate cannot find out is refused.
    pub(super) async fn scorer_of_guardrail(&self, id: &str) -> Result<Resource> {
        let answer = self.ask(format!("/api/3.0/mlflow/gateway/guardrails/get?guardrail_id={}", encoded(id))).await?;
        let answer = answer.ok_or_else(|| Rejection::denied(format!("no guardrail '{id}'")))?;
        let scorer = answer.at(&["guardrail", "scorer"]);
        let found = scorer.and_then(scorer_of).map(|(_, scorer)| scorer);
        found.ok_or_else(|| bad_upstream_response("a guardrail without a scorer"))
    }
}

/// The name of an endpoint, and the endpoint.
fn endpoint(object: &Json) -> Option<(String, Resource)> {
    let text = |name: &str| object.field(name).and_then(Json::text).filter(|text| *text != EVERY);
    let (name, id) = (text("name")?.to_owned(), text("endpoint_id")?.to_owned());
    Some((name, Resource { kind: ResourceType::GatewayEndpoint, id }))
}

/// The experiment and the scorer of a version of a scorer, which has its experiment as a number.
pub fn scorer_of(version: &Json) -> Option<(Resource, Resource)> {
    let experiment = match version.field("experiment_id")? {
        Json::Text(id) | Json::Number(id) => Resource::experiment(id).ok()?,
        _ => return None,
    };
    let scorer = Resource::scorer(&experiment, version.field("scorer_name")?.text()?);
    Some((experiment, scorer))
}
