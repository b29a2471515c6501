//! Reads that are decided by their answer, and searches that are narrowed before they are sent.

use crate::accounts::Database;
use crate::authz::{self, Caller, Capability, Grants};
use crate::error::{Refusal, Result};
use crate::gate::Gate;
use crate::http::{Body, Method, Response};
use crate::json::Json;
use crate::owners as parents;
use crate::request::{Call, Demand, Payload, Subject};
use crate::routes::Part;
use crate::upstream::{Origin, collect, rewritten, tells_nothing, unusable};

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Whether the experiment is still unknown, so that only the answer tells it. A HEAD has no answer to read.
    pub fn is_to_be_judged(&self, call: &Call<O::Stream>, demands: &[Demand]) -> bool {
        call.method != Method::Head && demands.iter().any(|demand| self.known(&demand.subject).is_none())
    }

    /// The answer names the experiments: it is read here and goes out only if the caller may read all of them.
    pub async fn judge(
        &self,
        mut call: Call<O::Stream>,
        demands: &[Demand],
        caller: &Caller,
        path: &[&str],
    ) -> Result<Response<O::Stream>> {
        let mut response = self.forward(&mut call, Some(caller)).await?;
        let by_name = demands.iter().any(|demand| matches!(demand.subject, Subject::ExperimentByName(_)));
        match response.status {
            200 => {}
            404 if !by_name => return Err(Refusal::denied("it does not exist")),
            404 | 429 | 503 => return Ok(response),
            status if demands.is_empty() => {
                let refused = unusable(format!("a list was answered with status {status}"));
                return if tells_nothing(status) { Ok(response) } else { Err(refused) };
            }
            // it may speak of something hidden, and does not say whose that is
            _ => return self.require(demands, caller, Grants::default()).await.map(|()| response),
        }
        let bytes = collect(std::mem::replace(&mut response.body, Body::Empty)).await?;
        let answer = parents::read_json(&bytes)?;
        let experiments = parents::experiments_in(&answer, path)?;
        let grants = self.accounts.grants(caller.id, &experiments).await?;
        for experiment in &experiments {
            authz::decide(caller, &grants, self.config.default_permission, Capability::Read, experiment)?;
        }
        if let ([Demand { subject: Subject::Part(part, id), .. }], [object @ .., "experiment_id"]) = (demands, path)
            && let Some(object) = answer.at(object)
        {
            self.learn(*part, id, object);
        }
        rewritten(&mut response.headers);
        response.body = Body::Bytes(bytes);
        Ok(response)
    }

    /// Forwards, and remembers the experiment of the part that the answer says was made.
    pub async fn forward_and_learn(
        &self,
        mut call: Call<O::Stream>,
        caller: &Caller,
        part: Part,
        object: &[&str],
    ) -> Result<Response<O::Stream>> {
        let mut response = self.forward(&mut call, Some(caller)).await?;
        if response.status != 200 {
            return Ok(response);
        }
        let bytes = collect(std::mem::replace(&mut response.body, Body::Empty)).await?;
        let id = if part == Part::LoggedModel { "model_id" } else { "run_id" };
        if let Ok(answer) = parents::read_json(&bytes)
            && let Some(object) = answer.at(object)
            && let Some(id) = object.field(id).and_then(Json::text)
        {
            self.learn(part, id, object);
        }
        rewritten(&mut response.headers);
        response.body = Body::Bytes(bytes);
        Ok(response)
    }

    /// Leaves only the readable ones in `experiment_ids`; with none left the answer is MLflow's empty one.
    pub async fn narrow(
        &self,
        mut call: Call<O::Stream>,
        demands: &[Demand],
        caller: &Caller,
        grants: &Grants,
    ) -> Result<Response<O::Stream>> {
        let default = self.config.default_permission;
        let readable: Vec<Json> = demands
            .iter()
            .filter_map(|demand| self.known(&demand.subject))
            .filter(|resource| grants.level(resource, default).allows(Capability::Read))
            .map(|resource| Json::Text(resource.id))
            .collect();
        if readable.is_empty() {
            return Ok(Response::new(200, "application/json", "{}"));
        }
        if let Payload::Json(bytes, Ok(json)) = &mut call.payload
            && readable.len() < demands.len()
        {
            json.set("experiment_ids", Json::List(readable));
            *bytes = json.compact().into_bytes();
        }
        self.forward(&mut call, Some(caller)).await
    }
}
