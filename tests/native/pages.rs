//! Answers that are filtered: neither a page nor its token tells anything of the rows that were removed.

use std::cell::RefCell;
use std::rc::Rc;

use crate::support::{ADMIN, ALICE, Answer, BOB, Seen, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mlflow_edge_auth::request::path::percent_encode;
use mlflow_edge_auth::request::query::Query;
use mlflow_edge_auth::respond::page_token::offset_token;
use serde_json::{Value, json};

const MODELS: &str = "/api/2.0/mlflow/registered-models/search";
const DATASETS: &str = "/api/3.0/mlflow/datasets/search";
/// Rows that MLflow gives if it is not told how many.
const DEFAULT: usize = 100;

/// A registry whose search knows `name LIKE 'prefix%'`, sorts by name and pages by offset, as MLflow's does.
#[derive(Default)]
struct Registry {
    /// Name and length of the description.
    models: Vec<(String, usize)>,
}

impl Registry {
    fn search(&self, seen: &Seen) -> (u16, String) {
        let query = Query::parse(seen.target.split_once('?').map_or("", |(_, query)| query)).unwrap();
        let parameter = |name: &str| query.get(name).map(str::to_owned);
        let prefix = parameter("filter").and_then(|filter| {
            filter.strip_prefix("name LIKE '").and_then(|rest| rest.strip_suffix("%'")).map(str::to_owned)
        });
        let size: i64 = parameter("max_results").map_or(DEFAULT as i64, |size| size.parse().unwrap());
        if !(1..=1000).contains(&size) {
            return (400, r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "max_results"}"#.to_owned());
        }
        let offset = parameter("page_token").map(|token| {
            let token: Value = serde_json::from_slice(&STANDARD.decode(token).unwrap()).unwrap();
            token["offset"].as_u64().unwrap() as usize
        });
        let (offset, size) = (offset.unwrap_or(0), size as usize);
        let mut found: Vec<&(String, usize)> = self
            .models
            .iter()
            .filter(|(name, _)| prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix)))
            .collect();
        found.sort();
        let page = found.iter().skip(offset).take(size);
        let rows: Vec<Value> =
            page.map(|(name, length)| json!({"name": name, "description": "x".repeat(*length)})).collect();
        let mut answer = json!({"registered_models": rows, "total_count": found.len()});
        if offset + size < found.len() {
            answer["next_page_token"] = offset_token((offset + size) as u64).into();
        }
        (200, serde_json::to_string_pretty(&answer).unwrap())
    }
}

