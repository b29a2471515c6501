//! Weak spots of MLflow's own authorizer, up to 3.17, that a client could use. docs/mlflow-weaknesses.md tells more, and
//! names the tests of the others.

use crate::support::closed::{NEW_TRACE, closed, refused, send_spans, shut, spans};
use crate::support::{ADMIN, ALICE, World, basic};

#[test]
fn a_query_does_not_shadow_the_path() {
    let world = closed();
    for target in [
        "/api/2.0/mlflow/logged-models/m-3?model_id=m-1",
        "/api/2.0/mlflow/traces/tr-3/info?request_id=tr-1",
        "/api/3.0/mlflow/traces/tr-3?trace_id=tr-1",
        "/api/3.0/mlflow/datasets/d-3?dataset_id=d-1",
        "/api/3.0/mlflow/issues/iss-3?issue_id=iss-1",
        "/api/3.0/mlflow/prompt-optimization/jobs/job-3?job_id=job-1",
    ] {
        refused(&world, &world.get(ALICE, target), 400);
    }
    refused(&world, &world.json("DELETE", ALICE, "/api/2.0/mlflow/logged-models/m-3?model_id=m-2", "{}"), 400);
    let tags = "/api/3.0/mlflow/traces/tr-3/tags";
    refused(&world, &world.json("PATCH", ALICE, tags, r#"{"trace_id":"tr-2","key":"a","value":"b"}"#), 400);
}

#[test]
fn a_delete_is_read_in_one_place() {
    let world = closed();
    world.grant(2, "registered_model", "own", "MANAGE");
    let delete = "/api/2.0/mlflow/registered-models/delete?name=own";
    for content_type in ["text/plain", "application/json", "application/x-www-form-urlencoded", ""] {
        let headers = [("Authorization", &basic(ALICE)[..]), ("Content-Type", content_type)];
        refused(&world, &world.send("DELETE", delete, &headers, Some(br#"{"name":"victim"}"#)), 400);
    }
}

#[test]
fn upload_artifact_is_decided_on_the_run_that_it_writes_to() {
    let world = closed();
    let upload = "/ajax-api/2.0/mlflow/upload-artifact?path=x";
    refused(&world, &world.post(ALICE, &format!("{upload}&run_id=r2&run_uuid=r1"), "x"), 400);
    refused(&world, &world.post(ALICE, &format!("{upload}&run_uuid=r1"), "x"), 403);
    assert_eq!(world.post(ALICE, &format!("{upload}&run_uuid=r2"), "x").status, 200);
}

#[test]
fn no_tag_points_a_trace_at_the_data_of_another() {
    let world = closed();
    for tag in ["mlflow.artifactLocation", "mlflow.trace.archiveLocation", "mlflow.trace.spansLocation"] {
        let body = format!(r#"{{"key":"{tag}","value":"mlflow-artifacts:/3/traces/tr-3/artifacts"}}"#);
        let list = format!(r#"{{"experiment_id":"2","tags":[{{"key":"{tag}","value":"x"}}]}}"#);
        let info = format!(
            r#"{{"trace":{{"trace_info":{{"tags":{{"{tag}":"x"}},
               "trace_location":{{"mlflow_experiment":{{"experiment_id":"2"}}}}}}}}}}"#
        );
        for (method, path, body) in [
            ("PATCH", "{api}/2.0/mlflow/traces/tr-2/tags", &body),
            ("PATCH", "{api}/3.0/mlflow/traces/tr-2/tags", &body),
            ("DELETE", "{api}/3.0/mlflow/traces/tr-2/tags", &body),
            ("POST", "{api}/2.0/mlflow/traces", &list),
            ("PATCH", "{api}/2.0/mlflow/traces/tr-2", &list.replace(r#""experiment_id":"2","#, "")),
            ("POST", "{api}/3.0/mlflow/traces", &info),
        ] {
            shut(&world, method, path, body);
        }
        let attribute = format!(r#","attributes":[{{"key":"mlflow.traceTag.{tag}","value":{{"stringValue":"x"}}}}]"#);
        refused(&world, &spans(&world, "2", None, &format!("{NEW_TRACE}{attribute}")), 403);
    }
    let harmless = world.json("PATCH", ALICE, "/api/3.0/mlflow/traces/tr-2/tags", r#"{"key":"a","value":"b"}"#);
    assert_eq!(harmless.status, 200);
}

#[test]
fn spans_name_a_run_and_traces_too() {
    let world = closed();
    refused(&world, &spans(&world, "2", Some("r1"), NEW_TRACE), 403);
    refused(&world, &spans(&world, "02", None, NEW_TRACE), 400);
    refused(&world, &spans(&world, "2, 1", None, NEW_TRACE), 400);
    // a trace that exists already, by its id or by the attribute that MLflow up to 3.16 believes
    refused(&world, &spans(&world, "2", None, r#""traceId":"00000000000000000000000000000001""#), 403);
    refused(&world, &spans(&world, "2", None, r#""traceId":"1""#), 403);
    for id in
        [r#"{"stringValue":"tr-1"}"#, r#"{"stringValue":"\"tr-1\""}"#, r#"{"stringValue":""}"#, r#"{"intValue":1}"#]
    {
        let attribute = format!(r#","attributes":[{{"key":"mlflow.traceRequestId","value":{id}}}]"#);
        refused(&world, &spans(&world, "2", None, &format!("{NEW_TRACE}{attribute}")), 403);
    }
    for spelling in [r#""trace_id":"AQ==""#, r#""traceId":"AQ==""#, r#""traceId":7"#, r#""name":"x""#] {
        refused(&world, &spans(&world, "2", None, spelling), 400);
    }
    assert_eq!(spans(&world, "2", Some("r2"), NEW_TRACE).status, 200);
    assert_eq!(spans(&world, "2", None, r#""traceId":"00000000000000000000000000000002""#).status, 200);
}

/// `ExportTraceServiceRequest { resource_spans { scope_spans { spans { trace_id } } } }`
fn protobuf(trace: &[u8]) -> Vec<u8> {
    let nested = |number: u8, inner: Vec<u8>| [vec![number << 3 | 2, inner.len() as u8], inner].concat();
    nested(1, nested(2, nested(2, nested(1, trace.to_vec()))))
}

#[test]
fn spans_in_protobuf_packed_or_not_are_read_as_mlflow_reads_them() {
    use std::io::Write;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let world = closed();
    let mut foreign = [0; 16];
    foreign[15] = 1;
    let protobuf_type = "application/x-protobuf";
    let (theirs, new) = (protobuf(&foreign), protobuf(&[0xff; 16]));
    refused(&world, &send_spans(&world, "2", None, protobuf_type, None, &theirs), 403);
    refused(&world, &send_spans(&world, "2", None, protobuf_type, Some("gzip"), &gzip(&theirs)), 403);
    let bomb = gzip(&vec![0; 1 << 20]);
    refused(&world, &send_spans(&world, "2", None, protobuf_type, Some("gzip"), &bomb), 413);
    for encoding in ["br", "gzip, gzip", "zstd"] {
        refused(&world, &send_spans(&world, "2", None, protobuf_type, Some(encoding), &gzip(&new)), 400);
    }
    for broken in [&new[..new.len() - 1], &[0x0b, 0x0c], &[0xff; 12]] {
        refused(&world, &send_spans(&world, "2", None, protobuf_type, None, broken), 400);
    }
    refused(&world, &send_spans(&world, "2", None, "text/plain", None, &new), 400);
    assert_eq!(send_spans(&world, "2", None, protobuf_type, Some("gzip"), &gzip(&new)).status, 200);
    assert_eq!(send_spans(&world, "2", None, protobuf_type, None, &new).status, 200);
}

#[test]
fn a_trace_of_another_experiment_cannot_be_started_again_as_ones_own() {
    let world = closed();
    let start = |id: &str| {
        let location = r#"{"mlflow_experiment":{"experiment_id":"2"}}"#;
        let body = format!(r#"{{"trace":{{"trace_info":{{"trace_id":"{id}","trace_location":{location}}}}}}}"#);
        world.post(ALICE, "/api/3.0/mlflow/traces", &body)
    };
    refused(&world, &start("tr-1"), 403);
    refused(&world, &start("tr-3"), 403);
    assert_eq!(start("tr-new").status, 200);
    assert_eq!(start("tr-2").status, 200);
}

#[test]
fn no_hash_and_no_sql_in_an_error() {
    let world = closed();
    let again = r#"{"username":"alice","password":"alice-password-1"}"#;
    let answer = world.post(ADMIN, "/api/2.0/mlflow/users/create", again);
    assert_eq!(answer.status, 400);
    for word in ["pbkdf2", "scrypt", "INSERT", "sqlite", "password_hash"] {
        assert!(!answer.body.contains(word) && !answer.log.concat().contains(word), "{word}");
    }
}

#[test]
fn a_static_prefix_opens_nothing() {
    for prefix in ["/static", "/health", "/mlflow"] {
        let world = World::with(&[("STATIC_PREFIX", prefix)]);
        world.add_users();
        for path in ["/ajax-api/2.0/mlflow/experiments/search", "/graphql", "/get-artifact?run_id=r1&path=x", "/"] {
            let answer = world.send("GET", &format!("{prefix}{path}"), &[], None);
            assert_eq!(answer.status, 401, "{prefix}{path}");
        }
        assert_eq!(world.send("GET", &format!("{prefix}/static-files/a.js"), &[], None).status, 200);
        assert_eq!(world.send("GET", "/healthXYZ", &[], None).status, 401);
        assert_eq!(world.send("GET", "/static-files-and-more", &[], None).status, 401);
    }
}

#[test]
fn a_scheme_with_parameters_is_no_login() {
    let world = closed();
    for header in ["Digest username=\"admin\"", "Digest username=\"admin\", password=\"correct horse battery\""] {
        assert_eq!(world.send("GET", "/", &[("Authorization", header)], None).status, 401);
    }
}

#[test]
fn grants_of_others_are_shown_to_nobody_who_has_no_role_beside_them() {
    let world = closed();
    for target in
        ["{api}/3.0/mlflow/roles/list", "{api}/3.0/mlflow/roles/list?workspace=x", "{api}/3.0/mlflow/workspaces/x"]
    {
        shut(&world, "GET", target, "");
    }
    world.grant(3, "experiment", "3", "MANAGE");
    let (own, others) = (r#""resource_pattern":"1""#, r#""resource_pattern":"3""#);
    let list = world.get(ALICE, "/api/2.0/mlflow/users/list").body;
    assert!(list.contains(own) && list.contains(r#""roles":[],"username":"bob""#) && !list.contains(others), "{list}");
    shut(&world, "POST", "{api}/3.0/mlflow/demo/generate", "{}");
    shut(&world, "GET", "{api}/3.0/mlflow/users/permissions/list?username=bob", "");
}

#[test]
fn a_form_of_another_site_cannot_write_with_cached_credentials() {
    let world = closed();
    for (name, value) in [("Origin", "https://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")] {
        for path in ["/ajax-api/2.0/mlflow/upload-artifact?run_uuid=r2&path=x", "/v1/traces", "/graphql", "/signup"] {
            let headers = [
                ("Authorization", &basic(ALICE)[..]),
                ("Content-Type", "text/plain"),
                ("X-Mlflow-Experiment-Id", "2"),
                (name, value),
            ];
            refused(&world, &world.send("POST", path, &headers, Some(b"x=1")), 403);
        }
    }
}

#[test]
fn parents_of_several_kinds_in_one_request_are_all_needed() {
    let world = closed();
    for (path, body) in [
        ("{api}/2.0/mlflow/traces/link-to-run", r#"{"run_id":"r2","trace_ids":["tr-2","tr-3"]}"#),
        ("{api}/2.0/mlflow/traces/link-to-run", r#"{"run_id":"r1","trace_ids":["tr-2"]}"#),
        ("{api}/2.0/mlflow/traces/link-to-run", r#"{"run_id":"r2","trace_ids":["tr-2","tr-nothing"]}"#),
        ("{api}/2.0/mlflow/traces/link-prompts", r#"{"trace_id":"tr-2","prompt_versions":[{"name":"p"}]}"#),
        ("{api}/3.0/mlflow/genai/evaluate/invoke", r#"{"experiment_id":"2","trace_ids":["tr-3"]}"#),
        ("{api}/3.0/mlflow/scorer/invoke", r#"{"experiment_id":"2","trace_ids":["tr-2","tr-3"]}"#),
        ("{api}/3.0/mlflow/issues/invoke", r#"{"experiment_id":"2","trace_ids":["tr-2"],"secret_id":"s"}"#),
        ("{api}/3.0/mlflow/issues", r#"{"experiment_id":"2","source_run_id":"r3"}"#),
        ("{api}/3.0/mlflow/datasets/create", r#"{"name":"d","experiment_ids":["2","1"]}"#),
        ("{api}/3.0/mlflow/datasets/d-2/add-experiments", r#"{"experiment_ids":["1"]}"#),
        ("{api}/3.0/mlflow/prompt-optimization/jobs", r#"{"experiment_id":"2","config":{"dataset_id":"d-3"}}"#),
        ("{api}/3.0/mlflow/prompt-optimization/jobs", r#"{"experiment_id":"2","source_prompt_uri":"prompts:/p/1"}"#),
        (
            "{api}/3.0/mlflow/prompt-optimization/jobs",
            r#"{"experiment_id":"2","config":{"optimizer_config_json":"{\"reflection_model\":\"gateway:/e\"}"}}"#,
        ),
        (
            "{api}/3.0/mlflow/prompt-optimization/jobs",
            r#"{"experiment_id":"2","config":{"optimizer_config_json":"{\"reflection_model\":\"\\u0067ateway:/e\"}"}}"#,
        ),
        (
            "{api}/3.0/mlflow/prompt-optimization/jobs",
            r#"{"experiment_id":"2","config":{"optimizer_config_json":"{\"a\":1,\"a\":\"gateway:/e\"}"}}"#,
        ),
        ("{api}/2.0/mlflow/logged-models", r#"{"experiment_id":"2","source_run_id":"r3"}"#),
    ] {
        shut(&world, "POST", path, body);
    }
    let ok = r#"{"run_id":"r2","trace_ids":["tr-1","tr-2"]}"#;
    assert_eq!(world.post(ALICE, "/api/2.0/mlflow/traces/link-to-run", ok).status, 200);
    let locations =
        |second: &str| format!(r#"{{"locations":[{{"mlflow_experiment":{{"experiment_id":"1"}}}},{second}]}}"#);
    for second in [r#"{"inference_table":{"full_table_name":"x"}}"#, "{}", r#"{"mlflow_experiment":{}}"#] {
        assert_eq!(world.post(ALICE, "/api/3.0/mlflow/traces/search", &locations(second)).status, 400, "{second}");
    }
}

#[test]
fn a_read_that_is_judged_by_its_answer_needs_every_row() {
    let world = closed();
    let batch = "/api/3.0/mlflow/traces/batchGet?trace_ids=tr-1";
    assert_eq!(world.get(ALICE, batch).status, 200);
    let answer = world.get(ALICE, &format!("{batch}&trace_ids=tr-3"));
    assert_eq!((answer.status, answer.body.as_str()), (403, "Permission denied"));
    let infos = world.post(ALICE, "/api/3.0/mlflow/traces/batchGetInfos", r#"{"trace_ids":["tr-1","tr-3"]}"#);
    assert_eq!(infos.status, 403);
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let rows = r#"{"configs":[{"experiment_id":"1"},{"experiment_id":"3"}]}"#;
        seen.target.contains("online-configs").then_some(Ok((200, rows.into())))
    }));
    assert_eq!(world.get(ALICE, "/ajax-api/3.0/mlflow/scorers/online-configs?scorer_ids=a&scorer_ids=b").status, 403);
}
