//! The things that a request is about.

use super::path::canonical_artifact;
use super::{Call, Payload};
use crate::authz::{Capability, EVERY, Required, Resource, ResourceType};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::mlflow::prompt::{PROMPT_TAG, is_prompt};
use crate::mlflow::uri::{ArtifactLocation, SourceUri};
use crate::routes::{Body, ChildKind, Endpoint, Requires, ValueKind};

/// A capability on something.
#[derive(Clone, Debug)]
pub struct RequiredAccess {
    /// The capability that is needed.
    pub capability: Capability,
    /// To what.
    pub subject: ResourceRef,
    /// The types of the children of that which it is about; none if it is about the thing itself.
    pub children: Vec<ResourceType>,
}

impl RequiredAccess {
    /// Access to something, or, where grants can be about a child of that type, to the child.
    pub fn to(capability: Capability, subject: ResourceRef) -> Self {
        let children = subject.child_types();
        Self { capability, subject, children }
    }

    /// The requirements that this access means for one of the resources that it is about.
    pub fn requirements(&self, resource: &Resource) -> Vec<Required> {
        if self.children.is_empty() {
            return vec![Required::on(self.capability, resource)];
        }
        let children = self.children.iter().map(|child| Required::of_child(self.capability, *child, resource));
        std::iter::once(Required::on(Capability::Read, resource)).chain(children).collect()
    }
}

/// Something that a request is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceRef {
    /// A resource that can be looked at right away.
    Known(Resource),
    /// The experiment of this name, whose id only the origin knows.
    ExperimentByName(String),
    /// The same if it exists.
    ExperimentByNameIfExists(String),
    /// The experiments that the child of this id belongs to.
    Child(ChildKind, String),
    /// The same if it exists; if not it is nobody's yet.
    ChildIfExists(ChildKind, String),
    /// The endpoint of the AI gateway of this name, whose id only the origin knows.
    EndpointByName(String),
    /// The scorer that the guardrail of this id asks.
    ScorerOfGuardrail(String),
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

impl ResourceRef {
    /// The workspace `default`, which its managers have.
    pub fn workspace() -> Self {
        Self::Known(Resource::every(ResourceType::Workspace))
    }

