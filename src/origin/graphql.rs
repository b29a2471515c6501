//! GraphQL: decided as a whole; of the answer, model versions that the caller may not read are left out.

use super::{Origin, collect, parents, rewritten};
use crate::access::{Caller, Capability, Grants, Resource};
use crate::directory::Database;
use crate::error::{Refusal, Result};
use crate::gate::Gate;
use crate::http::{Body, Response};
use crate::request::json::Json;
use crate::request::{Call, Demand, graphql};

const ROWS: &str = "modelVersions";

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Answers a document. If any of its root fields may not be seen, none is, and each is null.
    pub async fn graphql(
        &self,
        mut call: Call<O::Stream>,
        demands: &[Demand],
        caller: &Caller,
        grants: Grants,
    ) -> Result<Response<O::Stream>> {
        let document = graphql::read(call.json()?)?;
        match self.require(demands, caller, grants).await {
            Err(refusal) if refusal.is_denial() => {
                let keys = document.roots.into_iter().map(|root| root.key).collect();
                return Err(Refusal::nulls(keys, refusal.because()));
            }
            decided => decided?,
        }
        let mut response = self.forward(&mut call, Some(caller)).await?;
        if !document.has_model_versions || response.status != 200 {
            return Ok(response);
        }
        let bytes = collect(std::mem::replace(&mut response.body, Body::Empty)).await?;
        let mut answer = parents::read_json(&bytes)?;
        let mut models = Vec::new();
        models_in(&answer, &mut models)?;
        let grants = self.directory.grants(caller.id, &models).await?;
        let default = self.config.default_permission;
        keep_rows(&mut answer, &|model| grants.level(model, default).allows(Capability::Read));
        rewritten(&mut response.headers);
        response.body = Body::Bytes(answer.compact().into_bytes());
        Ok(response)
    }
}

fn model_of(row: &Json) -> Result<Resource> {
    let name = row.get("name").and_then(Json::text);
    name.map(Resource::registered_model).ok_or_else(|| {
        Refusal::invalid("Invalid GraphQL document: 'modelVersions' must be selected with their 'name'.")
    })
}

/// The models of all model versions at any depth.
fn models_in(answer: &Json, models: &mut Vec<Resource>) -> Result<()> {
    match answer {
        Json::Object(entries) => entries.iter().try_for_each(|(key, value)| {
            if key == ROWS {
                for row in value.list().unwrap_or_default() {
                    let model = model_of(row)?;
                    if !models.contains(&model) {
                        models.push(model);
                    }
                }
            }
            models_in(value, models)
        }),
        Json::List(items) => items.iter().try_for_each(|item| models_in(item, models)),
        _ => Ok(()),
    }
}

fn keep_rows(answer: &mut Json, may_read: &impl Fn(&Resource) -> bool) {
    match answer {
        Json::Object(entries) => {
            for (key, value) in entries {
                if let (true, Json::List(rows)) = (key == ROWS, &mut *value) {
                    rows.retain(|row| model_of(row).is_ok_and(|model| may_read(&model)));
                }
                keep_rows(value, may_read);
            }
        }
        Json::List(items) => items.iter_mut().for_each(|item| keep_rows(item, may_read)),
        _ => {}
    }
}