/// Alice may read the models whose names begin with `own`.
fn world_with(registry: &Rc<RefCell<Registry>>, variables: &[(&str, &str)]) -> World {
    let world = World::with(&[&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")], variables].concat());
    world.add_users();
    for (name, _) in registry.borrow().models.iter().filter(|(name, _)| name.contains("own")) {
        world.grant(2, "registered_model", name, "READ");
    }
    let registry = Rc::clone(registry);
    *world.mlflow.script.borrow_mut() =
        Some(Box::new(move |seen| seen.target.contains("/search").then(|| Ok(registry.borrow().search(seen)))));
    world
}

fn registry(names: &[&str]) -> Rc<RefCell<Registry>> {
    Rc::new(RefCell::new(Registry { models: names.iter().map(|name| ((*name).to_owned(), 0)).collect() }))
}

fn search(world: &World, user: &str, parameters: &[(&str, &str)]) -> Answer {
    let query: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", percent_encode(value, ""))).collect();
    world.get(user, &format!("{MODELS}?{}", query.join("&")))
}

fn names(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = answer.json()["registered_models"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

fn token(answer: &Answer) -> Option<String> {
    answer.json()["next_page_token"].as_str().map(str::to_owned)
}

/// Status, header fields and body.
type Shown = (u16, Vec<(String, String)>, String);

/// All that a caller sees but the letters of the token, which are random.
fn seen_by_caller(answer: &Answer) -> Shown {
    let token = token(answer).unwrap_or_default();
    let headers = answer.headers.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    (answer.status, headers, answer.body.replace(&token, &"?".repeat(token.len())))
}

/// Every page of a search as the caller sees it.
fn walk(world: &World, parameters: &[(&str, &str)]) -> Vec<Shown> {
    let (mut pages, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut parameters = parameters.to_vec();
        parameters.extend(next.as_deref().map(|token| ("page_token", token)));
        let page = search(world, ALICE, &parameters);
        pages.push(seen_by_caller(&page));
        assert!(pages.len() < 1000, "the search does not end");
        next = token(&page);
        if next.is_none() {
            return pages;
        }
    }
}

#[test]
fn hidden_rows_that_match_a_filter_change_nothing_in_the_answer() {
    let own = ["a-own", "m-own", "s-own", "sf-own", "z-own"];
    let bare = world_with(&registry(&own), &[]);
    for hidden in [1, 5, 50, 3000] {
        let registry = registry(&own);
        let secrets = (0..hidden).map(|n| (format!("secret-{n:05}"), 0));
        registry.borrow_mut().models.extend(secrets);
        let full = world_with(&registry, &[]);
        for size in [None, Some("1"), Some("2"), Some("5"), Some("999"), Some("1000")] {
            for prefix in ["", "s", "se", "sec", "secret-0", "secret-00000", "x", "z"] {
                let filter = format!("name LIKE '{prefix}%'");
                let mut parameters = vec![("filter", &filter[..])];
                parameters.extend(size.map(|size| ("max_results", size)));
                assert_eq!(walk(&full, &parameters), walk(&bare, &parameters), "{hidden} hidden, {filter}, {size:?}");
            }
        }
    }
}

#[test]
fn models_that_the_caller_removes_between_two_pages_uncover_no_hidden_row() {
    let own = ["a-own", "b-own", "c-own", "d-own", "e-own"];
    let outcome = |hidden: &[&str], removed: &[&str], added: &[&str]| {
        let registry = registry(&[&own[..], hidden].concat());
        let world = world_with(&registry, &[]);
        let first = search(&world, ALICE, &[("max_results", "2")]);
        registry.borrow_mut().models.retain(|(name, _)| !removed.contains(&&name[..]));
        registry.borrow_mut().models.extend(added.iter().map(|name| ((*name).to_owned(), 0)));
        let second = search(&world, ALICE, &[("max_results", "1"), ("page_token", &token(&first).unwrap())]);
        (names(&first), names(&second))
    };
    let hidden: [&[&str]; 5] = [&["aa"], &["bb"], &["cc"], &["dd"], &["aa", "bb", "cc", "dd"]];
    for removed in [&["a-own"][..], &["a-own", "b-own"], &["c-own"], &["b-own", "c-own"], &["c-own", "d-own"]] {
        let expected = outcome(&[], removed, &[]);
        for hidden in hidden {
            assert_eq!(outcome(hidden, removed, &[]), expected, "hidden {hidden:?}, removed {removed:?}");
            // nor does a hidden row that comes in between, or goes
            assert_eq!(outcome(&[], removed, hidden), expected, "{hidden:?} came, removed {removed:?}");
            let gone = [removed, hidden].concat();
            assert_eq!(outcome(hidden, &gone, &[]), expected, "{hidden:?} went, removed {removed:?}");
        }
    }
}

#[test]
fn a_page_token_is_good_for_one_caller_and_one_search() {
    let registry = registry(&["a-own", "b", "c-own", "d-own"]);
    let world = world_with(&registry, &[]);
    for name in ["a-own", "c-own", "d-own"] {
        world.grant(3, "registered_model", name, "READ");
    }
    let search = |user: &str, more: &[(&str, &str)]| search(&world, user, &[&[("max_results", "1")], more].concat());
    let first = search(ALICE, &[("order_by", "name ASC")]);
    let token = token(&first).unwrap();
    assert!(token.len() < 400, "{} characters", token.len());
    let with = |token: &str| {
        let parameters = [("order_by", "name ASC"), ("page_token", token)];
        search(ALICE, &parameters)
    };
    assert_eq!(names(&with(&token)), ["c-own"]);
    assert_eq!(names(&with(&token)), ["c-own"], "a second time");
    let other_size = world.get(ALICE, &format!("{MODELS}?pageToken={token}&maxResults=2&order_by=name+ASC"));
    assert_eq!(names(&other_size), ["c-own", "d-own"]);

    let refused = |answer: Answer| {
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.json()["error_code"], "INVALID_PARAMETER_VALUE");
        assert_eq!(answer.json()["message"], "Invalid page token, could not base64-decode");
    };
    let asked = world.mlflow.seen.borrow().len();
    refused(search(BOB, &[("order_by", "name ASC"), ("page_token", &token)]));
    refused(search(ALICE, &[("order_by", "name DESC"), ("page_token", &token)]));
    refused(search(ALICE, &[("page_token", &token)]));
    refused(search(ALICE, &[("order_by", "name ASC"), ("filter", "name LIKE 'a%'"), ("page_token", &token)]));
    refused(world.get(ALICE, &format!("/api/2.0/mlflow/model-versions/search?order_by=name+ASC&page_token={token}")));
    refused(with(&offset_token(1)));
    refused(with("1"));
    refused(with(&"A".repeat(5000)));
    refused(with(&token[..token.len() - 1]));
    let last = if token.ends_with('A') { "B" } else { "A" };
    refused(with(&format!("{}{last}", &token[..token.len() - 1])));
    assert_eq!(world.mlflow.seen.borrow().len(), asked, "MLflow was asked for none of these");
}

#[test]
fn an_administrator_gets_the_tokens_of_mlflow() {
    let world = world_with(&registry(&["a-own", "b"]), &[]);
    let first = search(&world, ADMIN, &[("max_results", "1")]);
    assert_eq!(token(&first), Some(offset_token(1)));
    assert_eq!(names(&search(&world, ADMIN, &[("page_token", &offset_token(1))])), ["b"]);
}

#[test]
fn without_a_secret_key_a_search_has_one_page() {
    let world = world_with(&registry(&["a-own", "b-own"]), &[("SECRET_KEY", "")]);
    let first = search(&world, ALICE, &[("max_results", "1")]);
    assert_eq!((names(&first), token(&first)), (vec!["a-own".to_owned()], None));
    assert_eq!(search(&world, ALICE, &[("page_token", &offset_token(1))]).status, 400);
}

#[test]
fn the_size_of_a_page_is_a_positive_number() {
    let world = world_with(&registry(&["a-own", "b", "c-own"]), &[]);
    for size in ["0", "-1", "-2", "x", " 1", "1.5", "9999999999999999999999"] {
        let answer = search(&world, ALICE, &[("max_results", size)]);
        assert_eq!((answer.status, &answer.json()["error_code"]), (400, &json!("INVALID_PARAMETER_VALUE")), "{size:?}");
    }
    assert_eq!(
        search(&world, ALICE, &[("max_results", "1001")]).json()["message"],
        "max_results",
        "MLflow's own words"
    );
}

#[test]
fn fat_rows_come_on_pages_of_their_own_and_hurt_nobody() {
    let registry = registry(&["a-own", "z-own"]);
    let fat = ["f1-own", "f2-own", "f3-own", "f4-own"].map(|name| (name.to_owned(), 9_500_000));
    registry.borrow_mut().models.extend(fat);
    registry.borrow_mut().models.push(("g-own".to_owned(), 33 * 1024 * 1024)); // too long for anybody
    registry.borrow_mut().models.extend((0..3).map(|n| (format!("h{n}"), 9_500_000)));
    let world = world_with(&registry, &[]);
    let (mut found, mut next, mut asked) = (Vec::new(), None::<String>, 0);
    loop {
        let mut parameters = vec![("max_results", "100")];
        parameters.extend(next.as_deref().map(|token| ("page_token", token)));
        let before = world.mlflow.seen.borrow().len();
        let page = search(&world, ALICE, &parameters);
        asked = asked.max(world.mlflow.seen.borrow().len() - before);
        assert!(page.body.len() < 17 * 1024 * 1024, "{} bytes", page.body.len());
        found.extend(names(&page));
        next = token(&page);
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a-own", "f1-own", "f2-own", "f3-own", "f4-own", "z-own"]);
    assert!(asked <= 30, "{asked} questions for one page");
    // whoever may read none of them is not held up
    assert_eq!(names(&search(&world, BOB, &[("max_results", "100")])), [""; 0]);
    assert!(search(&world, ALICE, &[("filter", "name LIKE 'a%'")]).status == 200);
}

#[test]
fn an_error_of_the_origin_that_may_name_hidden_things_does_not_leave() {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    world.grant(2, "experiment", "2", "READ");
    let answer_with = |status: u16| {
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| {
            let is_look_up = seen.header("x-forwarded-user").is_none();
            (!is_look_up).then(|| Ok((status, r#"{"message": "hidden"}"#.to_owned())))
        }));
    };
    let leaks = |target: &str| {
        let answer = world.get(ALICE, target);
        assert!(answer.status >= 400, "{target}: {}", answer.status);
        answer.body.contains("hidden")
    };
    for status in [201, 204, 206, 226, 302, 304, 401, 403, 409, 422, 500, 502] {
        answer_with(status);
        assert!(!leaks("/api/2.0/mlflow/experiments/search"), "{status}");
        assert!(!leaks("/api/2.0/mlflow/runs/get?run_id=r1"), "{status}");
        assert!(!leaks("/api/3.0/mlflow/traces/tr-1"), "{status}");
        assert!(!leaks("/api/3.0/mlflow/scorers/online-configs?scorer_ids=1"), "{status}");
    }
    answer_with(400);
    assert!(leaks("/api/2.0/mlflow/experiments/search"), "MLflow's words on a filter");
    assert!(!leaks("/api/3.0/mlflow/traces/tr-1"), "of a hidden trace");
    for status in [400, 500] {
        answer_with(status);
        assert!(leaks("/api/3.0/mlflow/traces/tr-2"), "{status}: of a readable trace MLflow says what is wrong");
    }
}

#[test]
fn no_part_and_no_condition_is_asked_for_of_an_answer_that_is_decided_on() {
    let world = World::new();
    let fields = ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"];
    let mut headers = vec![("Authorization", crate::support::basic(ALICE))];
    headers.extend(fields.map(|name| (name, "bytes=0-9".to_owned())));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, &value[..])).collect();
    let sent = |target: &str| {
        world.send("GET", target, &headers, None);
        let seen = world.mlflow.seen.borrow();
        let seen = seen.iter().rev().find(|seen| seen.header("x-forwarded-user").is_some()).unwrap();
        fields.iter().filter(|name| seen.header(name).is_some()).count()
    };
    for target in ["/api/2.0/mlflow/experiments/search", "/api/2.0/mlflow/runs/get?run_id=r2", MODELS] {
        assert_eq!(sent(target), 0, "{target}");
    }
    assert_eq!(sent("/get-artifact?run_id=r2&path=x"), fields.len(), "a download may be resumed");
}

// --- evaluation datasets ------------------------------------------------------------------------------------------------

/// Datasets whose ids name their experiments: `d-12` belongs to 1 and 2.
fn datasets(ids: &'static [&'static str]) -> World {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    world.grant(2, "experiment", "1", "READ");
    world.grant(2, "experiment", "2", "READ");
    *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| {
        if !seen.target.starts_with(DATASETS) {
            return None;
        }
        let body: Value = serde_json::from_str(&seen.body).unwrap();
        let offset = body["page_token"].as_str().map_or(0, |token| {
            let token: Value = serde_json::from_slice(&STANDARD.decode(token).unwrap()).unwrap();
            token["offset"].as_u64().unwrap()
        });
        let (offset, size) = (offset as usize, body["max_results"].as_u64().unwrap() as usize);
        let rows: Vec<Value> =
            ids.iter().skip(offset).take(size).map(|id| json!({"dataset_id": id, "name": id})).collect();
        let mut answer = json!({ "datasets": rows });
        if offset + size < ids.len() {
            answer["next_page_token"] = offset_token((offset + size) as u64).into();
        }
        Some(Ok((200, answer.to_string())))
    }));
    world
}

