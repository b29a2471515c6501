//! The same in JSON, as MLflow has it read by protobuf's `json_format`.
//!
//! A key stands once, and what leads to a trace has the spelling of OTLP: ids are hexadecimal there, and base64 under
//! protobuf's other spelling. Whatever is known by nothing here is only checked to be JSON; MLflow refuses all of a body in
//! which something is wrong.

use std::borrow::Cow;

use super::{Outline, malformed};
use crate::error::{Rejection, Result};
use crate::json::parser::{Limits, Parser};
use crate::json::{JsonError, Wanted};

/// The members of `AnyValue`'s oneof. The two spellings of each.
const VALUES: &[[&str; 2]] = &[
    ["stringValue", "string_value"],
    ["boolValue", "bool_value"],
    ["intValue", "int_value"],
    ["doubleValue", "double_value"],
    ["arrayValue", "array_value"],
    ["kvlistValue", "kvlist_value"],
    ["bytesValue", "bytes_value"],
];
/// Indices into a dictionary, which only profiles have. A reader that knows them would read another key or value.
const INDICES: &[&str] = &["keyStrindex", "key_strindex", "stringValueStrindex", "string_value_strindex"];

/// Of what is skipped, so much deep is what stands around it.
const AROUND: usize = 10;

/// Reads a request.
pub fn read(bytes: &[u8], outline: &mut Outline) -> Result<()> {
    let Ok(text) = std::str::from_utf8(bytes) else { return malformed() };
    let mut reader = Reader { parser: Parser::new(text, Limits::REQUEST), outline };
    reader.parser.space();
    reader.object(|reader, key| match key {
        "resourceSpans" => reader.list(Reader::resource_spans),
        "resource_spans" => malformed(),
        _ => reader.skip(),
    })?;
    reader.parser.end().map_err(refused)
}

fn refused(error: JsonError) -> Rejection {
    Rejection::invalid(format!("Invalid OpenTelemetry format: {error}"))
}

struct Reader<'t, 'o> {
    parser: Parser<'t>,
    outline: &'o mut Outline,
}

impl<'t> Reader<'t, '_> {
    fn resource_spans(&mut self) -> Result<()> {
        self.object(|reader, key| match key {
            "scopeSpans" => reader.list(Self::scope_spans),
            "scope_spans" => malformed(),
            "resource" if !reader.null()? => reader.resource(),
            "resource" => Ok(()),
            _ => reader.skip(),
        })
    }

    fn resource(&mut self) -> Result<()> {
        self.object(|reader, key| match key {
            "attributes" if !reader.null()? => reader.list(|reader| {
                let (key, _) = reader.attribute()?;
                reader.outline.tag(&key)
            }),
            "attributes" => Ok(()),
            _ => reader.skip(),
        })
    }

    fn scope_spans(&mut self) -> Result<()> {
        self.object(|reader, key| match key {
            "spans" => reader.list(Self::span),
            _ => reader.skip(),
        })
    }

    fn span(&mut self) -> Result<()> {
        let mut has_trace = false;
        self.object(|reader, key| match key {
            "traceId" => {
                has_trace = true;
                let id = reader.string()?;
                reader.outline.span(&id)
            }
            "trace_id" => malformed(),
            "attributes" if !reader.null()? => reader.list(|reader| {
                let (key, value) = reader.attribute()?;
                reader.outline.attribute(&key, value.as_deref())
            }),
            "attributes" => Ok(()),
            _ => reader.skip(),
        })?;
        if has_trace { Ok(()) } else { malformed() }
    }

    /// Key and value of an attribute, the value if it is a string.
    fn attribute(&mut self) -> Result<(Cow<'t, str>, Option<Cow<'t, str>>)> {
        let (mut name, mut string) = (Cow::Borrowed(""), None);
        self.object(|reader, key| {
            match key {
                "key" => name = reader.string()?,
                "value" if !reader.null()? => string = reader.any_value()?,
                "value" => {}
                _ if INDICES.contains(&key) => return malformed(),
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok((name, string))
    }

    fn any_value(&mut self) -> Result<Option<Cow<'t, str>>> {
        let (mut members, mut string) = (0, None);
        self.object(|reader, key| {
            let is_member = VALUES.iter().flatten().any(|name| *name == key);
            if INDICES.contains(&key) {
                return malformed();
            }
            if !is_member {
                return reader.skip();
            }
            if reader.null()? {
                return Ok(());
            }
            members += 1;
            match key {
                _ if members > 1 => malformed(),
                "stringValue" | "string_value" => {
                    string = Some(reader.string()?);
                    Ok(())
                }
                _ => reader.skip(),
            }
        })?;
        Ok(string)
    }

    /// Reads an object; `each` is called before each of its values, and reads that.
    fn object(&mut self, mut each: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        if !self.parser.eat(b'{') {
            return malformed();
        }
        let first = self.parser.first_key();
        self.parser.space();
        if self.parser.eat(b'}') {
            return Ok(());
        }
        loop {
            self.parser.space();
            let key = self.parser.key(true).map_err(refused)?;
            each(self, &key)?;
            self.parser.space();
            if self.parser.eat(b'}') {
                return self.parser.close(first).map_err(refused);
            }
            if !self.parser.eat(b',') {
                return malformed();
            }
        }
    }

    /// Reads a list; `each` reads an item.
    fn list(&mut self, mut each: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if !self.parser.eat(b'[') {
            return malformed();
        }
        self.parser.space();
        if self.parser.eat(b']') {
            return Ok(());
        }
        loop {
            self.parser.space();
            each(self)?;
            self.parser.space();
            if self.parser.eat(b']') {
                return Ok(());
            }
            if !self.parser.eat(b',') {
                return malformed();
            }
        }
    }

    fn string(&mut self) -> Result<Cow<'t, str>> {
        if self.parser.peek() != Some(b'"') {
            return malformed();
        }
        self.parser.string(true).map_err(refused)
    }

    /// Returns true if the value is null, which is behind us then.
    fn null(&mut self) -> Result<bool> {
        if self.parser.peek() != Some(b'n') {
            return Ok(false);
        }
        let word = self.parser.word().map_err(refused)?;
        if word == "null" { Ok(true) } else { malformed() }
    }

    fn skip(&mut self) -> Result<()> {
        self.parser.value(AROUND, Wanted::Nothing).map(drop).map_err(refused)
    }
}
