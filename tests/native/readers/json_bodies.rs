//! Bodies of JSON and queries, for which MLflow has a protobuf message.

use std::sync::LazyLock;

use futures_util::FutureExt;
use mlflow_edge_auth::config::Config;
use mlflow_edge_auth::http::{Headers, Method, Request};
use mlflow_edge_auth::request::{Call, Payload, Target};
use mlflow_edge_auth::routes::Requires;
use serde_json::{Value, json};

use crate::support::{Bytes, World};

static CONFIG: LazyLock<Config> = LazyLock::new(|| World::with(&[]).config);

#[test]
fn verdicts() {
    super::run("json_bodies", verdict);
}

fn verdict(input: &Value) -> Value {
    match read(input) {
        Ok(call) => decided(&call).unwrap_or_else(|| json!({ "refused": 400 })),
        Err(_) => json!({ "refused": 400 }),
    }
}

fn read(input: &Value) -> mlflow_edge_auth::error::Result<Call<Bytes>> {
    let text = |key: &str| input[key].as_str().unwrap();
    let mut headers = Headers::default();
    if !text("type").is_empty() {
        headers.append("Content-Type", text("type"));
    }
    let method = Method::parse(text("method"));
    let request = Request {
        method,
        url: format!("http://gate{}{}", text("path"), text("query")),
        headers,
        body: (!method.is_safe()).then(|| Bytes(text("body").as_bytes().to_vec())),
        client_certificate: None,
    };
    let target = Target::parse(&request, &CONFIG)?;
    target.read(request, 1_000_000, false).now_or_never().unwrap()
}

/// The values of each field of the row, and what goes to MLflow. `None` if it is refused.
fn decided(call: &Call<Bytes>) -> Option<Value> {
    let claims = match call.row?.requires {
        Requires::All(claims) => claims,
        _ => &[],
    };
    let mut decided = Vec::new();
    for claim in claims {
        let (_, field) = claim.parts();
        decided.push(json!([field.parameters, call.values(field).ok()?]));
    }
    let body = match &call.payload {
        Payload::Json(bytes, Ok(_)) => std::str::from_utf8(bytes).unwrap(),
        Payload::None => "",
        _ => return None, // not read
    };
    let media_type =
        if call.has_json() { "application/json" } else { call.content_type.as_deref().unwrap_or_default() };
    Some(json!({ "decided": decided, "query": call.forwarded_query(), "type": media_type, "body": body }))
}