fn dataset_ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rows = answer.json()["datasets"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row["dataset_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_search_for_datasets_need_not_name_experiments_and_shows_those_that_may_be_read() {
    let world = datasets(&["d-1", "d-3", "d-12", "d-13", "d-2", "d-", "d-21"]);
    let first = world.post(ALICE, DATASETS, r#"{"max_results":2,"filter_string":"name = 'x'"}"#);
    assert_eq!(dataset_ids(&first), ["d-1", "d-12"]);
    let sent = world.mlflow.seen.borrow().iter().find(|seen| seen.target.starts_with(DATASETS)).unwrap().clone();
    assert!(sent.body.contains(r#""filter_string":"name = 'x'""#), "{}", sent.body);
    let next = token(&first).unwrap();
    let second = world.post(
        ALICE,
        DATASETS,
        &json!({"max_results": 2, "filter_string": "name = 'x'", "page_token": next}).to_string(),
    );
    assert_eq!((dataset_ids(&second), token(&second)), (vec!["d-2".to_owned(), "d-21".to_owned()], None));
    let named = world.post(ALICE, DATASETS, r#"{"max_results":9,"experiment_ids":["1","2"]}"#);
    assert_eq!(dataset_ids(&named), ["d-1", "d-12", "d-2", "d-21"]);
    assert_eq!(world.post(ALICE, DATASETS, r#"{"max_results":9,"experiment_ids":["1","3"]}"#).status, 403);
    assert_eq!(dataset_ids(&world.post(BOB, DATASETS, r#"{"max_results":9}"#)), [""; 0]);
}

// --- GraphQL ------------------------------------------------------------------------------------------------------------

fn graphql(world: &World, headers: &[(&str, &str)], query: &str) -> Answer {
    let headers = [headers, &[("Content-Type", "application/json")]].concat();
    world.send("POST", "/graphql", &headers, Some(json!({ "query": query }).to_string().as_bytes()))
}

#[test]
fn a_search_for_model_versions_by_graphql_tells_no_count() {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    *world.mlflow.script.borrow_mut() = Some(Box::new(|_| {
        let answer = r#"{"data":{"a":{"__typename":"X","t":"eyJvZmZzZXQiOiAxfQ==","nextPageToken":"x","modelVersions":[{"name":"theirs"}]}}}"#;
        Some(Ok((200, answer.to_owned())))
    }));
    let authorization = crate::support::basic(ALICE);
    let ask = |selection: &str, input: &str| {
        let query = format!("{{ a: mlflowSearchModelVersions(input: {{{input}}}) {{ {selection} }} }}");
        graphql(&world, &[("Authorization", &authorization)], &query)
    };
    let empty = json!({"data": {"a": {"__typename": "X", "t": null, "nextPageToken": null, "modelVersions": []}}});
    assert_eq!(ask("t: nextPageToken nextPageToken modelVersions { name }", "").json(), empty);
    assert_eq!(ask("t: nextPageToken", "filter: \"name='x'\"").json(), empty, "without any rows");
    for input in ["maxResults: 1", "pageToken: \"eyJvZmZzZXQiOiAxfQ==\"", "filter: \"x\", maxResults: 5"] {
        assert_eq!(ask("modelVersions { name }", input).status, 400, "{input}");
    }
}

#[test]
fn a_read_only_token_of_an_administrator_changes_nothing_by_graphql() {
    let world = World::new();
    let made = world.post(ADMIN, "/api/2.0/mlflow/users/tokens/create", r#"{"name":"t","read_only":true}"#).json();
    let token = made["token_value"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
    let authorization = format!("Bearer {token}");
    let ask = |query: &str| graphql(&world, &[("Authorization", &authorization)], query).status;
    for read in [
        r#"{ mlflowGetExperiment(input: {experimentId: "1"}) { x } }"#,
        r#"mutation { mlflowSearchRuns(input: {experimentIds: ["1"]}) { x } }"#,
        r#"mutation { mlflowSearchDatasets(input: {experimentIds: ["1"]}) { x } testMutation { output } }"#,
        "{ __schema { types { name } } }",
    ] {
        assert_eq!(ask(read), 200, "{read}");
    }
    for write in [
        r#"mutation { mlflowDeleteRun(input: {runId: "a"}) { x } }"#,
        r#"mutation { testMutation { output } x: mlflowDeleteRun(input: {runId: "a"}) { x } }"#,
        r#"mutation { ...F } fragment F on Mutation { mlflowDeleteRun(input: {runId: "a"}) { x } }"#,
        r#"{ mlflowUnknown(input: {}) { x } }"#,
        "subscription { somethingElse { x } }",
    ] {
        assert_eq!(ask(write), 403, "{write}");
    }
}
