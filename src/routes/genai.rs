//! Scorers, evaluation, issues, review queues, label schemas and prompt optimization (MLflow 3.4 to 3.17).
//! All of it belongs to an experiment. A scorer has grants of its own; the experiment is asked as well, to see it and to
//! delete it, which MLflow does not do.
//!
//! Routes that have the server itself ask a model (`scorer/invoke`, `online-config`, `evaluate/invoke`, `issues/invoke`)
//! spend the operator's keys, as the gateway does: for administrators, like the gateway.
//!
//! A review queue belongs to its owner and to its reviewers, beside those who manage it (`QueueRule`). A list of
//! them shows all to who may edit, and to others those on which they review.

use super::words::*;

const SCORER_EXPERIMENTS: &[&str] = &["configs", "[]", "experiment_id"];
const SCORERS: ListResponse =
    ListResponse { rows: "scorers", id: "experiment_id", of: RowKind::Scorer, is_paged: false };
const SCORER: &Field = &field(ValueKind::Scorer, Cardinality::One, &["name"]);
/// The scorer, unless the request names a version of it.
const WHOLE_SCORER: &Field = &field(ValueKind::WholeScorer, Cardinality::One, &["name"]);
const SCORER_VERSIONS: &Field = &field(ValueKind::ScorerVersions, Cardinality::One, &["name"]);
const ANY_SCORER_VERSION: &Field = &every(ResourceType::ScorerVersion);

const ISSUE: &Field = &field(ValueKind::Child(ChildKind::Issue), Cardinality::One, &["issue_id"]);
const OF_ISSUE: Answer = ByResponse(&["issue", "experiment_id"]);
const SOURCE_RUN: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Optional, &["source_run_id"]);

const SCHEMA: &Field = &field(ValueKind::Child(ChildKind::LabelSchema), Cardinality::One, &["schema_id"]);
const OF_SCHEMA: Answer = ByResponse(&["label_schema", "experiment_id"]);
const ANY_QUEUE: &Field = &every(ResourceType::ReviewQueue);
const QUEUES_IN: &Field = &in_experiment(&[ResourceType::ReviewQueue], Cardinality::One, &["experiment_id"]);
const QUEUES: Answer = Redact(&[], Embedding::ReviewQueues);
const OF_QUEUE: Answer = Redact(&[], Embedding::ReviewQueue);
const TO_OPEN: &Field = &queue(QueueRule::Open);
const TO_CHANGE: &Field = &queue(QueueRule::Change);
const TO_PRUNE: &Field = &queue(QueueRule::Prune);
const TO_REVIEW: &Field = &queue(QueueRule::Review);
const QUEUE: &Field = &field(ValueKind::Child(ChildKind::ReviewQueue), Cardinality::One, &["queue_id"]);

const JOB: &Field = &field(ValueKind::Child(ChildKind::PromptOptimizationJob), Cardinality::One, &["job_id"]);
const OF_JOB: Answer = ByResponse(&["job", "experiment_id"]);
const JOB_DATASET: &Field = &field(ValueKind::Child(ChildKind::Dataset), Cardinality::Optional, &["config.dataset_id"]);
const JOB_PROMPT: &Field = &field(ValueKind::Source, Cardinality::Optional, &["source_prompt_uri"]);
const JOB_OPTIMIZER: &Field = &field(ValueKind::Optimizer, Cardinality::Optional, &["config.optimizer_config_json"]);

const fn queue(rule: QueueRule) -> Field {
    field(ValueKind::Queue(rule), Cardinality::One, &["queue_id"])
}

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/3.0/mlflow/scorers/register",                         All(&[Update(EXPERIMENT), NotDenied(SCORER), NotDenied(ANY_SCORER_VERSION)]), Json, Effect(GrantEffect::ScorerRegistered)),
    get   ("{api}/3.0/mlflow/scorers/list",                             All(&[Read(EXPERIMENT_IF_ANY), Read(EXPERIMENTS_IF_ANY)]),          FilterRows(SCORERS)),
    get   ("{api}/3.0/mlflow/scorers/get",                              All(&[Read(EXPERIMENT), Read(SCORER), NotDenied(ANY_SCORER_VERSION)]), AsIs),
    get   ("{api}/3.0/mlflow/scorers/versions",                         All(&[Read(EXPERIMENT), Read(SCORER), NotDenied(ANY_SCORER_VERSION)]), AsIs),
    delete("{api}/3.0/mlflow/scorers/delete",                           All(&[Update(EXPERIMENT), Read(SCORER), Delete(WHOLE_SCORER), Delete(SCORER_VERSIONS)]), Json, Effect(GrantEffect::ScorerDeleted)),
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
    get   ("{api}/3.0/mlflow/review-queues/list",                       All(&[Read(QUEUES_IN)]),                              QUEUES),
    get   ("{api}/3.0/mlflow/review-queues/get",                        All(&[Read(TO_OPEN)]),                                AsIs),
    get   ("{api}/3.0/mlflow/review-queues/get-by-name",                All(&[Read(QUEUES_IN)]),                              OF_QUEUE),
    post  ("{api}/3.0/mlflow/review-queues/update",                     All(&[Update(TO_CHANGE)]),                    Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/delete",                     All(&[Update(TO_PRUNE)]),                     Json,    AsIs),
    get   ("{api}/3.0/mlflow/review-queues/items/list",                 All(&[Read(TO_OPEN)]),                                AsIs),
    post  ("{api}/3.0/mlflow/review-queues/items/add",                  All(&[Update(QUEUE)]),                        Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/items/set-status",           All(&[Update(TO_REVIEW)]),                    Json,    AsIs),
    post  ("{api}/3.0/mlflow/review-queues/items/remove",               All(&[Update(TO_PRUNE)]),                     Json,    AsIs),

    post  ("{api}/3.0/mlflow/prompt-optimization/jobs",                 All(&[Update(EXPERIMENT), Read(JOB_DATASET), Read(JOB_PROMPT), Use(JOB_OPTIMIZER)]), Json,    AsIs),
    get   ("{api}/3.0/mlflow/prompt-optimization/jobs/search",          All(&[Read(EXPERIMENT)]),                              AsIs),
    post  ("{api}/3.0/mlflow/prompt-optimization/jobs/search",          All(&[Read(EXPERIMENT)]),                     Json,    AsIs),
    get   ("{api}/3.0/mlflow/prompt-optimization/jobs/{job_id}",        All(&[Read(JOB)]),                                     OF_JOB),
    delete("{api}/3.0/mlflow/prompt-optimization/jobs/{job_id}",        All(&[Delete(JOB)]),                          Json,    AsIs),
    post  ("{api}/3.0/mlflow/prompt-optimization/jobs/{job_id}/cancel", All(&[Update(JOB)]),                          Json,    AsIs),
];
