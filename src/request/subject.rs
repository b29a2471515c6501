//! What a request is about.

use super::json::Json;
use super::path::canonical_artifact;
use super::{Call, Row, graphql};
use crate::access::{Capability, Resource};
use crate::error::{Refusal, Result};
use crate::routes::{Names, Need, Part};

/// A capability on something.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What is to be done.
    pub capability: Capability,
    /// To what.
    pub subject: Subject,
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A resource that can be looked at right away.
    Known(Resource),
    /// The experiment of this name, whose id only the origin knows.
    ExperimentByName(String),
    /// What the part of this id belongs to.
    Part(Part, String),
    /// The same if it exists; if not it is nobody's yet.
    PartIfAny(Part, String),
    /// A place that must lie within the artifacts of the run or logged model.
    Location {
        /// The URI.
        source: String,
        /// The run that the request names.
        run: Option<String>,
        /// The logged model that the request names.
        logged_model: Option<String>,
    },
    /// Nothing that a grant could be about: for administrators.
    Nothing(String),
}

/// Tags by which the origin finds a trace's data: who sets one reads what it points at (MLflow 3.17, weak spot).
const TAGS_OF_MLFLOW: &[&str] =
    &["mlflow.artifactLocation", "mlflow.trace.archiveLocation", "mlflow.trace.spansLocation"];

/// A prompt has no files: its clients send one of these as the source of a version (MLflow 2.21 to 3.17).
const PROMPT_SOURCES: &[&str] = &["dummy-source", "prompt-template"];

impl<S> Call<S> {
    /// Everything that the row demands, field by field, as what it is about.
    pub fn demands(&self) -> Result<Vec<Demand>> {
        let claims = match self.row {
            Some(Row { need: Need::All(claims), .. }) => claims,
            Some(Row { need: Need::GraphQl, .. }) => {
                return Ok(graphql::read(self.json()?)?.roots.into_iter().flat_map(|root| root.demands).collect());
            }
            _ => return Ok(Vec::new()),
        };
        let mut demands = Vec::new();
        for claim in *claims {
            let (capability, field) = claim.parts();
            for value in self.values(field)? {
                demands.extend(self.subject(field.names, value)?.map(|subject| Demand { capability, subject }));
            }
        }
        Ok(demands)
    }

    fn subject(&self, names: Names, value: String) -> Result<Option<Subject>> {
        Ok(Some(match names {
            Names::Experiment => Subject::Known(Resource::experiment(&value)?),
            Names::RegisteredModel => Subject::Known(Resource::registered_model(&value)),
            Names::ExperimentByName => Subject::ExperimentByName(value),
            Names::Part(part) => Subject::Part(part, value),
            Names::PartIfAny(part) => Subject::PartIfAny(part, value),
            Names::TraceTag if !TAGS_OF_MLFLOW.contains(&value.as_str()) => return Ok(None),
            Names::TraceTag => Subject::Nothing(format!("the tag {value} is set by MLflow alone")),
            Names::Gateway if is_configuration_without_gateway(&value) => return Ok(None),
            Names::Gateway => Subject::Nothing("the gateway is for administrators".to_owned()),
            Names::ArtifactPath => in_store(&value)?,
            Names::Source if PROMPT_SOURCES.contains(&value.as_str()) => return Ok(None),
            Names::Source => self.source(value)?,
            Names::Granted => crate::api::grants::target(self, &value)?,
        }))
    }

    /// What a URI points at. `runs:/<run>/…`, `models:/<logged model>`, `models:/<name>/<version>` and
    /// `prompts:/<name>/…` say it; a path of the proxied store does too; any other place counts only as part of the
    /// artifacts of the run or logged model that the request names beside it.
    fn source(&self, source: String) -> Result<Subject> {
        if source.contains(['%', '\\', '#', '?']) || source.split('/').any(|s| s == "..") {
            return Err(Refusal::invalid("Invalid model version source: it cannot be read in one way."));
        }
        let model = |name: &str| Subject::Known(Resource::registered_model(name));
        let first = |rest: &str| rest.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
        if let Some(rest) = source.strip_prefix("runs:") {
            return Ok(Subject::Part(Part::Run, first(rest)));
        }
        if let Some(rest) = source.strip_prefix("prompts:") {
            return Ok(model(first(rest).split('@').next().unwrap_or_default()));
        }
        if let Some(rest) = source.strip_prefix("models:") {
            let path = rest.trim_start_matches('/');
            return Ok(match path.split_once(['/', '@']) {
                Some((name, _)) => model(name),
                None => Subject::Part(Part::LoggedModel, path.to_owned()),
            });
        }
        if let Some(rest) = source.strip_prefix("mlflow-artifacts:/")
            && !rest.starts_with('/')
        {
            return in_store(rest);
        }
        Ok(Subject::Location { source, run: self.optional("run_id")?, logged_model: self.optional("model_id")? })
    }
}

/// The optimizer's configuration is JSON in a string; a model of the gateway is named `gateway:…` in it.
fn is_configuration_without_gateway(text: &str) -> bool {
    fn mentions(json: &Json) -> bool {
        match json {
            Json::Text(text) => text.to_ascii_lowercase().contains("gateway"),
            Json::List(items) => items.iter().any(mentions),
            Json::Object(entries) => entries.iter().any(|(_, value)| mentions(value)),
            _ => false,
        }
    }
    matches!(Json::parse(text.as_bytes()), Ok(json @ Json::Object(_)) if !mentions(&json))
}

/// What a path of the proxied artifact store belongs to: the experiment that it begins with (MLflow 3.17 puts those
/// of other workspaces under `workspaces/<name>/`), or else the run or logged model whose folder it lies in, as under
/// an artifact location of an experiment's own.
fn in_store(path: &str) -> Result<Subject> {
    let path = canonical_artifact(path).map_err(|e| Refusal::invalid(format!("Invalid artifact path: {e}.")))?;
    let segments: Vec<&str> = path.split('/').collect();
    let experiment = match segments.as_slice() {
        ["workspaces", _, experiment, ..] | [experiment, ..] => experiment,
        [] => "",
    };
    if !experiment.is_empty() && experiment.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(Subject::Known(Resource::experiment(experiment)?));
    }
    // <location>/<run id>/artifacts/… and <location>/models/<model id>/artifacts/…
    let owner = segments.iter().zip(segments.iter().skip(1)).find(|(_, next)| **next == "artifacts").map(|(id, _)| *id);
    let source = format!("mlflow-artifacts:/{path}");
    Ok(match owner {
        Some(id) if id.starts_with("m-") => Subject::Location { source, run: None, logged_model: Some(id.to_owned()) },
        Some(id) => Subject::Location { source, run: Some(id.to_owned()), logged_model: None },
        None => Subject::Nothing(format!("artifact path '{path}' belongs to no experiment")),
    })
}
