//! The role endpoints of MLflow 3.17: their exchanges, who may call them, and what a role does from the next request on.

use crate::support::scheduler::{Ask, Choices, Deployment, Effects, Memory};
use crate::support::{ADMIN, ALICE, Answer, BOB, World, basic};
use serde_json::{Value, json};

const CAROL: &str = "carol:carol-password-1";
const DAVE: &str = "dave:dave-password-1";
const EXPERIMENT: &str = "/api/2.0/mlflow/experiments/get?experiment_id=1";
const USERS: &str = "/api/2.0/mlflow/users";
const FORBIDDEN: &str = "Permission denied";

/// The administrator (1), and nothing granted: alice (2) manages `default` by role 1 and bob (3) `other` by role 2,
/// carol (4) has role 3 of `default`, dave (5) none.
fn world() -> World {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    for name in ["carol", "dave"] {
        let body = json!({ "username": name, "password": format!("{name}-password-1") });
        assert_eq!(world.post(ADMIN, &format!("{USERS}/create"), &body.to_string()).status, 200);
    }
    world.database.execute(
        "INSERT INTO roles (name, workspace) VALUES ('managers', 'default'), ('leads', 'other'), ('readers', 'default');
         INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
           VALUES (1, 'workspace', '*', 'MANAGE'), (2, 'workspace', '*', 'MANAGE'), (3, 'experiment', '7', 'READ');
         INSERT INTO user_role_assignments (user_id, role_id) VALUES (2, 1), (3, 2), (4, 3)",
    );
    world
}

/// Sends a request to `/api/3.0/mlflow`: parameters of a GET are its query, and else a body of JSON.
fn ask(world: &World, user: &str, method: &str, path: &str, parameters: Value) -> Answer {
    let target = format!("/api/3.0/mlflow/{path}");
    if method != "GET" {
        return world.json(method, user, &target, &parameters.to_string());
    }
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    let pairs = parameters.as_object().unwrap().iter().map(|(name, value)| format!("{name}={}", text(value)));
    world.get(user, &format!("{target}?{}", pairs.collect::<Vec<_>>().join("&")))
}

#[track_caller]
fn is_told(answer: &Answer, status: u16, code: &str, message: &str) {
    let body = format!(r#"{{"error_code": "{code}", "message": {}}}"#, json!(message));
    assert_eq!((answer.status, answer.body.as_str()), (status, body.as_str()));
}

#[track_caller]
fn is_invalid(answer: &Answer, message: &str) {
    is_told(answer, 400, "INVALID_PARAMETER_VALUE", message);
}

#[track_caller]
fn is_absent(answer: &Answer, message: &str) {
    is_told(answer, 404, "RESOURCE_DOES_NOT_EXIST", message);
}

#[track_caller]
fn is_there_already(answer: &Answer, message: &str) {
    is_told(answer, 400, "RESOURCE_ALREADY_EXISTS", message);
}

#[track_caller]
fn is_answered(answer: &Answer, body: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (200, format!("{body}\n").as_str()));
}

fn count(world: &World, table: &str) -> i64 {
    world.database.rows(&format!("SELECT count(*) AS n FROM {table}"))[0]["n"].as_i64().unwrap()
}

/// Everything about roles that is stored.
fn stored(world: &World) -> String {
    ["roles", "role_permissions", "user_role_assignments"]
        .map(|table| format!("{:?}", world.database.rows(&format!("SELECT * FROM {table} ORDER BY id"))))
        .concat()
}

// --- the exchanges ---------------------------------------------------------------------------------------------------

