//! Work has bounds: what a request may make the gate do, above all before the gate knows who asks.

use crate::support::{ALICE, Answer, World, basic};
use mlflow_edge_auth::http::Headers;
use serde_json::{Value, json};

const GET_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";

fn get_with(world: &World, target: &str, fields: &[(&str, &str)]) -> Answer {
    let authorization = basic(ALICE);
    let fields: Vec<_> =
        [("Authorization", authorization.as_str())].into_iter().chain(fields.iter().copied()).collect();
    world.send("GET", target, &fields, None)
}

// --- queries, paths and header fields -------------------------------------------------------------------------------

#[test]
fn a_query_has_a_bound_in_bytes_and_in_parameters() {
    let world = World::new();
    let with = |query: String| world.get(ALICE, &format!("{GET_EXPERIMENT}{query}"));
    let parameters = |count: usize| (0..count).map(|n| format!("&p{n}=1")).collect::<String>();
    assert_eq!(with(parameters(1099)).status, 200, "1,100 with that of the experiment");
    let answer = with(parameters(1100));
    assert_eq!((answer.status, &answer.json()["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")));
    assert_eq!(answer.json()["message"], "The query string has more than 1100 parameters.");
    let of_length = |length: usize| format!("&x={}", "y".repeat(length - "experiment_id=1&x=".len()));
    assert_eq!((with(of_length(65_536)).status, with(of_length(65_537)).status), (200, 414));
    // a public route as well, and whoever has not signed in is told so
    let anonymous = world.cost(|| {
        let answer = world.send("GET", &format!("/health?{}", parameters(2000)), &[], None);
        assert_eq!(answer.status, 401);
    });
    assert_eq!(anonymous, (0, 0, 0));
}

#[test]
fn a_thousand_ids_in_a_query_are_read_as_they_are() {
    let world = World::new();
    let ids: Vec<String> = (0..1000).map(|n| format!("run_id=r{n}")).collect();
    let target = format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk?{}&metric_key=k", ids.join("&"));
    let answer = world.get(crate::support::ADMIN, &target);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(world.last_seen().target, target);
}

#[test]
fn a_path_has_a_bound_in_bytes() {
    let world = World::new();
    let artifact = |length: usize| format!("{:x<length$}", "/api/2.0/mlflow-artifacts/artifacts/1/r1/artifacts/");
    assert_eq!(world.get(ALICE, &artifact(16_384)).status, 200);
    assert_eq!(world.get(ALICE, &artifact(16_385)).status, 414);
    assert_eq!(world.send("GET", &artifact(16_385), &[], None).status, 401);
}

#[test]
fn header_fields_and_the_options_of_a_connection_have_a_bound() {
    let world = World::new();
    let with = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("x-{n}")).collect();
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        get_with(&world, GET_EXPERIMENT, &fields).status
    };
    assert_eq!((with(199), with(200), with(4000)), (200, 431, 431));
    let options = |count: usize| vec!["x-a"; count].join(", ");
    let connected = |count: usize| get_with(&world, GET_EXPERIMENT, &[("Connection", &options(count))]).status;
    assert_eq!((connected(20), connected(21)), (200, 431));
}

