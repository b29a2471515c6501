//! THE table: method and path to what the caller needs.
//!
//! One row a route, one line a row; a file for each family. `{api}` stands for both `/api` and `/ajax-api`; `{x}` is
//! a segment and `{*x}` the rest of the path. What no row covers is refused to all but administrators.
//!
//! A row says, from left to right: the method, the path, what the caller needs, how the body is read (a GET has none), and
//! what is done with the answer. A need such as `Update(RUN)` names a capability and a [`Field`]: where the id is and what it is an id of. A value is taken
//! from the path if the pattern names it, from the query of a GET, from the JSON body of a POST or PATCH, and from
//! either of a DELETE; two places that disagree are a 400.
//!
//! Children of an experiment or a registered model are decided by the grants on it. Whatever nobody can be granted (webhooks,
//! jobs of others, the assistant) is for administrators, and its row says `Administrator`.

mod artifacts;
mod datasets;
mod experiments;
mod gateway;
mod genai;
mod logged_models;
mod models;
mod roles;
mod runs;
mod server;
mod traces;
mod ui;
mod users;

use std::sync::OnceLock;

use matchit::Router;

use crate::authz::workspace::Standing;
use crate::authz::{Capability, ResourceType};
use crate::http::Method;

/// A route, and the answers to four questions about it.
#[derive(Debug)]
pub struct Route {
    /// The method; HEAD is decided as GET.
    pub method: Method,
    /// The pattern of the canonical path.
    pub path: &'static str,
    /// The requirement on the caller.
    pub requires: Requires,
    /// The reader of the body.
    pub body: Body,
    /// The treatment of the answer.
    pub answer: Answer,
}

impl Route {
    /// Returns true if it may change users or grants.
    pub fn writes_accounts(&self) -> bool {
        match self.answer {
            Answer::Effect(_) => true,
            Answer::Local(_) => self.method != Method::Get,
            Answer::AsIs | Answer::CachePublic | Answer::ByResponse(_) | Answer::RememberParent(..) => false,
            Answer::FilterRows(_) | Answer::RestrictIds | Answer::EmptyUnlessAdmin(_) | Answer::GraphQl => false,
            Answer::Redact(..) | Answer::UsableModels | Answer::ServerInfo => false,
        }
    }

    /// Returns true if one D1 statement (caller and grants) is enough to decide the request.
    pub fn is_decided_at_once(&self) -> bool {
        let leaves_as_it_is = match self.answer {
            Answer::AsIs => self.body != Body::Otlp,
            Answer::ByResponse(_) | Answer::RememberParent(..) => matches!(self.requires, Requires::All(_)),
            Answer::CachePublic | Answer::Effect(_) | Answer::Local(_) | Answer::FilterRows(_) => false,
            Answer::RestrictIds | Answer::EmptyUnlessAdmin(_) | Answer::GraphQl => false,
            Answer::Redact(..) | Answer::UsableModels | Answer::ServerInfo => false,
        };
        match self.requires {
            Requires::All(_) | Requires::Authenticated => leaves_as_it_is,
            Requires::Public | Requires::Administrator | Requires::Oneself | Requires::GraphQl => false,
            Requires::OneselfOrManager | Requires::OneselfOrManagerOfShared | Requires::InWorkspace(..) => false,
        }
    }

    /// Returns true if it changes nothing: a GET, or a search by POST. A GraphQL request says so itself.
    pub fn reads(&self) -> bool {
        let is_search = matches!(self.answer, Answer::FilterRows(_) | Answer::RestrictIds);
        let only_reads = |claims: &[Access]| {
            claims.iter().all(|claim| match claim {
                Access::Read(_) => true,
                Access::NotDenied(_) => self.method == Method::Get || is_search, // to make something needs no more
                Access::Use(_) | Access::Update(_) | Access::Delete(_) | Access::Manage(_) => false,
            })
        };
        match self.requires {
            Requires::All(claims) => only_reads(claims),
            Requires::GraphQl => false,
            Requires::Public | Requires::Authenticated | Requires::Administrator | Requires::Oneself => {
                self.method == Method::Get || matches!(self.answer, Answer::FilterRows(_))
            }
            Requires::OneselfOrManager | Requires::OneselfOrManagerOfShared | Requires::InWorkspace(..) => {
                self.method == Method::Get
            }
        }
    }

