//! Work has bounds: what a request may make the gate do, above all before the gate knows who asks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may fail

mod support;

use mlflow_edge_auth::http::Headers;
use serde_json::{Value, json};
use support::{ALICE, Answer, World, basic};

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";

fn get_with(world: &World, target: &str, fields: &[(&str, &str)]) -> Answer {
    let authorization = basic(ALICE);
    let fields: Vec<_> =
        [("Authorization", authorization.as_str())].into_iter().chain(fields.iter().copied()).collect();
    world.send("GET", target, &fields, None)
}

// --- queries, paths and header fields -------------------------------------------------------------------------------

#[test]
fn a_query_has_a_bound_in_bytes_and_in_parameters() {
    let world = World::new();
    let with = |query: String| world.get(ALICE, &format!("{GET_EXPERIMENT}{query}"));
    let parameters = |count: usize| (0..count).map(|n| format!("&p{n}=1")).collect::<String>();
    assert_eq!(with(parameters(1000)).status, 200);
    let answer = with(parameters(1100));
    assert_eq!((answer.status, &answer.json()["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
    assert_eq!(answer.json()["message"], "The query string has more than 1100 parameters.");
    assert_eq!(with(format!("&x={}", "y".repeat(60 * 1024))).status, 200);
    assert_eq!(with(format!("&x={}", "y".repeat(64 * 1024))).status, 414);
    // a public route as well, and whoever has not signed in is told so
    let anonymous = world.cost(|| {
        let answer = world.send("GET", &format!("/health?{}", parameters(2000)), &[], None);
        assert_eq!(answer.status, 401);
    });
    assert_eq!(anonymous, (0, 0, 0));
}

#[test]
fn a_thousand_ids_in_a_query_are_read_as_they_are() {
    let world = World::new();
    let ids: Vec<String> = (0..1000).map(|n| format!("run_id=r{n}")).collect();
    let target = format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk?{}&metric_key=k", ids.join("&"));
    let answer = world.get(support::ADMIN, &target);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.last_seen().target, target);
}

#[test]
fn a_path_has_a_bound_in_bytes() {
    let world = World::new();
    let artifact = |length: usize| format!("/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/{}", "x".repeat(length));
    assert_eq!(world.get(ALICE, &artifact(16_000)).status, 200);
    assert_eq!(world.get(ALICE, &artifact(17_000)).status, 414);
    assert_eq!(world.send("GET", &artifact(17_000), &[], None).status, 401);
}

#[test]
fn header_fields_and_the_options_of_a_connection_have_a_bound() {
    let world = World::new();
    let with = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("x-{n}")).collect();
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        get_with(&world, GET_EXPERIMENT, &fields).status
    };
    assert_eq!((with(199), with(200), with(4000)), (200, 431, 431));
    let options = |count: usize| vec!["x-a"; count].join(", ");
    let connected = |count: usize| get_with(&world, GET_EXPERIMENT, &[("Connection", &options(count))]).status;
    assert_eq!((connected(20), connected(21)), (200, 431));
}

