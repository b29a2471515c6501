//! The parameters of the endpoints that are answered here, from where MLflow reads them. Those that are decided on are
//! in `granted.rs`, which reads each once.

use super::{Call, Payload, Unreadable};
use crate::authz::ResourceType;
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
    if !in_query && call.json()?.get(name).is_some_and(|value| disagrees(value, call, name)) {
        return Err(Rejection::invalid(format!("Conflicting values for parameter '{name}'.")));
    }
    let value = if in_query {
        call.query.get(name).map(|value| Json::Text(value.to_owned()))
    } else {
        call.json()?.get(name).cloned()
    };
    value.ok_or_else(|| Rejection::missing(name))
}

/// Returns true if the query has another value of the same name: a request that says two things is not understood.
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

/// Reads the name of a type of resource.
pub fn kind(name: &str) -> Result<ResourceType> {
    ResourceType::parse(name).ok_or_else(|| {
        let all = ResourceType::ALL.map(|kind| format!("'{}'", kind.as_str())).join(", ");
        Rejection::invalid(format!("Invalid resource type '{name}'. Valid resource types are: ({all})"))
    })
}
