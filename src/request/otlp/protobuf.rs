//! `ExportTraceServiceRequest`, strictly.
//!
//! Protobuf takes for unknown what has another wire type than its field, merges a message that stands twice, and keeps the
//! last of two values. None of this is written by any client, so none of it is taken. Fields that are not known pass if
//! they are well-formed.
//!
//! A length may have more bytes than it needs, since OpenTelemetry for .NET leaves room for four and fills it in later.

use super::{Outline, REQUEST_ID, TAG_PREFIX, malformed};
use crate::error::Result;

/// Protobuf's own parser stops there.
const DEEPEST: usize = 100;

struct Message(&'static [Field]);

struct Field {
    number: u32,
    kind: Kind,
    many: Many,
}

#[derive(Clone, Copy)]
enum Kind {
    Varint,
    Fixed64,
    Fixed32,
    Text,
    Bytes,
    Message(&'static Message),
}

#[derive(Clone, Copy)]
enum Many {
    /// At most one.
    One,
    /// At most one of all that have this.
    OneOf,
    Any,
    /// An index into a dictionary, which only profiles have. A reader that knows it would read another key or value.
    Never,
}

const fn one(number: u32, kind: Kind) -> Field {
    Field { number, kind, many: Many::One }
}

const fn of(number: u32, kind: Kind) -> Field {
    Field { number, kind, many: Many::OneOf }
}

const fn any(number: u32, kind: Kind) -> Field {
    Field { number, kind, many: Many::Any }
}

const fn never(number: u32) -> Field {
    Field { number, kind: Kind::Varint, many: Many::Never }
}

use Kind::{Bytes, Fixed32, Fixed64, Text, Varint};

static REQUEST: Message = Message(&[any(1, Kind::Message(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Message =
    Message(&[one(1, Kind::Message(&RESOURCE)), any(2, Kind::Message(&SCOPE_SPANS)), one(3, Text)]);
static RESOURCE: Message =
    Message(&[any(1, Kind::Message(&KEY_VALUE)), one(2, Varint), any(3, Kind::Message(&ENTITY_REF))]);
static ENTITY_REF: Message = Message(&[one(1, Text), one(2, Text), any(3, Text), any(4, Text)]);
static SCOPE_SPANS: Message = Message(&[one(1, Kind::Message(&SCOPE)), any(2, Kind::Message(&SPAN)), one(3, Text)]);
static SCOPE: Message = Message(&[one(1, Text), one(2, Text), any(3, Kind::Message(&KEY_VALUE)), one(4, Varint)]);
static SPAN: Message = Message(&[
    one(1, Bytes),
    one(2, Bytes),
    one(3, Text),
    one(4, Bytes),
    one(5, Text),
    one(6, Varint),
    one(7, Fixed64),
    one(8, Fixed64),
    any(9, Kind::Message(&KEY_VALUE)),
    one(10, Varint),
    any(11, Kind::Message(&EVENT)),
    one(12, Varint),
    any(13, Kind::Message(&LINK)),
    one(14, Varint),
    one(15, Kind::Message(&STATUS)),
    one(16, Fixed32),
]);
static EVENT: Message = Message(&[one(1, Fixed64), one(2, Text), any(3, Kind::Message(&KEY_VALUE)), one(4, Varint)]);
static LINK: Message = Message(&[
    one(1, Bytes),
    one(2, Bytes),
    one(3, Text),
    any(4, Kind::Message(&KEY_VALUE)),
    one(5, Varint),
    one(6, Fixed32),
]);
static STATUS: Message = Message(&[one(2, Text), one(3, Varint)]);
static KEY_VALUE: Message = Message(&[one(1, Text), one(2, Kind::Message(&ANY_VALUE)), never(3)]);
static ANY_VALUE: Message = Message(&[
    of(1, Text),
    of(2, Varint),
    of(3, Varint),
    of(4, Fixed64),
    of(5, Kind::Message(&ARRAY)),
    of(6, Kind::Message(&KEY_VALUE_LIST)),
    of(7, Bytes),
    never(8),
]);
static ARRAY: Message = Message(&[any(1, Kind::Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[any(1, Kind::Message(&KEY_VALUE))]);

/// Reads a request.
pub fn read(bytes: &[u8], outline: &mut Outline) -> Result<()> {
    each(&REQUEST, bytes, |_, resource_spans| {
        each(&RESOURCE_SPANS, resource_spans.bytes, |number, value| match number {
            1 => each(&RESOURCE, value.bytes, |number, value| match number {
                1 => outline.tag(attribute(value.bytes)?.0),
                _ => check(value, 4),
            }),
            2 => each(&SCOPE_SPANS, value.bytes, |number, value| match number {
                2 => span(value.bytes, outline),
                _ => check(value, 4),
            }),
            _ => Ok(()),
        })
    })
}

fn span(bytes: &[u8], outline: &mut Outline) -> Result<()> {
    let mut has_trace = false;
    each(&SPAN, bytes, |number, value| match number {
        1 => {
            has_trace = true;
            outline.span(&hex(value.bytes))
        }
        9 => {
            let (key, value) = attribute(value.bytes)?;
            if key == REQUEST_ID || key.starts_with(TAG_PREFIX) {
                return outline.attribute(key, string(value)?);
            }
            Ok(())
        }
        _ => check(value, 5),
    })?;
    // MLflow takes no span without, and before 3.10 took it for a part of trace 0
    if has_trace { Ok(()) } else { malformed() }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// Key and value of an attribute.
fn attribute(bytes: &[u8]) -> Result<(&str, &[u8])> {
    let (mut key, mut any_value) = ("", &[][..]);
    each(&KEY_VALUE, bytes, |number, value| {
        match number {
            1 => key = value.text,
            _ => any_value = value.bytes,
        }
        check(value, 6)
    })?;
    Ok((key, any_value))
}

/// The string that a value is, if it is one.
fn string(any_value: &[u8]) -> Result<Option<&str>> {
    let mut found = None;
    each(&ANY_VALUE, any_value, |number, value| {
        found = (number == 1).then_some(value.text);
        Ok(())
    })?;
    Ok(found)
}

/// Reads whatever is in a value that stands at a depth.
fn check(value: Value<'_>, depth: usize) -> Result<()> {
    let Kind::Message(message) = value.kind else { return Ok(()) };
    if depth > DEEPEST {
        return malformed();
    }
    each(message, value.bytes, |_, value| check(value, depth + 1))
}

/// A value of a field that is known.
#[derive(Clone, Copy)]
struct Value<'a> {
    kind: Kind,
    /// Its bytes, if it has a length.
    bytes: &'a [u8],
    /// The same, if it is a string.
    text: &'a str,
}

/// Calls `visit` with each field of a message that is known.
fn each<'a>(message: &Message, mut bytes: &'a [u8], mut visit: impl FnMut(u32, Value<'a>) -> Result<()>) -> Result<()> {
    let mut seen = 0;
    while !bytes.is_empty() {
        let Some((number, wire_type, value)) = next(&mut bytes) else { return malformed() };
        let Some(field) = message.0.iter().find(|field| field.number == number) else { continue };
        let expected = match field.kind {
            Kind::Varint => 0,
            Kind::Fixed64 => 1,
            Kind::Text | Kind::Bytes | Kind::Message(_) => 2,
            Kind::Fixed32 => 5,
        };
        let once = match field.many {
            Many::Any => 0,
            Many::One => 1_u32.checked_shl(number).unwrap_or_default(),
            Many::OneOf => 1,
            Many::Never => return malformed(),
        };
        if wire_type != expected || seen & once != 0 {
            return malformed();
        }
        seen |= once;
        let text = if matches!(field.kind, Text) { std::str::from_utf8(value).ok() } else { Some("") };
        let Some(text) = text else { return malformed() };
        visit(number, Value { kind: field.kind, bytes: value, text })?;
    }
    Ok(())
}

/// Takes one field: its number, its wire type, and the bytes of a value that has a length. There are no groups.
fn next<'a>(bytes: &mut &'a [u8]) -> Option<(u32, u8, &'a [u8])> {
    let (tag, is_short) = varint(bytes, 5)?;
    let tag = u32::try_from(tag).ok().filter(|tag| is_short && tag >> 3 != 0)?;
    let wire_type = (tag & 7) as u8;
    let value = match wire_type {
        0 => {
            let (_, is_short) = varint(bytes, 10)?;
            is_short.then_some(&[][..])?
        }
        1 => cut(bytes, 8)?,
        2 => {
            let (length, _) = varint(bytes, 5)?;
            cut(bytes, usize::try_from(length).ok()?)?
        }
        5 => cut(bytes, 4)?,
        _ => return None,
    };
    Some((tag >> 3, wire_type, value))
}

fn cut<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

/// A number of at most so many bytes, and whether it needs all that it has.
fn varint(bytes: &mut &[u8], most: u32) -> Option<(u64, bool)> {
    let mut value = 0;
    for i in 0..most {
        let byte = *cut(bytes, 1)?.first()?;
        if i == 9 && byte > 1 {
            return None; // more than 64 bits
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i == 0 || byte != 0));
        }
    }
    None
}
