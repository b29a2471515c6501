//! The model registry: registered models, versions, aliases, tags, stages. A prompt is a registered model.
//!
//! A version copies from where its source points, so that this has to be readable too
//! (GHSA-442c-p479-46xg: MLflow let a version point into any experiment).
//!
//! What is said of a model says its latest versions too. MLflow 3.17 takes them out for those to whom versions are denied;
//! here such a model is refused, and is in no search.

use super::words::*;

const SOURCE: &Field = &field(ValueKind::Source, Cardinality::Optional, &["source"]);
const OF_RUN: &Field = &field(ValueKind::LineageRun, Cardinality::Optional, &["run_id"]);
const NEW_NAME: &Field = &field(ValueKind::NewModelName, Cardinality::Optional, &["name"]);
const NEXT_NAME: &Field = &field(ValueKind::NextModelName, Cardinality::Optional, &["new_name"]);
const TAG: &Field = &field(ValueKind::ModelTag, Cardinality::Optional, &["key"]);

const MODEL_ROW: ListResponse =
    ListResponse { rows: "registered_models", id: "name", of: RowKind::RegisteredModel, is_paged: true };
const VERSION_ROW: ListResponse =
    ListResponse { rows: "model_versions", id: "name", of: RowKind::ModelVersion, is_paged: true };

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/2.0/mlflow/registered-models/create",              All(&[NotDenied(NEW_NAME)]),               Json,    Effect(GrantEffect::ModelCreated)),
    get   ("{api}/2.0/mlflow/registered-models/search",              Authenticated,                                   FilterRows(MODEL_ROW)),
    get   ("{api}/2.0/mlflow/registered-models/get",                 All(&[Read(VERSION)]),                             AsIs),
    get   ("{api}/2.0/mlflow/registered-models/get-latest-versions", All(&[Read(VERSION)]),                             AsIs),
    post  ("{api}/2.0/mlflow/registered-models/get-latest-versions", All(&[Read(VERSION)]),                    Json,    AsIs),
    patch ("{api}/2.0/mlflow/registered-models/update",              All(&[Update(MODEL), Read(VERSION)]),                  Json,    AsIs),
    post  ("{api}/2.0/mlflow/registered-models/rename",              All(&[Update(MODEL), Read(VERSION), Update(NEXT_NAME)]), Json,    Effect(GrantEffect::ModelRenamed)),
    delete("{api}/2.0/mlflow/registered-models/delete",              All(&[Delete(MODEL), Delete(VERSION)]),                  Json,    Effect(GrantEffect::ModelDeleted)),
    post  ("{api}/2.0/mlflow/registered-models/set-tag",             All(&[Update(MODEL), Update(TAG)]),                  Json,    AsIs),
    delete("{api}/2.0/mlflow/registered-models/delete-tag",          All(&[Update(MODEL), Update(TAG)]),                  Json,    AsIs),
    get   ("{api}/2.0/mlflow/registered-models/alias",               All(&[Read(VERSION)]),                             AsIs),
    post  ("{api}/2.0/mlflow/registered-models/alias",               All(&[Update(MODEL), Read(VERSION)]),                  Json,    AsIs),
    delete("{api}/2.0/mlflow/registered-models/alias",               All(&[Delete(MODEL), Read(VERSION)]),                  Json,    AsIs),
    post  ("{api}/2.0/mlflow/model-versions/create",                 All(&[Update(MODEL), NotDenied(VERSION), Read(OF_RUN), Read(LOGGED_MODEL_IF_ANY), Read(SOURCE)]), Json,    AsIs),
    get   ("{api}/2.0/mlflow/model-versions/search",                 Authenticated,                                   FilterRows(VERSION_ROW)),
    get   ("{api}/2.0/mlflow/model-versions/get",                    All(&[Read(VERSION)]),                             AsIs),
    get   ("{api}/2.0/mlflow/model-versions/get-download-uri",       All(&[Read(VERSION)]),                             AsIs),
    patch ("{api}/2.0/mlflow/model-versions/update",                 All(&[Update(VERSION)]),                  Json,    AsIs),
    post  ("{api}/2.0/mlflow/model-versions/transition-stage",       All(&[Update(VERSION)]),                  Json,    AsIs),
    post  ("{api}/2.0/mlflow/model-versions/set-tag",                All(&[Update(VERSION)]),                  Json,    AsIs),
    delete("{api}/2.0/mlflow/model-versions/delete-tag",             All(&[Delete(VERSION)]),                  Json,    AsIs),
    delete("{api}/2.0/mlflow/model-versions/delete",                 All(&[Delete(VERSION)]),                  Json,    AsIs),
    get   ("/model-versions/get-artifact",                           All(&[Read(VERSION)]),                             AsIs),
];
