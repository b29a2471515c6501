//! Places that a value of a request names: where an experiment keeps its artifacts, where a model version comes from, and
//! which file of the proxied store a path is.

use crate::support::closed::closed;
use crate::support::{ADMIN, ALICE, World};
use serde_json::json;

const CREATE: &str = "/api/2.0/mlflow/experiments/create";
const VERSION: &str = "/api/2.0/mlflow/model-versions/create";

fn create(world: &World, user: &str, location: &str) -> crate::support::Answer {
    world.post(user, CREATE, &json!({ "name": "x", "artifact_location": location }).to_string())
}

fn version(world: &World, user: &str, body: serde_json::Value) -> crate::support::Answer {
    world.post(user, VERSION, &body.to_string())
}

/// The answer is a rejection, and since the last one that was none nothing was forwarded.
#[track_caller]
fn refused(world: &World, answer: &crate::support::Answer, status: u16) {
    crate::support::closed::refused(world, answer, status);
}

/// The request was let through; what the origin saw of it is forgotten.
#[track_caller]
fn passes(world: &World, answer: &crate::support::Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.mlflow.seen.borrow_mut().clear();
}

/// The world of these tests with settings: alice holds MANAGE on experiment 2 and nothing on others.
fn with(variables: &[(&str, &str)]) -> World {
    let mut all = vec![("DEFAULT_PERMISSION", "NO_PERMISSIONS")];
    all.extend_from_slice(variables);
    let world = World::with(&all);
    world.add_users();
    world.grant(2, "experiment", "2", "MANAGE");
    world.grant(2, "registered_model", "mine", "EDIT");
    world
}

#[test]
fn nobody_makes_the_server_fetch_an_experiments_artifacts_from_elsewhere() {
    let world = closed();
    for location in [
        "http://127.0.0.1:1/api/2.0/mlflow-artifacts/artifacts//api/2.0/mlflow-artifacts/artifacts/x",
        "http://169.254.169.254/latest/meta-data",
        "https://example.com/x",
        "HTTP://example.com/x",
        "\thttp://example.com/x",
        "ht\ttp://example.com/x",
        "ftp://example.com/x",
        "runs:/r1/x",
        "mlflow-artifacts://host/1",
        "s3://bucket/../other",
        "s3://bucket/x?versionId=1",
    ] {
        refused(&world, &create(&world, ALICE, location), 400);
        refused(&world, &create(&world, ADMIN, location), 400);
    }
}

