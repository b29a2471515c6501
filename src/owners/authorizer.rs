//! From what a route requires to a permit: the resources that the request is about, the grants on them, the decision.

use super::prompts::Alternatives;
use super::{Owners, Targets};
use crate::accounts::{Accounts, Database};
use crate::authz::workspace::{InWorkspace, Scope, Standing};
use crate::authz::{
    self, Caller, Capability, Denial, Grants, Permit, Question, Required, Requirement, Resource, ResourceType,
    may_read, patterns,
};
use crate::config::Creators;
use crate::error::{Rejection, Result};
use crate::http::Method;
use crate::request::role_input::role_ids;
use crate::request::{Call, RequiredAccess, ResourceRef};
use crate::routes::{Answer, Endpoint, Place, Requires, Route};
use crate::upstream::Origin;

/// The stage that gives permits.
pub struct Authorizer<'a, D, O: Origin> {
    /// Users and grants.
    pub accounts: &'a Accounts<D>,
    /// The owners of children.
    pub owners: &'a Owners<'a, O>,
}

/// A caller with everything that is known about the request.
pub struct Asker<'a> {
    /// The user.
    pub caller: &'a Caller,
    /// The grants on everything that was known to be asked for.
    pub grants: Grants,
    /// The access that the row requires of this request.
    pub targets: Result<Targets>,
}

impl<O: Origin> Owners<'_, O> {
    /// Returns true if these grants are enough for what is known to be asked for, whatever a name is the name of.
    pub fn known_requirements_met(&self, targets: &Targets, caller: &Caller, grants: &Grants) -> bool {
        let policy = self.config.policy();
        caller.is_admin || targets.known_requirements().iter().all(|it| it.weigh(grants, policy).is_enough())
    }
}

/// Returns true if the experiment is still unknown, so that only the answer tells it. A HEAD has no answer to read.
pub fn only_the_answer_tells<S>(call: &Call<S>, targets: &Targets) -> bool {
    call.method != Method::Head && !targets.are_known()
}