#[test]
fn a_name_that_stands_twice_is_found_in_any_case_and_order() {
    let headers = |names: &[&'static str]| names.iter().map(|name| (*name, "1")).collect::<Headers>();
    for twice in [&["a", "A"][..], &["b", "x-y", "a", "X-Y"], &["set-cookie", "a", "set-cookie"]] {
        assert!(headers(twice).has_twice(), "{twice:?}");
    }
    for once in [&[][..], &["a"], &["a", "b", "ab", "a-b"]] {
        assert!(!headers(once).has_twice(), "{once:?}");
    }
}

// --- GraphQL --------------------------------------------------------------------------------------------------------

fn graphql(world: &World, query: &str, variables: Value) -> Answer {
    world.post(ALICE, "/graphql", &json!({ "query": query, "variables": variables }).to_string())
}

#[test]
fn a_limit_of_mlflow_s_graphql_is_answered_in_its_words_and_nothing_is_executed() {
    let world = World::new();
    let roots = |count: usize| {
        let field = |n: usize| format!(r#"mlflowGetRun(input: {{runId: "r{n}"}}) {{ run {{ info {{ runId }} }} }}"#);
        format!("{{ {} }}", (0..count).map(field).collect::<Vec<_>>().join(" "))
    };
    let aliases: String = (0..11).map(|n| format!("a{n}: __typename ")).collect();
    let deep = format!("{{ test {}{} }}", "{ a ".repeat(11), "}".repeat(11));
    let wide = format!("{{ test {{ {} }} }}", "a ".repeat(1000));
    let setting = |name: &str| format!("To increase the limit, set the {name} environment variable.");
    for (query, message) in [
        (
            roots(11),
            format!(
                "GraphQL queries should have at most 10 root fields, got 11 root fields. {}",
                setting("MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS")
            ),
        ),
        (
            format!("{{ test {{ {aliases} }} }}"),
            format!(
                "GraphQL queries should have at most 10 aliases, got 11 aliases. {}",
                setting("MLFLOW_SERVER_GRAPHQL_MAX_ALIASES")
            ),
        ),
        (deep, "Query exceeds maximum depth of 10".to_owned()),
        (wide, "Query exceeds maximum total selections of 1000".to_owned()),
    ] {
        let answer = graphql(&world, &query, json!({}));
        assert_eq!((answer.status, answer.json()), (200, json!({ "data": null, "errors": [message] })));
        assert_eq!(world.mlflow.seen.borrow().len(), 0, "{message}");
        let body = json!({ "query": query }).to_string();
        let json = [("Content-Type", "application/json")];
        assert_eq!(world.send("POST", "/graphql", &json, Some(body.as_bytes())).status, 401);
    }
}

#[test]
fn a_document_has_a_bound_in_bytes_ids_fragments_and_copies() {
    let world = World::new();
    let message = |query: &str, variables: Value| {
        let answer = graphql(&world, query, variables);
        assert_eq!(answer.status, 400, "{}", answer.body);
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    let search = "query($ids: [String]) { mlflowSearchRuns(input: {experimentIds: $ids}) { runs { info { runId } } } }";
    let ids = |count: usize| json!({ "ids": (0..count).map(|n| n.to_string()).collect::<Vec<_>>() });
    assert_eq!(graphql(&world, search, ids(1000)).status, 200);
    assert!(message(search, ids(1001)).contains("more than 1000 ids"));
    // two root fields with 600 each
    let twice = search.replacen(
        "{ mlflow",
        "{ a: mlflowSearchRuns(input: {experimentIds: $ids}) { runs { info { runId } } } mlflow",
        1,
    );
    assert!(message(&twice, ids(600)).contains("more than 1000 ids"));
    assert!(message(&format!("{{ test }} #{}", "x".repeat(64 * 1024)), json!({})).contains("longer than 65536 bytes"));
    let chain: String = (0..40).map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1)).collect();
    let chain = format!("{{ ...F0 }} {chain} fragment F40 on Query {{ test }}");
    assert!(message(&chain, json!({})).contains("nested too deeply"));
    // a variable of 10 kB that a list names 1,000 times
    let copies =
        format!("query($a: A) {{ mlflowSearchRuns(input: {{experimentIds: [{}]}}) {{ x }} }}", "$a ".repeat(1000));
    assert!(message(&copies, json!({ "a": "x".repeat(10_000) })).contains("variables are too large"));
}

#[test]
fn a_variable_or_a_key_that_stands_twice_is_refused_among_thousands() {
    let world = World::new();
    let variables: String = (0..1000).map(|n| format!("$v{n}: A ")).collect();
    let declared = |more: &str| {
        let query = format!("query({variables}{more}) {{ mlflowGetRun(input: {{runId: \"r1\"}}) {{ x }} }}");
        graphql(&world, &query, json!({})).status
    };
    assert_eq!((declared(""), declared("$v500: A")), (200, 400));
    let keys: String = (0..1000).map(|n| format!("k{n}: 1 ")).collect();
    let keyed = |more: &str| {
        let query = format!("{{ mlflowGetRun(input: {{runId: \"r1\" {keys}{more}}}) {{ x }} }}");
        graphql(&world, &query, json!({})).status
    };
    assert_eq!((keyed(""), keyed("k500: 1")), (200, 400));
}

// --- look-ups -------------------------------------------------------------------------------------------------------

/// Of run `runN` the origin says that it belongs to experiment 1.
fn with_many_runs(world: &World) {
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let info = r#"{"run":{"info":{"experiment_id":"1"}}}"#;
        seen.target.starts_with("/api/2.0/mlflow/runs/get?run_id=run").then(|| Ok((200, info.into())))
    }));
}

