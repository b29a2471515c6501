//! Artifacts: of a run, uploaded through the UI, and in the proxied store.
//!
//! In the proxied store the first segment of the path is the experiment. A path of any other form belongs to no
//! experiment and is for administrators.

use super::words::*;

const PATH: &Field = &field(Names::ArtifactPath, Count::One, &["artifact_path"]);
const LISTED_PATH: &Field = &field(Names::ArtifactPath, Count::One, &["path"]);

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    get   ("{api}/2.0/mlflow/artifacts/list",                               All(&[Read(RUN)]),          Forward),
    get   ("/get-artifact",                                                 All(&[Read(RUN)]),          Stream),
    post  ("{api}/2.0/mlflow/upload-artifact",                              All(&[Update(RUN)]),        Stream),
    get   ("{api}/2.0/mlflow-artifacts/artifacts",                          All(&[Read(LISTED_PATH)]),  Forward),
    get   ("{api}/2.0/mlflow-artifacts/artifacts/{*artifact_path}",         All(&[Read(PATH)]),         Stream),
    put   ("{api}/2.0/mlflow-artifacts/artifacts/{*artifact_path}",         All(&[Update(PATH)]),       Stream),
    delete("{api}/2.0/mlflow-artifacts/artifacts/{*artifact_path}",         All(&[Manage(PATH)]),       Stream),
    post  ("{api}/2.0/mlflow-artifacts/mpu/create/{*artifact_path}",        All(&[Update(PATH)]),       Stream),
    post  ("{api}/2.0/mlflow-artifacts/mpu/complete/{*artifact_path}",      All(&[Update(PATH)]),       Stream),
    post  ("{api}/2.0/mlflow-artifacts/mpu/abort/{*artifact_path}",         All(&[Update(PATH)]),       Stream),
];
