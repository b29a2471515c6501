//! What a request is about.

use super::Call;
use super::path::canonical_artifact;
use crate::authz::{Capability, Resource};
use crate::error::{Refusal, Result};
use crate::json::Json;
use crate::mlflow::uri::{ArtifactLocation, SourceUri};
use crate::routes::{Body, Names, Part};

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
    /// A place of the client's choice for the artifacts of an experiment: for administrators, or below
    /// `ARTIFACT_LOCATIONS`.
    ArtifactLocation(String),
    /// Nothing that anybody could have a grant on, and that is everybody's.
    Anybodys,
    /// Nothing that a grant could be about: for administrators.
    Nothing(String),
}

/// Tags by which the origin finds a trace's data. A user who sets one reads the data that it points at
/// (docs/mlflow-weaknesses.md#tags-that-point-at-data).
const TAGS_OF_MLFLOW: &[&str] =
    &["mlflow.artifactLocation", "mlflow.trace.archiveLocation", "mlflow.trace.spansLocation"];

impl<S> Call<S> {
    /// Everything that the row demands, field by field, as what it is about.
    pub fn demands(&self) -> Result<Vec<Demand>> {
        let Some(route) = self.row else { return Ok(Vec::new()) };
        if route.body == Body::GraphQl {
            return Ok(self.document()?.roots.iter().flat_map(|root| root.demands.clone()).collect());
        }
        let mut demands = Vec::new();
        for claim in route.claims() {
            let (capability, field) = claim.parts();
            let values = self.values(field)?;
            if values.is_empty() && field.names == Names::ArtifactLocation {
                demands.push(Demand { capability, subject: Subject::Anybodys }); // the origin's own place
            }
            for value in values {
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
            Names::AssessmentId => Subject::Nothing("the id of an assessment is for MLflow to give".to_owned()),
            Names::NewModelName => {
                check_model_name(&value)?;
                Subject::Anybodys
            }
            Names::Gateway if is_configuration_without_gateway(&value) => return Ok(None),
            Names::Gateway => Subject::Nothing("the gateway is for administrators".to_owned()),
            Names::ArtifactPath => in_store(&value)?,
            Names::Source => return self.source(value),
            Names::LineageRun if self.is_copy()? => return Ok(None),
            Names::LineageRun => Subject::Part(Part::Run, value),
            Names::ArtifactLocation => {
                let checked = ArtifactLocation::parse(&value);
                checked.map_err(|e| Refusal::invalid(format!("Invalid artifact location '{value}': {e}.")))?;
                Subject::ArtifactLocation(value)
            }
            Names::Granted => super::input::granted(self, &value)?,
        }))
    }

    /// What a source points at: a run, a model, a prompt, or a path of the proxied store. Any other place counts only as
    /// part of the artifacts of the run or logged model that the request names beside it.
    fn source(&self, source: String) -> Result<Option<Subject>> {
        Ok(Some(match source_uri(&source)? {
            SourceUri::Run(id) => Subject::Part(Part::Run, id.to_owned()),
            SourceUri::LoggedModel(id) => Subject::Part(Part::LoggedModel, id.to_owned()),
            SourceUri::RegisteredModel(name) | SourceUri::Prompt(name) => {
                Subject::Known(Resource::registered_model(name))
            }
            SourceUri::ProxiedArtifact(path) => in_store(path)?,
            SourceUri::Placeholder => return Ok(None),
            SourceUri::Place(_) => {
                let (run, logged_model) = (self.optional("run_id")?, self.optional("model_id")?);
                Subject::Location { source, run, logged_model }
            }
        }))
    }

    /// Returns true if a version is copied from that of another registered model. What may be read of that is what may be
    /// copied; the run that the request names beside it says where the original came from, and MLflow's own authorizer asks for
    /// no access to it. It asks for none to the logged model either, but MLflow up to 3.16 writes a tag to that.
    fn is_copy(&self) -> Result<bool> {
        let source = self.optional("source")?.unwrap_or_default();
        Ok(!source.is_empty() && matches!(source_uri(&source)?, SourceUri::RegisteredModel(_)))
    }
}

fn source_uri(text: &str) -> Result<SourceUri<'_>> {
    SourceUri::parse(text)
        .map_err(|error| Refusal::invalid(format!("Invalid model version source: '{text}'; {error}.")))
}

/// MLflow 3.13 and later read a grant on the name `*` as one on every model, and so would a database that is exported to it.
pub fn check_model_name(name: &str) -> Result<()> {
    if name == "*" {
        return Err(Refusal::invalid(
            "'*' is reserved for wildcard permission grants and cannot be used as a registered model or prompt name.",
        ));
    }
    Ok(())
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
        ["workspaces", _, experiment, ..] | [experiment, ..] => *experiment,
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
