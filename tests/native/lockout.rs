//! Guessing, in the numbers that README promises, and an office that shares one address.

use crate::support::{ADMIN, ALICE, Answer, BOB, Bytes, NOW, Sqlite, World, basic};
use futures_util::FutureExt;
use futures_util::future::join_all;
use mlflow_edge_auth::accounts::{Accounts, Database, DatabaseError, Statement};
use mlflow_edge_auth::gate::Gate;
use mlflow_edge_auth::http::{Headers, Method, Request};
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::task::Poll;

const OFFICE: &str = "203.0.113.1";

fn attempt(world: &World, user: &str, address: &str) -> Answer {
    let headers = [("Authorization", &basic(user)[..]), ("CF-Connecting-IP", address)];
    world.send("GET", "/", &headers, None)
}

fn with_new_isolate(world: World) -> World {
    World { isolate: mlflow_edge_auth::state::IsolateState::new([9; 32]), ..world }
}

/// Hashes and rows of a thousand tries, one a second, each with another password.
fn guess(name: fn(usize) -> String, address: fn(usize) -> usize) -> (u64, usize) {
    let world = World::new();
    let before = world.isolate.hashes();
    for n in 0..1000 {
        world.now.set(NOW + n as u64);
        let address = format!("198.51.{}.{}", address(n) / 256, address(n) % 256);
        let answer = attempt(&world, &format!("{}:guess-{n}", name(n)), &address);
        assert!(matches!(answer.status, 401 | 429), "{}", answer.status);
    }
    let rows = world.database.rows("SELECT 1 FROM guesses UNION ALL SELECT 1 FROM attempts").len();
    (world.isolate.hashes() - before, rows)
}

#[test]
fn a_thousand_guesses_in_a_thousand_seconds_cost_the_hashes_that_are_promised() {
    for (what, name, address, most) in [
        ("a name, one address", (|_| "bob".to_owned()) as fn(usize) -> String, (|_| 1) as fn(usize) -> usize, 35),
        ("a name, a thousand addresses", |_| "bob".to_owned(), |n| n, 75),
        ("a thousand names, one address", |n| format!("nobody{n}"), |_| 1, 125),
    ] {
        let (hashes, rows) = guess(name, address);
        println!("{what}: {hashes} hashes, {rows} rows");
        assert!(hashes <= most, "{what}: {hashes} hashes");
        assert!(rows <= 4 * hashes as usize, "{what}: {rows} rows");
    }
}

#[test]
fn a_lock_is_the_same_for_a_name_that_nobody_has() {
    let known = guess(|_| "bob".to_owned(), |_| 1);
    assert_eq!(known, guess(|_| "who-is-nobody".to_owned(), |_| 1));
}

#[test]
fn the_same_wrong_password_again_is_no_new_guess_and_costs_no_hash() {
    for user in ["alice:old-password", "nobody:old-password"] {
        let world = World::new();
        assert_eq!(world.cost(|| assert_eq!(attempt(&world, user, OFFICE).status, 401)), (2, 0, 1));
        for _ in 0..1000 {
            assert_eq!(world.cost(|| assert_eq!(attempt(&world, user, OFFICE).status, 401)), (1, 0, 0), "{user}");
        }
        assert_eq!(world.database.rows("SELECT max(failures) AS n FROM guesses")[0]["n"], 1);
    }
}

#[test]
fn a_password_that_was_wrong_works_once_it_is_the_right_one() {
    let world = World::new();
    assert_eq!(attempt(&world, "alice:new-password-12", OFFICE).status, 401);
    let new = r#"{"username":"alice","password":"new-password-12"}"#;
    assert_eq!(world.json("PATCH", ADMIN, "/api/2.0/mlflow/users/update-password", new).status, 200);
    assert_eq!(attempt(&world, "alice:new-password-12", OFFICE).status, 200);
}

#[test]
fn an_office_with_a_stale_job_never_sees_a_lock() {
    let mut world = World::new();
    for n in 0..200 {
        world.now.set(NOW + n);
        assert_eq!(attempt(&world, "bob:an-old-password", OFFICE).status, 401);
        world = with_new_isolate(world);
        assert_eq!(attempt(&world, ALICE, OFFICE).status, 200, "after {n}");
    }
    assert_eq!(attempt(&world, BOB, OFFICE).status, 200, "nor does the owner of the job");
}

#[test]
fn who_signed_in_from_an_address_is_not_shut_out_there_by_others() {
    let world = World::new();
    assert_eq!(attempt(&world, ALICE, OFFICE).status, 200);
    for n in 0..300 {
        attempt(&world, &format!("nobody{n}:x"), OFFICE);
    }
    for n in 0..300 {
        attempt(&world, &format!("alice:guess-{n}"), &format!("198.51.100.{n}"));
    }
    let world = with_new_isolate(world);
    assert_eq!(attempt(&world, BOB, OFFICE).status, 429, "the address is locked for who is new there");
    assert_eq!(attempt(&world, ALICE, "192.0.2.1").status, 429, "and the name anywhere else");
    assert_eq!(attempt(&world, ALICE, OFFICE).status, 200);
    world.now.set(NOW + 3601);
    assert_eq!(attempt(&world, BOB, OFFICE).status, 200, "a quiet hour forgets");
}

