//! The parameters of the role endpoints (MLflow 3.12 and later), each read once.

use super::input::parameter;
use super::{Call, Payload};
use crate::accounts::roles::RoleIds;
use crate::error::{Rejection, Result};
use crate::http::Method;
use crate::json::Json;

/// A parameter, or none. A body that is no JSON object has none, as for MLflow; a DELETE without one has those of its
/// query.
pub fn optional<S>(call: &Call<S>, name: &str) -> Result<Option<Json>> {
    let is_unread = matches!(call.payload, Payload::Json(_, Err(_)));
    match parameter(call, name) {
        Ok(value) => Ok(Some(value)),
        Err(rejection) if rejection.is_left_to_origin() || (is_unread && call.method != Method::Get) => Ok(None),
        Err(rejection) => Err(rejection),
    }
}

/// A parameter that must be there; `null` is there.
pub fn required<S>(call: &Call<S>, name: &str) -> Result<Json> {
    optional(call, name)?.ok_or_else(|| Rejection::missing(name))
}

/// The id of a row: an integer of JSON, or a text of decimal digits. MLflow takes what Python's `int` takes: `true` and
/// `1_0`, too.
pub fn integer<S>(call: &Call<S>, name: &str) -> Result<i64> {
    to_integer(name, &required(call, name)?)
}

fn to_integer(name: &str, value: &Json) -> Result<i64> {
    let digits = match value {
        Json::Number(text) => text.as_str(),
        Json::Text(text) => text.trim(),
        _ => "",
    };
    let is_decimal = digits.strip_prefix('-').unwrap_or(digits).bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_decimal);
    number.ok_or_else(|| {
        Rejection::invalid(format!("Parameter '{name}' must be an integer. Got: {}", python_repr(value)))
    })
}

/// The ids by which a request names a role, or the workspace of a new one. All that are there are read before any is
/// looked up, so that no error tells what exists.
pub fn role_ids<S>(call: &Call<S>) -> Result<RoleIds> {
    let id = |name| optional(call, name)?.map(|value| to_integer(name, &value)).transpose();
    let (permission, role) = (id("role_permission_id")?, id("role_id")?);
    let workspace = match optional(call, "workspace")? {
        None => None,
        Some(Json::Text(name)) if !name.trim().is_empty() => Some(name),
        Some(_) => return Err(Rejection::invalid("Parameter 'workspace' must be a non-empty string.")),
    };
    if permission.is_none() && role.is_none() && workspace.is_none() {
        let message = "Request must include one of: role_id, role_permission_id, workspace.";
        return Err(Rejection::invalid(message));
    }
    Ok(RoleIds { role, permission, workspace })
}

/// Writes a value as Python's `str` does.
pub fn python_str(value: &Json) -> String {
    match value {
        Json::Text(text) => text.clone(),
        other => python_repr(other),
    }
}

/// Writes a value as Python's `repr` does, as far as messages need it.
pub fn python_repr(value: &Json) -> String {
    let all = |items: &[Json]| items.iter().map(python_repr).collect::<Vec<_>>().join(", ");
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Number(text) => text.clone(),
        Json::Text(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let mut written = String::from(quote);
            for c in text.chars() {
                match c {
                    '\\' => written.push_str("\\\\"),
                    '\n' => written.push_str("\\n"),
                    '\r' => written.push_str("\\r"),
                    '\t' => written.push_str("\\t"),
                    c if c == quote => written.extend(['\\', c]),
                    c if c.is_ascii_control() => written.push_str(&format!("\\x{:02x}", u32::from(c))),
                    c => written.push(c),
                }
            }
            written.push(quote);
            written
        }
        Json::List(items) => format!("[{}]", all(items)),
        Json::Object(entries) => {
            let entry = |(key, value): &(String, Json)| {
                format!("{}: {}", python_repr(&Json::Text(key.clone())), python_repr(value))
            };
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_an_integer_or_the_decimal_text_of_one() {
        let read = |json: &str| to_integer("role_id", &Json::parse(json.as_bytes()).unwrap());
        for (json, id) in [("1", 1), ("-7", -7), (r#"" 12\n""#, 12), (r#""-3""#, -3), (r#""007""#, 7)] {
            assert_eq!(read(json).unwrap(), id, "{json}");
        }
        for (json, got) in [
            ("1.0", "1.0"),
            ("true", "True"),
            ("null", "None"),
            (r#""""#, "''"),
            (r#""+1""#, "'+1'"),
            (r#""1_0""#, "'1_0'"),
            (r#""- 1""#, "'- 1'"),
            (r#""it's""#, r#""it's""#),
            (r#""a\nb""#, r"'a\nb'"),
            (r#"["1", {"a": 2}]"#, "['1', {'a': 2}]"),
            ("99999999999999999999", "99999999999999999999"),
        ] {
            let error = read(json).unwrap_err();
            assert_eq!(error.reason(), format!("Parameter 'role_id' must be an integer. Got: {got}"));
        }
    }
}
