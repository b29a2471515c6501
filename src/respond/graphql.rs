//! GraphQL: decided as a whole; of the answer, model versions that the caller may not read are left out.

use std::collections::BTreeSet;

use super::{Answered, Responder};
use crate::accounts::Database;
use crate::authz::{self, Capability, Required, Resource, ResourceType, may_read};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::owners::authorizer::Asker;
use crate::owners::read_json;
use crate::request::Call;
use crate::routes::Route;
use crate::upstream::Origin;
use crate::upstream::proxy::Withheld;

const ROWS: &str = "modelVersions";

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Answers a document. If any of its root fields may not be seen, none is, and each is null.
    pub(super) async fn graphql(
        &self,
        route: &Route,
        mut call: Call<O::Stream>,
        asker: Asker<'_>,
    ) -> Answered<O::Stream> {
        let caller = asker.caller;
        let document = call.document()?;
        if document.roots.iter().any(|root| root.is_paged) {
            // a page from which rows are removed tells where they were
            return Err(Rejection::invalid(
                "Invalid GraphQL document: 'mlflowSearchModelVersions' takes no 'maxResults' and no 'pageToken' here; \
                 page by model-versions/search.",
            ));
        }
        let permit = match self.authorizer.permit(route, &call, asker).await {
            Err(rejection) if rejection.is_denial() => {
                let keys = call.document()?.roots.iter().map(|root| root.key.clone()).collect();
                return Err(Rejection::nulls(keys, rejection.reason()));
            }
            decided => decided?,
        };
        let answer = self.proxy.forward(&permit, &mut call).await?;
        let document = call.document()?;
        if !document.has_model_versions && document.searches.is_empty() {
            return Ok(permit.release(answer));
        }
        let mut answer = Withheld::new(answer);
        if answer.status() != 200 {
            return Ok(permit.release(answer.into_rejection("a search")?));
        }
        let mut object = read_json(&answer.read().await?)?;
        let mut models = BTreeSet::new();
        models_in(&object, &mut models)?;
        let required: Vec<Required> = models.iter().flat_map(to_see_a_version).collect();
        let grants = self.accounts.grants(caller.id, &authz::patterns(&required)).await?;
        let policy = self.config.policy();
        keep_rows(&mut object, &|model| may_read(&to_see_a_version(model), &grants, policy));
        if let Some(data) = object.get_mut("data") {
            for key in &document.searches {
                data.get_mut(key).into_iter().for_each(drop_tokens);
            }
        }
        let answer = answer.release_with(&permit, object.compact().into_bytes());
        Ok(permit.release(answer))
    }
}

/// The requirements on a version of which the answer does not tell if it is one of a model or of a prompt: those of both.
fn to_see_a_version(model: &Resource) -> Vec<Required> {
    let prompt = Resource { kind: ResourceType::Prompt, id: model.id.clone() };
    let read = |container| Required::on_children(Capability::Read, ResourceType::RegisteredModelVersion, container);
    [read(model), read(&prompt)].concat()
}

fn model_of(row: &Json) -> Result<Resource> {
    let name = row.get("name").and_then(Json::text);
    name.map(Resource::registered_model).ok_or_else(|| {
        Rejection::invalid("Invalid GraphQL document: 'modelVersions' must be selected with their 'name'.")
    })
}

/// The models of all model versions at any depth.
fn models_in(answer: &Json, models: &mut BTreeSet<Resource>) -> Result<()> {
    match answer {
        Json::Object(entries) => entries.iter().try_for_each(|(key, value)| {
            if key == ROWS {
                for row in value.list().unwrap_or_default() {
                    models.insert(model_of(row)?);
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
