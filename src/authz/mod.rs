//! Permissions, grants, and the decision.
//!
//! | level          | read | use | update | delete | manage | make one |
//! |----------------|------|-----|--------|--------|--------|----------|
//! | DENY           |      |     |        |        |        |          |
//! | NO_PERMISSIONS |      |     |        |        |        | x        |
//! | READ           | x    |     |        |        |        | x        |
//! | USE            | x    | x   |        |        |        | x        |
//! | EDIT           | x    | x   | x      |        |        | x        |
//! | MANAGE         | x    | x   | x      | x      | x      | x        |
//!
//! `grants.rs` has the rule that makes one level of all grants. Administrators pass.

mod grants;
mod permit;
mod resource;
pub mod workspace;

pub use grants::{Grant, Grants, Policy, Required, Rung, Weighed, patterns};
pub use permit::{Denial, Held, Permit, Permitted, Question, Reason, Requirement, decide, may_read};
pub use resource::{EVERY, Resource, ResourceType};

/// Something that can be done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// See it.
    Read,
    /// Call it; only gateway resources can be called.
    Use,
    /// Change it.
    Update,
    /// Remove it.
    Delete,
    /// Decide who may do the above.
    Manage,
    /// Whatever nobody has forbidden: to make one, or to list them (MLflow's `not_denied`).
    NotDenied,
}

/// A level: a set of capabilities. They are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Shut out, whatever else is granted (MLflow 3.17; NO_PERMISSIONS as a grant of the classic API).
    Deny,
    /// Nothing: the default of a closed server, and a grant of old databases that any other outweighs.
    NoPermissions,
    /// May read.
    Read,
    /// May read and use (MLflow 3.9).
    Use,
    /// May read, use and update.
    Edit,
    /// May do everything.
    Manage,
}

impl Permission {
    /// Reads MLflow's name of it, exact upper case.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "DENY" => Some(Self::Deny),
            "NO_PERMISSIONS" => Some(Self::NoPermissions),
            "READ" => Some(Self::Read),
            "USE" => Some(Self::Use),
            "EDIT" => Some(Self::Edit),
            "MANAGE" => Some(Self::Manage),
            _ => None,
        }
    }

    /// MLflow's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "DENY",
            Self::NoPermissions => "NO_PERMISSIONS",
            Self::Read => "READ",
            Self::Use => "USE",
            Self::Edit => "EDIT",
            Self::Manage => "MANAGE",
        }
    }

    /// Returns true if the level holds the capability.
    pub fn allows(self, capability: Capability) -> bool {
        let least = match capability {
            Capability::NotDenied => Self::NoPermissions,
            Capability::Read => Self::Read,
            Capability::Use => Self::Use,
            Capability::Update => Self::Edit,
            Capability::Delete | Capability::Manage => Self::Manage,
        };
        self >= least
    }
}

/// The verified caller.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Row of the users table.
    pub id: i64,
    /// The name.
    pub username: String,
    /// True if every check passes.
    pub is_admin: bool,
    /// The way in which the caller signed in.
    pub sign_in: SignIn,
}

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// With the password.
    Password,
    /// With an API token.
    Token(Token),
    /// With a signature by an access key, which is a token that is not sent.
    AccessKey(Token),
    /// The platform vouches, by a client certificate.
    Certificate,
    /// The platform vouches, by Cloudflare Access.
    Access,
}

/// An API token or access key, and how far it reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Row of the tokens table.
    pub id: i64,
    /// How far it reaches.
    pub reach: Reach,
}

/// The things that a token may do of those that its user may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Reads.
    Reads,
    /// All but administration.
    Work,
    /// All: an administrator, who still is one, made it for administration.
    Administration,
}

impl SignIn {
    /// The token or access key, if it was one.
    pub fn token(self) -> Option<Token> {
        match self {
            Self::Token(token) | Self::AccessKey(token) => Some(token),
            Self::Password | Self::Certificate | Self::Access => None,
        }
    }

    /// Returns true if it is not good enough to change anything.
    pub fn only_reads(self) -> bool {
        self.token().is_some_and(|token| token.reach == Reach::Reads)
    }

    /// A word for it, for the log and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Token(_) => "token",
            Self::AccessKey(_) => "access key",
            Self::Certificate => "client certificate",
            Self::Access => "Cloudflare Access",
        }
    }

    /// Returns true if it is strong enough to change users, or the grants of others, and to make credentials. A token lies about
    /// in files and environments: a leaked one must not outlive itself by what it has made.
    pub fn may_administer(self) -> bool {
        self.token().is_none_or(|token| token.reach == Reach::Administration)
    }
}
