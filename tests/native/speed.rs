//! What may begin before D1 has answered (FORWARD_EARLY), and what D1 is not asked again (AUTH_CACHE_TTL_SECONDS).

use crate::support::{ADMIN, ALICE, Answer, BOB, NOW, World, basic};
use futures_util::FutureExt;
use mlflow_edge_auth::accounts::{Accounts, Database, DatabaseError, Statement};
use mlflow_edge_auth::gate::Gate;
use mlflow_edge_auth::http::{Method, Request};
use serde::de::DeserializeOwned;

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";
const GET_RUN: &str = "/api/2.0/mlflow/runs/get?run_id=r1";
const PERMISSIONS: &str = "/api/2.0/mlflow/experiments/permissions";

fn closed(variables: &[(&str, &str)]) -> World {
    let variables: Vec<_> = variables.iter().copied().chain([("DEFAULT_PERMISSION", "NO_PERMISSIONS")]).collect();
    let world = World::with(&variables);
    world.add_users();
    world.grant(2, "experiment", "1", "EDIT");
    world
}

/// What the origin is asked by Alice's request while D1 does not answer.
fn asked_while_d1_is_silent(world: &World, method: &str, target: &str, body: Option<&str>) -> Vec<String> {
    world.mlflow.seen.borrow_mut().clear();
    world.database.hangs.set(true);
    let headers = [("Authorization", &basic(ALICE)[..]), ("Content-Type", "application/json")];
    let answer = world.try_send(method, target, &headers, body.map(str::as_bytes));
    world.database.hangs.set(false);
    assert!(answer.is_none(), "{target} was answered without D1");
    world.mlflow.seen.borrow().iter().map(|seen| format!("{} {}", seen.method.as_str(), seen.target)).collect()
}

fn refuse(world: &World) {
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
}

// --- early ----------------------------------------------------------------------------------------------------------

#[test]
fn a_read_that_was_allowed_before_goes_to_the_origin_beside_d1() {
    let world = closed(&[]);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    assert_eq!(asked_while_d1_is_silent(&world, "GET", GET_EXPERIMENT, None), [format!("GET {GET_EXPERIMENT}")]);
    assert_eq!(world.last_seen().header("x-forwarded-user"), Some("alice"));
    assert_eq!(world.last_seen().header("authorization"), None);
    // whatever the same grants decide, too
    let artifact = "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/x";
    assert_eq!(asked_while_d1_is_silent(&world, "GET", artifact, None), [""; 0], "nothing is known of grants on runs");
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow-artifacts/artifacts/1/r2/artifacts/y").status, 200);
    assert_eq!(asked_while_d1_is_silent(&world, "GET", artifact, None), [format!("GET {artifact}")]);
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200)), (1, 1, 0), "asked once");
}

#[test]
fn nothing_of_an_early_answer_leaves_when_d1_refuses() {
    let world = closed(&[]);
    *world.mlflow.script.borrow_mut() = Some(Box::new(|_| Some(Ok((200, "the secret".into())))));
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).body, "the secret");
    refuse(&world);
    let refused = |answer: Answer, status| {
        assert_eq!(answer.status, status);
        assert!(!answer.body.contains("secret") && answer.headers.get("content-length").is_none());
    };
    assert_eq!(world.cost(|| refused(world.get(ALICE, GET_EXPERIMENT), 403)), (1, 1, 0), "it was on its way");
    assert_eq!(world.cost(|| refused(world.get(ALICE, GET_EXPERIMENT), 403)), (1, 0, 0), "but not a second time");
    world.grant(2, "experiment", "1", "READ");
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    world.database.execute("UPDATE users SET password_hash = 'pbkdf2:sha256:1$x$00' WHERE id = 2");
    assert_eq!(world.cost(|| refused(world.get(ALICE, GET_EXPERIMENT), 401)), (3, 1, 1), "another password now");
    assert_eq!(world.cost(|| refused(world.get(ALICE, GET_EXPERIMENT), 401)), (1, 0, 0), "known to be wrong");
    *world.database.fails_on.borrow_mut() = Some("SELECT");
    refused(world.get(BOB, GET_EXPERIMENT), 503);
}

