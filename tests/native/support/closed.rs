//! Alice before what is closed to her, and the proof that nothing was forwarded.

use super::{ALICE, Answer, World, basic};

/// Alice may read experiment 1 and edit experiment 2; nothing else is anybody's.
pub fn closed() -> World {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    world.grant(2, "experiment", "1", "READ");
    world.grant(2, "experiment", "2", "EDIT");
    world
}

/// Everything that was sent to the origin but look-ups, which are GETs without a user.
pub fn forwarded(world: &World) -> Vec<String> {
    let seen = world.mlflow.seen.borrow();
    let forwarded = seen.iter().filter(|seen| seen.header("x-forwarded-user").is_some());
    forwarded.map(|seen| format!("{} {}", seen.method.as_str(), seen.target)).collect()
}

#[track_caller]
pub fn refused(world: &World, answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(forwarded(world), Vec::<String>::new(), "and nothing was forwarded");
}

/// Nobody and Alice are refused; both prefixes.
#[track_caller]
pub fn shut(world: &World, method: &str, path: &str, body: &str) {
    for prefix in ["/api", "/ajax-api"] {
        let target = path.replace("{api}", prefix);
        let json = [("Content-Type", "application/json")];
        let body = (method != "GET" && method != "HEAD").then_some(body.as_bytes());
        refused(world, &world.send(method, &target, &json, body), 401);
        let answer = match body {
            Some(body) => world.json(method, ALICE, &target, std::str::from_utf8(body).unwrap()),
            None => world.send(method, &target, &[("Authorization", &basic(ALICE))], None),
        };
        refused(world, &answer, 403);
    }
}

/// A trace id that is new.
pub const NEW_TRACE: &str = r#""traceId":"000000000000000000000000000000ff""#;

/// Alice sends one span in JSON, whose fields are given.
pub fn spans(world: &World, experiment: &str, run: Option<&str>, fields: &str) -> Answer {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    send_spans(world, experiment, run, "application/json", None, body.as_bytes())
}

/// The same with a body of any format.
pub fn send_spans(
    world: &World,
    experiment: &str,
    run: Option<&str>,
    content_type: &str,
    encoding: Option<&str>,
    body: &[u8],
) -> Answer {
    let authorization = basic(ALICE);
    let mut headers = vec![
        ("Authorization", authorization.as_str()),
        ("Content-Type", content_type),
        ("X-Mlflow-Experiment-Id", experiment),
    ];
    headers.extend(run.map(|run| ("X-Mlflow-Run-Id", run)));
    headers.extend(encoding.map(|encoding| ("Content-Encoding", encoding)));
    world.send("POST", "/v1/traces", &headers, Some(body))
}
