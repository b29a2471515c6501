//! JSON as MLflow's protobuf reads it, and as it is written for MLflow.
//!
//! MLflow hands a body to protobuf's `ParseDict`, swallows its `ParseError` and goes on with the fields that were set so
//! far. So a body is only let through if nothing that is known of it can stop that parser: a key is an identifier and
//! stands once and in one spelling, a value is of the type that the field has, a oneof has one member.
//!
//! Fields that no release knows pass, since a newer MLflow may know them; but that one may also stop at them. Therefore,
//! **in each object on the way, what is known stands in front of what is unknown**, in this order:
//!
//! 1. fields that were decided on, nothing unknown in them,
//! 2. other known fields, nothing unknown in them,
//! 3. a field that was decided on, with something unknown in it: at most one, or the request is refused,
//! 4. other known fields with something unknown in them,
//! 5. unknown fields.
//!
//! Where a parser stops within the items of a list, the items behind are lost. Each of them was decided on, so that fewer
//! are done than are allowed, and nothing that was decided on stands behind the list (3).
//!
//! An object that is in order already is not copied: what is written are slices of the text, with a few edits.
//!
//! A thousand metrics have four thousand members, of which nothing is wanted. Those that stand where the message has them
//! and look as most do are passed in one place (`Reader::plain_members`), which knows only what is right; all that is
//! not, or is another way to say it, goes the way of every member (`Reader::member`).

mod order;
mod scalar;

use std::borrow::Cow;
use std::fmt;

use crate::json::parser::{DEEPEST, Limits, Parser};
use crate::json::{Json, JsonError, Wanted, is_camel_case, scan, utf_8};
use crate::mlflow::messages::{Field, Kind, MOST_FIELDS, Many, Message, nested};
use order::{Edits, Member, Rank};
pub use scalar::{Fit, string as fit};

/// The most edits, and the most unknown fields of open objects, of one body.
const MOST_EDITS: usize = 5_000;

/// An object that is read by its fields.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// The fields.
    pub message: &'a Message,
    /// True if protobuf reads it. If not, a field has one spelling and nothing stops the reader.
    pub is_protobuf: bool,
    /// The names of the fields that are decided on, at any depth.
    pub decided: &'a [&'a str],
}

/// A body that was read.
#[derive(Debug, PartialEq)]
pub struct Body {
    /// Its value, as much of it as was wanted, with the fields in snake_case.
    pub value: Json,
    /// The text for MLflow, if it is another than the one that was read.
    pub rewritten: Option<String>,
}

/// The reason why an object is not let through.
#[derive(Debug, PartialEq)]
pub enum Fault {
    /// It is no JSON.
    Json(JsonError),
    /// A value that its field does not have.
    Value {
        /// The field, from the outermost on.
        path: Box<str>,
        /// The value, as JSON.
        shown: Box<str>,
        /// Python's name of its type.
        kind: &'static str,
    },
    /// A key that is no identifier.
    Key(String),
    /// A field that stands twice, perhaps in two spellings.
    Twice(String),
    /// Two fields that exclude each other.
    Oneof(&'static str, &'static str),
    /// Unknown fields in two of those that were decided on.
    Unknown(&'static str, &'static str),
}

impl From<JsonError> for Fault {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => {
                write!(f, "The request body is not a JSON object that can be read in one way: {error}.")
            }
            Self::Value { path, shown, kind } => write!(
                f,
                "Invalid value {shown} for parameter '{path}' supplied:  Hint: Value was of type '{kind}'. \
                 See the API docs for more information about request parameters."
            ),
            Self::Key(key) => write!(f, "Request specifies '{key}', which is not the name of a field."),
            Self::Twice(name) => {
                write!(f, "Request specifies '{name}' twice or in two spellings; provide only one of them.")
            }
            Self::Oneof(one, other) => {
                write!(f, "Request specifies both '{one}' and '{other}'; provide only one of them.")
            }
            Self::Unknown(one, other) => {
                write!(f, "Request specifies unknown fields in both '{one}' and '{other}'.")
            }
        }
    }
}

impl Fault {
    /// A text that is not what its field has.
    pub fn of_text(name: &str, text: &str) -> Self {
        let shown = shortened(&Json::Text(text.to_owned()).compact());
        Self::Value { path: name.into(), shown: shown.into(), kind: "str" }
    }

