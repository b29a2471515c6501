//! A replica of D1 that lags (D1_READ_REPLICAS): it may let somebody through, and never shuts anybody out.

use crate::support::{ADMIN, ALICE, Answer, BOB, World, basic};

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";
const GET_RUN: &str = "/api/2.0/mlflow/runs/get?run_id=r1";
const CREATE_USER: &str = "/api/2.0/mlflow/users/create";
const CAROL: &str = "carol:carol-password-1";

/// Alice may edit experiment 1, Bob nothing; from now on the replica gets nothing new. Both, and the administrator, are
/// known to the isolate.
fn lagging() -> World {
    let mut world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS"), ("SIGN_IN_TRIES", "2")]);
    world.add_users();
    world.grant(2, "experiment", "1", "EDIT");
    for user in [ADMIN, ALICE, BOB] {
        assert_eq!(world.get(user, "/").status, 200);
    }
    world.replica = Some(world.database.lagging_replica());
    world
}

/// What an action asks of the replica and of the primary.
fn asked(world: &World, action: impl FnOnce() -> u16, status: u16) -> (usize, usize) {
    let count = || (world.replica.as_ref().unwrap().statements.get(), world.database.statements.get());
    let before = count();
    assert_eq!(action(), status);
    let after = count();
    (after.0 - before.0, after.1 - before.1)
}

fn bearer(world: &World, token: &str, target: &str) -> Answer {
    world.send("GET", target, &[("Authorization", &format!("Bearer {token}"))], None)
}

