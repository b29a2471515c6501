//! The policy as a table, and the proof that no route of MLflow is without a row.

use std::fmt::Write;

use crate::support::sample::{further_requirements, send_sample, send_sample_with};
use crate::support::{ADMIN, ALICE, Answer, World};
use mlflow_edge_auth::http::Method;
use mlflow_edge_auth::routes::{self, Access, Answer as RouteAnswer, Place, Requires, Route, TABLE};

const LEVELS: [&str; 6] = ["MANAGE", "EDIT", "USE", "READ", "NO_PERMISSIONS", "-"];

const LEGEND: &str = "\
# The outcome of one request to each route of the table in src/routes. `{api}` is /api and /ajax-api.
#
# The columns are the callers: somebody without credentials, an administrator, and users who hold that level on the
# experiment and the registered model that the request names. `-` is no grant; the default is NO_PERMISSIONS.
#
#   yes    forwarded to MLflow, or answered          no     refused with 403
#   rows   answered with the rows that may be read   empty  answered with none
#   self   for the user whom the request names       login  refused with 401
#
# A route with several requirements has a line `and PARAMETER` for each further one whose resource the caller chooses:
# there that parameter names another resource, the columns are the levels on that one, and the user holds MANAGE on the
# rest.

";

/// The outcome of a request, in a word of the legend.
fn outcome(world: &World, user: &str, row: &Route) -> &'static str {
    word_for(world, row, &send_sample(world, user, row))
}

fn word_for(world: &World, row: &Route, answer: &Answer) -> &'static str {
    match (answer.status, row.answer) {
        (401, _) => "login",
        // refused for another user
        (403, _) if matches!(row.requires, Requires::Oneself) => "self",
        (403, _) if matches!(row.requires, Requires::OneselfOrManager) => "self",
        (403, _) if matches!(row.requires, Requires::InWorkspace(_, Place::OfUser)) => "self",
        (403, _) => "no",
        (200, RouteAnswer::GraphQl) if answer.body.contains("null") => "no",
        (200, RouteAnswer::EmptyUnlessAdmin(_)) if world.mlflow.seen.borrow().is_empty() => "empty",
        (200, RouteAnswer::FilterRows(_) | RouteAnswer::RestrictIds) => "rows",
        // a decision was made: what follows is about the parameters that the sample leaves out
        _ => "yes",
    }
}

/// The outcome for a user who holds a level on what one requirement is about, and MANAGE on all else.
fn outcome_elsewhere(row: &Route, number: usize, level: &str) -> &'static str {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    for (kind, all_else, varied) in [("experiment", "1", "2"), ("registered_model", "m", "n")] {
        world.grant(2, kind, all_else, "MANAGE");
        if level != "-" {
            world.grant(2, kind, varied, level);
        }
    }
    word_for(&world, row, &send_sample_with(&world, ALICE, row, Some(number)))
}

#[test]
fn the_matrix_under_version_control_is_what_the_gate_does() {
    let mut table = format!("{LEGEND}{:<7}{:<70}{:<8}{:<8}", "", "", "nobody", "admin");
    for level in LEVELS {
        let _ = write!(table, "{level:<16}");
    }
    for row in TABLE.iter().copied().flatten() {
        let _ = write!(table, "\n{:<7}{:<70}", row.method.as_str(), format!("{} ", row.path));
        let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
        world.add_users();
        let _ = write!(table, "{:<8}{:<8}", outcome(&world, "", row), outcome(&world, ADMIN, row));
        for level in LEVELS {
            let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
            world.add_users();
            if level != "-" {
                world.grant(2, "experiment", "1", level);
                world.grant(2, "registered_model", "m", level);
                world.grant(2, "scorer", "1/s", level);
                world.grant(2, "mcp_server", "com.example/server", level);
                for kind in ["gateway_secret", "gateway_model_definition", "gateway_endpoint"] {
                    world.grant(2, kind, "x-1", level);
                }
            }
            let _ = write!(table, "{:<16}", outcome(&world, ALICE, row));
        }
        for (number, parameter) in further_requirements(row) {
            let _ = write!(table, "\n{:<9}and {parameter:<80}", "");
            for level in LEVELS {
                let _ = write!(table, "{:<16}", outcome_elsewhere(row, number, level));
            }
        }
    }
    let table: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decisions.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file, &table).unwrap();
    }
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        kept == table,
        "the policy changed: run `UPDATE=1 cargo test --test native decisions` and read the diff of {file}"
    );
}