impl<D: Database, O: Origin> Authorizer<'_, D, O> {
    /// Gives a permit for a request, or says why there is none.
    pub async fn permit(&self, route: &Route, call: &Call<O::Stream>, asker: Asker<'_>) -> Result<Permit> {
        let Asker { caller, grants, targets } = asker;
        let decide = |requirement| self.decide(call, route.endpoint(), requirement, caller, &grants);
        if caller.is_admin {
            let permit = decide(Requirement::Administrator)?;
            // an endpoint of our own reads its parameters itself, in MLflow's order
            return if route.endpoint().is_some() { Ok(permit) } else { check_for_admin(targets).map(|()| permit) };
        }
        match route.requires {
            Requires::Public => decide(Requirement::Public),
            Requires::Authenticated => decide(Requirement::Authenticated),
            Requires::Administrator => decide(Requirement::Administrator),
            Requires::Oneself => {
                decide(Requirement::Authenticated)?; // what the sign-in forbids comes before what the request lacks
                decide(Requirement::Account(call.account()?))
            }
            Requires::OneselfOrManager => {
                decide(Requirement::Authenticated)?;
                let targets = targets?;
                match call.account()? {
                    own if own == caller.username => decide(Requirement::Account(own)),
                    _ => self.all(call, &targets, caller, &mut grants.clone()).await,
                }
            }
            Requires::InWorkspace(needed, place) => {
                decide(Requirement::Authenticated)?;
                self.in_workspace(route, call, caller, needed, place).await
            }
            Requires::All(_) | Requires::GraphQl => {
                decide(Requirement::Authenticated)?;
                let targets = targets?;
                if targets.required().is_empty() && !may_name_nothing(route) {
                    return Err(nothing_named(route));
                }
                self.check_may_create(route, call, caller, &grants).await?;
                let mut grants = grants;
                let permit = self.all(call, &targets, caller, &mut grants).await?;
                self.check_queues(route, call, caller, &grants).await?;
                Ok(permit)
            }
        }
    }

    /// Gives a permit to whoever stands so in the workspace that the request is about: one more statement.
    async fn in_workspace(
        &self,
        route: &Route,
        call: &Call<O::Stream>,
        caller: &Caller,
        needed: Standing,
        place: Place,
    ) -> Result<Permit> {
        let accounts = self.accounts;
        let decide = |requirement| self.decide(call, route.endpoint(), requirement, caller, &Grants::default());
        let (presence, scope) = match place {
            Place::Anywhere => (accounts.presence(caller.id).await?, Scope::Any),
            Place::OfRole => {
                let ids = role_ids(call)?;
                let (presence, workspace) = accounts.presence_and_workspace(caller.id, &ids).await?;
                (presence, Scope::Each(workspace.into_iter().collect()))
            }
            Place::EachNamed => {
                // a name that is blank is none, and refused by the endpoint
                let named = call.query.all("workspace").filter(|name| !name.trim().is_empty());
                let named = named.map(str::to_owned).collect();
                (accounts.presence(caller.id).await?, Scope::Each(named))
            }
            Place::OfUser => {
                let username = call.account()?;
                if username == caller.username {
                    return decide(Requirement::Account(username));
                }
                let (presence, workspaces) = accounts.presence_beside(caller.id, username).await?;
                (presence, Scope::OneOf(workspaces))
            }
        };
        decide(Requirement::InWorkspace(&InWorkspace { needed, scope }, &presence))
    }

    /// Refuses to let somebody make what `CREATE_EXPERIMENTS` or `CREATE_MODELS` keeps for others. A manager of the
    /// workspace may make everything. Where roles are named, D1 is asked for them.
    async fn check_may_create(
        &self,
        route: &Route,
        call: &Call<O::Stream>,
        caller: &Caller,
        grants: &Grants,
    ) -> Result<()> {
        let config = self.owners.config;
        let (kind, creators) = match route.creates() {
            None => return Ok(()),
            Some(ResourceType::Experiment) if call.optional("experiment_id")?.is_some() => return Ok(()), // into that
            Some(kind @ ResourceType::Experiment) => (kind, &config.create_experiments),
            Some(kind) => (kind, &config.create_models),
        };
        let may = match creators {
            _ if grants.of_manager().is_some() => true,
            Creators::Everyone => true,
            Creators::Administrators => false,
            Creators::Roles(names) => self.accounts.has_role(caller.id, names).await?,
        };
        if may { Ok(()) } else { Err(Denial::NoCreator { user: caller.id, kind }.into()) }
    }

    /// Gives a permit if every required access is held. Unknown experiments cost look-ups and a second statement.
    pub async fn all(
        &self,
        call: &Call<O::Stream>,
        targets: &Targets,
        caller: &Caller,
        grants: &mut Grants,
    ) -> Result<Permit> {
        let resources = self.owners.resolve(targets).await?;
        let each = targets.required().iter().zip(&resources);
        let all =
            each.flat_map(|(access, resources)| resources.iter().map(|it| Alternatives::of(access, it))).collect();
        let endpoint = call.row.and_then(Route::endpoint);
        self.chosen(call, endpoint, all, caller, grants).await
    }

    /// A permit to see all of these, with the grants that D1 has now. `like` is the access that the request requires.
    pub async fn to_read(
        &self,
        call: &Call<O::Stream>,
        resources: &[Resource],
        like: Option<&RequiredAccess>,
        caller: &Caller,
    ) -> Result<Permit> {
        let access = match like {
            Some(access) => RequiredAccess { capability: Capability::Read, ..access.clone() },
            None => RequiredAccess::to(Capability::Read, ResourceRef::Anybodys),
        };
        let all = resources.iter().map(|resource| Alternatives::of(&access, resource)).collect();
        self.chosen(call, None, all, caller, &mut Grants::default()).await
    }

    /// A permit if one alternative of each is held. D1 is asked if the grants do not cover all of them.
    async fn chosen(
        &self,
        call: &Call<O::Stream>,
        endpoint: Option<Endpoint>,
        all: Vec<Alternatives>,
        caller: &Caller,
        grants: &mut Grants,
    ) -> Result<Permit> {
        let patterns = patterns(all.iter().flat_map(Alternatives::all));
        if !grants.cover(patterns.iter()) {
            *grants = self.accounts.grants(caller.id, &patterns).await?;
        }
        let required = self.owners.choose(all, grants, self.owners.config.policy()).await?;
        self.decide(call, endpoint, Requirement::All(&required), caller, grants)
    }

    /// A permit for whatever everybody gets who has logged in.
    pub fn signed_in(&self, call: &Call<O::Stream>, caller: &Caller) -> Result<Permit> {
        self.decide(call, None, Requirement::Authenticated, caller, &Grants::default())
    }

    /// A permit for what no row covers: for administrators.
    pub fn unknown(&self, call: &Call<O::Stream>, caller: &Caller) -> Result<Permit> {
        let permit = self.decide(call, None, Requirement::Administrator, caller, &Grants::default());
        let no_row = || Rejection::denied(format!("no row for {} {}", call.method.as_str(), call.path));
        permit.map_err(|rejection| if caller.is_admin { rejection } else { no_row() })
    }

    /// A permit for the ones among these that may be seen: each with what is required to see it.
    pub fn readable(
        &self,
        call: &Call<O::Stream>,
        all: Vec<(Resource, Vec<Required>)>,
        caller: &Caller,
        grants: &Grants,
    ) -> Result<(Permit, Vec<Resource>)> {
        let policy = self.owners.config.policy();
        let (readable, required): (Vec<_>, Vec<_>) =
            all.into_iter().filter(|(_, required)| may_read(required, grants, policy)).unzip();
        let permit = self.decide(call, None, Requirement::All(&required.concat()), caller, grants)?;
        Ok((permit, readable))
    }

    fn decide(
        &self,
        call: &Call<O::Stream>,
        endpoint: Option<Endpoint>,
        requirement: Requirement<'_>,
        caller: &Caller,
        grants: &Grants,
    ) -> Result<Permit> {
        let administers = endpoint.is_some_and(Endpoint::administers);
        let question = Question { requirement, reads: call.reads(), administers };
        Ok(authz::decide(&question, Some(caller), grants, self.owners.config.policy())?)
    }
}

/// Returns true if a row whose ids may all be missing says enough about a request that has none of them: the answer is narrowed.
fn may_name_nothing(route: &Route) -> bool {
    match route.answer {
        Answer::FilterRows(_) | Answer::GraphQl | Answer::RestrictIds => true,
        Answer::AsIs | Answer::CachePublic | Answer::ByResponse(_) | Answer::RememberParent(..) => false,
        Answer::Effect(_) | Answer::EmptyUnlessAdmin(_) | Answer::Local(_) => false,
        Answer::Redact(..) | Answer::UsableModels | Answer::ServerInfo => false,
    }
}

fn nothing_named(route: &Route) -> Rejection {
    match route.access().first() {
        Some(claim) => Rejection::missing(claim.parts().1.parameters.first().unwrap_or(&"id")),
        None => Rejection::denied("the request names nothing"),
    }
}

/// An administrator may do everything, but what goes to the origin is canonical for one too. What is only missing,
/// or of a media type that the origin refuses, is left to the origin's own words.
fn check_for_admin(targets: Result<Targets>) -> Result<()> {
    targets.map(drop).or_else(|rejection| if rejection.is_left_to_origin() { Ok(()) } else { Err(rejection) })
}