#[test]
fn who_has_an_account_cannot_wipe_the_slate_of_the_address() {
    let world = World::new();
    for n in 0..99 {
        attempt(&world, &format!("nobody{n}:x"), OFFICE);
        assert_eq!(attempt(&world, ALICE, OFFICE).status, 200);
    }
    attempt(&world, "nobody100:x", OFFICE);
    assert_eq!(attempt(&world, BOB, OFFICE).status, 429);
}

#[test]
fn one_try_locks_after_one_failure() {
    let world = World::with(&[("SIGN_IN_TRIES", "1")]);
    world.add_users();
    assert_eq!(attempt(&world, "bob:guess-1", OFFICE).status, 401);
    assert_eq!(attempt(&world, "bob:guess-2", OFFICE).status, 429);
    assert_eq!(attempt(&world, "bob:guess-1", OFFICE).status, 401, "no new guess");
}

/// A database that lets every other request go first.
struct Yielding<'a>(&'a Sqlite);

impl Database for Yielding<'_> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let yielded = Cell::new(false);
        std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if yielded.replace(true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        Database::run(&self.0, statements).await
    }
}

/// The statuses of requests that run interleaved, each statement of all before the next of any.
fn in_parallel(world: &World, users: &[String]) -> Vec<u16> {
    let requests = users.iter().map(|user| async move {
        let gate = Gate {
            config: &world.config,
            accounts: Accounts(Yielding(&world.database)),
            origin: &world.mlflow,
            platform: &world.platform,
            state: &world.isolate,
            now: world.now.get(),
            clock: || 0,
            random: crate::support::never_the_same_twice,
        };
        let mut headers = Headers::default();
        headers.append("Authorization", basic(user));
        headers.append("CF-Connecting-IP", OFFICE);
        let url = "http://gate:8787/".to_owned();
        let request: Request<Bytes> =
            Request { method: Method::parse("GET"), url, headers, body: None, client_certificate: None };
        gate.handle(request, |_| {}).await.status
    });
    let mut all = std::pin::pin!(join_all(requests));
    loop {
        if let Some(statuses) = all.as_mut().now_or_never() {
            return statuses;
        }
    }
}

#[test]
fn thirty_guesses_in_parallel_cost_no_more_hashes_than_thirty_in_a_row() {
    let world = World::new();
    let before = world.isolate.hashes();
    let guesses: Vec<String> = (0..30).map(|n| format!("bob:guess-{n}")).collect();
    let statuses = in_parallel(&world, &guesses);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 20, "{statuses:?}");
    assert_eq!(world.isolate.hashes() - before, 10);
}

#[test]
fn thirty_first_requests_of_one_user_in_parallel_all_pass() {
    let world = World::new();
    let statuses = in_parallel(&world, &vec![ALICE.to_owned(); 30]);
    assert_eq!(statuses, vec![200; 30]);
    assert!(world.database.rows("SELECT * FROM guesses").is_empty());
    assert!(world.database.rows("SELECT * FROM attempts").is_empty());
}

#[test]
fn the_lock_that_comes_with_a_try_does_not_hold_for_the_same_password() {
    let world = World::with(&[("SIGN_IN_TRIES", "1")]);
    world.add_users();
    assert_eq!(in_parallel(&world, &vec![ALICE.to_owned(); 30]), vec![200; 30]);
    let before = world.isolate.hashes();
    let guesses: Vec<String> = (0..30).map(|n| format!("bob:guess-{}", n / 10)).collect();
    let statuses = in_parallel(&world, &guesses);
    assert_eq!(statuses, [vec![401; 10], vec![429; 20]].concat(), "one password, however often");
    assert!(world.isolate.hashes() - before <= 10);
}

#[test]
fn whoever_invents_names_does_not_fill_the_database() {
    let world = World::with(&[("SIGN_IN_TRIES", "1000")]);
    world.add_users();
    let rows = |table: &str| world.database.rows(&format!("SELECT 1 FROM {table}")).len();
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)";
    world.database.execute(&format!("INSERT INTO guesses {many} SELECT 'user:' || i, 1, {NOW}, 0 FROM n"));
    world.database.execute(&format!("INSERT INTO attempts {many} SELECT 'p' || i, '', 'c', 1, 1, {NOW} FROM n"));
    let bound = 20_000 + 3 * 200;
    let looked_at = (0..400).find(|n| {
        assert_eq!(attempt(&world, &format!("nobody{n}:x"), OFFICE).status, 401);
        rows("guesses") <= bound && rows("attempts") <= bound
    });
    assert!(looked_at.is_some(), "{} guesses, {} attempts", rows("guesses"), rows("attempts"));
    // a day later the next failure takes the rest away
    world.now.set(NOW + 24 * 3600 + 1);
    assert_eq!(attempt(&world, "nobody:y", OFFICE).status, 401);
    assert!(rows("guesses") <= 3 && rows("attempts") <= 1);
}