#[test]
fn the_exchanges_of_an_administrator_are_mlflows() {
    let world = World::new();
    let admin = |method: &str, path: &str, parameters: Value| ask(&world, ADMIN, method, path, parameters);
    let nobody = || admin("GET", "roles/list", json!({}));
    is_answered(&nobody(), r#"{"roles":[]}"#);

    let create = json!({"name": "readers", "workspace": "default", "description": "read all"});
    let made = r#"{"role":{"description":"read all","id":1,"name":"readers","permissions":[],"workspace":"default"}}"#;
    is_answered(&admin("POST", "roles/create", create.clone()), made);
    is_there_already(&admin("POST", "roles/create", create), "Role (name=readers, workspace=default) already exists.");
    is_answered(&admin("GET", "roles/get", json!({"role_id": 1})), made);
    is_absent(&admin("GET", "roles/get", json!({"role_id": 99})), "Role with id=99 not found");
    is_answered(
        &admin("POST", "roles/create", json!({"name": "readers", "workspace": "nowhere"})),
        r#"{"role":{"description":null,"id":2,"name":"readers","permissions":[],"workspace":"nowhere"}}"#,
    );

    let add = |role: i64, kind: &str, pattern: Value, level: &str| {
        let body = json!({"role_id": role, "resource_type": kind, "resource_pattern": pattern, "permission": level});
        admin("POST", "roles/permissions/add", body)
    };
    let permission = r#"{"id":1,"permission":"EDIT","resource_pattern":"*","resource_type":"experiment","role_id":1}"#;
    is_answered(&add(1, "experiment", json!("*"), "EDIT"), &format!(r#"{{"role_permission":{permission}}}"#));
    is_there_already(
        &add(1, "experiment", json!("*"), "READ"),
        "Role permission (role_id=1, resource_type=experiment, resource_pattern=*) already exists.",
    );
    is_answered(
        &add(1, "experiment", json!(12), "USE"),
        r#"{"role_permission":{"id":2,"permission":"USE","resource_pattern":"12","resource_type":"experiment","role_id":1}}"#,
    );
    is_absent(&add(99, "run", json!("*"), "READ"), "Role with id=99 not found");
    is_answered(&admin("GET", "roles/permissions/list", json!({"role_id": 2})), r#"{"role_permissions":[]}"#);
    let listed = admin("GET", "roles/permissions/list", json!({"role_id": 1})).json();
    let patterns = listed["role_permissions"].as_array().unwrap().iter().map(|p| p["resource_pattern"].clone());
    assert_eq!(patterns.collect::<Vec<_>>(), [json!("*"), json!("12")]);
    is_absent(&admin("GET", "roles/permissions/list", json!({"role_id": 99})), "Role with id=99 not found");
    is_answered(
        &admin("PATCH", "roles/permissions/update", json!({"role_permission_id": 2, "permission": "DENY"})),
        r#"{"role_permission":{"id":2,"permission":"DENY","resource_pattern":"12","resource_type":"experiment","role_id":1}}"#,
    );
    is_answered(&admin("DELETE", "roles/permissions/remove", json!({"role_permission_id": 2})), "{}");
    is_absent(
        &admin("DELETE", "roles/permissions/remove", json!({"role_permission_id": 2})),
        "Role permission with id=2 not found",
    );

    let assign = |name: &str, role: i64| admin("POST", "roles/assign", json!({"username": name, "role_id": role}));
    let unassign =
        |name: &str, role: i64| admin("DELETE", "roles/unassign", json!({"username": name, "role_id": role}));
    is_answered(&assign("alice", 1), r#"{"assignment":{"id":1,"role_id":1,"user_id":2}}"#);
    is_there_already(&assign("alice", 1), "User role assignment (user_id=2, role_id=1) already exists");
    is_absent(&assign("nobody", 99), "User with username=nobody not found");
    is_absent(&assign("alice", 99), "Role with id=99 not found");
    is_answered(&assign("admin", 1), r#"{"assignment":{"id":2,"role_id":1,"user_id":1}}"#);
    is_answered(
        &admin("GET", "roles/users/list", json!({"role_id": 1})),
        r#"{"assignments":[{"id":1,"role_id":1,"user_id":2},{"id":2,"role_id":1,"user_id":1}]}"#,
    );
    is_absent(&admin("GET", "roles/users/list", json!({"role_id": 99})), "Role with id=99 not found");
    let readers = format!(
        r#"{{"description":"read all","id":1,"name":"readers","permissions":[{permission}],"workspace":"default"}}"#
    );
    is_answered(
        &admin("GET", "users/roles/list", json!({"username": "alice"})),
        &format!(r#"{{"roles":[{readers}]}}"#),
    );
    is_absent(&admin("GET", "users/roles/list", json!({"username": "nobody"})), "User with username=nobody not found");
    is_answered(
        &world.get(ADMIN, &format!("{USERS}/list")),
        &format!(
            r#"{{"users":[{{"id":1,"is_admin":true,"roles":[{readers}],"username":"admin"}},{{"id":2,"is_admin":false,"roles":[{readers}],"username":"alice"}},{{"id":3,"is_admin":false,"roles":[],"username":"bob"}}]}}"#
        ),
    );
    is_answered(&unassign("admin", 1), "{}");
    is_absent(&unassign("admin", 1), "User role assignment (user_id=1, role_id=1) not found");
    is_absent(&unassign("bob", 99), "User role assignment (user_id=3, role_id=99) not found");
    is_absent(&unassign("nobody", 99), "User with username=nobody not found");

    let update = |body: Value| admin("PATCH", "roles/update", body);
    is_answered(
        &update(json!({"role_id": "1", "name": "writers", "workspace": "ignored"})),
        &format!(r#"{{"role":{}}}"#, readers.replace("readers", "writers")),
    );
    is_answered(
        &update(json!({"role_id": 1, "name": "writers", "description": ""})),
        &format!(r#"{{"role":{}}}"#, readers.replace("readers", "writers").replace("read all", "")),
    );
    assert_eq!(admin("POST", "roles/create", json!({"name": "a", "workspace": "default"})).status, 200);
    is_there_already(
        &update(json!({"role_id": 3, "name": "writers"})),
        "Role with name=writers already exists in workspace=default",
    );
    is_absent(&update(json!({"role_id": 99, "name": "writers"})), "Role with id=99 not found");
    let nowhere = admin("GET", "roles/list", json!({"workspace": "nowhere"})).json();
    assert_eq!(nowhere["roles"].as_array().unwrap().len(), 1);
    is_answered(&admin("GET", "roles/list", json!({"workspace": "unknown"})), r#"{"roles":[]}"#);
    let both = admin("GET", "roles/list", json!({"workspace": "nowhere&workspace=default"})).json();
    let ids = both["roles"].as_array().unwrap().iter().map(|role| role["id"].as_i64().unwrap());
    assert_eq!(ids.collect::<Vec<_>>(), [1, 2, 3]);

    is_answered(&admin("DELETE", "roles/delete", json!({"role_id": 1})), "{}");
    is_absent(&admin("DELETE", "roles/delete", json!({"role_id": 1})), "Role with id=1 not found");
    let in_query =
        world.send("DELETE", "/ajax-api/3.0/mlflow/roles/delete?role_id=2", &[("Authorization", &basic(ADMIN))], None);
    is_answered(&in_query, "{}");
    assert_eq!((count(&world, "role_permissions"), count(&world, "user_role_assignments")), (0, 0));
    assert!(world.mlflow.seen.borrow().is_empty(), "the origin hears nothing of it");
}

/// Caller, method, target, body, status and answer: what MLflow 3.17.2 with basic-auth, and workspaces off, answered to
/// its own client in the conversation of tests/e2e/test_roles.py, without the SQL in its messages.
type Exchange = (String, String, String, Value, u16, Value);

#[test]
fn mlflows_own_client_is_answered_as_by_mlflow() {
    let exchanges: Vec<Exchange> = serde_json::from_str(include_str!("../fixtures/roles-3.17.2.json")).unwrap();
    assert_eq!(exchanges.len(), 102);
    let world = World::new();
    world.database.execute("DELETE FROM users WHERE id > 1; UPDATE sqlite_sequence SET seq = 1 WHERE name = 'users'");
    for (number, (who, method, target, body, status, theirs)) in exchanges.iter().enumerate() {
        let user = if who == "admin" { ADMIN.to_owned() } else { format!("{who}:{who}-password-12") };
        let answer = match body {
            Value::Null => world.send(method, target, &[("Authorization", &basic(&user))], None),
            body => world.json(method, &user, target, &body.to_string()),
        };
        assert_eq!(answer.status, *status, "{number}: {who} {method} {target} {body}: {}", answer.body);
        if target.ends_with("/users/create") {
            continue; // a user is shown in one form to the clients of all releases
        }
        let ours = serde_json::from_str(&answer.body).unwrap_or_else(|_| json!(answer.body));
        assert_eq!(without_dot(ours), without_dot(theirs.clone()), "{number}: {who} {method} {target} {body}");
    }
}

/// MLflow up to 3.17 has SQL behind some messages, and so no full stop.
fn without_dot(mut answer: Value) -> Value {
    if let Some(Value::String(message)) = answer.get_mut("message") {
        *message = message.trim_end_matches('.').to_owned();
    }
    answer
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_mlflows_order_and_words() {
    let world = world();
    let before = stored(&world);
    let missing = |name: &str| {
        format!(
            "Missing value for required parameter '{name}'. See the API docs for more information about request parameters."
        )
    };
    let level = |level: &str| {
        format!(
            "Invalid permission '{level}'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS', 'DENY')"
        )
    };
    let integer = |name: &str, got: &str| format!("Parameter '{name}' must be an integer. Got: {got}");
    let reserved = "Role name '__user_x' uses the reserved '__user_' prefix, which is held for the per-user permission representation. Choose a different name.";
    let types = "('assessment', 'experiment', 'gateway_endpoint', 'gateway_model_definition', 'gateway_secret', 'logged_model', 'mcp_server', 'mcp_server_version', 'prompt', 'prompt_version', 'registered_model', 'registered_model_version', 'review_queue', 'run', 'scorer', 'scorer_version', 'trace', 'workspace')";
    let (long, longer) = ("n".repeat(256), "d".repeat(1025));
    let add = |kind: Value, pattern: Value, level: Value| json!({"role_id": 99, "resource_type": kind, "resource_pattern": pattern, "permission": level});
    let no_levels = "Invalid permission 'NO_PERMISSIONS' for resource_type='run'. Resource-level grants accept only: ('DENY', 'EDIT', 'MANAGE', 'READ', 'USE').";
    let no_workspace_level = "Invalid permission 'READ' for resource_type='workspace'. Workspace-wide grants accept only: ('MANAGE', 'USE').";
    #[rustfmt::skip]
    let cases: Vec<(&str, &str, Value, String)> = vec![
        ("POST", "roles/create", json!({}), missing("name")),
        ("POST", "roles/create", json!({"name": 1}), missing("workspace")),
        ("POST", "roles/create", json!({"name": 1, "workspace": 1}), "Role name cannot be empty.".into()),
        ("POST", "roles/create", json!({"name": " ", "workspace": 1}), "Role name cannot be empty.".into()),
        ("POST", "roles/create", json!({"name": "__user_x", "workspace": " "}), "Workspace cannot be empty.".into()),
        ("POST", "roles/create", json!({"name": "__user_x", "workspace": null}), "Workspace cannot be empty.".into()),
        ("POST", "roles/create", json!({"name": "__user_x", "workspace": "w", "description": 1}), "Role description must be a string or null.".into()),
        ("POST", "roles/create", json!({"name": "__user_x", "workspace": "w", "description": longer}), reserved.into()),
        ("POST", "roles/create", json!({"name": long, "workspace": "w", "description": longer}), "'Role name' exceeds the maximum length of 255 characters".into()),
        ("POST", "roles/create", json!({"name": "n", "workspace": "w", "description": longer}), "'Role description' exceeds the maximum length of 1024 characters".into()),
        ("GET", "roles/get", json!({}), missing("role_id")),
        ("GET", "roles/get", json!({"role_id": "abc"}), integer("role_id", "'abc'")),
        ("GET", "roles/get", json!({"role_id": ""}), integer("role_id", "''")),
        ("GET", "roles/list", json!({"workspace": ""}), "Parameter 'workspace' must be a non-empty string when provided.".into()),
        ("GET", "roles/list", json!({"workspace": "default&workspace=+"}), "Parameter 'workspace' must be a non-empty string when provided.".into()),
        ("PATCH", "roles/update", json!({"name": "n"}), missing("role_id")),
        ("PATCH", "roles/update", json!({"role_id": true, "name": "n"}), integer("role_id", "True")),
        ("PATCH", "roles/update", json!({"role_id": 1, "name": null, "description": null}), "At least one of 'name' or 'description' must be provided to update a role.".into()),
        ("PATCH", "roles/update", json!({"role_id": 99, "name": "", "description": 1}), "Role name cannot be empty.".into()),
        ("PATCH", "roles/update", json!({"role_id": 99, "name": "__user_x", "description": 1}), "Role description must be a string.".into()),
        ("PATCH", "roles/update", json!({"role_id": 99, "name": "__user_x"}), reserved.into()),
        ("PATCH", "roles/update", json!({"role_id": 99, "name": long}), "'Role name' exceeds the maximum length of 255 characters".into()),
        ("PATCH", "roles/update", json!({"role_id": 99, "description": longer}), "'Role description' exceeds the maximum length of 1024 characters".into()),
        ("DELETE", "roles/delete", json!({}), missing("role_id")),
        ("DELETE", "roles/delete", json!({"role_id": 1.5}), integer("role_id", "1.5")),
        ("POST", "roles/permissions/add", json!({}), missing("role_id")),
        ("POST", "roles/permissions/add", json!({"role_id": "1_0"}), integer("role_id", "'1_0'")),
        ("POST", "roles/permissions/add", json!({"role_id": 1}), missing("resource_type")),
        ("POST", "roles/permissions/add", json!({"role_id": 1, "resource_type": "xx"}), missing("resource_pattern")),
        ("POST", "roles/permissions/add", json!({"role_id": 1, "resource_type": "xx", "resource_pattern": "5"}), missing("permission")),
        ("POST", "roles/permissions/add", add("xx".into(), "5".into(), "YY".into()), level("YY")),
        ("POST", "roles/permissions/add", add("xx".into(), "5".into(), Value::Null), level("None")),
        ("POST", "roles/permissions/add", add("xx".into(), "5".into(), "NO_PERMISSIONS".into()), format!("Invalid resource type 'xx'. Valid resource types are: {types}")),
        ("POST", "roles/permissions/add", add("run".into(), "5".into(), "NO_PERMISSIONS".into()), no_levels.into()),
        ("POST", "roles/permissions/add", add("workspace".into(), "5".into(), "READ".into()), no_workspace_level.into()),
        ("POST", "roles/permissions/add", add("run".into(), "5".into(), "READ".into()), "Invalid resource_pattern '5' for resource_type='run'. This resource type supports only wildcard ('*') grants.".into()),
        ("POST", "roles/permissions/add", add("workspace".into(), "default".into(), "USE".into()), "Invalid resource_pattern 'default' for resource_type='workspace'. This resource type supports only wildcard ('*') grants.".into()),
        ("POST", "roles/permissions/add", add("experiment".into(), "01".into(), "READ".into()), "Invalid experiment ID: '01'.".into()),
        ("POST", "roles/permissions/add", add("prompt".into(), "".into(), "READ".into()), "Parameter 'resource_pattern' must be a non-empty string.".into()),
        ("POST", "roles/permissions/add", add("prompt".into(), Value::Null, "READ".into()), "Invalid value for parameter 'resource_pattern': a string is expected.".into()),
        ("POST", "roles/permissions/add", add("prompt".into(), 1.5.into(), "READ".into()), "Invalid value for parameter 'resource_pattern': a string is expected.".into()),
        ("POST", "roles/permissions/add", add("prompt".into(), long.clone().into(), "READ".into()), "'Resource pattern' exceeds the maximum length of 255 characters".into()),
        ("PATCH", "roles/permissions/update", json!({"permission": "zz"}), missing("role_permission_id")),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 3}), missing("permission")),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 3, "permission": "zz"}), level("zz")),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 3, "permission": "NO_PERMISSIONS"}), no_levels.replace("'run'", "'experiment'")),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 1, "permission": "READ"}), no_workspace_level.into()),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 1, "permission": "zz"}), level("zz")),
        ("DELETE", "roles/permissions/remove", json!({"role_permission_id": []}), integer("role_permission_id", "[]")),
        ("POST", "roles/assign", json!({"role_id": "x"}), missing("username")),
        ("POST", "roles/assign", json!({"username": "nobody"}), missing("role_id")),
        ("POST", "roles/assign", json!({"username": "nobody", "role_id": "x"}), integer("role_id", "'x'")),
        ("POST", "roles/assign", json!({"username": 5, "role_id": 1}), "Invalid value for parameter 'username': a string is expected.".into()),
        ("DELETE", "roles/unassign", json!({"username": "carol"}), missing("role_id")),
        ("GET", "users/roles/list", json!({}), missing("username")),
        ("GET", "roles/users/list", json!({"role_id": "- 1"}), integer("role_id", "'- 1'")),
    ];
    for (method, path, parameters, message) in cases {
        let answer = ask(&world, ADMIN, method, path, parameters.clone());
        let body = answer.json();
        assert_eq!(
            (answer.status, body["message"].as_str()),
            (400, Some(message.as_str())),
            "{method} {path} {parameters}"
        );
        assert_eq!(body["error_code"], "INVALID_PARAMETER_VALUE");
    }
    is_absent(
        &ask(&world, ADMIN, "PATCH", "roles/permissions/update", json!({"role_permission_id": 99, "permission": "zz"})),
        "Role permission with id=99 not found",
    );
    // a body that is no JSON object has no parameters
    let create = "/api/3.0/mlflow/roles/create";
    let sent = |kind: &str, body: &str| {
        world.send("POST", create, &[("Authorization", &basic(ADMIN)), ("Content-Type", kind)], Some(body.as_bytes()))
    };
    for (kind, body) in [
        ("text/plain", r#"{"name":"n","workspace":"w"}"#),
        ("application/json", "[]"),
        ("application/json", ""),
        ("application/json", "null"),
        ("application/json", r#"{"name":"n","#),
    ] {
        is_invalid(&sent(kind, body), &missing("name"));
    }
    assert_eq!(stored(&world), before, "and nothing was changed");
    // wrong methods, and versions that there are not
    let list = world.post(ADMIN, "/api/3.0/mlflow/roles/list", "{}");
    assert_eq!((list.status, list.headers.get("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert_eq!(world.get(DAVE, "/api/2.0/mlflow/roles/list").status, 403);
}

// --- who -------------------------------------------------------------------------------------------------------------

/// The callers of the matrix.
const CALLERS: [&str; 5] = [ADMIN, ALICE, BOB, CAROL, DAVE];

#[test]
fn managers_change_and_members_see_the_roles_of_their_workspace() {
    // administrator, manager of default, manager of another workspace, member of default, stranger
    #[rustfmt::skip]
    let table: &[(&str, &str, Value, [u16; 5])] = &[
        ("POST", "roles/create", json!({"name": "n", "workspace": "default"}), [200, 200, 403, 403, 403]),
        ("POST", "roles/create", json!({"name": "n", "workspace": "other"}), [200, 403, 200, 403, 403]),
        ("POST", "roles/create", json!({"name": "n", "workspace": "third"}), [200, 403, 403, 403, 403]),
        ("GET", "roles/get", json!({"role_id": 3}), [200, 200, 403, 200, 403]),
        ("GET", "roles/get", json!({"role_id": 2}), [200, 403, 200, 403, 403]),
        ("GET", "roles/get", json!({"role_id": 99}), [404, 403, 403, 403, 403]),
        ("GET", "roles/list", json!({}), [200, 403, 403, 403, 403]),
        ("GET", "roles/list", json!({"workspace": "default"}), [200, 200, 403, 200, 403]),
        ("GET", "roles/list", json!({"workspace": "default&workspace=other"}), [200, 403, 403, 403, 403]),
        ("GET", "roles/list", json!({"workspace": "default&workspace=nowhere"}), [200, 403, 403, 403, 403]),
        ("GET", "roles/list", json!({"workspace": "+default"}), [200, 403, 403, 403, 403]),
        ("GET", "roles/list", json!({"workspace": ""}), [400, 403, 403, 403, 403]),
        ("PATCH", "roles/update", json!({"role_id": 3, "name": "n"}), [200, 200, 403, 403, 403]),
        ("PATCH", "roles/update", json!({"role_id": 99, "name": "n"}), [404, 403, 403, 403, 403]),
        ("DELETE", "roles/delete", json!({"role_id": 3}), [200, 200, 403, 403, 403]),
        ("DELETE", "roles/delete", json!({"role_id": 2}), [200, 403, 200, 403, 403]),
        ("POST", "roles/permissions/add", json!({"role_id": 3, "resource_type": "run", "resource_pattern": "*", "permission": "READ"}), [200, 200, 403, 403, 403]),
        ("DELETE", "roles/permissions/remove", json!({"role_permission_id": 3}), [200, 200, 403, 403, 403]),
        ("DELETE", "roles/permissions/remove", json!({"role_permission_id": 99}), [404, 403, 403, 403, 403]),
        ("GET", "roles/permissions/list", json!({"role_id": 3}), [200, 200, 403, 200, 403]),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 3, "permission": "EDIT"}), [200, 200, 403, 403, 403]),
        ("PATCH", "roles/permissions/update", json!({"role_permission_id": 2, "permission": "USE"}), [200, 403, 200, 403, 403]),
        ("POST", "roles/assign", json!({"username": "dave", "role_id": 3}), [200, 200, 403, 403, 403]),
        ("POST", "roles/assign", json!({"username": "dave", "role_id": 2}), [200, 403, 200, 403, 403]),
        ("POST", "roles/assign", json!({"username": "nobody", "role_id": 2}), [404, 403, 404, 403, 403]),
        ("DELETE", "roles/unassign", json!({"username": "carol", "role_id": 3}), [200, 200, 403, 403, 403]),
        ("GET", "roles/users/list", json!({"role_id": 3}), [200, 200, 403, 403, 403]),
        ("GET", "users/roles/list", json!({"username": "carol"}), [200, 200, 403, 200, 403]),
        ("GET", "users/roles/list", json!({"username": "dave"}), [200, 403, 403, 403, 200]),
        ("GET", "users/roles/list", json!({"username": "nobody"}), [404, 403, 403, 403, 403]),
    ];
    for (method, path, parameters, expected) in table {
        let found = CALLERS.map(|user| {
            let world = world();
            let before = stored(&world);
            let answer = ask(&world, user, method, path, parameters.clone());
            if answer.status != 200 {
                assert_eq!(stored(&world), before, "{user} {method} {path} {parameters}");
            }
            if answer.status == 403 {
                assert_eq!(answer.body, FORBIDDEN);
            }
            answer.status
        });
        assert_eq!(&found, expected, "{method} {path} {parameters}");
        let anonymous = World::new();
        let target = format!("/api/3.0/mlflow/{path}");
        assert_eq!(
            anonymous.send(method, &target, &[], Some(b"{}").filter(|_| *method != "GET").map(|b| &b[..])).status,
            401
        );
    }
}

#[test]
fn of_others_who_are_no_administrators_the_ids_are_asked_for_first() {
    let world = world();
    let none = "Request must include one of: role_id, role_permission_id, workspace.";
    for user in [ALICE, DAVE] {
        is_invalid(&ask(&world, user, "POST", "roles/create", json!({"name": "x"})), none);
        is_invalid(&ask(&world, user, "GET", "roles/get", json!({})), none);
        is_invalid(
            &ask(&world, user, "POST", "roles/create", json!({"workspace": " "})),
            "Parameter 'workspace' must be a non-empty string.",
        );
        is_invalid(
            &ask(&world, user, "GET", "roles/get", json!({"role_id": "x"})),
            "Parameter 'role_id' must be an integer. Got: 'x'",
        );
        let missing = ask(&world, user, "GET", "users/roles/list", json!({})).json();
        assert!(missing["message"].as_str().unwrap().starts_with("Missing value for required parameter 'username'."));
    }
    // whoever may, is told the rest by the endpoint
    let missing = ask(&world, ALICE, "PATCH", "roles/update", json!({"workspace": "default"}));
    assert!(missing.json()["message"].as_str().unwrap().starts_with("Missing value for required parameter 'role_id'."));
    assert_eq!(ask(&world, DAVE, "PATCH", "roles/update", json!({"workspace": "default"})).status, 403);
}

#[test]
fn the_id_that_is_used_is_the_one_that_is_decided_on() {
    let world = world();
    let before = stored(&world);
    // bob manages `other`: role 2, permission 2; his own id beside a foreign one does not help
    #[rustfmt::skip]
    let foreign = [
        ("DELETE", "roles/permissions/remove", json!({"role_id": 2, "role_permission_id": 3})),
        ("PATCH", "roles/permissions/update", json!({"role_id": 2, "role_permission_id": 3, "permission": "EDIT"})),
        ("DELETE", "roles/permissions/remove", json!({"workspace": "other", "role_permission_id": 3})),
        ("POST", "roles/create", json!({"role_id": 2, "workspace": "default", "name": "n"})),
        ("POST", "roles/create", json!({"role_permission_id": 2, "workspace": "default", "name": "n"})),
        ("DELETE", "roles/delete", json!({"role_id": 3, "role_permission_id": 2})),
        ("DELETE", "roles/delete", json!({"role_id": 3, "workspace": "other"})),
        ("POST", "roles/assign", json!({"role_id": 3, "workspace": "other", "username": "bob"})),
        ("POST", "roles/create", json!({"role_id": 99, "workspace": "other", "name": "n"})),
        ("GET", "roles/get", json!({"role_id": 3, "workspace": "other"})),
    ];
    for (method, path, parameters) in foreign {
        let answer = ask(&world, BOB, method, path, parameters.clone());
        assert_eq!((answer.status, answer.body.as_str()), (403, FORBIDDEN), "{method} {path} {parameters}");
    }
    let twice = world.json("DELETE", BOB, "/api/3.0/mlflow/roles/delete?role_id=3", r#"{"role_id":2}"#);
    is_invalid(&twice, "Conflicting values for parameter 'role_id'.");
    assert_eq!(stored(&world), before);
    let agree = json!({"role_id": 2, "workspace": "other", "role_permission_id": 2});
    assert_eq!(ask(&world, BOB, "DELETE", "roles/permissions/remove", agree).status, 200);
}

#[test]
fn a_manager_makes_users_and_sees_the_roles_of_his_workspace_alone() {
    let world = world();
    let create = |user: &str, name: &str| {
        let body = json!({"username": name, "password": "some-password-1"}).to_string();
        world.post(user, &format!("{USERS}/create"), &body).status
    };
    assert_eq!([ALICE, BOB, CAROL, DAVE].map(|user| create(user, "x")), [200, 400, 403, 403], "the name is taken");
    let signup = |user: &str| world.get(user, "/signup").status;
    assert_eq!(CALLERS.map(signup), [200, 200, 200, 403, 403]);
    for (method, path, body) in [
        ("PATCH", "update-admin", r#"{"username":"alice","is_admin":true}"#),
        ("PATCH", "update-password", r#"{"username":"carol","password":"another-password"}"#),
        ("DELETE", "delete", r#"{"username":"carol"}"#),
    ] {
        assert_eq!(world.json(method, ALICE, &format!("{USERS}/{path}"), body).status, 403, "{path}");
    }
    assert_eq!(world.get(ALICE, &format!("{USERS}/get?username=carol")).status, 403);

    // everybody sees everybody; of others only the roles that one manages
    let roles = |user: &str| -> Vec<(String, Vec<String>)> {
        let answer = world.get(user, &format!("{USERS}/list"));
        assert_eq!(answer.status, 200);
        let names = |row: &Value| {
            row["roles"].as_array().unwrap().iter().map(|r| r["name"].as_str().unwrap().to_owned()).collect()
        };
        let users = answer.json()["users"].as_array().unwrap().clone();
        assert!(users.iter().all(|row| row.as_object().unwrap().len() == 4));
        users
            .iter()
            .map(|row| (row["username"].as_str().unwrap().to_owned(), names(row)))
            .filter(|(_, roles): &(String, Vec<String>)| !roles.is_empty())
            .collect()
    };
    world.grant(5, "experiment", "5", "READ");
    let row = |user: &str, role: &str| (user.to_owned(), vec![role.to_owned()]);
    let (alice, bob) = (row("alice", "managers"), row("bob", "leads"));
    let (carol, dave) = (row("carol", "readers"), row("dave", "__user_5__"));
    assert_eq!(roles(ADMIN), [alice.clone(), bob.clone(), carol.clone(), dave.clone()]);
    assert_eq!(roles(ALICE), [alice, carol.clone(), dave.clone()]);
    assert_eq!((roles(BOB), roles(CAROL), roles(DAVE)), (vec![bob], vec![carol], vec![dave]));

    let of_user = |user: &str, name: &str| -> Vec<i64> {
        let answer = ask(&world, user, "GET", "users/roles/list", json!({"username": name}));
        let roles = answer.json()["roles"].as_array().unwrap().clone();
        roles.iter().map(|role| role["id"].as_i64().unwrap()).collect()
    };
    world.database.execute("INSERT INTO user_role_assignments (user_id, role_id) VALUES (4, 2)");
    assert_eq!((of_user(ADMIN, "carol"), of_user(CAROL, "carol")), (vec![2, 3], vec![2, 3]));
    assert_eq!((of_user(ALICE, "carol"), of_user(BOB, "carol")), (vec![3], vec![2]), "those that they manage");
}

#[test]
fn a_manager_of_another_workspace_has_nothing_in_the_default_one() {
    let world = world();
    assert_eq!(world.get(ALICE, EXPERIMENT).status, 200);
    for user in [BOB, CAROL, DAVE] {
        assert_eq!(world.get(user, EXPERIMENT).status, 403, "{user}");
    }
}

#[test]
fn a_token_changes_no_role_unless_it_was_made_to_administer() {
    let world = world();
    let token = |user: &str, fields: Value| {
        let answer = world.post(user, &format!("{USERS}/tokens/create"), &fields.to_string()).json();
        format!("Bearer {}", answer["token_value"].as_str().unwrap())
    };
    let send = |authorization: &str, method: &str, path: &str, body: &str| {
        let headers = [("Authorization", authorization), ("Content-Type", "application/json")];
        let body = Some(body.as_bytes()).filter(|body| !body.is_empty());
        world.send(method, &format!("/api/3.0/mlflow/{path}"), &headers, body).status
    };
    let changes = [
        ("POST", "roles/create", r#"{"name":"n","workspace":"default"}"#),
        ("PATCH", "roles/update", r#"{"role_id":3,"description":"d"}"#),
        (
            "POST",
            "roles/permissions/add",
            r#"{"role_id":3,"resource_type":"run","resource_pattern":"*","permission":"READ"}"#,
        ),
        ("PATCH", "roles/permissions/update", r#"{"role_permission_id":3,"permission":"EDIT"}"#),
        ("DELETE", "roles/permissions/remove", r#"{"role_permission_id":3}"#),
        ("POST", "roles/assign", r#"{"username":"dave","role_id":3}"#),
        ("DELETE", "roles/unassign", r#"{"username":"carol","role_id":3}"#),
        ("DELETE", "roles/delete", r#"{"role_id":3}"#),
    ];
    let before = stored(&world);
    let weak = [
        token(ADMIN, json!({"name": "t"})),
        token(ADMIN, json!({"name": "r", "read_only": true})),
        token(ALICE, json!({"name": "t"})),
        token(ALICE, json!({"name": "r", "read_only": true})),
    ];
    for token in &weak {
        for (method, path, body) in changes {
            assert_eq!(send(token, method, path, body), 403, "{method} {path}");
        }
        assert_eq!(send(token, "GET", "roles/list?workspace=default", ""), 200, "to see them takes none");
    }
    assert_eq!(stored(&world), before);
    let strong = token(ADMIN, json!({"name": "a", "scope": "admin"}));
    for (method, path, body) in changes {
        assert_eq!(send(&strong, method, path, body), 200, "{method} {path}");
    }
}

// --- what a role does -------------------------------------------------------------------------------------------------

#[test]
fn a_change_of_a_role_is_effective_with_the_next_request() {
    // also where what D1 said is remembered for a while
    for variables in [
        &[("DEFAULT_PERMISSION", "NO_PERMISSIONS")][..],
        &[("DEFAULT_PERMISSION", "NO_PERMISSIONS"), ("AUTH_CACHE_TTL_SECONDS", "30")],
    ] {
        let world = World::with(variables);
        world.add_users();
        let admin = |method: &str, path: &str, parameters: Value| {
            let answer = ask(&world, ADMIN, method, path, parameters);
            assert_eq!(answer.status, 200, "{}", answer.body);
        };
        let (read, tag) = (
            || world.get(ALICE, EXPERIMENT).status,
            || {
                let body = r#"{"experiment_id":"1","key":"k","value":"v"}"#;
                world.post(ALICE, "/api/2.0/mlflow/experiments/set-experiment-tag", body).status
            },
        );
        assert_eq!((read(), tag()), (403, 403));
        admin("POST", "roles/create", json!({"name": "r", "workspace": "default"}));
        admin(
            "POST",
            "roles/permissions/add",
            json!({"role_id": 1, "resource_type": "experiment", "resource_pattern": "*", "permission": "READ"}),
        );
        assert_eq!((read(), tag()), (403, 403), "nobody has it yet");
        admin("POST", "roles/assign", json!({"username": "alice", "role_id": 1}));
        assert_eq!((read(), tag()), (200, 403));
        assert_eq!(world.get(BOB, EXPERIMENT).status, 403);
        admin("PATCH", "roles/permissions/update", json!({"role_permission_id": 1, "permission": "EDIT"}));
        assert_eq!((read(), tag()), (200, 200));
        admin(
            "POST",
            "roles/permissions/add",
            json!({"role_id": 1, "resource_type": "experiment", "resource_pattern": "1", "permission": "DENY"}),
        );
        assert_eq!((read(), tag()), (403, 403), "DENY of a named role");
        admin("DELETE", "roles/permissions/remove", json!({"role_permission_id": 2}));
        assert_eq!((read(), tag()), (200, 200));
        admin("PATCH", "roles/update", json!({"role_id": 1, "name": "other"}));
        assert_eq!((read(), tag()), (200, 200), "a name decides nothing");
        admin("DELETE", "roles/unassign", json!({"username": "alice", "role_id": 1}));
        assert_eq!((read(), tag()), (403, 403));
        admin("POST", "roles/assign", json!({"username": "alice", "role_id": 1}));
        assert_eq!((read(), tag()), (200, 200));
        admin("DELETE", "roles/delete", json!({"role_id": 1}));
        assert_eq!((read(), tag()), (403, 403));
        // a role of another workspace decides about nothing here
        admin("POST", "roles/create", json!({"name": "r", "workspace": "other"}));
        for kind in ["experiment", "workspace"] {
            admin(
                "POST",
                "roles/permissions/add",
                json!({"role_id": 2, "resource_type": kind, "resource_pattern": "*", "permission": "MANAGE"}),
            );
        }
        admin("POST", "roles/assign", json!({"username": "alice", "role_id": 2}));
        assert_eq!((read(), tag()), (403, 403));
        // the manager of this one may do everything
        admin("POST", "roles/create", json!({"name": "m", "workspace": "default"}));
        admin(
            "POST",
            "roles/permissions/add",
            json!({"role_id": 3, "resource_type": "workspace", "resource_pattern": "*", "permission": "MANAGE"}),
        );
        admin("POST", "roles/assign", json!({"username": "alice", "role_id": 3}));
        assert_eq!((read(), tag()), (200, 200));
        assert_eq!(
            ask(&world, ALICE, "POST", "roles/create", json!({"name": "n", "workspace": "default"})).status,
            200
        );
        admin("PATCH", "roles/permissions/update", json!({"role_permission_id": 5, "permission": "USE"}));
        assert_eq!((read(), tag()), (403, 403));
        assert_eq!(
            ask(&world, ALICE, "POST", "roles/create", json!({"name": "o", "workspace": "default"})).status,
            403
        );
    }
}

#[test]
fn a_users_own_role_is_shown_and_its_permissions_are_that_users_grants() {
    let world = world();
    let classic = r#"{"experiment_id":"1","username":"dave","permission":"READ"}"#;
    assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/experiments/permissions/create", classic).status, 200);
    let shown = r#"{"description":null,"id":4,"name":"__user_5__","permissions":[{"id":4,"permission":"READ","resource_pattern":"1","resource_type":"experiment","role_id":4}],"workspace":"default"}"#;
    is_answered(&ask(&world, ADMIN, "GET", "roles/get", json!({"role_id": 4})), &format!(r#"{{"role":{shown}}}"#));
    is_answered(
        &ask(&world, DAVE, "GET", "users/roles/list", json!({"username": "dave"})),
        &format!(r#"{{"roles":[{shown}]}}"#),
    );
    assert!(ask(&world, ALICE, "GET", "roles/list", json!({"workspace": "default"})).body.contains(shown));

    // whoever manages the workspace changes them
    let read = || world.get(DAVE, EXPERIMENT).status;
    assert_eq!(read(), 200);
    assert_eq!(
        ask(&world, ALICE, "PATCH", "roles/permissions/update", json!({"role_permission_id": 4, "permission": "DENY"}))
            .status,
        200
    );
    assert_eq!(read(), 403);
    assert_eq!(ask(&world, ALICE, "DELETE", "roles/permissions/remove", json!({"role_permission_id": 4})).status, 200);
    let add = |kind: &str, level: &str| {
        ask(
            &world,
            ALICE,
            "POST",
            "roles/permissions/add",
            json!({"role_id": 4, "resource_type": kind, "resource_pattern": "*", "permission": level}),
        )
    };
    assert_eq!(add("experiment", "READ").status, 200);
    assert_eq!(read(), 200);

    // and nothing else about it
    let before = stored(&world);
    let own = |end: &str| format!("This role holds the grants of one user: {end}");
    is_invalid(&add("workspace", "MANAGE"), &own("a grant on the workspace goes to a named role instead."));
    for user in [ADMIN, ALICE] {
        let put = |method: &str, path: &str, parameters: Value| ask(&world, user, method, path, parameters);
        is_invalid(
            &put("POST", "roles/assign", json!({"username": "bob", "role_id": 4})),
            &own("it is not given to others."),
        );
        is_invalid(
            &put("POST", "roles/assign", json!({"username": "dave", "role_id": 4})),
            &own("it is not given to others."),
        );
        is_invalid(
            &put("DELETE", "roles/unassign", json!({"username": "dave", "role_id": 4})),
            &own("it is not taken away; revoke the user's grants instead."),
        );
        is_absent(
            &put("DELETE", "roles/unassign", json!({"username": "bob", "role_id": 4})),
            "User role assignment (user_id=3, role_id=4) not found",
        );
        is_invalid(
            &put("PATCH", "roles/update", json!({"role_id": 4, "name": "n"})),
            &own("it is not renamed or described."),
        );
        is_invalid(
            &put("DELETE", "roles/delete", json!({"role_id": 4})),
            &own("it is not deleted; delete the user, or revoke the user's grants."),
        );
    }
    assert_eq!(stored(&world), before);
    assert_eq!(read(), 200);

    // what came with an import: a grant on the workspace may go, and so may the assignment to somebody else
    world.database.execute(
        "INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission) VALUES (4, 'workspace', '*', 'USE');
         INSERT INTO user_role_assignments (user_id, role_id) VALUES (3, 4)",
    );
    let row = world.database.rows("SELECT id FROM role_permissions WHERE resource_type = 'workspace' AND role_id = 4")
        [0]["id"]
        .clone();
    is_invalid(
        &ask(
            &world,
            ADMIN,
            "PATCH",
            "roles/permissions/update",
            json!({"role_permission_id": row, "permission": "MANAGE"}),
        ),
        &own("a grant on the workspace goes to a named role instead."),
    );
    assert_eq!(
        ask(&world, ADMIN, "DELETE", "roles/permissions/remove", json!({"role_permission_id": row})).status,
        200
    );
    assert_eq!(world.get(BOB, EXPERIMENT).status, 200);
    assert_eq!(ask(&world, ADMIN, "DELETE", "roles/unassign", json!({"username": "bob", "role_id": 4})).status, 200);
    assert_eq!(world.get(BOB, EXPERIMENT).status, 403);
    // it goes with its user
    assert_eq!(world.json("DELETE", ADMIN, &format!("{USERS}/delete"), r#"{"username":"dave"}"#).status, 200);
    is_absent(&ask(&world, ADMIN, "GET", "roles/get", json!({"role_id": 4})), "Role with id=4 not found");
}

// --- costs, faults, and two at once -----------------------------------------------------------------------------------

#[test]
fn a_role_endpoint_costs_two_statements_and_one_more_for_others_than_administrators() {
    let world = world();
    CALLERS.iter().for_each(|user| drop(world.get(user, "/")));
    let mut changes = 0;
    let mut cost = |user: &str, method: &str, path: &str, parameters: Value| {
        changes += 1;
        let parameters = serde_json::from_str(&parameters.to_string().replace("NEW", &format!("n{changes}"))).unwrap();
        world.cost(|| assert_eq!(ask(&world, user, method, path, parameters).status, 200, "{user} {method} {path}"))
    };
    for (user, statements) in [(ADMIN, 2), (ALICE, 3)] {
        let costs = (statements, 0, 0);
        assert_eq!(cost(user, "POST", "roles/create", json!({"name": "NEW", "workspace": "default"})), costs);
        assert_eq!(cost(user, "GET", "roles/get", json!({"role_id": 3})), costs);
        assert_eq!(cost(user, "GET", "roles/list", json!({"workspace": "default"})), costs);
        assert_eq!(cost(user, "PATCH", "roles/update", json!({"role_id": 3, "name": "NEW"})), costs);
        assert_eq!(
            cost(
                user,
                "POST",
                "roles/permissions/add",
                json!({"role_id": 3, "resource_type": "prompt", "resource_pattern": "NEW", "permission": "READ"})
            ),
            costs
        );
        assert_eq!(
            cost(user, "PATCH", "roles/permissions/update", json!({"role_permission_id": 3, "permission": "EDIT"})),
            costs
        );
        assert_eq!(cost(user, "GET", "roles/permissions/list", json!({"role_id": 3})), costs);
        assert_eq!(cost(user, "POST", "roles/assign", json!({"username": "dave", "role_id": 3})), costs);
        assert_eq!(cost(user, "GET", "roles/users/list", json!({"role_id": 3})), costs);
        assert_eq!(cost(user, "GET", "users/roles/list", json!({"username": "dave"})), costs);
        assert_eq!(cost(user, "DELETE", "roles/unassign", json!({"username": "dave", "role_id": 3})), costs);
    }
    assert_eq!(cost(DAVE, "GET", "users/roles/list", json!({"username": "dave"})), (2, 0, 0), "one's own");
    for user in CALLERS {
        assert_eq!(world.cost(|| assert_eq!(world.get(user, &format!("{USERS}/list")).status, 200)), (2, 0, 0));
    }
    let refused = |user: &str| {
        world.cost(|| assert_eq!(ask(&world, user, "DELETE", "roles/delete", json!({"role_id": 3})).status, 403))
    };
    assert_eq!((refused(BOB), refused(DAVE)), ((2, 0, 0), (2, 0, 0)));
}

#[test]
fn a_directory_that_fails_or_gives_nonsense_lets_nobody_change_a_role() {
    for user in [BOB, CAROL, DAVE] {
        for (column, value) in [
            ("role_id", json!(null)),
            ("role_id", json!("x")),
            ("workspace", json!(null)),
            ("workspace", json!(1)),
            ("manager", json!("x")),
            ("manager", json!(null)),
            ("owner", json!("x")),
        ] {
            let world = world();
            let before = stored(&world);
            *world.database.garbles.borrow_mut() = Some((column, value.clone()));
            for (method, path, parameters) in [
                ("DELETE", "roles/delete", json!({"role_id": 3})),
                ("POST", "roles/create", json!({"name": "n", "workspace": "default"})),
                ("DELETE", "roles/permissions/remove", json!({"role_permission_id": 3})),
            ] {
                let answer = ask(&world, user, method, path, parameters);
                assert!(matches!(answer.status, 403 | 503), "{user} {path} {column}={value}: {}", answer.status);
            }
            *world.database.garbles.borrow_mut() = None;
            assert_eq!(stored(&world), before, "{user} {column}={value}");
        }
    }
    let world = world();
    CALLERS.iter().for_each(|user| drop(world.get(user, "/")));
    *world.database.fails_on.borrow_mut() = Some("AS manager");
    for user in [ALICE, BOB] {
        assert_eq!(ask(&world, user, "GET", "roles/get", json!({"role_id": 3})).status, 503, "{user}");
    }
}

/// Runs two changes of two administrators in every order of their calls to D1, on isolates of their own.
fn two_at_once(
    first: (&'static str, &str, Value),
    second: (&'static str, &str, Value),
    check: impl Fn(&World, [&Answer; 2]),
) {
    let mut deployment = Deployment::new(&[]);
    let asks = [("admin:correct horse battery", first), ("eve:eve-password-1", second)];
    let asks: Vec<Ask> = asks
        .into_iter()
        .enumerate()
        .map(|(isolate, (user, (method, path, body)))| Ask {
            method,
            target: format!("/api/3.0/mlflow/{path}"),
            authorization: basic(user),
            body: Some(body.to_string()),
            address: None,
            isolate,
        })
        .collect();
    let (mut next, mut orders) = (Some(Vec::new()), 0);
    while let Some(list) = next {
        deployment.reset(&[], &[], false, Memory::Logins);
        deployment.world.database.execute(
            "DELETE FROM roles; INSERT INTO roles (id, name, workspace) VALUES (1, 'r', 'default'), (2, 's', 'default');
             INSERT INTO user_role_assignments (user_id, role_id) VALUES (3, 1)",
        );
        let run = deployment.run(&asks, Effects::WhenCompleted, false, Choices::listed(list));
        check(&deployment.world, [run.exchanges[0].answer(), run.exchanges[1].answer()]);
        (next, orders) = (run.choices.next(), orders + 1);
    }
    assert!(orders > 5, "{orders} orders");
}

#[test]
fn of_two_administrators_who_change_the_same_at_once_one_is_told() {
    let one_is_told = |answers: [&Answer; 2], code: &str, message: &str| {
        let mut statuses = answers.map(|answer| answer.status);
        statuses.sort_unstable();
        let told = answers.into_iter().find(|answer| answer.status != 200).expect("one who is told").json();
        assert_eq!((told["error_code"].as_str(), told["message"].as_str()), (Some(code), Some(message)));
        assert_eq!(statuses[0], 200);
    };
    let create = ("POST", "roles/create", json!({"name": "n", "workspace": "default"}));
    two_at_once(create.clone(), create, |world, answers| {
        one_is_told(answers, "RESOURCE_ALREADY_EXISTS", "Role (name=n, workspace=default) already exists.");
        assert_eq!(count(world, "roles"), 3);
    });
    let assign = ("POST", "roles/assign", json!({"username": "alice", "role_id": 1}));
    two_at_once(assign.clone(), assign.clone(), |world, answers| {
        one_is_told(answers, "RESOURCE_ALREADY_EXISTS", "User role assignment (user_id=2, role_id=1) already exists");
        assert_eq!(count(world, "user_role_assignments"), 2);
    });
    let unassign = ("DELETE", "roles/unassign", json!({"username": "bob", "role_id": 1}));
    two_at_once(unassign.clone(), unassign, |world, answers| {
        one_is_told(answers, "RESOURCE_DOES_NOT_EXIST", "User role assignment (user_id=3, role_id=1) not found");
        assert_eq!(count(world, "user_role_assignments"), 0);
    });
    let add = |level: &str| {
        let body = json!({"role_id": 1, "resource_type": "experiment", "resource_pattern": "1", "permission": level});
        ("POST", "roles/permissions/add", body)
    };
    let exists = "Role permission (role_id=1, resource_type=experiment, resource_pattern=1) already exists.";
    two_at_once(add("READ"), add("DENY"), |world, answers| {
        one_is_told(answers, "RESOURCE_ALREADY_EXISTS", exists);
        assert_eq!(count(world, "role_permissions"), 1);
    });
    let rename = |role: i64| ("PATCH", "roles/update", json!({"role_id": role, "name": "same"}));
    two_at_once(rename(1), rename(2), |world, answers| {
        one_is_told(answers, "RESOURCE_ALREADY_EXISTS", "Role with name=same already exists in workspace=default");
        assert_eq!(count(world, "roles WHERE name = 'same'"), 1);
    });
    let delete = ("DELETE", "roles/delete", json!({"role_id": 1}));
    two_at_once(delete.clone(), assign, |world, [deleted, assigned]| {
        assert_eq!(deleted.status, 200);
        assert!(matches!(assigned.status, 200 | 404), "{}", assigned.body);
        assert_eq!((count(world, "roles"), count(world, "user_role_assignments")), (1, 0));
    });
    two_at_once(delete.clone(), delete, |world, answers| {
        one_is_told(answers, "RESOURCE_DOES_NOT_EXIST", "Role with id=1 not found");
        assert_eq!(count(world, "roles"), 1);
    });
}
