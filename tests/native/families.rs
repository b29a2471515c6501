//! Families with grants of their own: the AI gateway, MCP servers, scorers. And the workspaces that there are not.

use serde_json::json;

use crate::support::closed::{forwarded, refused};
use crate::support::{ADMIN, ALICE, Answer, BOB, Seen, World, basic};

const GATEWAY: &str = "/api/3.0/mlflow/gateway";
const MCP: &str = "/api/3.0/mlflow/mcp-servers";
const SERVER: &str = "/api/3.0/mlflow/mcp-servers/com.example/server";
const SCORERS: &str = "/api/3.0/mlflow/scorers";
/// The levels, each with what it lets one do to a resource: see, use, change and delete it.
const LEVELS: [(&str, &str); 6] =
    [("", "...."), ("DENY", "...."), ("READ", "r..."), ("USE", "ru.."), ("EDIT", "ruw."), ("MANAGE", "ruwd")];

/// A closed world in which Alice has these grants.
fn with(grants: &[(&str, &str, &str)]) -> World {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    for (kind, id, level) in grants {
        world.grant(2, kind, id, level);
    }
    world.mlflow.seen.borrow_mut().clear();
    world
}

/// Sends a request as Alice: method, target and body in one line.
fn alice(world: &World, request: &str) -> Answer {
    let mut words = request.splitn(3, ' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    match words.next() {
        Some(body) => world.json(method, ALICE, target, body),
        None => world.send(method, target, &[("Authorization", &basic(ALICE))], None),
    }
}

fn script(world: &World, answer: impl Fn(&Seen) -> Option<(u16, String)> + 'static) {
    *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| answer(seen).map(Ok)));
}

// --- what a level lets one do --------------------------------------------------------------------------------------

#[test]
fn a_level_on_one_resource_or_on_all_of_them_lets_one_do_what_it_says() {
    // see, use, change, delete; `-` where there is nothing of the kind
    let families: [(&str, &str, [&str; 4]); 5] = [
        (
            "gateway_secret",
            "x-1",
            [
                "GET {g}/secrets/get?secret_id=x-1",
                r#"POST {g}/model-definitions/create {"name":"d","secret_id":"x-1"}"#,
                r#"POST {g}/secrets/update {"secret_id":"x-1"}"#,
                r#"DELETE {g}/secrets/delete {"secret_id":"x-1"}"#,
            ],
        ),
        (
            "gateway_model_definition",
            "x-1",
            [
                "GET {g}/model-definitions/get?model_definition_id=x-1",
                r#"POST {g}/endpoints/create {"name":"e","model_configs":[{"model_definition_id":"x-1"}]}"#,
                r#"POST {g}/model-definitions/update {"model_definition_id":"x-1","name":"n"}"#,
                r#"DELETE {g}/model-definitions/delete {"model_definition_id":"x-1"}"#,
            ],
        ),
        (
            "gateway_endpoint",
            "x-1",
            [
                "GET {g}/endpoints/get?name=named",
                "POST /gateway/named/mlflow/invocations {}",
                r#"POST {g}/endpoints/set-tag {"endpoint_id":"x-1","key":"k","value":"v"}"#,
                r#"DELETE {g}/endpoints/delete {"endpoint_id":"x-1"}"#,
            ],
        ),
        ("mcp_server", "com.example/server", ["GET {m}", "-", "PATCH {m} {}", "DELETE {m}"]),
        (
            "scorer",
            "1/my%20scorer%2F%2A",
            [
                "GET {s}/get?experiment_id=1&name=my%20scorer/*",
                "-",
                "-",
                r#"DELETE {s}/delete {"experiment_id":"1","name":"my scorer/*"}"#,
            ],
        ),
    ];
    for (kind, id, requests) in families {
        for pattern in [id, "*"] {
            for (level, expected) in LEVELS {
                let mut found = String::new();
                for (request, may) in requests.iter().zip(["r", "u", "w", "d"]) {
                    let world = with(&[("experiment", "1", "EDIT")]);
                    if !level.is_empty() {
                        world.grant(2, kind, pattern, level);
                    }
                    let request = request.replace("{g}", GATEWAY).replace("{m}", SERVER).replace("{s}", SCORERS);
                    let answer = (request != "-").then(|| alice(&world, &request));
                    match answer.as_ref().map(|answer| answer.status) {
                        None => found.push(if expected.contains(may) { may.chars().next().unwrap() } else { '.' }),
                        Some(200) => found += may,
                        Some(403) => {
                            refused(&world, &answer.unwrap(), 403);
                            found.push('.');
                        }
                        other => panic!("{request}: {other:?} {}", answer.unwrap().body),
                    }
                }
                assert_eq!(found, expected, "{level} on {kind} {pattern}");
            }
        }
    }
}

#[test]
fn a_grant_is_about_the_resource_that_it_names_and_about_no_other() {
    let world = with(&[
        ("gateway_secret", "x-1", "MANAGE"),
        ("gateway_endpoint", "x-1", "MANAGE"),
        ("mcp_server", "com.example/server", "MANAGE"),
        ("scorer", "1/s", "MANAGE"),
        ("experiment", "1", "EDIT"),
        ("experiment", "2", "EDIT"),
    ]);
    for request in [
        format!("GET {GATEWAY}/secrets/get?secret_id=x-2"),
        format!("GET {GATEWAY}/secrets/get?secret_id=X-1"),
        format!("GET {GATEWAY}/model-definitions/get?model_definition_id=x-1"),
        format!("GET {GATEWAY}/endpoints/get?endpoint_id=x-2"),
        format!("GET {GATEWAY}/endpoints/get?endpoint_id=x-1&name=other"),
        format!("GET {GATEWAY}/secrets/get?secret_id=*"),
        format!("GET {GATEWAY}/endpoints/get?endpoint_id=*"),
        format!("GET {MCP}/com.example/other"),
        format!("GET {SCORERS}/get?experiment_id=2&name=s"),
        format!("GET {SCORERS}/get?experiment_id=1&name=S"),
        "POST /gateway/other/mlflow/invocations {}".to_owned(),
    ] {
        refused(&world, &alice(&world, &request), 403);
    }
}

