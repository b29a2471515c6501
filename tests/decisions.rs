//! The policy as a table, and the proof that no route of MLflow is without a row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may fail

mod support;

use std::fmt::Write;

use mlflow_edge_auth::http::Method;
use mlflow_edge_auth::routes::{self, Claim, Names, Need, Row, TABLE, Then};
use support::{ADMIN, ALICE, World};

const LEVELS: [&str; 6] = ["MANAGE", "EDIT", "USE", "READ", "NO_PERMISSIONS", "-"];

/// A request to a row that names experiment 1, run r1, logged model m-1 and the model "m".
fn sample(row: &Row) -> (String, String) {
    let mut path = routes::paths(row).next().unwrap();
    for (pattern, value) in
        [("{model_id}", "m-1"), ("{tag_key}", "k"), ("{*artifact_path}", "1/r1/artifacts/a.txt"), ("{*path}", "x.js")]
    {
        path = path.replace(pattern, value);
    }
    let mut query = Vec::new();
    let mut body = serde_json::Map::new();
    body.insert("name".into(), "m".into());
    body.insert("new_name".into(), "new".into());
    if let Need::Oneself(parameter) = row.need {
        body.insert(parameter.into(), "bob".into());
        return (format!("{path}?{parameter}=bob"), serde_json::Value::Object(body).to_string());
    }
    let Need::All(claims) = row.need else { return (path, serde_json::Value::Object(body).to_string()) };
    for claim in claims {
        let (_, field) = claim.parts();
        let name = field.parameters[0];
        let value = match field.names {
            Names::Experiment | Names::Granted => "1",
            Names::ExperimentByName => "e1",
            Names::RegisteredModel => "m",
            Names::Run => "r1",
            Names::LoggedModel => "m-1",
            Names::ArtifactPath => "1/r1/artifacts",
            Names::Source => "mlflow-artifacts:/1/r1/artifacts/model",
        };
        query.push(format!("{name}={value}"));
        match name.split_once("[].") {
            Some((list, item)) => body.insert(list.into(), serde_json::json!([{ item: value }])),
            None if name.ends_with("_ids") => body.insert(name.into(), serde_json::json!([value])),
            None => body.insert(name.into(), value.into()),
        };
        if field.names == Names::Granted {
            body.insert("resource_type".into(), "experiment".into());
        }
    }
    let in_query = row.method == Method::Get || matches!(row.then, Then::Stream);
    let target = if in_query && !path.contains("1/r1") && !path.contains("m-1") {
        format!("{path}?{}", query.join("&"))
    } else {
        path
    };
    (target, serde_json::Value::Object(body).to_string())
}

/// What happens: `yes` it is forwarded or served, `no` it is refused, `rows` only readable rows come back, `self` it is for the user
/// whom it names.
fn outcome(world: &World, user: &str, row: &Row) -> &'static str {
    let (target, body) = sample(row);
    let body = (row.method != Method::Get).then_some(body.as_bytes());
    let authorization = support::basic(user);
    let mut headers = vec![("Content-Type", "application/json")];
    if !user.is_empty() {
        headers.push(("Authorization", &authorization));
    }
    let answer = world.send(row.method.as_str(), &target, &headers, body);
    match (answer.status, row.then) {
        (401, _) => "login",
        (403, _) if matches!(row.need, Need::Oneself(_)) => "self", // refused for another user
        (403, _) => "no",
        (200, Then::Filter(_) | Then::Narrow) => "rows",
        // a decision was made: what follows is about the parameters that the sample leaves out
        _ => "yes",
    }
}

#[test]
fn the_matrix_under_version_control_is_what_the_gate_does() {
    let mut table = format!("{:<7}{:<70}{:<8}{:<8}", "", "", "nobody", "admin");
    for level in LEVELS {
        let _ = write!(table, "{level:<16}");
    }
    for row in TABLE.iter().copied().flatten() {
        let _ = write!(table, "\n{:<7}{:<70}", row.method.as_str(), row.path);
        let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
        world.add_users();
        let _ = write!(table, "{:<8}{:<8}", outcome(&world, "", row), outcome(&world, ADMIN, row));
        for level in LEVELS {
            let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
            world.add_users();
            if level != "-" {
                world.grant(2, "experiment", "1", level);
                world.grant(2, "registered_model", "m", level);
            }
            let _ = write!(table, "{:<16}", outcome(&world, ALICE, row));
        }
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decisions.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &table).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == table,
        "the policy changed: run `UPDATE=1 cargo test --test decisions` and read the diff of {file}"
    );
}

/// Deliberately without a row: these are for administrators until a row says otherwise.
const LATER: &[&str] = &[
    "/traces",
    "get-trace-artifact",
    "get-online-trace-details",
    "unified-traces",
    "graphql",
    "gateway-proxy",
    "webhooks",
    "/build/",
    "2.0mlflow",
];

#[test]
fn every_route_of_mlflow_3_3_2_has_a_row() {
    let mut missing = Vec::new();
    for line in include_str!("fixtures/routes-3.3.2.tsv").lines().skip(1) {
        let mut columns = line.split('\t');
        let (method, path) = (columns.next().unwrap(), columns.next().unwrap());
        let covered = routes::find(path, "").is_some_and(|found| found.row(Method::parse(method)).is_some());
        if !covered && !LATER.iter().any(|later| path.contains(later)) {
            missing.push(format!("{method} {path}"));
        }
    }
    assert!(missing.is_empty(), "add a row to src/routes for: {missing:#?}");
}

#[test]
fn no_two_rows_are_the_same_route() {
    let mut seen = std::collections::HashSet::new();
    for row in TABLE.iter().copied().flatten() {
        assert!(seen.insert((row.method.as_str(), row.path)), "{} {}", row.method.as_str(), row.path);
        let found = routes::find(&routes::paths(row).next().unwrap(), "").expect("the table is one tree");
        assert!(found.row(row.method).is_some());
        if let Need::All(claims) = row.need {
            assert!(!claims.is_empty());
            let _: Vec<_> = claims.iter().copied().map(Claim::parts).collect();
        }
    }
}

#[test]
fn the_repeated_query_fields_are_those_of_mlflow() {
    for field in include_str!("fixtures/repeated-query-fields.txt").split_whitespace() {
        let query = mlflow_edge_auth::request::query::Query::parse(&format!("{field}=1&{field}=2"));
        assert!(query.is_ok(), "{field} may be repeated");
    }
}
