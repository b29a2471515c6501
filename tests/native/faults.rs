//! Faults of D1 and of the origin: each ends in a rejection or in the origin's own error, never in a pass, and nothing
//! that came of one is remembered.

use crate::support::sample::send_sample;
use crate::support::{ALICE, Bytes, RESET, Seen, World, basic};
use futures_util::FutureExt;
use mlflow_edge_auth::accounts::{Accounts, Database, DatabaseError, Statement};
use mlflow_edge_auth::authz::Resource;
use mlflow_edge_auth::gate::Gate;
use mlflow_edge_auth::http::{Headers, Method, Request};
use mlflow_edge_auth::owners::Parent;
use mlflow_edge_auth::routes::{
    Answer as RouteAnswer, ChildKind, GrantEffect, ListResponse, Requires, Route, RowKind, TABLE,
};
use mlflow_edge_auth::upstream::OriginError;
use serde::de::DeserializeOwned;
use serde_json::json;

const SECRET: &str = "what nobody may see";
const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";

fn closed() -> World {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    world
}

/// What is wrong with the origin, and its answer to everything.
type Fault = (&'static str, Box<dyn Fn(&Seen) -> Result<(u16, String), OriginError>>);

fn faults() -> Vec<Fault> {
    let text = |status: u16, body: String| move |_: &Seen| Ok((status, body.clone()));
    let huge = format!(r#"{{"x":"{}{SECRET}"}}"#, "x".repeat(33 * 1024 * 1024));
    vec![
        ("refuses", Box::new(|_: &Seen| Err(OriginError::Unreachable("refused".into())))),
        ("is silent", Box::new(|_: &Seen| Err(OriginError::Timeout(1)))),
        ("resets in mid-stream", Box::new(text(200, format!("{RESET}{SECRET}")))),
        ("answers HTML", Box::new(text(200, format!("<html>{SECRET}</html>")))),
        ("answers nothing", Box::new(text(200, String::new()))),
        ("answers half of its JSON", Box::new(text(200, format!(r#"{{"run":{{"info":{{"x":"{SECRET}"#)))),
        ("answers JSON of another shape", Box::new(text(200, format!(r#"[{{"experiment_id":"{SECRET}"}}]"#)))),
        ("answers JSON without an id", Box::new(text(200, nameless()))),
        ("answers huge JSON", Box::new(text(200, huge))),
        ("fails", Box::new(text(500, "oh no".to_owned()))),
        ("is elsewhere", Box::new(text(302, "moved".to_owned()))),
        ("knows nothing", Box::new(text(404, r#"{"error_code":"RESOURCE_DOES_NOT_EXIST"}"#.to_owned()))),
    ]
}

/// Every list and object that we look into, with rows that do not say whose they are.
fn nameless() -> String {
    let row = json!([{ "secret": SECRET }]);
    let object = json!({ "info": { "secret": SECRET }, "trace_info": { "secret": SECRET } });
    json!({
        "experiments": row, "registered_models": row, "model_versions": row, "scorers": row, "secrets": row,
        "endpoints": row, "model_definitions": row, "mcp_servers": row, "mcp_access_endpoints": row, "configs": row, "datasets": row,
        "traces": row, "trace_infos": row, "run": object, "model": object, "trace": object, "experiment": object,
        "issue": object, "label_schema": object, "job": object, "trace_info": object, "review_queue": object,
        "data": { "x": { "modelVersions": row } },
    })
    .to_string()
}

fn rows() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().copied().flatten().filter(|row| !matches!(row.answer, RouteAnswer::Local(_)))
}

#[test]
fn no_fault_of_the_origin_opens_a_row() {
    for (fault, answer) in faults() {
        let answer = std::rc::Rc::new(answer);
        for row in
            rows().filter(|row| matches!(row.requires, Requires::All(_) | Requires::GraphQl | Requires::Administrator))
        {
            let world = closed();
            let script = answer.clone();
            *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| Some(script(seen))));
            let got = send_sample(&world, ALICE, row);
            let place = format!("{} {}, when the origin {fault}", row.method.as_str(), row.path);
            assert!(!got.body.contains(SECRET), "{place}: {:.200}", got.body);
            let empty =
                matches!(got.body.as_str(), "{}" | "{\"data\":{\"mlflowGetExperiment\":null},\"errors\":null}\n");
            assert!(got.status >= 302 || empty, "{place}: {} {:.200}", got.status, got.body);
            assert_eq!(world.isolate.parents.borrow().len(), 0, "{place}");
            assert!(world.mlflow.cache.borrow().is_empty(), "{place}");
            // a write that may not be done is not done, whatever becomes of the look-up
            let written = world.mlflow.seen.borrow().iter().any(|seen| seen.header("x-forwarded-user").is_some());
            let reads = matches!(row.answer, RouteAnswer::ByResponse(_));
            // everybody may make a thing, whose grants are recorded when it is there
            let makes = matches!(
                row.answer,
                RouteAnswer::Effect(
                    GrantEffect::ExperimentCreated | GrantEffect::ModelCreated | GrantEffect::Created(_)
                )
            );
            // lists that nobody is kept from; no row of them was shown
            let is_for_everybody = |list: ListResponse| matches!(list.of, RowKind::McpEndpoint | RowKind::Id(_));
            let reads = reads || matches!(row.answer, RouteAnswer::FilterRows(list) if is_for_everybody(list));
            assert!(!written || reads || makes, "{place}: it was forwarded");
        }
    }
}

#[test]
fn no_fault_of_the_origin_passes_a_search_unfiltered() {
    for (fault, answer) in faults() {
        let answer = std::rc::Rc::new(answer);
        for row in rows().filter(|row| matches!(row.answer, RouteAnswer::FilterRows(_))) {
            let world = closed();
            world.grant(2, "experiment", "1", "READ");
            let script = answer.clone();
            *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| Some(script(seen))));
            let got = send_sample(&world, ALICE, row);
            assert!(!got.body.contains(SECRET), "{} when the origin {fault}: {:.200}", row.path, got.body);
            assert!(got.status >= 302, "{} when the origin {fault}: {}", row.path, got.status);
        }
    }
}

#[test]
fn after_a_fault_all_is_as_before() {
    for (_, answer) in faults() {
        let world = World::new();
        world.grant(2, "experiment", "1", "NO_PERMISSIONS");
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| Some(answer(seen))));
        for id in ["r1", "r2"] {
            world.get(ALICE, &format!("/api/2.0/mlflow/metrics/get-history?run_id={id}&metric_key=k"));
        }
        *world.mlflow.script.borrow_mut() = None;
        let history = |id: &str| {
            world.get(ALICE, &format!("/api/2.0/mlflow/metrics/get-history?run_id={id}&metric_key=k")).status
        };
        assert_eq!((history("r1"), history("r2")), (403, 200));
    }
}

#[test]
fn a_fault_on_the_second_page_of_a_search_loses_the_whole_search() {
    for (fault, answer) in faults() {
        let world = closed();
        world.grant(2, "experiment", "9", "READ");
        *world.mlflow.rows.borrow_mut() = (1..=9).map(|n| n.to_string()).collect();
        *world.mlflow.script.borrow_mut() =
            Some(Box::new(move |seen| seen.target.contains("page_token").then(|| answer(seen))));
        let got = world.get(ALICE, "/api/2.0/mlflow/experiments/search?max_results=3");
        assert!(got.status >= 302 && !got.body.contains(SECRET), "{fault}: {} {:.100}", got.status, got.body);
    }
}

#[test]
fn a_directory_that_fails_or_gives_nonsense_is_a_refusal_on_every_row() {
    let garbage = [
        ("id", json!("x")),
        ("id", json!(null)),
        ("is_admin", json!("yes")),
        ("password_hash", json!(null)),
        ("password_hash", json!("")),
        ("password_hash", json!("plain$text")),
        ("permission", json!("EVERYTHING")),
        ("permission", json!(null)),
        ("permission", json!(4)),
        ("resource_type", json!("planet")),
        ("resource_pattern", json!(1)),
        ("role_id", json!("x")),
        ("grants", json!(null)),
        ("grants", json!("")),
        ("grants", json!("[[\"experiment\",\"1\",\"EVERYTHING\",1,1]]")),
        ("grants", json!("[[\"experiment\",\"1\",null,1,1]]")),
        ("grants", json!("[[\"experiment\",\"1\",\"MANAGE\",null,1]]")),
        ("grants", json!("[[\"experiment\",\"1\"]]")),
        ("grants", json!("[[\"experiment\",1,\"READ\",1,1]]")),
        ("grants", json!("[[\"planet\",\"1\",\"READ\",1,1]]")),
        ("grants", json!("[[null,null,null,null,null]]")),
    ];
    for row in rows().filter(|row| !matches!(row.requires, Requires::Public)) {
        for (column, value) in garbage.clone() {
            let world = World::new();
            world.grant(2, "experiment", "1", "MANAGE");
            world.grant(2, "registered_model", "m", "MANAGE");
            world.grant(2, "gateway_endpoint", "x-1", "MANAGE");
            // grants come with the caller, as JSON, or, once an answer was read, as rows of their own
            let is_of_a_row = matches!(column, "permission" | "resource_type" | "resource_pattern" | "role_id");
            if is_of_a_row
                && !matches!(
                    (&row.requires, row.answer),
                    (Requires::All(_), RouteAnswer::ByResponse(_) | RouteAnswer::FilterRows(_))
                )
            {
                continue;
            }
            *world.database.garbles.borrow_mut() = Some((column, value.clone()));
            let got = send_sample(&world, ALICE, row);
            let place = format!("{} {} with {column} = {value}", row.method.as_str(), row.path);
            let settled = world.mlflow.seen.borrow().iter().any(|seen| {
                seen.header("x-forwarded-user").is_some()
                    && !matches!(row.answer, RouteAnswer::ByResponse(_) | RouteAnswer::FilterRows(_))
            });
            let narrowed_to_nothing = got.body == "{}" || got.body.contains(":[],\"next_page_token\":null");
            assert!(got.status >= 400 || narrowed_to_nothing, "{place}: {}", got.status);
            assert!(!settled, "{place}: it was forwarded");
        }
        let world = World::new();
        *world.database.fails_on.borrow_mut() = Some("SELECT");
        let got = send_sample(&world, ALICE, row);
        assert!(matches!(got.status, 500..600), "{} {}", got.status, row.path);
        assert!(world.mlflow.seen.borrow().is_empty(), "{}", row.path);
    }
}

#[test]
fn nothing_goes_to_the_origin_while_the_directory_is_silent() {
    let world = World::with(&[("FORWARD_EARLY", "false")]); // what may is in tests/native/speed.rs
    world.add_users();
    world.get(ALICE, GET_EXPERIMENT);
    world.mlflow.seen.borrow_mut().clear();
    world.database.hangs.set(true);
    for target in [GET_EXPERIMENT, "/api/2.0/mlflow/runs/get?run_id=r1", "/", "/api/2.0/mlflow/experiments/search"] {
        assert!(world.try_send("GET", target, &[("Authorization", &basic(ALICE))], None).is_none(), "{target}");
    }
    assert!(world.mlflow.seen.borrow().is_empty());
    world.database.hangs.set(false);
    assert_eq!(world.get(ALICE, GET_EXPERIMENT).status, 200);
}

/// The directory, while which answers another request of the isolate learns that run r1 belongs to experiment 1.
struct Interrupted<'a>(&'a World);

impl Database for Interrupted<'_> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let rows = (&self.0.database).run(statements).await;
        let parent = Parent { experiments: vec![Resource::experiment("1").unwrap()], artifact_uri: String::new() };
        self.0.isolate.parents.borrow_mut().put((ChildKind::Run, "r1".to_owned()), parent);
        rows
    }
}

#[test]
fn a_parent_that_is_learned_while_the_directory_is_asked_does_not_open_its_experiment() {
    let world = World::with(&[("DEFAULT_PERMISSION", "MANAGE")]);
    world.add_users();
    world.grant(2, "experiment", "1", "NO_PERMISSIONS");
    let gate = Gate {
        config: &world.config,
        accounts: Accounts(Interrupted(&world)),
        origin: &world.mlflow,
        platform: &world.platform,
        state: &world.isolate,
        now: crate::support::NOW,
        clock: || 0,
        random: |_| true,
    };
    let mut headers = Headers::default();
    headers.append("Authorization", basic(ALICE));
    headers.append("Content-Type", "application/json");
    let request = Request {
        method: Method::Post,
        url: "http://gate/api/2.0/mlflow/runs/delete".to_owned(),
        headers,
        body: Some(Bytes(br#"{"run_id":"r1"}"#.to_vec())),
        client_certificate: None,
    };
    let answer = gate.handle(request, |_| ()).now_or_never().unwrap();
    assert_eq!(answer.status, 403);
    assert!(world.mlflow.seen.borrow().is_empty());
}

#[test]
fn what_the_data_centre_remembers_is_believed_only_if_it_can_be_read() {
    for (fact, status, asked) in [
        (r#"{"experiment_id":"2"}"#, 200, 0),
        (r#"{"experiment_id":"01"}"#, 403, 1),
        ("{}", 403, 1),
        ("nonsense", 403, 1),
        ("", 403, 1),
    ] {
        let world = World::new();
        world.grant(2, "experiment", "1", "NO_PERMISSIONS");
        world.mlflow.cache.borrow_mut().insert("Run/r1".into(), fact.into());
        let got = world.post(ALICE, "/api/2.0/mlflow/runs/set-tag", r#"{"run_id":"r1","key":"k","value":"v"}"#);
        let looked_up = world.mlflow.seen.borrow().iter().filter(|seen| seen.target.contains("runs/get")).count();
        // READ by default: experiment 2 may be read, not written
        let expected = if status == 200 { 403 } else { status };
        assert_eq!((got.status, looked_up), (expected, asked), "{fact}");
    }
    // another isolate of the data centre learns of a parent without the origin
    let world = World::new();
    world.get(ALICE, "/api/2.0/mlflow/metrics/get-history?run_id=r2&metric_key=k");
    world.isolate.parents.borrow_mut().clear();
    let history = "/api/2.0/mlflow/metrics/get-history?run_id=r2&metric_key=k";
    assert_eq!(world.cost(|| assert_eq!(world.get(ALICE, history).status, 200)).1, 1);
}
