//! Spans in OTLP/HTTP (MLflow 3.4): the traces that a body writes to, and the tags that it sets on them.
//!
//! The origin takes a span for a part of the trace that has its id, whosever that is; MLflow up to 3.16 also believes
//! the attribute `mlflow.traceRequestId`; an attribute `mlflow.traceTag.<key>` of a root span sets a tag, and so does an
//! attribute of a resource (both 3.17). So all of these are read, in protobuf and in JSON.
//!
//! The gate forwards the bytes that it read: a packed body goes on unpacked, and a body in which something can be read in
//! two ways does not go on at all.

mod json;
mod protobuf;

use std::collections::BTreeSet;

use super::unpack::{Encoding, unpack};
use crate::error::{Rejection, Result};
use crate::http::Headers;
use crate::json::Json;

const REQUEST_ID: &str = "mlflow.traceRequestId";
const TAG_PREFIX: &str = "mlflow.traceTag.";

/// More traces than these, or more tags, are not looked at in one request.
const MOST_NAMED: usize = 1000;
/// An id or a tag is shorter: MLflow has room for 50 and 250 characters.
const LONGEST_NAME: usize = 1000;

/// A body that was read.
#[derive(Debug)]
pub struct Spans {
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// The names in it, each once: `{"spans": [{"trace_id": …}], "tags": [{"key": …}]}`.
    pub outline: Json,
}

/// Reads a body.
///
/// Refuses what is no OTLP, has another encoding than gzip or deflate, or is longer than `limit` when unpacked.
pub fn read(bytes: Vec<u8>, headers: &Headers, limit: usize) -> Result<Spans> {
    let content_type = only(headers, "content-type")?.unwrap_or("None");
    let is_protobuf = match content_type.split(';').next().unwrap_or_default().trim() {
        "application/x-protobuf" => true,
        "application/json" => false,
        _ => {
            return Err(Rejection::invalid(format!(
                "Invalid Content-Type: {content_type}. Expected: application/x-protobuf or application/json"
            )));
        }
    };
    let encoding = only(headers, "content-encoding")?.unwrap_or_default();
    let body = match encoding.to_ascii_lowercase().as_str() {
        "" | "identity" => bytes,
        "gzip" => unpack(Encoding::Gzip, &bytes, limit)?,
        "deflate" => unpack(Encoding::Deflate, &bytes, limit)?,
        _ => return Err(Rejection::invalid(format!("Unsupported Content-Encoding: {encoding}"))),
    };
    let mut outline = Outline::default();
    let media_type = if is_protobuf {
        protobuf::read(&body, &mut outline)?;
        "application/x-protobuf"
    } else {
        json::read(&body, &mut outline)?;
        "application/json"
    };
    Ok(Spans { body, media_type, outline: outline.into_json() })
}

/// The value of a field that may be there once.
fn only<'a>(headers: &'a Headers, name: &str) -> Result<Option<&'a str>> {
    let mut fields = headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
    let value = fields.next().map(|(_, value)| value.trim());
    match fields.next() {
        Some(_) => Err(Rejection::invalid(format!("The header field {name} stands twice."))),
        None => Ok(value),
    }
}

/// MLflow's answer to what it cannot read.
fn malformed<T>() -> Result<T> {
    Err(Rejection::invalid("Invalid OpenTelemetry format"))
}

/// The names in a body.
#[derive(Default)]
struct Outline {
    traces: BTreeSet<String>,
    tags: BTreeSet<String>,
}

impl Outline {
    /// Notes the trace of a span. MLflow reads its id as one number and writes that with 32 hexadecimal digits.
    fn span(&mut self, hex: &str) -> Result<()> {
        if hex.is_empty() || hex.len() > 32 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return malformed();
        }
        note(&mut self.traces, "traces", &format!("tr-{:0>32}", hex.to_ascii_lowercase()))
    }

    /// Notes what an attribute of a span says, with its value if that is a string.
    fn attribute(&mut self, key: &str, value: Option<&str>) -> Result<()> {
        if let Some(tag) = key.strip_prefix(TAG_PREFIX) {
            self.tag(tag)?;
        }
        if key == REQUEST_ID {
            // MLflow takes it as it stands; what is no string is left to be refused as an id that nobody can ask for
            note(&mut self.traces, "traces", value.filter(|id| !id.is_empty()).unwrap_or("?"))?;
        }
        Ok(())
    }

    /// Notes a tag.
    fn tag(&mut self, key: &str) -> Result<()> {
        note(&mut self.tags, "tags", key)
    }

    fn into_json(self) -> Json {
        let objects = |key: &str, values: BTreeSet<String>| {
            let object = |value| Json::Object(vec![(key.to_owned(), Json::Text(value))]);
            Json::List(values.into_iter().map(object).collect())
        };
        Json::Object(vec![
            ("spans".to_owned(), objects("trace_id", self.traces)),
            ("tags".to_owned(), objects("key", self.tags)),
        ])
    }
}

fn note(names: &mut BTreeSet<String>, what: &str, name: &str) -> Result<()> {
    if names.contains(name) {
        return Ok(());
    }
    if name.len() > LONGEST_NAME {
        return Err(Rejection::invalid(format!("One of the {what} has a name of more than {LONGEST_NAME} bytes.")));
    }
    if names.len() >= MOST_NAMED {
        return Err(Rejection::invalid(format!("More than {MOST_NAMED} {what} in one request.")));
    }
    names.insert(name.to_owned());
    Ok(())
}
