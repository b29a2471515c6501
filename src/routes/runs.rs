//! Runs, metrics, parameters, tags, inputs and outputs. A run has the permission of its experiment.
//!
//! A logged model that a request also names (`model_id`) may belong to another experiment: both are needed.

use super::words::*;

const RUNS: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Each, &["run_ids"]);
const RUNS_REPEATED: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Each, &["run_id"]);
const MODELS_OF_METRICS: &Field =
    &field(ValueKind::Child(ChildKind::LoggedModel), Cardinality::EachOptional, &["metrics[].model_id"]);
const MODELS: &Field =
    &field(ValueKind::Child(ChildKind::LoggedModel), Cardinality::EachOptional, &["models[].model_id"]);

const ANY_RUN: &Field = &every(ResourceType::Run);
const RUNS_IN: &Field = &in_experiment(&[ResourceType::Run], Cardinality::Each, &["experiment_ids"]);

const OF_RUN: &[&str] = &["run", "info", "experiment_id"];
const NEW_RUN: Answer = RememberParent(ChildKind::Run, &["run", "info"]);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post("{api}/2.0/mlflow/runs/create",                       All(&[Update(EXPERIMENT), NotDenied(ANY_RUN)]),   Json,    NEW_RUN),
    post("{api}/2.0/mlflow/runs/create-promptlab-run",         All(&[Update(EXPERIMENT), NotDenied(ANY_RUN)]),   Json,    AsIs),
    post("{api}/2.0/mlflow/runs/search",                       All(&[Read(RUNS_IN)]),                            Json,    RestrictIds),
    get ("{api}/2.0/mlflow/runs/get",                          All(&[Read(RUN)]),                                         ByResponse(OF_RUN)),
    post("{api}/2.0/mlflow/runs/update",                       All(&[Update(RUN)]),                              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/delete",                       All(&[Delete(RUN)]),                              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/restore",                      All(&[Delete(RUN)]),                              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/log-metric",                   All(&[Update(RUN), Update(LOGGED_MODEL_IF_ANY)]), Json,    AsIs),
    post("{api}/2.0/mlflow/runs/log-parameter",                All(&[Update(RUN)]),                              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/log-batch",                    All(&[Update(RUN), Update(MODELS_OF_METRICS)]),   Json,    AsIs),
    post("{api}/2.0/mlflow/runs/log-model",                    All(&[Update(RUN)]),                              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/log-inputs",                   All(&[Update(RUN), Update(MODELS)]),              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/outputs",                      All(&[Update(RUN), Update(MODELS)]),              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/set-tag",                      All(&[Update(RUN)]),                              Json,    AsIs),
    post("{api}/2.0/mlflow/runs/delete-tag",                   All(&[Update(RUN)]),                              Json,    AsIs),
    get ("{api}/2.0/mlflow/metrics/get-history",               All(&[Read(RUN)]),                                         AsIs),
    get ("{api}/2.0/mlflow/metrics/get-history-bulk",          All(&[Read(RUNS_REPEATED)]),                               AsIs),
    get ("{api}/2.0/mlflow/metrics/get-history-bulk-interval", All(&[Read(RUNS)]),                                        AsIs),
];