    /// Returns true if the gate reads the answer of the origin before anything of it leaves.
    pub fn reads_answer(&self) -> bool {
        match self.answer {
            Answer::ByResponse(_) | Answer::RememberParent(..) | Answer::GraphQl => true,
            Answer::FilterRows(_) | Answer::Effect(_) => true,
            Answer::Redact(..) | Answer::UsableModels | Answer::ServerInfo => true,
            Answer::AsIs | Answer::CachePublic | Answer::EmptyUnlessAdmin(_) | Answer::RestrictIds => false,
            Answer::Local(_) => false,
        }
    }

    /// The capabilities that it requires, each on what a field names; none where it requires something else.
    pub fn access(&self) -> &'static [Access] {
        match self.requires {
            Requires::All(claims) => claims,
            Requires::Public | Requires::Authenticated | Requires::Administrator => &[],
            Requires::Oneself | Requires::GraphQl | Requires::InWorkspace(..) => &[],
            Requires::OneselfOrManager | Requires::OneselfOrManagerOfShared => &[],
        }
    }

    /// The type of what it makes that a setting may keep for some (`CREATE_EXPERIMENTS`, `CREATE_MODELS`).
    pub fn creates(&self) -> Option<ResourceType> {
        let made = [
            (GrantEffect::ExperimentCreated, ResourceType::Experiment),
            (GrantEffect::ModelCreated, ResourceType::RegisteredModel),
        ];
        made.into_iter().find(|(effect, _)| self.answer == Answer::Effect(*effect)).map(|(_, kind)| kind)
    }

    /// The way in which its requests name what a grant is about.
    pub fn granted_by(&self) -> Option<GrantedBy> {
        self.access().iter().find_map(|access| match access.parts().1.names {
            ValueKind::Granted(by) => Some(by),
            _ => None,
        })
    }

    /// The endpoint that answers it here.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self.answer {
            Answer::Local(endpoint) => Some(endpoint),
            Answer::AsIs | Answer::CachePublic | Answer::ByResponse(_) | Answer::RememberParent(..) => None,
            Answer::FilterRows(_) | Answer::RestrictIds | Answer::EmptyUnlessAdmin(_) => None,
            Answer::Effect(_) | Answer::GraphQl => None,
            Answer::Redact(..) | Answer::UsableModels | Answer::ServerInfo => None,
        }
    }
}

/// A requirement on the caller.
#[derive(Debug)]
pub enum Requires {
    /// Nothing, not even a login.
    Public,
    /// A login.
    Authenticated,
    /// To be an administrator.
    Administrator,
    /// To be the user whom the request names, or an administrator.
    Oneself,
    /// To be the user whom the request names, or a manager of the workspace `default`, or an administrator.
    OneselfOrManager,
    /// To be the user whom the request names, or a manager of a workspace in which that user has a role, or an
    /// administrator.
    OneselfOrManagerOfShared,
    /// Every one of these.
    All(&'static [Access]),
    /// Access to the things that each root field of the GraphQL document names.
    GraphQl,
    /// To have this standing in the workspace that the request is about, or to be an administrator.
    InWorkspace(Standing, Place),
}

/// The workspace that a request about users and roles is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Any.
    Anywhere,
    /// That of the role that `role_id` or `role_permission_id` names, or the one that `workspace` names. All that are
    /// there must agree.
    OfRole,
    /// Each that `workspace` names; it may be repeated.
    EachNamed,
    /// One in which the user has a role whom `username` names. About oneself everybody may ask.
    OfUser,
}

/// A reader of bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// There is none: a GET, or a HEAD.
    None,
    /// Not looked at: ids are in path, query or header, or nothing has to be known.
    Stream,
    /// As JSON, by the message that MLflow has for the route.
    Json,
    /// As spans in OTLP, for the traces that they write to.
    Otlp,
    /// As a GraphQL document in JSON.
    GraphQl,
    /// As the form of the sign-up page.
    Form,
}

