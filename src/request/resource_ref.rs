//! The things that a request is about.

use super::Call;
use super::path::canonical_artifact;
use crate::authz::{Capability, Resource};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::mlflow::uri::{ArtifactLocation, SourceUri};
use crate::routes::{Body, ChildKind, ValueKind};

/// A capability on something.
#[derive(Clone, Debug)]
pub struct RequiredAccess {
    /// The capability that is needed.
    pub capability: Capability,
    /// To what.
    pub subject: ResourceRef,
}

/// Something that a request is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceRef {
    /// A resource that can be looked at right away.
    Known(Resource),
    /// The experiment of this name, whose id only the origin knows.
    ExperimentByName(String),
    /// The experiments that the child of this id belongs to.
    Child(ChildKind, String),
    /// The same if it exists; if not it is nobody's yet.
    ChildIfExists(ChildKind, String),
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
    /// Returns the access that the row requires, field by field.
    pub fn required_access(&self) -> Result<Vec<RequiredAccess>> {
        let Some(route) = self.row else { return Ok(Vec::new()) };
        if route.body == Body::GraphQl {
            return Ok(self.document()?.roots.iter().flat_map(|root| root.required.clone()).collect());
        }
        let mut required = Vec::new();
        for claim in route.access() {
            let (capability, field) = claim.parts();
            let values = self.values(field)?;
            if values.is_empty() && field.names == ValueKind::ArtifactLocation {
                required.push(RequiredAccess { capability, subject: ResourceRef::Anybodys }); // the origin's own place
            }
            for value in values {
                required
                    .extend(self.subject(field.names, value)?.map(|subject| RequiredAccess { capability, subject }));
            }
        }
        Ok(required)
    }

    fn subject(&self, names: ValueKind, value: String) -> Result<Option<ResourceRef>> {
        Ok(Some(match names {
            ValueKind::Experiment => ResourceRef::Known(Resource::experiment(&value)?),
            ValueKind::RegisteredModel => ResourceRef::Known(Resource::registered_model(&value)),
            ValueKind::ExperimentByName => ResourceRef::ExperimentByName(value),
            ValueKind::Child(part) => ResourceRef::Child(part, value),
            ValueKind::ChildIfExists(part) => ResourceRef::ChildIfExists(part, value),
            ValueKind::TraceTag if !TAGS_OF_MLFLOW.contains(&value.as_str()) => return Ok(None),
            ValueKind::TraceTag => ResourceRef::Nothing(format!("the tag {value} is set by MLflow alone")),
            ValueKind::AssessmentId => ResourceRef::Nothing("the id of an assessment is for MLflow to give".to_owned()),
            ValueKind::NewModelName => {
                check_model_name(&value)?;
                ResourceRef::Anybodys
            }
            ValueKind::Gateway if is_configuration_without_gateway(&value) => return Ok(None),
            ValueKind::Gateway => ResourceRef::Nothing("the gateway is for administrators".to_owned()),
            ValueKind::ArtifactPath => in_store(&value)?,
            ValueKind::Source => return self.source(value),
            ValueKind::LineageRun if self.is_copy()? => return Ok(None),
            ValueKind::LineageRun => ResourceRef::Child(ChildKind::Run, value),
            ValueKind::ArtifactLocation => {
                let checked = ArtifactLocation::parse(&value);
                checked.map_err(|e| Rejection::invalid(format!("Invalid artifact location '{value}': {e}.")))?;
                ResourceRef::ArtifactLocation(value)
            }
            ValueKind::Granted => super::input::granted(self, &value)?,
        }))
    }

    /// Reads a source, which points at a run, a model, a prompt, or a path of the proxied store. Any other place counts only as
    /// part of the artifacts of the run or logged model that the request names beside it.
    fn source(&self, source: String) -> Result<Option<ResourceRef>> {
        Ok(Some(match source_uri(&source)? {
            SourceUri::Run(id) => ResourceRef::Child(ChildKind::Run, id.to_owned()),
            SourceUri::LoggedModel(id) => ResourceRef::Child(ChildKind::LoggedModel, id.to_owned()),
            SourceUri::RegisteredModel(name) | SourceUri::Prompt(name) => {
                ResourceRef::Known(Resource::registered_model(name))
            }
            SourceUri::ProxiedArtifact(path) => in_store(path)?,
            SourceUri::Placeholder => return Ok(None),
            SourceUri::Place(_) => {
                let (run, logged_model) = (self.optional("run_id")?, self.optional("model_id")?);
                ResourceRef::Location { source, run, logged_model }
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
        .map_err(|error| Rejection::invalid(format!("Invalid model version source: '{text}'; {error}.")))
}

/// MLflow 3.13 and later read a grant on the name `*` as one on every model, and so would a database that is exported to it.
pub fn check_model_name(name: &str) -> Result<()> {
    if name == "*" {
        return Err(Rejection::invalid(
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

/// Finds the owner of a path in the proxied artifact store: the experiment that it begins with (MLflow 3.17 puts those
/// of other workspaces under `workspaces/<name>/`), or else the run or logged model whose folder it lies in, as under
/// an artifact location of an experiment's own.
fn in_store(path: &str) -> Result<ResourceRef> {
    let path = canonical_artifact(path).map_err(|e| Rejection::invalid(format!("Invalid artifact path: {e}.")))?;
    let segments: Vec<&str> = path.split('/').collect();
    let experiment = match segments.as_slice() {
        ["workspaces", _, experiment, ..] | [experiment, ..] => *experiment,
        [] => "",
    };
    if !experiment.is_empty() && experiment.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(ResourceRef::Known(Resource::experiment(experiment)?));
    }
    // <location>/<run id>/artifacts/… and <location>/models/<model id>/artifacts/…
    let owner = segments.iter().zip(segments.iter().skip(1)).find(|(_, next)| **next == "artifacts").map(|(id, _)| *id);
    let source = format!("mlflow-artifacts:/{path}");
    Ok(match owner {
        Some(id) if id.starts_with("m-") => {
            ResourceRef::Location { source, run: None, logged_model: Some(id.to_owned()) }
        }
        Some(id) => ResourceRef::Location { source, run: Some(id.to_owned()), logged_model: None },
        None => ResourceRef::Nothing(format!("artifact path '{path}' belongs to no experiment")),
    })
}
