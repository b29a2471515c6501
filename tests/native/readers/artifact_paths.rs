//! Paths of the proxied store through the whole gate, beside `scripts/readers/artifact_paths.py`: what goes on for Alice, who
//! holds MANAGE on experiment 1 and nothing else, and what goes on for an administrator.

use serde_json::{Value, json};

use crate::support::{ADMIN, ALICE, World, basic};

#[test]
fn verdicts() {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    world.grant(2, "experiment", "1", "MANAGE");
    super::run("artifact_paths", |input: &Value| {
        let (method, path) = (input["method"].as_str().unwrap(), input["path"].as_str().unwrap());
        let (method, target) = match method {
            "LIST" => ("GET", format!("/api/2.0/mlflow-artifacts/artifacts?path={path}")),
            _ => (method, format!("/api/2.0/mlflow-artifacts/artifacts/{path}")),
        };
        let sent = |user: &str| {
            world.mlflow.seen.borrow_mut().clear();
            let authorization = basic(user);
            world.send(method, &target, &[("Authorization", &authorization)], (method == "PUT").then_some(b"x"));
            world
                .mlflow
                .seen
                .borrow()
                .iter()
                .find(|seen| seen.header("x-forwarded-user").is_some())
                .map(|s| s.target.clone())
        };
        match (sent(ALICE), sent(ADMIN)) {
            (None, None) => json!({ "refused": 400 }),
            (alice, admin) => json!({ "alice": alice, "admin": admin }),
        }
    });
}
