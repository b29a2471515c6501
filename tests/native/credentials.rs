//! Tokens, guessing, and the rules about passwords.

use mlflow_edge_auth::password::ScryptCost;
use serde_json::{Value, json};

use crate::support::{ADMIN, ALICE, Answer, BOB, NOW, World, basic};

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";
const TOKENS: &str = "/api/2.0/mlflow/users/tokens";

fn token(world: &World, user: &str, rest: &str) -> (String, i64) {
    let answer = world.post(user, &format!("{TOKENS}/create"), &format!(r#"{{"name":"t"{rest}}}"#));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    (answer["token_value"].as_str().unwrap().to_owned(), answer["token"]["id"].as_i64().unwrap())
}

fn bearer(world: &World, method: &str, target: &str, token: &str, body: Option<&str>) -> Answer {
    let authorization = format!("Bearer {token}");
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    world.send(method, target, &headers, body.map(str::as_bytes))
}

// --- tokens ----------------------------------------------------------------------------------------------------------

#[test]
fn a_token_signs_in_as_bearer_and_as_a_password() {
    let world = World::new();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    let (token, _) = token(&world, ALICE, "");
    let two = GET_EXPERIMENT.replace("=1", "=2");
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &token, None).status, 403, "with Alice's grants");
    assert_eq!(bearer(&world, "GET", &two, &token, None).status, 200);
    assert_eq!(world.last_seen().header("x-forwarded-user"), Some("alice"));
    assert_eq!(world.last_seen().header("authorization"), None);
    assert_eq!(world.get(&format!("alice:{token}"), &two).status, 200);
    assert_eq!(world.get(&format!("bob:{token}"), &two).status, 401, "it is Alice's");
    for wrong in [&token[1..], &token[..40], &token.replace("mlea_", "mlea-"), "", "mlea_", &"x".repeat(10_000)] {
        let answer = bearer(&world, "GET", &two, wrong, None);
        assert_eq!(answer.status, 401, "{wrong:.80}");
        assert!(answer.body.starts_with("You are not authenticated."));
    }
}

#[test]
fn a_token_ends_with_its_time_its_owner_or_its_revocation() {
    let world = World::new();
    let (short, id) = token(&world, ALICE, r#","expires_in_seconds":60"#);
    world.now.set(NOW + 59);
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &short, None).status, 200);
    world.now.set(NOW + 60);
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &short, None).status, 401);

    world.now.set(NOW);
    let delete = format!("{TOKENS}/delete");
    let by = |user: &str, id: i64| world.json("DELETE", user, &delete, &format!(r#"{{"token_id":{id}}}"#)).status;
    assert_eq!(by(BOB, id), 404, "another's is as good as none");
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &short, None).status, 200);
    assert_eq!(by(ALICE, id), 200);
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &short, None).status, 401, "with the next request");
    assert_eq!(by(ALICE, id), 404);

    let (bobs, id) = token(&world, BOB, "");
    assert_eq!(by(ADMIN, id), 200, "an administrator may revoke anybody's");
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &bobs, None).status, 401);
    let (bobs, _) = token(&world, BOB, "");
    assert_eq!(world.json("DELETE", ADMIN, "/api/2.0/mlflow/users/delete", r#"{"username":"bob"}"#).status, 200);
    assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &bobs, None).status, 401);
}

#[test]
fn the_use_of_a_token_is_noted_once_an_hour() {
    let world = World::new();
    let (token, _) = token(&world, ALICE, "");
    let noted = || world.database.rows("SELECT last_used_at FROM tokens")[0]["last_used_at"].clone();
    for (seconds, last) in [(10, 10), (11, 10), (3609, 10), (3610, 3610), (3611, 3610), (7210, 7210)] {
        world.now.set(NOW + seconds);
        assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &token, None).status, 200);
        assert_eq!(noted(), json!(NOW + last), "after {seconds} seconds");
    }
}

