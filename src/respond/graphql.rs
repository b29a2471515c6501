//! GraphQL: decided as a whole; of the answer, model versions that the caller may not read are left out.

use crate::accounts::Database;
use crate::authz::{Caller, Capability, Grants, Resource};
use crate::error::{Refusal, Result};
use crate::gate::Gate;
use crate::http::{Body, Response};
use crate::json::Json;
use crate::owners as parents;
use crate::request::{Call, Demand, graphql};
use crate::upstream::{Origin, collect, rewritten, tells_nothing, unusable};

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
        if document.roots.iter().any(|root| root.is_paged) {
            // a page from which rows are removed tells where they were
            return Err(Refusal::invalid(
                "Invalid GraphQL document: 'mlflowSearchModelVersions' takes no 'maxResults' and no 'pageToken' here; \
                 page by model-versions/search.",
            ));
        }
        match self.require(demands, caller, grants).await {
            Err(refusal) if refusal.is_denial() => {
                let keys = document.roots.into_iter().map(|root| root.key).collect();
                return Err(Refusal::nulls(keys, refusal.because()));
            }
            decided => decided?,
        }
        let mut response = self.forward(&mut call, Some(caller)).await?;
        if !document.has_model_versions && document.searches.is_empty() {
            return Ok(response);
        }
        match response.status {
            200 => {}
            status if tells_nothing(status) => return Ok(response),
            status => return Err(unusable(format!("a search was answered with status {status}"))),
        }
        let bytes = collect(std::mem::replace(&mut response.body, Body::Empty)).await?;
        let mut answer = parents::read_json(&bytes)?;
        let mut models = Vec::new();
        models_in(&answer, &mut models)?;
        let grants = self.accounts.grants(caller.id, &models).await?;
        let default = self.config.default_permission;
        keep_rows(&mut answer, &|model| grants.level(model, default).allows(Capability::Read));
        if let Some(data) = answer.get_mut("data") {
            for key in &document.searches {
                data.get_mut(key).into_iter().for_each(drop_tokens);
            }
        }
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

/// Removes MLflow's page token, under whatever alias: it counts the rows that are hidden.
fn drop_tokens(search: &mut Json) {
    let Json::Object(entries) = search else { return };
    for (key, value) in entries {
        if matches!(value, Json::Text(_)) && key != "__typename" {
            *value = Json::Null;
        }
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
