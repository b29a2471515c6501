//! Spans in OTLP, packed or not, in protobuf and in JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use mlflow_edge_auth::error::Result;
use mlflow_edge_auth::http::{Body, Headers, Method, Request};
use mlflow_edge_auth::request::{Call, Payload, Target};
use mlflow_edge_auth::upstream::proxy::Proxy;
use serde_json::{Value, json};

use crate::support::{Bytes, World};

const LIMIT: usize = 1_000_000;

#[test]
fn verdicts() {
    let world = World::with(&[]);
    super::run("otlp", |input| match verdict(&world, input) {
        Ok(verdict) => verdict,
        Err(_) => json!({ "refused": 400 }),
    });
}

fn verdict(world: &World, input: &Value) -> Result<Value> {
    let fields = input["headers"].as_array().unwrap();
    let headers: Headers =
        fields.iter().map(|field| (field[0].as_str().unwrap(), field[1].as_str().unwrap())).collect();
    let request = Request {
        method: Method::Post,
        url: "http://gate/v1/traces".to_owned(),
        headers,
        body: Some(Bytes(STANDARD.decode(input["body"].as_str().unwrap()).unwrap())),
        client_certificate: None,
    };
    let target = Target::parse(&request, &world.config)?;
    let mut call = target.read(request, LIMIT, false).now_or_never().unwrap()?;
    call.required_access()?; // the header fields too
    let decided = decided(&call)?;
    if decided["traces"].as_array().unwrap().contains(&json!("?")) {
        return Ok(json!({ "refused": 403 })); // no origin can be asked for it
    }
    let outgoing = Proxy::new(&&world.mlflow, &world.config).outgoing(&mut call, Some("alice"));
    let Body::Bytes(body) = outgoing.body else { panic!("a body is forwarded") };
    let headers: Vec<_> = outgoing.headers.iter().collect();
    Ok(json!({ "decided": decided, "headers": headers, "body": STANDARD.encode(body) }))
}

/// The names that the decision is about.
fn decided(call: &Call<Bytes>) -> Result<Value> {
    let Payload::Json(_, Ok(outline)) = &call.payload else { panic!("spans are read") };
    let outline: Value = serde_json::from_str(&outline.compact()).unwrap();
    let names = |list: &str, key: &str| -> Vec<Value> {
        outline[list].as_array().unwrap().iter().map(|item| item[key].clone()).collect()
    };
    Ok(json!({
        "traces": names("spans", "trace_id"),
        "tags": names("tags", "key"),
        "experiment": call.optional("X-Mlflow-Experiment-Id")?,
        "run": call.optional("X-Mlflow-Run-Id")?,
    }))
}
