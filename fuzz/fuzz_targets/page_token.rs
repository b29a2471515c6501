//! A filtered search between a client and an origin that both say what they like about pages: it ends, no invisible
//! row leaves, no visible one is lost, a token is good if the gate made it, and no other is.
//!
//! Input: lines. The first is `max_results`, the second a made-up `page_token`, each other one an answer of the origin:
//! its token, a tab, and a letter for each row (`h` hidden, else visible). The last answer is given again and again.
//! A first line that begins with `!` is a search by body, with `?` one for models.

#![no_main]

#[path = "../../tests/native/support/mod.rs"]
mod support;

use std::cell::Cell;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::request::path::percent_encode;
use serde_json::{Value, json};
use support::{ALICE, Answer, World};

/// Questions to the origin for one page of ours, at most.
const QUESTIONS: usize = 10;

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

    /// True if the search goes on behind it.
    fn has_next(&self) -> bool {
        self.token.as_str().is_some_and(|token| !token.is_empty())
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default();
    let made_up = lines.next().unwrap_or_default();
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
        let rounds = Rc::new(Cell::new(0));
        let (count, answers) = (Rc::clone(&rounds), page_of.clone());
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |_| {
            let page = answers(count.replace(count.get() + 1));
            let rows: Vec<Value> = page.rows.iter().map(|row| json!({ key: row })).collect();
            Some(Ok((200, json!({ list: rows, "next_page_token": page.token }).to_string())))
        }));
        let path =
            if models { "/api/2.0/mlflow/registered-models/search" } else { "/api/2.0/mlflow/experiments/search" };
        let ask = |token: &str| -> (Answer, usize) {
            world.mlflow.seen.borrow_mut().clear();
            rounds.set(0);
            let answer = if by_body {
                // a size that is no JSON is sent as text
                let size =
                    serde_json::from_str(size).ok().filter(Value::is_number).unwrap_or_else(|| Value::from(size));
                world.post(ALICE, path, &json!({ "max_results": size, "page_token": token }).to_string())
            } else {
                let encode = |text| percent_encode(text, "");
                world.get(ALICE, &format!("{path}?max_results={}&page_token={}", encode(size), encode(token)))
            };
            assert!(rounds.get() <= QUESTIONS, "{} questions", rounds.get());
            if answer.status == 200 {
                let shown = answer.json();
                let mut rows = shown[list].as_array().into_iter().flatten();
                let is_visible = |row: &Value| row[key].as_str().is_some_and(|id| id.starts_with('v'));
                assert!(rows.all(is_visible), "a hidden row: {}", answer.body);
            }
            (answer, rounds.get())
        };

        let (answer, rounds) = ask("");
        if answer.status == 400 {
            assert_eq!(rounds, 0, "a size that is none: {}", answer.body);
            return;
        }
        let read: Vec<Page> = (0..rounds).map(&page_of).collect();
        if answer.status == 502 {
            let is_long = |page: &Page| page.token.as_str().is_some_and(|token| token.len() > 1000);
            assert!(read.iter().any(is_long), "{:?}", answer.log);
            return;
        }
        assert_eq!(answer.status, 200, "{}", answer.body);
        let shown: Value = answer.json();
        let rows: Vec<&str> =
            shown[list].as_array().into_iter().flatten().map(|row| row[key].as_str().unwrap()).collect();
        let visible: Vec<&String> = read.iter().flat_map(Page::visible).collect();
        if let Ok(size) = size.parse::<usize>() {
            assert_eq!(rows, visible[..visible.len().min(size)]);
        } else {
            assert!(rows.len() <= visible.len() && rows == visible[..rows.len()]);
        }
        let token = shown["next_page_token"].as_str();
        let goes_on = visible.len() > rows.len() || (rounds == QUESTIONS && read[rounds - 1].has_next());
        assert_eq!(token.is_some(), goes_on, "{}", answer.body);

        let Some(token) = token else { return };
        assert!(token.len() < 2048);
        assert!(read.iter().all(|page| page.token.as_str() != Some(token)), "a token of MLflow");
        assert!(matches!(ask(token).0.status, 200 | 502), "a token that the gate made is refused");
        let turned: String = token.chars().rev().collect();
        for other in [made_up, &token[1..], &turned] {
            if !other.is_empty() && other != token {
                let (answer, asked) = ask(other);
                assert_eq!((answer.status, asked), (400, 0), "a made-up token");
            }
        }
    });
});
