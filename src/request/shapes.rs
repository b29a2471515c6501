//! The fields that the body, or the query, of each row may hold, and those of them that are looked at.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::message::{self, Body, Fault, Fit, fit};
use super::query::Query;
use crate::error::{Rejection, Result};
use crate::json::Wanted;
use crate::mlflow::messages::{self, Field, Kind, Many, Message};
use crate::routes::{Access, Answer, Cardinality, GrantEffect, QueueRule, Route, TABLE, ValueKind};

/// The fields that are looked at beside those of the row: the run and the logged model of a location, and the name that
/// a effect is about.
const BESIDE: &[&str] = &["run_id", "model_id", "name"];

/// The fields of a filtered search that are looked at beside those of the row.
const OF_A_SEARCH: &[&str] = &["max_results", "page_token"];

/// The field of a request to change a review queue that gives it to another.
const OF_A_QUEUE: &[&str] = &["new_owner"];

/// The field of a request to delete a scorer that says if it is all of it.
const OF_A_SCORER: &[&str] = &["version"];

/// The fields of a request to make a model that say if it is a prompt.
const OF_A_CREATION: &[&str] = &["tags[]", "key", "value"];

/// The fields of a row's requests.
#[derive(Debug)]
pub struct Shape {
    reader: Reader,
    /// The names of the fields that are decided on, at any depth.
    decided: Vec<&'static str>,
    /// The same as [`Wanted`] takes them. `None` if there may be any, where the body is written anew.
    looked_at: Option<Vec<&'static str>>,
}

/// MLflow's reader of a request.
#[derive(Debug)]
enum Reader {
    /// Protobuf, by this message.
    Protobuf(&'static Message),
    /// A function of Python that takes what it wants from the object. The fields that are decided on are known.
    Python(Message),
}

impl Shape {
    fn new(row: &Route) -> Self {
        let claims = row.access();
        let steps = || claims.iter().flat_map(|claim| claim.parts().1.parameters).flat_map(|path| path.split('.'));
        let is_effect = |effect| row.answer == Answer::Effect(effect);
        let is_search = matches!(row.answer, Answer::FilterRows(_));
        let of_search = if is_search { OF_A_SEARCH } else { &[] };
        let of_creation = if is_effect(GrantEffect::ModelCreated) { OF_A_CREATION } else { &[] };
        let of_scorer = if is_effect(GrantEffect::ScorerDeleted) { OF_A_SCORER } else { &[] };
        let is_change = |access: &Access| access.parts().1.names == ValueKind::Queue(QueueRule::Change);
        let of_queue = if claims.iter().any(is_change) { OF_A_QUEUE } else { &[] };
        let beside = BESIDE.iter().chain(of_search).chain(of_creation).chain(of_scorer).chain(of_queue);
        let names = || steps().chain(beside.clone().copied());
        let is_built_whole = matches!(row.answer, Answer::FilterRows(_) | Answer::RestrictIds);
        let reader = match messages::of_route(row.method.as_str(), &nameless(row.path)) {
            Some(message) => Reader::Protobuf(message),
            None => Reader::Python(message_of(claims)),
        };
        Self {
            reader,
            decided: each_once(names().map(|step| step.trim_end_matches(['[', ']', '{', '}']))),
            looked_at: (!is_built_whole)
                .then(|| each_once(names().map(|step| step.strip_suffix("[]").unwrap_or(step)))),
        }
    }

    /// The fields.
    pub fn message(&self) -> &Message {
        match &self.reader {
            Reader::Protobuf(message) => message,
            Reader::Python(message) => message,
        }
    }

    /// Returns true if protobuf reads the request.
    pub fn is_protobuf(&self) -> bool {
        matches!(self.reader, Reader::Protobuf(_))
    }

    /// Reads a body that is an object.
    pub fn read(&self, bytes: &[u8]) -> Result<Body> {
        let refused = |fault: Fault| Rejection::invalid(fault.to_string());
        let wanted = self.looked_at.as_deref().map_or(Wanted::All, Wanted::Fields);
        let shape = message::Shape { message: self.message(), is_protobuf: self.is_protobuf(), decided: &self.decided };
        message::read(bytes, shape, wanted).map_err(refused)
    }