#[test]
fn a_read_only_token_reads_and_searches_and_nothing_else() {
    let world = World::new();
    world.grant(2, "experiment", "1", "MANAGE");
    let (token, _) = token(&world, ALICE, r#","read_only":true"#);
    for (method, target, body) in [
        ("GET", GET_EXPERIMENT, None),
        ("HEAD", GET_EXPERIMENT, None),
        ("GET", "/", None),
        ("POST", "/api/2.0/mlflow/runs/search", Some(r#"{"experiment_ids":["1"]}"#)),
        ("POST", "/api/2.0/mlflow/experiments/search", Some("{}")),
        ("GET", "/api/2.0/mlflow/users/current", None),
    ] {
        assert_eq!(bearer(&world, method, target, &token, body).status, 200, "{method} {target}");
    }
    let asked = world.mlflow.seen.borrow().len();
    for (method, target, body) in [
        ("POST", "/api/2.0/mlflow/experiments/update", r#"{"experiment_id":"1","new_name":"x"}"#),
        ("POST", "/api/2.0/mlflow/experiments/create", r#"{"name":"x"}"#),
        ("POST", "/api/2.0/mlflow/runs/log-metric", r#"{"run_id":"r1","key":"k","value":1}"#),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/x", "x"),
        ("PATCH", "/api/2.0/mlflow/users/update-password", r#"{"username":"alice","password":"another-password"}"#),
        ("POST", "/api/2.0/mlflow/users/tokens/create", r#"{"name":"more"}"#),
        ("DELETE", "/api/2.0/mlflow/users/tokens/delete", r#"{"token_id":1}"#),
        (
            "POST",
            "/api/2.0/mlflow/experiments/permissions/create",
            r#"{"experiment_id":"1","username":"bob","permission":"READ"}"#,
        ),
        ("POST", "/api/3.0/mlflow/ui-telemetry", "{}"),
    ] {
        assert_eq!(bearer(&world, method, target, &token, Some(body)).status, 403, "{method} {target}");
    }
    assert_eq!(world.mlflow.seen.borrow().len(), asked);
    // an administrator's does not write where there is no row, either
    let (admins, _) = self::token(&world, ADMIN, r#","read_only":true"#);
    assert_eq!(bearer(&world, "POST", "/brand-new", &admins, Some("{}")).status, 403);
    assert_eq!(bearer(&world, "GET", "/brand-new", &admins, None).status, 200);
}

/// Everything that changes users, the grants of others, or makes credentials.
const ADMINISTRATION: [(&str, &str, &str); 15] = [
    ("POST", "/api/2.0/mlflow/users/create", r#"{"username":"eve","password":"eves-password-1"}"#),
    ("POST", "/api/2.0/mlflow/users/create-ui", "username=eve&password=eves-password-1"),
    ("PATCH", "/api/2.0/mlflow/users/update-password", r#"{"username":"bob","password":"another-password"}"#),
    ("PATCH", "/api/2.0/mlflow/users/update-password", r#"{"username":"OWN","password":"another-password"}"#),
    ("PATCH", "/api/2.0/mlflow/users/update-admin", r#"{"username":"bob","is_admin":true}"#),
    ("DELETE", "/api/2.0/mlflow/users/delete", r#"{"username":"bob"}"#),
    ("POST", "/api/2.0/mlflow/users/tokens/create", r#"{"name":"more"}"#),
    (
        "POST",
        "/api/2.0/mlflow/experiments/permissions/create",
        r#"{"experiment_id":"2","username":"bob","permission":"EDIT"}"#,
    ),
    (
        "PATCH",
        "/api/2.0/mlflow/experiments/permissions/update",
        r#"{"experiment_id":"1","username":"bob","permission":"EDIT"}"#,
    ),
    ("DELETE", "/api/2.0/mlflow/experiments/permissions/delete", r#"{"experiment_id":"1","username":"bob"}"#),
    (
        "POST",
        "/api/2.0/mlflow/registered-models/permissions/create",
        r#"{"name":"n","username":"bob","permission":"EDIT"}"#,
    ),
    (
        "PATCH",
        "/api/2.0/mlflow/registered-models/permissions/update",
        r#"{"name":"m","username":"bob","permission":"EDIT"}"#,
    ),
    ("DELETE", "/api/2.0/mlflow/registered-models/permissions/delete", r#"{"name":"m","username":"bob"}"#),
    (
        "POST",
        "/api/3.0/mlflow/users/permissions/grant",
        r#"{"username":"bob","resource_type":"experiment","resource_id":"2","permission":"EDIT"}"#,
    ),
    (
        "POST",
        "/api/3.0/mlflow/users/permissions/revoke",
        r#"{"username":"bob","resource_type":"experiment","resource_id":"1","permission":"READ"}"#,
    ),
];

/// Alice manages what Bob may read.
fn managed() -> World {
    let world = World::new();
    for (kind, id) in [("experiment", "1"), ("experiment", "2"), ("registered_model", "m"), ("registered_model", "n")] {
        world.grant(2, kind, id, "MANAGE");
    }
    world.grant(3, "experiment", "1", "READ");
    world.grant(3, "registered_model", "m", "READ");
    world
}

fn state(world: &World) -> Value {
    json!(["users", "grants", "tokens"].map(|table| {
        let mut rows = world.database.rows(&format!("SELECT * FROM {table}"));
        rows.iter_mut().for_each(|row| row["last_used_at"] = Value::Null);
        rows
    }))
}

#[test]
fn a_leaked_token_changes_neither_users_nor_grants_and_makes_no_credentials() {
    for (user, name) in [(ALICE, "alice"), (ADMIN, "admin")] {
        let world = managed();
        let (token, own) = token(&world, user, "");
        let (_, bobs) = self::token(&world, BOB, "");
        let before = state(&world);
        for (method, path, body) in ADMINISTRATION {
            let body = body.replace("OWN", name);
            assert_eq!(bearer(&world, method, path, &token, Some(&body)).status, 403, "{name}: {method} {path}");
        }
        let delete = format!("{TOKENS}/delete");
        let end = |id: i64| bearer(&world, "DELETE", &delete, &token, Some(&format!(r#"{{"token_id":{id}}}"#))).status;
        assert_eq!(end(bobs), 404, "nor ends the tokens of others");
        assert_eq!(state(&world), before, "{name}");
        assert_eq!(end(own), 200, "but itself");
    }
}

#[test]
fn a_token_that_an_administrator_made_for_it_administers() {
    for (method, path, body) in ADMINISTRATION {
        let world = managed();
        let (token, _) = token(&world, ADMIN, r#","scope":"admin""#);
        let answer = bearer(&world, method, path, &token, Some(&body.replace("OWN", "admin")));
        // the form wants its own content type, and a CSRF token: it is not for clients
        let expected = if path.ends_with("create-ui") { 400 } else { 200 };
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.body);
    }
    let world = managed();
    let create = |user: &str, rest: &str| {
        world.post(user, &format!("{TOKENS}/create"), &format!(r#"{{"name":"x"{rest}}}"#)).status
    };
    assert_eq!(create(ALICE, r#","scope":"admin""#), 403);
    assert_eq!(create(ADMIN, r#","scope":"root""#), 400);
    assert_eq!(create(ADMIN, r#","scope":true"#), 400);
    assert_eq!(create(ADMIN, r#","scope":"admin","read_only":true"#), 400);
    assert_eq!(create(ADMIN, r#","scope":null"#), 200);
}

#[test]
fn a_token_makes_no_token_that_administers_and_its_scope_ends_with_its_owners() {
    let world = managed();
    let promote = |name: &str, is_admin: bool| {
        let body = format!(r#"{{"username":"{name}","is_admin":{is_admin}}}"#);
        assert_eq!(world.json("PATCH", ADMIN, "/api/2.0/mlflow/users/update-admin", &body).status, 200);
    };
    promote("alice", true);
    let (token, _) = token(&world, ALICE, r#","scope":"admin""#);
    let more = r#"{"name":"more","scope":"admin"}"#;
    assert_eq!(bearer(&world, "POST", &format!("{TOKENS}/create"), &token, Some(more)).status, 403);
    let grant = r#"{"experiment_id":"2","username":"bob","permission":"READ"}"#;
    let create = "/api/2.0/mlflow/experiments/permissions/create";
    promote("alice", false);
    assert_eq!(bearer(&world, "POST", create, &token, Some(grant)).status, 403, "she manages it, but is none any more");
    assert_eq!(world.post(ALICE, create, grant).status, 200, "with her password");
}

#[test]
fn tokens_end_with_the_password_that_an_administrator_sets_and_with_the_own_one_on_demand() {
    let world = World::new();
    let change = |user: &str, rest: &str| {
        let body = format!(r#"{{"username":"alice","password":{rest}}}"#);
        world.json("PATCH", user, "/api/2.0/mlflow/users/update-password", &body).status
    };
    let (alices, _) = token(&world, ALICE, "");
    let (bobs, _) = token(&world, BOB, "");
    let works = |token: &str| bearer(&world, "GET", "/version", token, None).status == 200;
    assert_eq!(change(ADMIN, "null"), 200);
    assert!(works(&alices), "nothing was changed");
    assert_eq!(change(ADMIN, r#""the-second-password""#), 200);
    assert!(!works(&alices) && works(&bobs));

    let (alices, _) = token(&world, "alice:the-second-password", "");
    assert_eq!(change("alice:the-second-password", r#""the-third-password","end_tokens":"yes""#), 400);
    assert_eq!(change("alice:the-second-password", r#""the-third-password""#), 200);
    assert!(works(&alices));
    assert_eq!(change("alice:the-third-password", r#""the-fourth-password","end_tokens":true"#), 200);
    assert!(!works(&alices) && works(&bobs));
    assert_eq!(world.get("alice:the-fourth-password", "/").status, 200);
}

#[test]
fn tokens_are_listed_without_themselves() {
    let world = World::new();
    let (token, id) = token(&world, ALICE, r#","expires_in_seconds":86400"#);
    bearer(&world, "GET", GET_EXPERIMENT, &token, None);
    let answer = world.get(ALICE, &format!("{TOKENS}/list"));
    assert!(!answer.body.contains(&token[5..53]));
    let expected = json!({
        "id": id, "name": "t", "read_only": false, "scope": null, "created_at": NOW, "expires_at": NOW + 86400, "last_used_at": NOW,
    });
    assert_eq!(answer.json()["tokens"], json!([expected]));
    assert_eq!(world.get(BOB, &format!("{TOKENS}/list")).json()["tokens"], json!([]));
    assert_eq!(world.get(BOB, &format!("{TOKENS}/list?username=alice")).status, 403);
    assert_eq!(world.get(ADMIN, &format!("{TOKENS}/list?username=alice")).json()["tokens"], json!([expected]));
    // neither the database nor any answer or log line holds it
    let rows: Vec<Value> = world.database.rows("SELECT * FROM tokens");
    assert!(!json!(rows).to_string().contains(&token[5..53]), "{rows:?}");
}

#[test]
fn what_a_token_may_be_called_and_how_long_it_may_live() {
    let world = World::new();
    let create = |body: &str| world.post(ALICE, &format!("{TOKENS}/create"), body);
    for body in [
        "{}",
        r#"{"name":""}"#,
        r#"{"name":7}"#,
        r#"{"name":"x","expires_in_seconds":0}"#,
        r#"{"name":"x","expires_in_seconds":-5}"#,
        r#"{"name":"x","expires_in_seconds":"60"}"#,
        r#"{"name":"x","expires_in_seconds":1e9}"#,
        r#"{"name":"x","expires_in_seconds":99999999999}"#,
        r#"{"name":"x","read_only":"yes"}"#,
        "[]",
    ] {
        assert_eq!(create(body).status, 400, "{body}");
    }
    assert_eq!(create(r#"{"name":"x"}"#).status, 200);
    assert_eq!(create(r#"{"name":"x"}"#).json()["error_code"], "RESOURCE_ALREADY_EXISTS");
    for n in 1..100 {
        assert_eq!(create(&format!(r#"{{"name":"n{n}"}}"#)).status, 200);
    }
    assert!(create(r#"{"name":"one more"}"#).body.contains("100 tokens at most"));
}

// --- guessing --------------------------------------------------------------------------------------------------------

/// Statements, origin calls, hashes and status of a try from an address.
fn attempt(world: &World, user: &str, address: &str) -> ((usize, usize, u64), Answer) {
    let mut answer = None;
    let cost = world.cost(|| {
        let headers = [("Authorization", &basic(user)[..]), ("CF-Connecting-IP", address)];
        answer = Some(world.send("GET", GET_EXPERIMENT, &headers, None));
    });
    (cost, answer.unwrap())
}

fn lock(world: &World, user: &str, address: &str) {
    for n in 0..10 {
        assert_eq!(attempt(world, &format!("{user}-{n}-{}", world.now.get()), address).1.status, 401);
    }
}

/// The work is the same for a name that nobody has and for one that somebody has: {right, wrong, unknown, locked} x
/// {cold, warm}.
#[test]
fn the_work_of_a_sign_in() {
    let world = World::new();
    let address = "203.0.113.1";
    let cost = |user: &str| {
        let (cost, answer) = attempt(&world, user, address);
        (cost, answer.status)
    };
    assert_eq!(cost(ALICE), ((2, 1, 1), 200), "right, cold");
    assert_eq!(cost(ALICE), ((1, 1, 0), 200), "right, warm");
    for name in ["alice", "nobody"] {
        assert_eq!(cost(&format!("{name}:wrong")), ((2, 0, 1), 401), "wrong for {name}");
        assert_eq!(cost(&format!("{name}:wrong")), ((1, 0, 0), 401), "the same again for {name}");
    }
    for name in ["bob", "who-is-nobody"] {
        lock(&world, &format!("{name}:wrong"), address);
        world.database.execute("DELETE FROM guesses WHERE subject LIKE 'address:%'");
        for when in ["cold", "warm"] {
            assert_eq!(cost(&format!("{name}:wrong")), ((1, 0, 0), 429), "{name} locked, {when}");
        }
    }
    assert_eq!(cost(BOB), ((1, 0, 0), 429), "locked, with the right password");
    let (token, _) = token(&world, ALICE, "");
    let by_token = || world.cost(|| assert_eq!(bearer(&world, "GET", GET_EXPERIMENT, &token, None).status, 200));
    assert_eq!(by_token(), (2, 1, 0), "a token, cold: its use is noted");
    assert_eq!(by_token(), (1, 1, 0), "a token, warm");
}

#[test]
fn a_lock_grows_to_a_minute_and_is_forgotten_after_a_quiet_hour() {
    let world = World::new();
    let mut now = NOW;
    lock(&world, "bob:wrong", "203.0.113.1");
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        let (_, answer) = attempt(&world, "bob:wrong", "203.0.113.1");
        assert_eq!((answer.status, answer.headers.get("retry-after")), (429, Some(seconds.to_string().as_str())));
        assert_eq!(answer.json()["error_code"], "REQUEST_LIMIT_EXCEEDED");
        now += seconds;
        world.now.set(now);
        let another = format!("bob:wrong at {now}");
        assert_eq!(attempt(&world, &another, "203.0.113.1").1.status, 401, "one try when it ends");
    }
    now += 60;
    world.now.set(now);
    assert_eq!(attempt(&world, BOB, "203.0.113.1").1.status, 200, "nobody is locked out for longer");
    world.now.set(now + 3601);
    lock(&world, "bob:wrong", "203.0.113.1");
}

/// A thousand wrong passwords, one a second: for one account from one address, from a thousand, and for a thousand
/// names that nobody has.
#[test]
fn a_guesser_costs_little_and_the_owner_never_notices() {
    for (what, name, address, most_hashes) in [
        ("one address", (|_| "bob".to_owned()) as fn(usize) -> String, (|_| 1) as fn(usize) -> usize, 35),
        ("many addresses", |_| "bob".to_owned(), |n| n, 75),
        ("unknown users", |n| format!("nobody{n}"), |_| 1, 125),
    ] {
        let world = World::new();
        let (token, _) = token(&world, BOB, "");
        assert_eq!(world.get(BOB, GET_EXPERIMENT).status, 200, "Bob's isolate is warm");
        bearer(&world, "GET", GET_EXPERIMENT, &token, None);
        let (mut statements, mut hashes, mut refused, mut locked) = (0, 0, 0, 0);
        for n in 0..1000 {
            world.now.set(NOW + n as u64);
            let address = format!("198.51.{}.{}", address(n) / 256, address(n) % 256);
            let (cost, answer) = attempt(&world, &format!("{}:guess-{n}", name(n)), &address);
            assert_eq!(cost.1, 0, "nothing reaches the origin");
            statements += cost.0;
            hashes += cost.2;
            match answer.status {
                401 => refused += 1,
                429 => locked += 1,
                other => panic!("{other}"),
            }
            if n % 100 == 0 {
                assert_eq!(
                    bearer(&world, "GET", GET_EXPERIMENT, &token, None).status,
                    200,
                    "{what}: the owner's token"
                );
                assert_eq!(world.get(BOB, GET_EXPERIMENT).status, 200, "{what}: the owner, where known already");
            }
        }
        println!("{what}: {hashes} hashes, {} writes, {refused} times 401, {locked} times 429", statements - 1000);
        assert_eq!(refused + locked, 1000);
        assert!(hashes <= most_hashes, "{what}: {hashes} hashes");
        assert_eq!(statements as u64, 1000 + hashes, "{what}: one write for each hash");
        let rows = world.database.rows("SELECT * FROM guesses").len();
        assert!(rows as u64 <= 2 * hashes + 1, "{what}: {rows} rows");
    }
}

// --- rules -----------------------------------------------------------------------------------------------------------

#[test]
fn the_last_administrator_stays() {
    let world = World::new();
    let demote = |name: &str| {
        let body = format!(r#"{{"username":"{name}","is_admin":false}}"#);
        world.json("PATCH", ADMIN, "/api/2.0/mlflow/users/update-admin", &body)
    };
    let delete = |name: &str| {
        world.json("DELETE", ADMIN, "/api/2.0/mlflow/users/delete", &format!(r#"{{"username":"{name}"}}"#))
    };
    for answer in [demote("admin"), delete("admin")] {
        assert_eq!((answer.status, &answer.json()["error_code"]), (400, &json!("BAD_REQUEST")), "{}", answer.body);
    }
    assert_eq!(demote("alice").status, 200, "who is none may be made none");
    let promote = r#"{"username":"bob","is_admin":true}"#;
    assert_eq!(world.json("PATCH", ADMIN, "/api/2.0/mlflow/users/update-admin", promote).status, 200);
    assert_eq!(demote("admin").status, 200);
    assert_eq!(world.get(ADMIN, "/api/2.0/mlflow/users/get?username=alice").status, 403);
    assert_eq!(world.json("DELETE", BOB, "/api/2.0/mlflow/users/delete", r#"{"username":"bob"}"#).status, 400);
    assert_eq!(world.json("DELETE", BOB, "/api/2.0/mlflow/users/delete", r#"{"username":"nobody"}"#).status, 404);
}

#[test]
fn whoever_changes_the_own_password_gives_the_current_one_if_that_is_configured() {
    let world = World::with(&[("REQUIRE_CURRENT_PASSWORD", "true")]);
    world.add_users();
    let change = |user: &str, rest: &str| {
        let body = format!(r#"{{"username":"alice","password":"another-password"{rest}}}"#);
        world.json("PATCH", user, "/api/2.0/mlflow/users/update-password", &body)
    };
    let message = |answer: Answer| answer.json()["message"].as_str().unwrap().to_owned();
    assert_eq!(message(change(ALICE, "")), "Current password is required when changing your own password.");
    let wrong = r#","current_password":"not-the-password""#;
    assert_eq!(message(change(ALICE, wrong)), "Current password does not match.");
    let same = r#","current_password":"another-password""#;
    assert_eq!(message(change(ALICE, same)), "New password must differ from the current password.");
    for n in 0..9 {
        let guess = format!(r#","current_password":"guess-number-{n}""#);
        assert_eq!(change(ALICE, &guess).status, 400);
    }
    assert_eq!(change(ALICE, r#","current_password":"one-more-guess""#).status, 429, "it is a guess like any other");
    world.now.set(NOW + 61);
    assert_eq!(change(ALICE, r#","current_password":"alice-password-1""#).status, 200);
    assert_eq!(world.get("alice:another-password", "/").status, 200);
    assert_eq!(change(ADMIN, "").status, 200, "an administrator sets another's without");
}

#[test]
fn the_length_of_a_password_is_configured_and_the_known_one_is_none() {
    let world = World::with(&[("PASSWORD_MIN_LENGTH", "16")]);
    let create = |password: &str| {
        let body = format!(r#"{{"username":"eve","password":"{password}"}}"#);
        world.post(ADMIN, "/api/2.0/mlflow/users/create", &body)
    };
    assert!(create("fifteen-letters").body.contains("longer than 16 characters"));
    assert_eq!(create("sixteen-letters!").status, 200);
    let usual = World::new();
    let known = r#"{"username":"alice","password":"password1234"}"#;
    assert_eq!(usual.json("PATCH", ALICE, "/api/2.0/mlflow/users/update-password", known).status, 400);
    // one that was imported with it does not sign in, and costs what any wrong password costs
    let laptop = World::with(&[("ALLOW_DEFAULT_PASSWORD", "true")]);
    laptop.add_users();
    assert_eq!(laptop.json("PATCH", ALICE, "/api/2.0/mlflow/users/update-password", known).status, 200);
    assert_eq!(laptop.get("alice:password1234", "/").status, 200);
    let deployed = World { config: World::new().config, isolate: World::new().isolate, ..laptop };
    deployed.get(BOB, "/");
    assert_eq!(deployed.cost(|| assert_eq!(deployed.get("alice:password1234", "/").status, 401)), (2, 0, 1));
}

#[test]
fn a_weak_hash_is_renewed_at_the_next_sign_in() {
    let world = World::with(&[("PASSWORD_HASH", "pbkdf2:sha256:1000")]);
    world.add_users();
    let weak = world.database.rows("SELECT password_hash FROM users WHERE username = 'alice'");
    assert!(weak[0]["password_hash"].as_str().unwrap().starts_with("pbkdf2:sha256:1000$"));
    let stronger = World { config: World::with(&[("PASSWORD_HASH", "pbkdf2:sha256:2000")]).config, ..world };
    assert_eq!(stronger.cost(|| assert_eq!(stronger.get(ALICE, "/").status, 200)), (3, 1, 2));
    let renewed = stronger.database.rows("SELECT password_hash FROM users WHERE username = 'alice'");
    assert!(renewed[0]["password_hash"].as_str().unwrap().starts_with("pbkdf2:sha256:2000$"));
    assert_eq!(stronger.cost(|| assert_eq!(stronger.get(ALICE, "/").status, 200)), (1, 1, 0), "and is known at once");
}

/// Stands in for the platform's scrypt, in no time; the result depends on password, salt and cost.
fn quick_scrypt(password: &[u8], salt: &[u8], cost: ScryptCost) -> Option<[u8; 64]> {
    let told = [password, salt, format!("{}:{}:{}", cost.n(), cost.r, cost.p).as_bytes()].join(&b'$');
    let sum = told.iter().fold(7u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    Some([sum; 64])
}

fn stored_hash(world: &World, user: &str) -> String {
    let rows = world.database.rows(&format!("SELECT password_hash FROM users WHERE username = '{user}'"));
    rows[0]["password_hash"].as_str().unwrap().to_owned()
}

#[test]
fn new_passwords_and_old_pbkdf2_become_scrypt_which_stays() {
    let world = World::with(&[("PASSWORD_HASH", "pbkdf2:sha256:1000")]);
    world.platform.scrypt.set(Some(quick_scrypt));
    world.add_users();
    assert!(stored_hash(&world, "alice").starts_with("pbkdf2:sha256:1000$"));
    // the default from now on
    let world = World { config: World::with(&[("PASSWORD_HASH", "")]).config, ..world };
    let body = r#"{"username":"carol","password":"carol-password-1"}"#;
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/users/create", body).status, 200);
    assert!(stored_hash(&world, "carol").starts_with("scrypt:32768:8:1$"));
    for user in ["alice", "carol"] {
        assert_eq!(world.get(&format!("{user}:{user}-password-1"), "/").status, 200);
        assert!(stored_hash(&world, user).starts_with("scrypt:32768:8:1$"), "{user}");
        assert_eq!(world.cost(|| world.get(&format!("{user}:{user}-password-1"), "/")), (1, 1, 0), "{user}");
    }
    // back to PBKDF2: what is stored stays what it is
    let world = World { config: World::with(&[("PASSWORD_HASH", "pbkdf2:sha256:2000")]).config, ..world };
    let world = World { isolate: World::new().isolate, ..world };
    world.get(BOB, "/");
    assert!(stored_hash(&world, "bob").starts_with("pbkdf2:sha256:2000$"));
    let before = stored_hash(&world, "alice");
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, "/").status, 200)), (2, 1, 1));
    assert_eq!(stored_hash(&world, "alice"), before);
}

/// The method of the one hash that a wrong password costs.
fn burnt(world: &World, user: &str) -> String {
    let password = format!("{user}:wrong-{}", world.isolate.hashes());
    assert_eq!(world.cost(|| assert_eq!(world.get(&password, "/").status, 401)), (2, 0, 1), "{user}");
    world.isolate.sign_ins.last_hashed().unwrap().to_string()
}

#[test]
fn an_unknown_name_costs_the_hash_that_most_users_cost() {
    for (most, other) in [("scrypt:32768:8:1", "pbkdf2:sha256:1001"), ("pbkdf2:sha256:1001", "scrypt:32768:8:1")] {
        for configured in [most, other, "pbkdf2:sha256:7"] {
            let world = World::new();
            world.platform.scrypt.set(Some(quick_scrypt));
            let store = |method: &str, whose: &str| {
                world.database.execute(&format!("UPDATE users SET password_hash = '{method}$salt$00' WHERE {whose}"));
            };
            store(most, "username IN ('alice', 'admin')");
            store(other, "username = 'bob'");
            let config = World::with(&[("PASSWORD_HASH", configured)]).config;
            let world = World { config, isolate: World::with(&[]).isolate, ..world };
            world.get("", "/"); // the isolate's first request
            assert_eq!((burnt(&world, "alice"), burnt(&world, "nobody")), (most.to_owned(), most.to_owned()));
            // most of them are renewed, or replaced by an import: an hour later it is known, for the same statements
            world.database.execute(&format!("UPDATE users SET password_hash = '{other}$salt$00'"));
            world.now.set(NOW + 3599);
            assert_eq!(burnt(&world, "nobody"), most);
            world.now.set(NOW + 3600);
            assert_eq!((burnt(&world, "nobody"), burnt(&world, "alice")), (other.to_owned(), other.to_owned()));
        }
    }
}

#[test]
fn a_stored_hash_that_nobody_can_compute_costs_what_an_unknown_name_does() {
    let world = World::new();
    for unreadable in ["", "x", "md5$salt$00", "scrypt:1048576:8:1$salt$00", "pbkdf2:sha256:1000"] {
        world.database.execute(&format!("UPDATE users SET password_hash = '{unreadable}' WHERE username = 'bob'"));
        assert_eq!(
            (burnt(&world, "bob"), burnt(&world, "nobody")),
            ("pbkdf2:sha256:1".into(), "pbkdf2:sha256:1".into())
        );
    }
}

// --- secrets ---------------------------------------------------------------------------------------------------------

#[test]
fn no_answer_and_no_log_line_of_a_failing_sign_in_tells_a_secret() {
    let world = World::new();
    let (token, id) = token(&world, ALICE, "");
    assert_eq!(
        world.json("DELETE", ALICE, &format!("{TOKENS}/delete"), &format!(r#"{{"token_id":{id}}}"#)).status,
        200
    );
    let password = "hunter2-hunter2";
    let mut told = Vec::new();
    let mut note = |answer: Answer| {
        assert!(matches!(answer.status, 401 | 429 | 500 | 503), "{}", answer.status);
        told.push(format!("{}{:?}{:?}", answer.body, answer.log, answer.headers.iter().collect::<Vec<_>>()));
    };
    for user in ["alice", "nobody", "hunter2-hunter2"] {
        for _ in 0..12 {
            note(world.get(&format!("{user}:{password}"), "/"));
        }
    }
    note(bearer(&world, "GET", "/", &token, None));
    note(bearer(&world, "GET", "/", &token[..50], None));
    note(world.get(&format!("bob:{token}"), "/"));
    *world.database.fails_on.borrow_mut() = Some("SELECT");
    note(world.get(&format!("bob:{password}"), "/"));
    note(bearer(&world, "GET", "/", &token, None));
    let hash = world_hash(&world);
    for line in told {
        for secret in [password, &token[5..53], &basic(&format!("alice:{password}"))[6..], &hash] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}

fn world_hash(world: &World) -> String {
    world.database.rows("SELECT password_hash FROM users WHERE username = 'alice'")[0]["password_hash"]
        .as_str()
        .unwrap()
        .to_owned()
}