#[test]
fn a_name_that_stands_twice_is_found_in_any_case_and_order() {
    let headers = |names: &[&'static str]| names.iter().map(|name| (*name, "1")).collect::<Headers>();
    for twice in [&["a", "A"][..], &["b", "x-y", "a", "X-Y"], &["set-cookie", "a", "set-cookie"]] {
        assert!(headers(twice).has_twice(), "{twice:?}");
    }
    for once in [&[][..], &["a"], &["a", "b", "ab", "a-b"]] {
        assert!(!headers(once).has_twice(), "{once:?}");
    }
}

// --- GraphQL --------------------------------------------------------------------------------------------------------

fn graphql(world: &World, query: &str, variables: Value) -> Answer {
    world.post(ALICE, "/graphql", &json!({ "query": query, "variables": variables }).to_string())
}

#[test]
fn a_limit_of_mlflow_s_graphql_is_answered_in_its_words_and_nothing_is_executed() {
    let world = World::new();
    let roots = |count: usize| {
        let field = |n: usize| format!(r#"mlflowGetRun(input: {{runId: "r{n}"}}) {{ run {{ info {{ runId }} }} }}"#);
        format!("{{ {} }}", (0..count).map(field).collect::<Vec<_>>().join(" "))
    };
    let aliases: String = (0..11).map(|n| format!("a{n}: __typename ")).collect();
    let deep = format!("{{ test {}{} }}", "{ a ".repeat(11), "}".repeat(11));
    let wide = format!("{{ test {{ {} }} }}", "a ".repeat(1000));
    let setting = |name: &str| format!("To increase the limit, set the {name} environment variable.");
    for (query, message) in [
        (
            roots(11),
            format!(
                "GraphQL queries should have at most 10 root fields, got 11 root fields. {}",
                setting("MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS")
            ),
        ),
        (
            format!("{{ test {{ {aliases} }} }}"),
            format!(
                "GraphQL queries should have at most 10 aliases, got 11 aliases. {}",
                setting("MLFLOW_SERVER_GRAPHQL_MAX_ALIASES")
            ),
        ),
        (deep, "Query exceeds maximum depth of 10".to_owned()),
        (wide, "Query exceeds maximum total selections of 1000".to_owned()),
    ] {
        let answer = graphql(&world, &query, json!({}));
        assert_eq!((answer.status, answer.json()), (200, json!({ "data": null, "errors": [message] })));
        assert_eq!(world.mlflow.seen.borrow().len(), 0, "{message}");
        let body = json!({ "query": query }).to_string();
        let json = [("Content-Type", "application/json")];
        assert_eq!(world.send("POST", "/graphql", &json, Some(body.as_bytes())).status, 401);
    }
}

/// A document of so many bytes, most of which are a comment.
fn of_length(length: usize) -> String {
    let start = "{ test { output } } #";
    format!("{start}{}", "x".repeat(length - start.len()))
}

#[test]
fn a_document_at_every_limit_of_mlflow_s_graphql_is_executed() {
    let world = World::new();
    let aliases: String = (0..10).map(|n| format!("a{n}: __typename ")).collect();
    for query in [
        format!("{{ {} }}", "__typename ".repeat(10)),
        format!("{{ test {{ {aliases} }} }}"),
        format!("{{ test {}{} }}", "{ a ".repeat(9), "}".repeat(9)),
        format!("{{ test {{ {} }} }}", "a ".repeat(999)),
        of_length(65_536),
    ] {
        let seen = world.mlflow.seen.borrow().len();
        assert_eq!(graphql(&world, &query, json!({})).status, 200, "{query:.80}");
        assert_eq!(world.mlflow.seen.borrow().len(), seen + 1, "{query:.80}");
    }
    let deeper = graphql(&world, &format!("{{ test {}{} }}", "{ a ".repeat(10), "}".repeat(10)), json!({}));
    assert_eq!(deeper.json()["errors"], json!(["Query exceeds maximum depth of 10"]));
}

#[test]
fn a_document_has_a_bound_in_bytes_ids_fragments_and_copies() {
    let world = World::new();
    let message = |query: &str, variables: Value| {
        let answer = graphql(&world, query, variables);
        assert_eq!(answer.status, 400, "{}", answer.body);
        answer.json()["message"].as_str().unwrap().to_owned()
    };
    let search = "query($ids: [String]) { mlflowSearchRuns(input: {experimentIds: $ids}) { runs { info { runId } } } }";
    let ids = |count: usize| json!({ "ids": (0..count).map(|n| n.to_string()).collect::<Vec<_>>() });
    assert_eq!(graphql(&world, search, ids(1000)).status, 200);
    assert!(message(search, ids(1001)).contains("more than 1000 ids"));
    // two root fields with 600 each
    let twice = search.replacen(
        "{ mlflow",
        "{ a: mlflowSearchRuns(input: {experimentIds: $ids}) { runs { info { runId } } } mlflow",
        1,
    );
    assert!(message(&twice, ids(600)).contains("more than 1000 ids"));
    assert!(message(&of_length(65_537), json!({})).contains("longer than 65536 bytes"));
    let chain: String = (0..40).map(|n| format!("fragment F{n} on Query {{ ...F{} }} ", n + 1)).collect();
    let chain = format!("{{ ...F0 }} {chain} fragment F40 on Query {{ test }}");
    assert!(message(&chain, json!({})).contains("nested too deeply"));
    // sixteen fragments, each with the next one twice: 65,536 fields
    let doubling: String = (0..16).map(|n| format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1)).collect();
    let doubling = format!("{{ ...F0 }} {doubling} fragment F16 on Query {{ __typename }}");
    assert!(message(&doubling, json!({})).contains("too many selections"));
    // a variable of 10 kB that a list names 1,000 times
    let copies =
        format!("query($a: A) {{ mlflowSearchRuns(input: {{experimentIds: [{}]}}) {{ x }} }}", "$a ".repeat(1000));
    assert!(message(&copies, json!({ "a": "x".repeat(10_000) })).contains("variables are too large"));
}

#[test]
fn a_variable_or_a_key_that_stands_twice_is_refused_among_thousands() {
    let world = World::new();
    let variables: String = (0..1000).map(|n| format!("$v{n}: A ")).collect();
    let declared = |more: &str| {
        let query = format!("query({variables}{more}) {{ mlflowGetRun(input: {{runId: \"r1\"}}) {{ x }} }}");
        graphql(&world, &query, json!({})).status
    };
    assert_eq!((declared(""), declared("$v500: A")), (200, 400));
    let keys: String = (0..1000).map(|n| format!("k{n}: 1 ")).collect();
    let keyed = |more: &str| {
        let query = format!("{{ mlflowGetRun(input: {{runId: \"r1\" {keys}{more}}}) {{ x }} }}");
        graphql(&world, &query, json!({})).status
    };
    assert_eq!((keyed(""), keyed("k500: 1")), (200, 400));
}

// --- look-ups -------------------------------------------------------------------------------------------------------

/// Of run `runN` the origin says that it belongs to experiment 1.
fn with_many_runs(world: &World) {
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let info = r#"{"run":{"info":{"experiment_id":"1"}}}"#;
        seen.target.starts_with("/api/2.0/mlflow/runs/get?run_id=run").then(|| Ok((200, info.into())))
    }));
}

