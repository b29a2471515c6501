//! The decision: a [`Permit`] or a [`Denial`].
//!
//! **A response leaves the gate only as [`Permitted`], and only a [`Permit`] makes one.** A permit is what [`decide`] gives,
//! and nothing else can make one:
//!
//! ```compile_fail,E0451
//! use mlflow_edge_auth::authz::{Permit, Reason};
//! let permit = Permit { username: None, reason: Reason::Public };
//! ```
//!
//! ```compile_fail,E0451
//! use mlflow_edge_auth::authz::{Permitted, Reason};
//! let response = Permitted { value: "an answer", reason: Reason::Public };
//! ```
//!
//! A new way to answer a route does not compile before every place has said what it means by it:
//!
//! ```compile_fail,E0004
//! use mlflow_edge_auth::routes::Answer;
//! fn needs_the_origin(answer: Answer) -> bool {
//!     match answer {
//!         Answer::Local(_) => false,
//!         Answer::AsIs | Answer::FilterRows(_) => true,
//!     }
//! }
//! ```

use std::fmt;

use super::workspace::{self, InWorkspace, Presence};
use super::{Caller, Capability, Grant, Grants, Permission, Policy, Required, Resource, ResourceType, Weighed};
use crate::error::Rejection;

/// The requirement of a route, with the resources that this request names.
#[derive(Debug)]
pub enum Requirement<'a> {
    /// Nothing, not even a login.
    Public,
    /// A login.
    Authenticated,
    /// To be an administrator.
    Administrator,
    /// To be this user, or an administrator.
    Account(&'a str),
    /// Each of these, or to be an administrator.
    All(&'a [Required]),
    /// A standing in workspaces, given those in which the caller has a role, or to be an administrator.
    InWorkspace(&'a InWorkspace, &'a Presence),
}

/// The question that is decided: may this be done?
#[derive(Debug)]
pub struct Question<'a> {
    /// The requirement of the route.
    pub requirement: Requirement<'a>,
    /// True if the request changes nothing.
    pub reads: bool,
    /// True if it changes users or the grants of others, or makes credentials.
    pub administers: bool,
}

/// Leave for an answer to go out, and to whom. It is given by [`decide`] alone.
#[derive(Clone, Debug)]
pub struct Permit {
    username: Option<String>,
    reason: Reason,
}

/// The reason of a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody has to log in for it.
    Public,
    /// Everybody who has logged in may have it.
    Authenticated,
    /// Administrators pass.
    Administrator,
    /// It is the caller's own account.
    OwnAccount,
    /// Each of these is held, and is enough.
    Held(Vec<Held>),
    /// The caller stands so in these workspaces.
    InWorkspace(Vec<workspace::Held>),
}

impl Reason {
    /// A word for it, of which there are few.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Authenticated => "signed in",
            Self::Administrator => "administrator",
            Self::OwnAccount => "own account",
            Self::Held(held) if held.iter().all(|held| held.by.is_none()) => "default",
            Self::Held(_) => "grant",
            Self::InWorkspace(_) => "workspace",
        }
    }
}

/// So many of what is held are told.
const MOST_TOLD: usize = 5;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public | Self::Authenticated | Self::Administrator | Self::OwnAccount => write!(f, "{}", self.kind()),
            Self::Held(held) => list(f, held),
            Self::InWorkspace(held) => list(f, held),
        }
    }
}

/// What is held more than once in a row is told once.
fn list<T: fmt::Display + PartialEq>(f: &mut fmt::Formatter<'_>, held: &[T]) -> fmt::Result {
    let different = || held.chunk_by(|one, next| one == next).filter_map(<[T]>::first);
    for (n, one) in different().take(MOST_TOLD).enumerate() {
        write!(f, "{}{one}", if n == 0 { "" } else { ", " })?;
    }
    match different().skip(MOST_TOLD).count() {
        0 => Ok(()),
        more => write!(f, " and {more} more"),
    }
}

/// The level that decided about a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The resource.
    pub resource: Resource,
    /// The level of the grant, or the default one.
    pub level: Permission,
    /// The grant; by default if there is none.
    pub by: Option<Grant>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, level, by } = self;
        write!(f, "{} on {} {}", level.as_str(), resource.kind.as_str(), resource.id)?;
        match by {
            Some(Grant { role, row, .. }) => write!(f, " (grant {row} of role {role})"),
            None => write!(f, " (by default)"),
        }
    }
}

impl Permit {
    /// In whose name the origin is asked; nobody's for what is public.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// Returns true if it was given to an administrator.
    pub fn is_administrators(&self) -> bool {
        self.reason == Reason::Administrator
    }