    /// The types of the children that it is about, if it is about children that can be granted.
    fn child_types(&self) -> Vec<ResourceType> {
        match self {
            Self::Child(kind, _) | Self::ChildIfExists(kind, _) => kind.resource_type().into_iter().collect(),
            // it lies in the folder of the one or of the other
            Self::Location { run, logged_model, .. } => {
                let run = run.as_ref().map(|_| ResourceType::Run);
                run.into_iter().chain(logged_model.as_ref().map(|_| ResourceType::LoggedModel)).collect()
            }
            Self::Known(_) | Self::ExperimentByName(_) | Self::ExperimentByNameIfExists(_) => Vec::new(),
            Self::ArtifactLocation(_) => Vec::new(),
            Self::EndpointByName(_) => Vec::new(),
            Self::ScorerOfGuardrail(_) => vec![ResourceType::ScorerVersion],
            Self::Anybodys | Self::Nothing(_) => Vec::new(),
        }
    }
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
        if let Requires::OneselfOrManager = route.requires {
            // the one statement says if the caller is a manager
            required.push(RequiredAccess::to(Capability::Manage, ResourceRef::workspace()));
        }
        if route.endpoint() == Some(Endpoint::GetPermission) {
            self.granted_type()?; // MLflow looks at it before it asks for whom
        }
        for claim in route.access() {
            let (capability, field) = claim.parts();
            if let ValueKind::Granted(_) = field.names {
                required.push(RequiredAccess::to(capability, self.granted()?.decided_on()?));
                continue;
            }
            let values = self.values(field)?;
            match field.names {
                ValueKind::Every(kind) => {
                    required.push(RequiredAccess::to(capability, ResourceRef::Known(Resource::every(kind))));
                }
                // the origin's own place
                ValueKind::ArtifactLocation if values.is_empty() => {
                    required.push(RequiredAccess::to(capability, ResourceRef::Anybodys));
                }
                _ => {}
            }
            for value in values {
                required.extend(self.access(capability, field.names, value)?);
            }
        }
        Ok(required)
    }

    /// The access that a value requires; none if it is everybody's.
    fn access(&self, capability: Capability, names: ValueKind, value: String) -> Result<Option<RequiredAccess>> {
        let subject = match names {
            ValueKind::Experiment => ResourceRef::Known(Resource::experiment(&value)?),
            ValueKind::InExperiment(children) => {
                let subject = ResourceRef::Known(Resource::experiment(&value)?);
                return Ok(Some(RequiredAccess { capability, subject, children: children.to_vec() }));
            }
            ValueKind::Every(kind) => ResourceRef::Known(Resource::every(kind)),
            ValueKind::RegisteredModel => registered_model(&value),
            ValueKind::ModelVersion => {
                let (subject, children) = (registered_model(&value), vec![ResourceType::RegisteredModelVersion]);
                return Ok(Some(RequiredAccess { capability, subject, children }));
            }
            ValueKind::ExperimentByName => ResourceRef::ExperimentByName(value),
            ValueKind::OwnExperiment if self.optional("experiment_id")?.is_some() => return Ok(None),
            ValueKind::OwnExperiment => ResourceRef::ExperimentByNameIfExists(format!("gateway/{value}")),
            ValueKind::Child(part) => ResourceRef::Child(part, value),
            ValueKind::InChild(part, children) => {
                let subject = ResourceRef::Child(part, value);
                return Ok(Some(RequiredAccess { capability, subject, children: children.to_vec() }));
            }
            ValueKind::ChildIfExists(part) => ResourceRef::ChildIfExists(part, value),
            ValueKind::TraceTag if !TAGS_OF_MLFLOW.contains(&value.as_str()) => return Ok(None),
            ValueKind::TraceTag => ResourceRef::Nothing(format!("the tag {value} is set by MLflow alone")),
            ValueKind::ModelTag if value != PROMPT_TAG => return Ok(None),
            ValueKind::ModelTag => ResourceRef::Nothing("a model does not become a prompt, nor the reverse".to_owned()),
            ValueKind::AssessmentId => ResourceRef::Nothing("the id of an assessment is for MLflow to give".to_owned()),
            ValueKind::NewModelName => {
                check_model_name(&value)?;
                ResourceRef::Known(Resource::every(self.made_type()))
            }
            ValueKind::NextModelName => {
                check_model_name(&value)?;
                ResourceRef::Anybodys
            }
            ValueKind::Queue(_) => ResourceRef::Child(ChildKind::ReviewQueue, value),
            ValueKind::Id(kind) => own(kind, value),
            ValueKind::EndpointName => ResourceRef::EndpointByName(value),
            ValueKind::GeminiCall => gemini_endpoint(&value),
            ValueKind::Guardrail => ResourceRef::ScorerOfGuardrail(value),
            ValueKind::Scorer => ResourceRef::Known(self.scorer(&value)?),
            ValueKind::WholeScorer if self.optional("version")?.is_some() => return Ok(None),
            ValueKind::WholeScorer => ResourceRef::Known(self.scorer(&value)?),
            ValueKind::ScorerVersions => {
                let (subject, children) = (ResourceRef::Known(self.scorer(&value)?), vec![ResourceType::ScorerVersion]);
                return Ok(Some(RequiredAccess { capability, subject, children }));
            }
            ValueKind::McpServer => ResourceRef::Known(self.mcp_server(&value)?),
            ValueKind::McpVersions => {
                let subject = ResourceRef::Known(self.mcp_server(&value)?);
                return Ok(Some(RequiredAccess {
                    capability,
                    subject,
                    children: vec![ResourceType::McpServerVersion],
                }));
            }
            ValueKind::NewMcpServer => ResourceRef::Known(mcp_server_of(&value)?),
            ValueKind::Optimizer => match optimizer_endpoint(&value) {
                Some(Some(endpoint)) => ResourceRef::EndpointByName(endpoint),
                Some(None) => return Ok(None),
                None => ResourceRef::Nothing("a model of the gateway in an unknown place".to_owned()),
            },
            // a DELETE, which removes a whole folder, is the one that needs MANAGE
            ValueKind::ArtifactPath => return in_store(capability, &value).map(Some),
            ValueKind::Source => return self.source(capability, value),
            ValueKind::LineageRun if self.is_copy()? => return Ok(None),
            ValueKind::LineageRun => ResourceRef::Child(ChildKind::Run, value),
            ValueKind::ArtifactLocation => {
                let checked = ArtifactLocation::parse(&value);
                checked.map_err(|e| Rejection::invalid(format!("Invalid artifact location '{value}': {e}.")))?;
                ResourceRef::ArtifactLocation(value)
            }
            ValueKind::Granted(_) => self.granted()?.decided_on()?,
        };
        Ok(Some(RequiredAccess::to(capability, subject)))
    }

    /// The scorer of this name in the experiment that the request names beside it.
    pub fn scorer(&self, name: &str) -> Result<Resource> {
        let experiment = self.optional("experiment_id")?.ok_or_else(|| Rejection::missing("experiment_id"))?;
        Ok(Resource::scorer(&Resource::experiment(&experiment)?, name))
    }

    /// The MCP server whose namespace this is, with the slug that the path has behind it.
    pub fn mcp_server(&self, namespace: &str) -> Result<Resource> {
        let slug = self.optional("mcp_slug")?.ok_or_else(|| Rejection::missing("mcp_slug"))?;
        mcp_server_of(&format!("{namespace}/{slug}"))
    }

    /// The type of what a request to make a registered model makes: the tag says if it is a prompt.
    fn made_type(&self) -> ResourceType {
        match &self.payload {
            Payload::Json(_, Ok(json)) if is_prompt(json) => ResourceType::Prompt,
            _ => ResourceType::RegisteredModel,
        }
    }

    /// Reads a source, which points at a run, a model, a prompt, or a path of the proxied store. Any other place counts only as
    /// part of the artifacts of the run or logged model that the request names beside it.
    fn source(&self, capability: Capability, source: String) -> Result<Option<RequiredAccess>> {
        let subject = match source_uri(&source)? {
            SourceUri::Run(id) => ResourceRef::Child(ChildKind::Run, id.to_owned()),
            SourceUri::LoggedModel(id) => ResourceRef::Child(ChildKind::LoggedModel, id.to_owned()),
            SourceUri::RegisteredModel(name) | SourceUri::Prompt(name) => registered_model(name),
            SourceUri::ProxiedArtifact(path) => return in_store(capability, path).map(Some),
            SourceUri::Placeholder => return Ok(None),
            SourceUri::Place(_) => {
                let (run, logged_model) = (self.optional("run_id")?, self.optional("model_id")?);
                ResourceRef::Location { source, run, logged_model }
            }
        };
        Ok(Some(RequiredAccess::to(capability, subject)))
    }

    /// Returns true if a version is copied from that of another registered model. What may be read of that is what may be
    /// copied; the run that the request names beside it says where the original came from, and MLflow's own authorizer asks for
    /// no access to it. It asks for none to the logged model either, but MLflow up to 3.16 writes a tag to that.
    fn is_copy(&self) -> Result<bool> {
        let source = self.optional("source")?.unwrap_or_default();
        Ok(!source.is_empty() && matches!(source_uri(&source)?, SourceUri::RegisteredModel(_)))
    }
}

