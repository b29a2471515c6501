//! What went wrong elsewhere: one test for each advisory and bug class about authorizers of MLflow and their kin. The
//! names say which. What MLflow itself still lets through is in weak_spots.rs.

use crate::support::closed::{NEW_TRACE, closed, forwarded, refused, shut, spans};
use crate::support::{ADMIN, ALICE, BOB, World, basic};

/// What the UI asks for whoever looks at it: Alice gets the same whatever there is, the origin hears nothing of it, and
/// nobody gets it without a login. Both prefixes.
#[track_caller]
fn concealed(world: &World, path: &str, nothing: &str) {
    for prefix in ["/api", "/ajax-api"] {
        let target = path.replace("{api}", prefix);
        refused(world, &world.send("GET", &target, &[], None), 401);
        let answer = world.get(ALICE, &target);
        assert_eq!((answer.status, answer.body.as_str()), (200, nothing), "{target}");
        assert_eq!(forwarded(world), Vec::<String>::new(), "{target}");
    }
}

// --- advisories about MLflow's own authentication ------------------------------------------------------------------

#[test]
fn cve_2023_6014_accounts_are_not_made_without_authentication() {
    let world = closed();
    let form = b"username=eve&password=eve-password-1&csrf_token=x";
    for (path, content_type, body) in [
        ("/api/2.0/mlflow/users/create", "application/json", &br#"{"username":"eve","password":"eve-password-1"}"#[..]),
        ("/ajax-api/2.0/mlflow/users/create", "application/json", br#"{"username":"eve","password":"eve-password-1"}"#),
        ("/api/2.0/mlflow/users/create", "text/plain", b"{}"),
        ("/api/2.0/mlflow/users/create-ui", "application/x-www-form-urlencoded", form),
        ("/api/2.0/mlflow/users/create-ui", "text/html", form),
        ("/signup", "application/x-www-form-urlencoded", form),
    ] {
        for method in ["POST", "PUT", "GET", "PATCH", "DELETE"] {
            let body = (method != "GET").then_some(body);
            let answer = world.send(method, path, &[("Content-Type", content_type)], body);
            assert_eq!(answer.status, 401, "{method} {path}");
            let with_login = [("Content-Type", content_type), ("Authorization", &basic(ALICE)[..])];
            let answer = world.send(method, path, &with_login, body);
            assert!(matches!(answer.status, 403 | 405), "{method} {path}: {}", answer.status);
        }
    }
    assert_eq!(world.get("eve:eve-password-1", "/").status, 401);
}

#[test]
fn cve_2025_1474_and_11200_weak_passwords_are_refused_on_create_and_on_update() {
    let world = closed();
    for password in ["", "short", "elevenchars"] {
        let create = format!(r#"{{"username":"eve","password":"{password}"}}"#);
        assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/users/create", &create).status, 400, "{password}");
        let update = format!(r#"{{"username":"alice","password":"{password}"}}"#);
        let answer = world.json("PATCH", ALICE, "/api/2.0/mlflow/users/update-password", &update);
        assert_eq!(answer.status, 400, "{password}");
    }
    assert_eq!(world.get(ALICE, "/").status, 200, "the password is what it was");
}

#[test]
fn cve_2026_2635_the_password_that_everybody_knows_is_refused() {
    let world = World::with(&[("ADMIN_PASSWORD", "password1234")]);
    assert_eq!(world.get("admin:password1234", "/").status, 503);
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn cve_2025_14297_a_route_without_a_row_is_for_administrators() {
    let world = closed();
    for (method, path) in
        [("GET", "{api}/3.0/mlflow/brand-new"), ("POST", "{api}/3.0/mlflow/brand-new"), ("GET", "{api}/4.0/x")]
    {
        shut(&world, method, path, "{}");
    }
}

#[test]
fn cve_2025_15381_traces_and_assessments_of_others() {
    let world = closed();
    let new_tags = r#"{"key":"a","value":"b"}"#;
    for (method, path, body) in [
        ("GET", "{api}/2.0/mlflow/traces?experiment_ids=3", ""),
        ("POST", "{api}/2.0/mlflow/traces", r#"{"experiment_id":"1"}"#),
        ("PATCH", "{api}/2.0/mlflow/traces/tr-1", "{}"),
        ("GET", "{api}/2.0/mlflow/traces/tr-3/info", ""),
        ("PATCH", "{api}/2.0/mlflow/traces/tr-1/tags", new_tags),
        ("DELETE", "{api}/2.0/mlflow/traces/tr-1/tags", new_tags),
        ("POST", "{api}/2.0/mlflow/traces/delete-traces", r#"{"experiment_id":"2"}"#),
        ("GET", "{api}/2.0/mlflow/get-trace-artifact?request_id=tr-3", ""),
        ("GET", "{api}/3.0/mlflow/traces/tr-nothing/assessments/a-1", ""),
        ("GET", "{api}/3.0/mlflow/traces/tr-3/assessments/a-1", ""),
        ("POST", "{api}/3.0/mlflow/traces/tr-1/assessments", "{}"),
        ("PATCH", "{api}/3.0/mlflow/traces/tr-1/assessments/a-1", "{}"),
        ("DELETE", "{api}/3.0/mlflow/traces/tr-1/assessments/a-1", "{}"),
        ("POST", "{api}/3.0/mlflow/traces/search", r#"{"locations":[{"mlflow_experiment":{"experiment_id":"3"}}]}"#),
        ("POST", "{api}/3.0/mlflow/traces/delete-traces", r#"{"experiment_id":"1"}"#),
        ("POST", "{api}/3.0/mlflow/traces/metrics", r#"{"experiment_ids":["1","3"]}"#),
    ] {
        // a GET that is judged by its answer is forwarded, but nothing of the answer leaves
        if method == "GET" && path.ends_with("/info") {
            assert_eq!(world.get(ALICE, &path.replace("{api}", "/api")).status, 403);
            world.mlflow.seen.borrow_mut().clear();
            continue;
        }
        shut(&world, method, path, body);
    }
}

#[test]
fn cve_2026_0545_and_2652_jobs_and_spans_without_permission() {
    let world = closed();
    for (method, path) in [
        ("POST", "{api}/3.0/jobs/"),
        ("GET", "{api}/3.0/jobs/1"),
        ("POST", "{api}/3.0/jobs/search"),
        ("PATCH", "{api}/3.0/jobs/cancel/1"),
        ("GET", "{api}/3.0/mlflow/jobs/1"),
    ] {
        shut(&world, method, path, "{}");
    }
    assert_eq!(world.send("POST", "/v1/traces", &[("X-Mlflow-Experiment-Id", "2")], Some(b"")).status, 401);
    refused(&world, &spans(&world, "1", None, NEW_TRACE), 403);
    refused(&world, &spans(&world, "3", None, NEW_TRACE), 403);
}

#[test]
fn cve_2026_2651_multipart_uploads() {
    let world = closed();
    for step in ["create", "complete", "abort"] {
        for file in ["1/r1/artifacts/x", "3/r3/artifacts/x", "x/y"] {
            shut(&world, "POST", &format!("{{api}}/2.0/mlflow-artifacts/mpu/{step}/{file}"), "{}");
        }
        let own = format!("/api/2.0/mlflow-artifacts/mpu/{step}/2/r2/artifacts/x");
        assert_eq!(world.post(ALICE, &own, "{}").status, 200);
        world.mlflow.seen.borrow_mut().clear();
    }
}

#[test]
fn cve_2026_33866_files_of_a_logged_model() {
    let world = closed();
    shut(&world, "GET", "{api}/2.0/mlflow/logged-models/m-3/artifacts/files?artifact_file_path=x", "");
    shut(&world, "GET", "{api}/2.0/mlflow/logged-models/m-3/artifacts/directories", "");
}

#[test]
fn cve_2026_3198_gateway_secrets_and_endpoints() {
    let world = closed();
    for (method, path, body) in [
        ("GET", "{api}/3.0/mlflow/gateway/secrets/get?secret_id=s", ""),
        ("POST", "{api}/3.0/mlflow/gateway/secrets/update", r#"{"secret_id":"s"}"#),
        ("DELETE", "{api}/3.0/mlflow/gateway/secrets/delete", r#"{"secret_id":"s"}"#),
        ("POST", "{api}/3.0/mlflow/gateway/model-definitions/create", r#"{"name":"d","secret_id":"s"}"#),
        ("GET", "{api}/3.0/mlflow/gateway/endpoints/get?endpoint_id=e", ""),
        ("POST", "{api}/3.0/mlflow/gateway/budgets/create", "{}"),
        ("POST", "/gateway/openai/v1/chat/completions", r#"{"model":"mine"}"#),
        ("POST", "/gateway/mine/mlflow/invocations", "{}"),
        ("POST", "{api}/2.0/mlflow/gateway-proxy", "{}"),
    ] {
        shut(&world, method, path, body);
    }
    for (list, key, id) in [
        ("secrets", "secrets", "secret_id"),
        ("endpoints", "endpoints", "endpoint_id"),
        ("model-definitions", "model_definitions", "model_definition_id"),
    ] {
        let rows = format!(r#"{{"{key}":[{{"{id}":"x","name":"hidden"}}]}}"#);
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |_| Some(Ok((200, rows.clone())))));
        assert_eq!(world.get(ALICE, &format!("/api/3.0/mlflow/gateway/{list}/list")).body, "{}");
    }
    *world.mlflow.script.borrow_mut() = None;
    world.mlflow.seen.borrow_mut().clear();
    concealed(&world, "{api}/2.0/mlflow/gateway-proxy?gateway_path=x", r#"{"endpoints":[]}"#);
}

#[test]
fn ghsa_442c_the_source_of_a_model_version_in_either_spelling() {
    let world = closed();
    world.grant(2, "registered_model", "m", "MANAGE");
    for extra in [r#""runId":"r3""#, r#""run_id":"r3""#, r#""modelId":"m-3""#, r#""model_id":"m-3""#] {
        let body = format!(r#"{{"name":"m","source":"mlflow-artifacts:/1/r1/artifacts/model",{extra}}}"#);
        refused(&world, &world.post(ALICE, "/api/2.0/mlflow/model-versions/create", &body), 403);
    }
    let prompt = r#"{"name":"m","source":"dummy-source","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}"#;
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/model-versions/create", prompt).status, 200, "a prompt has no files");
}

#[test]
fn cve_2023_1177_path_traversal_in_artifacts() {
    let world = closed();
    let store = "/api/2.0/mlflow-artifacts/artifacts";
    for path in ["1/../3/x", "1/%2e%2e/3/x", "1/..%2f3/x", "1/%252e%252e/3/x", "1//../3", "..%5c3/x", "file:/3/x%00"] {
        refused(&world, &world.get(ALICE, &format!("{store}/{path}")), 400);
        refused(&world, &world.get(ALICE, &format!("{store}?path={path}")), 400);
    }
}

#[test]
fn mlflow_24354_deciding_runs_no_query_twice() {
    let world = closed();
    let query = r#"{"query":"{ mlflowGetExperiment(input: {experimentId: \"1\"}) { experiment { name } } }"}"#;
    assert_eq!(world.cost(|| assert_eq!(world.post(ALICE, "/graphql", query).status, 200)).1, 1);
}

#[test]
fn mlflow_25841_the_assistant() {
    let world = closed();
    for (method, path) in [
        ("POST", "{api}/3.0/mlflow/assistant/message"),
        ("PUT", "{api}/3.0/mlflow/assistant/config"),
        ("GET", "{api}/3.0/mlflow/assistant/sessions/1/stream"),
        ("POST", "{api}/3.0/mlflow/assistant/skills/install"),
        ("GET", "{api}/3.0/mlflow/assistant/providers/claude_code/health"),
        ("GET", "{api}/3.0/mlflow/assistant/providers/claude_code/models"),
    ] {
        shut(&world, method, path, "{}");
    }
    let nothing = r#"{"providers":{},"projects":{},"remote_access_allowed":false}"#;
    concealed(&world, "{api}/3.0/mlflow/assistant/config", nothing);
    let nothing = r#"{"providers":[],"resolved":null,"gateway_vendor_options":{}}"#;
    concealed(&world, "{api}/3.0/mlflow/assistant/providers", nothing);
}

#[test]
fn cwe_862_grants_do_not_come_back_with_the_name() {
    let world = closed();
    world.grant(2, "registered_model", "m", "MANAGE");
    world.grant(3, "registered_model", "m", "EDIT");
    let name = r#"{"name":"m"}"#;
    assert_eq!(world.json("DELETE", ALICE, "/api/2.0/mlflow/registered-models/delete", name).status, 200);
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/registered-models/create", name).status, 200);
    for user in [ALICE, BOB] {
        assert_eq!(world.get(user, "/api/2.0/mlflow/registered-models/get?name=m").status, 403);
    }
}

// --- GraphQL ---------------------------------------------------------------------------------------------------------

#[test]
fn graphql_tells_nothing_of_what_may_not_be_read() {
    let world = closed();
    let ask = |query: &str, rest: &str| {
        let body = format!(r#"{{"query":{}{rest}}}"#, serde_json::to_string(query).unwrap());
        world.post(ALICE, "/graphql", &body)
    };
    for (query, rest) in [
        (r#"{ a: mlflowGetExperiment(input: {experimentId: "3"}) { experiment { name } } }"#, ""),
        (r#"{ a: mlflowGetRun(input: {runId: "r3"}) { run { info { runId } } } }"#, ""),
        (r#"{ a: mlflowGetRun(input: {runId: "r9999"}) { run { info { runId } } } }"#, ""),
        (r#"query($i: X) { a: mlflowGetRun(input: $i) { x } }"#, r#","variables":{"i":{"runUuid":"r3"}}"#),
        (r#"{ ...F } fragment F on Query { a: mlflowListArtifacts(input: {runUuid: "r3"}) { x } }"#, ""),
        (r#"{ a: mlflowSearchRuns(input: {experimentIds: ["1", "3"]}) { x } }"#, ""),
        (r#"mutation { a: mlflowSearchRuns(input: {experimentIds: ["3"]}) { x } }"#, r#","operationName":"Allowed""#),
        (r#"{ a: __schema { types { kind } } }"#, ""),
        (r#"{ a: mlflowDeleteEverything(input: {}) { x } }"#, ""),
    ] {
        let answer = ask(query, rest);
        assert_eq!(answer.body, "{\"data\":{\"a\":null},\"errors\":null}\n", "{query}");
        assert_eq!(answer.log.len(), 1, "the log says why");
    }
    assert_eq!(forwarded(&world), Vec::<String>::new());
    let one_denied = r#"{ a: mlflowGetExperiment(input: {experimentId: "1"}) { x }
                          b: mlflowGetExperiment(input: {experimentId: "3"}) { x } }"#;
    assert_eq!(ask(one_denied, "").body, "{\"data\":{\"a\":null,\"b\":null},\"errors\":null}\n");
    assert_eq!(ask("query A { test { output } } query B { test { output } }", r#","operationName":"A""#).status, 400);
    assert_eq!(world.get(ALICE, "/graphql?query={test{output}}").status, 403);
    assert_eq!(forwarded(&world), Vec::<String>::new());
}

#[test]
fn graphql_model_versions_are_filtered_at_any_depth() {
    let world = closed();
    world.grant(2, "registered_model", "mine", "READ");
    let rows = r#"[{"name":"mine","version":"1"},{"name":"theirs","version":"1"}]"#;
    *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| {
        let answer = format!(
            r#"{{"data":{{"mlflowSearchRuns":{{"runs":[{{"modelVersions":{rows}}}]}},"x":{{"modelVersions":{rows}}}}}}}"#
        );
        (seen.target == "/graphql").then_some(Ok((200, answer)))
    }));
    let query = r#"{"query":"{ mlflowSearchRuns(input: {experimentIds: [\"1\"]}) { runs { modelVersions { name version } } } x: mlflowSearchModelVersions(input: {}) { modelVersions { name } } }"}"#;
    let answer = world.post(ALICE, "/graphql", query).json();
    let kept = serde_json::json!([{"name": "mine", "version": "1"}]);
    assert_eq!(answer["data"]["mlflowSearchRuns"]["runs"][0]["modelVersions"], kept);
    assert_eq!(answer["data"]["x"]["modelVersions"], kept);
    let nameless = query.replace("name version", "version");
    *world.mlflow.script.borrow_mut() =
        Some(Box::new(|_| Some(Ok((200, r#"{"data":{"x":{"modelVersions":[{"version":"1"}]}}}"#.into())))));
    assert_eq!(world.post(ALICE, "/graphql", &nameless).status, 400);
}

// --- bug classes of other authorizers for MLflow -----------------------------------------------------------------------

#[test]
fn oidc_270_272_two_spellings_of_one_parameter() {
    let world = closed();
    let update = "/api/2.0/mlflow/experiments/update";
    refused(&world, &world.post(ALICE, update, r#"{"experiment_id":"2","experimentId":"1","new_name":"x"}"#), 400);
    refused(&world, &world.post(ALICE, update, r#"{"experimentId":"1","new_name":"x"}"#), 403);
    assert_eq!(world.post(ALICE, update, r#"{"experimentId":"2","new_name":"x"}"#).status, 200);
}

#[test]
fn oidc_285_287_a_parameter_counts_where_mlflow_reads_it() {
    let world = closed();
    let update = "/api/2.0/mlflow/experiments/update";
    refused(&world, &world.post(ALICE, &format!("{update}?experiment_id=2"), r#"{"new_name":"x"}"#), 400);
    refused(&world, &world.post(ALICE, &format!("{update}?experiment_id=2"), r#"{"experiment_id":"1"}"#), 400);
    let with_body =
        [("Authorization", &basic(ALICE)[..]), ("Content-Length", "21"), ("Content-Type", "application/json")];
    let answer = world.send("GET", "/api/2.0/mlflow/experiments/get", &with_body, Some(br#"{"experiment_id":"1"}"#));
    refused(&world, &answer, 400);
}

#[test]
fn oidc_286_head_is_decided_as_get_on_every_row() {
    let world = closed();
    for path in [
        "{api}/2.0/mlflow/experiments/get?experiment_id=3",
        "{api}/2.0/mlflow/runs/get?run_id=r3",
        "{api}/2.0/mlflow/logged-models/m-3",
        "{api}/2.0/mlflow-artifacts/artifacts/3/r3/artifacts/x",
        "{api}/3.0/mlflow/traces/tr-3",
        "{api}/3.0/mlflow/datasets/d-3",
        "{api}/2.0/mlflow/webhooks",
        "/get-artifact?run_id=r3&path=x",
        "/model-versions/get-artifact?name=m&version=1&path=x",
    ] {
        shut(&world, "HEAD", path, "");
    }
}

#[test]
fn oidc_283_284_291_292_every_way_to_an_artifact_and_to_inputs() {
    let world = closed();
    for (method, path, body) in [
        ("GET", "{api}/2.0/mlflow-artifacts/artifacts?path=3", ""),
        ("GET", "{api}/2.0/mlflow-artifacts/artifacts/3/r3/artifacts/x", ""),
        ("PUT", "{api}/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/x", ""),
        ("DELETE", "{api}/2.0/mlflow-artifacts/artifacts/2/r2/artifacts/x", ""),
        ("GET", "{api}/2.0/mlflow-artifacts/presigned/3/r3/artifacts/x", ""),
        ("POST", "{api}/2.0/mlflow/artifacts/presigned-download-url", r#"{"run_id":"r3"}"#),
        ("POST", "{api}/2.0/mlflow/artifacts/presigned-upload-url", r#"{"run_id":"r1"}"#),
        ("POST", "{api}/2.0/mlflow/artifacts/presigned-upload-url", r#"{"model_id":"m-1"}"#),
        ("POST", "{api}/2.0/mlflow/artifacts/presigned-upload-url", r#"{"run_id":"r2","model_id":"m-1"}"#),
        ("GET", "{api}/2.0/mlflow/artifacts/list?run_id=r3", ""),
        ("POST", "{api}/2.0/mlflow/runs/log-inputs", r#"{"run_id":"r1"}"#),
        ("POST", "{api}/2.0/mlflow/runs/log-inputs", r#"{"run_id":"r2","models":[{"model_id":"m-1"}]}"#),
        ("POST", "{api}/2.0/mlflow/runs/outputs", r#"{"run_id":"r1"}"#),
        ("POST", "{api}/2.0/mlflow/webhooks", r#"{"name":"x","url":"https://evil.example"}"#),
        ("POST", "{api}/2.0/mlflow/webhooks/1/test", "{}"),
    ] {
        shut(&world, method, path, body);
    }
    refused(&world, &world.post(ALICE, "/api/2.0/mlflow/artifacts/presigned-upload-url", r#"{"path":"x"}"#), 400);
}

#[test]
fn oidc_289_290_an_artifact_path_of_no_experiment() {
    let world = World::new(); // READ by default: no path may fall back to that
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    let store = "/ajax-api/2.0/mlflow-artifacts/artifacts";
    for path in [".", "%2e", "./1/x", ".//1/x", "%2e/1/x", "%252e/1/x", "1%2fx"] {
        refused(&world, &world.get(ALICE, &format!("{store}/{path}")), 400);
    }
    refused(&world, &world.get(ALICE, &format!("{store}/%2531/x")), 403); // MLflow reads experiment 1, and so does the gate
    refused(&world, &world.get(ALICE, store), 400);
    refused(&world, &world.get(ALICE, &format!("{store}?path=")), 400);
    for path in
        ["workspaces/other/1/r1/artifacts/x", "team/r1/artifacts/x", "r1/artifacts/x", "models/m-1/artifacts/x", "x"]
    {
        refused(&world, &world.get(ALICE, &format!("{store}/{path}")), 403);
    }
    assert_eq!(world.get(ALICE, &format!("{store}/workspaces/other/2/r2/artifacts/x")).status, 200);
}

#[test]
fn an_artifact_location_of_an_experiments_own() {
    let world = closed();
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let uri = "mlflow-artifacts:/team/bucket/0123456789abcdef0123456789abcdef/artifacts";
        let answer = format!(r#"{{"run":{{"info":{{"experiment_id":"1","artifact_uri":"{uri}"}}}}}}"#);
        seen.target.ends_with("run_id=0123456789abcdef0123456789abcdef").then_some(Ok((200, answer)))
    }));
    let store = "/api/2.0/mlflow-artifacts/artifacts";
    let run = "team/bucket/0123456789abcdef0123456789abcdef/artifacts";
    assert_eq!(world.get(ALICE, &format!("{store}/{run}/model/MLmodel")).status, 200);
    assert_eq!(world.get(ALICE, &format!("{store}?path={run}")).status, 200);
    world.mlflow.seen.borrow_mut().clear();
    refused(&world, &world.json("PUT", ALICE, &format!("{store}/{run}/x"), "x"), 403);
    refused(&world, &world.get(ALICE, &format!("{store}/other/0123456789abcdef0123456789abcdef/artifacts/x")), 403);
    refused(&world, &world.get(BOB, &format!("{store}/{run}/x")), 403);
}

#[test]
fn oidc_259_searches_tell_only_what_may_be_read() {
    let world = closed();
    let search = r#"{"experiment_ids":["3"]}"#;
    for path in ["/api/2.0/mlflow/runs/search", "/api/2.0/mlflow/logged-models/search"] {
        assert_eq!(world.post(ALICE, path, search).body, "{}", "{path}");
    }
    shut(&world, "POST", "{api}/2.0/mlflow/experiments/search-datasets", search);
    shut(&world, "POST", "{api}/3.0/mlflow/datasets/search", search);
    shut(&world, "POST", "{api}/3.0/mlflow/issues/search", r#"{"experiment_id":"3"}"#);
}

#[test]
fn oidc_262_an_object_without_an_owner_is_no_pass() {
    let world = World::new(); // READ by default
    // a dataset of no experiment, and one of two of which one is closed
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    for dataset in ["d-x", "d-12", "d-21"] {
        refused(&world, &world.get(ALICE, &format!("/api/3.0/mlflow/datasets/{dataset}")), 403);
    }
    assert_eq!(world.get(ALICE, "/api/3.0/mlflow/datasets/d-23").status, 200);
}

#[test]
fn oidc_242_what_is_revoked_is_revoked_with_the_next_request() {
    let world = closed();
    let get = "/api/2.0/mlflow/runs/get?run_id=r1";
    assert_eq!(world.get(ALICE, get).status, 200);
    assert_eq!(world.get(ALICE, get).status, 200, "the parent is remembered");
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    assert_eq!(world.get(ALICE, get).status, 403, "the grant is not");
}

#[test]
fn oidc_253_statements_do_not_grow_with_rows() {
    let world = World::new();
    world.get(ALICE, "/"); // the password is known from here on
    *world.mlflow.rows.borrow_mut() = (1..=9).map(|n| n.to_string()).collect();
    let all = world.cost(|| world.get(ALICE, "/api/2.0/mlflow/experiments/search?max_results=9")).0;
    let one = world.cost(|| world.get(ALICE, "/api/2.0/mlflow/experiments/search?max_results=1")).0;
    assert_eq!(all, one);
}

#[test]
fn oidc_145_219_users_whose_names_differ_in_case_are_two() {
    let world = closed();
    assert_eq!(world.get("Alice:alice-password-1", "/").status, 401);
    let create = r#"{"username":"Alice","password":"another-password"}"#;
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/users/create", create).status, 200);
    assert_eq!(world.get("Alice:another-password", "/api/2.0/mlflow/experiments/get?experiment_id=1").status, 403);
}

// --- path and header confusion -------------------------------------------------------------------------------------------

#[test]
fn oauth2_proxy_cve_2025_54576_the_query_is_no_part_of_the_path() {
    let world = closed();
    for target in ["{api}/2.0/mlflow/webhooks?/health", "{api}/2.0/mlflow/webhooks?x=/static-files/a.js"] {
        shut(&world, "GET", target, "");
    }
    refused(&world, &world.get(ALICE, "/health/../api/2.0/mlflow/webhooks"), 400);
    refused(&world, &world.get(ALICE, "/static-files/%2e%2e/api/2.0/mlflow/webhooks"), 400);
}

#[test]
fn a_client_cannot_say_which_path_or_user_it_is() {
    let world = closed();
    for header in [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-User",
        "X_Forwarded_User",
        "Remote-User",
        "X-HTTP-Method-Override",
    ] {
        let headers = [("Authorization", &basic(ALICE)[..]), (header, "/health")];
        let answer = world.send("DELETE", "/api/2.0/mlflow/webhooks/1", &headers, None);
        refused(&world, &answer, 403);
        assert_eq!(world.send("GET", "/", &[(header, "admin")], None).status, 401, "{header}");
    }
}