fn chart(runs: usize) -> String {
    let ids: Vec<String> = (0..runs).map(|n| format!("run_ids=run{n}")).collect();
    format!("/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?{}&metric_key=loss&max_results=320", ids.join("&"))
}

#[test]
fn a_chart_of_100_runs_of_unknown_experiments_is_drawn_with_the_settings_as_they_are() {
    let world = World::new();
    with_many_runs(&world);
    let draw = |runs: usize| world.cost(|| assert_eq!(world.get(ALICE, &chart(runs)).status, 200));
    assert_eq!(draw(100), (3, 101, 1), "each run is looked up once");
    assert_eq!(draw(100), (1, 1, 0), "and then known");
    assert_eq!(draw(1000), (1, 901, 0), "of an experiment that is known meanwhile");
    let answer = world.get(ALICE, &chart(1001));
    assert_eq!((answer.status, answer.body.contains("More than 1000 ids")), (400, true), "{}", answer.body);
}

#[test]
fn a_plan_with_fewer_subrequests_bounds_the_look_ups() {
    let world = World::with(&[("SUBREQUEST_LIMIT", "50")]);
    world.add_users();
    with_many_runs(&world);
    assert_eq!(world.get(ALICE, &chart(40)).status, 200);
    assert_eq!(world.get(ALICE, &chart(80)).status, 200, "half of them are known");
    let answer = world.get(ALICE, &chart(200));
    assert_eq!((answer.status, answer.body.contains("SUBREQUEST_LIMIT")), (400, true));
}

// --- memory ---------------------------------------------------------------------------------------------------------

#[test]
fn names_of_any_length_leave_a_bounded_number_of_bytes_behind() {
    let world = World::with(&[("BODY_LIMIT_BYTES", "10000000"), ("DEFAULT_PERMISSION", "READ")]);
    world.add_users();
    let ask = |name: &str| {
        let body = json!({ "name": name, "description": "" }).to_string();
        world.json("PATCH", ALICE, "/api/2.0/mlflow/registered-models/update", &body);
    };
    let bytes = || world.isolate.sign_ins.verified.borrow().bytes();
    for n in 0..20 {
        ask(&format!("{n}{}", "x".repeat(1_900_000)));
    }
    assert!(bytes() < 10_000, "long names are not kept: {}", bytes());
    for n in 0..20_000 {
        ask(&format!("{n:05}{}", "x".repeat(1000)));
    }
    assert!(bytes() <= 12 * 1024 * 1024, "{}", bytes());
}