/// A registered model or prompt, by its name. A grant on one that is named `*` would be one on every model: if the origin has
/// such a one, it is for administrators.
fn registered_model(name: &str) -> ResourceRef {
    match name {
        EVERY => ResourceRef::Nothing("a model of the name *".to_owned()),
        name => ResourceRef::Known(Resource::registered_model(name)),
    }
}

/// A resource that has grants of its own, by an id as MLflow gives them. A grant on the id `*` would be one on every resource
/// of the type, and a database that ignores case would find a resource by ids on which nothing was granted or denied.
fn own(kind: ResourceType, id: String) -> ResourceRef {
    if id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) {
        return ResourceRef::Known(Resource { kind, id });
    }
    ResourceRef::Nothing(format!("a {} whose id is '{id}'", kind.as_str()))
}

/// The endpoint that a client of Gemini calls: its name stands before the colon.
fn gemini_endpoint(call: &str) -> ResourceRef {
    match call.split_once(':') {
        Some((name, "generateContent" | "streamGenerateContent")) if !name.is_empty() => {
            ResourceRef::EndpointByName(name.to_owned())
        }
        _ => ResourceRef::Nothing("a call that Gemini does not have".to_owned()),
    }
}

/// An MCP server of a name that MLflow lets one have: `namespace/slug`. With any other, and with a word of the paths below a
/// server as its slug, two readers could find two names in one path.
fn mcp_server_of(name: &str) -> Result<Resource> {
    const OF_PATHS: &[&str] = &["aliases", "endpoints", "tags", "versions"];
    let is_part = |part: &str, others: &[u8]| {
        let ends_well = |c: char| c.is_ascii_alphanumeric();
        part.len() > 1
            && part.starts_with(ends_well)
            && part.ends_with(ends_well)
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
    };
    match name.split_once('/') {
        Some((namespace, slug)) if is_part(namespace, b".-") && is_part(slug, b"._-") && !OF_PATHS.contains(&slug) => {
            Ok(Resource { kind: ResourceType::McpServer, id: name.to_owned() })
        }
        _ => Err(Rejection::invalid(
            "Invalid MCP server name. Expected '<reverse-dns namespace>/<server slug>' such as 'com.example/server-name'.",
        )),
    }
}

