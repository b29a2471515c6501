//! The endpoints about grants of users: those of MLflow 3.17.2, in its words and its order of checks, those that MLflow
//! had before 3.13, and our own. Then the settings about new things and new users, and what all of it costs D1.

use serde_json::{Value, json};

use crate::support::{ADMIN, ALICE, Answer, BOB, World};

const GRANT: &str = "/api/3.0/mlflow/users/permissions/grant";
const REVOKE: &str = "/api/3.0/mlflow/users/permissions/revoke";
const GET: &str = "/api/3.0/mlflow/users/permissions/get";
const LIST: &str = "/api/3.0/mlflow/users/permissions/list";
const CURRENT: &str = "/api/3.0/mlflow/users/current/permissions";
const HOLDERS: &str = "/api/3.0/mlflow/permissions/users";

/// Types of which single resources are granted, with an id of each.
const BY_ID: [(&str, &str); 8] = [
    ("experiment", "1"),
    ("registered_model", "m"),
    ("prompt", "p"),
    ("scorer", "1/tone%20of%20voice"),
    ("gateway_secret", "s-1"),
    ("gateway_endpoint", "e-1"),
    ("gateway_model_definition", "d-1"),
    ("mcp_server", "io.example/tools"),
];
const AS_A_WHOLE: [&str; 9] = [
    "run",
    "trace",
    "assessment",
    "logged_model",
    "review_queue",
    "registered_model_version",
    "prompt_version",
    "scorer_version",
    "mcp_server_version",
];

const ALL_TYPES: &str = "('assessment', 'experiment', 'gateway_endpoint', 'gateway_model_definition', \
    'gateway_secret', 'logged_model', 'mcp_server', 'mcp_server_version', 'prompt', 'prompt_version', \
    'registered_model', 'registered_model_version', 'review_queue', 'run', 'scorer', 'scorer_version', 'trace', \
    'workspace')";
const NO_WORKSPACE: &str = "resource_type 'workspace' is not supported by the per-user permission convenience APIs. Use \
    set_workspace_permission / delete_workspace_permission for workspace-wide grants.";

fn missing(parameter: &str) -> String {
    format!(
        "Missing value for required parameter '{parameter}'. See the API docs for more information about request \
         parameters."
    )
}

/// Makes a role with these rows and gives it to these users; returns its id.
fn role(world: &World, workspace: &str, name: &str, rows: &[(&str, &str, &str)], users: &[i64]) -> i64 {
    world.database.execute(&format!("INSERT INTO roles (name, workspace) VALUES ('{name}', '{workspace}')"));
    let id = world.database.rows("SELECT max(id) AS id FROM roles")[0]["id"].as_i64().unwrap();
    for (kind, pattern, level) in rows {
        world.database.execute(&format!(
            "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
             VALUES ({id}, '{kind}', '{pattern}', '{level}')"
        ));
    }
    for user in users {
        world.database.execute(&format!("INSERT INTO user_role_assignments (user_id, role_id) VALUES ({user}, {id})"));
    }
    id
}

fn body(username: &str, kind: &str, id: &str, level: &str) -> String {
    json!({ "username": username, "resource_type": kind, "resource_id": id, "permission": level }).to_string()
}

fn grant(world: &World, who: &str, kind: &str, id: &str, level: &str) -> Answer {
    world.post(who, GRANT, &body("bob", kind, id, level))
}

fn encoded(id: &str) -> String {
    id.replace('%', "%25").replace('/', "%2F").replace('*', "%2A")
}

fn asked(world: &World, who: &str, username: &str, kind: &str, id: &str) -> Answer {
    world.get(who, &format!("{GET}?username={username}&resource_type={kind}&resource_id={}", encoded(id)))
}

/// Status, and the message of an error in MLflow's shape.
fn told(answer: &Answer) -> (u16, String) {
    let json: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, json["message"].as_str().unwrap_or(&answer.body).to_owned())
}

fn denied(answer: &Answer) {
    assert_eq!(told(answer), (403, "Permission denied".to_owned()), "{:?}", answer.log);
    assert_eq!(answer.headers.get("Content-Type"), Some("text/html; charset=utf-8"));
}

#[test]
fn a_grant_is_made_once_found_and_taken_back() {
    let world = World::new();
    let made = grant(&world, ADMIN, "experiment", "1", "READ");
    assert_eq!((made.status, made.body.as_str()), (200, "{}\n"));
    let again = grant(&world, ADMIN, "experiment", "1", "EDIT");
    assert_eq!(
        (again.status, again.body.as_str()),
        (
            400,
            r#"{"error_code": "RESOURCE_ALREADY_EXISTS", "message": "Permission for user=bob on resource_type=experiment, resource_id=1 already exists."}"#
        )
    );
    let got = asked(&world, BOB, "bob", "experiment", "1");
    assert_eq!((got.status, got.body.as_str()), (200, "{\"allowed\":false,\"permission\":\"READ\"}\n"));
    let revoke = || world.post(ADMIN, REVOKE, &body("bob", "experiment", "1", ""));
    assert_eq!((revoke().status, revoke().status), (200, 404));
    assert_eq!(
        revoke().body,
        r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Permission for user=bob on resource_type=experiment, resource_id=1 not found."}"#
    );
    assert_eq!(world.json("DELETE", ADMIN, REVOKE, &body("bob", "experiment", "1", "")).status, 405);
}

