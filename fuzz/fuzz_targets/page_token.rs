//! A filtered search between a client and an origin that both say what they like about pages: it ends, no invisible
//! row leaves, no visible one is lost, and the token that goes out is the one of the last page that was read.
//!
//! Input: lines. The first is `max_results`, the second `page_token`, each other one an answer of the origin: its
//! token, a tab, and a letter for each row (`h` hidden, else visible). The last answer is given again and again.
//! A first line that begins with `!` is a search by body, with `?` one for models.

#![no_main]

#[path = "../../tests/support/mod.rs"]
mod support;

use std::cell::Cell;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::request::path::percent_encode;
use mlflow_edge_auth::request::query::Query;
use serde_json::{Value, json};
use support::{ALICE, World};

/// Questions to the origin for one page of ours, at most.
const ROUNDS: usize = 10;

thread_local! {
    static WORLD: World = {
        let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
        world.add_users();
        for row in 0..10 {
            world.grant(2, "experiment", &format!("v{row}"), "READ");
            world.grant(2, "registered_model", &format!("v{row}"), "READ");
            world.grant(3, "experiment", &format!("h{row}"), "MANAGE");
        }
        world
    };
}

#[derive(Clone)]
struct Page {
    token: Value,
    rows: Vec<String>,
}

impl Page {
    fn read(line: &str) -> Self {
        let (token, rows) = line.split_once('\t').unwrap_or((line, ""));
        let token = match token.strip_prefix('=') {
            Some(json) => serde_json::from_str(json).unwrap_or_default(),
            None => token.into(),
        };
        let name = |(i, c)| format!("{}{}", if c == 'h' { 'h' } else { 'v' }, i % 10);
        Self { token, rows: rows.chars().take(50).enumerate().map(name).collect() }
    }

    fn visible(&self) -> impl Iterator<Item = &String> {
        self.rows.iter().filter(|row| row.starts_with('v'))
    }

    /// The token by which the search goes on.
    fn next(&self) -> Option<&str> {
        self.token.as_str().filter(|token| !token.is_empty())
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let token = lines.next().unwrap_or_default();
    let mut pages: Vec<Page> = lines.map(Page::read).collect();
    if pages.is_empty() {
        pages.push(Page::read("t\thhhhh"));
    }
    let (by_body, models) = (first.starts_with('!'), first.starts_with('?'));
    let size = first.trim_matches(['!', '?', ' ', '\t', '\r']);
    let (list, key) = if models { ("registered_models", "name") } else { ("experiments", "experiment_id") };
    let page_of = {
        let pages = pages.clone();
        move |round: usize| pages[round.min(pages.len() - 1)].clone()
    };

    WORLD.with(|world| {
        world.mlflow.seen.borrow_mut().clear();
        let rounds = Rc::new(Cell::new(0));
        let (count, answers) = (Rc::clone(&rounds), page_of.clone());
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |_| {
            let page = answers(count.replace(count.get() + 1));
            let rows: Vec<Value> = page.rows.iter().map(|row| json!({ key: row })).collect();
            Some(Ok((200, json!({ list: rows, "next_page_token": page.token }).to_string())))
        }));
        let path =
            if models { "/api/2.0/mlflow/registered-models/search" } else { "/api/2.0/mlflow/experiments/search" };
        let answer = if by_body {
            // a size that is no JSON is sent as text
            let size = serde_json::from_str(size).ok().filter(Value::is_number).unwrap_or_else(|| Value::from(size));
            world.post(ALICE, path, &json!({ "max_results": size, "page_token": token }).to_string())
        } else {
            let encode = |text| percent_encode(text, "");
            world.get(ALICE, &format!("{path}?max_results={}&page_token={}", encode(size), encode(token)))
        };
        let rounds = rounds.get();
        assert!((1..=ROUNDS).contains(&rounds), "{rounds} questions");
        assert_eq!(answer.status, 200, "{}", answer.body);

        let read: Vec<Page> = (0..rounds).map(&page_of).collect();
        let shown: Value = answer.json();
        let rows: Vec<&str> =
            shown[list].as_array().into_iter().flatten().map(|row| row[key].as_str().unwrap()).collect();
        assert!(rows.iter().all(|row| row.starts_with('v')), "a hidden row: {}", answer.body);
        assert_eq!(rows, read.iter().flat_map(Page::visible).collect::<Vec<_>>());
        assert_eq!(shown["next_page_token"], read[rounds - 1].token);

        let mut visible = 0;
        let wanted = match size.parse::<usize>() {
            Ok(size) if size > 0 => size,
            _ => read[0].rows.len(),
        };
        for (round, seen) in world.mlflow.seen.borrow().iter().enumerate().skip(1) {
            visible += read[round - 1].visible().count();
            let (size, token) = if by_body {
                let body: Value = serde_json::from_str(&seen.body).unwrap();
                (body["max_results"].to_string(), body["page_token"].as_str().unwrap().to_owned())
            } else {
                let query = Query::parse(seen.target.split_once('?').unwrap().1).unwrap();
                (query.get("max_results").unwrap().to_owned(), query.get("page_token").unwrap().to_owned())
            };
            assert_eq!(Some(&token[..]), read[round - 1].next());
            assert_eq!(size, (wanted - visible).to_string(), "more was asked for than is missing");
        }
    });
});
