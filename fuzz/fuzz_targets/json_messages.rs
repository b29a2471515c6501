//! Bodies of JSON for a message: never a panic, and what is written for MLflow is read again as what was decided on.
//!
//! Input: a byte that chooses the row of the table, then the body.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::json::Json;
use mlflow_edge_auth::request::shapes;
use mlflow_edge_auth::routes::{Route, TABLE};

static ROWS: LazyLock<Vec<&'static Route>> =
    LazyLock::new(|| TABLE.iter().copied().flatten().filter(|row| shapes::of(row).is_protobuf()).collect());

fuzz_target!(|data: &[u8]| {
    let [row, body @ ..] = data else { return };
    let shape = shapes::of(ROWS[usize::from(*row) % ROWS.len()]);
    let Ok(read) = shape.read(body) else { return };
    let written = read.rewritten.as_deref().map_or(body, str::as_bytes);
    let again = shape.read(written).expect("what is written can be read");
    assert_eq!(again.rewritten, None, "what is written is in order");
    assert_eq!(sorted(again.value), sorted(read.value), "what is written says what was read");

    // known fields stand by their own names, and none behind one that nobody knows
    let Json::Object(fields) = Json::parse(written).expect("JSON is written") else { panic!("no object is written") };
    let is_known = |key: &str| shape.message().fields.iter().any(|field| field.name == key);
    let unknown = fields.iter().skip_while(|(key, _)| is_known(key));
    for (key, _) in unknown {
        assert!(!is_known(key), "{key} stands behind what nobody knows");
        assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{key} is no identifier");
    }
    let null = fields.iter().find(|(key, value)| is_known(key) && *value == Json::Null);
    assert!(null.is_none_or(|(key, _)| key == "value"), "{null:?}");
});

fn sorted(json: Json) -> Json {
    match json {
        Json::List(items) => Json::List(items.into_iter().map(sorted).collect()),
        Json::Object(mut entries) => {
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Json::Object(entries.into_iter().map(|(key, value)| (key, sorted(value))).collect())
        }
        scalar => scalar,
    }
}