#[test]
fn places_of_artifacts_of_any_length_leave_a_bounded_number_of_bytes_behind() {
    let world = World::new();
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let uri = "x".repeat(if seen.target.contains("long") { 1_000_000 } else { 1500 });
        let info = format!(r#"{{"run":{{"info":{{"experiment_id":"1","artifact_uri":"{uri}"}}}}}}"#);
        Some(Ok((200, info)))
    }));
    let ask = |run: &str| assert_eq!(world.get(ALICE, &format!("/api/2.0/mlflow/runs/get?run_id={run}")).status, 200);
    let kept = || {
        let parents = world.isolate.parents.borrow();
        (parents.len(), parents.bytes())
    };
    (0..10).for_each(|n| ask(&format!("long{n}")));
    assert_eq!(kept(), (0, 0));
    (0..6000).for_each(|n| ask(&format!("r{n}")));
    let (entries, bytes) = kept();
    assert!(entries > 4000 && bytes <= 8 * 1024 * 1024, "{entries} entries, {bytes} bytes");
}

#[test]
fn a_user_name_longer_than_mlflow_s_column_is_nobody_s_and_costs_nothing() {
    let world = World::new();
    let user = format!("{}:some-password-1", "x".repeat(256));
    assert_eq!(world.cost(|| assert_eq!(world.get(&user, GET_EXPERIMENT).status, 401)), (0, 0, 0));
    let create = |length: usize| {
        let body = json!({ "username": "x".repeat(length), "password": "some-password-1" }).to_string();
        world.post(crate::support::ADMIN, "/api/2.0/mlflow/users/create", &body).status
    };
    assert_eq!((create(255), create(256)), (200, 400));
    assert_eq!(world.get(&user.replacen('x', "", 1), GET_EXPERIMENT).status, 200);
}

// --- bodies: who, before how much -----------------------------------------------------------------------------------

/// What is read of a body before it is known who sends it, and the one byte that tells that there is more.
const BEGINNING: usize = 32 * 1024 + 1;
const LOG_BATCH: &str = "/api/2.0/mlflow/runs/log-batch";

fn world_for_bodies() -> World {
    let world = World::with(&[("BODY_LIMIT_BYTES", "20000000")]);
    world.add_users();
    world.grant(2, "experiment", "1", "EDIT");
    world.grant(2, "registered_model", "m", "EDIT");
    world
}

/// A body for `registered-models/update` of at least so many bytes.
fn update(length: usize) -> String {
    json!({ "name": "m", "description": "x".repeat(length) }).to_string()
}

struct Cost {
    status: u16,
    read: usize,
    statements: usize,
    hashes: u64,
}

