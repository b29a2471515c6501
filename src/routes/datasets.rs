//! Evaluation datasets (MLflow 3.4). A dataset may belong to several experiments, and needs all of them. A search need
//! not name any; its rows do not say whose they are, so that each is looked up.

use super::words::*;

const DATASET: &Field = &field(ValueKind::Child(ChildKind::Dataset), Cardinality::One, &["dataset_id"]);

const ROW: ListResponse =
    ListResponse { rows: "datasets", id: "dataset_id", of: RowKind::Child(ChildKind::Dataset), is_paged: true };

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    post  ("{api}/3.0/mlflow/datasets/create",                          All(&[Update(EXPERIMENTS)]),                  Json,    AsIs),
    get   ("{api}/3.0/mlflow/datasets/search",                          All(&[Read(EXPERIMENTS_IF_ANY)]),                      FilterRows(ROW)),
    post  ("{api}/3.0/mlflow/datasets/search",                          All(&[Read(EXPERIMENTS_IF_ANY)]),             Json,    FilterRows(ROW)),
    get   ("{api}/3.0/mlflow/datasets/{dataset_id}",                    All(&[Read(DATASET)]),                                 AsIs),
    delete("{api}/3.0/mlflow/datasets/{dataset_id}",                    All(&[Delete(DATASET)]),                      Json,    AsIs),
    get   ("{api}/3.0/mlflow/datasets/{dataset_id}/experiment-ids",     All(&[Read(DATASET)]),                                 AsIs),
    post  ("{api}/3.0/mlflow/datasets/{dataset_id}/add-experiments",    All(&[Update(DATASET), Update(EXPERIMENTS)]), Json,    AsIs),
    post  ("{api}/3.0/mlflow/datasets/{dataset_id}/remove-experiments", All(&[Update(DATASET)]),                      Json,    AsIs),
    get   ("{api}/3.0/mlflow/datasets/{dataset_id}/records",            All(&[Read(DATASET)]),                                 AsIs),
    post  ("{api}/3.0/mlflow/datasets/{dataset_id}/records",            All(&[Update(DATASET)]),                      Json,    AsIs),
    delete("{api}/3.0/mlflow/datasets/{dataset_id}/records",            All(&[Update(DATASET)]),                      Json,    AsIs),
    patch ("{api}/3.0/mlflow/datasets/{dataset_id}/tags",               All(&[Update(DATASET)]),                      Json,    AsIs),
    delete("{api}/3.0/mlflow/datasets/{dataset_id}/tags/{key}",         All(&[Update(DATASET)]),                      Json,    AsIs),
];
