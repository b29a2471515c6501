//! The types of resources that can be granted, and single resources.

use crate::error::{Rejection, Result};

/// The pattern that matches every resource of a type.
pub const EVERY: &str = "*";

/// A type of resource that can be granted (MLflow 3.17).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // MLflow's own terms
pub enum ResourceType {
    Assessment,
    Experiment,
    GatewayEndpoint,
    GatewayModelDefinition,
    GatewaySecret,
    LoggedModel,
    McpServer,
    McpServerVersion,
    Prompt,
    PromptVersion,
    /// A registered model; in a request also a prompt, as long as nobody knows which of the two the name is.
    RegisteredModel,
    RegisteredModelVersion,
    ReviewQueue,
    Run,
    Scorer,
    ScorerVersion,
    Trace,
    Workspace,
}

impl ResourceType {
    /// All of them, in the order of MLflow's messages.
    pub const ALL: [Self; 18] = [
        Self::Assessment,
        Self::Experiment,
        Self::GatewayEndpoint,
        Self::GatewayModelDefinition,
        Self::GatewaySecret,
        Self::LoggedModel,
        Self::McpServer,
        Self::McpServerVersion,
        Self::Prompt,
        Self::PromptVersion,
        Self::RegisteredModel,
        Self::RegisteredModelVersion,
        Self::ReviewQueue,
        Self::Run,
        Self::Scorer,
        Self::ScorerVersion,
        Self::Trace,
        Self::Workspace,
    ];

    /// Reads MLflow's name of a type.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }

    /// MLflow's name of the type, also in D1.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assessment => "assessment",
            Self::Experiment => "experiment",
            Self::GatewayEndpoint => "gateway_endpoint",
            Self::GatewayModelDefinition => "gateway_model_definition",
            Self::GatewaySecret => "gateway_secret",
            Self::LoggedModel => "logged_model",
            Self::McpServer => "mcp_server",
            Self::McpServerVersion => "mcp_server_version",
            Self::Prompt => "prompt",
            Self::PromptVersion => "prompt_version",
            Self::RegisteredModel => "registered_model",
            Self::RegisteredModelVersion => "registered_model_version",
            Self::ReviewQueue => "review_queue",
            Self::Run => "run",
            Self::Scorer => "scorer",
            Self::ScorerVersion => "scorer_version",
            Self::Trace => "trace",
            Self::Workspace => "workspace",
        }
    }

    /// Returns true if a grant can only be about every resource of the type. The ids of such resources are not in
    /// grants; they belong to a container that is.
    pub fn is_granted_as_a_whole(self) -> bool {
        match self {
            Self::Experiment | Self::RegisteredModel | Self::Prompt | Self::Scorer | Self::McpServer => false,
            Self::GatewayEndpoint | Self::GatewayModelDefinition | Self::GatewaySecret => false,
            Self::Run | Self::Trace | Self::Assessment | Self::LoggedModel | Self::ReviewQueue => true,
            Self::RegisteredModelVersion | Self::PromptVersion | Self::ScorerVersion => true,
            Self::McpServerVersion | Self::Workspace => true,
        }
    }
}

/// One resource, or every one of a type ([`EVERY`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// The type.
    pub kind: ResourceType,
    /// Id or name.
    pub id: String,
}

impl Resource {
    /// The experiment of this id, which must be in its one spelling.
    ///
    /// MLflow's stores read ids with Python's `int`: `01`, `1_0`, ` 1` and `٣` are experiments too. A grant on `1`
    /// has to decide about them, so that no other spelling is let through.
    pub fn experiment(id: &str) -> Result<Self> {
        let digits = id.bytes().all(|b| b.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
        // with a letter, or a dash within, it is no number to `int`; `1_0` is one
        let word = id.starts_with(|c: char| c.is_ascii_alphanumeric())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && id.bytes().any(|b| b.is_ascii_alphabetic() || b == b'-');
        if id.is_empty() || !(digits || word) {
            return Err(Rejection::invalid(format!("Invalid experiment ID: '{id}'.")));
        }
        Ok(Self { kind: ResourceType::Experiment, id: id.to_owned() })
    }

    /// The scorer of this name in an experiment, as MLflow writes it into grants: the name percent-encoded.
    pub fn scorer(experiment: &Self, name: &str) -> Self {
        let mut id = format!("{}/", experiment.id);
        for byte in name.bytes() {
            if byte.is_ascii_alphanumeric() || b"_.-~".contains(&byte) {
                id.push(char::from(byte));
            } else {
                id.push_str(&format!("%{byte:02X}"));
            }
        }
        Self { kind: ResourceType::Scorer, id }
    }

    /// The registered model, or prompt, of this name.
    pub fn registered_model(name: &str) -> Self {
        Self { kind: ResourceType::RegisteredModel, id: name.to_owned() }
    }

    /// Every resource of a type.
    pub fn every(kind: ResourceType) -> Self {
        Self { kind, id: EVERY.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_experiment_has_one_spelling() {
        for good in ["0", "1", "10", "748392016574839201", "exp-a_1", "7b26f6b84fa2", "0a", "1e5", "0x10"] {
            assert!(Resource::experiment(good).is_ok(), "{good}");
        }
        for bad in ["", "01", "00", "1_0", " 1", "1 ", "+1", "-1", "1.0", "0_1", "٣", "1\n", "1/2", "a b", "*"] {
            assert!(Resource::experiment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_is_read_by_its_name_and_by_no_other() {
        for it in ResourceType::ALL {
            assert_eq!(ResourceType::parse(it.as_str()), Some(it));
        }
        assert!(ResourceType::ALL.is_sorted_by_key(|it| it.as_str()), "MLflow lists them by name");
        assert_eq!(ResourceType::parse("Experiment"), None);
    }
}