    /// Lets an answer out.
    pub fn release<T>(self, value: T) -> Permitted<T> {
        Permitted { value, reason: self.reason }
    }
}

/// An answer that may leave.
#[derive(Debug)]
pub struct Permitted<T> {
    value: T,
    reason: Reason,
}

impl<T> Permitted<T> {
    /// The answer, and what it was permitted for.
    pub fn into_parts(self) -> (T, Reason) {
        (self.value, self.reason)
    }
}

/// Why there is no permit: what was needed, and what was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Nobody has logged in.
    NoLogin,
    /// The token may only read.
    ReadOnlyToken {
        /// Row of the users table.
        user: i64,
    },
    /// The token was not made for administration.
    TokenWithoutScope {
        /// Row of the users table.
        user: i64,
    },
    /// It is for administrators.
    NoAdministrator {
        /// Row of the users table.
        user: i64,
    },
    /// It is about the account of another.
    AnotherAccount {
        /// Row of the users table.
        user: i64,
    },
    /// There is no such standing in the workspace.
    NoStanding {
        /// Row of the users table.
        user: i64,
        /// The standing that was needed, and where.
        needed: InWorkspace,
    },
    /// A setting keeps it for others to make such a thing.
    NoCreator {
        /// Row of the users table.
        user: i64,
        /// The type of the thing.
        kind: ResourceType,
    },
    /// The level on a resource is too low.
    TooLow {
        /// Row of the users table.
        user: i64,
        /// The capability that was needed.
        needed: Capability,
        /// The level that is held.
        held: Held,
    },
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLogin => write!(f, "nobody has logged in"),
            Self::ReadOnlyToken { user } => write!(f, "the token of user {user} may only read"),
            Self::TokenWithoutScope { user } => {
                write!(f, "user {user} signed in with a token that may not administer")
            }
            Self::NoAdministrator { user } => write!(f, "user {user} is no administrator"),
            Self::AnotherAccount { user } => write!(f, "user {user} asks about another user"),
            Self::NoStanding { user, needed } => write!(f, "user {user} is not {needed}"),
            Self::NoCreator { user, kind } => {
                write!(f, "user {user} is not among those who may make a {}", kind.as_str())
            }
            Self::TooLow { user, needed, held } => write!(f, "user {user} holds {held}, {needed:?} is needed"),
        }
    }
}

impl From<Denial> for Rejection {
    fn from(denial: Denial) -> Self {
        match &denial {
            Denial::TooLow { needed, held, .. } => {
                let (needed, held) = (format!("{needed:?}"), held.to_string());
                Self::denied(denial).weighing(needed, held)
            }
            _ => Self::denied(denial),
        }
    }
}

/// Decides a question. `grants` are those of the caller on every resource that the requirement names; on one that the
/// directory was not asked about nothing is held.
pub fn decide(
    question: &Question<'_>,
    caller: Option<&Caller>,
    grants: &Grants,
    policy: Policy,
) -> Result<Permit, Denial> {
    let Some(caller) = caller else {
        return match question.requirement {
            Requirement::Public => Ok(Permit { username: None, reason: Reason::Public }),
            Requirement::Authenticated | Requirement::Administrator => Err(Denial::NoLogin),
            Requirement::Account(_) | Requirement::All(_) => Err(Denial::NoLogin),
            Requirement::InWorkspace(..) => Err(Denial::NoLogin),
        };
    };
    let user = caller.id;
    if caller.sign_in.only_reads() && !question.reads {
        return Err(Denial::ReadOnlyToken { user });
    }
    let reason = match &question.requirement {
        _ if caller.is_admin => Reason::Administrator,
        Requirement::Public => Reason::Public,
        Requirement::Authenticated => Reason::Authenticated,
        Requirement::Administrator => return Err(Denial::NoAdministrator { user }),
        Requirement::Account(name) if *name == caller.username => Reason::OwnAccount,
        Requirement::Account(_) => return Err(Denial::AnotherAccount { user }),
        Requirement::All(all) => Reason::Held(held(all, user, grants, policy)?),
        Requirement::InWorkspace(needed, presence) => match needed.held(presence) {
            Some(held) => Reason::InWorkspace(held),
            None => return Err(Denial::NoStanding { user, needed: (*needed).clone() }),
        },
    };
    if question.administers && !caller.sign_in.may_administer() {
        return Err(Denial::TokenWithoutScope { user });
    }
    Ok(Permit { username: Some(caller.username.clone()), reason })
}