#[test]
fn what_writes_or_was_not_allowed_before_never_begins_early() {
    let world = closed(&[]);
    world.grant(2, "experiment", "2", "EDIT");
    world.grant(2, "registered_model", "m", "MANAGE");
    let nothing = |method: &str, target: &str, body: Option<&str>| {
        assert_eq!(asked_while_d1_is_silent(&world, method, target, body), [""; 0], "{method} {target}");
    };
    nothing("GET", GET_EXPERIMENT, None); // a login that was never verified
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    let two = GET_EXPERIMENT.replace("=1", "=2");
    nothing("GET", &two, None); // a grant that was never seen
    let three = GET_EXPERIMENT.replace("=1", "=3");
    assert_eq!(world.get(ALICE, &three).status, 403);
    nothing("GET", &three, None);
    nothing("POST", "/api/2.0/mlflow/experiments/update", Some(r#"{"experiment_id":"1","new_name":"x"}"#));
    nothing("POST", "/api/2.0/mlflow/runs/create", Some(r#"{"experiment_id":"1"}"#));
    nothing("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/x", Some("x"));
    nothing("POST", "/api/2.0/mlflow/experiments/search", Some("{}"));
    nothing("GET", "/api/2.0/mlflow/experiments/search?max_results=10", None);
    nothing("GET", "/", None);
    nothing("GET", "/brand-new", None);
    nothing("GET", "/api/2.0/mlflow/users/get?username=alice", None);
    nothing("GET", "/api/2.0/mlflow-artifacts/artifacts/x/y", None); // of no experiment
    nothing("GET", "/api/2.0/mlflow/experiments/get", None); // of none at all
    nothing("GET", "/api/2.0/mlflow/experiments/get?experiment_id=01", None);
    assert_eq!(world.get(BOB, "/").status, 200, "a login without grants");
    assert_eq!(world.cost(|| assert_eq!(world.get(BOB, GET_EXPERIMENT).status, 403)), (1, 0, 0));
}

#[test]
fn an_experiment_that_only_the_answer_names_is_decided_after_both() {
    let world = closed(&[]);
    assert_eq!(world.get(ALICE, "/").status, 200);
    assert_eq!(asked_while_d1_is_silent(&world, "GET", GET_RUN, None), [format!("GET {GET_RUN}")]);
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, GET_RUN).status, 200)), (2, 1, 0));
    let other = GET_RUN.replace("r1", "r2");
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, &other).status, 403)), (2, 1, 0));
}

#[test]
fn an_unknown_parent_is_looked_up_beside_d1() {
    let world = closed(&[]);
    assert_eq!(world.get(ALICE, "/").status, 200);
    let body = r#"{"run_id":"r1","key":"k","value":1}"#;
    let log = "/api/2.0/mlflow/runs/log-metric";
    assert_eq!(asked_while_d1_is_silent(&world, "POST", log, Some(body)), [format!("GET {GET_RUN}")]);
    // it is known now, and D1 alone decides
    assert_eq!(world.cost(|| assert_eq!(world.post(ALICE, log, body).status, 200)), (1, 1, 0));
    let other = body.replace("r1", "r2");
    assert_eq!(world.cost(|| assert_eq!(world.post(ALICE, log, &other).status, 403)), (2, 1, 0));
    // an administrator needs none
    assert_eq!(world.get(ADMIN, "/").status, 200);
    let third = body.replace("r1", "r3");
    assert_eq!(world.cost(|| assert_eq!(world.post(ADMIN, log, &third).status, 200)), (1, 1, 0));
}