/// What no row covers in a list of routes (method, path in the syntax of `matchit`, handler), as a line for a person.
fn uncovered(list: &str) -> Vec<String> {
    let lines = list.lines().skip(1).map(|line| line.splitn(3, '\t').collect::<Vec<_>>());
    lines
        .filter(|columns| {
            let found = routes::find(&concrete(columns[1]), "");
            found.is_none_or(|found| found.row(Method::parse(columns[0])).is_none())
        })
        .map(|columns| {
            format!(
                "{} {} (MLflow's {}): add a row to the family in src/routes that it belongs to",
                columns[0], columns[1], columns[2]
            )
        })
        .collect()
}

/// A path of the pattern: `{x}` is one segment, `{*x}` two, and `{{` a brace.
fn concrete(pattern: &str) -> String {
    let mut path = pattern.replace("{{", "<").replace("}}", ">");
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        let value = if path[open..].starts_with("{*") { "x/y" } else { "x" };
        path.replace_range(open..=close, value);
    }
    path.replace('<', "{").replace('>', "}")
}

/// Every route of the six versions whose lists are in tests/fixtures, and of the list that `ROUTES` names
/// (`make routes`). There is no list of exceptions.
#[test]
fn coverage_every_route_of_mlflow_has_a_row() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
    let mut lists: Vec<std::path::PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    lists.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("routes-"));
    assert_eq!(lists.len(), 6, "2.9, 2.22, 3.3.2, 3.9, 3.12 and 3.17.2");
    lists.extend(std::env::var_os("ROUTES").map(Into::into));
    for list in lists {
        let text = std::fs::read_to_string(&list).unwrap();
        assert!(text.lines().count() > 100, "{} is not a whole list", list.display());
        let missing = uncovered(&text);
        println!("{}: {} routes, {} without a row", list.display(), text.lines().count() - 1, missing.len());
        assert!(
            missing.is_empty(),
            "{}: {} routes have no row:\n{}",
            list.display(),
            missing.len(),
            missing.join("\n")
        );
    }
}

#[test]
fn coverage_a_new_route_is_noticed() {
    let made_up = "method\tpath\thandler\nPOST\t/api/3.0/mlflow/wishes/{wish_id}/grant\tGrantWish\n\
                   GET\t/health\thealth\nDELETE\t/health\thealth\n";
    let missing = uncovered(made_up);
    assert_eq!(missing.len(), 2, "{missing:?}");
    assert_eq!(
        missing[0],
        "POST /api/3.0/mlflow/wishes/{wish_id}/grant (MLflow's GrantWish): add a row to the family in src/routes \
         that it belongs to"
    );
}

#[test]
fn no_two_rows_are_the_same_route() {
    let mut seen = std::collections::HashSet::new();
    for row in TABLE.iter().copied().flatten() {
        assert!(seen.insert((row.method.as_str(), row.path)), "{} {}", row.method.as_str(), row.path);
        let found = routes::find(&routes::paths(row).next().unwrap(), "").expect("the table is one tree");
        assert!(found.row(row.method).is_some());
        if let Requires::All(claims) = row.requires {
            assert!(!claims.is_empty());
            let _: Vec<_> = claims.iter().copied().map(Access::parts).collect();
        }
    }
}

#[test]
fn the_repeated_query_fields_are_those_of_mlflow() {
    for field in include_str!("../fixtures/repeated-query-fields.txt").split_whitespace() {
        let query = mlflow_edge_auth::request::query::Query::parse(&format!("{field}=1&{field}=2"));
        assert!(query.is_ok(), "{field} may be repeated");
    }
}