#[test]
fn with_default_read_everybody_sees_endpoints_and_nobody_calls_them() {
    let world = World::new();
    for list in ["secrets", "endpoints", "model-definitions"] {
        assert_eq!(alice(&world, &format!("GET {GATEWAY}/{list}/list")).status, 200, "{list}");
    }
    assert_eq!(alice(&world, &format!("GET {GATEWAY}/endpoints/get?endpoint_id=x-1")).status, 200);
    assert_eq!(alice(&world, "POST /gateway/named/mlflow/invocations {}").status, 403);
    let built = format!(r#"POST {GATEWAY}/model-definitions/create {{"name":"d","secret_id":"x-1"}}"#);
    assert_eq!(alice(&world, &built).status, 403);
}

// --- who makes and who deletes -----------------------------------------------------------------------------------------

/// A request that makes each kind, the resource that is made, and the request that takes it back.
fn creations() -> [(&'static str, &'static str, String, String); 5] {
    [
        ("gateway_secret", "x-9", format!(r#"{GATEWAY}/secrets/create {{"secret_name":"s"}}"#), "secrets".to_owned()),
        (
            "gateway_model_definition",
            "x-9",
            format!(r#"{GATEWAY}/model-definitions/create {{"name":"d"}}"#),
            "model-definitions".to_owned(),
        ),
        ("gateway_endpoint", "x-9", format!(r#"{GATEWAY}/endpoints/create {{"name":"e"}}"#), "endpoints".to_owned()),
        ("mcp_server", "com.example/new", format!(r#"{MCP} {{"name":"com.example/new"}}"#), "mcp-servers".to_owned()),
        (
            "scorer",
            "1/s",
            format!(r#"{SCORERS}/register {{"experiment_id":"1","name":"s","serialized_scorer":"{{}}"}}"#),
            "scorers".to_owned(),
        ),
    ]
}

#[test]
fn anybody_makes_one_and_manages_it_unless_that_is_denied() {
    for (kind, id, request, _) in creations() {
        let world = with(&[("experiment", "1", "EDIT")]);
        world.grant(3, kind, id, "READ"); // of one that was there before
        let answer = alice(&world, &format!("POST {request}"));
        assert_eq!(answer.status, 200, "{kind}: {}", answer.body);
        assert_eq!(world.grants(), ["2 experiment 1 EDIT".to_owned(), format!("2 {kind} {id} MANAGE")], "{kind}");

        let denied = with(&[("experiment", "1", "EDIT"), (kind, "*", "DENY")]);
        refused(&denied, &alice(&denied, &format!("POST {request}")), 403);
        assert_eq!(
            denied.json("POST", ADMIN, request.split_once(' ').unwrap().0, request.split_once(' ').unwrap().1).status,
            200
        );
    }
}

#[test]
fn what_nobody_would_manage_is_taken_back() {
    for (kind, _, request, family) in creations() {
        let world = with(&[("experiment", "1", "EDIT")]);
        *world.database.fails_on.borrow_mut() = Some("'MANAGE' FROM roles");
        let answer = alice(&world, &format!("POST {request}"));
        assert_eq!(answer.status, 500, "{kind}: {}", answer.body);
        assert!(answer.body.contains("could not be recorded. It was deleted again"), "{}", answer.body);
        let last = world.last_seen();
        assert!(last.target.contains(&family), "{kind}: {}", last.target);
        assert_eq!(last.method.as_str(), "DELETE");
        match kind {
            "mcp_server" => assert_eq!(last.target, format!("{MCP}/com.example/new")),
            "scorer" => assert_eq!(last.body, r#"{"experiment_id":"1","name":"s"}"#),
            _ => assert!(last.body.contains("x-9"), "{}", last.body),
        }
    }
}

#[test]
fn grants_go_with_what_is_deleted() {
    for (kind, id, request) in [
        ("gateway_secret", "x-1", format!(r#"DELETE {GATEWAY}/secrets/delete {{"secret_id":"x-1"}}"#)),
        (
            "gateway_model_definition",
            "x-1",
            format!(r#"DELETE {GATEWAY}/model-definitions/delete {{"model_definition_id":"x-1"}}"#),
        ),
        ("gateway_endpoint", "x-1", format!(r#"DELETE {GATEWAY}/endpoints/delete {{"endpoint_id":"x-1"}}"#)),
        ("mcp_server", "com.example/server", format!("DELETE {SERVER}")),
        ("scorer", "1/s", format!(r#"DELETE {SCORERS}/delete {{"experiment_id":"1","name":"s"}}"#)),
    ] {
        let world = with(&[("experiment", "1", "EDIT"), (kind, id, "MANAGE")]);
        world.grant(3, kind, id, "READ");
        world.grant(3, kind, "other", "READ");
        let answer = alice(&world, &request);
        assert_eq!(answer.status, 200, "{request}: {}", answer.body);
        assert_eq!(world.grants(), ["2 experiment 1 EDIT".to_owned(), format!("3 {kind} other READ")]);
    }
}

// --- the AI gateway -----------------------------------------------------------------------------------------------------

#[test]
fn an_endpoint_is_built_only_on_what_may_be_used() {
    let build = |world: &World, rest: &str| {
        let body = format!(r#"{{"name":"e","model_configs":[{{"model_definition_id":"d-1"}}{rest}"#);
        alice(world, &format!("POST {GATEWAY}/endpoints/create {body}"))
    };
    let one = ("gateway_model_definition", "d-1", "USE");
    let world = with(&[one]);
    refused(&world, &build(&world, r#",{"model_definition_id":"d-2"}]}"#), 403);
    refused(&world, &build(&world, r#"],"experiment_id":"5"}"#), 403);
    assert_eq!(build(&world, r#",{"weight":1}]}"#).status, 200);
    let reader = with(&[one, ("experiment", "5", "READ")]);
    refused(&reader, &build(&reader, r#"],"experiment_id":"5"}"#), 403);
    let editor = with(&[one, ("experiment", "5", "EDIT")]);
    assert_eq!(build(&editor, r#"],"experiment_id":"5"}"#).status, 200);
    let shut_out = with(&[one, ("experiment", "*", "DENY")]);
    refused(&shut_out, &build(&shut_out, "]}"), 403);

    let attach = format!(
        r#"POST {GATEWAY}/endpoints/models/attach {{"endpoint_id":"x-1","model_config":{{"model_definition_id":"d-2"}}}}"#
    );
    let world = with(&[("gateway_endpoint", "x-1", "EDIT")]);
    refused(&world, &alice(&world, &attach), 403);
    world.grant(2, "gateway_model_definition", "d-2", "USE");
    assert_eq!(alice(&world, &attach).status, 200);
    let update = format!(
        r#"POST {GATEWAY}/endpoints/update {{"endpoint_id":"x-1","model_configs":[{{"model_definition_id":"d-3"}}]}}"#
    );
    assert_eq!(alice(&world, &update).status, 403);
    let update =
        format!(r#"POST {GATEWAY}/model-definitions/update {{"model_definition_id":"d-1","secret_id":"s-1"}}"#);
    let world = with(&[("gateway_model_definition", "d-1", "MANAGE"), ("gateway_secret", "s-1", "READ")]);
    refused(&world, &alice(&world, &update), 403);
}

/// Every way to call the endpoint of a name.
fn calls(name: &str) -> Vec<String> {
    let in_body = ["mlflow/v1/chat/completions", "openai/v1/chat/completions", "openai/v1/embeddings"];
    let more = ["openai/v1/responses", "openai/v1/responses/compact", "anthropic/v1/messages", "typesafe/v1/systemone"];
    let mut calls: Vec<String> = in_body
        .iter()
        .chain(&more)
        .map(|path| format!(r#"POST /gateway/{path} {{"messages":[],"model":"{name}","stream":true}}"#))
        .collect();
    calls.push(format!("POST /gateway/{name}/mlflow/invocations {{}}"));
    calls.push(format!("POST /gateway/proxy/{name}/v1/anything {{}}"));
    for call in ["generateContent", "streamGenerateContent"] {
        calls.push(format!("POST /gateway/gemini/v1beta/models/{name}:{call} {{}}"));
    }
    calls
}

#[test]
fn an_endpoint_is_called_by_who_may_use_the_one_that_has_the_name() {
    for request in calls("named") {
        let world = with(&[("gateway_endpoint", "x-1", "USE")]);
        let answer = alice(&world, &request);
        assert_eq!(answer.status, 200, "{request}: {}", answer.body);
        assert!(forwarded(&world)[0].starts_with("POST /gateway/"), "{request}");
        let body = world.last_seen().body;
        assert!(
            !body.contains("model") || serde_json::from_str::<serde_json::Value>(&body).unwrap()["model"] == "named"
        );
        for grant in [("gateway_endpoint", "x-1", "READ"), ("gateway_endpoint", "named", "MANAGE")] {
            let world = with(&[grant]);
            refused(&world, &alice(&world, &request), 403);
        }
    }
}

#[test]
fn an_endpoint_that_is_not_there_is_refused_like_one_that_is_forbidden() {
    for request in calls("missing") {
        let world = with(&[("gateway_endpoint", "*", "MANAGE")]);
        refused(&world, &alice(&world, &request), 403);
    }
    // an origin without a gateway (MLflow before 3.9), one that fails, and one that finds another endpoint
    for (status, body, expected) in
        [(404, "", 403), (500, "", 502), (200, r#"{"endpoint":{"endpoint_id":"x-1","name":"NAMED"}}"#, 502)]
    {
        let world = with(&[("gateway_endpoint", "*", "MANAGE")]);
        script(&world, move |seen| seen.target.contains("endpoints/get").then(|| (status, body.to_owned())));
        refused(&world, &alice(&world, "POST /gateway/named/mlflow/invocations {}"), expected);
    }
}

#[test]
fn the_model_that_is_called_is_the_one_that_was_decided_on() {
    let world = with(&[("gateway_endpoint", "x-1", "USE")]);
    let chat = "POST /gateway/mlflow/v1/chat/completions";
    for (body, status) in [
        (r#"{"messages":[]}"#, 400),
        (r#"{"model":null}"#, 400),
        (r#"{"model":""}"#, 400),
        (r#"{"model":"named","model":"other"}"#, 400),
        (r#"{"model":["named"]}"#, 400),
        (r#"{"model":"other"}"#, 403),
        ("[]", 400),
    ] {
        let answer = alice(&world, &format!("{chat} {body}"));
        refused(&world, &answer, status);
        if body == r#"{"messages":[]}"# {
            assert_eq!(answer.body, "No endpoint name found");
        }
    }
    refused(&world, &alice(&world, &format!(r#"{chat}?model=other {{"model":"named"}}"#)), 400);
    // what MLflow reads as the endpoint `proxy`, and what names none at all
    let world = with(&[("gateway_endpoint", "*", "MANAGE")]);
    for path in ["proxy/mlflow/invocations", "named", "named/invocations", "gemini/v1beta/models/named:countTokens"] {
        refused(&world, &alice(&world, &format!("POST /gateway/{path} {{}}")), 403);
    }
}

#[test]
fn an_optimizer_calls_an_endpoint_that_may_be_used() {
    let start = |world: &World, config: serde_json::Value| {
        let body = json!({"experiment_id": "1", "config": {"optimizer_config_json": config.to_string()}});
        alice(world, &format!("POST /api/3.0/mlflow/prompt-optimization/jobs {body}"))
    };
    let world = with(&[("experiment", "1", "EDIT"), ("gateway_endpoint", "x-1", "USE")]);
    for config in [json!({}), json!({"reflection_model": "openai:/x"}), json!({"reflection_model": "gateway:/named"})] {
        assert_eq!(start(&world, config.clone()).status, 200, "{config}");
    }
    world.mlflow.seen.borrow_mut().clear();
    for config in [
        json!({"reflection_model": "gateway:/other"}),
        json!({"reflection_model": "gateway:/named", "task_model": "gateway:/named"}),
        json!({"reflection_model": "gateway://named"}),
        json!({"reflection_model": "Gateway:/named"}),
        json!({"reflectionModel": "gateway:/named"}),
        json!(["gateway:/named"]),
    ] {
        refused(&world, &start(&world, config), 403);
    }
}

#[test]
fn the_list_of_models_has_those_that_may_be_used() {
    for (grants, expected) in [
        (&[("gateway_endpoint", "x-1", "USE"), ("gateway_endpoint", "e-other", "READ")][..], vec!["named"]),
        (&[("gateway_endpoint", "*", "USE"), ("gateway_endpoint", "x-1", "DENY")], vec!["other"]),
        (&[], vec![]),
    ] {
        let world = with(grants);
        let answer = alice(&world, "GET /gateway/mlflow/v1/models").json();
        let found: Vec<&str> = answer["data"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
        assert_eq!(found, expected);
        assert_eq!(answer["object"], "list");
    }
}

/// An endpoint on two definitions, of which one says its secret.
fn endpoint(id: &str) -> serde_json::Value {
    let definition =
        |id: &str| json!({"model_definition_id": id, "name": "d", "secret_id": "s-1", "secret_name": "key"});
    let mapping = |id: &str| json!({"mapping_id": "m", "model_definition_id": id, "model_definition": definition(id)});
    json!({"endpoint_id": id, "name": "e", "model_mappings": [mapping("d-1"), mapping("d-2")]})
}

#[test]
fn lists_have_the_readable_rows_and_tell_nothing_of_what_is_denied() {
    let world = with(&[("gateway_endpoint", "x-1", "READ"), ("gateway_model_definition", "d-1", "DENY")]);
    let rows = json!({"endpoints": [endpoint("x-1"), endpoint("x-2")]}).to_string();
    script(&world, move |seen| seen.target.contains("endpoints/list").then(|| (200, rows.clone())));
    let answer = alice(&world, &format!("GET {GATEWAY}/endpoints/list"));
    let rows = answer.json()["endpoints"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 1, "{}", answer.body);
    assert_eq!(rows[0]["endpoint_id"], "x-1");
    assert_eq!(rows[0]["model_mappings"][0], json!({"mapping_id": "m"}));
    assert_eq!(rows[0]["model_mappings"][1]["model_definition"]["secret_name"], "key");

    world.grant(2, "gateway_secret", "*", "DENY");
    let answer = alice(&world, &format!("GET {GATEWAY}/endpoints/list"));
    assert!(!answer.body.contains("key") && !answer.body.contains("s-1"), "{}", answer.body);
    assert!(answer.body.contains("d-2"), "{}", answer.body);

    // an administrator sees all of it, as it came
    let all = world.get(ADMIN, &format!("{GATEWAY}/endpoints/list"));
    assert_eq!(all.json()["endpoints"], json!([endpoint("x-1"), endpoint("x-2")]));

    // nor does a search by what is denied
    let by_secret = format!("GET {GATEWAY}/model-definitions/list?secret_id=s-1");
    let denied = with(&[("gateway_secret", "s-1", "DENY"), ("gateway_model_definition", "*", "READ")]);
    refused(&denied, &alice(&denied, &by_secret), 403);
    assert_eq!(alice(&with(&[]), &by_secret).status, 200);

    // a row that does not say what it is could be anything
    script(&world, |seen| seen.target.contains("/list").then(|| (200, r#"{"secrets":[{"name":"x"}]}"#.to_owned())));
    assert_eq!(alice(&world, &format!("GET {GATEWAY}/secrets/list")).status, 502);
    let empty = with(&[("gateway_secret", "*", "DENY")]);
    script(&empty, |_| Some((200, r#"{"secrets":[{"secret_id":"s-1"}]}"#.to_owned())));
    assert_eq!(alice(&empty, &format!("GET {GATEWAY}/secrets/list")).body, "{}");
}

#[test]
fn an_answer_about_one_endpoint_tells_nothing_of_what_is_denied_either() {
    let own = ("gateway_endpoint", "x-1", "EDIT");
    for (request, path) in [
        (format!("GET {GATEWAY}/endpoints/get?endpoint_id=x-1"), "endpoint"),
        (format!(r#"POST {GATEWAY}/endpoints/update {{"endpoint_id":"x-1"}}"#), "endpoint"),
        (format!(r#"POST {GATEWAY}/endpoints/create {{"name":"e"}}"#), "endpoint"),
        (format!(r#"POST {GATEWAY}/endpoints/models/attach {{"endpoint_id":"x-1"}}"#), "mapping"),
    ] {
        for (denied, hidden) in [("gateway_secret", "key"), ("gateway_model_definition", "d-1")] {
            let world = with(&[own, (denied, "*", "DENY")]);
            let mapping = endpoint("x-1")["model_mappings"][0].clone();
            let object = if path == "mapping" { mapping } else { endpoint("x-1") };
            let body = json!({ path: object }).to_string();
            script(&world, move |seen| seen.header("x-forwarded-user").map(|_| (200, body.clone())));
            let answer = alice(&world, &request);
            assert_eq!(answer.status, 200, "{request}: {}", answer.body);
            assert!(!answer.body.contains(hidden), "{request}: {}", answer.body);
        }
    }
    let world = with(&[("gateway_model_definition", "*", "READ"), ("gateway_secret", "s-1", "DENY")]);
    script(&world, |_| {
        Some((
            200,
            r#"{"model_definition":{"model_definition_id":"d-1","secret_id":"s-1","secret_name":"key"}}"#.into(),
        ))
    });
    let answer = alice(&world, &format!("GET {GATEWAY}/model-definitions/get?model_definition_id=d-1"));
    assert_eq!(answer.body, r#"{"model_definition":{"model_definition_id":"d-1"}}"#);
}

#[test]
fn how_secrets_are_encrypted_is_for_administrators() {
    let world = with(&[]);
    let body = r#"{"secrets_available":true,"using_default_passphrase":true}"#;
    script(&world, |_| Some((200, body.to_owned())));
    let path = format!("{GATEWAY}/secrets/config");
    assert_eq!(world.get(ALICE, &path).body, r#"{"secrets_available":true}"#);
    assert_eq!(world.get(ADMIN, &path).body, body);
}

#[test]
fn a_guardrail_shows_its_scorer_to_who_may_see_that() {
    let own = [("gateway_endpoint", "x-1", "EDIT"), ("scorer", "1/s", "READ"), ("experiment", "1", "READ")];
    let put = r#"{"endpoint_id":"x-1","guardrail_id":"g-1"}"#;
    let requests = [
        format!("POST {GATEWAY}/guardrails/add-to-endpoint {put}"),
        format!("PATCH {GATEWAY}/guardrails/update-config {put}"),
    ];
    for request in &requests {
        assert_eq!(alice(&with(&own), request).status, 200);
        let world = with(&own[..1]);
        refused(&world, &alice(&world, request), 403);
        let world = with(&own[1..]);
        refused(&world, &alice(&world, request), 403);
        let world = with(&own);
        world.grant(2, "scorer_version", "*", "DENY");
        refused(&world, &alice(&world, request), 403);
    }
    for (denied, is_shown) in [("", true), ("experiment 1", false), ("scorer 1/s", false), ("scorer_version *", false)]
    {
        let world = with(&own);
        if let Some((kind, id)) = denied.split_once(' ') {
            world.grant(2, kind, id, "DENY");
        }
        script(&world, |seen| {
            let scorer = r#"{"experiment_id":1,"scorer_name":"s","serialized_scorer":"text"}"#;
            let config = format!(r#"{{"configs":[{{"guardrail":{{"guardrail_id":"g-1","scorer":{scorer}}}}}]}}"#);
            seen.target.contains("list-for-endpoint").then_some((200, config))
        });
        let answer = alice(&world, &format!("GET {GATEWAY}/guardrails/list-for-endpoint?endpoint_id=x-1"));
        assert_eq!(answer.body.contains("text"), is_shown, "{denied}: {}", answer.body);
        assert!(answer.body.contains("g-1"));
    }
    for request in ["create {}", "delete {}"] {
        let method = if request.starts_with("create") { "POST" } else { "DELETE" };
        let world = with(&own);
        refused(&world, &alice(&world, &format!("{method} {GATEWAY}/guardrails/{request}")), 403);
    }
}

#[test]
fn budgets_are_read_by_everybody_and_set_by_administrators() {
    let world = with(&[]);
    for read in ["list", "windows", "get?budget_policy_id=b"] {
        assert_eq!(alice(&world, &format!("GET {GATEWAY}/budgets/{read}")).status, 200, "{read}");
    }
    world.mlflow.seen.borrow_mut().clear();
    for write in ["POST {g}/budgets/create {}", "POST {g}/budgets/update {}", "DELETE {g}/budgets/delete {}"] {
        refused(&world, &alice(&world, &write.replace("{g}", GATEWAY)), 403);
    }
}

// --- scorers --------------------------------------------------------------------------------------------------------------

#[test]
fn a_further_version_of_a_scorer_makes_nobody_its_manager() {
    let world = with(&[("experiment", "1", "EDIT")]);
    world.grant(3, "scorer", "1/s", "MANAGE");
    script(&world, |seen| {
        seen.target.ends_with("/register").then(|| (200, r#"{"version":2,"experiment_id":"1","name":"s"}"#.to_owned()))
    });
    let register = format!(r#"POST {SCORERS}/register {{"experiment_id":"1","name":"s","serialized_scorer":"x"}}"#);
    assert_eq!(alice(&world, &register).status, 200);
    assert_eq!(world.grants(), ["2 experiment 1 EDIT", "3 scorer 1/s MANAGE"]);
    for denied in [("scorer", "1/s", "DENY"), ("scorer_version", "*", "DENY"), ("experiment", "1", "READ")] {
        let world = with(&[("experiment", "1", "EDIT")]);
        world.grant(2, denied.0, denied.1, denied.2);
        refused(&world, &alice(&world, &register), 403);
    }
}

#[test]
fn a_first_version_of_a_scorer_that_is_claimed_makes_nobody_its_manager() {
    // MLflow keeps a scorer all of whose versions were deleted one by one, and counts from 1 again
    let register = format!(r#"POST {SCORERS}/register {{"experiment_id":"1","name":"s","serialized_scorer":"x"}}"#);
    let first = |seen: &Seen| {
        seen.target.ends_with("/register").then(|| (200, r#"{"version":1,"experiment_id":"1","name":"s"}"#.to_owned()))
    };
    let world = with(&[("experiment", "1", "EDIT")]);
    script(&world, first);
    for (level, stays) in [("DENY", "NO_PERMISSIONS"), ("MANAGE", "MANAGE")] {
        world.grant(3, "scorer", "1/s", level);
        assert_eq!(alice(&world, &register).status, 200);
        assert_eq!(world.grants(), ["2 experiment 1 EDIT", &format!("3 scorer 1/s {stays}")]);
    }
    let world = with(&[("experiment", "1", "EDIT")]);
    script(&world, first);
    assert_eq!(alice(&world, &register).status, 200);
    assert_eq!(world.grants(), ["2 experiment 1 EDIT", "2 scorer 1/s MANAGE"]);
}

#[test]
fn an_endpoint_takes_no_experiment_of_others_that_has_the_name_of_its_own() {
    let create = format!(r#"POST {GATEWAY}/endpoints/create {{"name":"e"}}"#);
    let update = format!(r#"POST {GATEWAY}/endpoints/update {{"endpoint_id":"x-1","name":"e"}}"#);
    let own = |seen: &Seen| {
        let is_own = seen.target.contains("get-by-name?experiment_name=gateway%2Fe");
        is_own.then(|| (200, r#"{"experiment":{"experiment_id":"1"}}"#.to_owned()))
    };
    for (level, status) in [("READ", 403), ("DENY", 403), ("EDIT", 200)] {
        for request in [&create, &update] {
            let world = with(&[("gateway_endpoint", "x-1", "EDIT"), ("experiment", "1", level)]);
            script(&world, own);
            assert_eq!(alice(&world, request).status, status, "{level}: {request}");
        }
    }
    let there_is_none = |seen: &Seen| seen.target.contains("get-by-name").then(|| (404, "{}".to_owned()));
    let world = World::with(&[("CREATE_EXPERIMENTS", "administrators")]);
    world.add_users();
    script(&world, there_is_none);
    refused(&world, &alice(&world, &create), 403);
    let world = with(&[]);
    script(&world, there_is_none);
    assert_eq!(alice(&world, &create).status, 200, "and where there is none it is made");
}

#[test]
fn versions_that_are_denied_are_not_shown_in_their_model() {
    let models = "/api/2.0/mlflow/registered-models";
    let requests = [
        format!("GET {models}/get?name=m"),
        format!(r#"PATCH {models}/update {{"name":"m","description":"x"}}"#),
        format!(r#"POST {models}/rename {{"name":"m","new_name":"n"}}"#),
    ];
    for request in &requests {
        let world = with(&[("registered_model", "m", "MANAGE")]);
        assert_eq!(alice(&world, request).status, 200, "{request}");
        let world = with(&[("registered_model", "m", "MANAGE"), ("registered_model_version", "*", "DENY")]);
        refused(&world, &alice(&world, request), 403);
    }
    let world = with(&[("registered_model", "m", "READ")]);
    *world.mlflow.rows.borrow_mut() = vec!["m".to_owned()];
    let search = format!("GET {models}/search");
    assert!(alice(&world, &search).body.contains(r#""m""#));
    world.grant(2, "registered_model_version", "*", "DENY");
    assert!(!alice(&world, &search).body.contains(r#""m""#));
}

#[test]
fn a_search_of_traces_finds_no_run_out_that_is_denied() {
    let search = r#"POST /api/3.0/mlflow/traces/search {"locations":[{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"1"}}],"filter":"run_id = 'x'"}"#;
    let world = with(&[("experiment", "1", "READ")]);
    assert_eq!(alice(&world, search).status, 200);
    for kind in ["run", "logged_model", "trace", "assessment"] {
        let world = with(&[("experiment", "1", "READ"), (kind, "*", "DENY")]);
        refused(&world, &alice(&world, search), 403);
    }
    let root = "GET /api/2.0/mlflow-artifacts/artifacts?path=1";
    assert_eq!(alice(&with(&[("experiment", "1", "READ")]), root).status, 200);
    let world = with(&[("experiment", "1", "READ"), ("run", "*", "DENY")]);
    refused(&world, &alice(&world, root), 403);
}

#[test]
fn one_version_of_a_scorer_is_deleted_by_who_manages_versions_and_no_grant_goes() {
    let version = format!(r#"DELETE {SCORERS}/delete {{"experiment_id":"1","name":"s","version":1}}"#);
    let whole = format!(r#"DELETE {SCORERS}/delete {{"experiment_id":"1","name":"s"}}"#);
    let of_versions = [("experiment", "1", "EDIT"), ("scorer", "1/s", "READ"), ("scorer_version", "*", "MANAGE")];
    let world = with(&of_versions);
    refused(&world, &alice(&world, &whole), 403);
    world.grant(3, "scorer", "1/s", "READ");
    assert_eq!(alice(&world, &version).status, 200);
    assert!(world.grants().contains(&"3 scorer 1/s READ".to_owned()));
    for (kind, id, level) in [("scorer_version", "*", "EDIT"), ("scorer", "1/s", "DENY"), ("experiment", "1", "READ")] {
        let world = with(&of_versions);
        world.grant(2, kind, id, level);
        refused(&world, &alice(&world, &version), 403);
    }
    let owner = with(&[("experiment", "1", "EDIT"), ("scorer", "1/s", "MANAGE"), ("scorer_version", "*", "DENY")]);
    refused(&owner, &alice(&owner, &whole), 403);
}

#[test]
fn a_list_of_scorers_has_those_that_may_be_seen() {
    let rows = |world: &World| {
        script(world, |seen| {
            let row = |exp: u8, name: &str| format!(r#"{{"experiment_id":{exp},"scorer_name":"{name}"}}"#);
            let rows = format!(r#"{{"scorers":[{},{},{}]}}"#, row(1, "s"), row(1, "a b"), row(2, "s"));
            seen.target.contains("scorers/list").then_some((200, rows))
        });
        let answer = alice(world, &format!("GET {SCORERS}/list")).json();
        let rows = answer["scorers"].as_array().cloned().unwrap_or_default();
        rows.iter()
            .map(|row| format!("{}/{}", row["experiment_id"], row["scorer_name"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let everything = [("experiment", "*", "READ"), ("scorer", "*", "READ")];
    assert_eq!(rows(&with(&everything)), ["1/s", "1/a b", "2/s"]);
    assert_eq!(rows(&with(&[everything[0], ("scorer", "1/a%20b", "READ")])), ["1/a b"]);
    assert_eq!(rows(&with(&[everything[0], everything[1], ("experiment", "2", "DENY")])), ["1/s", "1/a b"]);
    assert_eq!(rows(&with(&[everything[0], everything[1], ("scorer", "1/s", "DENY")])), ["1/a b", "2/s"]);
    assert_eq!(rows(&with(&[everything[0], everything[1], ("scorer_version", "*", "DENY")])), [""; 0]);
}

#[test]
fn a_scorer_of_an_experiment_that_may_not_be_seen_is_not_seen_either() {
    for (kind, id) in [("experiment", "1"), ("scorer", "1/s"), ("scorer_version", "*")] {
        let open = [("experiment", "1", "READ"), ("scorer", "1/s", "MANAGE")];
        assert_eq!(alice(&with(&open), &format!("GET {SCORERS}/versions?experiment_id=1&name=s")).status, 200);
        let world = with(&open);
        world.grant(2, kind, id, "DENY");
        for route in ["get", "versions"] {
            refused(&world, &alice(&world, &format!("GET {SCORERS}/{route}?experiment_id=1&name=s")), 403);
        }
    }
}

// --- review queues ----------------------------------------------------------------------------------------------------------

#[test]
fn a_review_queue_is_for_who_manages_it_its_owner_and_its_reviewers() {
    let queues = "/api/3.0/mlflow/review-queues";
    let requests = [
        ("o", format!("GET {queues}/get?queue_id=rq-1")),
        ("i", format!("GET {queues}/items/list?queue_id=rq-1")),
        ("c", format!(r#"POST {queues}/update {{"queue_id":"rq-1","name":"n"}}"#)),
        ("g", format!(r#"POST {queues}/update {{"queue_id":"rq-1","newOwner":"carol"}}"#)),
        ("d", format!(r#"POST {queues}/delete {{"queue_id":"rq-1"}}"#)),
        ("r", format!(r#"POST {queues}/items/remove {{"queue_id":"rq-1"}}"#)),
        ("a", format!(r#"POST {queues}/items/add {{"queue_id":"rq-1"}}"#)),
        ("s", format!(r#"POST {queues}/items/set-status {{"queue_id":"rq-1"}}"#)),
    ];
    let exp = |level| ("experiment", "1", level);
    let every = |level| ("review_queue", "*", level);
    let (of_bob, own, to_review) = (("bob", "bob", "CUSTOM"), ("Alice ", "bob", "CUSTOM"), ("bob", "alice", "CUSTOM"));
    for (grants, (owner, reviewer, kind), expected) in [
        (&[exp("READ")][..], of_bob, "........"),
        (&[exp("READ")], own, "........"),
        (&[exp("READ")], to_review, "oi......"),
        (&[exp("EDIT")], of_bob, "......a."),
        (&[exp("EDIT")], own, "oic.dra."),
        (&[exp("EDIT")], ("alice", "bob", "USER"), "oic...a."),
        (&[exp("EDIT")], to_review, "oi....as"),
        (&[exp("MANAGE")], of_bob, "oicgdra."),
        (&[exp("MANAGE")], to_review, "oicgdras"),
        (&[exp("READ"), every("EDIT")], to_review, "oi....as"),
        (&[exp("READ"), every("MANAGE")], of_bob, "oicgdra."),
        (&[exp("MANAGE"), every("READ")], of_bob, "........"),
        (&[exp("MANAGE"), every("DENY")], ("alice", "alice", "CUSTOM"), "........"),
        (&[every("MANAGE")], ("alice", "alice", "CUSTOM"), "........"),
    ] {
        let mut found = String::new();
        for (letter, request) in &requests {
            let world = with(grants);
            let queue = json!({"experiment_id": "1", "created_by": owner, "users": [reviewer], "queue_type": kind});
            let answer = json!({ "review_queue": queue }).to_string();
            script(&world, move |seen| seen.target.contains("/get?queue_id=").then(|| (200, answer.clone())));
            let answer = alice(&world, request);
            if answer.status == 200 {
                found += letter;
            } else {
                refused(&world, &answer, 403);
                found.push('.');
            }
        }
        assert_eq!(found, expected, "{grants:?}, owner {owner}, reviewer {reviewer}, {kind}");
    }
}

#[test]
fn a_reviewer_finds_the_queues_to_review_and_no_others() {
    let queue = |id: &str, owner: &str, reviewer: &str| json!({"queue_id": id, "experiment_id": "1", "created_by": owner, "users": [reviewer], "queue_type": "CUSTOM"});
    let (of_bob, own, to_review) = (queue("b", "bob", "bob"), queue("o", "alice", "bob"), queue("r", "bob", "alice"));
    let exp = |level| ("experiment", "1", level);
    let every = |level| ("review_queue", "*", level);
    for (grants, listed, opened) in [
        (&[exp("READ")][..], "r", "r"),
        (&[exp("EDIT")], "bor", "or"),
        (&[exp("MANAGE")], "bor", "bor"),
        (&[exp("READ"), every("EDIT")], "bor", "or"),
        (&[exp("EDIT"), every("READ")], "r", "r"),
        (&[exp("MANAGE"), every("DENY")], "", ""),
        (&[every("MANAGE")], "", ""),
    ] {
        let world = with(grants);
        let answer = json!({ "review_queues": [of_bob, own, to_review] }).to_string();
        script(&world, move |seen| seen.target.contains("/list?").then(|| (200, answer.clone())));
        let list = alice(&world, "GET /api/3.0/mlflow/review-queues/list?experiment_id=1");
        let ids: String = match list.status {
            200 => list.json()["review_queues"]
                .as_array()
                .unwrap()
                .iter()
                .map(|q| q["queue_id"].as_str().unwrap())
                .collect(),
            status => (status == 403).then(String::new).unwrap(),
        };
        assert_eq!(ids, listed, "{grants:?}");

        let mut found = String::new();
        for queue in [&of_bob, &own, &to_review] {
            let world = with(grants);
            let answer = json!({ "review_queue": queue }).to_string();
            script(&world, move |seen| seen.target.contains("/get-by-name?").then(|| (200, answer.clone())));
            let opened = alice(&world, "GET /api/3.0/mlflow/review-queues/get-by-name?experiment_id=1&name=q");
            match opened.status {
                200 => found += queue["queue_id"].as_str().unwrap(),
                status => assert_eq!((status, &opened.body[..]), (403, "Permission denied"), "{grants:?}"),
            }
        }
        assert_eq!(found, opened, "{grants:?}");
    }
}

// --- MCP servers ----------------------------------------------------------------------------------------------------------

#[test]
fn a_version_of_an_mcp_server_goes_by_the_grants_on_versions_or_else_on_the_server() {
    // see, add, change and tag, delete a version; change the server; set and remove an alias; change a way to it
    let requests = [
        "GET {m}/versions/1.0.0",
        "POST {m}/versions {}",
        "PATCH {m}/versions/1.0.0 {}",
        "POST {m}/versions/1.0.0/tags {}",
        "DELETE {m}/versions/1.0.0",
        "PATCH {m} {}",
        "POST {m}/aliases {}",
        "DELETE {m}/aliases/latest",
        "PATCH {m}/endpoints/e-1 {}",
    ];
    let server = |level| ("mcp_server", "com.example/server", level);
    let versions = |level| ("mcp_server_version", "*", level);
    for (grants, expected) in [
        (&[server("READ")][..], "x........"),
        (&[server("EDIT")], "xxxx.xx.x"),
        (&[server("MANAGE")], "xxxxxxxxx"),
        (&[server("READ"), versions("EDIT")], "x.xx....."),
        (&[server("READ"), versions("MANAGE")], "x.xxx...."),
        (&[server("MANAGE"), versions("READ")], "xx...xxxx"),
        (&[server("MANAGE"), versions("DENY")], ".....x..."),
        (&[server("DENY"), versions("MANAGE")], "........."),
        (&[versions("MANAGE")], "........."),
        (&[("mcp_server", "*", "EDIT")], "xxxx.xx.x"),
    ] {
        let found: String = requests
            .iter()
            .map(|request| {
                let world = with(grants);
                let answer = alice(&world, &request.replace("{m}", SERVER));
                match answer.status {
                    200 => 'x',
                    _ => {
                        refused(&world, &answer, 403);
                        '.'
                    }
                }
            })
            .collect();
        assert_eq!(found, expected, "{grants:?}");
    }
    // to delete the server is to delete its versions
    let world = with(&[server("MANAGE"), versions("EDIT")]);
    refused(&world, &alice(&world, &format!("DELETE {SERVER}")), 403);
}

#[test]
fn an_answer_about_an_mcp_server_says_what_the_caller_may_do_and_hides_denied_versions() {
    for (level, actions) in [
        ("READ", json!([])),
        ("USE", json!(["USE"])),
        ("EDIT", json!(["USE", "UPDATE"])),
        ("MANAGE", json!(["USE", "UPDATE", "DELETE", "MANAGE"])),
    ] {
        let world = with(&[("mcp_server", "com.example/server", level)]);
        let server = |name: &str| {
            let way =
                format!(r#"{{"server_name":"{name}","url":"u","server_version":"1.0.0","resolved_version":{{}}}}"#);
            format!(r#"{{"name":"{name}","access_endpoints":[{way}]}}"#)
        };
        script(&world, move |seen| {
            let one = server("com.example/server");
            let list = format!(r#"{{"mcp_servers":[{},{one}],"next_page_token":null}}"#, server("com.example/other"));
            Some((200, if seen.target.contains("server?") || seen.target.ends_with("server") { one } else { list }))
        });
        let one = alice(&world, &format!("GET {SERVER}")).json();
        assert_eq!(one["allowed_actions"], actions);
        assert_eq!(one["access_endpoints"][0]["server_version"], "1.0.0");
        let list = alice(&world, &format!("GET {MCP}?max_results=10"));
        assert_eq!(list.json()["mcp_servers"], json!([one]), "{}", list.body);
        assert_eq!(list.json()["next_page_token"], json!(null));
        assert!(world.get(ADMIN, SERVER).json().get("allowed_actions").is_none());

        world.grant(2, "mcp_server_version", "*", "DENY");
        for path in [SERVER.to_owned(), format!("{MCP}?max_results=10")] {
            let answer = alice(&world, &format!("GET {path}"));
            assert!(!answer.body.contains("1.0.0") && answer.body.contains(r#""url":"u""#), "{}", answer.body);
        }
        refused_again(&world, &format!("GET {MCP}/endpoints"));
    }
    let nobody = with(&[]);
    script(&nobody, |_| {
        Some((200, r#"{"mcp_servers":[{"name":"com.example/server"}],"next_page_token":null}"#.into()))
    });
    assert_eq!(alice(&nobody, &format!("GET {MCP}")).body, r#"{"mcp_servers":[],"next_page_token":null}"#);
}

fn refused_again(world: &World, request: &str) {
    world.mlflow.seen.borrow_mut().clear();
    refused(world, &alice(world, request), 403);
}

#[test]
fn ways_to_mcp_servers_are_listed_for_the_servers_that_may_be_seen() {
    let world = with(&[("mcp_server", "com.example/server", "READ")]);
    script(&world, |_| {
        let way = |name: &str| format!(r#"{{"id":"w","server_name":"{name}"}}"#);
        let rows = [way("com.example/server"), way("com.example/other")].join(",");
        Some((200, format!(r#"{{"mcp_access_endpoints":[{rows}],"next_page_token":null}}"#)))
    });
    let answer = alice(&world, &format!("GET {MCP}/endpoints")).json();
    assert_eq!(answer["mcp_access_endpoints"], json!([{"id": "w", "server_name": "com.example/server"}]));
}

#[test]
fn an_mcp_server_has_a_name_that_is_found_in_one_way_in_a_path() {
    for name in
        ["*", "a", "com.example", "com.example/versions", "com.example/a/b", "*/*", "com.example/*", "/x", "é.x/abc"]
    {
        for user in [ALICE, BOB] {
            let world = with(&[]);
            let answer = world.post(user, MCP, &json!({ "name": name }).to_string());
            refused(&world, &answer, 400);
            assert_eq!(world.grants(), [""; 0]);
        }
    }
    let world = with(&[("mcp_server", "*", "MANAGE")]);
    for path in ["com.example/versions/x", "com.example/tags", "com.example/versions/versions/1"] {
        assert!(alice(&world, &format!("GET {MCP}/{path}")).status >= 400, "{path}");
        assert_eq!(forwarded(&world), [""; 0]);
    }
    refused(&world, &alice(&world, &format!("GET {MCP}/com.example")), 403);
}

// --- workspaces -------------------------------------------------------------------------------------------------------------

#[test]
fn the_server_says_that_there_are_no_workspaces_whatever_the_origin_says() {
    let world = World::new();
    let says = r#"{"store_type":"SqlStore","workspaces_enabled":true,"features_enabled":{"gateway":true}}"#;
    script(&world, |seen| seen.target.contains("server-info").then(|| (200, says.to_owned())));
    for (user, path) in [
        ("", "/api/3.0/mlflow/server-info"),
        (ALICE, "/ajax-api/3.0/mlflow/server-info"),
        (ADMIN, "/api/3.0/mlflow/server-info"),
        (ALICE, "/server-info"),
        (ADMIN, "/server-info"),
    ] {
        let headers = [("Authorization", basic(user)), ("If-None-Match", "x".to_owned())];
        let fields = headers.iter().filter(|(name, _)| !user.is_empty() || *name != "Authorization");
        let fields: Vec<(&str, &str)> = fields.map(|(name, value)| (*name, value.as_str())).collect();
        let answer = world.send("GET", path, &fields, None);
        assert_eq!(answer.body, says.replace("true,\"features", "false,\"features"), "{path}");
        assert_eq!(
            world.last_seen().header("if-none-match"),
            None,
            "or the answer could be 304 for one that said true"
        );
        assert_eq!(world.send("HEAD", path, &fields, None).status, 200);
    }
    script(&world, |_| Some((404, "no".to_owned())));
    assert_eq!(world.get("", "/api/3.0/mlflow/server-info").status, 404, "MLflow before 3.9 has none");
    script(&world, |_| Some((200, "<html>".to_owned())));
    assert_eq!(world.get("", "/api/3.0/mlflow/server-info").status, 502);
}

#[test]
fn a_request_for_a_workspace_is_refused_and_an_empty_name_is_as_good_as_none() {
    let world = World::new();
    world.mlflow.seen.borrow_mut().clear();
    let send = |value: &str, path: &str| {
        let authorization = basic(ALICE);
        world.send("GET", path, &[("Authorization", &authorization), ("X-MLFLOW-WORKSPACE", value)], None)
    };
    for value in ["other", "default", " a "] {
        let answer = send(value, "/api/2.0/mlflow/experiments/get?experiment_id=1");
        refused(&world, &answer, 400);
        assert_eq!(answer.json()["error_code"], "FEATURE_DISABLED");
    }
    for value in ["", "  "] {
        assert_eq!(send(value, "/api/2.0/mlflow/experiments/get?experiment_id=1").status, 200);
        assert_eq!(world.last_seen().header("x-mlflow-workspace"), None);
    }
    assert_eq!(send("other", "/api/3.0/mlflow/server-info").status, 200);
    assert_eq!(world.last_seen().header("x-mlflow-workspace"), None);
}
