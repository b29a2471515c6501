//! A body of JSON is read as MLflow's protobuf reads it, and is forwarded as it was read.
//!
//! MLflow goes on with the fields that were set before its parser stopped. So what would stop it is refused, and what a
//! newer MLflow could stop at stands behind all that was decided on.

use std::time::Instant;

use crate::support::{ALICE, Answer, Bytes, World, basic};
use futures_util::FutureExt;
use mlflow_edge_auth::config::Config;
use mlflow_edge_auth::http::{Headers, Method, Request};
use mlflow_edge_auth::request::Target;

const EXPERIMENTS: &str = "/api/2.0/mlflow/experiments";
const UPDATE: &str = "/api/2.0/mlflow/experiments/update";
const SEARCH_RUNS: &str = "/api/2.0/mlflow/runs/search";
const LOG_BATCH: &str = "/api/2.0/mlflow/runs/log-batch";
const SEARCH_TRACES: &str = "/api/3.0/mlflow/traces/search";
const START_TRACE: &str = "/api/3.0/mlflow/traces";

/// Alice may do everything with everything, so that only what is read decides.
fn world() -> World {
    let world = World::with(&[("DEFAULT_PERMISSION", "MANAGE"), ("BODY_LIMIT_BYTES", "1000000")]);
    world.add_users();
    world
}

fn put(world: &World, method: &str, target: &str, media_type: &str, body: &str) -> Answer {
    let headers = [("Authorization", &basic(ALICE)[..]), ("Content-Type", media_type)];
    world.send(method, target, &headers, Some(body.as_bytes()))
}

/// Asserts that a body of JSON is refused, and that nothing was asked of MLflow. Returns the message.
fn refused(method: &str, target: &str, body: &str) -> String {
    let world = world();
    let answer = put(&world, method, target, "application/json", body);
    assert_eq!(answer.status, 400, "{method} {target} {body}: {}", answer.body);
    assert_eq!(answer.json()["error_code"], "INVALID_PARAMETER_VALUE", "{body}");
    assert!(world.mlflow.seen.borrow().is_empty(), "{body}");
    answer.json()["message"].as_str().unwrap().to_owned()
}

/// Returns the body that MLflow gets.
fn sent(method: &str, target: &str, body: &str) -> String {
    let world = world();
    let answer = put(&world, method, target, "application/json", body);
    assert_eq!(answer.status, 200, "{method} {target} {body}: {}", answer.body);
    let seen = world.last_seen();
    assert_eq!(seen.header("content-type"), Some("application/json"), "{body}");
    seen.body
}

