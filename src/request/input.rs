//! The parameters of the endpoints that are answered here, each read once: the decision and the endpoint take the same value.

use super::{Call, Payload, ResourceRef, Unreadable};
use crate::authz::{EVERY, Resource, ResourceType};
use crate::error::{Rejection, Result};
use crate::http::Method;
use crate::json::Json;

/// A parameter, from where MLflow's auth app reads it: the query of a GET, the body of a POST or PATCH, and of a
/// DELETE the body if its media type is JSON, or else the query. That the key is there is what counts.
pub fn parameter<S>(call: &Call<S>, name: &str) -> Result<Json> {
    let in_query = matches!(
        (&call.payload, call.method.decided_as()),
        (_, Method::Get) | (Payload::Json(_, Err(Unreadable::WrongType)), Method::Delete)
    );
    if call.method == Method::Delete
        && !in_query
        && call.json()?.get(name).is_some_and(|value| disagrees(value, call, name))
    {
        return Err(Rejection::invalid(format!("Conflicting values for parameter '{name}'.")));
    }
    let value = if in_query {
        call.query.get(name).map(|value| Json::Text(value.to_owned()))
    } else {
        call.json()?.get(name).cloned()
    };
    value.ok_or_else(|| Rejection::missing(name))
}

/// Returns true if the query has another value of the same name, or the same one in a way that only one of two readers takes:
/// the decision and the endpoint must not read two things.
fn disagrees<S>(value: &Json, call: &Call<S>, name: &str) -> bool {
    let in_body = match value {
        Json::Text(text) | Json::Number(text) => text.as_str(),
        _ => "",
    };
    call.query.get(name).is_some_and(|in_query| in_query != in_body)
}

/// A parameter that is text.
pub fn text<S>(call: &Call<S>, name: &str) -> Result<String> {
    match parameter(call, name)? {
        Json::Text(text) => Ok(text),
        _ => Err(not_text(name)),
    }
}

/// A boolean of the body; false if it is absent or null.
pub fn flag<S>(call: &Call<S>, name: &str) -> Result<bool> {
    match call.json()?.get(name) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(value)) => Ok(*value),
        Some(_) => Err(Rejection::invalid(format!("Invalid value for parameter '{name}': a boolean is expected."))),
    }
}

/// 400: the parameter is no text.
pub fn not_text(name: &str) -> Rejection {
    Rejection::invalid(format!("Invalid value for parameter '{name}': a string is expected."))
}

/// Returns the resource that `resource_id` names, given `resource_type` beside it. A pattern is for administrators.
pub(super) fn granted<S>(call: &Call<S>, id: &str) -> Result<ResourceRef> {
    let kind = kind(&text(call, "resource_type")?)?;
    if id == EVERY {
        return Ok(ResourceRef::Nothing("a grant on every resource".to_owned()));
    }
    Ok(ResourceRef::Known(named(kind, id)?))
}

/// Reads the name of a type of resource.
pub fn kind(name: &str) -> Result<ResourceType> {
    ResourceType::parse(name).ok_or_else(|| {
        let all = ResourceType::ALL.map(|kind| format!("'{}'", kind.as_str())).join(", ");
        Rejection::invalid(format!("Invalid resource type '{name}'. Valid resource types are: ({all})"))
    })
}

/// Returns the resource of this type and id, or every one of the type.
pub fn named(kind: ResourceType, id: &str) -> Result<Resource> {
    match kind {
        _ if id == EVERY => Ok(Resource::every(kind)),
        _ if kind.is_granted_as_a_whole() => Err(Rejection::invalid(format!(
            "Invalid resource_pattern '{id}' for resource_type='{}'. This resource type supports only wildcard ('*') grants.",
            kind.as_str()
        ))),
        ResourceType::Experiment => Resource::experiment(id),
        _ => Ok(Resource { kind, id: id.to_owned() }),
    }
}

/// The resource that `resource_type` and `resource_id` name together.
pub fn resource<S>(call: &Call<S>) -> Result<Resource> {
    named(kind(&text(call, "resource_type")?)?, &text(call, "resource_id")?)
}
