//! Permissions, grants, and the decision.
//!
//! | level          | read | use | update | delete | manage |
//! |----------------|------|-----|--------|--------|--------|
//! | NO_PERMISSIONS |      |     |        |        |        |
//! | READ           | x    |     |        |        |        |
//! | USE            | x    | x   |        |        |        |
//! | EDIT           | x    | x   | x      |        |        |
//! | MANAGE         | x    | x   | x      | x      | x      |
//!
//! A grant on the resource decides, also when it is lower than the default (MLflow 3.3); with none the default
//! does. Administrators pass.

mod permit;

use std::collections::BTreeMap;

use crate::error::{Rejection, Result};
pub use permit::{Denial, Held, Permit, Permitted, Question, Reason, Requirement, decide, may_read};

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
}

/// A level: a set of capabilities. They are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Shut out, whatever the default is.
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
            Capability::Read => Self::Read,
            Capability::Use => Self::Use,
            Capability::Update => Self::Edit,
            Capability::Delete | Capability::Manage => Self::Manage,
        };
        self >= least
    }
}

/// A type of resource that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An experiment, by its id.
    Experiment,
    /// A registered model or a prompt, by its name.
    RegisteredModel,
}

impl Kind {
    /// Reads MLflow's name of a resource type; a prompt is a registered model.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "experiment" => Some(Self::Experiment),
            "registered_model" | "prompt" => Some(Self::RegisteredModel),
            _ => None,
        }
    }

    /// MLflow's name of the type, also in D1.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::RegisteredModel => "registered_model",
        }
    }
}

/// One experiment or one registered model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// Which of the two.
    pub kind: Kind,
    /// Id or name.
    pub id: String,
}

impl Resource {
    /// The experiment of this id, which must be in its one spelling.
    ///
    /// MLflow's stores read ids with Python's `int`: `01`, `1_0`, ` 1` and `٣` are experiments too. A grant on `1`
    /// has to decide about them, so that no other spelling is let through.
    pub fn experiment(id: &str) -> Result<Self> {
        let digits = id.bytes().all(|b| b.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
        // with a letter, or a dash within, it is no number to `int`; `1_0` is one
        let word = id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && id.bytes().any(|b| b.is_ascii_alphabetic() || b == b'-');
        if id.is_empty() || !(digits || word) {
            return Err(Rejection::invalid(format!("Invalid experiment ID: '{id}'.")));
        }
        Ok(Self { kind: Kind::Experiment, id: id.to_owned() })
    }

    /// The registered model of this name.
    pub fn registered_model(name: &str) -> Self {
        Self { kind: Kind::RegisteredModel, id: name.to_owned() }
    }
}

/// A user's grants on the resources that the directory was asked about.
///
/// That no grant is there means the default only for these: another request of the isolate may teach the parent of a
/// run while the directory is asked, and its experiment then is one that was not asked about. A tree, since the client
/// chooses the names: the keys of a hash table are not random in wasm.
#[derive(Clone, Debug, Default)]
pub struct Grants(BTreeMap<Resource, Option<Permission>>);

impl Grants {
    /// None yet, on these resources.
    pub fn on(asked: &[Resource]) -> Self {
        asked.iter().map(|resource| (resource.clone(), None)).collect()
    }

    /// Adds one that the directory has.
    pub fn add(&mut self, resource: Resource, level: Permission) {
        self.0.insert(resource, Some(level));
    }

    /// Every resource that the directory was asked about, with the level of the grant on it.
    pub fn iter(&self) -> impl Iterator<Item = (&Resource, Option<Permission>)> {
        self.0.iter().map(|(resource, level)| (resource, *level))
    }

    /// Returns true if the directory was asked about all of these.
    pub fn cover<'r>(&self, mut resources: impl Iterator<Item = &'r Resource>) -> bool {
        resources.all(|resource| self.0.contains_key(resource))
    }

    /// The level on a resource: the grant's, or else the default; nothing if it was not asked about.
    pub fn level(&self, resource: &Resource, default: Permission) -> Permission {
        self.0.get(resource).map_or(Permission::NoPermissions, |level| level.unwrap_or(default))
    }
}

impl FromIterator<(Resource, Option<Permission>)> for Grants {
    fn from_iter<I: IntoIterator<Item = (Resource, Option<Permission>)>>(grants: I) -> Self {
        let mut all = BTreeMap::new();
        all.extend(grants); // one by one: to collect them would sort them first
        Self(all)
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
    /// With an API token that may do all that its user may.
    Token,
    /// With an API token that may only read.
    ReadOnlyToken,
    /// With an API token that an administrator, who still is one, made for administration.
    AdminToken,
    /// The platform vouches: a client certificate, or Cloudflare Access.
    Platform,
}

impl SignIn {
    /// Returns true if it is strong enough to change users, or the grants of others, and to make credentials. A token lies about
    /// in files and environments: a leaked one must not outlive itself by what it has made.
    pub fn may_administer(self) -> bool {
        match self {
            Self::Password | Self::Platform | Self::AdminToken => true,
            Self::Token | Self::ReadOnlyToken => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_has_one_spelling() {
        for good in ["0", "1", "10", "748392016574839201", "exp-a_1", "7b26f6b84fa2", "0a", "1e5", "0x10"] {
            assert!(Resource::experiment(good).is_ok(), "{good}");
        }
        for bad in ["", "01", "00", "1_0", " 1", "1 ", "+1", "-1", "1.0", "0_1", "٣", "1\n", "1/2", "a b"] {
            assert!(Resource::experiment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_grant_decides_also_when_it_is_lower_than_the_default() {
        let one = Resource::registered_model("m");
        // the same name of another kind is another resource
        let other = Resource { kind: Kind::Experiment, id: "m".into() };
        let mut grants = Grants::on(&[one.clone(), other.clone()]);
        grants.add(one.clone(), Permission::NoPermissions);
        assert_eq!(grants.level(&one, Permission::Manage), Permission::NoPermissions);
        assert_eq!(grants.level(&other, Permission::Edit), Permission::Edit);
    }

    #[test]
    fn what_was_not_asked_about_is_not_the_default() {
        let (one, other) = (Resource::registered_model("m"), Resource::registered_model("n"));
        let grants = Grants::on(std::slice::from_ref(&one));
        assert!(grants.cover([&one].into_iter()) && !grants.cover([&one, &other].into_iter()));
        assert_eq!(grants.level(&other, Permission::Manage), Permission::NoPermissions);
    }
}
