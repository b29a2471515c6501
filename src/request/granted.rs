//! The parameters that name a user, and what a grant is about. Each is read once and kept with the request: what is
//! decided on is what the endpoint then does.

use super::input::{kind, not_text, parameter, text};
use super::path::{percent_decode, percent_encode};
use super::resource_ref::check_model_name;
use super::{Call, ResourceRef};
use crate::authz::{EVERY, Resource, ResourceType};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::routes::GrantedBy;

/// The thing that a grant is about.
#[derive(Debug)]
pub struct Granted {
    /// The resource, or every one of a type.
    pub resource: Resource,
    /// The way in which the request names it.
    pub by: GrantedBy,
    /// The ids that name it, each with its parameter.
    pub ids: Vec<(&'static str, String)>,
}

impl Granted {
    fn one(by: GrantedBy, parameter: &'static str, resource: Resource) -> Self {
        Self { by, ids: vec![(parameter, resource.id.clone())], resource }
    }

    /// Refuses the id of a resource whose type is granted as a whole: there is no level on a single one.
    pub fn check_has_level(&self) -> Result<()> {
        match self.resource.kind.is_granted_as_a_whole() && self.resource.id != EVERY {
            true => Err(Rejection::invalid(format!(
                "resource_type '{}' is not supported by the per-user permission convenience APIs.",
                self.resource.kind.as_str()
            ))),
            false => Ok(()),
        }
    }

    /// The same where it is to be granted, in the words that MLflow has for that.
    pub fn check_can_be_granted(&self) -> Result<()> {
        check_can_be_granted(self.resource.kind, &self.resource.id)
    }

    /// The thing that MANAGE is needed on to decide about such grants. A grant on every resource of a type is for the
    /// managers of the workspace. A name is that of a prompt or of a model, as MLflow has it: the type that the request
    /// gives must not choose which grants decide.
    pub fn decided_on(&self) -> Result<ResourceRef> {
        if self.resource.id == EVERY {
            return Ok(ResourceRef::workspace());
        }
        self.check_has_level()?;
        Ok(ResourceRef::Known(match self.resource.kind {
            ResourceType::Prompt => Resource::registered_model(&self.resource.id),
            _ => self.resource.clone(),
        }))
    }
}

impl<S> Call<S> {
    /// The user whom the request names.
    pub fn account(&self) -> Result<&str> {
        match self.account.get() {
            Some(name) => Ok(name),
            None => {
                let name = text(self, "username")?;
                Ok(self.account.get_or_init(|| name))
            }
        }
    }

    /// The thing that a grant is about, as the request names it.
    pub fn granted(&self) -> Result<&Granted> {
        match self.granted.get() {
            Some(granted) => Ok(granted),
            None => {
                let by = self.row.and_then(|row| row.granted_by()).unwrap_or(GrantedBy::TypeAndId);
                let granted = read(self, by)?;
                Ok(self.granted.get_or_init(|| granted))
            }
        }
    }

