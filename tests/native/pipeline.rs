//! The whole gate on SQLite: what it costs, whom it knows, what it refuses, what it forwards and what it settles.

use crate::support::{ADMIN, ALICE, BOB, World, basic};
use mlflow_edge_auth::http::{Headers, Method};
use mlflow_edge_auth::respond::static_files::may_be_kept;
use mlflow_edge_auth::routes::{Answer as RouteAnswer, Requires, TABLE};
use mlflow_edge_auth::upstream::OriginError;

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";

fn log_metric(run: &str) -> String {
    format!(r#"{{"run_id":"{run}","key":"k","value":NaN,"timestamp":1}}"#)
}

// --- what a request may cost: D1 statements, origin calls, password hashes -----------------------------------------

#[test]
fn a_request_costs_what_the_design_says() {
    let world = World::new();
    world.grant(2, "experiment", "1", "EDIT");
    world.grant(2, "experiment", "2", "EDIT");
    let get = |target: &'static str| world.cost(|| assert_eq!(world.get(ALICE, target).status, 200, "{target}"));
    let log = |run: &str| {
        world.cost(|| assert_eq!(world.post(ALICE, "/api/2.0/mlflow/runs/log-metric", &log_metric(run)).status, 200))
    };
    assert_eq!(get(GET_EXPERIMENT), (2, 1, 1), "first sight of the credentials");
    assert_eq!(get(GET_EXPERIMENT), (1, 1, 0), "experiment in the request");
    assert_eq!(get("/api/2.0/mlflow/registered-models/get?name=m"), (1, 1, 0), "model in the request");
    assert_eq!(get("/api/2.0/mlflow/runs/get?run_id=r1"), (2, 1, 0), "read, parent unknown, named by the answer");
    assert_eq!(get("/api/2.0/mlflow/runs/get?run_id=r1"), (1, 1, 0), "read, parent known");
    assert_eq!(get("/api/2.0/mlflow/metrics/get-history?run_id=r1&metric_key=k"), (1, 1, 0), "read, parent known");
    assert_eq!(log("r2"), (2, 2, 0), "write, parent unknown");
    assert_eq!(log("r2"), (1, 1, 0), "write, parent known");
    assert_eq!(get("/api/2.0/mlflow/logged-models/m-1"), (2, 1, 0), "logged model, unknown");
    assert_eq!(get("/api/2.0/mlflow/logged-models/m-1"), (1, 1, 0), "logged model, known");
    assert_eq!(get("/"), (1, 1, 0), "the UI");
    assert_eq!(get("/static-files/x.js"), (0, 1, 0), "a static file");
    assert_eq!(get("/health"), (0, 1, 0), "health");
    assert_eq!(get("/api/2.0/mlflow/users/get?username=alice"), (2, 0, 0), "user endpoint");
    let grant = r#"{"experiment_id":"1","username":"bob","permission":"READ"}"#;
    let create = || assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/experiments/permissions/create", grant).status, 200);
    assert_eq!(world.cost(create), (2, 0, 0), "permission endpoint");
    let password = r#"{"username":"bob","password":"another-password"}"#;
    let change =
        || assert_eq!(world.json("PATCH", ADMIN, "/api/2.0/mlflow/users/update-password", password).status, 200);
    assert_eq!(world.cost(change), (2, 0, 1), "a new password");
}

#[test]
fn the_first_request_of_an_isolate_asks_once_whether_there_is_anybody() {
    let world = World::with(&[]);
    assert_eq!(world.cost(|| world.get("", "/health")), (2, 1, 1), "an empty table: the first admin is made");
    assert_eq!(world.cost(|| world.get("", "/health")), (0, 1, 0));
}

#[test]
fn an_unknown_user_costs_what_a_wrong_password_costs() {
    let world = World::new();
    let wrong = world.cost(|| assert_eq!(world.get("alice:wrong", GET_EXPERIMENT).status, 401));
    let unknown = world.cost(|| assert_eq!(world.get("nobody:wrong", GET_EXPERIMENT).status, 401));
    assert_eq!((wrong, unknown), ((2, 0, 1), (2, 0, 1)), "one statement to ask, one to count the failure");
}

// --- what the data centre keeps -----------------------------------------------------------------------------------

const HASHED: &str = "/static-files/static/js/main.c2f5f8d4.js";

/// What MLflow sends with a static file.
const MLFLOWS_FILE: &[(&str, &str)] =
    &[("Cache-Control", "public, max-age=2419200"), ("Content-Length", "2"), ("ETag", "\"1\""), ("Vary", "Origin")];

fn world_of_files(headers: &[(&str, &str)]) -> World {
    let world = World::new();
    *world.mlflow.answer_headers.borrow_mut() = headers.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
    world
}

#[test]
fn a_static_file_is_asked_for_once_and_in_nobodys_name() {
    let world = world_of_files(MLFLOWS_FILE);
    let ask = |method: &str, headers: &[(&str, &str)]| world.send(method, HASHED, headers, None);
    let of_a_user = [("Authorization", &basic(ALICE)[..]), ("Cookie", "a=b"), ("Accept-Language", "de"), ("X-A", "b")];
    assert_eq!(world.cost(|| assert_eq!(ask("GET", &of_a_user).body, "{}")), (0, 1, 0), "the first time");
    let seen = world.last_seen();
    assert_eq!((seen.target.as_str(), seen.headers), (HASHED, vec![("Accept-Encoding".into(), "identity".into())]));
    let again = || {
        let answer = ask("GET", &[]);
        assert_eq!((answer.status, answer.body.as_str(), answer.headers.get("etag")), (200, "{}", Some("\"1\"")));
    };
    assert_eq!(world.cost(again), (0, 0, 0), "the second time");
    assert_eq!(world.cost(|| assert_eq!(ask("HEAD", &[]).body, "")), (0, 0, 0), "its head");
    assert_eq!(world.cost(|| assert_eq!(ask("GET", &[("If-None-Match", "\"1\"")]).status, 304)), (0, 0, 0));
    assert_eq!(world.cost(|| assert_eq!(ask("GET", &[("If-None-Match", "\"2\"")]).status, 200)), (0, 0, 0));
    for field in ["Range", "If-Range", "If-Match", "If-Unmodified-Since"] {
        assert_eq!(world.cost(|| ask("GET", &[(field, "x")])), (0, 1, 0), "{field} is the origin's to answer");
        assert_eq!(world.last_seen().header(field), Some("x"));
    }
}

#[test]
fn nothing_but_a_whole_public_file_with_a_hash_is_kept() {
    let kept_after = |world: &World, method: &str, target: &str, headers: &[(&str, &str)]| {
        world.send(method, target, headers, None);
        let kept: Vec<String> = world.mlflow.kept.borrow().keys().cloned().collect();
        kept
    };
    let none = Vec::<String>::new();
    for (method, target, headers) in [
        ("GET", "/static-files/index.html", &[][..]),
        ("GET", "/static-files/static/js/main.c2f5f8d4.js?x=1", &[]),
        ("GET", "/favicon.ico", &[]),
        ("GET", "/", &[("Authorization", &basic(ALICE)[..])]),
        ("GET", "/build/main.c2f5f8d4.js", &[("Authorization", &basic(ALICE))]),
        ("HEAD", HASHED, &[]),
        ("GET", HASHED, &[("Range", "bytes=0-0")]),
        ("GET", HASHED, &[("If-None-Match", "\"0\"")]),
    ] {
        assert_eq!(kept_after(&world_of_files(MLFLOWS_FILE), method, target, headers), none, "{method} {target}");
    }
    assert_eq!(kept_after(&world_of_files(MLFLOWS_FILE), "GET", HASHED, &[]), [HASHED]);
    for status in [203, 206, 304, 404, 500] {
        let world = world_of_files(MLFLOWS_FILE);
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |_| Some(Ok((status, "{}".into())))));
        assert_eq!(kept_after(&world, "GET", HASHED, &[]), none, "{status}");
    }
}