/// A capability on what a field names.
#[derive(Clone, Copy, Debug)]
pub enum Access {
    /// To see it.
    Read(&'static Field),
    /// To call it.
    Use(&'static Field),
    /// To change it.
    Update(&'static Field),
    /// To remove it.
    Delete(&'static Field),
    /// To decide who may do the above.
    Manage(&'static Field),
    /// That nobody has forbidden it.
    NotDenied(&'static Field),
}

impl Access {
    /// The two halves.
    pub fn parts(self) -> (Capability, &'static Field) {
        match self {
            Self::Read(field) => (Capability::Read, field),
            Self::Use(field) => (Capability::Use, field),
            Self::Update(field) => (Capability::Update, field),
            Self::Delete(field) => (Capability::Delete, field),
            Self::Manage(field) => (Capability::Manage, field),
            Self::NotDenied(field) => (Capability::NotDenied, field),
        }
    }
}

/// A parameter that names something.
#[derive(Debug)]
pub struct Field {
    /// The kind of thing that it names.
    pub names: ValueKind,
    /// The parameter; more than one are aliases of each other. `a.b` is a field of an object, `a[].b` that of each
    /// item of a list, `a{}` the keys of a map; `X-…` is a header field.
    pub parameters: &'static [&'static str],
    /// The number of times that it may be there.
    pub count: Cardinality,
}

/// The kind of thing that a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// An experiment id.
    Experiment,
    /// The name of an experiment.
    ExperimentByName,
    /// An experiment id, for the children of these types in it.
    InExperiment(&'static [ResourceType]),
    /// No value: every resource of this type.
    Every(ResourceType),
    /// A registered model, or a prompt.
    RegisteredModel,
    /// The name of a registered model, or prompt, for its versions.
    ModelVersion,
    /// Something that belongs to an experiment.
    Child(ChildKind),
    /// Something that belongs to an experiment, for the things of these types in it.
    InChild(ChildKind, &'static [ResourceType]),
    /// An id that the client chooses: what has it already is claimed, what is new is free.
    ChildIfExists(ChildKind),
    /// The key of a trace's tag. Some say where the trace's data lies: nobody but MLflow may set those.
    TraceTag,
    /// The id of an assessment that a new trace brings along. MLflow gives these ids; one that is there already it would
    /// overwrite, whosever trace it is of.
    AssessmentId,
    /// The key of a model's tag. One says that it is a prompt, and stays as it is.
    ModelTag,
    /// The name of a model or prompt that is made.
    NewModelName,
    /// The name that a model or prompt is to have.
    NextModelName,
    /// The configuration of an optimizer, which may call an endpoint of the AI gateway.
    Optimizer,
    /// A review queue, for what not everybody may do who has the level for it.
    Queue(QueueRule),
    /// The id of a resource of this type, which has grants of its own.
    Id(ResourceType),
    /// The name of an endpoint of the AI gateway, whose id only the origin knows.
    EndpointName,
    /// The same, with what Gemini's clients put behind it (`name:generateContent`).
    GeminiCall,
    /// A guardrail, for the scorer that it asks: that may be seen, and its versions are forbidden to nobody.
    Guardrail,
    /// The name of a scorer, beside `experiment_id`.
    Scorer,
    /// The same, unless the request names a version of it.
    WholeScorer,
    /// The same, for its versions.
    ScorerVersions,
    /// The namespace of an MCP server, beside its slug (`mcp_slug`).
    McpServer,
    /// The same, for the versions of the server.
    McpVersions,
    /// The name of an MCP server that is made.
    NewMcpServer,
    /// A path in the proxied artifact store, whose first segment is an experiment id.
    ArtifactPath,
    /// A URI that points into an experiment, at a model or at a prompt.
    Source,
    /// The run that a model version came from, unless its source is a version of a registered model.
    LineageRun,
    /// Where an experiment keeps its artifacts.
    ArtifactLocation,
    /// The thing that a grant is about, which the request names in one of these ways.
    Granted(GrantedBy),
}

/// A way to name what a grant is about: that of each API for grants that MLflow has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantedBy {
    /// `resource_type` and `resource_id`, where `*` is every resource of the type (MLflow 3.13).
    TypeAndId,
    /// `experiment_id` (MLflow 2.5 to 3.12).
    Experiment,
    /// `name`, of a registered model or a prompt (MLflow 2.5 to 3.12).
    Model,
    /// `experiment_id` and `scorer_name` (MLflow 3.6 to 3.12).
    Scorer,
    /// `secret_id`, as the next two in MLflow 3.9 to 3.12.
    GatewaySecret,
    /// `endpoint_id`.
    GatewayEndpoint,
    /// `model_definition_id`.
    GatewayModelDefinition,
}

impl GrantedBy {
    /// The parameters, in the order in which MLflow asks for them.
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::TypeAndId => &["resource_type", "resource_id"],
            Self::Experiment => &["experiment_id"],
            Self::Model => &["name"],
            Self::Scorer => &["experiment_id", "scorer_name"],
            Self::GatewaySecret => &["secret_id"],
            Self::GatewayEndpoint => &["endpoint_id"],
            Self::GatewayModelDefinition => &["model_definition_id"],
        }
    }
}

/// The ones who may do something with a review queue, of those who have the level. Whoever manages it may do all but the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueRule {
    /// To open it: its reviewers, and its owner who may change it.
    Open,
    /// To change it: its owner, but not to give it to another.
    Change,
    /// To delete it or take items out of it: its owner, if it is not the list of one reviewer.
    Prune,
    /// To review: its reviewers.
    Review,
}

/// A kind of thing that belongs to an experiment. The room `owners` knows how to ask for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // MLflow's own terms
pub enum ChildKind {
    Run,
    LoggedModel,
    Trace,
    /// An evaluation dataset: it may belong to several experiments, and then needs all of them.
    Dataset,
    Issue,
    LabelSchema,
    ReviewQueue,
    PromptOptimizationJob,
}

impl ChildKind {
    /// The type under which grants on such children stand; none if only the experiment can be granted.
    pub fn resource_type(self) -> Option<ResourceType> {
        match self {
            Self::Run => Some(ResourceType::Run),
            Self::LoggedModel => Some(ResourceType::LoggedModel),
            Self::Trace => Some(ResourceType::Trace),
            Self::ReviewQueue => Some(ResourceType::ReviewQueue),
            Self::Dataset | Self::Issue | Self::LabelSchema | Self::PromptOptimizationJob => None,
        }
    }
}

/// The number of times that a field may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// Exactly once.
    One,
    /// Once, or not at all.
    Optional,
    /// A list whose every item has it; an empty one is as good as none.
    Each,
    /// A list that may be missing.
    EachOptional,
}

/// A treatment of the answer to an allowed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It goes out as it came from the origin.
    AsIs,
    /// From the data centre's cache, or from the origin, whose answer is kept there if it says that everybody may have it.
    /// Only for a GET that needs no login.
    CachePublic,
    /// It names the experiment here (`[]` is each item of a list): decided before a byte of it leaves.
    ByResponse(&'static [&'static str]),
    /// It names a new part of an experiment under this path: remembered.
    RememberParent(ChildKind, &'static [&'static str]),
    /// The unreadable rows are taken out.
    FilterRows(ListResponse),
    /// The unreadable ones are left out of `experiment_ids` before the request is sent.
    RestrictIds,
    /// Its effect is recorded in the grants before it leaves.
    Effect(GrantEffect),
    /// For everybody but administrators this, as if there were nothing; the origin is not asked.
    EmptyUnlessAdmin(&'static str),
    /// Model versions are filtered, as the GraphQL document asked for them.
    GraphQl,
    /// Given here.
    Local(Endpoint),
    /// The objects under this path (`[]` is each item of a list) lose what they hold of things that the caller may not see.
    Redact(&'static [&'static str], Embedding),
    /// Of the models of the AI gateway only those that the caller may use.
    UsableModels,
    /// That of MLflow, which says in any case that there are no workspaces.
    ServerInfo,
}

