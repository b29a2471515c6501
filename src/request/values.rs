//! The values of a field: from the path, a header, the query or the body, wherever the origin reads it.

use super::message::Fault;
use super::{Call, Payload};
use crate::error::{Rejection, Result};
use crate::http::Method;
use crate::json::Json;
use crate::routes::{Cardinality, Field, Route, ValueKind};

/// More ids than this are not looked at in one request.
const MOST_NAMED: usize = 1000;

impl<S> Call<S> {
    /// Every value of a field, from the one place where the origin reads it.
    pub fn values(&self, field: &Field) -> Result<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        for (i, parameter) in field.parameters.iter().enumerate() {
            let values = self.parameter(parameter, field.count)?;
            if i > 0 && !found.is_empty() && !values.is_empty() && values != found {
                return Err(conflict(parameter));
            }
            if found.is_empty() {
                found = values;
            }
        }
        match (field.count, field.parameters.first()) {
            (Cardinality::One, _) if found.is_empty() && field.names == ValueKind::EndpointName => {
                Err(Rejection::text("No endpoint name found"))
            }
            (Cardinality::One | Cardinality::Each, Some(parameter)) if found.is_empty() => {
                Err(Rejection::missing(parameter))
            }
            _ if found.len() > MOST_NAMED => {
                Err(Rejection::invalid(format!("More than {MOST_NAMED} ids in one request.")))
            }
            _ => Ok(found),
        }
    }

    /// The value of a parameter that may be missing.
    pub fn optional(&self, name: &str) -> Result<Option<String>> {
        Ok(self.parameter(name, Cardinality::Optional)?.pop())
    }

    /// The values of one spelling of a field; empty strings and nulls are as good as absent.
    fn parameter(&self, name: &str, count: Cardinality) -> Result<Vec<String>> {
        if name.starts_with("X-") {
            return self.header(name);
        }
        let captured =
            self.found.iter().flat_map(|found| &found.captures).find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let in_query: Vec<String> = self.query.all(name).filter(|v| !v.is_empty()).map(str::to_owned).collect();
        let in_body = match &self.payload {
            Payload::Json(_, Ok(json)) => in_json(json, name, count)?,
            _ => Vec::new(),
        };
        let reads_body = matches!(self.payload, Payload::Json(..));
        // the origin takes no parameter of a DELETE from the query
        let is_ours = self.row.and_then(Route::endpoint).is_some();
        let chosen = match captured {
            Some(value) => vec![value],
            None if reads_body && !(is_ours && in_body.is_empty() && self.method == Method::Delete) => in_body.clone(),
            None => in_query.clone(),
        };
        let disagrees = |other: &Vec<String>| !other.is_empty() && !chosen.is_empty() && *other != chosen;
        if disagrees(&in_query) || disagrees(&in_body) {
            return Err(conflict(name));
        }
        if let (Payload::Json(_, Err(_)), true, Method::Post | Method::Put | Method::Patch) =
            (&self.payload, chosen.is_empty(), self.method)
        {
            self.json()?;
        }
        Ok(chosen)
    }

    fn header(&self, name: &str) -> Result<Vec<String>> {
        let fields = self.headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        // what surrounds a value on the wire, and nothing else that Unicode takes for white space
        let values: Vec<String> = fields.map(|(_, value)| value.trim_matches([' ', '\t']).to_owned()).collect();
        if values.len() > 1 { Err(conflict(name)) } else { Ok(values.into_iter().filter(|v| !v.is_empty()).collect()) }
    }
}

fn conflict(parameter: &str) -> Rejection {
    Rejection::invalid(format!("Conflicting values for parameter '{parameter}'."))
}

/// Values at a path such as `metrics[].model_id`, `tags{}` or `a.b`.
fn in_json(json: &Json, path: &str, count: Cardinality) -> Result<Vec<String>> {
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    if let Some(list) = step.strip_suffix("[]") {
        let items = json.field(list).map_or(Ok(&[][..]), |v| v.list().ok_or_else(|| wrong_type(list, v)))?;
        let mut values = Vec::new();
        for item in items {
            if count != Cardinality::Each && matches!(item, Json::Object(entries) if entries.is_empty()) {
                continue; // most metrics name nothing
            }
            let of_item = in_json(item, rest.unwrap_or_default(), count)?;
            if of_item.is_empty() && count == Cardinality::Each {
                return Err(Rejection::missing(path));
            }
            values.extend(of_item);
        }
        return Ok(values);
    }
    if let Some(map) = step.strip_suffix("{}") {
        return match json.field(map) {
            None => Ok(Vec::new()),
            Some(Json::Object(entries)) => Ok(entries.iter().map(|(key, _)| key.clone()).collect()),
            Some(value) => Err(wrong_type(map, value)),
        };
    }
    let is_list = matches!(count, Cardinality::Each | Cardinality::EachOptional);
    let values = match (json.field(step), rest) {
        (None, _) => Vec::new(),
        (Some(object @ Json::Object(_)), Some(rest)) => return in_json(object, rest, count),
        (Some(Json::List(items)), None) if is_list => {
            items.iter().map(|item| scalar(item, step)).collect::<Result<_>>()?
        }
        (Some(value), None) => vec![scalar(value, step)?],
        (Some(value), Some(_)) => return Err(wrong_type(step, value)),
    };
    Ok(values.into_iter().filter(|value| !value.is_empty()).collect())
}

/// An id as text: a string, or an integer as old clients send it.
fn scalar(value: &Json, name: &str) -> Result<String> {
    match value {
        Json::Text(text) => Ok(text.clone()),
        Json::Number(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(digits.clone()),
        _ => Err(wrong_type(name, value)),
    }
}

fn wrong_type(name: &str, value: &Json) -> Rejection {
    Rejection::invalid(Fault::of_value(name, value).to_string())
}