fn source_uri(text: &str) -> Result<SourceUri<'_>> {
    SourceUri::parse(text)
        .map_err(|error| Rejection::invalid(format!("Invalid model version source: '{text}'; {error}.")))
}

/// MLflow 3.13 and later read a grant on the name `*` as one on every model, and so would a database that is exported to it.
pub fn check_model_name(name: &str) -> Result<()> {
    if name == EVERY {
        return Err(Rejection::invalid(
            "'*' is reserved for wildcard permission grants and cannot be used as a registered model or prompt name.",
        ));
    }
    Ok(())
}

/// The endpoint of the gateway that an optimizer's configuration calls, which is JSON in a string: `gateway:/name` as the
/// reflection model. `None` if the gateway is mentioned in any other way, or the text cannot be read.
fn optimizer_endpoint(text: &str) -> Option<Option<String>> {
    fn mentions(json: &Json) -> bool {
        match json {
            Json::Text(text) => text.to_ascii_lowercase().contains("gateway"),
            Json::List(items) => items.iter().any(mentions),
            Json::Object(entries) => entries.iter().any(|(_, value)| mentions(value)),
            _ => false,
        }
    }
    let Ok(Json::Object(entries)) = Json::parse(text.as_bytes()) else { return None };
    let mut mentioning = entries.iter().filter(|(_, value)| mentions(value));
    match (mentioning.next(), mentioning.next()) {
        (None, _) => Some(None),
        (Some((key, Json::Text(model))), None) if key == "reflection_model" => {
            let is_plain = |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
            let name = model.strip_prefix("gateway:/").filter(|name| !name.is_empty()).filter(is_plain)?;
            Some(Some(name.to_owned()))
        }
        _ => None,
    }
}

/// Finds the owner of a path in the proxied artifact store: the experiment that it begins with (MLflow 3.17 puts those
/// of other workspaces under `workspaces/<name>/`), or else the run or logged model whose folder it lies in, as under
/// an artifact location of an experiment's own.
fn in_store(capability: Capability, path: &str) -> Result<RequiredAccess> {
    let path = canonical_artifact(path).map_err(|e| Rejection::invalid(format!("Invalid artifact path: {e}.")))?;
    let segments: Vec<&str> = path.split('/').collect();
    let (experiment, below) = match segments.as_slice() {
        ["workspaces", _, experiment, below @ ..] | [experiment, below @ ..] => (*experiment, below),
        [] => ("", [].as_slice()),
    };
    if !experiment.is_empty() && experiment.bytes().all(|b| b.is_ascii_digit()) {
        let subject = ResourceRef::Known(Resource::experiment(experiment)?);
        let children = folder_types(below, capability == Capability::Manage);
        return Ok(RequiredAccess { capability, subject, children });
    }
    // <location>/<run id>/artifacts/… and <location>/models/<model id>/artifacts/…
    let owner = segments.iter().zip(segments.iter().skip(1)).find(|(_, next)| **next == "artifacts").map(|(id, _)| *id);
    let source = format!("mlflow-artifacts:/{path}");
    let subject = match owner {
        Some(id) if id.starts_with("m-") => {
            ResourceRef::Location { source, run: None, logged_model: Some(id.to_owned()) }
        }
        Some(id) => ResourceRef::Location { source, run: Some(id.to_owned()), logged_model: None },
        None => ResourceRef::Nothing(format!("artifact path '{path}' belongs to no experiment")),
    };
    Ok(RequiredAccess::to(capability, subject))
}

/// The types of the children whose artifacts lie in a folder of an experiment (MLflow 3.17). What removes a folder with
/// everything below it is about every type that may lie there.
fn folder_types(below: &[&str], is_recursive: bool) -> Vec<ResourceType> {
    let is_run_id = |folder: &str| folder.len() == 32 && folder.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match below {
        [] if is_recursive => vec![ResourceType::Run, ResourceType::Trace, ResourceType::LoggedModel],
        [] => vec![ResourceType::Run], // its folders are named like the runs
        ["models", ..] => vec![ResourceType::LoggedModel],
        ["traces", ..] => vec![ResourceType::Trace],
        [_, "artifacts", ..] => vec![ResourceType::Run],
        [folder, ..] if is_run_id(folder) || is_recursive => vec![ResourceType::Run],
        _ => Vec::new(),
    }
}