fn new_token(world: &World) -> String {
    let answer = world.post(ALICE, "/api/2.0/mlflow/users/tokens/create", r#"{"name":"t","read_only":false}"#);
    let text = answer.body.split('"').find(|text| text.starts_with("mlea_"));
    text.unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
}

#[test]
fn what_a_replica_allows_costs_the_primary_nothing() {
    let world = lagging();
    let log = r#"{"experiment_id":"1","key":"k","value":"v"}"#;
    assert_eq!(asked(&world, || world.get(ALICE, GET_EXPERIMENT).status, 200), (1, 0), "a read");
    let set = "/api/2.0/mlflow/experiments/set-experiment-tag";
    assert_eq!(asked(&world, || world.post(ALICE, set, log).status, 200), (1, 0), "a write to MLflow");
    assert_eq!(asked(&world, || world.get(ALICE, "/").status, 200), (1, 0), "the UI");
    assert_eq!(asked(&world, || world.get(ADMIN, GET_EXPERIMENT).status, 200), (1, 0), "an administrator");
}

#[test]
fn what_more_than_one_statement_decides_is_the_primarys() {
    let world = lagging();
    let get = |user: &str, target: &str| asked(&world, || world.get(user, target).status, 200);
    assert_eq!(get(ALICE, GET_RUN), (0, 2), "a parent that only the answer names");
    assert_eq!(get(ALICE, GET_RUN), (1, 0), "the parent is known now");
    assert_eq!(get(ALICE, "/api/2.0/mlflow/experiments/search").0, 0, "a filtered search");
    assert_eq!(get(ALICE, "/api/2.0/mlflow/users/get?username=alice").0, 0, "an endpoint of ours");
    let create = || world.post(ALICE, "/api/2.0/mlflow/experiments/create", r#"{"name":"x"}"#).status;
    assert_eq!(asked(&world, create, 200).0, 0, "a creation");
}

#[test]
fn who_is_new_gets_in_and_counts_as_no_guess() {
    let world = lagging();
    let carol = r#"{"username":"carol","password":"carol-password-1"}"#;
    assert_eq!(world.post(ADMIN, CREATE_USER, carol).status, 200);
    world.grant(4, "experiment", "1", "READ");
    for time in 1..=5 {
        assert_eq!(world.get(CAROL, GET_EXPERIMENT).status, 200, "time {time}, of two free tries");
    }
    let token = new_token(&world);
    assert_eq!(bearer(&world, &token, GET_EXPERIMENT).status, 200);
    assert!(world.database.rows("SELECT * FROM guesses").is_empty());
}

#[test]
fn a_new_password_works_at_once() {
    let world = lagging();
    let new = r#"{"username":"alice","password":"new-password-12"}"#;
    assert_eq!(world.json("PATCH", ALICE, "/api/2.0/mlflow/users/update-password", new).status, 200);
    for time in 1..=5 {
        assert_eq!(world.get("alice:new-password-12", GET_EXPERIMENT).status, 200, "time {time}");
    }
    assert!(world.database.rows("SELECT * FROM guesses").is_empty());
}

#[test]
fn a_new_grant_works_at_once_and_so_does_a_new_administrator() {
    let world = lagging();
    assert_eq!(asked(&world, || world.get(BOB, GET_EXPERIMENT).status, 403), (1, 1), "refused only by the primary");
    world.grant(3, "experiment", "1", "READ");
    assert_eq!(asked(&world, || world.get(BOB, GET_EXPERIMENT).status, 200), (1, 1));
    world.database.execute("UPDATE users SET is_admin = 1 WHERE username = 'bob'");
    for target in [GET_RUN, "/api/2.0/mlflow/experiments/get?experiment_id=9", "/brand-new"] {
        assert_eq!(world.get(BOB, target).status, 200, "{target}");
    }
}

#[test]
fn a_new_grant_works_at_once_with_a_token_that_is_used_for_the_first_time() {
    let mut world = lagging();
    let token = new_token(&world);
    world.database.execute("DELETE FROM grants WHERE user_id = 2");
    world.replica = Some(world.database.lagging_replica());
    world.grant(2, "experiment", "1", "READ");
    // the note of its use is written to the primary, between the replica's answer and the decision
    assert_eq!(asked(&world, || bearer(&world, &token, GET_EXPERIMENT).status, 200), (1, 2));
}

#[test]
fn who_makes_something_may_use_it_with_the_next_request() {
    let world = lagging();
    let create = world.post(BOB, "/api/2.0/mlflow/experiments/create", r#"{"name":"x"}"#);
    let id = create.json()["experiment_id"].as_str().unwrap().to_owned();
    assert_eq!(world.get(BOB, &format!("/api/2.0/mlflow/experiments/get?experiment_id={id}")).status, 200);
}

#[test]
fn guesses_count_at_the_primary_and_lock_there() {
    let world = lagging();
    for n in 0..2 {
        assert_eq!(world.get(&format!("alice:wrong-{n}"), GET_EXPERIMENT).status, 401);
    }
    assert_eq!(world.database.rows("SELECT failures FROM guesses")[0]["failures"], 2, "each counts once");
    assert_eq!(world.get("alice:wrong", GET_EXPERIMENT).status, 429, "the replica knows of no lock");
    assert_eq!(world.cost(|| world.get("alice:wrong", GET_EXPERIMENT)).2, 0, "nothing is hashed while it lasts");
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200, "who was verified before does not notice");
}

#[test]
fn no_password_is_tried_on_what_a_replica_says() {
    let world = lagging();
    let new = r#"{"username":"bob","password":"new-password-12"}"#;
    assert_eq!(world.json("PATCH", BOB, "/api/2.0/mlflow/users/update-password", new).status, 200);
    let fresh = World { isolate: mlflow_edge_auth::state::IsolateState::new([2; 32]), ..world };
    assert_eq!(fresh.get(BOB, "/").status, 401, "the first request of an isolate");
    assert_eq!(fresh.get(BOB, "/").status, 401, "and the next");
}

#[test]
fn what_was_taken_back_works_on_while_the_replica_lags_and_not_longer() {
    let mut world = lagging();
    let token = new_token(&world);
    assert_eq!(bearer(&world, &token, "/").status, 200);
    world.replica = Some(world.database.lagging_replica());
    world.database.execute("DELETE FROM tokens; DELETE FROM grants WHERE user_id = 2");
    world.database.execute("UPDATE users SET password_hash = 'pbkdf2:sha256:1$a$00' WHERE username = 'alice'");
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200, "what the operator accepts");
    assert_eq!(bearer(&world, &token, GET_EXPERIMENT).status, 200);
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/users/get?username=alice").status, 401, "endpoints of ours do not");
    world.replica = Some(world.database.lagging_replica());
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 401);
    assert_eq!(bearer(&world, &token, GET_EXPERIMENT).status, 401);
}

#[test]
fn a_replica_that_fails_is_a_failure_of_d1() {
    let world = lagging();
    *world.replica.as_ref().unwrap().fails_on.borrow_mut() = Some("SELECT");
    assert_eq!(asked(&world, || world.get(ALICE, GET_EXPERIMENT).status, 503), (1, 0));
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/users/get?username=alice").status, 200);
}

#[test]
fn the_first_administrator_is_made_once() {
    let mut world = World::with(&[]);
    assert_eq!(world.get(ADMIN, "/").status, 200);
    world.replica = Some(crate::support::Sqlite::new());
    let fresh = World { isolate: mlflow_edge_auth::state::IsolateState::new([2; 32]), ..world };
    assert_eq!(fresh.cost(|| fresh.send("GET", "/health", &[("Authorization", &basic(ADMIN))], None)).2, 0, "no hash");
    assert_eq!(fresh.get(ADMIN, "/").status, 200);
}
