//! Which experiment a run, a trace or a dataset belongs to. The origin knows.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use futures_util::stream::{self, StreamExt, TryStreamExt};

pub mod authorizer;
pub mod gateway;
mod prefetch;
pub mod prompts;
pub mod queues;

use crate::authz::{Required, Resource};
use crate::bounded::{Bounded, Weigh};
use crate::config::Config;
use crate::error::{Rejection, Result};
use crate::http::Method;
use crate::json::Json;
use crate::mlflow::uri::{ArtifactLocation, is_inside};
use crate::request::path::percent_encode;
use crate::request::{RequiredAccess, ResourceRef};
use crate::routes::ChildKind;
use crate::upstream::proxy::Proxy;
use crate::upstream::{Origin, bad_upstream_response, collect};
use prompts::Alternatives;

/// Subrequests beside look-ups: D1, the data centre's cache, the origin.
const OTHER_SUBREQUESTS: u32 = 10;
/// With more look-ups than this the data centre's cache is left aside.
pub const MOST_CACHED: usize = 5;
/// Look-ups on their way at the same time: a Worker has six connections.
const AT_ONCE: usize = 6;

/// The owner of a child.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The experiment; a dataset may have several.
    pub experiments: Vec<Resource>,
    /// Where its artifacts are, if it has any.
    pub artifact_uri: String,
}

/// A question to the origin for a child: the target up to its id and behind it, where the answer holds the object, and
/// where in that the experiment is named.
type Question = (ChildKind, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const ID: &[&str] = &["experiment_id"];
const TRACE_ID: &[&str] = &["trace_location", "mlflow_experiment", "experiment_id"];

/// A second question of a part is for origins that do not know the first: MLflow 2 for traces.
#[rustfmt::skip]
const QUESTIONS: &[Question] = &[
    (ChildKind::Run,                   "/api/2.0/mlflow/runs/get?run_id=",                   "",                &["run", "info"],         ID),
    (ChildKind::LoggedModel,           "/api/2.0/mlflow/logged-models/",                     "",                &["model", "info"],       ID),
    (ChildKind::Trace,                 "/api/3.0/mlflow/traces/",                            "",                &["trace", "trace_info"], TRACE_ID),
    (ChildKind::Trace,                 "/api/2.0/mlflow/traces/",                            "/info",           &["trace_info"],          ID),
    (ChildKind::Dataset,               "/api/3.0/mlflow/datasets/",                          "/experiment-ids", &[],                      &["experiment_ids", "[]"]),
    (ChildKind::Issue,                 "/api/3.0/mlflow/issues/",                            "",                &["issue"],               ID),
    (ChildKind::LabelSchema,           "/api/3.0/mlflow/label-schemas/get?schema_id=",       "",                &["label_schema"],        ID),
    (ChildKind::ReviewQueue,           "/api/3.0/mlflow/review-queues/get?queue_id=",        "",                &["review_queue"],        ID),
    (ChildKind::PromptOptimizationJob, "/api/3.0/mlflow/prompt-optimization/jobs/",          "",                &["job"],                 ID),
];

/// Returns true if it stays where it is for as long as it exists. A dataset may be added to experiments, and MLflow moves a
/// trace that is started again under the same id.
pub fn is_immutable(part: ChildKind) -> bool {
    !matches!(part, ChildKind::Dataset | ChildKind::Trace)
}

/// The parents that an isolate remembers.
pub type Parents = RefCell<Bounded<(ChildKind, String), Parent>>;

const PARENTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);
/// An id of 32 digits with the place of its artifacts takes a few hundred bytes.
const PARENTS_BYTES: usize = 8 * 1024 * 1024;

/// An empty memory.
pub fn no_parents() -> Parents {
    RefCell::new(Bounded::new(PARENTS, PARENTS_BYTES))
}

impl Weigh for (ChildKind, String) {
    fn weight(&self) -> usize {
        self.1.len()
    }
}

