//! Signing in without a password: AWS signatures, client certificates, Cloudflare Access, and the rate limit.

#[path = "support/access_team.rs"]
mod team;

use crate::support::{ALICE, Answer, World};
use hmac::{Hmac, KeyInit, Mac};
use mlflow_edge_auth::client_certificate::ClientCertificate;
use mlflow_edge_auth::password::to_hex;
use sha2::{Digest, Sha256};
use team::{AUDIENCE, FORGERS, HEADER_JSON, NOW, TEAM, TEAMS, claims_with, document, good_claims, sign};

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";

// --- Cloudflare Access -------------------------------------------------------------------------------------------------

fn behind_access() -> World {
    let world = World::with(&[("ACCESS_TEAM_DOMAIN", TEAM), ("ACCESS_AUD", AUDIENCE)]);
    world.add_users();
    let body = r#"{"username":"alice@example.com","password":"never-used-here"}"#;
    assert_eq!(world.post(crate::support::ADMIN, "/api/2.0/mlflow/users/create", body).status, 200);
    *world.platform.keys.borrow_mut() = Some(document().into_bytes());
    world.platform.rsa.set(Some(|key, signed, signature| team::verifies(&key.n, &key.e, signed, signature)));
    world
}

fn assert_with(world: &World, assertion: &str) -> Answer {
    world.send("GET", GET_EXPERIMENT, &[("Cf-Access-Jwt-Assertion", assertion)], None)
}

#[test]
fn an_assertion_signs_in_a_user_who_exists() {
    let world = behind_access();
    let good = sign(TEAMS, HEADER_JSON, &good_claims());
    assert_eq!(world.cost(|| assert_eq!(assert_with(&world, &good).status, 200)), (1, 1, 0));
    assert_eq!(world.last_seen().header("x-forwarded-user"), Some("alice@example.com"));
    assert_eq!(world.last_seen().header("cf-access-jwt-assertion"), None);
    assert_eq!(assert_with(&world, &good).status, 200);
    assert_eq!(world.platform.fetched.get(), 1, "the keys are remembered");
    let stranger = sign(TEAMS, HEADER_JSON, &claims_with("email", "\"nobody@example.com\""));
    assert_eq!(assert_with(&world, &stranger).status, 401);
    // an Authorization header counts before it, and off means off
    let both = [("Cf-Access-Jwt-Assertion", good.as_str()), ("Authorization", "Basic d3Jvbmc6d3Jvbmc=")];
    assert_eq!(world.send("GET", GET_EXPERIMENT, &both, None).status, 401);
    assert_eq!(assert_with(&World::new(), &good).status, 401);
}

