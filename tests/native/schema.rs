//! The schema: what a new database gets, and what the databases of before become.

use std::fs;
use std::path::Path;

use mlflow_edge_auth::authn::token::{BYTES, Token};
use mlflow_edge_auth::password::to_hex;
use rusqlite::Connection;
use sha2::Sha256;

use crate::support::{Sqlite, World, basic};

/// The files in `migrations`, in their order.
fn migrations() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read_to_string(file).unwrap()).collect()
}

fn database<'a>(scripts: impl IntoIterator<Item = &'a str>) -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    scripts.into_iter().for_each(|sql| connection.execute_batch(sql).unwrap());
    connection
}

/// Tables with their columns, foreign keys and indexes, a line each.
fn described(connection: &Connection) -> Vec<String> {
    let sql = "
        SELECT concat_ws(' ', t.name, t.wr, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk)
          FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c WHERE t.name NOT LIKE 'sqlite%'
        UNION SELECT concat_ws(' ', t.name, k.\"from\", k.\"table\", k.\"to\", k.on_delete)
          FROM pragma_table_list AS t, pragma_foreign_key_list(t.name) AS k
        UNION SELECT concat_ws(' ', t.name, i.name, i.\"unique\", i.origin, x.seqno, x.name)
          FROM pragma_table_list AS t, pragma_index_list(t.name) AS i, pragma_index_info(i.name) AS x
          WHERE t.name NOT LIKE 'sqlite%'
        ORDER BY 1";
    let mut rows = connection.prepare(sql).unwrap();
    rows.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_schema_is_the_sum_of_the_migrations() {
    let migrations = migrations();
    let migrated = described(&database(migrations.iter().map(String::as_str)));
    assert!(migrated.iter().any(|line| line.starts_with("tokens 0 scope TEXT")), "{migrated:#?}");
    assert_eq!(migrated, described(&database([include_str!("../../schema.sql")])));
}

#[test]
fn a_database_of_before_the_migrations_becomes_the_same_and_keeps_its_rows() {
    let migrations = migrations();
    let connection = database([migrations[0].as_str()]); // what `schema.sql` was
    let rows = "
        INSERT INTO users (username, password_hash, is_admin) VALUES ('admin', 'x', 1);
        INSERT INTO tokens (user_id, name, hash, created_at) VALUES (1, 'of before', 'y', 7)";
    connection.execute_batch(rows).unwrap();
    migrations.iter().for_each(|sql| connection.execute_batch(sql).unwrap());
    assert_eq!(described(&connection), described(&database([include_str!("../../schema.sql")])));
    let scope = "SELECT scope FROM tokens WHERE name = 'of before'";
    let scope: Option<String> = connection.query_row(scope, [], |row| row.get(0)).unwrap();
    assert_eq!(scope, None, "a token of before does not administer any more");
}

/// The levels of grants before roles, from the lowest, and what each allows: to read, update, delete, manage.
const LEVELS: [(&str, [bool; 4]); 5] = [
    ("NO_PERMISSIONS", [false, false, false, false]),
    ("READ", [true, false, false, false]),
    ("USE", [true, false, false, false]),
    ("EDIT", [true, true, false, false]),
    ("MANAGE", [true, true, true, true]),
];
const USERS: [&str; 7] = ["ann", "ben", "cat", "dan", "eve", "fay", "o'neil; --"];
/// The first user's id; there are others before.
const FIRST: i64 = 4;
const EXPERIMENTS: [&str; 6] = ["0", "1", "7", "10", "exp-a_1", "748392016574839201"];
const MODELS: [&str; 6] = ["m", "1", "M", "it's%20a/model", "模型", "__user_4__"];

/// The level that a user holds on the resource of this number: every one of them, and none.
fn granted(user: usize, resource: usize) -> Option<(&'static str, [bool; 4])> {
    LEVELS.get((user + resource) % 6).copied()
}

/// A database of the release before roles, with every level on experiments and models, a token of the first user and
/// MANAGE for the second on a model whose name is `*`; and then migrated.
fn migrated() -> Connection {
    let migrations = migrations();
    let connection = database(migrations.iter().take(3).map(String::as_str));
    let password = |name: &str| {
        let mut key = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(format!("{name}-password-1").as_bytes(), b"salt", 1, &mut key);
        format!("pbkdf2:sha256:1$salt${}", to_hex(&key))
    };
    let user = "INSERT INTO users (username, password_hash) VALUES (?1, ?2)";
    for name in ["first", "deleted", "before"].into_iter().chain(USERS) {
        connection.execute(user, (name, password(name))).unwrap();
    }
    let grant = "INSERT INTO grants (user_id, resource_type, resource_id, permission) VALUES (?1, ?2, ?3, ?4)";
    for (user, id_of_user) in (FIRST..).take(USERS.len()).enumerate() {
        for (kind, ids) in [("experiment", EXPERIMENTS), ("registered_model", MODELS)] {
            for (n, id) in ids.into_iter().enumerate() {
                if let Some((level, _)) = granted(user, n) {
                    connection.execute(grant, (id_of_user, kind, id, level)).unwrap();
                }
            }
        }
    }
    connection.execute(grant, (FIRST + 1, "registered_model", "*", "MANAGE")).unwrap();
    let token = "INSERT INTO tokens (user_id, name, hash, created_at) VALUES (?1, 'of before', ?2, 7)";
    connection.execute(token, (FIRST, token_of_before().hash())).unwrap();
    connection.execute("DELETE FROM users WHERE username = 'deleted'", ()).unwrap();
    connection.execute_batch(&migrations[3]).unwrap();
    connection
}

fn token_of_before() -> Token {
    Token::new([7; BYTES])
}

/// A gate on the migrated database, before a server that has nothing: it answers 404, so that nothing changes.
fn world(default: &str) -> World {
    let mut world = World::with(&[("DEFAULT_PERMISSION", default)]);
    world.database = Sqlite::on(migrated());
    let nothing = (404, r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"no"}"#.to_owned());
    world.mlflow.script.replace(Some(Box::new(move |_| Some(Ok(nothing.clone())))));
    world
}

/// Whether the gate lets a user read, update, delete and manage a thing.
fn allowed(world: &World, login: &str, kind: &str, id: &str) -> [bool; 4] {
    let (path, parameter) = match kind {
        "experiment" => ("experiments", "experiment_id"),
        _ => ("registered-models", "name"),
    };
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let query = format!("{parameter}={encoded}");
    let body = serde_json::json!({ parameter: id, "description": "x", "new_name": "x" }).to_string();
    let update = if kind == "experiment" { "POST" } else { "PATCH" };
    let delete = if kind == "experiment" { "POST" } else { "DELETE" };
    [
        ("GET", format!("get?{query}"), None),
        (update, "update".to_owned(), Some(&body)),
        (delete, "delete".to_owned(), Some(&body)),
        ("GET", format!("permissions/get?{query}&username=before"), None),
    ]
    .map(|(method, rest, body)| {
        let target = format!("/api/2.0/mlflow/{path}/{rest}");
        let headers = [("Authorization", login), ("Content-Type", "application/json")];
        let answer = world.send(method, &target, &headers, body.map(|text| text.as_bytes()));
        // 400: nobody is told of grants on a model that is named like the pattern of all
        assert!([400, 403, 404].contains(&answer.status), "{method} {target}: {} {}", answer.status, answer.body);
        answer.status == 404
    })
}

#[test]
fn every_grant_of_before_roles_decides_as_it_did() {
    // before: the grant decides, also below the default; without one the default does
    for (default, by_default) in LEVELS {
        let world = world(default);
        for (user, name) in USERS.into_iter().enumerate() {
            let login = basic(&format!("{name}:{name}-password-1"));
            for (kind, ids) in [("experiment", EXPERIMENTS), ("registered_model", MODELS)] {
                for (n, id) in ids.into_iter().enumerate() {
                    let expected = granted(user, n).map_or(by_default, |(_, allowed)| allowed);
                    assert_eq!(allowed(&world, &login, kind, id), expected, "{name}, {kind} {id}, default {default}");
                }
                assert_eq!(allowed(&world, &login, kind, "99"), by_default, "{name}, {kind} 99, default {default}");
            }
        }
    }
}

#[test]
fn a_grant_of_before_roles_on_a_model_named_like_the_pattern_of_all_is_none_on_all() {
    let world = world("NO_PERMISSIONS");
    let login = basic(&format!("{0}:{0}-password-1", USERS[1]));
    assert_eq!(allowed(&world, &login, "registered_model", "99"), [false; 4]);
    assert_eq!(allowed(&world, &login, "registered_model", "*"), [false; 4], "it is for administrators");
    let kept = world.database.rows("SELECT count(*) AS n FROM grants_before_roles WHERE resource_id = '*'");
    assert_eq!(kept[0]["n"], 1);
    assert!(world.database.rows("SELECT 1 FROM role_permissions WHERE resource_pattern = '*'").is_empty());
}

#[test]
fn a_token_of_before_roles_does_what_its_user_may() {
    let world = world("READ");
    let token = format!("Bearer {}", token_of_before().expose());
    let password = basic(&format!("{0}:{0}-password-1", USERS[0]));
    for (n, id) in EXPERIMENTS.into_iter().enumerate() {
        let may = allowed(&world, &token, "experiment", id);
        assert_eq!(may, granted(0, n).map_or([true, false, false, false], |(_, allowed)| allowed), "experiment {id}");
        assert_eq!(may, allowed(&world, &password, "experiment", id));
    }
}

#[test]
fn a_user_who_is_made_after_the_migration_gets_a_role_of_ones_own() {
    let world = world("READ");
    world.database.execute("UPDATE users SET is_admin = 1 WHERE username = 'first'");
    let admin = "first:first-password-1";
    let body = r#"{"username":"new","password":"new-password-1"}"#;
    assert_eq!(world.post(admin, "/api/2.0/mlflow/users/create", body).status, 200);
    for name in ["new", "before", USERS[0]] {
        let grant = format!(r#"{{"experiment_id":"55","username":"{name}","permission":"EDIT"}}"#);
        let made = world.post(admin, "/api/2.0/mlflow/experiments/permissions/create", &grant);
        assert_eq!(made.status, 200, "{name}: {}", made.body);
        let login = basic(&format!("{name}:{name}-password-1"));
        assert_eq!(allowed(&world, &login, "experiment", "55"), [true, true, false, false], "{name}");
    }
}
