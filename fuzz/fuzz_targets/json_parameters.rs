//! Ids in body and query: never a panic, and what is read is what serde_json reads.
//!
//! Input: a byte that chooses the row of the table, a byte of flags, the query up to the first line feed, the body.

#![no_main]

#[path = "../../tests/native/support/mod.rs"]
mod support;

use std::sync::LazyLock;

use futures_util::FutureExt;
use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::config::Config;
use mlflow_edge_auth::http::{Headers, Method, Request};
use mlflow_edge_auth::request::query::Query;
use mlflow_edge_auth::request::{Call, Payload, Target, shapes};
use mlflow_edge_auth::routes::{self, Answer as RouteAnswer, Field, Requires, Route, TABLE};
use serde_json::Value;
use support::{Bytes, World};

/// The rows that need something of what the request names to MLflow. What a grant is about is read here alone.
static ROWS: LazyLock<Vec<&'static Route>> = LazyLock::new(|| {
    let is_decided = |row: &&Route| matches!(row.requires, Requires::All(_)) && row.granted_by().is_none();
    TABLE.iter().copied().flatten().filter(is_decided).collect()
});
static CONFIG: LazyLock<Config> = LazyLock::new(|| World::with(&[]).config);

fuzz_target!(|data: &[u8]| {
    let [row, flags, rest @ ..] = data else { return };
    let row = ROWS[usize::from(*row) % ROWS.len()];
    let mut lines = rest.splitn(2, |byte| *byte == b'\n');
    let query = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let body = lines.next().unwrap_or_default();
    let path = routes::paths(row).next().unwrap();
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| match segment {
            "{*artifact_path}" => "1/x",
            _ if segment.starts_with('{') => "m-1",
            _ => segment,
        })
        .collect();
    let mut headers = Headers::default();
    match flags % 8 {
        0 => {}
        1 => headers.append("Content-Type", "text/plain"),
        _ => headers.append("Content-Type", "application/json"),
    }
    let request = Request {
        method: row.method,
        url: format!("http://gate{}?{query}", segments.join("/")),
        headers,
        body: (!row.method.is_safe()).then(|| Bytes(body.to_vec())),
        client_certificate: None,
    };
    let Ok(target) = Target::parse(&request, &CONFIG) else { return };
    let Ok(call) = target.read(request, 10_000, false).now_or_never().unwrap() else { return };
    let required = call.required_access();
    let Requires::All(claims) = row.requires else { return };
    for claim in claims {
        let (_, field) = claim.parts();
        let Ok(values) = call.values(field) else {
            assert!(required.is_err(), "a demand without its field");
            continue;
        };
        agrees(row, &call, field, &values);
    }
});

/// What serde_json sees in the body that is forwarded, in the spelling that is there; by hand in the query.
fn agrees(row: &'static Route, call: &Call<Bytes>, field: &Field, values: &[String]) {
    if field.parameters.iter().any(|name| name.starts_with("X-")) {
        return; // a header
    }
    let mut readings: Vec<Vec<String>> = Vec::new();
    if let Payload::Json(forwarded, Ok(_)) = &call.payload {
        // serde_json knows no NaN
        let body = if forwarded.is_empty() { "{}".into() } else { String::from_utf8_lossy(forwarded) };
        let Ok(body) = serde_json::from_str::<Value>(&body) else { return };
        // a name that the message has not is none to MLflow
        let fields = &shapes::of(row).message().fields;
        let is_known = |path: &&&str| fields.iter().any(|field| path.split(['.', '[', '{']).next() == Some(field.name));
        readings.extend(field.parameters.iter().filter(is_known).map(|name| in_body(&body, name)));
        assert!(call.forwarded_query().is_empty());
    } else if !matches!(call.payload, Payload::Json(..)) {
        let sent = call.forwarded_query();
        let sent = Query::parse(sent.strip_prefix('?').unwrap_or_default()).unwrap();
        assert_eq!(sent, call.query);
    }
    let captured = call.path.split('/').any(|segment| *segment == *"m-1") || call.path.ends_with("/1/x");
    let is_ours = matches!(row.answer, RouteAnswer::Local(_)) && call.method == Method::Delete;
    if is_ours || !matches!(call.payload, Payload::Json(..)) {
        readings.extend(field.parameters.iter().map(|name| call.query.all(name).map(str::to_owned).collect()));
    }
    let readings: Vec<Vec<String>> =
        readings.into_iter().map(|all| all.into_iter().filter(|id| !id.is_empty()).collect()).collect();
    let told: Vec<&Vec<String>> = readings.iter().filter(|all: &&Vec<String>| !all.is_empty()).collect();
    if captured && matches!(values, [only] if only == "m-1" || only == "1/x") {
        assert!(told.iter().all(|all| all[..] == *values), "{told:?} beside {values:?} in the path");
        return;
    }
    // everything that the origin can read says the same
    assert!(told.iter().all(|all| all[..] == *values), "{values:?} of {told:?}");
    assert!(!told.is_empty() || values.is_empty(), "{values:?} of nothing");
}

/// The ids at a path such as `list[].name`, `map{}` or `a.b`, by the one name that goes to MLflow.
fn in_body(body: &Value, path: &str) -> Vec<String> {
    let field = |name: &str| body.get(name).filter(|value| !value.is_null());
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("an id was read from {other}"),
    };
    let (step, rest) = path.split_once('.').map_or((path, None), |(step, rest)| (step, Some(rest)));
    if let Some(list) = step.strip_suffix("[]") {
        let items = field(list).map_or(&[][..], |value| value.as_array().expect("a list was read"));
        return items.iter().flat_map(|item| in_body(item, rest.unwrap_or_default())).collect();
    }
    if let Some(map) = step.strip_suffix("{}") {
        return field(map)
            .map_or(Vec::new(), |value| value.as_object().expect("a map was read").keys().cloned().collect());
    }
    match (field(step), rest) {
        (None, _) => Vec::new(),
        (Some(value), Some(rest)) => in_body(value, rest),
        (Some(Value::Array(items)), None) => items.iter().map(text).collect(),
        (Some(value), None) => vec![text(value)],
    }
}
