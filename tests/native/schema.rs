//! The schema: what a new database gets, and what the databases of before become.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

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