#[test]
fn the_origin_says_what_may_be_kept() {
    let with = |name: &str, values: &[&str]| {
        let mut headers = Headers::default();
        MLFLOWS_FILE.iter().for_each(|(name, value)| headers.append(*name, *value));
        headers.remove(name);
        values.iter().for_each(|value| headers.append(name, *value));
        may_be_kept(200, &headers)
    };
    for (name, value) in [
        ("Cache-Control", "Public, Max-Age=60"),
        ("Cache-Control", "s-maxage=60,public"),
        ("Vary", "Origin, Accept-Encoding"),
        ("Content-Length", "33554432"),
    ] {
        assert!(with(name, &[value]), "{name}: {value}");
    }
    assert!(with("Vary", &[]) && with("ETag", &[]));
    for (name, values) in [
        ("Cache-Control", &[][..]),
        ("Cache-Control", &["max-age=60"]),
        ("Cache-Control", &["public"]),
        ("Cache-Control", &["public, max-age=0"]),
        ("Cache-Control", &["public, max-age=60, s-maxage=0"]),
        ("Cache-Control", &["public, max-age=-1"]),
        ("Cache-Control", &["public, max-age=60", "no-store"]),
        ("Cache-Control", &["public, no-cache, max-age=60"]),
        ("Cache-Control", &["public, private=\"x\", max-age=60"]),
        ("Set-Cookie", &["a=b"]),
        ("Content-Encoding", &["gzip"]),
        ("Content-Range", &["bytes 0-1/2"]),
        ("Vary", &["*"]),
        ("Vary", &["Origin", "Cookie"]),
        ("Content-Length", &[]),
        ("Content-Length", &["33554433"]),
        ("Content-Length", &["x"]),
    ] {
        assert!(!with(name, values), "{name}: {values:?}");
    }
}

#[test]
fn what_is_kept_needs_no_login() {
    let rows = TABLE.iter().copied().flatten().filter(|row| matches!(row.answer, RouteAnswer::CachePublic));
    let rows: Vec<_> = rows.inspect(|row| assert!(matches!(row.requires, Requires::Public), "{}", row.path)).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.method == Method::Get));
}

// --- who --------------------------------------------------------------------------------------------------------