#[test]
fn a_place_for_artifacts_is_for_administrators_or_below_a_setting() {
    let world = closed();
    for location in ["/etc", "file:///etc", "s3://bucket/team", "relative/x", "mlflow-artifacts:/1/r1"] {
        let answer = create(&world, ALICE, location);
        refused(&world, &answer, 403);
        assert!(answer.log[0].contains("ARTIFACT_LOCATIONS"), "{:?}", answer.log);
        passes(&world, &create(&world, ADMIN, location));
    }
    let world = with(&[("ARTIFACT_LOCATIONS", "s3://bucket/team, /data/mlflow/")]);
    for location in ["s3://bucket/team", "s3://bucket/team/alice", "file:///data/mlflow/x", ""] {
        passes(&world, &create(&world, ALICE, location));
    }
    for location in ["s3://bucket/teams", "s3://bucket", "/data/mlflow2", "file://host/data/mlflow/x"] {
        refused(&world, &create(&world, ALICE, location), 403);
    }
    passes(&world, &world.post(ALICE, CREATE, r#"{"name":"x"}"#)); // the origin's own place is everybody's
    assert_eq!(
        world.post(ALICE, CREATE, r#"{"name":"x","artifactLocation":"/etc"}"#).status,
        403,
        "the other spelling"
    );
}

#[test]
fn a_setting_names_no_place_that_is_somebodys() {
    use mlflow_edge_auth::config::Config;
    let parse = |name: &'static str, value: &'static str| {
        Config::parse(move |asked| match asked {
            "ORIGIN_URL" => Some("http://origin:5000".to_owned()),
            _ => (asked == name).then(|| value.to_owned()),
        })
    };
    for value in ["http://host/x", "/", "s3://", "runs:/", "models:/", "s3://b/..", "s3://b?x", "s3://a,http://b/c"] {
        assert!(parse("ARTIFACT_LOCATIONS", value).is_err(), "{value}");
        assert!(parse("MODEL_SOURCES", value).is_err(), "{value}");
    }
    assert!(parse("MODEL_SOURCES", "mlflow-artifacts:/models").is_err());
    assert!(parse("MODEL_SOURCES", "s3://bucket/models,gs://other").is_ok());
}

#[test]
fn a_source_is_decided_on_what_mlflow_serves() {
    let world = with(&[]);
    // alice may read r2 and the model mine, not r1 and the model victim
    for source in [
        "runs://r2/r1/model",
        "models://mine/victim/1",
        "Runs:/r2/x",
        "models:/mine/1/2",
        "models:/mine@",
        "runs:/r2/%2e%2e/%2e%2e/r1",
        "mlflow-artifacts:/2/r2/artifacts/../../../1/r1/artifacts",
        "mlflow-artifacts:/2/r2/artifacts/%252e%252e/x",
        "mlflow-artifacts://host/2/r2",
    ] {
        let body = json!({ "name": "mine", "source": source, "run_id": "r2" });
        refused(&world, &version(&world, ALICE, body.clone()), 400);
        refused(&world, &version(&world, ADMIN, body), 400);
    }
    for source in [
        "models:/a@b/1",
        "models:/mine@x@y",
        "models:/victim/1",
        "runs:/r1/model",
        "models:/m-1",
        "mlflow-artifacts:/1/r1",
    ] {
        refused(&world, &version(&world, ALICE, json!({ "name": "mine", "source": source })), 403);
    }
    for source in [
        "models:/mine/1",
        "models:/mine@champion",
        "runs:/r2/model",
        "models:/m-2",
        "mlflow-artifacts:/2/r2/artifacts/m",
    ] {
        passes(&world, &version(&world, ALICE, json!({ "name": "mine", "source": source })));
    }
}

#[test]
fn a_copied_version_needs_the_model_and_not_the_run_that_it_once_came_from() {
    let world = with(&[]);
    world.grant(2, "registered_model", "theirs", "READ");
    let copy = |source: &str| version(&world, ALICE, json!({ "name": "mine", "source": source, "run_id": "r1" }));
    passes(&world, &copy("models:/theirs/1"));
    // MLflow up to 3.16 writes a tag to the logged model that the request names
    let tagged = json!({ "name": "mine", "source": "models:/theirs/1", "model_id": "m-1" });
    refused(&world, &version(&world, ALICE, tagged), 403);
    refused(&world, &copy("models:/victim/1"), 403);
    refused(&world, &copy("runs:/r2/model"), 403);
    refused(&world, &version(&world, ALICE, json!({ "name": "mine", "source": "models:/m-2", "run_id": "r1" })), 403);
}

#[test]
fn what_lies_in_a_runs_own_artifacts_may_be_registered_whatever_its_name_is() {
    let world = with(&[]);
    world.grant(2, "experiment", "3", "EDIT"); // run r3 keeps its artifacts in s3://bucket/r3
    for source in [
        "s3://bucket/r3",
        "s3://bucket/r3/a%20b",
        "s3://bucket/r3/a#b",
        "s3://bucket/r3/a?b",
        "s3://bucket/r3//a",
        "s3://bucket/r3/100%",
    ] {
        let body = json!({ "name": "mine", "source": source, "run_id": "r3" });
        passes(&world, &version(&world, ALICE, body.clone()));
        assert_eq!(version(&world, ADMIN, body).status, 200, "{source}");
        assert!(world.last_seen().body.contains(source), "it is what MLflow gets");
        world.mlflow.seen.borrow_mut().clear();
    }
    for source in ["s3://bucket/r33/a", "s3://bucket", "s3://other/x"] {
        refused(&world, &version(&world, ALICE, json!({ "name": "mine", "source": source, "run_id": "r3" })), 403);
    }
    for source in ["s3://bucket/r3/../r1", "s3://bucket/r3/%2e%2e/r1", "s3://bucket/r3/#/../../r1"] {
        refused(&world, &version(&world, ALICE, json!({ "name": "mine", "source": source, "run_id": "r3" })), 400);
    }
}

#[test]
fn a_local_place_may_be_spelled_without_its_scheme() {
    let world = with(&[]);
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let info = r#"{"run":{"info":{"experiment_id":"2","artifact_uri":"file:///mlruns/2/r2/artifacts"}}}"#;
        seen.target.contains("/runs/get").then(|| Ok((200, info.to_owned())))
    }));
    for source in ["/mlruns/2/r2/artifacts/m", "file:///mlruns/2/r2/artifacts/m", "file:/mlruns/2/r2/artifacts"] {
        passes(&world, &version(&world, ALICE, json!({ "name": "mine", "source": source, "run_id": "r2" })));
    }
    for source in
        ["/mlruns/2/r2", "/mlruns/2/r2/artifacts2", "file://host/mlruns/2/r2/artifacts/m", "mlruns/2/r2/artifacts"]
    {
        refused(&world, &version(&world, ALICE, json!({ "name": "mine", "source": source, "run_id": "r2" })), 403);
    }
}

