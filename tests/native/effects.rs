//! Grants follow the things that they are on, and our own endpoints decide on what they do.

use crate::support::closed::{closed, refused};
use crate::support::{ADMIN, ALICE, BOB, World, basic};

const MODELS: &str = "/api/2.0/mlflow/registered-models";

#[test]
fn a_model_that_is_renamed_to_its_own_name_keeps_everybodys_grants() {
    let world = World::new();
    world.grant(2, "registered_model", "m", "EDIT");
    world.grant(3, "registered_model", "m", "NO_PERMISSIONS");
    let before = world.grants();
    let answer = world.post(ALICE, &format!("{MODELS}/rename"), r#"{"name":"m","new_name":"m"}"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.grants(), before);
    world.post(ALICE, &format!("{MODELS}/rename"), r#"{"name":"m","new_name":"n"}"#);
    assert_eq!(world.grants(), ["2 registered_model n EDIT", "3 registered_model n NO_PERMISSIONS"]);
}

#[test]
fn a_new_thing_is_its_creators_alone_whatever_stood_on_its_id_before() {
    let world = World::new();
    world.grant(3, "experiment", "7", "MANAGE"); // the id that the origin gives next
    world.grant(3, "registered_model", "new", "READ");
    world.grant(3, "registered_model", "other", "READ");
    world.post(ALICE, "/api/2.0/mlflow/experiments/create", r#"{"name":"x"}"#);
    world.post(ALICE, &format!("{MODELS}/create"), r#"{"name":"new"}"#);
    assert_eq!(
        world.grants(),
        ["2 experiment 7 MANAGE", "2 registered_model new MANAGE", "3 registered_model other READ"]
    );
}

#[test]
fn nobody_owns_every_model_by_the_name_of_one() {
    let world = closed();
    world.grant(2, "registered_model", "mine", "MANAGE");
    for user in [ALICE, ADMIN] {
        let answer = world.post(user, &format!("{MODELS}/create"), r#"{"name":"*"}"#);
        refused(&world, &answer, 400);
        assert!(answer.body.contains("reserved for wildcard permission grants"), "{}", answer.body);
        refused(&world, &world.post(user, &format!("{MODELS}/rename"), r#"{"name":"mine","new_name":"*"}"#), 400);
        refused(&world, &world.post(user, &format!("{MODELS}/rename"), r#"{"name":"mine","newName":"*"}"#), 400);
    }
    let grant = r#"{"name":"*","username":"bob","permission":"MANAGE"}"#;
    refused(&world, &world.post(ADMIN, &format!("{MODELS}/permissions/create"), grant), 400);
}

#[test]
fn a_new_trace_brings_no_assessment_under_an_id_of_another() {
    let world = closed();
    let start = |assessment: &str| {
        let trace = format!(
            r#"{{"trace":{{"trace_info":{{"trace_id":"tr-2","trace_location":{{"type":"MLFLOW_EXPERIMENT",
               "mlflow_experiment":{{"experiment_id":"2"}}}},"assessments":[{assessment}]}}}}}}"#
        );
        world.post(ALICE, "/api/3.0/mlflow/traces", &trace)
    };
    let feedback = r#""assessment_name":"good","feedback":{"value":true}"#;
    refused(&world, &start(&format!(r#"{{"assessment_id":"a-victims",{feedback}}}"#)), 403);
    refused(&world, &start(&format!(r#"{{"assessmentId":"a-victims",{feedback}}}"#)), 403);
    refused(&world, &start(&format!(r#"{{{feedback}}},{{"assessment_id":"a-victims",{feedback}}}"#)), 403);
    assert_eq!(start(&format!("{{{feedback}}}")).status, 200, "MLflow gives it an id");
}

#[test]
fn what_spends_the_operators_keys_is_for_administrators() {
    let world = closed();
    for (method, path) in [
        ("POST", "scorer/invoke"),
        ("PUT", "scorers/online-config"),
        ("POST", "issues/invoke"),
        ("POST", "genai/evaluate/invoke"),
    ] {
        let target = format!("/ajax-api/3.0/mlflow/{path}");
        refused(&world, &world.json(method, ALICE, &target, r#"{"experiment_id":"2"}"#), 403);
    }
}

#[test]
fn an_endpoint_acts_on_what_was_decided_on() {
    let world = World::new();
    world.grant(2, "registered_model", "mine", "MANAGE");
    world.grant(3, "registered_model", "mine", "READ");
    world.grant(3, "registered_model", "", "READ");
    let delete = format!("{MODELS}/permissions/delete?name=mine&username=bob");
    for body in [
        r#"{"name":"","username":"bob"}"#,
        r#"{"name":null,"username":"bob"}"#,
        r#"{"name":"victim","username":"bob"}"#,
        r#"{"name":"mine","username":"alice"}"#,
        r#"{"name":[],"username":"bob"}"#,
    ] {
        assert_eq!(world.json("DELETE", ALICE, &delete, body).status, 400, "{body}");
    }
    assert_eq!(world.grants().len(), 3, "nothing was taken back");
    let body = r#"{"name":"mine","username":"bob"}"#;
    assert_eq!(world.json("DELETE", ALICE, &delete, body).status, 200, "both say the same");
    assert_eq!(world.grants().len(), 2);
}

#[test]
fn an_experiment_id_may_begin_with_a_digit() {
    let world = World::new();
    let grant = r#"{"experiment_id":"7b26f6b84fa2","username":"bob","permission":"EDIT"}"#;
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/experiments/permissions/create", grant).status, 200);
    assert_eq!(world.get(BOB, "/api/2.0/mlflow/experiments/get?experiment_id=7b26f6b84fa2").status, 200);
    for twice in ["01", "1_0", "%201", "%2B1", "%D9%A1"] {
        let answer = world.get(BOB, &format!("/api/2.0/mlflow/experiments/get?experiment_id={twice}"));
        assert_eq!(answer.status, 400, "{twice}");
    }
}

#[test]
fn connection_takes_off_nothing_that_was_decided_on() {
    let world = closed();
    let body = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"000000000000000000000000000000ff","spanId":"00000000000000ff"}]}]}]}"#;
    let headers = [
        ("Authorization", &basic(ALICE)[..]),
        ("Content-Type", "application/json"),
        ("X-Mlflow-Experiment-Id", "2"),
        ("Connection", "X-Mlflow-Experiment-Id, Content-Type, Content-Encoding"),
    ];
    let answer = world.send("POST", "/v1/traces", &headers, Some(body.as_bytes()));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let seen = world.last_seen();
    assert_eq!(seen.header("x-mlflow-experiment-id"), Some("2"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert_eq!(seen.header("connection"), None);
}

#[test]
fn nobody_frames_the_sign_up_page_or_runs_a_script_in_it() {
    let world = World::new();
    let page = world.get(ADMIN, "/signup");
    let policy = page.headers.get("content-security-policy").unwrap();
    for directive in
        ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'", "style-src 'sha256-"]
    {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers.get("x-frame-options"), Some("DENY"));
    assert_eq!(page.headers.get("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.headers.get("cache-control"), Some("no-store"));
}

#[test]
fn a_log_line_is_one_line_and_of_no_colour() {
    let world = closed();
    let answer =
        world.get(ALICE, "/api/2.0/mlflow/experiments/get?experiment_id=x%0Arefused%20with%20200%1b%5b31m%E2%80%AE");
    let line = answer.log.concat();
    assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
    let long = "x".repeat(5000);
    let answer = world.get(ALICE, &format!("/api/2.0/mlflow/registered-models/get?name={long}"));
    assert!(answer.log.concat().chars().count() < 1000, "{}", answer.log.concat().len());
}