#[test]
fn a_setting_lets_the_origin_wait_for_d1() {
    let world = closed(&[("FORWARD_EARLY", "false")]);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    assert_eq!(world.get(ALICE, GET_RUN).status, 200);
    for target in [GET_EXPERIMENT, GET_RUN, "/api/2.0/mlflow/runs/get?run_id=r2"] {
        assert_eq!(asked_while_d1_is_silent(&world, "GET", target, None), [""; 0], "{target}");
    }
    let body = Some(r#"{"run_id":"r3","key":"k","value":1}"#);
    assert_eq!(asked_while_d1_is_silent(&world, "POST", "/api/2.0/mlflow/runs/log-metric", body), [""; 0]);
    refuse(&world);
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 403)), (1, 0, 0));
}

// --- remembered -----------------------------------------------------------------------------------------------------

fn remembering(variables: &[(&str, &str)]) -> World {
    let variables: Vec<_> = variables.iter().copied().chain([("AUTH_CACHE_TTL_SECONDS", "60")]).collect();
    closed(&variables)
}

#[test]
fn d1_is_asked_once_in_the_time_that_the_operator_accepts() {
    let world = remembering(&[]);
    let get = || world.cost(|| assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200));
    assert_eq!(get(), (2, 1, 1));
    assert_eq!(get(), (0, 1, 0));
    refuse(&world);
    world.now.set(NOW + 59);
    assert_eq!(get(), (0, 1, 0), "the bound that the operator accepted");
    world.now.set(NOW + 60);
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 403)), (1, 1, 0));
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 403)), (0, 0, 0), "a no as well");
}

#[test]
fn each_grant_has_a_time_of_its_own() {
    let world = remembering(&[]);
    world.grant(2, "experiment", "2", "READ");
    let two = GET_EXPERIMENT.replace("=1", "=2");
    let get = |target: &str| world.cost(|| assert_eq!(world.get(ALICE, target).status, 200)).0;
    assert_eq!((get(GET_EXPERIMENT), get(&two)), (2, 1));
    world.now.set(NOW + 30);
    world.isolate.sign_ins.verified.borrow_mut().invalidate();
    assert_eq!((get(&two), get(GET_EXPERIMENT), get(&two)), (1, 1, 0));
    world.now.set(NOW + 89);
    assert_eq!((get(GET_EXPERIMENT), get(&two)), (0, 0));
    world.now.set(NOW + 90);
    assert_eq!((get(GET_EXPERIMENT), get(&two)), (1, 1));
}

#[test]
fn without_the_setting_d1_is_asked_each_time() {
    for world in [closed(&[]), closed(&[("AUTH_CACHE_TTL_SECONDS", "0")])] {
        let get = || world.cost(|| assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200)).0;
        assert_eq!((get(), get(), get()), (2, 1, 1));
    }
}