#[test]
fn a_wrong_assertion_signs_nobody_in() {
    let world = behind_access();
    let other = |name: &str, value: &str| sign(TEAMS, HEADER_JSON, &claims_with(name, value));
    let unsigned = |header: &str| {
        let token = sign(TEAMS, header, &good_claims());
        format!("{}.", token.rsplit_once('.').unwrap().0)
    };
    for (what, token) in [
        ("forged", sign(FORGERS, HEADER_JSON, &good_claims())),
        ("unsigned", unsigned(r#"{"alg":"none","kid":"k1"}"#)),
        ("unsigned, of RS256", unsigned(HEADER_JSON)),
        ("HS256", sign(TEAMS, r#"{"alg":"HS256","kid":"k1"}"#, &good_claims())),
        ("expired", other("exp", "1799999999")),
        ("not yet valid", other("nbf", "1800000300")),
        ("of another audience", other("aud", "\"another\"")),
        ("of another issuer", other("iss", "\"https://evil.cloudflareaccess.com\"")),
        ("without an address", other("email", "")),
        ("nonsense", "a.b.c".to_owned()),
        ("empty", String::new()),
    ] {
        let answer = assert_with(&world, &token);
        assert_eq!(answer.status, 401, "{what}");
        assert!(!answer.log.concat().contains("alice"), "{what}: {:?}", answer.log);
    }
    let good = sign(TEAMS, HEADER_JSON, &good_claims());
    let twice = [("Cf-Access-Jwt-Assertion", good.as_str()), ("Cf-Access-Jwt-Assertion", good.as_str())];
    assert_eq!(world.send("GET", GET_EXPERIMENT, &twice, None).status, 401);
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn a_team_whose_keys_cannot_be_had_signs_nobody_in_and_a_new_key_is_fetched() {
    let world = behind_access();
    let good = sign(TEAMS, HEADER_JSON, &claims_with("exp", "1800009999"));
    for keys in [None, Some(b"<html>".to_vec()), Some(b"{}".to_vec())] {
        let before = world.platform.fetched.get();
        *world.platform.keys.borrow_mut() = keys;
        world.now.set(world.now.get() + 60);
        for _ in 0..5 {
            assert_eq!(assert_with(&world, &good).status, 401);
        }
        assert_eq!(world.platform.fetched.get(), before + 1, "a fetch that failed is not repeated for a minute");
    }
    *world.platform.keys.borrow_mut() = Some(document().into_bytes());
    assert_eq!(assert_with(&world, &good).status, 401, "within the minute");
    world.now.set(world.now.get() + 60);
    assert_eq!(assert_with(&world, &good).status, 200);
    let fetched = world.platform.fetched.get();
    // a key that is not there: asked for again after a minute, not with every request
    let unknown = sign(TEAMS, r#"{"alg":"RS256","kid":"k9"}"#, &good_claims());
    for _ in 0..5 {
        assert_eq!(assert_with(&world, &unknown).status, 401);
    }
    assert_eq!(world.platform.fetched.get(), fetched);
    *world.platform.keys.borrow_mut() = Some(document().replace("k1", "k9").into_bytes());
    world.now.set(world.now.get() + 61);
    let later = sign(TEAMS, r#"{"alg":"RS256","kid":"k9"}"#, &claims_with("exp", "1800009999"));
    assert_eq!(assert_with(&world, &later).status, 200);
    assert_eq!(world.platform.fetched.get(), fetched + 1);
}

#[test]
fn the_keys_of_a_team_are_fetched_again_after_an_hour() {
    let world = behind_access();
    let good = sign(TEAMS, HEADER_JSON, &claims_with("exp", "1800099999"));
    let start = world.now.get();
    for (seconds, fetched) in [(0, 1), (3599, 1), (3600, 2), (7199, 2), (7200, 3)] {
        world.now.set(start + seconds);
        assert_eq!(assert_with(&world, &good).status, 200);
        assert_eq!(world.platform.fetched.get(), fetched, "after {seconds} seconds");
    }
    // a fetch that fails takes no keys away, and the next one is tried after a minute
    *world.platform.keys.borrow_mut() = None;
    for (seconds, fetched) in [(10_800, 4), (10_859, 4), (10_860, 5)] {
        world.now.set(start + seconds);
        assert_eq!(assert_with(&world, &good).status, 200);
        assert_eq!(world.platform.fetched.get(), fetched, "after {seconds} seconds");
    }
}

#[test]
fn keys_are_fetched_once_at_a_time_and_before_any_are_known_sixteen_times() {
    let world = behind_access();
    let good = sign(TEAMS, HEADER_JSON, &claims_with("exp", "1800099999"));
    let begin = || world.isolate.sign_ins.begin_fetch(world.now.get());
    let mut others: Vec<_> = (0..16).map(|_| begin()).collect();
    assert_eq!(assert_with(&world, &good).status, 401, "no request can wait for the fetch of another");
    assert_eq!(world.platform.fetched.get(), 0);
    others.pop();
    assert_eq!(assert_with(&world, &good).status, 200);
    assert_eq!(world.platform.fetched.get(), 1);
    others.clear();
    // an hour later another request fetches them and takes more than a minute: with what is known, this one goes on
    world.now.set(world.now.get() + 3600);
    let other = begin();
    world.now.set(world.now.get() + 61);
    assert_eq!(assert_with(&world, &good).status, 200);
    assert_eq!(world.platform.fetched.get(), 1);
    drop(other);
    assert_eq!(assert_with(&world, &good).status, 200);
    assert_eq!(world.platform.fetched.get(), 2);
}

// --- client certificates -------------------------------------------------------------------------------------------------

#[test]
fn a_verified_certificate_names_the_user_where_it_is_trusted() {
    let certificate = ClientCertificate { subject: "CN=alice,O=Example".into(), fingerprint: "ab12".into() };
    for (trusted, status) in [("", 401), ("subject", 200), ("fingerprint", 401)] {
        let world = World::with(&[("TRUST_CLIENT_CERT", trusted)]);
        world.add_users();
        world.grant(2, "experiment", "2", "NO_PERMISSIONS");
        *world.platform.certificate.borrow_mut() = Some(certificate.clone());
        assert_eq!(world.send("GET", GET_EXPERIMENT, &[], None).status, status, "{trusted}");
        if status == 200 {
            assert_eq!(world.last_seen().header("x-forwarded-user"), Some("alice"));
            let forbidden = GET_EXPERIMENT.replace("=1", "=2");
            assert_eq!(world.send("GET", &forbidden, &[], None).status, 403, "with her grants");
            // it is as good as a password, but for tokens that administer
            let json = [("Content-Type", "application/json")];
            let make =
                |body: &[u8]| world.send("POST", "/api/2.0/mlflow/users/tokens/create", &json, Some(body)).status;
            assert_eq!(make(br#"{"name":"a"}"#), 200);
            world.database.execute("UPDATE users SET is_admin = 1 WHERE username = 'alice'");
            assert_eq!(make(br#"{"name":"b","scope":"admin"}"#), 403);
        }
        *world.platform.certificate.borrow_mut() = None;
        assert_eq!(world.send("GET", GET_EXPERIMENT, &[], None).status, 401, "none, or one that is not verified");
    }
}

// --- AWS signatures ------------------------------------------------------------------------------------------------------

struct AccessKey {
    id: String,
    secret: String,
}

fn access_key(world: &World, rest: &str) -> AccessKey {
    let body = format!(r#"{{"name":"aws","kind":"aws"{rest}}}"#);
    let answer = world.post(ALICE, "/api/2.0/mlflow/users/tokens/create", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let text = |key: &str| answer.json()[key].as_str().unwrap().to_owned();
    AccessKey { id: text("access_key_id"), secret: text("secret_access_key") }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Signs as AWS documents it: 2027-01-15 08:00 is `NOW`.
fn signature(key: &AccessKey, method: &str, path: &str, query: &str, body: &str) -> String {
    let hash = |text: &str| to_hex(&Sha256::digest(text.as_bytes()));
    let canonical = format!(
        "{method}\n{path}\n{query}\nhost:gate:8787\nx-amz-date:20270115T080000Z\n\nhost;x-amz-date\n{}",
        hash(body)
    );
    let scope = "20270115/eu-west-1/execute-api/aws4_request";
    let text = format!("AWS4-HMAC-SHA256\n20270115T080000Z\n{scope}\n{}", hash(&canonical));
    let start = format!("AWS4{}", key.secret);
    let signing = ["20270115", "eu-west-1", "execute-api", "aws4_request"]
        .iter()
        .fold(start.into_bytes(), |key, part| hmac(&key, part));
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host;x-amz-date, Signature={}",
        key.id,
        to_hex(&hmac(&signing, &text))
    )
}

fn signed(world: &World, authorization: &str, method: &str, target: &str, body: Option<&str>) -> u16 {
    let headers = [
        ("Authorization", authorization),
        ("Host", "gate:8787"),
        ("X-Amz-Date", "20270115T080000Z"),
        ("Content-Type", "application/json"),
    ];
    world.send(method, target, &headers, body.map(str::as_bytes)).status
}

#[test]
fn a_signed_request_signs_in_and_no_other() {
    let world = World::new();
    world.grant(2, "experiment", "1", "EDIT");
    let key = access_key(&world, "");
    let (path, query) = GET_EXPERIMENT.split_once('?').unwrap();
    let get = signature(&key, "GET", path, query, "");
    assert_eq!(world.cost(|| assert_eq!(signed(&world, &get, "GET", GET_EXPERIMENT, None), 200)).2, 0, "no hash");
    assert_eq!(world.last_seen().header("x-forwarded-user"), Some("alice"));
    assert_eq!(world.last_seen().header("authorization"), None);

    let update = "/api/2.0/mlflow/experiments/update";
    let body = r#"{"experiment_id":"1","new_name":"x"}"#;
    let post = signature(&key, "POST", update, "", body);
    assert_eq!(signed(&world, &post, "POST", update, Some(body)), 200);
    let artifact = "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/a.txt";
    let put = signature(&key, "PUT", artifact, "", "contents");
    assert_eq!(signed(&world, &put, "PUT", artifact, Some("contents")), 200);
    assert_eq!(world.last_seen().body, "contents");

    let seen = world.mlflow.seen.borrow().len();
    assert_eq!(signed(&world, &get, "GET", "/api/2.0/mlflow/experiments/get?experiment_id=2", None), 401, "query");
    assert_eq!(signed(&world, &get, "GET", "/api/2.0/mlflow/runs/get?experiment_id=1", None), 401, "path");
    assert_eq!(signed(&world, &get, "HEAD", GET_EXPERIMENT, None), 401, "method");
    assert_eq!(signed(&world, &post, "POST", update, Some(&body.replace('x', "y"))), 401, "body");
    assert_eq!(signed(&world, &put, "PUT", artifact, Some("other")), 401, "a body that would have been a stream");
    let unknown = AccessKey { id: key.id.replace("MLEA", "AKIA"), secret: key.secret.clone() };
    assert_eq!(signed(&world, &signature(&unknown, "GET", path, query, ""), "GET", GET_EXPERIMENT, None), 401);
    for (skew, status) in [(899, 200), (901, 401)] {
        world.now.set(NOW + skew);
        assert_eq!(signed(&world, &get, "GET", GET_EXPERIMENT, None), status, "{skew} seconds later");
    }
    assert_eq!(world.mlflow.seen.borrow().len(), seen + 1);
}

#[test]
fn an_access_key_ends_like_a_token_and_its_secret_is_nowhere() {
    let world = World::new();
    let (path, query) = GET_EXPERIMENT.split_once('?').unwrap();
    let key = access_key(&world, r#","read_only":true"#);
    let get = signature(&key, "GET", path, query, "");
    assert_eq!(signed(&world, &get, "GET", GET_EXPERIMENT, None), 200);
    let create = "/api/2.0/mlflow/experiments/create";
    let body = r#"{"name":"x"}"#;
    assert_eq!(
        signed(&world, &signature(&key, "POST", create, "", body), "POST", create, Some(body)),
        403,
        "read-only"
    );
    let rows = serde_json::json!(world.database.rows("SELECT * FROM tokens")).to_string();
    assert!(rows.contains(&key.id) && !rows.contains(&key.secret));
    assert_eq!(world.send("GET", "/", &[("Authorization", &format!("Bearer {}", key.id))], None).status, 401);
    let delete = world.json("DELETE", ALICE, "/api/2.0/mlflow/users/tokens/delete", r#"{"token_id":1}"#);
    assert_eq!(delete.status, 200);
    assert_eq!(signed(&world, &get, "GET", GET_EXPERIMENT, None), 401);
    let keyless = World::with(&[("SECRET_KEY", "")]);
    keyless.add_users();
    let answer = keyless.post(ALICE, "/api/2.0/mlflow/users/tokens/create", r#"{"name":"a","kind":"aws"}"#);
    assert_eq!(answer.status, 400);
}

// --- the rate limit ------------------------------------------------------------------------------------------------------

#[test]
fn the_rate_limit_shields_passwords_and_nothing_else() {
    let world = World::new();
    assert_eq!(world.get(ALICE, "/").status, 200);
    world.platform.shut.set(true);
    let from = |user: &str| {
        let headers = [("Authorization", &crate::support::basic(user)[..]), ("CF-Connecting-IP", "203.0.113.1")];
        world.send("GET", "/", &headers, None)
    };
    assert_eq!(from(ALICE).status, 200, "who is known already is not asked again");
    let (cost, answer) = (world.cost(|| from("alice:wrong")), from(crate::support::BOB));
    assert_eq!((cost, answer.status), ((0, 0, 0), 429));
    assert!(answer.headers.get("retry-after").is_some());
}