    /// A value that is not what its field has.
    pub fn of_value(name: &str, value: &Json) -> Self {
        let kind = match value {
            Json::Null => "NoneType",
            Json::Bool(_) => "bool",
            Json::Number(text) if text.contains(['.', 'e', 'E', 'N', 'I']) => "float",
            Json::Number(_) => "int",
            Json::Text(_) => "str",
            Json::List(_) => "list",
            Json::Object(_) => "dict",
        };
        Self::Value { path: name.into(), shown: shortened(&value.compact()).into(), kind }
    }

    /// The same, seen from the object around it.
    fn under(self, step: impl fmt::Display) -> Self {
        match self {
            Self::Value { path, shown, kind } => {
                let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
                Self::Value { path: format!("{step}{dot}{path}").into(), shown, kind }
            }
            fault => fault,
        }
    }
}

/// Reads an object. The text must have nothing else in it.
pub fn read(bytes: &[u8], shape: Shape<'_>, wanted: Wanted<'_>) -> Result<Body, Fault> {
    let text = utf_8(bytes)?;
    let parser = Parser::new(text, Limits::REQUEST);
    let mut reader = Reader { parser, shape, edits: Edits::default(), members: Vec::new() };
    reader.parser.space();
    let start = reader.parser.at;
    let seen = reader.message(
        shape.message,
        &mut PlainFields::default(),
        wanted,
        At { depth: 0, messages: 1, is_whole: true },
    )?;
    let end = reader.parser.at;
    reader.parser.end()?;
    let rewritten = (!reader.edits.is_empty()).then(|| reader.edits.apply(text, start, end, 0));
    Ok(Body { value: seen.value, rewritten })
}

/// The place of a value.
#[derive(Clone, Copy)]
struct At {
    /// The number of objects and lists around it.
    depth: usize,
    /// The number of messages around it and itself, as protobuf counts them.
    messages: usize,
    /// True for the whole body.
    is_whole: bool,
}

impl At {
    fn inside(self) -> Self {
        Self { depth: self.depth + 1, is_whole: false, ..self }
    }

    fn message(self) -> Self {
        Self { messages: self.messages + 1, ..self }
    }
}

/// A value that was read.
struct Seen {
    value: Json,
    /// True if something in it is not known.
    has_unknown: bool,
}

impl From<Json> for Seen {
    fn from(value: Json) -> Self {
        Self { value, has_unknown: false }
    }
}

struct Reader<'t, 's> {
    parser: Parser<'t>,
    shape: Shape<'s>,
    edits: Edits,
    /// The fields of the objects that are open, those of the innermost last.
    members: Vec<Member>,
}

/// The plain fields among the first 64 of a message, each a bit: those with one value, which is not wanted, of a type in
/// which most values are seen to be right as soon as they are passed. The items of a list share what was found out.
#[derive(Default)]
struct PlainFields {
    looked_at: u64,
    plain: u64,
}

impl PlainFields {
    /// Returns true if the field of this bit is plain.
    fn has(&mut self, bit: u64, field: &Field, wanted: Wanted<'_>) -> bool {
        if self.looked_at & bit == 0 {
            self.look_at(bit, field, wanted);
        }
        self.plain & bit != 0
    }

    #[inline(never)]
    fn look_at(&mut self, bit: u64, field: &Field, wanted: Wanted<'_>) {
        self.looked_at |= bit;
        let is_simple = match field.kind {
            Kind::Text | Kind::Double => true,
            Kind::Integer(_, most) => most >= i64::MAX.into(),
            _ => false,
        };
        let is_single = field.many == Many::One && field.oneof.is_none();
        if is_simple && is_single && wanted.of_field(field.name).is_nothing() {
            self.plain |= bit;
        }
    }
}