fn send(world: &World, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Cost {
    let before = crate::support::bytes_read();
    let mut status = 0;
    let (statements, _, hashes) = world.cost(|| status = world.send(method, target, fields, Some(body)).status);
    Cost { status, read: crate::support::bytes_read() - before, statements, hashes }
}

fn patch(world: &World, authorization: &str, body: &str) -> Cost {
    let fields = [("Authorization", authorization), ("Content-Type", "application/json")];
    send(world, "PATCH", "/api/2.0/mlflow/registered-models/update", &fields, body.as_bytes())
}

#[test]
fn of_a_stranger_s_body_only_the_beginning_is_read_on_every_route() {
    let world = world_for_bodies();
    let body = vec![b'['; 10_000_000];
    let unknown = basic("nobody:some-password-1");
    let token = format!("Bearer {}", unknown_token());
    for row in mlflow_edge_auth::routes::TABLE.iter().copied().flatten() {
        let path = mlflow_edge_auth::routes::paths(row).next().unwrap().replace(['{', '}', '*'], "");
        for authorization in [None, Some(&token), Some(&unknown)] {
            // every content type that some row reads, and a body that would be unpacked
            for (content_type, encoding) in [
                ("application/json", None),
                ("application/x-protobuf", Some("gzip")),
                ("application/x-www-form-urlencoded", None),
            ] {
                let mut fields = vec![("Content-Type", content_type), ("X-Mlflow-Experiment-Id", "1")];
                fields.extend(authorization.map(|value| ("Authorization", value.as_str())));
                fields.extend(encoding.map(|value| ("Content-Encoding", value)));
                let cost = send(&world, row.method.as_str(), &path, &fields, &body);
                let is_public = matches!(row.requires, mlflow_edge_auth::routes::Requires::Public);
                let expected: &[u16] = if is_public { &[200] } else { &[401, 429] };
                let what = format!("{} {path} {content_type}", row.method.as_str());
                assert!(expected.contains(&cost.status), "{what}: {}", cost.status);
                assert!(cost.read <= BEGINNING, "{what}: {} bytes were read", cost.read);
            }
        }
    }
}

/// A well-formed token that nobody has.
fn unknown_token() -> String {
    mlflow_edge_auth::authn::token::Token::new([9; 24]).expose().to_owned()
}

#[test]
fn a_public_route_reads_no_body() {
    use mlflow_edge_auth::routes::{Answer as RouteAnswer, Requires, TABLE};
    let public = TABLE.iter().copied().flatten().filter(|row| matches!(row.requires, Requires::Public));
    for row in public {
        let is_plain = matches!(row.answer, RouteAnswer::AsIs | RouteAnswer::CachePublic | RouteAnswer::ServerInfo);
        assert!(is_plain && row.method.is_safe(), "{row:?}");
    }
}

/// The cost of a login that the isolate has not verified before, with a body of so many bytes.
fn at_first_sight(length: usize) -> Cost {
    patch(&world_for_bodies(), &basic(ALICE), &update(length))
}

#[test]
fn a_short_body_costs_one_statement_whoever_sends_it() {
    let world = world_for_bodies();
    let alice = basic(ALICE);
    let empty = at_first_sight(2);
    let first = patch(&world, &alice, &update(32_000));
    assert_eq!((first.status, first.statements, first.hashes), (200, empty.statements, 1));
    let again = patch(&world, &alice, &update(32_000));
    assert_eq!((again.status, again.statements, again.hashes), (200, 1, 0));
    let stranger = patch(&world, &format!("Bearer {}", unknown_token()), &update(32_000));
    assert_eq!((stranger.status, stranger.statements, stranger.hashes), (401, 1, 0));
}

#[test]
fn a_long_body_costs_a_statement_more_at_the_first_sight_of_a_login_and_one_from_then_on() {
    let world = world_for_bodies();
    let alice = basic(ALICE);
    let body = update(1_000_000);
    let first = patch(&world, &alice, &body);
    let statements = at_first_sight(2).statements + 1;
    assert_eq!((first.status, first.statements, first.read), (200, statements, body.len()));
    assert_eq!(first.hashes, 1, "for the login, and not again for the decision");
    let arrived: Value = serde_json::from_str(&world.last_seen().body).unwrap();
    assert!(arrived == serde_json::from_str::<Value>(&body).unwrap(), "all of it arrived");
    let again = patch(&world, &alice, &body);
    assert_eq!((again.status, again.statements, again.hashes, again.read), (200, 1, 0, body.len()));
    // bob's login is good, but he may not
    world.grant(3, "registered_model", "m", "READ");
    let bob = patch(&world, &basic(crate::support::BOB), &body);
    assert_eq!((bob.status, bob.statements, bob.hashes), (403, statements, 1));
    // of a login that is refused, nothing more is read from then on
    world.database.execute("UPDATE users SET password_hash = 'pbkdf2:sha256:1$x$00' WHERE id = 2");
    assert_eq!(patch(&world, &alice, &body).status, 401);
    let refused = patch(&world, &alice, &body);
    assert_eq!((refused.status, refused.read), (401, BEGINNING));
}

#[test]
fn a_graphql_document_is_parsed_when_it_is_known_who_sends_it() {
    let world = world_for_bodies();
    let body = r#"{"query":"{ test }"}"#;
    let post = |authorization: &str| {
        let fields = [("Content-Type", "application/json"), ("Authorization", authorization)];
        send(&world, "POST", "/graphql", &fields, body.as_bytes())
    };
    let first = post(&basic(ALICE));
    assert_eq!((first.status, first.statements), (200, at_first_sight(2).statements + 1), "at first sight");
    let again = post(&basic(ALICE));
    assert_eq!((again.status, again.statements), (200, 1), "and from then on");
    let stranger = post(&format!("Bearer {}", unknown_token()));
    assert_eq!((stranger.status, stranger.statements), (401, 1));
}

#[test]
fn a_body_that_cannot_be_read_is_told_to_those_alone_who_signed_in() {
    let world = world_for_bodies();
    let alice = basic(ALICE);
    let stranger = format!("Bearer {}", unknown_token());
    let long = update(20_000_001);
    let broken = format!("{{\"name\": {}", "[".repeat(100_000));
    for (body, status) in [("[", 400), (&broken, 400), (&long, 413), (crate::support::RESET, 400)] {
        assert_eq!(patch(&world, &stranger, body).status, 401);
        assert_eq!(patch(&world, "Basic bm9ib2R5", body).status, 401);
        assert_eq!(patch(&world, &alice, body).status, status);
    }
}

#[test]
fn a_body_that_only_says_that_it_is_short_is_cut_at_the_limit() {
    let world = World::new(); // BODY_LIMIT_BYTES is 100,000
    let authorization = basic(ALICE);
    let body = update(10_000_000);
    for length in ["5", "0", "99999999999999999999", "-1", "x"] {
        let fields = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", length),
        ];
        let target = "/api/2.0/mlflow/registered-models/update";
        let cost = send(&world, "PATCH", target, &fields, body.as_bytes());
        assert_eq!((cost.status, cost.read), (413, 100_001), "{length}");
    }
}