fn chart(runs: usize) -> String {
    let ids: Vec<String> = (0..runs).map(|n| format!("run_ids=run{n}")).collect();
    format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{}&metric_key=loss&max_results=320", ids.join("&"))
}

#[test]
fn a_chart_of_100_runs_of_unknown_experiments_is_drawn_with_the_settings_as_they_are() {
    let world = World::new();
    with_many_runs(&world);
    let draw = |runs: usize| world.cost(|| assert_eq!(world.get(ALICE, &chart(runs)).status, 200));
    assert_eq!(draw(100), (2, 101, 1), "each run is looked up once");
    assert_eq!(draw(100), (1, 1, 0), "and then known");
    assert_eq!(draw(1000), (1, 901, 0), "of an experiment that is known meanwhile");
    let answer = world.get(ALICE, &chart(1001));
    assert_eq!((answer.status, answer.body.contains("More than 1000 ids")), (400, true), "{}", answer.body);
}

#[test]
fn a_plan_with_fewer_subrequests_bounds_the_look_ups() {
    let world = World::with(&[("SUBREQUEST_LIMIT", "50")]);
    world.add_users();
    with_many_runs(&world);
    assert_eq!(world.get(ALICE, &chart(40)).status, 200);
    assert_eq!(world.get(ALICE, &chart(80)).status, 200, "half of them are known");
    let answer = world.get(ALICE, &chart(200));
    assert_eq!((answer.status, answer.body.contains("SUBREQUEST_LIMIT")), (400, true));
}

// --- memory ---------------------------------------------------------------------------------------------------------

#[test]
fn names_of_any_length_leave_a_bounded_number_of_bytes_behind() {
    let world = World::with(&[("BODY_LIMIT_BYTES", "10000000"), ("DEFAULT_PERMISSION", "READ")]);
    world.add_users();
    let ask = |name: &str| {
        let body = json!({ "name": name, "description": "" }).to_string();
        world.json("PATCH", ALICE, "/api/2.0/mlflow/registered-models/update", &body);
    };
    let bytes = || world.isolate.verified.borrow().bytes();
    for n in 0..20 {
        ask(&format!("{n}{}", "x".repeat(1_900_000)));
    }
    assert!(bytes() < 10_000, "long names are not kept: {}", bytes());
    for n in 0..20_000 {
        ask(&format!("{n:05}{}", "x".repeat(1000)));
    }
    assert!(bytes() <= 12 * 1024 * 1024, "{}", bytes());
}

#[test]
fn places_of_artifacts_of_any_length_leave_a_bounded_number_of_bytes_behind() {
    let world = World::new();
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let uri = "x".repeat(if seen.target.contains("long") { 1_000_000 } else { 1500 });
        let info = format!(r#"{{"run":{{"info":{{"experiment_id":"1","artifact_uri":"{uri}"}}}}}}"#);
        Some(Ok((200, info)))
    }));
    let ask = |run: &str| assert_eq!(world.get(ALICE, &format!("/api/2.0/mlflow/runs/get?run_id={run}")).status, 200);
    let kept = || {
        let parents = world.isolate.parents.borrow();
        (parents.len(), parents.bytes())
    };
    (0..10).for_each(|n| ask(&format!("long{n}")));
    assert_eq!(kept(), (0, 0));
    (0..6000).for_each(|n| ask(&format!("r{n}")));
    let (entries, bytes) = kept();
    assert!(entries > 4000 && bytes <= 8 * 1024 * 1024, "{entries} entries, {bytes} bytes");
}

#[test]
fn a_user_name_longer_than_mlflow_s_column_is_nobody_s_and_costs_nothing() {
    let world = World::new();
    let user = format!("{}:some-password-1", "x".repeat(256));
    assert_eq!(world.cost(|| assert_eq!(world.get(&user, GET_EXPERIMENT).status, 401)), (0, 0, 0));
    let create = |length: usize| {
        let body = json!({ "username": "x".repeat(length), "password": "some-password-1" }).to_string();
        world.post(support::ADMIN, "/api/2.0/mlflow/users/create", &body).status
    };
    assert_eq!((create(255), create(256)), (200, 400));
    assert_eq!(world.get(&user.replacen('x', "", 1), GET_EXPERIMENT).status, 200);
}