/// The fields of one object that were there already.
#[derive(Default)]
struct Present {
    /// The first 64 of the message, and the others.
    fields: [u64; MOST_FIELDS / 64],
    /// The number behind the last one's: most objects are written in the order of their message.
    next: usize,
    /// For each oneof that has a member, which.
    oneofs: Vec<(u32, &'static str)>,
}

impl Reader<'_, '_> {
    /// A message of protobuf, or the whole of what is none.
    fn message(
        &mut self,
        message: &Message,
        plain: &mut PlainFields,
        wanted: Wanted<'_>,
        at: At,
    ) -> Result<Seen, Fault> {
        if self.parser.peek() != Some(b'{') {
            return self.wrong(at);
        }
        if at.messages > DEEPEST {
            return self.parser.fail("nested too deeply").map_err(Fault::Json);
        }
        self.count(wanted)?;
        let (start, first_edit, first_member) = (self.parser.at, self.edits.len(), self.members.len());
        let first_key = self.parser.first_key();
        let (mut entries, mut present) = (Vec::new(), Present::default());
        self.parser.at += 1;
        self.parser.space();
        if self.parser.eat(b'}') {
            return Ok(Json::Object(entries).into());
        }
        let mut is_plain = !at.is_whole;
        loop {
            self.parser.space();
            if !self.plain_members(message, plain, wanted, &mut present) {
                self.member(message, wanted, at.inside(), &mut present, &mut entries)?;
                is_plain = false;
            }
            if self.parser.ends(b'}').map_err(Fault::Json)? {
                break;
            }
        }
        if is_plain {
            self.members.truncate(first_member);
            return Ok(Json::Object(entries).into());
        }
        self.parser.close(first_key)?;
        if matches!(wanted, Wanted::All) {
            let members = self.members.get(first_member..).unwrap_or_default();
            let ranks = members.iter().filter(|member| !member.is_absent()).map(Member::rank);
            let mut rest: Vec<_> = ranks.zip(std::mem::take(&mut entries)).collect();
            for rank in Rank::WRITTEN {
                let (now, later): (Vec<_>, _) = rest.into_iter().partition(|(its, _)| *its == rank);
                entries.extend(now.into_iter().map(|(_, entry)| entry));
                rest = later;
            }
        }
        let has_unknown = self.arrange(start, first_edit, first_member, at)?;
        Ok(Seen { value: Json::Object(entries), has_unknown })
    }

    /// Passes the members of an object as long as they are plain: each is the field that stands behind the last one in
    /// the message, under its own name, with a value as most have it. Such a member [`Reader::member`] takes as well, with
    /// the same result, and anything else is left to it. Returns true if there was one.
    fn plain_members(
        &mut self,
        message: &Message,
        plain: &mut PlainFields,
        wanted: Wanted<'_>,
        present: &mut Present,
    ) -> bool {
        let (bytes, first) = (self.parser.bytes(), present.next);
        let [before, _] = &mut present.fields;
        let mut bit = u32::try_from(first).ok().and_then(|first| 1_u64.checked_shl(first)).unwrap_or_default();
        let mut start = self.parser.at;
        for field in message.fields.get(first..).unwrap_or_default() {
            if *before & bit != 0 || !plain.has(bit, field, wanted) {
                break;
            }
            let Some(end) = plain_end(bytes, start, field) else { break };
            *before |= bit;
            bit <<= 1;
            present.next += 1;
            self.members.push(Member::known(start, end, field.name, false, false));
            self.parser.at = end;
            let comma = scan::space_end(bytes, end);
            if bytes.get(comma) != Some(&b',') {
                break;
            }
            start = scan::space_end(bytes, comma + 1);
        }
        present.next > first
    }

    /// A key and its value.
    fn member(
        &mut self,
        message: &Message,
        wanted: Wanted<'_>,
        at: At,
        present: &mut Present,
        entries: &mut Vec<(String, Json)>,
    ) -> Result<(), Fault> {
        let start = self.parser.at;
        let key = self.parser.key(false)?;
        let value = self.parser.at;
        let Some((index, field)) = self.field(message, &key, present.next) else {
            if self.shape.is_protobuf && !is_identifier(&key) {
                return Err(Fault::Key(shortened(&key)));
            }
            self.bound(self.members.len())?;
            let wanted = if matches!(wanted, Wanted::All) { wanted } else { Wanted::Nothing };
            self.parser.note(start, key.clone())?;
            let json = self.parser.value(at.depth, wanted)?;
            if matches!(wanted, Wanted::All) {
                entries.push((key.into_owned(), json));
            }
            self.members.push(Member::unknown(start, self.parser.at, self.shape.is_protobuf));
            return Ok(());
        };
        present.add(index, field)?;
        let is_null = self.parser.peek() == Some(b'n');
        if is_null && !(field.kind == Kind::Value && field.many == Many::One) {
            self.parser.value(at.depth, Wanted::Nothing)?;
            self.members.push(Member::not_found(start, self.parser.at));
            return Ok(());
        }
        present.choose(field)?;
        if !matches!(key, Cow::Borrowed(key) if key == field.name) {
            self.edit(start, value, || format!("\"{}\":", field.name))?;
        }
        let wanted = wanted.of_field(field.name);
        let seen = self.values(field, wanted, at).map_err(|fault| fault.under(field.name))?;
        if !wanted.is_nothing() {
            entries.push((field.name.to_owned(), seen.value));
        }
        let is_decided = match wanted {
            Wanted::All => self.shape.decided.contains(&field.name),
            _ => !wanted.is_nothing(),
        };
        self.members.push(Member::known(start, self.parser.at, field.name, is_decided, seen.has_unknown));
        Ok(())
    }

