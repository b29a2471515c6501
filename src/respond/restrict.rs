//! Searches that are narrowed to what may be read before they are sent.

use super::{Answered, Responder};
use crate::accounts::Database;
use crate::http::Response;
use crate::json::Json;
use crate::owners::authorizer::Asker;
use crate::request::{Call, Payload};
use crate::upstream::Origin;

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Leaves only the readable ones in `experiment_ids`; with none left the answer is MLflow's empty one.
    pub(super) async fn restrict(&self, mut call: Call<O::Stream>, asker: Asker<'_>) -> Answered<O::Stream> {
        let Asker { caller, grants, targets } = asker;
        self.authorizer.signed_in(&call, caller)?;
        let targets = targets?;
        let named =
            targets.iter().filter_map(|(access, resource)| Some((resource?.clone(), access.requirements(resource?))));
        let (permit, readable) = self.authorizer.readable(&call, named.collect(), caller, &grants)?;
        if readable.is_empty() {
            return Ok(permit.release(Response::new(200, "application/json", "{}")));
        }
        if let Payload::Json(bytes, Ok(json)) = &mut call.payload
            && readable.len() < targets.required().len()
        {
            let ids = readable.into_iter().map(|resource| Json::Text(resource.id)).collect();
            json.set("experiment_ids", Json::List(ids));
            *bytes = json.compact().into_bytes();
        }
        let answer = self.proxy.forward(&permit, &mut call).await?;
        Ok(permit.release(answer))
    }
}