    /// The type that the request names beside the id.
    pub fn granted_type(&self) -> Result<ResourceType> {
        let name = text(self, "resource_type")?;
        match kind(&name)? {
            ResourceType::Workspace => Err(Rejection::invalid(
                "resource_type 'workspace' is not supported by the per-user permission convenience APIs. Use \
                 set_workspace_permission / delete_workspace_permission for workspace-wide grants.",
            )),
            kind => Ok(kind),
        }
    }
}

fn read<S>(call: &Call<S>, by: GrantedBy) -> Result<Granted> {
    for name in by.parameters() {
        parameter(call, name)?; // that one is missing is said before anything that is wrong with another
    }
    let of_gateway = |name, kind| Ok(Granted::one(by, name, Resource { kind, id: id(call, name)? }));
    match by {
        GrantedBy::TypeAndId => {
            let kind = call.granted_type()?;
            Ok(Granted::one(by, "resource_id", named(kind, id_or_every(call, "resource_id")?)?))
        }
        GrantedBy::Experiment => {
            Ok(Granted::one(by, "experiment_id", Resource::experiment(&id_or_every(call, "experiment_id")?)?))
        }
        GrantedBy::Model => {
            let name = text(call, "name")?;
            check_model_name(&name)?;
            Ok(Granted::one(by, "name", Resource::registered_model(not_empty("name", &name)?)))
        }
        GrantedBy::Scorer => {
            let experiment = Resource::experiment(&id_or_every(call, "experiment_id")?)?;
            let name = text(call, "scorer_name")?;
            let resource = Resource::scorer(&experiment, not_empty("scorer_name", &name)?);
            Ok(Granted { resource, by, ids: vec![("experiment_id", experiment.id), ("scorer_name", name)] })
        }
        GrantedBy::GatewaySecret => of_gateway("secret_id", ResourceType::GatewaySecret),
        GrantedBy::GatewayEndpoint => of_gateway("endpoint_id", ResourceType::GatewayEndpoint),
        GrantedBy::GatewayModelDefinition => of_gateway("model_definition_id", ResourceType::GatewayModelDefinition),
    }
}

/// An id, which is text or a whole number. MLflow takes whatever there is, and keeps a grant that matches nothing.
fn id_or_every<S>(call: &Call<S>, name: &'static str) -> Result<String> {
    let id = match parameter(call, name)? {
        Json::Text(id) => id,
        Json::Number(id) if id.bytes().all(|b| b.is_ascii_digit()) => id,
        _ => return Err(not_text(name)),
    };
    not_empty(name, &id)?;
    Ok(id)
}

/// An id of one thing: what MLflow had for grants before 3.13 knew no `*`, and a row with one would be a grant on all.
fn id<S>(call: &Call<S>, name: &'static str) -> Result<String> {
    let id = id_or_every(call, name)?;
    if id == EVERY {
        return Err(Rejection::invalid(format!(
            "Invalid value for parameter '{name}': '*' is reserved for wildcard permission grants."
        )));
    }
    Ok(id)
}

fn not_empty<'a>(name: &str, value: &'a str) -> Result<&'a str> {
    if value.is_empty() {
        return Err(Rejection::invalid(format!("Invalid value for parameter '{name}': it must not be empty.")));
    }
    Ok(value)
}

fn check_can_be_granted(kind: ResourceType, id: &str) -> Result<()> {
    match kind.is_granted_as_a_whole() && id != EVERY {
        true => Err(Rejection::invalid(format!(
            "Invalid resource_pattern '{id}' for resource_type='{}'. This resource type supports only wildcard ('*') grants.",
            kind.as_str()
        ))),
        false => Ok(()),
    }
}

/// Returns the pattern of a grant: one resource, or every one of the type.
pub fn pattern(kind: ResourceType, id: &str) -> Result<Resource> {
    check_can_be_granted(kind, id)?;
    named(kind, id.to_owned())
}

fn named(kind: ResourceType, id: String) -> Result<Resource> {
    match kind {
        _ if id == EVERY => Ok(Resource::every(kind)),
        ResourceType::Experiment => Resource::experiment(&id),
        ResourceType::Scorer => match parts_of_scorer(&id) {
            Some((experiment, name)) => Ok(Resource::scorer(&Resource::experiment(experiment)?, &name)),
            None => Err(Rejection::invalid(match id.contains('/') {
                false => "Invalid scorer resource_id. Expected '<experiment_id>/<scorer_name>'.".to_owned(),
                true => format!(
                    "Invalid scorer resource_id '{id}'. Expected '<experiment_id>/<scorer_name>' with the name \
                     percent-encoded."
                ),
            })),
        },
        _ => Ok(Resource { kind, id }),
    }
}

/// The experiment and the name of a scorer, out of an id in its one spelling.
pub fn parts_of_scorer(id: &str) -> Option<(&str, String)> {
    let (experiment, encoded) = id.split_once('/')?;
    let name = percent_decode(encoded, false)?;
    (!name.is_empty() && percent_encode(&name, "") == encoded).then_some((experiment, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scorer_has_one_spelling() {
        let good = [("1/a", "a"), ("1/a%20b", "a b"), ("12/%2A", "*"), ("1/a%2Fb", "a/b"), ("1/zo%C3%AB", "zoë")];
        for (id, name) in good {
            assert_eq!(parts_of_scorer(id).map(|(_, name)| name).as_deref(), Some(name));
            assert_eq!(named(ResourceType::Scorer, id.to_owned()).unwrap().id, id);
        }
        for bad in ["", "1", "1/", "1/a b", "1/*", "1/a/b", "1/%2a", "1/%61", "1/zoë", "1/%ff", "01/a", "/a", "1/%"] {
            assert!(named(ResourceType::Scorer, bad.to_owned()).is_err(), "{bad}");
        }
    }
}
