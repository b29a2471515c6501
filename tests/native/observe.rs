//! The line of the log about a request: what an operator finds out by it, and what nobody may find in it.

use serde_json::Value;

use crate::support::{ADMIN, ALICE, Answer, BOB, World, basic};

const LOG_METRIC: &str = "/api/2.0/mlflow/runs/log-metric";
const METRIC: &str = r#"{"run_id":"r1","key":"loss","value":0.5,"timestamp":1}"#;
const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";
const GRANT: &str = "/api/3.0/mlflow/users/permissions/grant";
const RAY: &str = "230b030023ae2822-SJC";

fn logging(which: &str) -> World {
    let world = World::with(&[("LOG_REQUESTS", which)]);
    world.add_users();
    world
}

fn line(answer: &Answer) -> Value {
    let line = answer.line.as_deref().unwrap_or_else(|| panic!("no line: {} {}", answer.status, answer.body));
    assert!(!line.contains(char::is_control), "{line:?}");
    serde_json::from_str(line).unwrap()
}

fn from_office(world: &World, user: &str, method: &str, target: &str, body: Option<&str>) -> Answer {
    let fields = [
        ("Authorization", &basic(user)[..]),
        ("Content-Type", "application/json"),
        ("CF-Connecting-IP", "198.51.100.7"),
        ("CF-Ray", RAY),
    ];
    world.send(method, target, &fields[..], body.map(str::as_bytes))
}

#[test]
fn a_refusal_tells_who_from_where_what_was_needed_and_what_was_held() {
    let world = logging("none");
    world.grant(2, "experiment", "1", "READ");
    from_office(&world, ALICE, "GET", GET_EXPERIMENT, None); // the password is known
    let answer = from_office(&world, ALICE, "POST", LOG_METRIC, Some(METRIC));
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(answer.headers.get("x-request-id"), Some(RAY), "the client can name the line");
    assert_eq!(
        line(&answer),
        serde_json::json!({
            "time": crate::support::NOW, "request_id": RAY, "version": "1",
            "user_id": 2, "user": "alice", "sign_in": "password", "address": "198.51.100.7",
            "method": "POST", "route": "{api}/2.0/mlflow/runs/log-metric",
            "decision": "refused", "status": 403,
            "reason": "user 2 holds READ on experiment 1 (grant 1 of role 1), Update is needed",
            "needed": "Update", "held": "READ on experiment 1 (grant 1 of role 1)",
            "ms": 0, "d1": {"count": 2, "ms": 0}, "origin": {"count": 1, "ms": 0}, "hashes": 0,
        })
    );
}

#[test]
fn every_refusal_has_an_id_and_no_two_the_same() {
    let world = World::new();
    let ids: Vec<String> = [
        world.send("GET", "/", &[], None),
        world.get("alice:wrong-password", "/"),
        world.get(ALICE, "/nowhere/at/all"),
        world.get(ALICE, "/a%2fb"),
        world.post(ALICE, LOG_METRIC, "{"),
    ]
    .iter()
    .map(|answer| {
        assert!(answer.status >= 400, "{}", answer.status);
        let id = answer.headers.get("x-request-id").unwrap().to_owned();
        assert_eq!(line(answer)["request_id"], id);
        id
    })
    .collect();
    for (n, id) in ids.iter().enumerate() {
        assert!(!ids[..n].contains(id), "{ids:?}");
    }
    assert_eq!(
        world.get(ALICE, GET_EXPERIMENT).headers.get("x-request-id"),
        None,
        "an answer of MLflow's stays as it is"
    );
}

#[test]
fn the_setting_chooses_among_allowed_requests() {
    for (which, read, write) in [("none", false, false), ("writes", false, true), ("all", true, true)] {
        let world = logging(which);
        world.grant(2, "experiment", "1", "EDIT");
        assert_eq!(world.get(ALICE, GET_EXPERIMENT).line.is_some(), read, "{which}");
        assert_eq!(world.post(ALICE, LOG_METRIC, METRIC).line.is_some(), write, "{which}");
        // what changes who may do what is told whatever the setting
        let grant = r#"{"username":"bob","resource_type":"experiment","resource_id":"1","permission":"READ"}"#;
        let granted = line(&world.post(ADMIN, GRANT, grant));
        assert_eq!((&granted["decision"], &granted["reason"]), (&"allowed".into(), &"administrator".into()));
        assert_eq!(line(&world.get(BOB, "/nowhere"))["decision"], "refused");
    }
}