/// An object of an answer that holds something of other resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Embedding {
    /// An endpoint of the AI gateway: its model definitions, and their secrets.
    GatewayEndpoint,
    /// A model definition in an endpoint, and its secret.
    ModelMapping,
    /// A model definition: its secret.
    ModelDefinition,
    /// A guardrail of an endpoint: its scorer.
    GuardrailConfig,
    /// The encryption of secrets, which is for administrators.
    SecretsConfig,
    /// An MCP server: its versions; and what the caller may do is added.
    McpServer,
}

/// The list of an answer whose rows are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListResponse {
    /// The key of the list.
    pub rows: &'static str,
    /// The key of the id in a row.
    pub id: &'static str,
    /// The thing that a row is.
    pub of: RowKind,
    /// True if it comes in pages (`max_results`, `page_token`).
    pub is_paged: bool,
}

/// The thing that a row of a list is, by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// An experiment, or something that is decided as one.
    Experiment,
    /// A registered model or a prompt, as its tags say.
    RegisteredModel,
    /// A version of one, under the name of that.
    ModelVersion,
    /// Something that does not say to which experiments it belongs.
    Child(ChildKind),
    /// A resource of this type, which has grants of its own.
    Id(ResourceType),
    /// A version of a scorer, which stands under its experiment and its name.
    Scorer,
    /// An MCP server, to which is added what the caller may do.
    McpServer,
    /// A way to reach an MCP server, under the name of that.
    McpEndpoint,
}

