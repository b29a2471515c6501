//! Spans in OTLP, packed or not: never a panic, and what is forwarded is read again as what was decided on. A second decoder
//! unpacks the same, and a second reader of JSON finds the same ids.
//!
//! Input: a byte that chooses media type and encoding, then the body.

#![no_main]

use std::collections::BTreeSet;
use std::io::Read;

use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::http::Headers;
use mlflow_edge_auth::request::otlp;
use serde_json::Value;

const LIMIT: usize = 200_000;

fuzz_target!(|data: &[u8]| {
    let [choice, body @ ..] = data else { return };
    let media_type = if choice & 1 == 0 { "application/x-protobuf" } else { "application/json" };
    let encoding = ["", "gzip", "deflate"][usize::from(choice >> 1) % 3];
    let headers =
        |encoding| [("Content-Type", media_type), ("Content-Encoding", encoding)].into_iter().collect::<Headers>();
    let Ok(read) = otlp::read(body.to_vec(), &headers(encoding), LIMIT) else { return };
    assert!(read.body.len() <= LIMIT.max(body.len()));
    match encoding {
        "gzip" => assert_eq!(unpacked(GzDecoder::new(body)), read.body),
        "deflate"
            if body.first().is_some_and(|byte| byte & 0xf == 8) && ZlibDecoder::new(body).read(&mut [0]).is_ok() =>
        {
            assert_eq!(unpacked(ZlibDecoder::new(body)), read.body);
        }
        "deflate" => assert_eq!(unpacked(DeflateDecoder::new(body)), read.body),
        _ => assert_eq!(body, read.body),
    }
    let again = otlp::read(read.body.clone(), &headers(""), LIMIT).expect("what is forwarded can be read");
    assert_eq!((&again.body, &again.outline), (&read.body, &read.outline));
    if media_type == "application/json" {
        let outline: Value = serde_json::from_str(&read.outline.compact()).expect("an outline is JSON");
        let ids: BTreeSet<&str> = list(&outline["spans"]).filter_map(|span| span["trace_id"].as_str()).collect();
        // NaN and the like are Python's alone
        let Ok(body) = serde_json::from_slice::<Value>(&read.body) else { return };
        assert_eq!(ids, ids_of(&body).iter().map(String::as_str).collect());
    }
});

fn unpacked(mut decoder: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    decoder.read_to_end(&mut bytes).expect("what is forwarded could be unpacked");
    bytes
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn ids_of(body: &Value) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let scopes = list(&body["resourceSpans"]).flat_map(|spans| list(&spans["scopeSpans"]));
    for span in scopes.flat_map(|scope| list(&scope["spans"])) {
        let id = u128::from_str_radix(span["traceId"].as_str().expect("an id"), 16).expect("a number");
        ids.insert(format!("tr-{id:032x}"));
        for attribute in list(&span["attributes"]).filter(|attribute| attribute["key"] == "mlflow.traceRequestId") {
            let value = &attribute["value"];
            let id = value["stringValue"].as_str().or(value["string_value"].as_str()).unwrap_or_default();
            ids.insert(if id.is_empty() { "?" } else { id }.to_owned());
        }
    }
    ids
}
