//! The requirements that a row can have, and the fields that name what they are about.

use crate::authz::workspace::Standing;
use crate::authz::{Capability, ResourceType};

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
    /// The name of an endpoint of the gateway, for the experiment of its own that MLflow makes, or takes if there is one of
    /// that name.
    OwnExperiment,
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
