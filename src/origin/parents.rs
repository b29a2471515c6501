//! Which experiment a run or a logged model belongs to. The origin knows; it never changes.

use futures_util::future::try_join_all;

use super::{Origin, OriginRequest, collect, unusable};
use crate::access::Resource;
use crate::directory::Database;
use crate::error::{Refusal, Result};
use crate::gate::Gate;
use crate::http::{Body, Headers, Method};
use crate::request::Subject;
use crate::request::json::Json;
use crate::request::path::percent_encode;

/// As many as fit beside the other subrequests of an invocation on the free plan.
const MOST_LOOK_UPS: usize = 40;

/// What a run or a logged model belongs to.
#[derive(Clone, Debug)]
pub struct Parent {
    /// The experiment.
    pub experiment: Resource,
    /// Where its artifacts are.
    pub artifact_uri: String,
}

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// The resource that a subject is about if no look-up is needed to know it.
    pub fn known(&self, subject: &Subject) -> Option<Resource> {
        match subject {
            Subject::Known(resource) => Some(resource.clone()),
            Subject::Run(_) | Subject::LoggedModel(_) => {
                self.isolate.parents.borrow_mut().get(subject).map(|parent| parent.experiment.clone())
            }
            _ => None,
        }
    }

    /// The resource that each subject is about; the unknown ones are looked up side by side.
    pub async fn resolve(&self, subjects: &[&Subject]) -> Result<Vec<Resource>> {
        let mut unknown: Vec<&Subject> = Vec::new();
        for subject in subjects {
            if self.known(subject).is_none() && !unknown.contains(subject) {
                unknown.push(subject);
            }
        }
        if unknown.len() > MOST_LOOK_UPS {
            return Err(Refusal::invalid(format!(
                "The request names {} runs or models whose experiment is not known yet; at most {MOST_LOOK_UPS} can be \
                 looked up at once.",
                unknown.len()
            )));
        }
        let found = try_join_all(unknown.iter().map(|subject| self.find(subject))).await?;
        let found_for = |subject: &Subject| {
            let at = unknown.iter().position(|other| *other == subject)?;
            found.get(at).cloned()
        };
        subjects
            .iter()
            .map(|subject| found_for(subject).or_else(|| self.known(subject)))
            .map(|resource| resource.ok_or_else(|| unusable("a look-up was lost")))
            .collect()
    }

    async fn find(&self, subject: &Subject) -> Result<Resource> {
        match subject {
            Subject::Known(resource) => Ok(resource.clone()),
            Subject::Nothing(because) => Err(Refusal::denied(because.clone())),
            Subject::Location { source, run, logged_model } => {
                let named = run.iter().map(|id| Subject::Run(id.clone()));
                for subject in named.chain(logged_model.iter().map(|id| Subject::LoggedModel(id.clone()))) {
                    let parent = self.parent(&subject).await?;
                    let inside = source.strip_prefix(parent.artifact_uri.trim_end_matches('/'));
                    if !parent.artifact_uri.is_empty()
                        && inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    {
                        return Ok(parent.experiment);
                    }
                }
                Err(Refusal::denied("the source of the model version is in no run or model that the request names"))
            }
            other => Ok(self.parent(other).await?.experiment),
        }
    }

    /// Looks a parent up, or remembers it. Absent at the origin is refused like forbidden: no oracle.
    async fn parent(&self, subject: &Subject) -> Result<Parent> {
        if let Some(parent) = self.isolate.parents.borrow_mut().get(subject) {
            return Ok(parent.clone());
        }
        let encoded = |id: &str| percent_encode(id, "");
        let (target, object) = match subject {
            Subject::Run(id) => (format!("/api/2.0/mlflow/runs/get?run_id={}", encoded(id)), &["run", "info"][..]),
            Subject::LoggedModel(id) if is_segment(id) => {
                (format!("/api/2.0/mlflow/logged-models/{}", encoded(id)), &["model", "info"][..])
            }
            Subject::ExperimentByName(name) => {
                let target = format!("/api/2.0/mlflow/experiments/get-by-name?experiment_name={}", encoded(name));
                (target, &["experiment"][..])
            }
            _ => return Err(Refusal::denied("no look-up is possible")),
        };
        let headers = super::headers::to_origin(&Headers::default(), self.config, None);
        let request = OriginRequest { method: Method::Get, target, headers, body: Body::Empty };
        let response = self.origin.send(request).await?;
        if response.status == 404 {
            return Err(Refusal::denied(format!("{subject:?} does not exist")));
        }
        if response.status != 200 {
            return Err(unusable(format!("look-up of {subject:?}: status {}", response.status)));
        }
        let answer = read_json(&collect(response.body).await?)?;
        let info = answer.at(object).ok_or_else(|| unusable(format!("look-up of {subject:?}: no {object:?}")))?;
        let parent = Parent {
            experiment: experiment_in(info, &["experiment_id"])?,
            artifact_uri: info.field("artifact_uri").and_then(Json::text).unwrap_or_default().to_owned(),
        };
        if matches!(subject, Subject::Run(_) | Subject::LoggedModel(_)) {
            self.isolate.parents.borrow_mut().put(subject.clone(), parent.clone());
        }
        Ok(parent)
    }
}

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Remembers the parent that an answer named in passing.
    pub fn learn(&self, subject: &Subject, answer: &Json, path: &[&str]) {
        let Some((_, object)) = path.split_last() else { return };
        let (Ok(experiment), Subject::Run(_) | Subject::LoggedModel(_)) = (experiment_in(answer, path), subject) else {
            return;
        };
        let uri = answer.at(object).and_then(|info| info.field("artifact_uri")).and_then(Json::text);
        let parent = Parent { experiment, artifact_uri: uri.unwrap_or_default().to_owned() };
        self.isolate.parents.borrow_mut().put(subject.clone(), parent);
    }
}

/// One path segment that needs no thought: ids are of this form in every store.
fn is_segment(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The experiment that an answer names at this path.
pub fn experiment_in(answer: &Json, path: &[&str]) -> Result<Resource> {
    let id = answer.at(path).and_then(Json::text).ok_or_else(|| unusable(format!("no {path:?} in the answer")))?;
    Resource::experiment(id).map_err(|_| unusable("an experiment id that is none"))
}

/// Reads an answer of the origin.
pub fn read_json(bytes: &[u8]) -> Result<Json> {
    Json::parse(bytes).map_err(|error| unusable(format!("not JSON: {error}")))
}