impl Weigh for Parent {
    fn weight(&self) -> usize {
        self.artifact_uri.len() + self.experiments.iter().map(|experiment| experiment.id.len()).sum::<usize>()
    }
}

/// The access that a request requires, and the resource of each, which is looked at once.
pub struct Targets {
    required: Vec<RequiredAccess>,
    known: Vec<OnceCell<Resource>>,
}

impl Targets {
    /// Iterates over the required access, each with its resource if that is known.
    pub fn iter(&self) -> impl Iterator<Item = (&RequiredAccess, Option<&Resource>)> {
        self.required.iter().zip(self.known.iter().map(OnceCell::get))
    }

    /// Returns the required access.
    pub fn required(&self) -> &[RequiredAccess] {
        &self.required
    }

    /// Returns the requirements that are known, as far as no look-up is needed to know them.
    pub fn known_requirements(&self) -> Vec<Required> {
        let known = self.iter().filter_map(|(access, resource)| Some((access, resource?)));
        known
            .flat_map(|(access, resource)| Alternatives::of(access, resource).all().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Returns true if no look-up is needed.
    pub fn are_known(&self) -> bool {
        self.iter().all(|(_, resource)| resource.is_some())
    }
}

/// The stage that finds out what a request is about.
pub struct Owners<'a, O: Origin> {
    /// The way to the origin.
    pub proxy: &'a Proxy<'a, O>,
    /// The operator's configuration.
    pub config: &'a Config,
    /// The memory of this isolate.
    pub parents: &'a Parents,
}

impl<O: Origin> Owners<'_, O> {
    /// Returns the resources that the required access is about, as far as no look-up is needed to know them.
    pub fn targets(&self, required: Vec<RequiredAccess>) -> Targets {
        let known = required.iter().map(|access| self.known(&access.subject).map_or(OnceCell::new(), OnceCell::from));
        Targets { known: known.collect(), required }
    }

    fn known(&self, subject: &ResourceRef) -> Option<Resource> {
        match subject {
            ResourceRef::Known(resource) => Some(resource.clone()),
            ResourceRef::Child(part, id) => {
                let mut parents = self.parents.borrow_mut();
                parents.get(&(*part, id.clone())).and_then(|parent| parent.experiments.first()).cloned()
            }
            ResourceRef::ExperimentByName(_) | ResourceRef::ExperimentByNameIfExists(_) => None,
            ResourceRef::ChildIfExists(..) | ResourceRef::Location { .. } => None,
            ResourceRef::ArtifactLocation(_) | ResourceRef::Anybodys | ResourceRef::Nothing(_) => None,
            ResourceRef::EndpointByName(_) | ResourceRef::ScorerOfGuardrail(_) => None,
        }
    }

    /// The resources that each target is about; the unknown ones are looked up, a few at a time.
    ///
    /// MLflow has one question for many traces, but none for many runs: `runs/search` takes ids only within experiments
    /// that are named, which is what is to be found out.
    pub async fn resolve(&self, targets: &Targets) -> Result<Vec<Vec<Resource>>> {
        let mut seen = BTreeSet::new();
        let unknown = targets.iter().filter(|(_, resource)| resource.is_none()).map(|(access, _)| &access.subject);
        let mut unknown: Vec<&ResourceRef> = unknown.filter(|subject| seen.insert(*subject)).collect();
        let mut found = self.resolve_traces(&mut unknown).await?;
        let most = self.most_look_ups();
        if unknown.len() > most {
            return Err(Rejection::invalid(format!(
                "The request names {} runs, models or traces whose experiment is not known yet; at most {most} can be \
                 looked up for one request (SUBREQUEST_LIMIT).",
                unknown.len()
            )));
        }
        // asking the data centre's cache, and telling it, are subrequests too
        let cached = unknown.len() <= MOST_CACHED;
        let looked_up = stream::iter(&unknown).map(|subject| self.find(subject, cached)).buffered(AT_ONCE);
        let looked_up: Vec<Vec<Resource>> = looked_up.try_collect().await?;
        found.extend(unknown.into_iter().zip(looked_up));
        let resources = |(access, known): (&RequiredAccess, Option<&Resource>)| match known {
            Some(resource) => Some(vec![resource.clone()]),
            None => found.get(&access.subject).cloned(),
        };
        targets
            .iter()
            .map(|target| resources(target).ok_or_else(|| bad_upstream_response("a look-up was lost")))
            .collect()
    }

