//! Runs, metrics, parameters, tags, inputs and outputs. A run has the permission of its experiment.
//!
//! A logged model that a request also names (`model_id`) may belong to another experiment: both are needed.

use super::words::*;

const RUNS: &Field = &field(Names::Part(Part::Run), Count::Each, &["run_ids"]);
const RUNS_REPEATED: &Field = &field(Names::Part(Part::Run), Count::Each, &["run_id"]);
const MODELS_OF_METRICS: &Field = &field(Names::Part(Part::LoggedModel), Count::EachOptional, &["metrics[].model_id"]);
const MODELS: &Field = &field(Names::Part(Part::LoggedModel), Count::EachOptional, &["models[].model_id"]);

const OF_RUN: &[&str] = &["run", "info", "experiment_id"];
const NEW_RUN: Then = Learn(Part::Run, &["run", "info"]);

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    post("{api}/2.0/mlflow/runs/create",                         All(&[Update(EXPERIMENT)]),                            NEW_RUN),
    post("{api}/2.0/mlflow/runs/create-promptlab-run",           All(&[Update(EXPERIMENT)]),                            Forward),
    post("{api}/2.0/mlflow/runs/search",                         All(&[Read(EXPERIMENTS)]),                             Narrow),
    get ("{api}/2.0/mlflow/runs/get",                            All(&[Read(RUN)]),                                     Judge(OF_RUN)),
    post("{api}/2.0/mlflow/runs/update",                         All(&[Update(RUN)]),                                   Forward),
    post("{api}/2.0/mlflow/runs/delete",                         All(&[Delete(RUN)]),                                   Forward),
    post("{api}/2.0/mlflow/runs/restore",                        All(&[Delete(RUN)]),                                   Forward),
    post("{api}/2.0/mlflow/runs/log-metric",                     All(&[Update(RUN), Update(LOGGED_MODEL_IF_ANY)]), Forward),
    post("{api}/2.0/mlflow/runs/log-parameter",                  All(&[Update(RUN)]),                                   Forward),
    post("{api}/2.0/mlflow/runs/log-batch",                      All(&[Update(RUN), Update(MODELS_OF_METRICS)]),   Forward),
    post("{api}/2.0/mlflow/runs/log-model",                      All(&[Update(RUN)]),                                   Forward),
    post("{api}/2.0/mlflow/runs/log-inputs",                     All(&[Update(RUN), Update(MODELS)]),              Forward),
    post("{api}/2.0/mlflow/runs/outputs",                        All(&[Update(RUN), Update(MODELS)]),              Forward),
    post("{api}/2.0/mlflow/runs/set-tag",                        All(&[Update(RUN)]),                                   Forward),
    post("{api}/2.0/mlflow/runs/delete-tag",                     All(&[Update(RUN)]),                                   Forward),
    get ("{api}/2.0/mlflow/metrics/get-history",                 All(&[Read(RUN)]),                                     Forward),
    get ("{api}/2.0/mlflow/metrics/get-history-bulk",            All(&[Read(RUNS_REPEATED)]),                           Forward),
    get ("{api}/2.0/mlflow/metrics/get-history-bulk-interval",   All(&[Read(RUNS)]),                                    Forward),
];
