//! The policy as a table, and the proof that no route of MLflow is without a row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may fail

mod support;

use std::fmt::Write;

use mlflow_edge_auth::http::Method;
use mlflow_edge_auth::routes::{self, Claim, Names, Need, Part, Row, TABLE, Then};
use support::{ADMIN, ALICE, World};

const LEVELS: [&str; 6] = ["MANAGE", "EDIT", "USE", "READ", "NO_PERMISSIONS", "-"];

/// A request to a row that names experiment 1, run r1, logged model m-1 and the model "m".
fn sample(row: &Row) -> (String, String) {
    let mut path = routes::paths(row).next().unwrap();
    for (pattern, value) in [
        ("{model_id}", "m-1"),
        ("{request_id}", "tr-1"),
        ("{trace_id}", "tr-1"),
        ("{dataset_id}", "d-1"),
        ("{issue_id}", "iss-1"),
        ("{*artifact_path}", "1/r1/artifacts/a.txt"),
        ("{*path}", "x.js"),
        ("{*rest}", "x/y"),
    ] {
        path = path.replace(pattern, value);
    }
    // `{job_id}` and what else is left
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        path.replace_range(open..=close, "job-1");
    }
    let mut query = Vec::new();
    let mut body = serde_json::Map::new();
    body.insert("name".into(), "m".into());
    body.insert("new_name".into(), "new".into());
    if let Need::Oneself(parameter) = row.need {
        body.insert(parameter.into(), "bob".into());
        return (format!("{path}?{parameter}=bob"), serde_json::Value::Object(body).to_string());
    }
    if let Need::GraphQl = row.need {
        body.insert(
            "query".into(),
            r#"{ mlflowGetExperiment(input: {experimentId: "1"}) { apiError { code } } }"#.into(),
        );
    }
    let Need::All(claims) = row.need else { return (path, serde_json::Value::Object(body).to_string()) };
    for claim in claims {
        let (_, field) = claim.parts();
        let name = field.parameters[0];
        let value = match field.names {
            Names::Experiment | Names::Granted => "1",
            Names::ExperimentByName => "e1",
            Names::RegisteredModel => "m",
            Names::Part(part) | Names::PartIfAny(part) => part_of_1(part),
            Names::TraceTag => "a tag",
            Names::Gateway => continue,
            Names::ArtifactPath => "1/r1/artifacts",
            Names::Source => "mlflow-artifacts:/1/r1/artifacts/model",
        };
        query.push(format!("{name}={value}"));
        put(&mut body, name, value);
        if field.names == Names::Granted {
            body.insert("resource_type".into(), "experiment".into());
        }
    }
    let in_query = row.method == Method::Get || matches!(row.then, Then::Stream);
    let named_by_path = ["1/r1", "m-1", "tr-1", "d-1", "iss-1", "job-1"].iter().any(|id| path.contains(id));
    let target = if in_query && !named_by_path { format!("{path}?{}", query.join("&")) } else { path };
    (target, serde_json::Value::Object(body).to_string())
}

fn part_of_1(part: Part) -> &'static str {
    match part {
        Part::Run => "r1",
        Part::LoggedModel => "m-1",
        Part::Trace => "tr-1",
        Part::Dataset => "d-1",
        Part::Issue => "iss-1",
        Part::LabelSchema => "ls-1",
        Part::ReviewQueue => "rq-1",
        Part::PromptOptimizationJob => "job-1",
    }
}

/// Puts a value where a parameter such as `a.b`, `a[].b` or `a{}` is read from.
fn put(object: &mut serde_json::Map<String, serde_json::Value>, parameter: &str, value: &str) {
    let (step, rest) = parameter.split_once('.').map_or((parameter, None), |(step, rest)| (step, Some(rest)));
    let nested = |inner: &mut serde_json::Map<_, _>| put(inner, rest.unwrap(), value);
    if let Some(list) = step.strip_suffix("[]") {
        let mut item = serde_json::Map::new();
        nested(&mut item);
        object.insert(list.into(), serde_json::json!([item]));
    } else if let Some(map) = step.strip_suffix("{}") {
        object.insert(map.into(), serde_json::json!({ value: "x" }));
    } else if rest.is_some() {
        let inner = object.entry(step).or_insert_with(|| serde_json::json!({}));
        nested(inner.as_object_mut().unwrap());
    } else if step.ends_with("_ids") {
        object.insert(step.into(), serde_json::json!([value]));
    } else {
        object.insert(step.into(), value.into());
    }
}