#[test]
fn what_would_stop_the_parser_of_mlflow_is_refused() {
    let cases = [
        ("POST", "/api/3.0/mlflow/issues/search", r#"{"[x]":0,"experiment_id":"1"}"#),
        ("POST", "/api/3.0/mlflow/issues/search", r#"{"max_results":" 5","experiment_id":"1"}"#),
        ("POST", "/api/2.0/mlflow/experiments/search-datasets", r#"{"[x]":1,"experiment_ids":["1"]}"#),
        ("POST", "/api/3.0/mlflow/datasets/search", r#"{"max_results":" 5","experiment_ids":["1"]}"#),
        ("POST", "/api/3.0/mlflow/datasets/search", r#"{"order_by":[5],"experiment_ids":["1"]}"#),
        ("POST", "/api/3.0/mlflow/datasets/search", r#"{"order_by":[null],"experiment_ids":["1"]}"#),
        ("POST", UPDATE, r#"{"new_name":"pwned","[x]":0,"experiment_id":"1"}"#),
        ("POST", UPDATE, r#"{"new_name":5,"experiment_id":"1"}"#),
        ("POST", "/api/3.0/mlflow/scorers/register", r#"{"name":"s","[x]":0,"experiment_id":"1"}"#),
        ("DELETE", "/api/3.0/mlflow/scorers/delete", r#"{"name":"s","version":"x","experiment_id":"1"}"#),
        ("POST", SEARCH_RUNS, r#"{"run_view_type":9,"experiment_ids":["1"]}"#),
        ("POST", SEARCH_RUNS, r#"{"max_results":2147483648,"experiment_ids":["1"]}"#),
        ("POST", SEARCH_RUNS, r#"{"max_results":1.5,"experiment_ids":["1"]}"#),
        ("POST", SEARCH_RUNS, r#"{"max_results":true,"experiment_ids":["1"]}"#),
        ("POST", SEARCH_RUNS, r#"{"filter":{},"experiment_ids":["1"]}"#),
        ("POST", LOG_BATCH, r#"{"metrics":[{"value":1e999}],"run_id":"r1"}"#),
        ("POST", LOG_BATCH, r#"{"metrics":[null],"run_id":"r1"}"#),
        ("POST", LOG_BATCH, r#"{"metrics":["key"],"run_id":"r1"}"#),
        ("POST", LOG_BATCH, r#"{"metrics":[{"key":"a","[x]":1}],"run_id":"r1"}"#),
        ("POST", LOG_BATCH, r#"{"tags":{"key":"a"},"run_id":"r1"}"#),
        (
            "POST",
            "/api/2.0/mlflow/model-versions/transition-stage",
            r#"{"archive_existing_versions":"true","name":"m"}"#,
        ),
        ("POST", START_TRACE, r#"{"trace":{"trace_info":{"request_time":"yesterday"}}}"#),
        ("POST", START_TRACE, r#"{"trace":{"trace_info":{"execution_duration":5}}}"#),
        ("POST", START_TRACE, r#"{"trace":{"trace_info":{"tags":{"a":null}}}}"#),
        ("POST", START_TRACE, r#"{"trace":["trace_info"]}"#),
        (
            "POST",
            SEARCH_TRACES,
            r#"{"locations":[{"mlflow_experiment":{"experiment_id":"1"},"inference_table":{"full_table_name":"t"}}]}"#,
        ),
        ("PATCH", "/api/3.0/mlflow/traces/t1/assessments/a1", r#"{"update_mask":"assessment_name"}"#),
    ];
    for (method, target, body) in cases {
        refused(method, target, body);
    }
}

#[test]
fn a_body_that_python_cannot_read_is_refused() {
    // Python's json has no integer of more than 4,300 digits: Flask tells MLflow then that there is no body
    refused("POST", UPDATE, &format!(r#"{{"experiment_id":"1","new_name":"x","x":{}}}"#, "1".repeat(5000)));
    refused("POST", UPDATE, &format!(r#"{{"experiment_id":"1","x":{}0{}}}"#, "[".repeat(200), "]".repeat(200)));
    refused("POST", UPDATE, "\u{feff}{\"experiment_id\":\"1\"}");
}

#[test]
fn one_id_is_no_list_of_ids() {
    for body in [r#"{"experiment_ids":"10"}"#, r#"{"experiment_ids":10}"#, r#"{"experimentIds":"10"}"#] {
        assert!(refused("POST", SEARCH_RUNS, body).contains("experiment_ids"));
        refused("POST", "/api/2.0/mlflow/logged-models/search", body);
        refused("POST", "/api/3.0/mlflow/traces/metrics", body);
    }
    refused("POST", UPDATE, r#"{"experiment_id":["1"]}"#);
}

#[test]
fn a_body_is_read_whatever_its_media_type_where_mlflow_reads_it_so() {
    let model = "/api/2.0/mlflow/logged-models/m-mine";
    for (method, target) in
        [("PATCH", model), ("DELETE", model), ("PATCH", "/api/2.0/mlflow/logged-models/m-mine/tags")]
    {
        for media_type in ["text/plain", "application/octet-stream", "multipart/form-data", "application/xml", ""] {
            let world = world();
            let answer = put(&world, method, target, media_type, r#"{"model_id":"m-victims","status":3}"#);
            assert_eq!(answer.status, 400, "{method} {target} as {media_type}: {}", answer.body);
            assert_eq!(put(&world, method, target, media_type, "no JSON").status, 400);
            assert!(
                world.mlflow.seen.borrow().iter().all(|seen| seen.method.as_str() == "GET"),
                "{method} as {media_type}"
            );
        }
    }
    let world = world();
    assert_eq!(put(&world, "POST", &format!("{model}/params"), "text/plain", "{}").status, 415);
    assert_eq!(put(&world, "POST", UPDATE, "text/plain", r#"{"experiment_id":"1"}"#).status, 415);
    assert_eq!(put(&world, "POST", &format!("{EXPERIMENTS}/create"), "text/plain", r#"{"name":"x"}"#).status, 415);
    assert!(world.mlflow.seen.borrow().iter().all(|seen| seen.method.as_str() == "GET"));
    let answer = put(&world, "PATCH", "/api/2.0/mlflow/registered-models/update", "text/plain", r#"{"name":"m"}"#);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.last_seen().header("content-type"), Some("application/json"));
}

#[test]
fn a_delete_is_decided_on_its_body_as_mlflow_does() {
    let message = refused("DELETE", "/api/3.0/mlflow/scorers/delete?experiment_id=1", r#"{"name":"s"}"#);
    assert!(message.starts_with("Missing value for required parameter 'experiment_id'"), "{message}");
}

#[test]
fn a_field_has_one_spelling_and_stands_once() {
    refused("POST", UPDATE, r#"{"experiment_id":"1","experimentId":"2"}"#);
    refused("POST", UPDATE, r#"{"experiment_id":"1","experiment_id":"1"}"#);
    refused("POST", LOG_BATCH, r#"{"run_id":"r1","metrics":[{"model_id":"m-1","modelId":"m-2"}]}"#);
    refused("POST", UPDATE, r#"{"experiment_id":"1","new":1,"new":2}"#);
    assert_eq!(
        sent("POST", LOG_BATCH, r#"{"runId":"r1","metrics":[{"key":"k","value":1,"datasetName":"d"}]}"#),
        r#"{"run_id":"r1","metrics":[{"key":"k","value":1,"dataset_name":"d"}]}"#
    );
    assert_eq!(sent("POST", UPDATE, r#"{"experiment\u005fid":"1"}"#), r#"{"experiment_id":"1"}"#);
}

#[test]
fn what_was_decided_on_goes_first_and_what_nobody_knows_goes_last() {
    assert_eq!(
        sent("POST", UPDATE, r#"{"future":[[0]],"new_name":"x","experiment_id":"1"}"#),
        r#"{"experiment_id":"1","new_name":"x","future":[[0]]}"#
    );
    assert_eq!(sent("POST", UPDATE, r#"{"new_name":null, "experiment_id": "1"}"#), r#"{"experiment_id": "1"}"#);
    assert_eq!(
        sent("POST", SEARCH_RUNS, r#"{"run_view_type":"FUTURE","filter":"f","experiment_ids":[1,"2"]}"#),
        r#"{"experiment_ids":["1","2"],"filter":"f","run_view_type":"FUTURE"}"#
    );
    // within the objects on the way, too: of the first location all is set before a newer MLflow could stop
    assert_eq!(
        sent(
            "POST",
            SEARCH_TRACES,
            r#"{"locations":[{"mlflow_experiment":{"new":1,"experiment_id":"1"},"type":1},{"mlflow_experiment":{"experiment_id":"2"}}],"max_results":5}"#
        ),
        r#"{"max_results":5,"locations":[{"type":1,"mlflow_experiment":{"experiment_id":"1","new":1}},{"mlflow_experiment":{"experiment_id":"2"}}]}"#
    );
}

#[test]
fn what_nobody_knows_may_not_stand_before_something_that_was_decided_on() {
    let both = r#"{"run_id":"r1","models":[{"model_id":"m-1","new":1}],"datasets":[{"new":1}]}"#;
    assert_eq!(sent("POST", "/api/2.0/mlflow/runs/log-inputs", both), both);
    let trace = |more: &str| {
        format!(
            r#"{{"trace":{{"trace_info":{{"trace_id":"tr-1",{more}"trace_location":{{"mlflow_experiment":{{"experiment_id":"1"}},"new":1}}}}}}}}"#
        )
    };
    assert_eq!(sent("POST", START_TRACE, &trace(r#""tags":{"a":"b"},"#)), trace(r#""tags":{"a":"b"},"#));
}

#[test]
fn a_wrong_type_is_told_in_the_words_of_mlflow() {
    let told = |value: &str, kind: &str| {
        let message = refused("POST", UPDATE, &format!(r#"{{"experiment_id":"1","new_name":{value}}}"#));
        assert_eq!(
            message,
            format!(
                "Invalid value {value} for parameter 'new_name' supplied:  Hint: Value was of type '{kind}'. \
                 See the API docs for more information about request parameters."
            )
        );
    };
    told("5", "int");
    told("5.0", "float");
    told("NaN", "float");
    told("true", "bool");
    told("[\"a\"]", "list");
    told("{\"a\":1}", "dict");
    let nested = refused("POST", LOG_BATCH, r#"{"run_id":"r1","metrics":[{"key":"a"},{"key":5}]}"#);
    assert!(nested.starts_with("Invalid value 5 for parameter 'metrics[1].key' supplied"), "{nested}");
    let long = refused("POST", UPDATE, &format!(r#"{{"experiment_id":["{}"]}}"#, "x".repeat(10_000)));
    assert!(long.len() < 500, "{long}");
}

#[test]
fn the_query_of_a_read_is_held_to_the_same_message() {
    let get = |target: &str| {
        let world = world();
        let answer = world.get(ALICE, target);
        (answer.status, world.mlflow.seen.borrow().last().map(|seen| seen.target.clone()))
    };
    let traces = "/api/2.0/mlflow/traces?experiment_ids=1";
    for bad in ["max_results=+5", "max_results=x", "max_results=1.5", "max_results=2147483648", "max_results=5%0a"] {
        assert_eq!(get(&format!("{traces}&{bad}")), (400, None), "{bad}");
    }
    assert_eq!(get("/api/2.0/mlflow/experiments/search?view_type=9").0, 400);
    assert_eq!(get("/api/3.0/mlflow/traces/get?trace_id=t1&allow_partial=maybe").0, 400);
    // R writes large numbers so; and what is empty is absent
    assert_eq!(get(&format!("{traces}&max_results=1e%2B05")).1.unwrap(), format!("{traces}&max_results=100000"));
    assert_eq!(get(&format!("{traces}&max_results=")).1.unwrap(), traces);
    // a search from whose answer rows are removed is asked for one row more
    let search = "/api/2.0/mlflow/experiments/search?view_type=ALL&max_results=";
    assert_eq!(get(&format!("{search}5")).1.unwrap(), format!("{search}6"));
}

#[test]
fn a_body_is_bounded_in_what_it_costs() {
    let many = |item: &str, count: usize| vec![item; count].join(",");
    refused("POST", SEARCH_RUNS, &format!(r#"{{"experiment_ids":[{}]}}"#, many("1", 30_000)));
    refused("POST", SEARCH_RUNS, &format!(r#"{{"experiment_ids":["1"],"x":[{}]}}"#, many("[]", 30_000)));
    let keys: Vec<String> = (0..30_000).map(|n| format!("\"k{n}\":0")).collect();
    refused("POST", UPDATE, &format!(r#"{{"experiment_id":"1",{}}}"#, keys.join(",")));
    refused("POST", UPDATE, &format!(r#"{{"experiment_id":"1","x":{{{}}}}}"#, keys.join(",")));
    let metrics = many(r#"{"key":"k","value":0.5,"timestamp":1,"step":0}"#, 1_000);
    let body = format!(r#"{{"run_id":"r1","metrics":[{metrics}]}}"#);
    assert_eq!(sent("POST", LOG_BATCH, &body), body);
}

/// Bodies as MLflow's clients write them, and those of its documentation of the REST API.
const OF_CLIENTS: &[(&str, &str, &str, &str, &str)] = &[
    // Python writes what protobuf's MessageToJson gives, 64-bit integers as numbers
    (
        "Python: create_run",
        "POST",
        "/api/2.0/mlflow/runs/create",
        r#"{"experiment_id": "1", "user_id": "u", "start_time": 1700000000000, "tags": [{"key": "mlflow.user", "value": "u"}], "run_name": "n"}"#,
        "same",
    ),
    (
        "Python: log_metric of NaN",
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        r#"{"run_uuid": "r1", "run_id": "r1", "key": "loss", "value": "NaN", "timestamp": 1, "step": -1}"#,
        "same",
    ),
    (
        "Python: log_batch",
        "POST",
        LOG_BATCH,
        r#"{"run_id": "r1", "metrics": [{"key": "a", "value": "Infinity", "timestamp": 1, "step": 0}], "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": ""}]}"#,
        "same",
    ),
    (
        "Python: search_runs",
        "POST",
        SEARCH_RUNS,
        r#"{"experiment_ids": ["1"], "filter": "", "run_view_type": "ACTIVE_ONLY", "max_results": 1000, "order_by": ["start_time DESC"]}"#,
        "same",
    ),
    (
        "Python: update_run",
        "POST",
        "/api/2.0/mlflow/runs/update",
        r#"{"run_uuid": "r1", "run_id": "r1", "status": "FINISHED", "end_time": 1700000000000}"#,
        "same",
    ),
    (
        "Python: start_trace",
        "POST",
        START_TRACE,
        r#"{"trace": {"trace_info": {"trace_id": "tr-1", "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "1"}}, "request_time": "2025-04-15T08:49:18.699Z", "execution_duration": "1.500s", "state": "OK", "trace_metadata": {"mlflow.user": "u"}, "tags": {"a": "b"}}}}"#,
        "same",
    ),
    (
        "Python: log_feedback",
        "POST",
        "/api/3.0/mlflow/traces/tr-1/assessments",
        r#"{"assessment": {"assessment_name": "a", "trace_id": "tr-1", "source": {"source_type": "HUMAN", "source_id": "u"}, "create_time": "2025-04-15T08:49:18.699123Z", "last_update_time": "2025-04-15T08:49:18+02:00", "feedback": {"value": {"score": [1, null, true]}}, "metadata": {"k": "v"}, "valid": true}}"#,
        "same",
    ),
    (
        "Python: update_assessment",
        "PATCH",
        "/api/3.0/mlflow/traces/tr-1/assessments/a-1",
        r#"{"assessment": {"assessment_id": "a-1", "trace_id": "tr-1", "expectation": {"value": null}}, "update_mask": "assessmentName,expectation,metadata"}"#,
        "same",
    ),
    (
        "Python: log_model of a run",
        "POST",
        "/api/2.0/mlflow/runs/log-model",
        r#"{"run_id": "r1", "model_json": "{\"flavors\": {}}"}"#,
        "same",
    ),
    (
        "Python: finalize_logged_model",
        "PATCH",
        "/api/2.0/mlflow/logged-models/m-1",
        r#"{"model_id": "m-1", "status": "LOGGED_MODEL_READY"}"#,
        "same",
    ),
    (
        "Python: delete_registered_model",
        "DELETE",
        "/api/2.0/mlflow/registered-models/delete",
        r#"{"name": "m"}"#,
        "same",
    ),
    (
        "Python: transition_model_version_stage",
        "POST",
        "/api/2.0/mlflow/model-versions/transition-stage",
        r#"{"name": "m", "version": "1", "stage": "Staging", "archive_existing_versions": false}"#,
        "same",
    ),
    // before 0.9 ids were numbers, and the body was encoded twice
    (
        "Python before 0.9: ids are numbers",
        "POST",
        "/api/2.0/mlflow/runs/create",
        r#"{"experiment_id": 1, "user_id": "u"}"#,
        r#"{"experiment_id": "1", "user_id": "u"}"#,
    ),
    (
        "Python before 1.0: encoded twice",
        "POST",
        UPDATE,
        r#""{\"experiment_id\": 1, \"new_name\": \"x\"}""#,
        r#"{"experiment_id": "1", "new_name": "x"}"#,
    ),
    (
        "Python's json: a literal NaN",
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        r#"{"run_id": "r1", "key": "k", "value": NaN, "timestamp": 1}"#,
        r#"{"run_id": "r1", "key": "k", "value": "NaN", "timestamp": 1}"#,
    ),
    // R: mlflow_rest writes with jsonlite, auto_unbox, and leaves nulls as {} or null
    ("R: mlflow_create_experiment", "POST", "/api/2.0/mlflow/experiments/create", r#"{"name":"n","tags":[]}"#, "same"),
    (
        "R: mlflow_log_metric",
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        r#"{"run_uuid":"r1","run_id":"r1","key":"k","value":1.6e12,"timestamp":1.7e12,"step":0}"#,
        r#"{"run_uuid":"r1","run_id":"r1","key":"k","value":1.6e12,"timestamp":1700000000000,"step":0}"#,
    ),
    (
        "R: mlflow_log_metric of NaN",
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        r#"{"run_uuid":"r1","run_id":"r1","key":"k","value":"NaN","timestamp":1700000000000}"#,
        "same",
    ),
    (
        "R: mlflow_search_runs",
        "POST",
        SEARCH_RUNS,
        r#"{"experiment_ids":["1"],"filter":null,"run_view_type":"ACTIVE_ONLY","order_by":[]}"#,
        r#"{"experiment_ids":["1"],"run_view_type":"ACTIVE_ONLY","order_by":[]}"#,
    ),
    (
        "R: mlflow_end_run",
        "POST",
        "/api/2.0/mlflow/runs/update",
        r#"{"run_uuid":"r1","run_id":"r1","status":"FINISHED","end_time":"1700000000000"}"#,
        "same",
    ),
    (
        "R: mlflow_update_model_version",
        "PATCH",
        "/api/2.0/mlflow/model-versions/update",
        r#"{"name":"m","version":"1","description":"d"}"#,
        "same",
    ),
    // Java: protobuf's JsonFormat with preservingProtoFieldNames, 64-bit integers as strings
    (
        "Java: createRun",
        "POST",
        "/api/2.0/mlflow/runs/create",
        "{\n  \"experiment_id\": \"1\",\n  \"start_time\": \"1700000000000\"\n}",
        "same",
    ),
    (
        "Java: logMetric",
        "POST",
        "/api/2.0/mlflow/runs/log-metric",
        "{\n  \"run_uuid\": \"r1\",\n  \"run_id\": \"r1\",\n  \"key\": \"k\",\n  \"value\": NaN,\n  \"timestamp\": \"1\",\n  \"step\": \"0\"\n}",
        "{\n  \"run_uuid\": \"r1\",\n  \"run_id\": \"r1\",\n  \"key\": \"k\",\n  \"value\": \"NaN\",\n  \"timestamp\": \"1\",\n  \"step\": \"0\"\n}",
    ),
    (
        "Java: searchRuns",
        "POST",
        SEARCH_RUNS,
        "{\n  \"experiment_ids\": [\"1\"],\n  \"filter\": \"a > 1\",\n  \"run_view_type\": \"ALL\",\n  \"max_results\": 100\n}",
        "same",
    ),
    (
        "Java: default JsonFormat, in camelCase",
        "POST",
        SEARCH_RUNS,
        r#"{"experimentIds":["1"],"runViewType":"ALL","maxResults":100,"orderBy":["a"]}"#,
        r#"{"experiment_ids":["1"],"run_view_type":"ALL","max_results":100,"order_by":["a"]}"#,
    ),
    // TypeScript: JSON.stringify, which leaves undefined out and writes NaN as null
    (
        "TypeScript: createTrace",
        "POST",
        START_TRACE,
        r#"{"trace":{"trace_info":{"trace_id":"tr-1","client_request_id":null,"trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"1"}},"request_preview":"q","response_preview":"a","request_time":"2025-04-15T08:49:18.699Z","execution_duration":"1.5s","state":"OK","trace_metadata":{},"tags":{}}}}"#,
        r#"{"trace":{"trace_info":{"trace_id":"tr-1","trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"1"}},"tags":{},"request_preview":"q","response_preview":"a","request_time":"2025-04-15T08:49:18.699Z","execution_duration":"1.5s","state":"OK","trace_metadata":{}}}}"#,
    ),
    (
        "TypeScript: createExperiment",
        "POST",
        "/api/2.0/mlflow/experiments/create",
        r#"{"name":"n","tags":[{"key":"a","value":"b"}]}"#,
        "same",
    ),
    // the UI
    (
        "UI: searchRuns",
        "POST",
        "/ajax-api/2.0/mlflow/runs/search",
        r#"{"experiment_ids":["1"],"order_by":["attributes.start_time DESC"],"run_view_type":"ACTIVE_ONLY","max_results":100}"#,
        "same",
    ),
    (
        "UI: setTag with a null",
        "POST",
        "/ajax-api/2.0/mlflow/runs/set-tag",
        r#"{"run_uuid":"r1","key":"k","value":null}"#,
        r#"{"run_uuid":"r1","key":"k"}"#,
    ),
    // curl
    ("curl: enumerations by number", "POST", "/api/2.0/mlflow/runs/update", r#"{"run_id":"r1","status":3}"#, "same"),
];

#[test]
fn what_the_clients_of_mlflow_send_passes() {
    for (client, method, target, body, expected) in OF_CLIENTS {
        let world = world();
        let answer = put(&world, method, target, "application/json", body);
        assert_eq!(answer.status, 200, "{client}: {}", answer.body);
        let seen = world.mlflow.seen.borrow();
        let seen = seen.iter().find(|seen| seen.method.as_str() == *method && seen.target == *target).expect(client);
        assert_eq!(seen.body, if *expected == "same" { *body } else { *expected }, "{client}");
    }
    let world = world();
    for empty in ["", "{}", "null"] {
        let answer = put(&world, "POST", &format!("{EXPERIMENTS}/search"), "application/json", empty);
        assert_eq!(answer.status, 200, "an empty body, {empty:?}: {}", answer.body);
    }
}

/// `cargo test --release --test json_bodies time_of_a_large_body -- --ignored --nocapture` prints µs for a body.
#[test]
#[ignore = "it measures, and says nothing of right or wrong"]
fn time_of_a_large_body() {
    let metric = |more: &str| {
        let one =
            |n: usize| format!(r#"{{"key":"metric_{n}","value":{n}.5,"timestamp":1700000000000,"step":{n}{more}}}"#);
        format!(r#"{{"run_id":"r1","metrics":[{}]}}"#, (0..1_000).map(one).collect::<Vec<_>>().join(","))
    };
    let cases = [
        ("1,000 metrics", metric("")),
        ("1,000 metrics with models", metric(r#","model_id":"m-1""#)),
        ("1,000 metrics with models in camelCase", metric(r#","modelId":"m-1""#)),
        ("1,000 metrics with unknown fields", metric(r#","future":1"#)),
    ];
    let config = world().config;
    for (name, body) in cases {
        let mut times: Vec<u128> = (0..300).map(|_| time(&config, &body)).collect();
        times.sort_unstable();
        println!("{name}, {} kB: {} µs", body.len() / 1000, times[times.len() / 2]);
    }
}

#[allow(clippy::disallowed_methods)] // a measurement
fn time(config: &Config, body: &str) -> u128 {
    let mut headers = Headers::default();
    headers.append("Content-Type", "application/json");
    let body = Some(Bytes(body.as_bytes().to_vec()));
    let url = format!("http://gate{LOG_BATCH}");
    let request = Request { method: Method::Post, url, headers, body, client_certificate: None };
    let target = Target::parse(&request, config).unwrap();
    let start = Instant::now();
    let call = target.read(request, 10_000_000, false).now_or_never().unwrap().unwrap();
    let required = call.required_access();
    let time = start.elapsed().as_micros();
    assert!(required.is_ok());
    time
}

#[test]
fn what_no_release_knows_stands_in_one_of_the_objects_that_were_decided_on_at_most() {
    // both hold something that was decided on: a parser that stops in the first would lose the second
    let body = |location: &str, tags: &str| {
        format!(
            r#"{{"trace":{{"trace_info":{{"trace_location":{{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{{"experiment_id":"1"{location}}}}},"assessments":[{{"assessment_name":"a"{tags}}}]}}}}}}"#
        )
    };
    let unknown = r#","of_the_future":1"#;
    for (location, tags) in [("", ""), (unknown, ""), ("", unknown)] {
        let sent = sent("POST", START_TRACE, &body(location, tags));
        assert!(sent.contains(r#""experiment_id":"1""#), "{sent}");
    }
    let message = refused("POST", START_TRACE, &body(unknown, unknown));
    assert!(message.contains("of_the_future") || message.contains("unknown"), "{message}");
}
