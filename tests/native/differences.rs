//! The reader of tests/differences.toml, which says where the gate answers differently from MLflow on purpose.
//!
//! The replay of the matrix (differential.rs) uses it here; scripts/recorder/differences.py reads the same fields for the
//! replay of the conversations, which needs real servers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    difference: Vec<Difference>,
}

/// An entry. The list itself says what the fields mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    pub reason: String,
    pub mlflow: Vec<String>,
    #[serde(default)]
    pub routes: Vec<String>,
    #[serde(default)]
    pub who: Vec<String>,
    #[serde(default)]
    pub exchanges: Vec<String>,
    theirs: Vec<u16>,
    ours: Vec<u16>,
    body: Option<String>,
    contains: Option<String>,
    lacks: Option<String>,
}

pub fn load() -> Vec<Difference> {
    let list: List = toml::from_str(&read("tests/differences.toml")).unwrap();
    list.difference
}

/// A file of the project. Read when the test runs, so that a change of it is not compiled.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

impl Difference {
    /// The parts of the entry that name a case of the matrix; none if it names another one.
    pub fn names_case(&self, version: &str, route: &str, who: &str) -> Option<[&str; 3]> {
        let mlflow = self.mlflow.iter().find(|named| *named == version)?;
        let route = self.routes.iter().find(|pattern| is_route(pattern, route))?;
        let who = self.who.iter().find(|named| *named == who || (*named == "*" && who != "admin"))?;
        Some([mlflow, route, who])
    }

    /// Returns true if an answer of ours beside that status of MLflow's is the one that is meant.
    pub fn means(&self, theirs: u16, ours: u16, text: &str) -> bool {
        let text = without_space(text);
        self.theirs.contains(&theirs)
            && self.ours.contains(&ours)
            && self.body.as_ref().is_none_or(|body| without_space(body) == text)
            && self.contains.as_ref().is_none_or(|part| text.contains(&without_space(part)))
            && self.lacks.as_ref().is_none_or(|part| !text.contains(&without_space(part)))
    }
}

fn without_space(text: &str) -> String {
    text.split_whitespace().collect()
}

fn is_route(pattern: &str, route: &str) -> bool {
    ["/api", "/ajax-api"].iter().any(|api| {
        let pattern = pattern.replace("{api}", api);
        match pattern.strip_suffix('*') {
            Some(start) => route.starts_with(start),
            None => route == pattern,
        }
    })
}

#[derive(Deserialize)]
struct Exchange {
    id: String,
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
}

/// Entries for exchanges are used by the end-to-end tests only. This much of them is known without a server.
#[test]
fn every_entry_names_what_was_recorded() {
    let exchanges: Vec<Exchange> = serde_json::from_str(&read("tests/fixtures/recorded-3.3.2.json")).unwrap();
    let recorded: BTreeMap<&str, u16> =
        exchanges.iter().map(|exchange| (exchange.id.as_str(), exchange.response.status)).collect();
    let list = load();
    let mut seen = BTreeSet::new();
    for entry in &list {
        assert!(!entry.reason.is_empty());
        assert!(!entry.routes.is_empty() || !entry.exchanges.is_empty(), "it names nothing: {}", entry.reason);
        assert_eq!(entry.routes.is_empty(), entry.who.is_empty(), "a route has callers: {}", entry.reason);
        for exchange in &entry.exchanges {
            assert!(seen.insert(exchange.as_str()), "{exchange} is listed twice");
            assert!(entry.mlflow.iter().any(|version| version == "3.3.2"), "{exchange} is one of 3.3.2");
            let status = recorded.get(exchange.as_str()).copied();
            assert!(status.is_some_and(|status| entry.theirs.contains(&status)), "{exchange} was answered {status:?}");
        }
    }
    assert!(!seen.is_empty());
}