    /// The field that a key means, and its number.
    fn field<'m>(&self, message: &'m Message, key: &str, expected: usize) -> Option<(usize, &'m Field)> {
        if let Some(field) = message.fields.get(expected).filter(|field| field.name == key) {
            return Some((expected, field));
        }
        let fields = || message.fields.iter().enumerate();
        let exact = fields().find(|(_, field)| field.name == key);
        exact.or_else(|| fields().find(|(_, field)| self.shape.is_protobuf && is_camel_case(key, field.name)))
    }

    /// The value or values of a field.
    fn values(&mut self, field: &Field, wanted: Wanted<'_>, at: At) -> Result<Seen, Fault> {
        match field.many {
            Many::One => self.one(field, &mut PlainFields::default(), wanted, at),
            Many::List => self.list(field, wanted, at),
            Many::Map => self.map(field, wanted, at),
        }
    }

    fn list(&mut self, field: &Field, wanted: Wanted<'_>, at: At) -> Result<Seen, Fault> {
        if self.parser.peek() != Some(b'[') {
            return self.wrong(at);
        }
        self.count(wanted)?;
        self.parser.at += 1;
        let (mut items, mut has_unknown, mut plain) = (Vec::new(), false, PlainFields::default());
        self.parser.space();
        if self.parser.eat(b']') {
            return Ok(Json::List(items).into());
        }
        for index in 0_usize.. {
            self.parser.space();
            let seen = match self.one(field, &mut plain, wanted, at.inside()) {
                Ok(seen) => seen,
                Err(fault) => return Err(fault.under(format_args!("[{index}]"))),
            };
            has_unknown |= seen.has_unknown;
            if !wanted.is_nothing() {
                items.push(seen.value);
            }
            if self.parser.ends(b']').map_err(Fault::Json)? {
                break;
            }
        }
        Ok(Seen { value: Json::List(items), has_unknown })
    }

    fn map(&mut self, field: &Field, wanted: Wanted<'_>, at: At) -> Result<Seen, Fault> {
        if self.parser.peek() != Some(b'{') {
            return self.wrong(at);
        }
        self.count(wanted)?;
        let first_key = self.parser.first_key();
        self.parser.at += 1;
        let (mut entries, mut has_unknown, mut plain) = (Vec::new(), false, PlainFields::default());
        self.parser.space();
        if self.parser.eat(b'}') {
            return Ok(Json::Object(entries).into());
        }
        loop {
            self.parser.space();
            let key = self.parser.key(true)?;
            let seen = self.one(field, &mut plain, wanted, at.inside());
            let seen = seen.map_err(|fault| fault.under(format_args!("{{}}")))?;
            has_unknown |= seen.has_unknown;
            if !wanted.is_nothing() {
                entries.push((key.into_owned(), seen.value));
            }
            if self.parser.ends(b'}').map_err(Fault::Json)? {
                break;
            }
        }
        self.parser.close(first_key)?;
        Ok(Seen { value: Json::Object(entries), has_unknown })
    }

    /// One value of a field.
    fn one(&mut self, field: &Field, plain: &mut PlainFields, wanted: Wanted<'_>, at: At) -> Result<Seen, Fault> {
        match field.kind {
            Kind::Message(number) => match nested(number) {
                Some(message) => self.message(message, plain, wanted, at.message()),
                None => self.wrong(at),
            },
            Kind::Struct if self.parser.peek() != Some(b'{') => self.wrong(at),
            Kind::ListValue if self.parser.peek() != Some(b'[') => self.wrong(at),
            Kind::Struct | Kind::ListValue | Kind::Value => self.anything(wanted, at.message()),
            _ => self.scalar(field, wanted, at),
        }
    }