#[test]
fn every_type_is_granted_by_id_or_as_a_whole() {
    let world = World::new();
    for (kind, id) in BY_ID {
        assert_eq!(told(&grant(&world, ADMIN, kind, id, "USE")).0, 200, "{kind}");
        let got = asked(&world, ADMIN, "bob", kind, id);
        assert_eq!(got.json(), json!({ "allowed": true, "permission": "USE" }), "{kind}");
        assert_eq!(told(&grant(&world, ADMIN, kind, "*", "MANAGE")).0, 200, "{kind}");
        assert_eq!(asked(&world, BOB, "bob", kind, "*").json()["permission"], "MANAGE", "{kind}");
    }
    for kind in AS_A_WHOLE {
        assert_eq!(
            told(&grant(&world, ADMIN, kind, "5", "READ")),
            (
                400,
                format!(
                    "Invalid resource_pattern '5' for resource_type='{kind}'. This resource type supports only \
                     wildcard ('*') grants."
                )
            )
        );
        let unsupported =
            format!("resource_type '{kind}' is not supported by the per-user permission convenience APIs.");
        assert_eq!(told(&asked(&world, ADMIN, "bob", kind, "5")), (400, unsupported.clone()));
        assert_eq!(told(&grant(&world, ALICE, kind, "5", "READ")), (400, unsupported));
        assert_eq!(told(&grant(&world, ADMIN, kind, "*", "DENY")).0, 200, "{kind}");
        assert_eq!(asked(&world, ADMIN, "bob", kind, "*").json(), json!({ "allowed": false, "permission": "DENY" }));
        assert_eq!(world.post(ADMIN, REVOKE, &body("bob", kind, "*", "")).status, 200, "{kind}");
    }
    for who in [ADMIN, ALICE] {
        assert_eq!(told(&grant(&world, who, "workspace", "*", "MANAGE")), (400, NO_WORKSPACE.to_owned()));
        assert_eq!(told(&asked(&world, who, "bob", "workspace", "*")), (400, NO_WORKSPACE.to_owned()));
    }
    assert_eq!(BY_ID.len() + AS_A_WHOLE.len() + 1, 18);
}