/// A change of grants that follows from an answer of the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantEffect {
    /// The creator gets MANAGE.
    ExperimentCreated,
    /// The creator gets MANAGE.
    ModelCreated,
    /// Its grants move to the new name.
    ModelRenamed,
    /// Everybody's grants on it go.
    ModelDeleted,
    /// The creator gets MANAGE; a resource of this type was made, whose id the answer tells.
    Created(ResourceType),
    /// Everybody's grants on it go.
    Deleted(ResourceType),
    /// The creator gets MANAGE if it is the first version.
    ScorerRegistered,
    /// Everybody's grants on it go, unless only a version was deleted.
    ScorerDeleted,
}

/// The endpoints that are answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // each is the route of that name in users.rs or roles.rs
pub enum Endpoint {
    CreateUser,
    CreateUserUi,
    GetUser,
    ListUsers,
    CurrentUser,
    UpdatePassword,
    UpdateAdmin,
    DeleteUser,
    CreateToken,
    ListTokens,
    DeleteToken,
    SignUp,
    CreateResourcePermission,
    GetResourcePermission,
    UpdateResourcePermission,
    DeleteResourcePermission,
    GrantPermission,
    RevokePermission,
    GetPermission,
    ListPermissions,
    CurrentPermissions,
    ListResourceUsers,
    NoWorkspaces,
    ListUserRoles,
    CreateRole,
    GetRole,
    ListRoles,
    UpdateRole,
    DeleteRole,
    AddRolePermission,
    RemoveRolePermission,
    ListRolePermissions,
    UpdateRolePermission,
    AssignRole,
    UnassignRole,
    ListRoleUsers,
}

impl Endpoint {
    /// Returns true if it changes users or grants, or makes credentials: for that a token must have been made.
    pub fn administers(self) -> bool {
        use Endpoint::*;
        match self {
            CreateUser | CreateUserUi | UpdatePassword | UpdateAdmin | DeleteUser | CreateToken => true,
            CreateResourcePermission | UpdateResourcePermission | DeleteResourcePermission => true,
            GrantPermission | RevokePermission => true,
            CreateRole | UpdateRole | DeleteRole | AssignRole | UnassignRole => true,
            AddRolePermission | RemoveRolePermission | UpdateRolePermission => true,
            GetUser | ListUsers | CurrentUser | ListTokens | SignUp => false,
            DeleteToken => false, // a token may end itself; that of another user is the endpoint's business
            GetResourcePermission | ListResourceUsers | NoWorkspaces => false,
            GetPermission | ListPermissions | CurrentPermissions | ListUserRoles => false,
            GetRole | ListRoles | ListRolePermissions | ListRoleUsers => false,
        }
    }
}

