//! Logged models (MLflow 3). A logged model has the permission of its experiment.

use super::words::*;

const SOURCE_RUN: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Optional, &["source_run_id"]);
const ANY_MODEL: &Field = &every(ResourceType::LoggedModel);
const MODELS_IN: &Field = &in_experiment(&[ResourceType::LoggedModel], Cardinality::Each, &["experiment_ids"]);

const OF_MODEL: &[&str] = &["model", "info", "experiment_id"];
const NEW_MODEL: Answer = RememberParent(ChildKind::LoggedModel, &["model", "info"]);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/2.0/mlflow/logged-models",                                  All(&[Update(EXPERIMENT), NotDenied(ANY_MODEL), Read(SOURCE_RUN)]), Json,    NEW_MODEL),
    post  ("{api}/2.0/mlflow/logged-models/search",                           All(&[Read(MODELS_IN)]),                      Json,    RestrictIds),
    get   ("{api}/2.0/mlflow/logged-models/{model_id}",                       All(&[Read(LOGGED_MODEL)]),                            ByResponse(OF_MODEL)),
    patch ("{api}/2.0/mlflow/logged-models/{model_id}",                       All(&[Update(LOGGED_MODEL)]),                 Json,    AsIs),
    delete("{api}/2.0/mlflow/logged-models/{model_id}",                       All(&[Delete(LOGGED_MODEL)]),                 Json,    AsIs),
    post  ("{api}/2.0/mlflow/logged-models/{model_id}/params",                All(&[Update(LOGGED_MODEL)]),                 Json,    AsIs),
    patch ("{api}/2.0/mlflow/logged-models/{model_id}/tags",                  All(&[Update(LOGGED_MODEL)]),                 Json,    AsIs),
    delete("{api}/2.0/mlflow/logged-models/{model_id}/tags/{tag_key}",        All(&[Delete(LOGGED_MODEL)]),                 Json,    AsIs),
    get   ("{api}/2.0/mlflow/logged-models/{model_id}/artifacts/directories", All(&[Read(LOGGED_MODEL)]),                            AsIs),
    get   ("{api}/2.0/mlflow/logged-models/{model_id}/artifacts/files",       All(&[Read(LOGGED_MODEL)]),                            AsIs),
];
