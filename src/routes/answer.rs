//! The treatments of an answer.

use super::{ChildKind, Endpoint};
use crate::authz::ResourceType;

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
    /// A review queue, which is refused to who may not open it.
    ReviewQueue,
    /// A list of review queues: those on which others review.
    ReviewQueues,
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