#[test]
fn a_change_through_the_same_isolate_is_effective_at_once() {
    let world = remembering(&[]);
    let status = |user: &str| world.get(user, GET_EXPERIMENT).status;
    assert_eq!((status(ALICE), status(BOB)), (200, 403));
    let change = |method: &str, target: &str, body: &str| {
        assert_eq!(world.json(method, ADMIN, target, body).status, 200, "{target}");
    };
    let of = |username: &str, rest: &str| format!(r#"{{"experiment_id":"1","username":"{username}"{rest}}}"#);
    change("POST", &format!("{PERMISSIONS}/create"), &of("bob", r#","permission":"READ""#));
    assert_eq!(status(BOB), 200);
    change("DELETE", &format!("{PERMISSIONS}/delete"), &of("alice", ""));
    assert_eq!(status(ALICE), 403);
    change("PATCH", "/api/2.0/mlflow/users/update-password", r#"{"username":"bob","password":"another-password"}"#);
    assert_eq!((status(BOB), status("bob:another-password")), (401, 200));
    change("DELETE", "/api/2.0/mlflow/users/delete", r#"{"username":"bob"}"#);
    assert_eq!(status("bob:another-password"), 401);
    // who creates a model may manage it, also if he asked for it before
    let model = "/api/2.0/mlflow/registered-models/get?name=new";
    assert_eq!(world.get(ALICE, model).status, 403);
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/registered-models/create", r#"{"name":"new"}"#).status, 200);
    assert_eq!(world.get(ALICE, model).status, 200);
}

/// The directory, during whose answer somebody changes it through the same isolate.
struct Changed<'a>(&'a World);

impl Database for Changed<'_> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let rows = (&self.0.database).run(statements).await;
        refuse(self.0);
        self.0.isolate.sign_ins.verified.borrow_mut().invalidate();
        rows
    }
}

#[test]
fn an_answer_from_before_a_change_is_not_remembered() {
    let world = remembering(&[]);
    assert_eq!(world.get(ALICE, "/").status, 200, "the password is known");
    world.isolate.sign_ins.verified.borrow_mut().invalidate();
    let gate = Gate {
        config: &world.config,
        accounts: Accounts(Changed(&world)),
        origin: &world.mlflow,
        platform: &world.platform,
        state: &world.isolate,
        now: NOW,
        clock: || 0,
        random: |_| false,
    };
    let headers = [("Authorization", &basic(ALICE)[..])].into_iter().collect();
    let url = format!("http://gate{GET_EXPERIMENT}");
    let request = Request { method: Method::Get, url, headers, body: None, client_certificate: None };
    assert_eq!(gate.handle(request, |_| ()).now_or_never().unwrap().status, 200, "decided on what D1 said");
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 403);
}

#[test]
fn a_change_whose_answer_was_lost_is_effective_at_once_too() {
    let world = remembering(&[]);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    *world.database.fails_on.borrow_mut() = Some("UPDATE role_permissions");
    let revoke = r#"{"experiment_id":"1","username":"alice","permission":"NO_PERMISSIONS"}"#;
    let update = "/api/2.0/mlflow/experiments/permissions/update";
    assert_eq!(world.json("PATCH", ADMIN, update, revoke).status, 503);
    *world.database.fails_on.borrow_mut() = None;
    refuse(&world); // D1 had done it
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 403);
}

#[test]
fn the_endpoints_for_users_and_permissions_never_trust_what_is_remembered() {
    let world = remembering(&[]);
    let get = || world.get(ADMIN, "/api/2.0/mlflow/users/get?username=alice");
    assert_eq!((get().status, world.get(ADMIN, "/").status), (200, 200));
    world.database.execute("UPDATE users SET is_admin = 0 WHERE id = 1; UPDATE users SET is_admin = 1 WHERE id = 3");
    assert_eq!(get().status, 403);
}

#[test]
fn a_token_ends_with_its_time_whatever_is_remembered() {
    let world = remembering(&[]);
    let made = r#"{"name":"t","expires_in_seconds":20}"#;
    let token = world.post(ALICE, "/api/2.0/mlflow/users/tokens/create", made).json();
    let authorization = format!("Bearer {}", token["token_value"].as_str().unwrap());
    let get = || world.send("GET", GET_EXPERIMENT, &[("Authorization", &authorization)], None).status;
    assert_eq!(get(), 200);
    assert_eq!(world.cost(|| assert_eq!(get(), 200)), (0, 1, 0));
    world.now.set(NOW + 20);
    assert_eq!(get(), 401);
}

#[test]
fn a_login_is_remembered_as_a_whole() {
    let world = remembering(&[]);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    for wrong in ["alice:wrong", "alice:", ":alice-password-1", "bob:alice-password-1"] {
        assert_eq!(world.get(wrong, GET_EXPERIMENT).status, 401, "{wrong}");
    }
    // another row of the same name is another user
    world.isolate.sign_ins.verified.borrow_mut().invalidate();
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
    world.database.execute("UPDATE users SET username = 'gone' WHERE id = 2");
    world.now.set(NOW + 60);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 401);
    let again = r#"{"username":"alice","password":"alice-password-1"}"#;
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/users/create", again).status, 200);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 403);
}
