//! Workspaces: the standing of a user in one, which decides about its roles.
//!
//! A user with a role of a workspace is a member and sees its roles; a user with a role that grants MANAGE on the
//! workspace is a manager and changes them. Only roles of the workspace `default` decide about resources.

use std::collections::BTreeMap;
use std::fmt;

/// The standing of a user in a workspace; a manager is a member too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Has a role of it.
    Member,
    /// Has a role of it that grants MANAGE on the workspace.
    Manager,
}

/// A standing, with the workspace in which it is held and the role that gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The standing.
    pub standing: Standing,
    /// The workspace.
    pub workspace: String,
    /// Row of the roles table.
    pub role: i64,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of workspace {} (role {})", self.standing, self.workspace, self.role)
    }
}

/// The workspaces in which a user has a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence(BTreeMap<String, (Standing, i64)>);

impl Presence {
    /// Adds a workspace, with the role that gives the standing.
    pub fn add(&mut self, held: Held) {
        self.0.insert(held.workspace, (held.standing, held.role));
    }

    /// The standing in a workspace, if it is at least the needed one.
    fn at_least(&self, needed: Standing, workspace: &str) -> Option<Held> {
        let (standing, role) = *self.0.get(workspace)?;
        (standing >= needed).then(|| Held { standing, workspace: workspace.to_owned(), role })
    }
}

/// The workspaces in which a standing is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Any workspace.
    Any,
    /// One of these.
    OneOf(Vec<String>),
    /// Every one of these. If there are none, nobody has it.
    Each(Vec<String>),
}

/// A standing that is needed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InWorkspace {
    /// The standing.
    pub needed: Standing,
    /// The workspaces.
    pub scope: Scope,
}

impl InWorkspace {
    /// The standings that are enough, or nothing.
    pub fn held(&self, presence: &Presence) -> Option<Vec<Held>> {
        let held = |workspace: &String| presence.at_least(self.needed, workspace);
        match &self.scope {
            Scope::Any => presence.0.keys().find_map(held).map(|held| vec![held]),
            Scope::OneOf(workspaces) => workspaces.iter().find_map(held).map(|held| vec![held]),
            Scope::Each(workspaces) if workspaces.is_empty() => None,
            Scope::Each(workspaces) => workspaces.iter().map(held).collect(),
        }
    }
}

impl fmt::Display for InWorkspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Scope::Any => write!(f, "{:?} of any workspace", self.needed),
            Scope::OneOf(workspaces) => write!(f, "{:?} of one of {workspaces:?}", self.needed),
            Scope::Each(workspaces) if workspaces.is_empty() => {
                write!(f, "{:?} of what is in no workspace", self.needed)
            }
            Scope::Each(workspaces) => write!(f, "{:?} of {workspaces:?}", self.needed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Manager, Member};

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn may(needed: Standing, scope: Scope) -> bool {
        let mut presence = Presence::default();
        presence.add(Held { standing: Manager, workspace: "a".to_owned(), role: 1 });
        presence.add(Held { standing: Member, workspace: "b".to_owned(), role: 2 });
        InWorkspace { needed, scope }.held(&presence).is_some()
    }

    #[test]
    fn a_standing_holds_in_its_workspace_alone() {
        assert!(may(Manager, Scope::Any) && may(Member, Scope::Any));
        assert!(may(Member, Scope::Each(names(&["a", "b"]))) && !may(Manager, Scope::Each(names(&["a", "b"]))));
        assert!(!may(Member, Scope::Each(names(&["a", "c"]))) && !may(Member, Scope::Each(names(&["A"]))));
        assert!(may(Manager, Scope::OneOf(names(&["b", "a"]))) && !may(Manager, Scope::OneOf(names(&["b", "c"]))));
        assert!(!may(Member, Scope::Each(Vec::new())) && !may(Member, Scope::OneOf(Vec::new())));
        let nobody = Presence::default();
        assert!(InWorkspace { needed: Member, scope: Scope::Any }.held(&nobody).is_none());
    }
}
