//! Scorers, evaluation, issues, review queues, label schemas and prompt optimization (MLflow 3.4 to 3.17).
//! All of it belongs to an experiment. A scorer has no grants of its own here: its experiment decides.
//!
//! Routes that have the server itself ask a model (`scorer/invoke`, `online-config`, `evaluate/invoke`, `issues/invoke`)
//! spend the operator's keys, as the gateway does: for administrators, like the gateway.
//!
//! MLflow 3.17 decides more finely on review queues (their members, their owner). Here it takes EDIT to see
//! one and MANAGE to change it, which is never more than MLflow allows but for a queue that EDIT users list there too.

use super::words::*;

const SCORER_EXPERIMENTS: &[&str] = &["configs", "[]", "experiment_id"];
const SCORERS: ListResponse =
    ListResponse { rows: "scorers", id: "experiment_id", of: RowKind::Experiment, is_paged: false };

const ISSUE: &Field = &field(ValueKind::Child(ChildKind::Issue), Cardinality::One, &["issue_id"]);
const OF_ISSUE: Answer = ByResponse(&["issue", "experiment_id"]);
const SOURCE_RUN: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Optional, &["source_run_id"]);

const SCHEMA: &Field = &field(ValueKind::Child(ChildKind::LabelSchema), Cardinality::One, &["schema_id"]);
const OF_SCHEMA: Answer = ByResponse(&["label_schema", "experiment_id"]);
const ANY_QUEUE: &Field = &every(ResourceType::ReviewQueue);
const QUEUES_IN: &Field = &in_experiment(&[ResourceType::ReviewQueue], Cardinality::One, &["experiment_id"]);
const QUEUE: &Field = &field(ValueKind::Child(ChildKind::ReviewQueue), Cardinality::One, &["queue_id"]);

const JOB: &Field = &field(ValueKind::Child(ChildKind::PromptOptimizationJob), Cardinality::One, &["job_id"]);
const OF_JOB: Answer = ByResponse(&["job", "experiment_id"]);
const JOB_DATASET: &Field = &field(ValueKind::Child(ChildKind::Dataset), Cardinality::Optional, &["config.dataset_id"]);
const JOB_PROMPT: &Field = &field(ValueKind::Source, Cardinality::Optional, &["source_prompt_uri"]);
const JOB_OPTIMIZER: &Field = &field(ValueKind::Gateway, Cardinality::Optional, &["config.optimizer_config_json"]);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/3.0/mlflow/scorers/register",                         All(&[Update(EXPERIMENT)]),                   Json,    AsIs),
    get   ("{api}/3.0/mlflow/scorers/list",                             All(&[Read(EXPERIMENT_IF_ANY), Read(EXPERIMENTS_IF_ANY)]),          FilterRows(SCORERS)),
    get   ("{api}/3.0/mlflow/scorers/get",                              All(&[Read(EXPERIMENT)]),                              AsIs),
    get   ("{api}/3.0/mlflow/scorers/versions",                         All(&[Read(EXPERIMENT)]),                              AsIs),
    delete("{api}/3.0/mlflow/scorers/delete",                           All(&[Delete(EXPERIMENT)]),                   Json,    AsIs),
    put   ("{api}/3.0/mlflow/scorers/online-config",                    Administrator,                                Stream,  AsIs),
    get   ("{api}/3.0/mlflow/scorers/online-configs",                   Authenticated,                                         ByResponse(SCORER_EXPERIMENTS)),
    post  ("{api}/3.0/mlflow/scorer/invoke",                            Administrator,                                Stream,  AsIs),
    post  ("{api}/3.0/mlflow/genai/evaluate/invoke",                    Administrator,                                Stream,  AsIs),

    post  ("{api}/3.0/mlflow/issues",                                   All(&[Update(EXPERIMENT), Read(SOURCE_RUN)]), Json,    AsIs),
    post  ("{api}/3.0/mlflow/issues/search",                            All(&[Read(EXPERIMENT)]),                     Json,    AsIs),
    post  ("{api}/3.0/mlflow/issues/invoke",                            Administrator,                                Stream,  AsIs),
    get   ("{api}/3.0/mlflow/issues/{issue_id}",                        All(&[Read(ISSUE)]),                                   OF_ISSUE),
    patch ("{api}/3.0/mlflow/issues/{issue_id}",                        All(&[Update(ISSUE)]),                        Json,    AsIs),

    post  ("{api}/3.0/mlflow/label-schemas/create",                     All(&[Manage(EXPERIMENT)]),                   Json,    AsIs),
    get   ("{api}/3.0/mlflow/label-schemas/list",                       All(&[Read(EXPERIMENT)]),                              AsIs),
    get   ("{api}/3.0/mlflow/label-schemas/get",                        All(&[Read(SCHEMA)]),                                  OF_SCHEMA),
    get   ("{api}/3.0/mlflow/label-schemas/get-by-name",                All(&[Read(EXPERIMENT)]),                              AsIs),
    patch ("{api}/3.0/mlflow/label-schemas/update",                     All(&[Manage(SCHEMA)]),                       Json,    AsIs),
    delete("{api}/3.0/mlflow/label-schemas/delete",                     All(&[Manage(SCHEMA)]),                       Json,    AsIs),

    post  ("{api}/3.0/mlflow/review-queues/create",                     All(&[Update(EXPERIMENT), NotDenied(ANY_QUEUE)]),                   Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/get-or-create-user",         All(&[Update(EXPERIMENT), NotDenied(ANY_QUEUE)]),                   Json,    AsIs),
    get   ("{api}/3.0/mlflow/review-queues/list",                       All(&[Update(QUEUES_IN)]),                            AsIs),
    get   ("{api}/3.0/mlflow/review-queues/get",                        All(&[Update(QUEUE)]),                                 AsIs),
    get   ("{api}/3.0/mlflow/review-queues/get-by-name",                All(&[Update(QUEUES_IN)]),                            AsIs),
    post  ("{api}/3.0/mlflow/review-queues/update",                     All(&[Manage(QUEUE)]),                        Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/delete",                     All(&[Manage(QUEUE)]),                        Json,    AsIs),
    get   ("{api}/3.0/mlflow/review-queues/items/list",                 All(&[Update(QUEUE)]),                                 AsIs),
    post  ("{api}/3.0/mlflow/review-queues/items/add",                  All(&[Update(QUEUE)]),                        Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/items/set-status",           All(&[Update(QUEUE)]),                        Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/items/remove",               All(&[Manage(QUEUE)]),                        Json,    AsIs),

    post  ("{api}/3.0/mlflow/prompt-optimization/jobs",                 All(&[Update(EXPERIMENT), Read(JOB_DATASET), Read(JOB_PROMPT), Read(JOB_OPTIMIZER)]), Json,    AsIs),
    get   ("{api}/3.0/mlflow/prompt-optimization/jobs/search",          All(&[Read(EXPERIMENT)]),                              AsIs),
    post  ("{api}/3.0/mlflow/prompt-optimization/jobs/search",          All(&[Read(EXPERIMENT)]),                     Json,    AsIs),
    get   ("{api}/3.0/mlflow/prompt-optimization/jobs/{job_id}",        All(&[Read(JOB)]),                                     OF_JOB),
    delete("{api}/3.0/mlflow/prompt-optimization/jobs/{job_id}",        All(&[Delete(JOB)]),                          Json,    AsIs),
    post  ("{api}/3.0/mlflow/prompt-optimization/jobs/{job_id}/cancel", All(&[Update(JOB)]),                          Json,    AsIs),
];