#[test]
fn the_operator_may_name_places_from_which_everybody_registers_models() {
    let world = with(&[("MODEL_SOURCES", "s3://bucket/models")]);
    for (source, status) in [
        ("s3://bucket/models/a/1", 200),
        ("s3://bucket/models", 200),
        ("s3://bucket/models2/a", 403),
        ("s3://bucket/a", 403),
    ] {
        assert_eq!(version(&world, ALICE, json!({ "name": "mine", "source": source })).status, status, "{source}");
        let body = json!({ "name": "theirs", "source": source });
        assert_eq!(version(&world, ALICE, body).status, 403, "the model itself must be hers");
    }
}

#[test]
fn a_file_may_have_a_percent_sign_in_its_name() {
    let world = with(&[]);
    let store = "/api/2.0/mlflow-artifacts/artifacts";
    for (name, forwarded) in [
        ("100%25.txt", "100%25.txt"),
        (
            "dog%25step%25100%25timestamp%251700000000000%25ab.png",
            "dog%25step%25100%25timestamp%251700000000000%25ab.png",
        ),
        ("a%2520b", "a%2520b"),
    ] {
        for user in [ALICE, ADMIN] {
            for method in ["PUT", "GET", "HEAD", "DELETE"] {
                let body = (method == "PUT").then_some(&b"x"[..]);
                let headers = [("Authorization", &crate::support::basic(user)[..])];
                let answer = world.send(method, &format!("{store}/2/r2/artifacts/{name}"), &headers, body);
                assert_eq!(answer.status, 200, "{method} {name}");
                assert_eq!(world.last_seen().target, format!("{store}/2/r2/artifacts/{forwarded}"));
            }
        }
        world.mlflow.seen.borrow_mut().clear();
        refused(&world, &world.get(ALICE, &format!("{store}/1/r1/artifacts/{name}")), 403);
        passes(&world, &world.get(ALICE, &format!("{store}?path=2/r2/artifacts/{name}")));
    }
    for path in [
        "%252e%252e/1/x",
        "2/%252e%252e/1/x",
        "2%252f..%252f1",
        "2/.%25250a./1/x",
        "2/a%255cb",
        "2/a%2523b",
        "2/a%2500",
    ] {
        refused(&world, &world.get(ALICE, &format!("{store}/{path}")), 400);
        refused(&world, &world.get(ADMIN, &format!("{store}/{path}")), 400);
    }
    // what MLflow reads as experiment 1 is decided on experiment 1, if it is let through at all
    refused(&world, &world.get(ALICE, &format!("{store}/%2531/r1/artifacts/x")), 403);
    refused(&world, &world.get(ALICE, &format!("{store}/%252531/r1/artifacts/x")), 403);
}
