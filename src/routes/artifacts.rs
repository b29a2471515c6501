//! Artifacts: of a run, uploaded through the UI, and in the proxied store.
//!
//! In the proxied store the first segment of the path is the experiment. In any other place (an experiment with an
//! artifact location of its own) a path belongs to the run or logged model whose artifacts it lies in; what belongs
//! to none, like the root, is for administrators.

use super::words::*;

const PATH: &Field = &field(ValueKind::ArtifactPath, Cardinality::One, &["artifact_path"]);
const LISTED_PATH: &Field = &field(ValueKind::ArtifactPath, Cardinality::One, &["path"]);

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    get   ("{api}/2.0/mlflow/artifacts/list",                          All(&[Read(RUN)]),                  AsIs),
    post  ("{api}/2.0/mlflow/artifacts/presigned-download-url",        All(&[Read(RUN)]),         Json,    AsIs),
    post  ("{api}/2.0/mlflow/artifacts/presigned-upload-url",          All(&[Update(RUN_IF_ANY), Update(LOGGED_MODEL_IF_ANY)]), Json,    AsIs),
    get   ("/get-artifact",                                            All(&[Read(RUN)]),                  AsIs),
    post  ("{api}/2.0/mlflow/upload-artifact",                         All(&[Update(RUN)]),       Stream,  AsIs),
    get   ("{api}/2.0/mlflow-artifacts/artifacts",                     All(&[Read(LISTED_PATH)]),          AsIs),
    get   ("{api}/2.0/mlflow-artifacts/artifacts/{*artifact_path}",    All(&[Read(PATH)]),                 AsIs),
    put   ("{api}/2.0/mlflow-artifacts/artifacts/{*artifact_path}",    All(&[Update(PATH)]),      Stream,  AsIs),
    delete("{api}/2.0/mlflow-artifacts/artifacts/{*artifact_path}",    All(&[Manage(PATH)]),      Stream,  AsIs),
    get   ("{api}/2.0/mlflow-artifacts/presigned/{*artifact_path}",    All(&[Read(PATH)]),                 AsIs),
    post  ("{api}/2.0/mlflow-artifacts/mpu/create/{*artifact_path}",   All(&[Update(PATH)]),      Stream,  AsIs),
    post  ("{api}/2.0/mlflow-artifacts/mpu/complete/{*artifact_path}", All(&[Update(PATH)]),      Stream,  AsIs),
    post  ("{api}/2.0/mlflow-artifacts/mpu/abort/{*artifact_path}",    All(&[Update(PATH)]),      Stream,  AsIs),
];
