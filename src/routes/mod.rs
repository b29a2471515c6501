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
//! Children of an experiment or a registered model are decided by a grant on every one of their type, or else by one on
//! what they are in. Whatever nobody can be granted (webhooks,
//! jobs of others, the assistant) is for administrators, and its row says `Administrator`.

mod answer;
mod artifacts;
mod datasets;
mod endpoint;
mod experiments;
mod gateway;
mod genai;
mod logged_models;
mod models;
mod requires;
mod roles;
mod router;
mod runs;
mod server;
mod traces;
mod ui;
mod users;
mod words;

use crate::authz::ResourceType;
use crate::http::Method;
pub use answer::{Answer, Embedding, GrantEffect, ListResponse, RowKind};
pub use endpoint::Endpoint;
pub use requires::{Access, Cardinality, ChildKind, Field, GrantedBy, Place, QueueRule, Requires, ValueKind};
pub use router::{RouteMatch, find, paths};

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
            Requires::OneselfOrManager | Requires::InWorkspace(..) => false,
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
            Requires::OneselfOrManager | Requires::InWorkspace(..) => self.method == Method::Get,
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
            Requires::OneselfOrManager => &[],
        }
    }

    /// The type of what it makes that a setting may keep for some (`CREATE_EXPERIMENTS`, `CREATE_MODELS`).
    pub fn creates(&self) -> Option<ResourceType> {
        let made = [
            (GrantEffect::ExperimentCreated, ResourceType::Experiment),
            (GrantEffect::ModelCreated, ResourceType::RegisteredModel),
            // one of its own, for its traces
            (GrantEffect::Created(ResourceType::GatewayEndpoint), ResourceType::Experiment),
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
