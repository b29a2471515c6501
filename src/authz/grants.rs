//! The grants of a caller, and the rule that folds them into one level (MLflow 3.17).
//!
//! A grant is a row of a role that the caller has: a type, a pattern (one id, or `*` for every resource of the type) and
//! a level. A requirement looks at one resource after the other, the *rungs* of a ladder: the thing itself first, then
//! its container. The first rung about which any grant speaks decides, also where a later one would say more. On a rung
//!
//! 1. DENY wins, however specific the others are;
//! 2. else the highest level stands; an exact pattern is no stronger than `*`, and a role is no weaker than the grant
//!    that a user has alone.
//!
//! Where no grant speaks the default permission does. Whoever manages the workspace may do everything, whatever else is
//! granted or denied. With `GRANT_FLOOR` a grant never gives less than the default, as in MLflow 3.13 and later; without
//! it, as before, it may.

use std::collections::{BTreeMap, BTreeSet};

use super::{Capability, EVERY, Permission, Resource, ResourceType};

/// The operator's rule for what nobody has granted.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The level of everybody on everything about which no grant speaks.
    pub default: Permission,
    /// True if a grant never gives less than that (`GRANT_FLOOR`).
    pub has_floor: bool,
}

/// A row of D1 that speaks about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The level.
    pub level: Permission,
    /// Row of the roles table: the role that has the grant.
    pub role: i64,
    /// Row of the role_permissions table.
    pub row: i64,
}

impl Grant {
    /// The one of two grants on the same rung that decides.
    fn stronger(self, other: Self) -> Self {
        match (self.level, other.level) {
            (Permission::Deny, _) => self,
            (_, Permission::Deny) => other,
            (one, another) if another > one => other,
            _ => self,
        }
    }
}

/// A caller's grants on the patterns that the directory was asked about.
///
/// That no grant is there means the default only for these: another request of the isolate may teach the parent of a
/// run while the directory is asked, and its experiment then is one that was not asked about. A tree, since the client
/// chooses the names: the keys of a hash table are not random in wasm.
#[derive(Clone, Debug, Default)]
pub struct Grants(BTreeMap<Resource, Option<Grant>>);

impl Grants {
    /// None yet, on these patterns.
    pub fn on(asked: &[Resource]) -> Self {
        asked.iter().map(|resource| (resource.clone(), None)).collect()
    }

    /// Adds one that the directory has. One on a pattern that was not asked about says nothing, and neither does one on
    /// the workspace that does not make a manager (MLflow's USE lets a user be present in one).
    pub fn add(&mut self, pattern: &Resource, grant: Grant) {
        if pattern.kind == ResourceType::Workspace && grant.level != Permission::Manage {
            return;
        }
        if let Some(found) = self.0.get_mut(pattern) {
            *found = Some(found.map_or(grant, |other| other.stronger(grant)));
        }
    }

    /// Every pattern that the directory was asked about, with the grant on it.
    pub fn iter(&self) -> impl Iterator<Item = (&Resource, Option<Grant>)> {
        self.0.iter().map(|(resource, grant)| (resource, *grant))
    }

    /// Returns true if the directory was asked about all of these.
    pub fn cover<'r>(&self, mut patterns: impl Iterator<Item = &'r Resource>) -> bool {
        patterns.all(|pattern| self.0.contains_key(pattern))
    }

    /// The grant that makes the caller a manager of the workspace.
    pub fn of_manager(&self) -> Option<Grant> {
        self.0.get(&manages()).copied().flatten()
    }

    fn on_rung(&self, rung: &Rung) -> Spoken {
        let mut grant: Option<Grant> = None;
        for pattern in rung.patterns() {
            match self.0.get(pattern) {
                None => return Spoken::NotAsked,
                Some(None) => {}
                Some(Some(other)) => grant = Some(grant.map_or(*other, |it| it.stronger(*other))),
            }
        }
        grant.map_or(Spoken::Nothing, Spoken::By)
    }
}

impl FromIterator<(Resource, Option<Grant>)> for Grants {
    fn from_iter<I: IntoIterator<Item = (Resource, Option<Grant>)>>(grants: I) -> Self {
        let mut all = BTreeMap::new();
        all.extend(grants); // one by one: to collect them would sort them first
        Self(all)
    }
}

/// The word of the grants on a rung.
enum Spoken {
    /// The directory was not asked, so that nothing may follow from its silence.
    NotAsked,
    /// Nothing.
    Nothing,
    /// This.
    By(Grant),
}

/// One step of a requirement: the patterns of grants that speak about the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The capability that this rung has to give if it decides.
    pub capability: Capability,
    /// The thing.
    pub resource: Resource,
    /// The other patterns that match it.
    others: Vec<Resource>,
}