/// The words of the table: `use super::words::*` in each family.
mod words {
    pub(super) use super::Access::{Delete, Manage, NotDenied, Read, Update, Use};
    pub(super) use super::Answer::{AsIs, ByResponse, CachePublic, Effect, EmptyUnlessAdmin, FilterRows, Local};
    pub(super) use super::Answer::{Redact, RememberParent, RestrictIds, ServerInfo, UsableModels};
    pub(super) use super::Body::{Form, GraphQl, Json, Otlp, Stream};
    pub(super) use super::Place::{Anywhere, EachNamed, OfRole, OfUser};
    pub(super) use super::Requires::{Administrator, All, Authenticated, InWorkspace, Oneself, Public};
    pub(super) use super::Requires::{OneselfOrManager, OneselfOrManagerOfShared};
    pub(super) use super::{
        Answer, Body, Cardinality, ChildKind, Embedding, Endpoint, Field, GrantEffect, GrantedBy, ListResponse,
        QueueRule, Requires, Route, RowKind, ValueKind,
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
    pub(super) const EXPERIMENT_IF_ANY: &Field =
        &field(ValueKind::Experiment, Cardinality::Optional, &["experiment_id"]);
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
}

/// The families, in the order in which the documentation prints them.
pub const TABLE: &[&[Route]] = &[
    experiments::ROWS,
    runs::ROWS,
    logged_models::ROWS,
    models::ROWS,
    artifacts::ROWS,
    traces::ROWS,
    datasets::ROWS,
    genai::ROWS,
    gateway::ROWS,
    server::ROWS,
    users::ROWS,
    roles::ROWS,
    ui::ROWS,
];

/// The rows of one path, and the values of its named segments.
pub struct RouteMatch {
    /// One for each method.
    pub rows: &'static [&'static Route],
    /// Name and decoded value.
    pub captures: Vec<(String, String)>,
}

impl RouteMatch {
    /// The row of a method.
    pub fn row(&self, method: Method) -> Option<&'static Route> {
        self.rows.iter().copied().find(|row| row.method == method.decided_as())
    }

    /// Returns true if this path is answered here.
    pub fn is_ours(&self) -> bool {
        self.rows.iter().any(|row| row.endpoint().is_some())
    }

    /// The methods that exist, as in an Allow header.
    pub fn allow(&self) -> String {
        let mut methods: Vec<&str> = self.rows.iter().map(|row| row.method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

/// Both spellings of a pattern's path.
pub fn paths(row: &Route) -> impl Iterator<Item = String> {
    let both: &[&str] = if row.path.starts_with("{api}") { &["/api", "/ajax-api"] } else { &[""] };
    let rest = row.path.strip_prefix("{api}").unwrap_or(row.path);
    both.iter().map(move |prefix| format!("{prefix}{rest}"))
}

/// Finds the rows of a canonical path. With `--static-prefix`, MLflow serves everything under the prefix but the
/// sign-up page; without it `/api`, the sign-up page and, before 3.17, health and version (before 3.13 OTLP and the
/// gateway too, which are decided alike in both places).
pub fn find(path: &str, static_prefix: &str) -> Option<RouteMatch> {
    let stays = |path: &str| {
        let native = ["/api/", "/gateway/", "/v1/traces"];
        native.iter().any(|prefix| path.starts_with(prefix)) || matches!(path, "/signup" | "/health" | "/version")
    };
    let path = match path.strip_prefix(static_prefix).filter(|_| !static_prefix.is_empty()) {
        Some(rest) if rest.starts_with('/') => (rest != "/signup").then_some(rest)?,
        _ if static_prefix.is_empty() || stays(path) => path,
        _ => return None,
    };
    let found = router()?.at(path).ok()?;
    let captures = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some(RouteMatch { rows: found.value, captures })
}

/// The whole table as one tree. `None` only if two patterns collide, which a test rules out.
fn router() -> Option<&'static Router<Vec<&'static Route>>> {
    static ROUTER: OnceLock<Option<Router<Vec<&'static Route>>>> = OnceLock::new();
    ROUTER.get_or_init(build).as_ref()
}

fn build() -> Option<Router<Vec<&'static Route>>> {
    let mut by_path: Vec<(String, Vec<&'static Route>)> = Vec::new();
    for row in TABLE.iter().copied().flatten() {
        for path in paths(row) {
            match by_path.iter_mut().find(|(known, _)| *known == path) {
                Some((_, rows)) => rows.push(row),
                None => by_path.push((path, vec![row])),
            }
        }
    }
    let mut router = Router::new();
    by_path.into_iter().try_for_each(|(path, rows)| router.insert(path, rows)).ok()?;
    Some(router)
}