/// A span of trace 1, as OTLP in JSON.
const SPANS: &str =
    r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001"}]}]}]}"#;

/// What happens: `yes` it is forwarded or served, `no` it is refused, `rows` only readable rows come back, `empty` none, `self` it
/// is for the user whom it names.
fn outcome(world: &World, user: &str, row: &Row) -> &'static str {
    let (target, mut body) = sample(row);
    if row.then == Then::Spans {
        body = SPANS.to_owned();
    }
    let body = (row.method != Method::Get).then_some(body.as_bytes());
    let authorization = support::basic(user);
    let mut headers = vec![("Content-Type", "application/json"), ("X-Mlflow-Experiment-Id", "1")];
    if !user.is_empty() {
        headers.push(("Authorization", &authorization));
    }
    let answer = world.send(row.method.as_str(), &target, &headers, body);
    match (answer.status, row.then) {
        (401, _) => "login",
        (403, _) if matches!(row.need, Need::Oneself(_)) => "self", // refused for another user
        (403, _) => "no",
        (200, Then::GraphQl) if answer.body.contains("null") => "no",
        (200, Then::Conceal) if world.mlflow.seen.borrow().is_empty() => "empty",
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

/// What no row covers in a list of routes (method, path in the syntax of `matchit`, handler), as a line for a person.
fn uncovered(list: &str) -> Vec<String> {
    let lines = list.lines().skip(1).map(|line| line.splitn(3, '\t').collect::<Vec<_>>());
    lines
        .filter(|columns| {
            let found = routes::find(&concrete(columns[1]), "");
            found.is_none_or(|found| found.row(Method::parse(columns[0])).is_none())
        })
        .map(|columns| {
            format!(
                "{} {} (MLflow's {}): add a row to the family in src/routes that it belongs to",
                columns[0], columns[1], columns[2]
            )
        })
        .collect()
}

/// A path of the pattern: `{x}` is one segment, `{*x}` two, and `{{` a brace.
fn concrete(pattern: &str) -> String {
    let mut path = pattern.replace("{{", "<").replace("}}", ">");
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        let value = if path[open..].starts_with("{*") { "x/y" } else { "x" };
        path.replace_range(open..=close, value);
    }
    path.replace('<', "{").replace('>', "}")
}

/// Every route of the six versions whose lists are in tests/fixtures, and of the list that `ROUTES` names
/// (`make routes`). There is no list of exceptions.
#[test]
fn coverage_every_route_of_mlflow_has_a_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let mut lists: Vec<std::path::PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    lists.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("routes-"));
    assert_eq!(lists.len(), 6, "2.9, 2.22, 3.3.2, 3.9, 3.12 and 3.17.2");
    lists.extend(std::env::var_os("ROUTES").map(Into::into));
    for list in lists {
        let text = std::fs::read_to_string(&list).unwrap();
        assert!(text.lines().count() > 100, "{} is not a whole list", list.display());
        let missing = uncovered(&text);
        println!("{}: {} routes, {} without a row", list.display(), text.lines().count() - 1, missing.len());
        assert!(
            missing.is_empty(),
            "{}: {} routes have no row:\n{}",
            list.display(),
            missing.len(),
            missing.join("\n")
        );
    }
}

#[test]
fn coverage_a_new_route_is_noticed() {
    let made_up = "method\tpath\thandler\nPOST\t/api/3.0/mlflow/wishes/{wish_id}/grant\tGrantWish\n\
                   GET\t/health\thealth\nDELETE\t/health\thealth\n";
    let missing = uncovered(made_up);
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert_eq!(
        missing[0],
        "POST /api/3.0/mlflow/wishes/{wish_id}/grant (MLflow's GrantWish): add a row to the family in src/routes \
         that it belongs to"
    );
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
