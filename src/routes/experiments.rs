//! Experiments. The id is the resource itself.

use super::words::*;

const LOCATION: &Field = &field(Names::ArtifactLocation, Count::Optional, &["artifact_location"]);
const NAME: &Field = &field(Names::ExperimentByName, Count::One, &["experiment_name"]);

const ROW: Listing = Listing { rows: "experiments", id: "experiment_id", names: Names::Experiment, is_paged: true };
const BY_NAME: &[&str] = &["experiment", "experiment_id"];

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    post("{api}/2.0/mlflow/experiments/create",                All(&[Update(LOCATION)]),    Settle(Settlement::ExperimentCreated)),
    get ("{api}/2.0/mlflow/experiments/search",                Login,                            Filter(ROW)),
    post("{api}/2.0/mlflow/experiments/search",                Login,                            Filter(ROW)),
    get ("{api}/2.0/mlflow/experiments/get",                   All(&[Read(EXPERIMENT)]),    Forward),
    get ("{api}/2.0/mlflow/experiments/get-by-name",           All(&[Read(NAME)]),          Judge(BY_NAME)),
    post("{api}/2.0/mlflow/experiments/update",                All(&[Update(EXPERIMENT)]),  Forward),
    post("{api}/2.0/mlflow/experiments/set-experiment-tag",    All(&[Update(EXPERIMENT)]),  Forward),
    post("{api}/2.0/mlflow/experiments/delete-experiment-tag", All(&[Update(EXPERIMENT)]),  Forward),
    post("{api}/2.0/mlflow/experiments/delete",                All(&[Delete(EXPERIMENT)]),  Forward),
    post("{api}/2.0/mlflow/experiments/restore",               All(&[Delete(EXPERIMENT)]),  Forward),
    post("{api}/2.0/mlflow/experiments/search-datasets",       All(&[Read(EXPERIMENTS)]),   Forward),
];
