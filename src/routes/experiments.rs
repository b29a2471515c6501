//! Experiments. The id is the resource itself. What removes or restores one does so with everything in it, of which a
//! grant on every run, say, may forbid it.

use super::words::*;

const LOCATION: &Field = &field(ValueKind::ArtifactLocation, Cardinality::Optional, &["artifact_location"]);
const ANY_EXPERIMENT: &Field = &every(ResourceType::Experiment);
const NAME: &Field = &field(ValueKind::ExperimentByName, Cardinality::One, &["experiment_name"]);

const EVERYTHING_IN: &Field = &in_experiment(
    &[
        ResourceType::Run,
        ResourceType::Trace,
        ResourceType::LoggedModel,
        ResourceType::Assessment,
        ResourceType::ReviewQueue,
        ResourceType::Scorer,
        ResourceType::ScorerVersion,
    ],
    Cardinality::One,
    &["experiment_id"],
);

const ROW: ListResponse =
    ListResponse { rows: "experiments", id: "experiment_id", of: RowKind::Experiment, is_paged: true };
const BY_NAME: &[&str] = &["experiment", "experiment_id"];

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post("{api}/2.0/mlflow/experiments/create",                All(&[NotDenied(ANY_EXPERIMENT), Update(LOCATION)]), Json,    Effect(GrantEffect::ExperimentCreated)),
    get ("{api}/2.0/mlflow/experiments/search",                Authenticated,                       FilterRows(ROW)),
    post("{api}/2.0/mlflow/experiments/search",                Authenticated,              Json,    FilterRows(ROW)),
    get ("{api}/2.0/mlflow/experiments/get",                   All(&[Read(EXPERIMENT)]),            AsIs),
    get ("{api}/2.0/mlflow/experiments/get-by-name",           All(&[Read(NAME)]),                  ByResponse(BY_NAME)),
    post("{api}/2.0/mlflow/experiments/update",                All(&[Update(EXPERIMENT)]), Json,    AsIs),
    post("{api}/2.0/mlflow/experiments/set-experiment-tag",    All(&[Update(EXPERIMENT)]), Json,    AsIs),
    post("{api}/2.0/mlflow/experiments/delete-experiment-tag", All(&[Update(EXPERIMENT)]), Json,    AsIs),
    post("{api}/2.0/mlflow/experiments/delete",                All(&[Delete(EXPERIMENT), Delete(EVERYTHING_IN)]), Json,    AsIs),
    post("{api}/2.0/mlflow/experiments/restore",               All(&[Delete(EXPERIMENT), Delete(EVERYTHING_IN)]), Json,    AsIs),
    post("{api}/2.0/mlflow/experiments/search-datasets",       All(&[Read(EXPERIMENTS)]),  Json,    AsIs),
];
