//! Spans in OTLP/HTTP (MLflow 3.4): the traces that a body writes to, and the tags that it sets on them.
//!
//! The origin takes a span for a part of the trace that has its id, whosever that is; MLflow up to 3.16 also believes
//! the attribute `mlflow.traceRequestId`; and an attribute `mlflow.traceTag.<key>` of a root span sets a tag. So all
//! of these are read, in protobuf and in JSON, as much of the format as it takes.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use super::json::Json;
use crate::error::{Code, Refusal, Result};

const REQUEST_ID: &str = "mlflow.traceRequestId";
const TAG_PREFIX: &str = "mlflow.traceTag.";

/// What a body says, as `{"spans": [{"trace_id": …}], "tags": [{"key": …}]}`, each once.
///
/// Refuses what is no OTLP, has another encoding than gzip or deflate, or is longer than `limit` when unpacked.
pub fn outline(bytes: &[u8], content_type: Option<&str>, encoding: Option<&str>, limit: usize) -> Result<Json> {
    let unpacked;
    let bytes = match encoding.map(|e| e.trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") => bytes,
        Some("gzip") => {
            unpacked = unpack(MultiGzDecoder::new(bytes), limit)?;
            &unpacked
        }
        Some("deflate") => {
            unpacked = unpack(ZlibDecoder::new(bytes), limit)?;
            &unpacked
        }
        Some(_) => return Err(Refusal::invalid("Unsupported Content-Encoding: gzip and deflate are.")),
    };
    let mut outline = Outline::default();
    match content_type.and_then(|t| t.split(';').next()).map(str::trim) {
        Some("application/x-protobuf") => outline.read_protobuf(bytes),
        Some("application/json") => outline.read_json(bytes),
        _ => {
            return Err(Refusal::invalid("Invalid Content-Type. Expected: application/x-protobuf or application/json"));
        }
    }
    .ok_or_else(|| Refusal::invalid("Invalid OpenTelemetry format"))?;
    Ok(outline.into_json())
}

fn unpack(decoder: impl Read, limit: usize) -> Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    let length = decoder.take(limit as u64 + 1).read_to_end(&mut unpacked);
    match length {
        Ok(length) if length <= limit => Ok(unpacked),
        Ok(_) => {
            Err(Refusal::mlflow(Code::RequestTooLarge, format!("The unpacked body is longer than {limit} bytes.")))
        }
        Err(_) => Err(Refusal::invalid("The request body cannot be unpacked.")),
    }
}

#[derive(Default)]
struct Outline {
    traces: Vec<String>,
    tags: Vec<String>,
}

impl Outline {
    fn trace(&mut self, id: String) {
        if !self.traces.contains(&id) {
            self.traces.push(id);
        }
    }

    /// MLflow reads the bytes of a trace id as one number and writes it with 32 hexadecimal digits.
    fn otel_trace(&mut self, hex: &str) -> Option<()> {
        let digits = hex.trim_start_matches('0').to_ascii_lowercase();
        let fits = digits.len() <= 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        fits.then(|| self.trace(format!("tr-{digits:0>32}")))
    }

    fn attribute(&mut self, key: &str, value: Option<&str>) {
        if let Some(tag) = key.strip_prefix(TAG_PREFIX) {
            self.tags.push(tag.to_owned());
        }
        if key == REQUEST_ID {
            // MLflow takes it as it stands; what is no string is left to be refused as an id that nobody can ask for
            self.trace(value.filter(|id| !id.is_empty()).unwrap_or("?").to_owned());
        }
    }

    /// `ExportTraceServiceRequest`: resource_spans = 1, scope_spans = 2, spans = 2, trace_id = 1, attributes = 9.
    fn read_protobuf(&mut self, bytes: &[u8]) -> Option<()> {
        for (_, resource_spans) in fields(bytes)?.into_iter().filter(|(number, _)| *number == 1) {
            for (_, scope_spans) in fields(resource_spans)?.into_iter().filter(|(number, _)| *number == 2) {
                for (_, span) in fields(scope_spans)?.into_iter().filter(|(number, _)| *number == 2) {
                    self.read_span(span)?;
                }
            }
        }
        Some(())
    }

    fn read_span(&mut self, span: &[u8]) -> Option<()> {
        for (number, value) in fields(span)? {
            match number {
                1 => self.otel_trace(&value.iter().map(|byte| format!("{byte:02x}")).collect::<String>())?,
                9 => {
                    // KeyValue: key = 1, value = 2; AnyValue: string_value = 1. Of a field that is repeated all count.
                    let pair = fields(value)?;
                    let text = |bytes| std::str::from_utf8(bytes).ok();
                    let values: Vec<_> = pair.iter().filter(|(n, _)| *n == 2).filter_map(|(_, v)| fields(v)).collect();
                    for (_, key) in pair.iter().filter(|(n, _)| *n == 1) {
                        let strings = values.iter().flatten().filter(|(n, _)| *n == 1);
                        let key = text(key)?;
                        self.attribute(key, None.or(strings.clone().next()).and_then(|(_, v)| text(v)));
                        strings.skip(1).for_each(|(_, v)| self.attribute(key, text(v)));
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn read_json(&mut self, bytes: &[u8]) -> Option<()> {
        let json = Json::parse(bytes).ok()?;
        for resource_spans in list(&json, "resourceSpans", "resource_spans")? {
            for scope_spans in list(resource_spans, "scopeSpans", "scope_spans")? {
                for span in list(scope_spans, "spans", "")? {
                    if span.get("trace_id").is_some() {
                        return None; // the origin would read this spelling as base64
                    }
                    self.otel_trace(span.get("traceId")?.text()?)?;
                    for attribute in list(span, "attributes", "")? {
                        let value = attribute.at(&["value", "string_value"]).and_then(Json::text);
                        self.attribute(attribute.get("key")?.text()?, value);
                    }
                }
            }
        }
        Some(())
    }

    fn into_json(self) -> Json {
        let objects = |key: &str, values: Vec<String>| {
            let object = |value| Json::Object(vec![(key.to_owned(), Json::Text(value))]);
            Json::List(values.into_iter().map(object).collect())
        };
        Json::Object(vec![
            ("spans".to_owned(), objects("trace_id", self.traces)),
            ("tags".to_owned(), objects("key", self.tags)),
        ])
    }
}

/// The items of a list in the one spelling that OTLP knows; protobuf's other spelling is refused.
fn list<'a>(object: &'a Json, name: &str, other: &str) -> Option<&'a [Json]> {
    match object.get(name) {
        _ if object.get(other).is_some() => None,
        None | Some(Json::Null) => Some(&[]),
        Some(value) => value.list(),
    }
}

/// The length-delimited fields of a protobuf message, with their numbers. `None` if it is none, or has groups.
fn fields(mut bytes: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(cut(&mut bytes, 8)?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                found.push((tag >> 3, cut(&mut bytes, length)?));
            }
            5 => drop(cut(&mut bytes, 4)?),
            _ => return None,
        }
    }
    Some(found)
}

fn cut<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *cut(bytes, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