/// The levels that are enough, each of them.
fn held(all: &[Required], user: i64, grants: &Grants, policy: Policy) -> Result<Vec<Held>, Denial> {
    let weighed = all.iter().map(|required| required.weigh(grants, policy));
    weighed
        .map(|weighed| {
            let Weighed { rung, level, by } = weighed;
            let held = Held { resource: rung.resource.clone(), level, by };
            if weighed.is_enough() { Ok(held) } else { Err(Denial::TooLow { user, needed: rung.capability, held }) }
        })
        .collect()
}

/// Returns true if a row of a list may be shown: all that is required must be held, and something must be required.
pub fn may_read(all: &[Required], grants: &Grants, policy: Policy) -> bool {
    !all.is_empty() && all.iter().all(|required| required.weigh(grants, policy).is_enough())
}

#[cfg(test)]
mod tests {
    use super::super::{Reach, SignIn, Token};
    use super::workspace::{Scope, Standing};
    use super::*;

    fn caller(is_admin: bool, sign_in: SignIn) -> Caller {
        Caller { id: 2, username: "alice".into(), is_admin, sign_in }
    }

    fn ask(requirement: Requirement<'_>, caller: Option<&Caller>) -> Result<Reason, Denial> {
        let question = Question { requirement, reads: false, administers: false };
        let policy = Policy { default: Permission::Manage, has_floor: false };
        decide(&question, caller, &Grants::default(), policy).map(|permit| permit.reason)
    }

    #[test]
    fn without_a_login_there_is_only_what_is_public() {
        assert_eq!(ask(Requirement::Public, None), Ok(Reason::Public));
        let others = [
            Requirement::Authenticated,
            Requirement::Administrator,
            Requirement::Account("alice"),
            Requirement::Account(""),
            Requirement::All(&[]),
            Requirement::InWorkspace(
                &InWorkspace { needed: Standing::Member, scope: Scope::Any },
                &Presence::default(),
            ),
        ];
        for other in others {
            assert_eq!(ask(other, None), Err(Denial::NoLogin));
        }
    }

    #[test]
    fn a_permit_says_what_it_was_given_for() {
        let (alice, admin) = (caller(false, SignIn::Password), caller(true, SignIn::Password));
        assert_eq!(ask(Requirement::Account("alice"), Some(&alice)), Ok(Reason::OwnAccount));
        assert_eq!(ask(Requirement::Account("bob"), Some(&alice)), Err(Denial::AnotherAccount { user: 2 }));
        assert_eq!(ask(Requirement::Account("bob"), Some(&admin)), Ok(Reason::Administrator));
        assert_eq!(ask(Requirement::Administrator, Some(&alice)), Err(Denial::NoAdministrator { user: 2 }));
        // the default permission, which is MANAGE here, manages no workspace
        let workspace = [Required::on(Capability::Manage, &Resource::every(ResourceType::Workspace))];
        assert!(ask(Requirement::All(&workspace), Some(&alice)).is_err());
        let model = Resource::registered_model("m");
        let all = [Required::on(Capability::Delete, &model)];
        // nothing is held where the directory was not asked, whatever the default
        let held = Held { resource: model, level: Permission::Deny, by: None };
        let denied = Denial::TooLow { user: 2, needed: Capability::Delete, held };
        assert_eq!(denied.to_string(), "user 2 holds DENY on registered_model m (by default), Delete is needed");
        assert_eq!(ask(Requirement::All(&all), Some(&alice)), Err(denied));
    }

    #[test]
    fn whoever_manages_a_workspace_is_told_by_which_role() {
        let alice = caller(false, SignIn::Password);
        let held = workspace::Held { standing: Standing::Manager, workspace: "default".to_owned(), role: 4 };
        let mut presence = Presence::default();
        presence.add(held.clone());
        let needed = |name: &str| {
            let scope = Scope::Each(vec![name.to_owned()]);
            InWorkspace { needed: Standing::Manager, scope }
        };
        let (here, there) = (needed("default"), needed("other"));
        assert_eq!(held.to_string(), "Manager of workspace default (role 4)");
        assert_eq!(ask(Requirement::InWorkspace(&here, &presence), Some(&alice)), Ok(Reason::InWorkspace(vec![held])));
        let denied = ask(Requirement::InWorkspace(&there, &presence), Some(&alice)).unwrap_err();
        assert_eq!(denied.to_string(), r#"user 2 is not Manager of ["other"]"#);
    }

    #[test]
    fn a_token_that_may_only_read_writes_nothing_not_even_as_administrator() {
        let token = caller(true, SignIn::Token(Token { id: 1, reach: Reach::Reads }));
        assert_eq!(ask(Requirement::Authenticated, Some(&token)), Err(Denial::ReadOnlyToken { user: 2 }));
    }
}