#[test]
fn what_changes_about_a_user_is_effective_with_the_next_request() {
    let world = World::new();
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    let new = r#"{"username":"alice","password":"new-password-12"}"#;
    assert_eq!(world.json("PATCH", ALICE, "/api/2.0/mlflow/users/update-password", new).status, 200);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 401);
    assert_eq!(world.get("alice:new-password-12", GET_EXPERIMENT).status, 200);

    let get = "/api/2.0/mlflow/users/get?username=alice";
    let admin = |yes: bool| {
        let body = format!(r#"{{"username":"bob","is_admin":{yes}}}"#);
        assert_eq!(world.json("PATCH", ADMIN, "/api/2.0/mlflow/users/update-admin", &body).status, 200);
    };
    assert_eq!(world.get(BOB, get).status, 403);
    admin(true);
    assert_eq!(world.get(BOB, get).status, 200);
    admin(false);
    assert_eq!(world.get(BOB, get).status, 403);

    assert_eq!(world.json("DELETE", ADMIN, "/api/2.0/mlflow/users/delete", r#"{"username":"bob"}"#).status, 200);
    assert_eq!(world.get(BOB, GET_EXPERIMENT).status, 401);
}

#[test]
fn credentials_that_are_none_are_401_in_mlflows_words() {
    let world = World::new();
    let long = format!("Basic {}", "QUFB".repeat(4000));
    for header in
        ["", "Basic !!!", "Basic YWxpY2U=", "Basic Ong=", "Bearer abc", "Digest username=\"admin\"", "Basic", &long]
    {
        let answer = world.send("GET", GET_EXPERIMENT, &[("Authorization", header)], None);
        assert_eq!(answer.status, 401, "{header:.40}");
        assert_eq!(answer.headers.get("www-authenticate"), Some("Basic realm=\"mlflow\""));
        assert!(answer.body.starts_with("You are not authenticated. Please see "), "{}", answer.body);
    }
    let twice = [("Authorization", &basic(ALICE)[..]), ("Authorization", &basic(ADMIN))];
    assert_eq!(world.send("GET", GET_EXPERIMENT, &twice, None).status, 401);
    assert_eq!(world.send("GET", GET_EXPERIMENT, &[], None).status, 401);
    assert!(world.mlflow.seen.borrow().is_empty(), "nothing of this reached the origin");
}

#[test]
fn passwords_hold_colons_and_names_any_letter() {
    let world = World::new();
    let body = r#"{"username":"zoë","password":"p:ä:sswörd1234"}"#;
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/users/create", body).status, 200);
    assert_eq!(world.get("zoë:p:ä:sswörd1234", GET_EXPERIMENT).status, 200);
    assert_eq!(world.last_seen().header("x-forwarded-user"), Some("zo%C3%AB"));
}

#[test]
fn without_an_administrator_everything_is_503_with_an_explanation() {
    for (variables, word) in [
        (&[("ADMIN_PASSWORD", "")][..], "ADMIN_PASSWORD"),
        (&[("ADMIN_PASSWORD", "password1234")], "everybody knows"),
        (&[("ADMIN_PASSWORD", "short")], "12 characters"),
    ] {
        let world = World::with(variables);
        for target in ["/health", "/", GET_EXPERIMENT] {
            let answer = world.get(ADMIN, target);
            assert_eq!(answer.status, 503, "{target}");
            assert!(answer.json()["message"].as_str().unwrap().contains(word), "{}", answer.body);
        }
        assert!(world.mlflow.seen.borrow().is_empty());
    }
    let laptop = World::with(&[("ADMIN_PASSWORD", "password1234"), ("ALLOW_DEFAULT_PASSWORD", "true")]);
    assert_eq!(laptop.get("admin:password1234", GET_EXPERIMENT).status, 200);
}

// --- what is refused ----------------------------------------------------------------------------------------------

#[test]
fn a_path_that_could_be_read_twice_is_400_and_never_forwarded() {
    let world = World::new();
    let artifacts = "/api/2.0/mlflow-artifacts/artifacts";
    for path in [
        "/api/2.0/mlflow//experiments/get",
        "//api/2.0/mlflow/experiments/get",
        "/api/2.0/mlflow/x/../experiments/get",
        "/api/2.0/mlflow/%2e%2e/x",
        "/api/2.0/mlflow/experiments%2Fget",
        "/api/2.0/mlflow/experiments/get;x=1",
        &format!("{artifacts}/./1/x"),
        &format!("{artifacts}/%2e/1/x"),
        &format!("{artifacts}/%252e/1/x"),
        &format!("{artifacts}//1/x"),
        &format!("{artifacts}/1/..%5cx"),
        &format!("{artifacts}/01/x"),
        &format!("{artifacts}?path=./1"),
        &format!("{artifacts}?path=1/../2"),
        "/static-files/../api/2.0/mlflow/experiments/get",
    ] {
        for user in [ALICE, ADMIN] {
            let answer = world.get(user, path);
            assert_eq!(answer.status, 400, "{path}");
            assert_eq!(answer.json()["error_code"], "INVALID_PARAMETER_VALUE");
        }
        assert_eq!(world.send("GET", path, &[], None).status, 401, "{path} without login");
    }
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn an_artifact_path_of_no_experiment_is_for_administrators() {
    let world = World::new();
    for target in ["/api/2.0/mlflow-artifacts/artifacts/x/y", "/ajax-api/2.0/mlflow-artifacts/artifacts?path=x"] {
        assert_eq!(world.get(ALICE, target).status, 403, "{target}");
        assert_eq!(world.get(ADMIN, target).status, 200, "{target}");
    }
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow-artifacts/artifacts").status, 400, "the root is everybody's");
}

#[test]
fn an_experiment_has_one_id() {
    let world = World::new();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    for id in ["1", "01", "%201", "1_0", "+1", "%D9%A3", "1%00"] {
        let target = format!("/api/2.0/mlflow/experiments/get?experiment_id={id}");
        assert!(matches!(world.get(ALICE, &target).status, 400 | 403), "{id}");
    }
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn a_body_that_could_be_read_twice_is_400() {
    let world = World::new();
    let update = "/api/2.0/mlflow/experiments/update";
    for body in [
        r#"{"experiment_id":"2","experiment_id":"1"}"#,
        r#"{"experiment_id":"2","experimentId":"1"}"#,
        "{",
        "[]",
        "1",
        "\"x\"",
        r#"{"experiment_id":["1"]}"#,
        r#"{"experiment_id":1.0}"#,
        r#"{"experiment_id":true}"#,
        "{}",
        "null",
        r#"{"experiment_id":null}"#,
        "",
        r#"{"experiment_id":""}"#,
    ] {
        let answer = world.post(ALICE, update, body);
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["error_code"], "INVALID_PARAMETER_VALUE", "{body}");
    }
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/runs/update", r#"{"run_id":"r1","run_uuid":"r2"}"#).status, 400);
    assert_eq!(world.post(ALICE, &format!("{update}?experiment_id=2"), r#"{"experiment_id":"1"}"#).status, 400);
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn query_path_and_body_must_agree() {
    let world = World::new();
    world.grant(2, "registered_model", "own", "MANAGE");
    let delete = "/api/2.0/mlflow/registered-models/delete";
    let headers = [("Authorization", &basic(ALICE)[..]), ("Content-Type", "text/plain")];
    let shadowed = world.send("DELETE", &format!("{delete}?name=own"), &headers, Some(br#"{"name":"victim"}"#));
    assert_eq!(shadowed.status, 400);
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/logged-models/m-1?model_id=m-2").status, 400);
    let upload = "/ajax-api/2.0/mlflow/upload-artifact?run_id=r2&run_uuid=r1&path=x";
    assert_eq!(world.send("POST", upload, &headers, Some(b"x")).status, 400);
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/experiments/get?experiment_id=1&experiment_id=2").status, 400);
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/experiments/get?experiment_id=1&experimentId=2").status, 400);
    let get_with_body = [("Authorization", &basic(ALICE)[..]), ("Content-Length", "21")];
    assert_eq!(world.send("GET", GET_EXPERIMENT, &get_with_body, Some(b"{}")).status, 400);
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn missing_and_unknown_parameters() {
    let world = World::new();
    let answer = world.get(ALICE, "/api/2.0/mlflow/experiments/get");
    assert_eq!(
        answer.body,
        "{\"error_code\": \"INVALID_PARAMETER_VALUE\", \"message\": \"Missing value for required parameter \
         'experiment_id'. See the API docs for more information about request parameters.\"}"
    );
    assert_eq!(world.get(ALICE, &format!("{GET_EXPERIMENT}&whatever=%20x")).status, 200);
    assert_eq!(world.last_seen().target, "/api/2.0/mlflow/experiments/get?experiment_id=1&whatever=%20x");
}

#[test]
fn a_body_over_the_limit_is_413_and_a_wrong_type_415() {
    let world = World::new();
    let body = format!(r#"{{"experiment_id":"1","x":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/experiments/update", &body).status, 413);
    let headers = [("Authorization", &basic(ALICE)[..]), ("Content-Type", "text/plain")];
    let answer = world.send("POST", "/api/2.0/mlflow/experiments/update", &headers, Some(br#"{"experiment_id":"1"}"#));
    assert_eq!(answer.status, 415);
}

#[test]
fn what_the_table_does_not_know_is_for_administrators() {
    let world = World::new();
    for (method, target) in [
        ("GET", "/nope"),
        ("POST", "/api/2.0/mlflow/experiments/get"),
        ("OPTIONS", "/api/2.0/mlflow/experiments/get"),
        ("GET", "/api/2.0/mlflow/experiments/get/"),
        ("GET", "/api/2.0/mlflow/EXPERIMENTS/get"),
        ("GET", "/healthXYZ"),
        ("GET", "/static"),
        ("DELETE", "/"),
        ("POST", "/api/3.0/mlflow/new-thing/create"),
    ] {
        assert_eq!(
            world.send(method, target, &[("Authorization", &basic(ALICE))], None).status,
            403,
            "{method} {target}"
        );
        assert_eq!(world.send(method, target, &[], None).status, 401, "{method} {target}");
        assert_eq!(
            world.send(method, target, &[("Authorization", &basic(ADMIN))], None).status,
            200,
            "{method} {target}"
        );
    }
    let other = world.send("TRACE", "/", &[("Authorization", &basic(ADMIN))], None);
    assert_eq!(other.status, 405);
}

#[test]
fn our_own_paths_are_never_forwarded() {
    let world = World::new();
    let answer = world.get(ADMIN, "/api/2.0/mlflow/users/create");
    assert_eq!((answer.status, answer.headers.get("allow")), (405, Some("POST, OPTIONS")));
    let answer = world.post(ALICE, "/api/2.0/mlflow/users/get", "{}");
    assert_eq!((answer.status, answer.headers.get("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn head_is_decided_as_get_and_tells_no_length() {
    let world = World::new();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    let head = |target: &str| world.send("HEAD", target, &[("Authorization", &basic(ALICE))], None);
    assert_eq!(head("/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/a.txt").status, 403);
    assert_eq!(head("/get-artifact?run_id=r1&path=a.txt").status, 403);
    assert_eq!(head("/get-artifact?run_id=r2&path=a.txt").status, 200);
    assert_eq!(world.last_seen().method, Method::Head);
    *world.mlflow.rows.borrow_mut() = vec!["1".into(), "2".into()];
    let search = head("/api/2.0/mlflow/experiments/search?max_results=5");
    assert_eq!((search.status, search.body.as_str()), (200, ""));
}

#[test]
fn a_write_from_another_site_is_refused() {
    let world = World::new();
    let create = "/api/2.0/mlflow/experiments/create";
    let with = |name: &'static str, value: &'static str| {
        let headers = [("Authorization", &basic(ALICE)[..]), ("Content-Type", "application/json"), (name, value)];
        world.send("POST", create, &headers, Some(br#"{"name":"x"}"#)).status
    };
    assert_eq!(with("Origin", "https://evil.example"), 403);
    assert_eq!(with("Origin", "null"), 403);
    assert_eq!(with("Sec-Fetch-Site", "cross-site"), 403);
    assert!(world.mlflow.seen.borrow().is_empty());
    assert_eq!(with("Origin", "http://gate:8787"), 200);
    assert_eq!(world.mlflow.seen.borrow()[0].header("origin"), None);
}

// --- what is forwarded ---------------------------------------------------------------------------------------------

#[test]
fn identity_headers_are_ours_alone() {
    let world = World::with(&[("ORIGIN_AUTHORIZATION", "Bearer origin-secret")]);
    world.add_users();
    let headers = [
        ("Authorization", &basic(ALICE)[..]),
        ("X-Forwarded-User", "admin"),
        ("X_Forwarded_User", "admin"),
        ("Connection", "X-Forwarded-User, X-Custom"),
        ("X-Custom", "1"),
        ("Cookie", "session=1"),
        ("X-MLflow-Authorization", "x"),
        ("X-MLFLOW-WORKSPACE", ""),
        ("X-Forwarded-For", "1.2.3.4"),
        ("Forwarded", "for=1"),
        ("TE", "trailers"),
        ("proxy-authorization", "x"),
        ("X-Kept", "yes"),
        ("Remote-User", "admin"),
        ("Host", "gate"),
    ];
    assert_eq!(world.send("GET", GET_EXPERIMENT, &headers, None).status, 200);
    let mut seen: Vec<(String, String)> = world.last_seen().headers;
    seen.sort();
    let expected = [("Authorization", "Bearer origin-secret"), ("X-Forwarded-User", "alice"), ("X-Kept", "yes")];
    assert_eq!(seen, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    world.get("", "/health");
    assert_eq!(world.last_seen().header("x-forwarded-user"), None);
}

#[test]
fn what_real_clients_send_passes_untouched() {
    let world = World::new();
    world.grant(2, "experiment", "1", "EDIT");
    for (body, sent) in [
        (r#"{"experiment_id": 1, "new_name": "x"}"#, r#"{"experiment_id": "1", "new_name": "x"}"#),
        (
            r#"{ "experimentId":"1","tags":[{"key":"a","value":"\u00e9"}] }"#,
            r#"{ "experiment_id":"1","tags":[{"key":"a","value":"\u00e9"}] }"#,
        ),
        (
            r#"{"experiment_id":"1","values":[NaN,Infinity,-Infinity,1e-7]}"#,
            r#"{"experiment_id":"1","values":[NaN,Infinity,-Infinity,1e-7]}"#,
        ),
    ] {
        assert_eq!(world.post(ALICE, "/api/2.0/mlflow/experiments/update", body).status, 200, "{body}");
        assert_eq!(world.last_seen().body, sent);
    }
    for body in [
        r#"{"run_uuid":"r1","key":"k"}"#,
        r#"{"run_id":"r1","run_uuid":"r1","key":"k"}"#,
        r#"{"run_id":null,"run_uuid":"r1"}"#,
    ] {
        assert_eq!(world.post(ALICE, "/api/2.0/mlflow/runs/log-metric", body).status, 200, "{body}");
    }
    let twice = serde_json::Value::String(r#"{"experiment_id":"1"}"#.into()).to_string();
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/experiments/update", &twice).status, 200);
    assert_eq!(world.last_seen().body, r#"{"experiment_id":"1"}"#, "decoded once, forwarded decoded");
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/experiments/search", "").status, 200, "an empty body");
}

#[test]
fn the_path_is_written_again_from_what_was_decided() {
    let world = World::new();
    let target = "/api/2.0/mlflow/%65xperiments/get?experiment%5Fid=1&x=a+b";
    assert_eq!(world.get(ALICE, target).status, 200);
    assert_eq!(world.last_seen().target, "/api/2.0/mlflow/experiments/get?experiment_id=1&x=a%20b");
    assert_eq!(
        world.get(ALICE, "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/a%20b%2Bc/z%c3%ab.txt").status,
        200
    );
    assert_eq!(world.last_seen().target, "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/a%20b+c/z%C3%AB.txt");
}

#[test]
fn a_redirect_of_the_origin_points_at_us() {
    let world = World::new();
    *world.mlflow.script.borrow_mut() = Some(Box::new(|_| Some(Ok((308, String::new())))));
    for (said, told) in [
        ("http://origin:5000/x?y", "http://gate:8787/x?y"),
        ("https://bucket.example/z", "https://bucket.example/z"),
        ("http://origin:50001/x", "http://origin:50001/x"),
    ] {
        *world.mlflow.answer_headers.borrow_mut() = vec![("Location".into(), said.into())];
        let answer = world.get(ALICE, "/");
        assert_eq!((answer.status, answer.headers.get("location")), (308, Some(told)));
    }
}

#[test]
fn an_origin_that_fails_is_502_or_504_in_mlflows_shape() {
    let world = World::new();
    let fail =
        |error: fn() -> OriginError| *world.mlflow.script.borrow_mut() = Some(Box::new(move |_| Some(Err(error()))));
    fail(|| OriginError::Unreachable("refused".into()));
    let answer = world.get(ALICE, GET_EXPERIMENT);
    assert_eq!((answer.status, answer.json()["error_code"].as_str()), (502, Some("TEMPORARILY_UNAVAILABLE")));
    fail(|| OriginError::Timeout(1));
    let answer = world.get(ALICE, GET_EXPERIMENT);
    assert_eq!((answer.status, answer.json()["error_code"].as_str()), (504, Some("DEADLINE_EXCEEDED")));
}

#[test]
fn a_look_up_that_fails_is_a_refusal_and_is_not_remembered() {
    let world = World::new();
    world.grant(2, "experiment", "1", "EDIT");
    let log = || world.post(ALICE, "/api/2.0/mlflow/runs/log-metric", &log_metric("r1")).status;
    for (status, body, told) in [
        (500, "{}", 502),
        (200, "<html>", 502),
        (200, "{}", 502),
        (404, "{}", 403),
        (302, "", 502),
        (200, r#"{"run":{"info":{"experiment_id":"01"}}}"#, 502),
        (200, r#"{"run":{"info":{"experiment_id":1}}}"#, 502),
    ] {
        *world.mlflow.script.borrow_mut() =
            Some(Box::new(move |seen| seen.target.contains("runs/get").then(|| Ok((status, body.to_owned())))));
        assert_eq!(log(), told, "{status} {body}");
        assert_eq!(world.get(ALICE, "/api/2.0/mlflow/metrics/get-history?run_id=r1").status, told);
    }
    *world.mlflow.script.borrow_mut() = None;
    assert_eq!(log(), 200);
}

#[test]
fn a_directory_that_fails_is_a_refusal() {
    let world = World::new();
    *world.database.fails_on.borrow_mut() = Some("password_hash");
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 503);
    *world.database.fails_on.borrow_mut() = Some("SELECT NULL AS resource_type");
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/runs/get?run_id=r1").status, 503);
}

#[test]
fn neither_answer_nor_log_tells_a_secret() {
    let world = World::new();
    for user in ["alice:hunter2-hunter2", "ghost:hunter2-hunter2"] {
        let answer = world.get(user, GET_EXPERIMENT);
        let told = format!("{} {:?} {:?}", answer.body, answer.log, answer.headers.iter().collect::<Vec<_>>());
        assert!(!told.contains("hunter2") && !told.contains(&basic(user)[6..]) && !told.contains("pbkdf2"), "{told}");
        assert_eq!(answer.log.len(), 1);
    }
    let again =
        world.post(ADMIN, "/api/2.0/mlflow/users/create", r#"{"username":"alice","password":"hunter2-hunter2"}"#);
    assert_eq!(again.json()["message"], "User (username=alice) already exists.");
}

// --- indirect references --------------------------------------------------------------------------------------------

#[test]
fn a_model_version_points_only_at_what_the_caller_may_read() {
    let world = World::new();
    world.grant(2, "registered_model", "m", "MANAGE");
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    world.grant(2, "registered_model", "secret", "NO_PERMISSIONS");
    let create = |rest: &str| {
        let body = format!(r#"{{"name":"m",{rest}}}"#);
        world.post(ALICE, "/api/2.0/mlflow/model-versions/create", &body).status
    };
    for forbidden in [
        r#""source":"mlflow-artifacts:/1/r1/artifacts""#,
        r#""source":"runs:/r1/model""#,
        r#""source":"models:/m-1""#,
        r#""source":"models:/secret/1""#,
        r#""source":"x","run_id":"r1""#,
        r#""source":"x","runId":"r1""#,
        r#""source":"models:/other/1","model_id":"m-1""#,
        r#""source":"s3://bucket/elsewhere","run_id":"r3""#,
        r#""source":"s3://bucket/r31","run_id":"r3""#,
        r#""source":"file:///etc""#,
        r#""source":"/etc""#,
        r#""source":"mlflow-artifacts:/%31/r1""#, // MLflow reads experiment 1
    ] {
        assert_eq!(create(forbidden), 403, "{forbidden}");
    }
    for refused in [r#""source":"mlflow-artifacts:/2/../1/r1""#, r#""source":"mlflow-artifacts://host/2/r2/artifacts""#]
    {
        assert_eq!(create(refused), 400, "{refused}");
    }
    for allowed in [
        r#""source":"mlflow-artifacts:/2/r2/artifacts/model","run_id":"r2""#,
        r#""source":"models:/m-2""#,
        r#""source":"models:/other/1""#,
        r#""source":"s3://bucket/r3/model","run_id":"r3""#,
    ] {
        assert_eq!(create(allowed), 200, "{allowed}");
    }
}

#[test]
fn a_logged_model_named_beside_a_run_is_decided_too() {
    let world = World::new();
    world.grant(2, "experiment", "1", "READ");
    world.grant(2, "experiment", "2", "EDIT");
    let metrics = r#"{"run_id":"r2","metrics":[{"key":"k","model_id":"m-2"},{"key":"k","modelId":"m-1"}]}"#;
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/runs/log-batch", metrics).status, 403);
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/runs/log-batch", &metrics.replace("m-1", "m-2")).status, 200);
}

#[test]
fn bulk_reads_need_every_run() {
    let world = World::new();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    let bulk = "/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=k";
    assert_eq!(world.get(ALICE, &format!("{bulk}&run_id=r2&run_id=r1")).status, 403);
    assert_eq!(world.get(ALICE, &format!("{bulk}&run_id=r2&run_id=r3&run_id=r2")).status, 200);
    assert_eq!(world.get(ALICE, bulk).status, 400);
}

// --- what is settled -------------------------------------------------------------------------------------------------

fn permissions(world: &World) -> serde_json::Value {
    world.get(ALICE, "/api/3.0/mlflow/users/current/permissions").json()["permissions"].clone()
}

#[test]
fn the_creator_gets_manage() {
    let world = World::new();
    assert_eq!(world.post(ALICE, "/ajax-api/2.0/mlflow/experiments/create", r#"{"name":"x"}"#).status, 200);
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/registered-models/create", r#"{"name":"m"}"#).status, 200);
    let user = world.get(ALICE, "/api/2.0/mlflow/users/get?username=alice");
    assert_eq!(
        user.body,
        "{\"user\":{\"experiment_permissions\":[{\"experiment_id\":\"7\",\"permission\":\"MANAGE\",\"user_id\":2}],\"id\":2,\
         \"is_admin\":false,\"registered_model_permissions\":[{\"name\":\"m\",\"permission\":\"MANAGE\",\"user_id\":2}],\
         \"scorer_permissions\":[],\"username\":\"alice\"}}\n"
    );
}

#[test]
fn a_creation_that_cannot_be_recorded_is_undone_and_said() {
    let world = World::new();
    *world.database.fails_on.borrow_mut() = Some("'MANAGE' FROM roles");
    let answer = world.post(ALICE, "/api/2.0/mlflow/experiments/create", r#"{"name":"x"}"#);
    assert_eq!(answer.status, 500);
    assert!(answer.json()["message"].as_str().unwrap().contains("deleted again"), "{}", answer.body);
    let undo = world.last_seen();
    assert_eq!(
        (undo.target.as_str(), undo.body.as_str()),
        ("/api/2.0/mlflow/experiments/delete", r#"{"experiment_id":"7"}"#)
    );
}

#[test]
fn grants_follow_a_renamed_model_and_end_with_a_deleted_one() {
    let world = World::new();
    world.grant(2, "registered_model", "m", "MANAGE");
    world.grant(3, "registered_model", "m", "EDIT");
    world.grant(3, "registered_model", "n", "MANAGE");
    assert_eq!(
        world.post(ALICE, "/api/2.0/mlflow/registered-models/rename", r#"{"name":"m","new_name":"n"}"#).status,
        200
    );
    assert_eq!(permissions(&world)[0]["resource_pattern"], "n");
    let bobs = world.get(ADMIN, "/api/2.0/mlflow/registered-models/permissions/get?name=n&username=bob");
    assert_eq!(bobs.json()["registered_model_permission"]["permission"], "EDIT", "not what stood on the name before");
    assert_eq!(world.json("DELETE", ALICE, "/api/2.0/mlflow/registered-models/delete", r#"{"name":"n"}"#).status, 200);
    assert_eq!(permissions(&world), serde_json::json!([]));
    let bobs = world.get(ADMIN, "/api/2.0/mlflow/registered-models/permissions/get?name=n&username=bob");
    assert_eq!(bobs.status, 404, "nobody has anything on a model that is gone");
}

// --- searches ------------------------------------------------------------------------------------------------------------

/// Reads every page; the ids in order, and how many pages there were.
fn read_all(world: &World, size: usize) -> (Vec<String>, usize) {
    let (mut ids, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        pages += 1;
        assert!(pages < 1000, "the search does not end");
        let target = format!("/api/2.0/mlflow/experiments/search?max_results={size}&page_token={token}");
        let target = target.trim_end_matches("&page_token=");
        let page = world.get(ALICE, target).json();
        let rows = page["experiments"].as_array().cloned().unwrap_or_default();
        assert!(rows.len() <= size);
        ids.extend(rows.iter().map(|row| row["experiment_id"].as_str().unwrap().to_owned()));
        match page["next_page_token"].as_str().filter(|t| !t.is_empty()) {
            Some(next) => token = next.to_owned(),
            None => return (ids, pages),
        }
    }
}

#[test]
fn pages_joined_are_the_readable_rows_once_each_in_order() {
    for (total, every) in [(0, 1), (1, 1), (7, 2), (40, 3), (200, 50), (100, 1000)] {
        let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
        world.add_users();
        let all: Vec<String> = (1..=total).map(|n: usize| n.to_string()).collect();
        let readable: Vec<String> = all.iter().filter(|n| n.parse::<usize>().unwrap() % every == 0).cloned().collect();
        for id in &readable {
            world.grant(2, "experiment", id, "READ");
        }
        *world.mlflow.rows.borrow_mut() = all;
        for size in [1, 2, 5, 1000] {
            let (ids, _) = read_all(&world, size);
            assert_eq!(ids, readable, "{total} rows, every {every}th readable, pages of {size}");
        }
    }
}

#[test]
fn a_search_by_body_is_paged_by_body() {
    let world = World::new();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    *world.mlflow.rows.borrow_mut() = ["1", "2", "3"].map(String::from).to_vec();
    let page = world.post(ALICE, "/api/2.0/mlflow/experiments/search", r#"{"max_results":2,"filter":"x"}"#).json();
    assert_eq!(page, serde_json::json!({"experiments": [{"experiment_id": "2"}, {"experiment_id": "3"}]}));
    // one row more than the page holds, and then on in long steps
    let sent: Vec<serde_json::Value> =
        world.mlflow.seen.borrow().iter().filter_map(|seen| serde_json::from_str(&seen.body).ok()).collect();
    assert_eq!(sent, [serde_json::json!({"filter": "x", "max_results": 3})]);
    *world.mlflow.rows.borrow_mut() = ["1", "1", "1", "2", "3"].map(String::from).to_vec();
    world.post(ALICE, "/api/2.0/mlflow/experiments/search", r#"{"max_results":2,"filter":"x"}"#);
    let sent: serde_json::Value = serde_json::from_str(&world.last_seen().body).unwrap();
    assert_eq!(sent, serde_json::json!({"filter": "x", "max_results": 1000, "page_token": "3"}));
}

#[test]
fn a_search_that_answers_nonsense_is_a_refusal() {
    let world = World::new();
    for (status, body, told) in
        [(200, "<html>", 502), (200, "[]", 502), (200, r#"{"experiments":[{"name":"x"}]}"#, 502), (500, "{}", 502)]
    {
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |_| Some(Ok((status, body.to_owned())))));
        assert_eq!(world.get(ALICE, "/api/2.0/mlflow/experiments/search?max_results=2").status, told, "{body}");
    }
}

#[test]
fn runs_and_logged_models_are_searched_only_where_the_caller_may_read() {
    let world = World::new();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    for path in ["/api/2.0/mlflow/runs/search", "/api/2.0/mlflow/logged-models/search"] {
        let answer = world.post(ALICE, path, r#"{"experiment_ids":["1","2",3],"filter":"x"}"#);
        assert_eq!(answer.status, 200);
        assert_eq!(world.last_seen().body, r#"{"experiment_ids":["2","3"],"filter":"x"}"#);
        let before = world.mlflow.seen.borrow().len();
        assert_eq!(world.post(ALICE, path, r#"{"experiment_ids":["1"]}"#).body, "{}");
        assert_eq!(world.mlflow.seen.borrow().len(), before, "nothing left to ask for");
    }
}

// --- sign-up -------------------------------------------------------------------------------------------------------------

#[test]
fn the_sign_up_form_is_bound_to_its_administrator_browser_and_hour() {
    let world = World::new();
    let page = world.get(ADMIN, "/signup");
    let token = page.body.split("name=\"csrf_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let cookie = page.headers.get("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let post = |user: &str, cookie: &str, body: &str| {
        let headers = [
            ("Authorization", &basic(user)[..]),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Cookie", cookie),
        ];
        world.send("POST", "/api/2.0/mlflow/users/create-ui", &headers, Some(body.as_bytes()))
    };
    let form = |name: &str| format!("csrf_token={token}&username={name}&password=carol-password-1");
    assert!(post(ADMIN, "", "username=x&password=y").body.contains("The CSRF token is missing."));
    assert!(post(ADMIN, "", &form("carol")).body.contains("The CSRF session token is missing."));
    assert!(post(ADMIN, "session=x", &form("carol")).body.contains("The CSRF tokens do not match."));
    assert!(post(ADMIN, &cookie, "csrf_token=bad&username=a&password=b").body.contains("The CSRF token is invalid."));
    assert_eq!(post(ALICE, &cookie, &form("carol")).status, 403);
    let made = post(ADMIN, &cookie, &form("%3Cb%3Ecarol"));
    assert!(made.body.contains("alert(\"Successfully signed up user: &lt;b&gt;carol\")"), "{}", made.body);
    assert!(post(ADMIN, &cookie, &form("%3Cb%3Ecarol")).body.contains("Username has already been taken"));
    world.now.set(crate::support::NOW + 3601);
    assert!(post(ADMIN, &cookie, &form("dave")).body.contains("The CSRF token has expired."));
}
