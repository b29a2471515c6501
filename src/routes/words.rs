//! The words of the table: `use super::words::*` in each family.

pub(super) use super::Access::{Delete, Manage, NotDenied, Read, Update, Use};
pub(super) use super::Answer::{AsIs, ByResponse, CachePublic, Effect, EmptyUnlessAdmin, FilterRows, Local};
pub(super) use super::Answer::{Redact, RememberParent, RestrictIds, ServerInfo, UsableModels};
pub(super) use super::Body::{Form, GraphQl, Json, Otlp, Stream};
pub(super) use super::Place::{Anywhere, EachNamed, OfRole, OfUser};
pub(super) use super::Requires::OneselfOrManager;
pub(super) use super::Requires::{Administrator, All, Authenticated, InWorkspace, Oneself, Public};
pub(super) use super::{
    Answer, Body, Cardinality, ChildKind, Embedding, Endpoint, Field, GrantEffect, GrantedBy, ListResponse, QueueRule,
    Requires, Route, RowKind, ValueKind,
};
pub(super) use crate::authz::ResourceType;
pub(super) use crate::authz::workspace::Standing::{Manager, Member};
use crate::http::Method;

pub(super) const fn get(path: &'static str, requires: Requires, answer: Answer) -> Route {
    Route { method: Method::Get, path, requires, body: Body::None, answer }
}
pub(super) const fn post(path: &'static str, requires: Requires, body: Body, answer: Answer) -> Route {
    Route { method: Method::Post, path, requires, body, answer }
}
pub(super) const fn put(path: &'static str, requires: Requires, body: Body, answer: Answer) -> Route {
    Route { method: Method::Put, path, requires, body, answer }
}
pub(super) const fn patch(path: &'static str, requires: Requires, body: Body, answer: Answer) -> Route {
    Route { method: Method::Patch, path, requires, body, answer }
}
pub(super) const fn delete(path: &'static str, requires: Requires, body: Body, answer: Answer) -> Route {
    Route { method: Method::Delete, path, requires, body, answer }
}
/// Every resource of a type; there is nothing to be read from the request.
pub(super) const fn every(kind: ResourceType) -> Field {
    Field { names: ValueKind::Every(kind), parameters: &[], count: Cardinality::Optional }
}
/// The children of these types in the experiment that a parameter names.
pub(super) const fn in_experiment(
    children: &'static [ResourceType],
    count: Cardinality,
    parameters: &'static [&'static str],
) -> Field {
    Field { names: ValueKind::InExperiment(children), parameters, count }
}
pub(super) const fn field(names: ValueKind, count: Cardinality, parameters: &'static [&'static str]) -> Field {
    Field { names, parameters, count }
}

pub(super) const EXPERIMENT: &Field = &field(ValueKind::Experiment, Cardinality::One, &["experiment_id"]);
pub(super) const EXPERIMENTS: &Field = &field(ValueKind::Experiment, Cardinality::Each, &["experiment_ids"]);
pub(super) const EXPERIMENT_IF_ANY: &Field = &field(ValueKind::Experiment, Cardinality::Optional, &["experiment_id"]);
pub(super) const EXPERIMENTS_IF_ANY: &Field =
    &field(ValueKind::Experiment, Cardinality::EachOptional, &["experiment_ids"]);
pub(super) const RUN: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::One, &["run_id", "run_uuid"]);
pub(super) const RUN_IF_ANY: &Field = &field(ValueKind::Child(ChildKind::Run), Cardinality::Optional, &["run_id"]);
pub(super) const MODEL: &Field = &field(ValueKind::RegisteredModel, Cardinality::One, &["name"]);
pub(super) const VERSION: &Field = &field(ValueKind::ModelVersion, Cardinality::One, &["name"]);
pub(super) const LOGGED_MODEL: &Field =
    &field(ValueKind::Child(ChildKind::LoggedModel), Cardinality::One, &["model_id"]);
pub(super) const LOGGED_MODEL_IF_ANY: &Field =
    &field(ValueKind::Child(ChildKind::LoggedModel), Cardinality::Optional, &["model_id"]);
pub(super) const TRACES_IF_ANY: &Field =
    &field(ValueKind::Child(ChildKind::Trace), Cardinality::EachOptional, &["trace_ids"]);
pub(super) const GRANTED: &Field = &granted(GrantedBy::TypeAndId);

/// The thing that a grant is about.
pub(super) const fn granted(by: GrantedBy) -> Field {
    field(ValueKind::Granted(by), Cardinality::One, by.parameters())
}