#[test]
fn an_allowed_request_tells_the_grant_that_allowed_it() {
    let world = logging("all");
    world.grant(2, "experiment", "1", "EDIT");
    world.get(ALICE, "/");
    let told = line(&world.post(ALICE, LOG_METRIC, METRIC));
    assert_eq!(told["reason"], "EDIT on experiment 1 (grant 1 of role 1)");
    assert_eq!((told["d1"]["count"].as_i64(), told["origin"]["count"].as_i64()), (Some(2), Some(2)));
    assert_eq!(line(&world.get(BOB, GET_EXPERIMENT))["reason"], "READ on experiment 1 (by default)");
    assert_eq!(line(&world.get(BOB, GET_EXPERIMENT))["hashes"], 0);
    assert_eq!(line(&world.send("GET", "/health", &[], None))["reason"], "public");
    let own = line(&world.get(BOB, "/api/2.0/mlflow/users/get?username=bob"));
    assert_eq!(own["reason"], "own account");
}

#[test]
fn the_costs_in_the_line_are_those_of_the_request() {
    let world = logging("all");
    for (user, target) in [(ALICE, "/"), (ALICE, GET_EXPERIMENT), (BOB, "/api/2.0/mlflow/runs/get?run_id=r1")] {
        let mut told = Value::Null;
        let (statements, calls, hashes) = world.cost(|| told = line(&world.get(user, target)));
        assert_eq!(told["d1"]["count"], statements, "{target}");
        assert_eq!(told["origin"]["count"], calls, "{target}");
        assert_eq!(told["hashes"], hashes, "{target}");
    }
}

#[test]
fn a_token_is_told_by_its_number_and_not_by_itself() {
    let world = logging("all");
    let made = world.post(ALICE, "/api/2.0/mlflow/users/tokens/create", r#"{"name":"ci"}"#).json();
    let token = made["token_value"].as_str().unwrap();
    let answer = world.send("GET", GET_EXPERIMENT, &[("Authorization", &format!("Bearer {token}"))], None);
    let told = line(&answer);
    assert_eq!((&told["sign_in"], &told["token_id"]), (&"token".into(), &made["token"]["id"]));
    assert!(!told.to_string().contains(&token[..20]));
}

#[test]
fn nobody_signs_anything_into_the_log_that_ends_a_line_or_tells_a_query() {
    let world = logging("all");
    for target in [
        "/api/2.0/mlflow/experiments/get?experiment_id=1%0A%7B%22decision%22:%22allowed%22%7D&secret=hunter2",
        "/no/such%0Apath%1b[31m?secret=hunter2",
        "/api/2.0/mlflow/registered-models/get?name=m%E2%80%AE&secret=hunter2",
    ] {
        for user in [ALICE, "al\nice:alice-password-1"] {
            let told = line(&world.get(user, target)).to_string();
            assert!(!told.contains("hunter2") && !told.contains('\u{202e}'), "{told}");
        }
    }
    let long = world.get(ALICE, &format!("/{}", "x".repeat(6000)));
    assert!(long.line.unwrap().len() < 2000);
}

#[test]
fn of_an_unknown_path_the_line_has_the_path_and_of_a_known_one_the_pattern() {
    let world = logging("all");
    let unknown = line(&world.get(ALICE, "/no/such?x=1"));
    assert_eq!((unknown.get("route"), &unknown["path"]), (None, &"/no/such".into()));
    let known = line(&world.get(ALICE, "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/f.txt"));
    assert_eq!(known.get("path"), None);
    assert!(known["route"].as_str().unwrap().contains('{'), "{known}");
}

#[test]
fn where_d1_fails_the_line_says_so_and_the_client_does_not() {
    let world = logging("none");
    *world.database.fails_on.borrow_mut() = Some("SELECT");
    let answer = world.get(ALICE, "/");
    let told = line(&answer);
    assert_eq!((answer.status, &told["decision"]), (503, &"failed".into()));
    assert!(told["reason"].as_str().unwrap().contains("the directory failed"), "{told}");
    assert!(!answer.body.contains("the directory failed"), "{}", answer.body);
}

#[test]
fn a_trace_of_the_clients_goes_on_to_mlflow() {
    let world = World::new();
    let fields = [
        ("Authorization", &basic(ALICE)[..]),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("tracestate", "rojo=00f067aa0ba902b7"),
    ];
    assert_eq!(world.send("GET", GET_EXPERIMENT, &fields, None).status, 200);
    let seen = world.last_seen();
    assert_eq!(seen.header("traceparent"), Some(fields[1].1));
    assert_eq!(seen.header("tracestate"), Some(fields[2].1));
}

#[test]
fn the_metrics_hold_no_name_no_id_and_no_address() {
    let world = logging("none");
    world.grant(2, "experiment", "1", "READ");
    from_office(&world, ALICE, "GET", GET_EXPERIMENT, None);
    let answer = from_office(&world, ALICE, "GET", GET_EXPERIMENT, None);
    assert_eq!(answer.point.0, ["{api}/2.0/mlflow/experiments/get", "GET", "allowed", "grant", "password"]);
    assert_eq!(answer.point.1, [200.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
    let refused = world.get(ALICE, "/alice/198.51.100.7");
    assert_eq!(refused.point.0, ["", "GET", "refused", "", "password"]);
}