    /// A value of any type. Protobuf counts a message for each value, and one more for each object or list.
    fn anything(&mut self, wanted: Wanted<'_>, at: At) -> Result<Seen, Fault> {
        let outside = self.parser.deepest;
        self.parser.deepest = outside.min(at.depth + DEEPEST.saturating_sub(at.messages + 1) / 2);
        let value = self.parser.value(at.depth, wanted);
        self.parser.deepest = outside;
        Ok(value?.into())
    }

    /// Leaves an object: puts its members in order, and says if something in it is not known.
    fn arrange(&mut self, start: usize, first_edit: usize, first_member: usize, at: At) -> Result<bool, Fault> {
        let members = self.members.get(first_member..).unwrap_or_default();
        if !at.is_whole && members.iter().all(Member::is_plain) {
            self.members.truncate(first_member);
            return Ok(false);
        }
        let has_unknown = members.iter().any(Member::is_unknown);
        let is_sorted = members.is_sorted_by_key(Member::rank) && !members.iter().any(Member::is_absent);
        if !is_sorted
            && (has_unknown || (at.is_whole && self.shape.is_protobuf) || members.iter().any(Member::is_absent))
        {
            let end = self.parser.at;
            let text = self.edits.arranged(self.parser.slice(0, end), members, first_edit);
            self.edits.replace(first_edit, start, end, text);
        }
        let mut behind = members.iter().filter(|member| member.is_decided_with_unknown());
        if let (Some(one), Some(other)) = (behind.next(), behind.next()) {
            return Err(Fault::Unknown(one.name, other.name));
        }
        self.members.truncate(first_member);
        Ok(has_unknown)
    }

    fn count(&mut self, wanted: Wanted<'_>) -> Result<(), Fault> {
        if wanted.is_nothing() { Ok(()) } else { self.parser.count().map_err(Fault::Json) }
    }

    fn edit(&mut self, start: usize, end: usize, text: impl FnOnce() -> String) -> Result<(), Fault> {
        self.bound(self.edits.len())?;
        self.edits.push(start, end, text());
        Ok(())
    }

    fn bound(&self, count: usize) -> Result<(), Fault> {
        if count < MOST_EDITS { Ok(()) } else { self.parser.fail("too many fields").map_err(Fault::Json) }
    }

    /// A value that is not what its field has.
    fn wrong<T>(&mut self, at: At) -> Result<T, Fault> {
        let start = self.parser.at;
        self.parser.value(at.depth, Wanted::Nothing)?;
        let text = self.parser.slice(start, self.parser.at);
        let value = Json::read(text.as_bytes(), Wanted::All, Limits::REQUEST)?;
        Err(Fault::of_value("", &value))
    }
}

impl Present {
    fn add(&mut self, index: usize, field: &Field) -> Result<(), Fault> {
        match self.fields.get_mut(index / 64) {
            Some(some) if *some & 1 << (index % 64) == 0 => *some |= 1 << (index % 64),
            _ => return Err(Fault::Twice(field.name.to_owned())),
        }
        self.next = index + 1;
        Ok(())
    }

    fn choose(&mut self, field: &Field) -> Result<(), Fault> {
        let Some(oneof) = field.oneof else { return Ok(()) };
        if let Some((_, other)) = self.oneofs.iter().find(|(number, _)| *number == oneof) {
            return Err(Fault::Oneof(other, field.name));
        }
        self.oneofs.push((oneof, field.name));
        Ok(())
    }
}

/// As protobuf names fields. In another key it may see an extension, and stop.
pub fn is_identifier(key: &str) -> bool {
    !key.is_empty()
        && !key.starts_with(|c: char| c.is_ascii_digit())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Returns the place behind a member that is this field, under its own name and with a plain value.
fn plain_end(bytes: &[u8], start: usize, field: &Field) -> Option<usize> {
    let value = scan::space_end(bytes, field.key.as_ref()?.end(bytes, start)?);
    match field.kind {
        Kind::Text => scan::behind_string(bytes, value),
        Kind::Double => scan::behind_decimal(bytes, value, Limits::REQUEST.number),
        _ => scan::behind_integer(bytes, value, scalar::CERTAIN_DIGITS),
    }
}

/// The beginning of a text that may be long.
fn shortened(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