    /// Holds the query of a GET to the message: MLflow puts the parameters that a message has, by their names in
    /// snake_case, through the same parser. One without a value is taken out where the field is no text.
    pub fn check_query(&self, query: &mut Query) -> Result<()> {
        let Reader::Protobuf(message) = self.reader else { return Ok(()) };
        for field in message.fields.iter().filter(|field| field.kind != Kind::Text) {
            if query.get(field.name) == Some("") {
                query.remove(field.name);
            }
            let Some(value) = query.get(field.name) else { continue };
            let fit = match field.kind {
                Kind::Bool if value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false") => Fit::Same,
                _ => fit(field.kind, value),
            };
            match fit {
                Fit::As(value) => query.set(field.name, &value),
                Fit::Wrong => return Err(Rejection::invalid(Fault::of_text(field.name, value).to_string())),
                Fit::Same | Fit::Unknown => {}
            }
        }
        Ok(())
    }
}

/// Returns the shape of the requests of a row of the table.
pub fn of(row: &'static Route) -> &'static Shape {
    static SHAPES: OnceLock<BTreeMap<(&str, &str), Shape>> = OnceLock::new();
    static NONE: OnceLock<Shape> = OnceLock::new();
    let shapes = SHAPES.get_or_init(|| {
        let mut shapes = BTreeMap::new();
        for row in TABLE.iter().copied().flatten() {
            shapes.insert((row.method.as_str(), row.path), Shape::new(row));
        }
        shapes
    });
    shapes.get(&(row.method.as_str(), row.path)).unwrap_or_else(|| NONE.get_or_init(|| Shape::new(row)))
}

fn each_once(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut once = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

/// The path of a row as the table of messages has it.
fn nameless(path: &str) -> String {
    let segment = |segment: &str| match segment {
        "{api}" => "{api}".to_owned(),
        _ if segment.starts_with("{*") => "{*}".to_owned(),
        _ if segment.starts_with('{') => "{}".to_owned(),
        _ => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// The fields that are decided on, where there is no other word of them: ids, which are text.
fn message_of(claims: &[Access]) -> Message {
    let mut message = Message::default();
    for field in claims.iter().map(|claim| claim.parts().1) {
        let many =
            if matches!(field.count, Cardinality::Each | Cardinality::EachOptional) { Many::List } else { Many::One };
        for name in field.parameters.iter().filter(|name| !name.contains(['.', '[', '{']) && !name.starts_with("X-")) {
            message.fields.push(Field::new(name, many, Kind::Text));
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Body;

    fn rows() -> impl Iterator<Item = &'static Route> {
        let is_read = |row: &&Route| {
            let is_origins =
                !matches!(row.answer, Answer::Local(_) | Answer::CachePublic | Answer::EmptyUnlessAdmin(_));
            is_origins && (row.body == Body::Json || (row.body == Body::None && !row.access().is_empty()))
        };
        TABLE.iter().copied().flatten().filter(is_read)
    }

    #[test]
    fn each_row_that_protobuf_reads_has_its_message() {
        let protobuf = |handler: &str| handler.chars().any(char::is_uppercase);
        for version in ["2.9", "2.22", "3.3.2", "3.9", "3.12", "3.17.2"] {
            let list = std::fs::read_to_string(format!("tests/fixtures/routes-{version}.tsv")).unwrap();
            let by_protobuf: Vec<(&str, String)> = list
                .lines()
                .filter_map(|line| {
                    let [method, path, handler] = line.split('\t').collect::<Vec<_>>().try_into().ok()?;
                    let path = path.strip_prefix("/ajax-api").or(path.strip_prefix("/api"));
                    protobuf(handler).then(|| (method, nameless(&format!("{{api}}{}", path.unwrap_or_default()))))
                })
                .collect();
            assert!(by_protobuf.len() > 50, "{version}");
            for row in rows() {
                let route = (row.method.as_str(), nameless(row.path));
                assert!(!by_protobuf.contains(&route) || of(row).is_protobuf(), "{route:?} of {version}");
            }
        }
    }

    #[test]
    fn each_field_of_a_row_is_in_its_message_or_in_the_path() {
        for row in rows() {
            for claim in row.access() {
                let (_, field) = claim.parts();
                if field.parameters.is_empty() {
                    continue; // it names every resource of a type
                }
                let known = |path: &&&str| {
                    let mut message = Some(of(row).message());
                    row.path.contains(&format!("{path}}}"))
                        || path.split('.').all(|step| {
                            let name = step.trim_end_matches(['[', ']', '{', '}']);
                            let found = message.and_then(|message| message.fields.iter().find(|f| f.name == name));
                            message = match found.map(|field| field.kind) {
                                Some(Kind::Message(number)) => messages::nested(number),
                                _ => None,
                            };
                            let many = match step {
                                _ if step.ends_with("[]") => Many::List,
                                _ if step.ends_with("{}") => Many::Map,
                                _ if matches!(field.count, Cardinality::Each | Cardinality::EachOptional)
                                    && !path.contains('.') =>
                                {
                                    Many::List
                                }
                                _ => Many::One,
                            };
                            found.is_some_and(|field| field.many == many)
                        })
                };
                assert!(
                    field.parameters.iter().any(|path| known(&path)),
                    "{} {}: {field:?}",
                    row.method.as_str(),
                    row.path
                );
            }
        }
    }
}