    fn most_look_ups(&self) -> usize {
        self.config.subrequest_limit.saturating_sub(OTHER_SUBREQUESTS) as usize
    }

    /// Takes the traces out of `unknown` and resolves them with one question, if there are several.
    async fn resolve_traces<'s>(
        &self,
        unknown: &mut Vec<&'s ResourceRef>,
    ) -> Result<BTreeMap<&'s ResourceRef, Vec<Resource>>> {
        let trace_id = |subject: &&'s ResourceRef| match *subject {
            ResourceRef::Child(ChildKind::Trace, id) | ResourceRef::ChildIfExists(ChildKind::Trace, id) => {
                Some(id.as_str())
            }
            _ => None,
        };
        let mut resolved = BTreeMap::new();
        if unknown.iter().any(|subject| matches!(subject, ResourceRef::ChildIfExists(_, id) if !is_segment(id))) {
            return Ok(resolved); // refused one by one
        }
        let ids: Vec<&str> = unknown.iter().filter_map(trace_id).collect();
        if ids.len() < 2 {
            return Ok(resolved);
        }
        let Some(found) = self.traces(&ids).await? else { return Ok(resolved) };
        let (traces, others): (Vec<_>, Vec<_>) = unknown.drain(..).partition(|subject| trace_id(subject).is_some());
        *unknown = others;
        for subject in traces {
            let resources = trace_id(&subject).and_then(|id| found.get(id)).cloned();
            match (resources, subject) {
                (Some(resources), _) => resolved.insert(subject, resources),
                (None, ResourceRef::ChildIfExists(..)) => resolved.insert(subject, Vec::new()),
                (None, _) => return Err(not_found(subject)),
            };
        }
        Ok(resolved)
    }

    async fn find(&self, subject: &ResourceRef, cached: bool) -> Result<Vec<Resource>> {
        match subject {
            ResourceRef::Known(resource) => Ok(vec![resource.clone()]),
            ResourceRef::Nothing(reason) => Err(Rejection::denied(reason.clone())),
            ResourceRef::Anybodys => Ok(Vec::new()),
            ResourceRef::ArtifactLocation(location) => self.allowed_location(location).map(|()| Vec::new()),
            ResourceRef::Location { source, run, logged_model } => {
                self.owner(source, run.as_deref(), logged_model.as_deref(), cached).await
            }
            ResourceRef::ExperimentByName(name) | ResourceRef::ExperimentByNameIfExists(name) => {
                let target = format!("/api/2.0/mlflow/experiments/get-by-name?experiment_name={}", encoded(name));
                match (self.ask(target).await?, subject) {
                    (Some(answer), _) => experiments_in(&answer, &["experiment", "experiment_id"]),
                    (None, ResourceRef::ExperimentByNameIfExists(_)) => Ok(Vec::new()),
                    (None, _) => Err(not_found(subject)),
                }
            }
            ResourceRef::EndpointByName(name) => Ok(vec![self.endpoint_by_name(name).await?]),
            ResourceRef::ScorerOfGuardrail(id) => Ok(vec![self.scorer_of_guardrail(id).await?]),
            ResourceRef::ChildIfExists(part, id) if !is_segment(id) => {
                Err(Rejection::denied(format!("{part:?} '{id}' cannot be asked for")))
            }
            ResourceRef::ChildIfExists(part, id) => {
                Ok(self.parent(*part, id, cached).await?.map_or(Vec::new(), |p| p.experiments))
            }
            ResourceRef::Child(part, id) => {
                match self.parent(*part, id, cached).await?.ok_or_else(|| not_found(subject))?.experiments {
                    none if none.is_empty() => Err(Rejection::denied(format!("{subject:?} belongs to no experiment"))),
                    experiments => Ok(experiments),
                }
            }
        }
    }

    /// The operator says below which places every user may have artifacts; any other is for administrators.
    fn allowed_location(&self, location: &str) -> Result<()> {
        match ArtifactLocation::parse(location) {
            Ok(place) if place.is_below(&self.config.artifact_locations) => Ok(()),
            _ => Err(Rejection::denied(format!("{location} is not below one of ARTIFACT_LOCATIONS"))),
        }
    }

    /// The experiment of the run or logged model whose artifacts a place lies in; none for a place from which the operator
    /// lets everybody register models.
    async fn owner(
        &self,
        source: &str,
        run: Option<&str>,
        logged_model: Option<&str>,
        cached: bool,
    ) -> Result<Vec<Resource>> {
        for (part, id) in [(ChildKind::Run, run), (ChildKind::LoggedModel, logged_model)] {
            let Some(parent) = (match id {
                Some(id) => self.parent(part, id, cached).await?,
                None => None,
            }) else {
                continue;
            };
            if is_inside(source, &parent.artifact_uri) {
                return Ok(parent.experiments);
            }
        }
        if self.config.model_sources.iter().any(|prefix| is_inside(source, prefix)) {
            return Ok(Vec::new());
        }
        Err(Rejection::denied(format!("{source} is not among the artifacts of a run or model that the request names")))
    }

    /// Looks a parent up, or remembers it. `None` if the origin does not know the part.
    pub async fn parent(&self, part: ChildKind, id: &str, cached: bool) -> Result<Option<Parent>> {
        let key = (part, id.to_owned());
        if let Some(parent) = self.parents.borrow_mut().get(&key) {
            return Ok(Some(parent.clone()));
        }
        if !is_segment(id) {
            return Ok(None);
        }
        if is_immutable(part)
            && cached
            && let Some(parent) = self.cached_parent(part, id).await
        {
            self.parents.borrow_mut().put(key, parent.clone());
            return Ok(Some(parent));
        }
        for (_, before, after, object, experiment) in QUESTIONS.iter().filter(|(of, ..)| *of == part) {
            let Some(answer) = self.ask(format!("{before}{id}{after}")).await? else { continue };
            let object =
                answer.at(object).ok_or_else(|| bad_upstream_response(format!("no {object:?} in the answer")))?;
            let parent = parent_in(object, experiment)?;
            if is_immutable(part) {
                if cached {
                    self.proxy.origin.cache_parent(&cache_key(part, id), fact(object).into_bytes());
                }
                self.parents.borrow_mut().put(key, parent.clone());
            }
            return Ok(Some(parent));
        }
        Ok(None)
    }

    /// Returns the fact that the data centre has, which only this gate writes.
    async fn cached_parent(&self, part: ChildKind, id: &str) -> Option<Parent> {
        let fact = self.proxy.origin.cached_parent(&cache_key(part, id)).await?;
        parent_in(&Json::parse(&fact).ok()?, ID).ok().filter(|parent| parent.experiments.len() == 1)
    }

    /// Asks for many traces at once. `None` if the origin is too old for that (MLflow before 3.9).
    async fn traces(&self, ids: &[&str]) -> Result<Option<BTreeMap<String, Vec<Resource>>>> {
        let mut question = Json::Object(Vec::new());
        question.set("trace_ids", Json::List(ids.iter().map(|id| Json::Text((*id).to_owned())).collect()));
        let target = "/api/3.0/mlflow/traces/batchGetInfos";
        let response = self.proxy.ask(Method::Post, target, Some(question), None).await?;
        if matches!(response.status, 404 | 405) {
            return Ok(None);
        }
        if response.status != 200 {
            return Err(bad_upstream_response(format!("look-up of traces: status {}", response.status)));
        }
        let answer = read_json(&collect(response.body).await?)?;
        let rows = answer.field("trace_infos").and_then(Json::list).unwrap_or_default();
        let mut found = BTreeMap::new();
        for row in rows {
            let id = row
                .field("trace_id")
                .and_then(Json::text)
                .ok_or_else(|| bad_upstream_response("a trace without an id"))?;
            found.insert(id.to_owned(), experiments_in(row, TRACE_ID)?);
        }
        Ok(Some(found))
    }

    /// Asks the origin; `None` is 404.
    async fn ask(&self, target: String) -> Result<Option<Json>> {
        let response = self.proxy.ask(Method::Get, target.as_str(), None, None).await?;
        match response.status {
            200 => Ok(Some(read_json(&collect(response.body).await?)?)),
            404 => Ok(None),
            status => Err(bad_upstream_response(format!("look-up {target}: status {status}"))),
        }
    }

    /// Remembers the parent that an answer named in passing; `object` is what the answer says of the part.
    pub fn learn(&self, part: ChildKind, id: &str, object: &Json) {
        if let Ok(parent) = parent_in(object, ID)
            && is_immutable(part)
            && is_segment(id)
        {
            self.parents.borrow_mut().put((part, id.to_owned()), parent);
        }
    }
}

