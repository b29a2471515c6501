//! The protobuf messages that MLflow reads requests into.
//!
//! `messages.txt` is made from MLflow's own descriptors (`scripts/fixtures/messages.py`) and holds what any of the six
//! releases knows of a route.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::json::scan::Key;

const TABLE: &str = include_str!("messages.txt");

/// The fields of a JSON object.
#[derive(Debug, Default, PartialEq)]
pub struct Message {
    /// In the order of the table; at most [`MOST_FIELDS`].
    pub fields: Vec<Field>,
}

/// The most fields that a message may have here; a test counts them.
pub const MOST_FIELDS: usize = 128;

/// A field of a message.
#[derive(Debug, PartialEq)]
pub struct Field {
    /// Its name in snake_case.
    pub name: &'static str,
    /// The number of values.
    pub many: Many,
    /// The type of a value.
    pub kind: Kind,
    /// Fields with the same number exclude each other.
    pub oneof: Option<u32>,
    /// Its name as a key of JSON, if it is short.
    pub key: Option<Key>,
}

impl Field {
    /// A field that is in no oneof.
    pub fn new(name: &'static str, many: Many, kind: Kind) -> Self {
        Self { name, many, kind, oneof: None, key: Key::new(name) }
    }
}

/// The number of values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// One.
    One,
    /// A list of them.
    List,
    /// An object of them, under any keys.
    Map,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A string in base64.
    Bytes,
    /// `true` or `false`.
    Bool,
    /// An integer of at least the one and at most the other.
    Integer(i128, i128),
    /// A floating point number.
    Double,
    /// The same in 32 bits.
    Float,
    /// A point in time, as RFC 3339 writes it.
    Timestamp,
    /// A number of seconds such as `1.5s`.
    Duration,
    /// ValueKind of fields in camelCase.
    FieldMask,
    /// Any object.
    Struct,
    /// Any value.
    Value,
    /// Any list.
    ListValue,
    /// One of the names of [`enumeration`].
    Enum(usize),
    /// The message that [`nested`] has under this number.
    Message(usize),
}

struct Table {
    routes: BTreeMap<(&'static str, &'static str), usize>,
    enums: Vec<Vec<(&'static str, i64)>>,
    messages: Vec<Message>,
}

/// The message of a route, whose path has `{}` for a segment that is named and `{*}` for the rest.
pub fn of_route(method: &str, path: &str) -> Option<&'static Message> {
    nested(*table().routes.get(&(method, path))?)
}

/// The message of this number.
pub fn nested(number: usize) -> Option<&'static Message> {
    table().messages.get(number)
}

/// The names of an enumeration with their numbers.
pub fn enumeration(number: usize) -> &'static [(&'static str, i64)] {
    table().enums.get(number).map_or(&[], Vec::as_slice)
}

fn table() -> &'static Table {
    static READ: OnceLock<Table> = OnceLock::new();
    READ.get_or_init(|| {
        let mut table = Table { routes: BTreeMap::new(), enums: Vec::new(), messages: Vec::new() };
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            match (words.next().unwrap_or_default(), line.contains('/')) {
                ("=", _) => table.enums.push(words.skip(1).filter_map(named_number).collect()),
                (method, true) => {
                    let (path, message) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                    let message = message.parse().unwrap_or(usize::MAX);
                    table.routes.insert((method, path), message);
                }
                _ => table.messages.push(Message { fields: words.filter_map(field).collect() }),
            }
        }
        table
    })
}

fn named_number(word: &'static str) -> Option<(&'static str, i64)> {
    let (name, number) = word.split_once('=')?;
    Some((name, number.parse().ok()?))
}

fn field(word: &'static str) -> Option<Field> {
    let (name, kind) = word.split_once(':')?;
    let (kind, oneof) = kind.split_once('@').map_or((kind, None), |(kind, oneof)| (kind, oneof.parse().ok()));
    let (many, kind) = match (kind.strip_prefix('*'), kind.strip_prefix('%')) {
        (Some(kind), _) => (Many::List, kind),
        (_, Some(kind)) => (Many::Map, kind),
        _ => (Many::One, kind),
    };
    Some(Field { oneof, ..Field::new(name, many, kind_of(kind)?) })
}

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "s" => Kind::Text,
        "y" => Kind::Bytes,
        "b" => Kind::Bool,
        "i" => Kind::Integer(i32::MIN.into(), i32::MAX.into()),
        "l" => Kind::Integer(i64::MIN.into(), i64::MAX.into()),
        "I" => Kind::Integer(0, u32::MAX.into()),
        "L" => Kind::Integer(0, u64::MAX.into()),
        "d" => Kind::Double,
        "f" => Kind::Float,
        "t" => Kind::Timestamp,
        "u" => Kind::Duration,
        "k" => Kind::FieldMask,
        "j" => Kind::Struct,
        "v" => Kind::Value,
        "a" => Kind::ListValue,
        _ => match (word.strip_prefix('='), word.strip_prefix('>')) {
            (Some(number), _) => Kind::Enum(number.parse().ok()?),
            (_, Some(number)) => Kind::Message(number.parse().ok()?),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_table_is_understood() {
        let table = table();
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        let (routes, rest): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.contains('/'));
        let (enums, messages): (Vec<&str>, Vec<&str>) = rest.iter().partition(|line| line.starts_with('='));
        assert_eq!(
            [routes.len(), enums.len(), messages.len()],
            [table.routes.len(), table.enums.len(), table.messages.len()]
        );
        assert!(table.routes.len() > 100 && table.routes.values().all(|number| nested(*number).is_some()));
        for (line, message) in messages.iter().zip(&table.messages) {
            assert_eq!(line.split(' ').count() - 1, message.fields.len(), "{line}");
            assert!(message.fields.len() <= MOST_FIELDS, "{line}");
            for field in &message.fields {
                match field.kind {
                    Kind::Message(number) => assert!(nested(number).is_some(), "{line}"),
                    Kind::Enum(number) => assert!(!enumeration(number).is_empty(), "{line}"),
                    _ => {}
                }
                assert!(field.oneof.is_none_or(|number| number < 32), "{line}");
                assert!(
                    field.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                    "{line}"
                );
            }
        }
        for (line, values) in enums.iter().zip(&table.enums) {
            assert_eq!(line.split(' ').count() - 2, values.len(), "{line}");
        }
    }

    #[test]
    fn a_route_has_the_fields_of_every_release() {
        let names = |method, path| -> Vec<&str> {
            of_route(method, path)
                .map(|message| message.fields.iter().map(|field| field.name).collect())
                .unwrap_or_default()
        };
        assert_eq!(names("POST", "{api}/2.0/mlflow/experiments/update"), ["experiment_id", "new_name"]);
        assert!(names("POST", "{api}/2.0/mlflow/runs/log-metric").contains(&"model_id"));
        assert_eq!(names("POST", "{api}/2.0/mlflow/runs/nothing"), [""; 0]);
    }
}