#[test]
fn nothing_is_unpacked_of_a_stranger() {
    use std::io::Write;
    let world = world_for_bodies();
    let spans = format!(r#"{{"resourceSpans":[{}{{}}]}}"#, "{},".repeat(3_000_000));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(spans.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert!(packed.len() < BEGINNING);
    let post = |authorization: &str| {
        let fields = [
            ("Authorization", authorization),
            ("Content-Type", "application/json"),
            ("Content-Encoding", "gzip"),
            ("X-Mlflow-Experiment-Id", "1"),
        ];
        send(&world, "POST", "/v1/traces", &fields, &packed)
    };
    let stranger = post(&format!("Bearer {}", unknown_token()));
    assert_eq!((stranger.status, stranger.statements), (401, 1));
    let first = post(&basic(ALICE));
    assert_eq!((first.statements, first.hashes), (at_first_sight(2).statements + 1, 1), "at first sight");
    assert_eq!(post(&basic(ALICE)).statements, 1, "and from then on");
}

/// The Authorization of a request that an access key signs, with its type of body.
fn signed(id: &str, secret: &str, path: &str, body: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::{Digest, Sha256};
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hash = |text: &str| hex(&Sha256::digest(text.as_bytes()));
    let hmac = |key: &[u8], text: &str| -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let names = "content-type;host;x-amz-date";
    let fields = "content-type:application/json\nhost:gate:8787\nx-amz-date:20270115T080000Z\n";
    let canonical = format!("POST\n{path}\n\n{fields}\n{names}\n{}", hash(body));
    let scope = "20270115/eu-west-1/execute-api/aws4_request";
    let text = format!("AWS4-HMAC-SHA256\n20270115T080000Z\n{scope}\n{}", hash(&canonical));
    let parts = ["20270115", "eu-west-1", "execute-api", "aws4_request"];
    let key = parts.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={}", hex(&hmac(&key, &text)))
}

#[test]
fn of_a_body_that_an_unknown_access_key_signs_only_the_beginning_is_read() {
    let world = world_for_bodies();
    let created = r#"{"name":"k","kind":"aws"}"#;
    let answer = world.post(ALICE, "/api/2.0/mlflow/users/tokens/create", created);
    let key = answer.json();
    let (id, secret) = (key["access_key_id"].as_str().unwrap(), key["secret_access_key"].as_str().unwrap());
    let body = format!(r#"{{"run_id":"r1","metrics":[],"x":"{}"}}"#, "x".repeat(1_000_000));
    let post = |id: &str, secret: &str, body: &str| {
        let authorization = signed(id, secret, LOG_BATCH, body);
        let fields = [
            ("Authorization", authorization.as_str()),
            ("Host", "gate:8787"),
            ("X-Amz-Date", "20270115T080000Z"),
            ("Content-Type", "application/json"),
        ];
        send(&world, "POST", LOG_BATCH, &fields, body.as_bytes())
    };
    let unknown = post("MLEA0000", secret, &body);
    assert_eq!((unknown.status, unknown.read, unknown.statements), (401, BEGINNING, 1));
    let wrong = post(id, "another secret", &body);
    assert_eq!((wrong.status, wrong.statements), (401, 1), "the key exists, so all was read");
    let used = || world.database.rows("SELECT last_used_at FROM tokens")[0]["last_used_at"].clone();
    assert_eq!(used(), Value::Null, "but a wrong signature is no use of it");
    assert_eq!(post(id, secret, &body).status, 200);
    assert_ne!(used(), Value::Null);
    let again = post(id, secret, &body);
    assert_eq!((again.status, again.statements), (200, 1), "the parent and the key are known");
}