fn cache_key(part: ChildKind, id: &str) -> String {
    format!("{part:?}/{id}")
}

/// Returns the fact that the data centre is given: the part of an answer that [`parent_in`] reads.
fn fact(object: &Json) -> String {
    let mut fact = Json::Object(Vec::new());
    for name in ["experiment_id", "artifact_uri"] {
        if let Some(value) = object.field(name) {
            fact.set(name, value.clone());
        }
    }
    fact.compact()
}

fn parent_in(object: &Json, experiment: &[&str]) -> Result<Parent> {
    let uri = object.field("artifact_uri").and_then(Json::text).unwrap_or_default();
    Ok(Parent { experiments: experiments_in(object, experiment)?, artifact_uri: uri.to_owned() })
}

/// Refuses a resource that does not exist like one that is forbidden: no oracle.
fn not_found(subject: &ResourceRef) -> Rejection {
    Rejection::denied(format!("{subject:?} does not exist"))
}

fn encoded(text: &str) -> String {
    percent_encode(text, "")
}

/// One path segment that needs no thought: ids are of this form in every store.
fn is_segment(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The experiments that an answer names at this path. `[]` is every item of a list, which may be left out as MLflow
/// does with empty ones; everything else must be there.
pub fn experiments_in(answer: &Json, path: &[&str]) -> Result<Vec<Resource>> {
    let missing = || bad_upstream_response(format!("no {path:?} in the answer"));
    match path {
        [] => {
            let id = answer.text().ok_or_else(missing)?;
            Ok(vec![Resource::experiment(id).map_err(|_| bad_upstream_response("an experiment id that is none"))?])
        }
        [list, "[]", rest @ ..] => {
            if !matches!(answer, Json::Object(_)) {
                return Err(missing());
            }
            let Some(items) = answer.field(list) else { return Ok(Vec::new()) };
            let items = items.list().ok_or_else(missing)?;
            let experiments: Vec<Vec<Resource>> =
                items.iter().map(|item| experiments_in(item, rest)).collect::<Result<_>>()?;
            Ok(experiments.concat())
        }
        [name, rest @ ..] => experiments_in(answer.field(name).ok_or_else(missing)?, rest),
    }
}

/// Reads an answer of the origin.
pub fn read_json(bytes: &[u8]) -> Result<Json> {
    Json::parse(bytes).map_err(|error| bad_upstream_response(format!("not JSON: {error}")))
}