impl Rung {
    fn new(capability: Capability, resource: &Resource) -> Self {
        let Resource { kind, id } = resource;
        let mut others = Vec::new();
        if id != EVERY {
            // A name is that of one thing, a model or a prompt: a grant that names it is about that thing, whichever
            // type it was written under. `*` is every model, or every prompt, and not both.
            others.extend(other_name(*kind).map(|kind| Resource { kind, id: id.clone() }));
            others.push(Resource::every(*kind));
        }
        Self { capability, resource: resource.clone(), others }
    }

    fn patterns(&self) -> impl Iterator<Item = &Resource> {
        std::iter::once(&self.resource).chain(&self.others)
    }
}

/// Registered models and prompts share their names.
fn other_name(kind: ResourceType) -> Option<ResourceType> {
    match kind {
        ResourceType::RegisteredModel => Some(ResourceType::Prompt),
        ResourceType::Prompt => Some(ResourceType::RegisteredModel),
        _ => None,
    }
}

/// One thing that has to hold. The first of its two rungs about which a grant speaks decides, or else the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    own: Rung,
    container: Option<Rung>,
}

impl Required {
    /// A capability on a resource.
    pub fn on(capability: Capability, resource: &Resource) -> Self {
        Self { own: Rung::new(capability, resource), container: None }
    }

    /// A capability on the children of a type in a container: to see the container, and the capability on the children.
    pub fn on_children(capability: Capability, child: ResourceType, container: &Resource) -> [Self; 2] {
        [Self::on(Capability::Read, container), Self::of_child(capability, child, container)]
    }

    /// A capability by a grant on the children of a type, or else by one on their container. It counts only for those who
    /// may see the container.
    pub fn of_child(capability: Capability, child: ResourceType, container: &Resource) -> Self {
        let child = match (child, container.kind) {
            (ResourceType::RegisteredModelVersion, ResourceType::Prompt) => ResourceType::PromptVersion,
            (child, _) => child,
        };
        let of_container = match (child, capability) {
            // MLflow lets EDIT on an experiment delete its assessments
            (ResourceType::Assessment, Capability::Delete) => Capability::Update,
            (_, capability) => capability,
        };
        let own = Rung::new(capability, &Resource::every(child));
        Self { own, container: Some(Rung::new(of_container, container)) }
    }

    fn rungs(&self) -> impl Iterator<Item = &Rung> {
        std::iter::once(&self.own).chain(&self.container)
    }

    fn patterns(&self) -> impl Iterator<Item = &Resource> {
        self.rungs().flat_map(Rung::patterns)
    }

    /// The level that decides.
    pub fn weigh(&self, grants: &Grants, policy: Policy) -> Weighed<'_> {
        if let Some(grant) = grants.of_manager() {
            return Weighed { rung: &self.own, level: grant.level, by: Some(grant) };
        }
        for rung in self.rungs() {
            match grants.on_rung(rung) {
                Spoken::Nothing => {}
                Spoken::NotAsked => return Weighed { rung, level: Permission::Deny, by: None },
                Spoken::By(grant) => {
                    let is_raised = policy.has_floor && grant.level > Permission::NoPermissions;
                    let level = if is_raised { grant.level.max(policy.default) } else { grant.level };
                    return Weighed { rung, level, by: Some(grant) };
                }
            }
        }
        let last = self.container.as_ref().unwrap_or(&self.own);
        // a default permission makes nobody a manager
        let is_of_managers = last.resource.kind == ResourceType::Workspace;
        let level = if is_of_managers { Permission::NoPermissions } else { policy.default };
        Weighed { rung: last, level, by: None }
    }
}

/// The pattern of the grant that makes a manager of the workspace, who may do everything in it.
fn manages() -> Resource {
    Resource::every(ResourceType::Workspace)
}

/// The patterns on which the grants have to be known to decide all of these; none if there is nothing to be decided.
pub fn patterns<'r>(all: impl IntoIterator<Item = &'r Required>) -> Vec<Resource> {
    let mut patterns: BTreeSet<&Resource> = all.into_iter().flat_map(Required::patterns).collect();
    let manages = manages();
    if !patterns.is_empty() {
        patterns.insert(&manages);
    }
    patterns.into_iter().cloned().collect()
}

/// The level that decides about a requirement, and where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Weighed<'r> {
    /// The rung that decides.
    pub rung: &'r Rung,
    /// The level.
    pub level: Permission,
    /// The grant that says so; by default if there is none.
    pub by: Option<Grant>,
}

impl Weighed<'_> {
    /// Returns true if the level is enough for what the rung needs.
    pub fn is_enough(&self) -> bool {
        self.level.allows(self.rung.capability)
    }
}