#[test]
fn an_administrators_request_is_checked_in_mlflows_order() {
    let world = World::new();
    let unknown_user = (404, "User with username=nobody not found".to_owned());
    let level = |name: &str| {
        format!(
            "Invalid permission '{name}'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', 'DENY')"
        )
    };
    let no_permissions = "Invalid permission 'NO_PERMISSIONS' for resource_type='experiment'. Resource-level grants accept \
                          only: ('DENY', 'EDIT', 'MANAGE', 'READ', 'USE').";
    let bad = |text: String| (400, text);
    let cases = [
        (json!({}), bad(missing("username"))),
        (json!({"username":"nobody"}), bad(missing("resource_type"))),
        (json!({"username":"nobody","resource_type":"x"}), bad(missing("resource_id"))),
        (json!({"username":"nobody","resource_type":"x","resource_id":"1"}), bad(missing("permission"))),
        (json!({"username":"nobody","resource_type":"x","resource_id":"1","permission":"y"}), unknown_user.clone()),
        (json!({"username":"nobody","resource_type":"workspace","resource_id":"*","permission":"y"}), unknown_user),
        (json!({"username":"bob","resource_type":"workspace","resource_id":"*","permission":"y"}), bad(NO_WORKSPACE.into())),
        (
            json!({"username":"bob","resource_type":"x","resource_id":"1","permission":"y"}),
            bad(format!("Invalid resource type 'x'. Valid resource types are: {ALL_TYPES}")),
        ),
        (
            json!({"username":"bob","resource_type":"run","resource_id":"5","permission":"y"}),
            bad("Invalid resource_pattern '5' for resource_type='run'. This resource type supports only wildcard ('*') grants.".into()),
        ),
        (json!({"username":"bob","resource_type":"experiment","resource_id":"1","permission":"y"}), bad(level("y"))),
        (
            json!({"username":"bob","resource_type":"experiment","resource_id":"1","permission":"NO_PERMISSIONS"}),
            bad(no_permissions.into()),
        ),
        (
            json!({"username":"bob","resource_type":"scorer","resource_id":"1","permission":"READ"}),
            bad("Invalid scorer resource_id. Expected '<experiment_id>/<scorer_name>'.".into()),
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(told(&world.post(ADMIN, GRANT, &body.to_string())), expected, "{body}");
    }
    // one statement more than a grant that is made: the user is looked for before the rest is told
    let statements = |body: &str| world.cost(|| world.post(ADMIN, GRANT, body)).0;
    assert_eq!(statements(&body("bob", "experiment", "7", "READ")), 2);
    assert_eq!(statements(&body("bob", "experiment", "8", "y")), 2);
    let got = world.get(ADMIN, &format!("{GET}?username=nobody&resource_type=x&resource_id=1"));
    assert_eq!(told(&got).0, 404);
    assert_eq!(told(&world.get(ADMIN, GET)), bad(missing("username")));
    assert_eq!(told(&world.get(ADMIN, &format!("{GET}?username=bob"))), bad(missing("resource_type")));
}

#[test]
fn a_users_request_says_what_it_is_about_before_anything_is_decided() {
    let world = World::new();
    world.grant(2, "experiment", "2", "MANAGE");
    let bad = |text: String| (400, text);
    let cases = [
        (json!({}), bad(missing("resource_type"))),
        (json!({"resource_type":"x"}), bad(missing("resource_id"))),
        (json!({"resource_type":"workspace","resource_id":"*"}), bad(NO_WORKSPACE.into())),
        (
            json!({"resource_type":"x","resource_id":"1"}),
            bad(format!("Invalid resource type 'x'. Valid resource types are: {ALL_TYPES}")),
        ),
        (
            json!({"resource_type":"run","resource_id":"5"}),
            bad("resource_type 'run' is not supported by the per-user permission convenience APIs.".into()),
        ),
        (
            json!({"resource_type":"scorer","resource_id":"1"}),
            bad("Invalid scorer resource_id. Expected '<experiment_id>/<scorer_name>'.".into()),
        ),
        (json!({"resource_type":"experiment","resource_id":"1"}), (403, "Permission denied".into())),
        (json!({"resource_type":"experiment","resource_id":"2"}), bad(missing("username"))),
        (json!({"resource_type":"experiment","resource_id":"2","username":"bob"}), bad(missing("permission"))),
    ];
    for (body, expected) in cases {
        assert_eq!(told(&world.post(ALICE, GRANT, &body.to_string())), expected, "{body}");
    }
    assert_eq!(told(&world.get(ALICE, GET)), bad(missing("resource_type")));
    assert_eq!(told(&world.get(ALICE, &format!("{GET}?resource_type=workspace"))), bad(NO_WORKSPACE.into()));
    assert_eq!(told(&world.get(ALICE, &format!("{GET}?resource_type=run"))), bad(missing("username")));
    assert_eq!(
        told(&world.get(ALICE, &format!("{GET}?resource_type=run&username=alice"))),
        bad(missing("resource_id"))
    );
}

#[test]
fn an_id_is_text_or_a_number_in_its_one_spelling() {
    let world = World::new();
    let with = |id: Value| {
        let body = json!({ "username": "bob", "resource_type": "experiment", "resource_id": id, "permission": "EDIT" });
        told(&world.post(ADMIN, GRANT, &body.to_string()))
    };
    assert_eq!(with(json!(9)).0, 200);
    assert_eq!(
        with(json!("9")),
        (400, "Permission for user=bob on resource_type=experiment, resource_id=9 already exists.".to_owned())
    );
    for id in
        [json!(""), json!(null), json!(true), json!([1]), json!({}), json!(1.5), json!(-1), json!("01"), json!("1_0")]
    {
        assert_eq!(with(id.clone()).0, 400, "{id}");
    }
    let scorer = |id: &str| told(&grant(&world, ADMIN, "scorer", id, "READ")).0;
    assert_eq!(scorer("1/a%20b"), 200);
    for id in ["1/", "1/a b", "1/*", "01/a", "*/a", "/a", "1/a/b"] {
        assert_eq!(scorer(id), 400, "{id}");
    }
    // the body is what MLflow reads: a query that says something else is not understood
    let other = world.post(ADMIN, &format!("{GRANT}?resource_id=2"), &body("bob", "experiment", "3", "EDIT"));
    assert_eq!(told(&other), (400, "Conflicting values for parameter 'resource_id'.".to_owned()));
}

#[test]
fn whoever_holds_manage_on_a_resource_decides_about_it_and_about_no_other() {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    for (kind, id) in BY_ID {
        denied(&grant(&world, ALICE, kind, id, "READ"));
        world.grant(2, kind, id, "EDIT");
        denied(&grant(&world, ALICE, kind, id, "READ"));
        world.grant(2, kind, id, "MANAGE");
        assert_eq!(grant(&world, ALICE, kind, id, "READ").status, 200, "{kind}");
        denied(&grant(&world, ALICE, kind, &format!("{id}2"), "READ"));
        denied(&grant(&world, ALICE, kind, "*", "READ"));
        denied(&world.post(ALICE, REVOKE, &body("bob", kind, "*", "")));
        assert_eq!(world.post(ALICE, REVOKE, &body("bob", kind, id, "")).status, 200, "{kind}");
    }
    // by a role as well
    role(&world, "default", "keepers", &[("scorer", "2/x", "MANAGE")], &[3]);
    assert_eq!(world.post(BOB, GRANT, &body("alice", "scorer", "2/x", "READ")).status, 200);
    let open = World::with(&[("DEFAULT_PERMISSION", "MANAGE")]);
    open.add_users();
    assert_eq!(grant(&open, ALICE, "experiment", "1", "DENY").status, 200);
    denied(&grant(&open, ALICE, "experiment", "*", "DENY")); // the default manages no workspace
}

#[test]
fn a_wildcard_is_granted_by_administrators_and_managers_of_the_default_workspace() {
    let world = World::new();
    for (kind, _) in BY_ID {
        world.grant(2, kind, "*", "MANAGE");
        denied(&grant(&world, ALICE, kind, "*", "READ"));
    }
    role(&world, "elsewhere", "heads", &[("workspace", "*", "MANAGE")], &[2]);
    role(&world, "default", "present", &[("workspace", "*", "USE")], &[2]);
    denied(&grant(&world, ALICE, "experiment", "*", "READ"));
    role(&world, "default", "heads", &[("workspace", "*", "MANAGE")], &[2]);
    // caller and grant in one statement, the change in the other
    let (statements, calls, _) = world.cost(|| assert_eq!(grant(&world, ALICE, "run", "*", "READ").status, 200));
    assert_eq!((statements, calls), (2, 0));
    assert_eq!(grant(&world, ALICE, "mcp_server", "*", "DENY").status, 200);
    assert_eq!(grant(&world, ALICE, "experiment", "1", "DENY").status, 200);
    assert_eq!(world.post(ALICE, REVOKE, &body("bob", "run", "*", "")).status, 200);
    denied(&grant(&world, BOB, "experiment", "*", "READ"));
}

#[test]
fn the_owner_of_a_prompt_shares_it_and_calling_a_model_a_prompt_opens_nothing() {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    *world.mlflow.script.borrow_mut() = Some(Box::new(|seen| {
        let tag = if seen.target.ends_with("name=p") {
            r#","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]"#
        } else {
            ""
        };
        let name = seen.target.rsplit('=').next().unwrap_or_default().to_owned();
        seen.target
            .contains("registered-models/get")
            .then(|| Ok((200, format!(r#"{{"registered_model":{{"name":"{name}"{tag}}}}}"#))))
    }));
    world.grant(2, "prompt", "p", "MANAGE");
    assert_eq!(world.get(ALICE, CURRENT).status, 200); // the password is known from now on
    let (statements, calls, _) = world.cost(|| assert_eq!(grant(&world, ALICE, "prompt", "p", "READ").status, 200));
    assert_eq!((statements, calls), (2, 0), "the own row decides, whatever the name is the name of");
    // bob may do everything to prompts, and nothing to models
    world.grant(3, "prompt", "*", "MANAGE");
    assert_eq!(world.post(BOB, GRANT, &body("alice", "prompt", "p", "EDIT")).status, 400, "there already");
    for kind in ["prompt", "registered_model"] {
        denied(&world.post(BOB, GRANT, &body("bob", kind, "m", "MANAGE")));
    }
}

#[test]
fn the_level_of_a_user_is_the_one_that_decides_a_request() {
    let world = World::new();
    let level = |username: &str, kind: &str, id: &str| asked(&world, ADMIN, username, kind, id).json();
    assert_eq!(level("bob", "experiment", "1"), json!({ "allowed": false, "permission": "READ" }), "the default");
    assert_eq!(level("admin", "experiment", "1"), json!({ "allowed": false, "permission": "READ" }), "not the flag");
    role(&world, "default", "editors", &[("experiment", "*", "EDIT")], &[1, 3]);
    role(&world, "elsewhere", "editors", &[("experiment", "*", "MANAGE")], &[3]);
    assert_eq!(level("bob", "experiment", "1"), json!({ "allowed": true, "permission": "EDIT" }));
    assert_eq!(level("admin", "experiment", "77")["permission"], "EDIT");
    world.grant(3, "experiment", "1", "NO_PERMISSIONS");
    assert_eq!(level("bob", "experiment", "1"), json!({ "allowed": false, "permission": "DENY" }));
    assert_eq!(world.get(BOB, "/api/2.0/mlflow/experiments/get?experiment_id=1").status, 403);
    role(&world, "default", "heads", &[("workspace", "*", "MANAGE")], &[3]);
    assert_eq!(level("bob", "experiment", "1")["permission"], "MANAGE");
    let (statements, calls, _) = world.cost(|| level("bob", "experiment", "1"));
    assert_eq!((statements, calls), (2, 0));

    let floor = World::with(&[("DEFAULT_PERMISSION", "EDIT"), ("GRANT_FLOOR", "true")]);
    floor.add_users();
    floor.grant(3, "experiment", "1", "READ");
    assert_eq!(asked(&floor, BOB, "bob", "experiment", "1").json()["permission"], "EDIT");
}

#[test]
fn the_level_of_another_user_is_for_managers_of_the_default_workspace() {
    let world = World::new();
    world.grant(2, "experiment", "1", "MANAGE");
    denied(&asked(&world, ALICE, "bob", "experiment", "1"));
    denied(&asked(&world, ALICE, "nobody", "experiment", "1"));
    assert_eq!(asked(&world, ALICE, "alice", "experiment", "1").status, 200);
    role(&world, "elsewhere", "heads", &[("workspace", "*", "MANAGE")], &[2]);
    denied(&asked(&world, ALICE, "bob", "experiment", "1"));
    role(&world, "default", "heads", &[("workspace", "*", "MANAGE")], &[2]);
    assert_eq!(asked(&world, ALICE, "bob", "experiment", "1").status, 200);
    denied(&asked(&world, ALICE, "nobody", "experiment", "1"));
    denied(&asked(&world, ALICE, "bob", "run", "5"));
}

#[test]
fn the_list_has_the_rows_of_every_role_in_the_order_of_roles_and_rows() {
    let world = World::new();
    let readers = role(&world, "default", "readers", &[("experiment", "*", "READ"), ("run", "*", "EDIT")], &[3]);
    grant(&world, ADMIN, "experiment", "1", "DENY");
    let heads = role(&world, "elsewhere", "heads", &[("workspace", "*", "MANAGE")], &[3, 2]);
    grant(&world, ADMIN, "prompt", "p", "MANAGE");
    let own = readers + 1;
    let row = |level: &str, pattern: &str, kind: &str, role: i64, name: &str, workspace: &str| {
        json!({ "permission": level, "resource_pattern": pattern, "resource_type": kind, "role_id": role,
            "role_name": name, "workspace": workspace })
    };
    let rows = json!([
        row("READ", "*", "experiment", readers, "readers", "default"),
        row("EDIT", "*", "run", readers, "readers", "default"),
        row("DENY", "1", "experiment", own, "__user_3__", "default"),
        row("MANAGE", "p", "prompt", own, "__user_3__", "default"),
        row("MANAGE", "*", "workspace", heads, "heads", "elsewhere"),
    ]);
    let bobs = format!("{LIST}?username=bob");
    let all = json!({ "is_admin": false, "permissions": rows });
    assert_eq!(world.get(BOB, CURRENT).json(), all);
    assert_eq!(world.get(BOB, &bobs).json(), all);
    assert_eq!(world.get(ADMIN, &bobs).json(), all);
    assert_eq!(world.cost(|| world.get(BOB, CURRENT)).0, 2);
    assert_eq!(world.get(ADMIN, CURRENT).body, "{\"is_admin\":true,\"permissions\":[]}\n");
    // alice manages `elsewhere`, where bob has a role: its rows, and no others
    assert_eq!(world.get(ALICE, &bobs).json()["permissions"], json!([rows[4]]));
    assert_eq!(world.cost(|| world.get(ALICE, &bobs)).0, 3);
    denied(&world.get(ALICE, &format!("{LIST}?username=admin")));
    denied(&world.get(ALICE, &format!("{LIST}?username=nobody")));
    assert_eq!(told(&world.get(ALICE, LIST)), (400, missing("username")));
    assert_eq!(told(&world.get(ADMIN, &format!("{LIST}?username=nobody"))).0, 404);
    // in a workspace where bob has no role she sees nothing of him
    world.database.execute(&format!("DELETE FROM user_role_assignments WHERE user_id = 3 AND role_id = {heads}"));
    denied(&world.get(ALICE, &bobs));
}

// --- what MLflow had before 3.13 ------------------------------------------------------------------------------------

struct Family {
    base: &'static str,
    ids: &'static [(&'static str, &'static str)],
    object: &'static str,
    title: &'static str,
    row: (&'static str, &'static str),
}

const FAMILIES: [Family; 4] = [
    Family {
        base: "/api/3.0/mlflow/scorers/permissions",
        ids: &[("experiment_id", "1"), ("scorer_name", "my sc*")],
        object: "scorer_permission",
        title: "Scorer permission",
        row: ("scorer", "1/my%20sc%2A"),
    },
    Family {
        base: "/api/3.0/mlflow/gateway/secrets/permissions",
        ids: &[("secret_id", "s-1")],
        object: "gateway_secret_permission",
        title: "Gateway secret permission",
        row: ("gateway_secret", "s-1"),
    },
    Family {
        base: "/api/3.0/mlflow/gateway/endpoints/permissions",
        ids: &[("endpoint_id", "e-1")],
        object: "gateway_endpoint_permission",
        title: "Gateway endpoint permission",
        row: ("gateway_endpoint", "e-1"),
    },
    Family {
        base: "/api/3.0/mlflow/gateway/model-definitions/permissions",
        ids: &[("model_definition_id", "d-1")],
        object: "gateway_model_definition_permission",
        title: "Gateway model definition permission",
        row: ("gateway_model_definition", "d-1"),
    },
];

impl Family {
    fn body(&self, more: Value) -> String {
        let mut body = more;
        for (name, id) in self.ids {
            body[*name] = (*id).into();
        }
        body.to_string()
    }

    fn query(&self, username: &str) -> String {
        let ids: Vec<String> = self
            .ids
            .iter()
            .map(|(name, id)| format!("{name}={}", id.replace(' ', "%20").replace('*', "%2A")))
            .collect();
        format!("{}&username={username}", ids.join("&"))
    }

    fn put(&self, world: &World, who: &str, method: &str, verb: &str, more: Value) -> Answer {
        world.json(method, who, &format!("{}/{verb}", self.base), &self.body(more))
    }
}

#[test]
fn the_endpoints_of_mlflow_3_9_to_3_12_serve_scorers_and_the_gateway() {
    for family in FAMILIES {
        let world = World::new();
        let read =
            |who: &str, username: &str| world.get(who, &format!("{}/get?{}", family.base, family.query(username)));
        let object = |level: &str| {
            let mut object = json!({ "permission": level, "user_id": 3 });
            for (name, id) in family.ids {
                object[*name] = (*id).into();
            }
            json!({ family.object: object })
        };
        let named = |last: &str| {
            let ids: Vec<String> = family.ids.iter().map(|(name, id)| format!("{name}={id}")).collect();
            format!("{}{last}username=bob", ids.join(", "))
        };
        let not_found =
            format!("{} with {} not found", family.title, named(if family.ids.len() > 1 { ", and " } else { " and " }));
        assert_eq!(told(&read(ADMIN, "bob")), (404, not_found.clone()));
        let made =
            family.put(&world, ADMIN, "POST", "create", json!({ "username": "bob", "permission": "NO_PERMISSIONS" }));
        assert_eq!((made.status, made.json()), (200, object("NO_PERMISSIONS")));
        let (kind, pattern) = family.row;
        assert_eq!(asked(&world, ADMIN, "bob", kind, pattern).json()["permission"], "DENY");
        let again = family.put(&world, ADMIN, "POST", "create", json!({ "username": "bob", "permission": "READ" }));
        assert_eq!(told(&again), (400, format!("{} ({}) already exists.", family.title, named(", "))));
        let changed = family.put(&world, ADMIN, "PATCH", "update", json!({ "username": "bob", "permission": "USE" }));
        assert_eq!((changed.status, changed.body.as_str()), (200, "{}\n"));
        assert_eq!(read(ADMIN, "bob").json(), object("USE"));
        assert_eq!(asked(&world, BOB, "bob", kind, pattern).json(), json!({ "allowed": true, "permission": "USE" }));

        // who: an administrator, or MANAGE on that very resource; that on its experiment is not enough
        world.grant(2, "experiment", "1", "MANAGE");
        denied(&read(ALICE, "bob"));
        world.grant(2, kind, pattern, "MANAGE");
        assert_eq!(read(ALICE, "bob").status, 200);
        denied(&family.put(&world, BOB, "PATCH", "update", json!({ "username": "bob", "permission": "MANAGE" })));

        let level =
            "Invalid permission 'nope'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')";
        let wrong = json!({ "username": "nobody", "permission": "nope" });
        assert_eq!(told(&family.put(&world, ADMIN, "PATCH", "update", wrong)), (400, level.to_owned()));
        let nobody = json!({ "username": "nobody", "permission": "READ" });
        let unknown = (404, "User with username=nobody not found".to_owned());
        assert_eq!(told(&family.put(&world, ADMIN, "POST", "create", nobody)), unknown);
        assert_eq!(told(&family.put(&world, ADMIN, "POST", "create", json!({}))), (400, missing("username")));
        let without = json!({ "username": "bob" });
        assert_eq!(told(&family.put(&world, ADMIN, "POST", "create", without)), (400, missing("permission")));
        for who in [ADMIN, BOB] {
            let nothing = world.post(who, &format!("{}/create", family.base), "{}");
            assert_eq!(told(&nothing), (400, missing(family.ids[0].0)));
        }

        // taken back by a body, or by a query
        assert_eq!(family.put(&world, ADMIN, "DELETE", "delete", json!({ "username": "bob" })).body, "{}\n");
        let target = format!("{}/delete?{}", family.base, family.query("alice"));
        let headers = [("Authorization", &crate::support::basic(ADMIN)[..])];
        assert_eq!(world.send("DELETE", &target, &headers, None).status, 200);
        assert_eq!(told(&read(ADMIN, "bob")), (404, not_found));
        assert!(world.mlflow.seen.borrow().is_empty(), "{} is served here", family.base);
        let ajax = family.base.replace("/api/", "/ajax-api/");
        assert_eq!(world.post(BOB, &format!("{ajax}/create"), "{}").status, 403, "MLflow has it under /api alone");
    }
}

#[test]
fn no_endpoint_for_one_resource_makes_a_grant_on_all() {
    let world = World::new();
    let all = [
        ("/api/2.0/mlflow/experiments/permissions", json!({ "experiment_id": "*" })),
        ("/api/2.0/mlflow/registered-models/permissions", json!({ "name": "*" })),
        ("/api/3.0/mlflow/gateway/secrets/permissions", json!({ "secret_id": "*" })),
        ("/api/3.0/mlflow/gateway/endpoints/permissions", json!({ "endpoint_id": "*" })),
        ("/api/3.0/mlflow/gateway/model-definitions/permissions", json!({ "model_definition_id": "*" })),
        ("/api/3.0/mlflow/scorers/permissions", json!({ "experiment_id": "*", "scorer_name": "*" })),
    ];
    for (base, mut body) in all {
        body["username"] = "bob".into();
        body["permission"] = "MANAGE".into();
        for who in [ADMIN, ALICE] {
            for (method, verb) in [("POST", "create"), ("PATCH", "update"), ("DELETE", "delete")] {
                let answer = world.json(method, who, &format!("{base}/{verb}"), &body.to_string());
                assert_eq!(answer.status, 400, "{base}/{verb}: {}", answer.body);
            }
        }
    }
    assert!(world.database.rows("SELECT * FROM role_permissions").is_empty());
}

#[test]
fn a_user_is_shown_with_the_grants_that_clients_of_3_12_read() {
    let world = World::new();
    grant(&world, ADMIN, "scorer", "1/my%20sc", "DENY");
    grant(&world, ADMIN, "prompt", "p", "READ");
    grant(&world, ADMIN, "scorer", "*", "READ");
    let user = world.get(BOB, "/api/2.0/mlflow/users/get?username=bob").json()["user"].clone();
    let scorer = json!({ "experiment_id": "1", "scorer_name": "my sc", "permission": "NO_PERMISSIONS", "user_id": 3 });
    assert_eq!(user["scorer_permissions"], json!([scorer]));
    assert_eq!(user["registered_model_permissions"][0]["name"], "p");
}

#[test]
fn the_endpoints_of_workspaces_say_that_there_are_none() {
    let world = World::new();
    let text = |rule: &str| {
        format!(
            "Endpoint: /api/3.0/mlflow/{rule} disabled because the server is running without workspaces support. To enable \
             workspace, run `mlflow server` with `--enable-workspaces`"
        )
    };
    let of_one = "workspaces/<workspace_name>/permissions";
    for (method, path, rule) in [
        ("GET", "workspaces/default/permissions", of_one),
        ("POST", "workspaces/default/permissions", of_one),
        ("DELETE", "workspaces/x/permissions?username=bob", of_one),
        ("GET", "workspace-permissions?username=bob", "workspace-permissions"),
    ] {
        let target = format!("/api/3.0/mlflow/{path}");
        let send = |who: &str| {
            let authorization = crate::support::basic(who);
            let body = (method == "POST").then_some(&b"{}"[..]);
            world.send(
                method,
                &target,
                &[("Authorization", &authorization), ("Content-Type", "application/json")],
                body,
            )
        };
        let answer = send(ADMIN);
        assert_eq!((answer.status, answer.body.as_str()), (503, text(rule).as_str()));
        assert_eq!(answer.headers.get("Content-Type"), Some("text/html; charset=utf-8"));
        denied(&send(ALICE));
    }
    assert!(world.mlflow.seen.borrow().is_empty());
}

// --- who may see this? ----------------------------------------------------------------------------------------------

#[test]
fn a_holder_of_manage_sees_who_has_what_and_why() {
    let world = World::new();
    world.grant(2, "experiment", "1", "MANAGE");
    let team = role(&world, "default", "team", &[("experiment", "*", "EDIT"), ("experiment", "1", "READ")], &[2, 3]);
    let empty = role(&world, "default", "nobody", &[("experiment", "1", "DENY")], &[]);
    role(&world, "elsewhere", "team", &[("experiment", "1", "MANAGE")], &[3]);
    role(&world, "default", "others", &[("experiment", "2", "MANAGE"), ("run", "*", "MANAGE")], &[3]);
    let target = format!("{HOLDERS}?resource_type=experiment&resource_id=1");
    let answer = world.get(ALICE, &target);
    let edit = json!({ "id": 2, "role_id": team, "role_name": "team", "resource_type": "experiment",
        "resource_pattern": "*", "permission": "EDIT" });
    let own = json!({ "id": 1, "role_id": 1, "role_name": "__user_2__", "resource_type": "experiment",
        "resource_pattern": "1", "permission": "MANAGE" });
    let deny = json!({ "id": 4, "role_id": empty, "role_name": "nobody", "resource_type": "experiment",
        "resource_pattern": "1", "permission": "DENY" });
    assert_eq!(
        answer.json(),
        json!({
            "resource_type": "experiment", "resource_id": "1", "default_permission": "READ",
            "users": [
                { "user_id": 1, "username": "admin", "permission": "MANAGE", "reason": "administrator", "grant": null },
                { "user_id": 2, "username": "alice", "permission": "MANAGE", "reason": "grant", "grant": own },
                { "user_id": 3, "username": "bob", "permission": "EDIT", "reason": "grant", "grant": edit },
            ],
            "roles": [
                { "role_id": team, "role_name": "team", "permission": "EDIT", "reason": "grant", "grant": edit },
                { "role_id": empty, "role_name": "nobody", "permission": "DENY", "reason": "grant", "grant": deny },
            ],
        })
    );
    assert_eq!(world.cost(|| world.get(ALICE, &target)), (2, 0, 0));
    denied(&world.get(BOB, &target));
    assert_eq!(world.get(ADMIN, &target).json(), answer.json());
    // it is what a request of theirs would be decided by
    for (who, may) in [(ALICE, 200), (BOB, 200)] {
        let body = r#"{"experiment_id":"1","new_name":"x"}"#;
        assert_eq!(world.post(who, "/api/2.0/mlflow/experiments/update", body).status, may);
    }
    role(&world, "default", "heads", &[("workspace", "*", "MANAGE")], &[3]);
    let bob = world.get(ALICE, &target).json()["users"][2].clone();
    assert_eq!((&bob["permission"], &bob["reason"]), (&json!("MANAGE"), &json!("workspace_manager")));
    // of every experiment, for those who may grant that
    let every = format!("{HOLDERS}?resource_type=experiment&resource_id=%2A");
    denied(&world.get(ALICE, &every));
    assert_eq!(world.get(BOB, &every).status, 200);
    assert_eq!(told(&world.get(ADMIN, &format!("{HOLDERS}?resource_type=run&resource_id=1"))).0, 400);
}

// --- new things and new users ---------------------------------------------------------------------------------------

const NEW_EXPERIMENT: &str = "/api/2.0/mlflow/experiments/create";
const NEW_MODEL: &str = "/api/2.0/mlflow/registered-models/create";

#[test]
fn making_experiments_and_models_can_be_kept_for_some() {
    let may = |world: &World, who: &str| {
        let experiment = world.post(who, NEW_EXPERIMENT, r#"{"name":"x"}"#).status;
        (experiment, world.post(who, NEW_MODEL, r#"{"name":"x"}"#).status)
    };
    let world = World::new();
    assert_eq!(may(&world, ALICE), (200, 200));
    let world = World::with(&[("CREATE_EXPERIMENTS", "administrators"), ("CREATE_MODELS", "everyone")]);
    world.add_users();
    assert_eq!((may(&world, ADMIN), may(&world, ALICE)), ((200, 200), (403, 200)));
    role(&world, "default", "heads", &[("workspace", "*", "MANAGE")], &[2]);
    assert_eq!(may(&world, ALICE), (200, 200), "a manager of the workspace");

    let world = World::with(&[("CREATE_MODELS", "publishers, team")]);
    world.add_users();
    assert_eq!(may(&world, ALICE), (200, 403));
    role(&world, "elsewhere", "publishers", &[], &[2]);
    assert_eq!(may(&world, ALICE), (200, 403), "the role of another workspace is another role");
    role(&world, "default", "publishers", &[], &[2]);
    assert_eq!(may(&world, ALICE), (200, 200));
    role(&world, "default", "no-models", &[("registered_model", "*", "DENY")], &[2]);
    assert_eq!(may(&world, ALICE), (200, 403), "DENY is DENY");
    assert_eq!(may(&world, BOB), (200, 403));
    assert_eq!(may(&world, ADMIN), (200, 200));
}

#[test]
fn new_users_have_their_roles_from_the_start() {
    let world = World::with(&[("DEFAULT_ROLES", "readers,writers")]);
    let create = |name: &str| {
        let body = format!(r#"{{"username":"{name}","password":"{name}-password-1"}}"#);
        world.post(ADMIN, "/api/2.0/mlflow/users/create", &body)
    };
    let readers = role(&world, "default", "readers", &[("experiment", "*", "DENY")], &[]);
    let refused = create("alice");
    assert_eq!(
        told(&refused),
        (503, "No user was created: a role that new users are given (DEFAULT_ROLES) does not exist.".to_owned())
    );
    assert!(refused.log[0].contains("writers") && !refused.log[0].contains("readers"), "{:?}", refused.log);
    assert_eq!(world.database.rows("SELECT * FROM users").len(), 1, "the administrator");
    role(&world, "elsewhere", "writers", &[], &[]);
    assert_eq!(create("alice").status, 503);
    let writers = role(&world, "default", "writers", &[], &[]);
    let (statements, ..) = world.cost(|| assert_eq!(create("alice").status, 200));
    assert_eq!(statements, 2);
    let roles = || {
        let rows = world.database.rows("SELECT role_id FROM user_role_assignments ORDER BY role_id");
        rows.iter().map(|row| row["role_id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(roles(), [readers, writers]);
    assert_eq!(world.get(ALICE, "/api/2.0/mlflow/experiments/get?experiment_id=1").status, 403, "as the role says");
    // who is there already is given nothing
    world.database.execute("DELETE FROM user_role_assignments");
    assert_eq!(told(&create("alice")), (400, "User (username=alice) already exists.".to_owned()));
    assert!(roles().is_empty());
    let wrong = [
        ("DEFAULT_ROLES", "everyone"),
        ("CREATE_MODELS", "everyone,a"),
        ("CREATE_EXPERIMENTS", "__user_2__"),
        ("CREATE_MODELS", ","),
    ];
    for (name, value) in wrong {
        let get = |wanted: &str| match wanted {
            "ORIGIN_URL" => Some("http://origin".to_owned()),
            wanted => (wanted == name).then(|| value.to_owned()),
        };
        let error = mlflow_edge_auth::config::Config::parse(get).err().expect(value);
        assert!(error.contains(name), "{error}");
    }
}

// --- cost -----------------------------------------------------------------------------------------------------------

/// A user with so many grants among as many rows of others.
fn crowded(own: usize, others: usize) -> World {
    let world = World::new();
    world.database.execute(&format!(
        "INSERT INTO roles (name, workspace, user_id) VALUES ('__user_3__', 'default', 3);
         INSERT INTO user_role_assignments (user_id, role_id) SELECT 3, id FROM roles WHERE user_id = 3;
         INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {own})
           SELECT r.id, 'experiment', i, 'EDIT' FROM roles AS r, n WHERE r.user_id = 3;"
    ));
    if others > 0 {
        world.database.execute(&format!(
            "INSERT INTO users (id, username, password_hash)
               WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 1099) SELECT i, 'u' || i, '' FROM n;
             INSERT INTO roles (name, workspace, user_id) SELECT '__user_' || id || '__', 'default', id FROM users WHERE id >= 100;
             INSERT INTO user_role_assignments (user_id, role_id) SELECT user_id, id FROM roles WHERE user_id >= 100;
             INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
               WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {others} / 1000)
               SELECT r.id, 'experiment', i, 'EDIT' FROM roles AS r, n WHERE r.user_id >= 100;"
        ));
    }
    world
}

/// Steps of SQLite's machine for one request.
fn steps(world: &World, request: impl Fn(&World) -> Answer) -> i64 {
    assert!(request(world).status < 400); // the password is known from now on
    let before = world.database.steps.get();
    assert!(request(world).status < 400);
    world.database.steps.get() - before
}

#[test]
fn a_decision_reads_no_rows_of_others_and_not_all_of_ones_own() {
    let requests: [fn(&World) -> Answer; 3] = [
        |world| world.get(BOB, "/api/2.0/mlflow/experiments/get?experiment_id=1"),
        |world| world.get(BOB, &format!("{GET}?username=bob&resource_type=experiment&resource_id=1")),
        |world| world.get(BOB, "/api/2.0/mlflow/runs/get?run_id=r1"),
    ];
    for request in requests {
        let alone = steps(&crowded(1, 0), request);
        assert!(alone > 20, "{alone}: they are counted");
        for own in [1, 50, 1000] {
            let crowded = steps(&crowded(own, 200_000), request);
            assert!(crowded <= alone + 10, "{own} grants: {crowded} steps, and {alone} alone with one");
        }
    }
}
