//! JSON as MLflow's origin reads it, without the ambiguities.
//!
//! Python's `json` takes `NaN` and `Infinity`, and the last of two equal keys; protobuf's parser takes both
//! `experiment_id` and `experimentId`. Here the literals are read too, since metrics hold them, but a key that
//! stands twice is an error, and [`Json::two_spellings`] finds a field that is spelled two ways. Numbers keep their
//! text, so that what is written again is what was read.

use std::collections::HashSet;
use std::fmt::Write;

/// Deeper is refused; protobuf's own parser stops at 100.
const DEEPEST: usize = 100;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, or one of Python's `NaN`, `Infinity` and `-Infinity`, as it was written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object; keys are unique and in the order of arrival.
    Object(Vec<(String, Json)>),
}

/// Where and why a text is not JSON.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{problem} at byte {offset}")]
pub struct JsonError {
    problem: &'static str,
    offset: usize,
}

impl Json {
    /// Reads a whole text: UTF-8, one value, white space around it.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| JsonError { problem: "not UTF-8", offset: e.valid_up_to() })?;
        let mut parser = Parser { text, at: 0 };
        parser.space();
        let value = parser.value(0)?;
        parser.space();
        if parser.at < text.len() { parser.fail("something after the value") } else { Ok(value) }
    }

    /// The value under a key of an object, by exactly this name.
    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Self::Object(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Json> {
        match self {
            Self::Object(entries) => entries.iter_mut().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value of a protobuf field in either spelling: `run_id` or `runId`. `null` is as good as absent.
    pub fn field(&self, name: &str) -> Option<&Json> {
        self.get(name).or_else(|| self.get(&camel_case(name))).filter(|value| **value != Self::Null)
    }

    /// The value at the end of a path of fields.
    pub fn at(&self, path: &[&str]) -> Option<&Json> {
        path.iter().try_fold(self, |value, name| value.field(name))
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items of an array.
    pub fn list(&self) -> Option<&[Json]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Puts a field, in the spelling that is there.
    pub fn set(&mut self, name: &str, value: Json) {
        let Self::Object(entries) = self else { return };
        let camel = camel_case(name);
        match entries.iter_mut().find(|(k, _)| k == name || *k == camel) {
            Some((_, old)) => *old = value,
            None => entries.push((name.to_owned(), value)),
        }
    }

    /// Takes a field out, in whatever spelling.
    pub fn remove(&mut self, name: &str) {
        let Self::Object(entries) = self else { return };
        let camel = camel_case(name);
        entries.retain(|(key, _)| *key != name && *key != camel);
    }

    /// A field that some object of this value spells both ways, at any depth.
    pub fn two_spellings(&self) -> Option<&str> {
        match self {
            Self::List(items) => items.iter().find_map(Self::two_spellings),
            Self::Object(entries) => entries.iter().find_map(|(key, value)| {
                let camel = camel_case(key);
                let twice = camel != *key && entries.iter().any(|(other, _)| *other == camel);
                if twice { Some(key.as_str()) } else { value.two_spellings() }
            }),
            _ => None,
        }
    }

    /// Writes it as MLflow does: two blanks of indent.
    pub fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out
    }

    /// Writes it on one line.
    pub fn compact(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    fn write(&self, out: &mut String, indent: Option<usize>) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(text) => out.push_str(text),
            Self::Text(text) => write_text(out, text),
            Self::List(items) => write_items(out, indent, ['[', ']'], items, |out, item, indent| {
                item.write(out, indent);
            }),
            Self::Object(entries) => write_items(out, indent, ['{', '}'], entries, |out, (key, value), indent| {
                write_text(out, key);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                value.write(out, indent);
            }),
        }
    }
}

/// `experiment_id` to `experimentId`, as protobuf derives a field's JSON name.
fn camel_case(name: &str) -> String {
    let mut upper = false;
    name.chars()
        .filter_map(|c| {
            if c == '_' {
                upper = true;
                return None;
            }
            Some(if std::mem::take(&mut upper) { c.to_ascii_uppercase() } else { c })
        })
        .collect()
}

fn write_items<T>(
    out: &mut String,
    indent: Option<usize>,
    [open, close]: [char; 2],
    items: &[T],
    write: impl Fn(&mut String, &T, Option<usize>),
) {
    let inner = indent.map(|depth| depth + 2);
    let line = |out: &mut String, depth: Option<usize>| {
        if let Some(depth) = depth {
            let _ = write!(out, "\n{:depth$}", "");
        }
    };
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        line(out, inner);
        write(out, item, inner);
    }
    if !items.is_empty() {
        line(out, indent);
    }
    out.push(close);
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn fail<T>(&self, problem: &'static str) -> Result<T, JsonError> {
        Err(JsonError { problem, offset: self.at })
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Whether the next byte is this one, which is then behind us.
    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        if depth > DEEPEST {
            return self.fail("nested too deeply");
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Json, JsonError> {
        let words = [
            ("null", Json::Null),
            ("true", Json::Bool(true)),
            ("false", Json::Bool(false)),
            ("NaN", Json::Number("NaN".to_owned())),
            ("Infinity", Json::Number("Infinity".to_owned())),
        ];
        for (word, value) in words {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.fail("not a value")
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if self.rest().starts_with("Infinity") {
            self.at += "Infinity".len();
            return Ok(Json::Number("-Infinity".to_owned()));
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return self.fail("not a number");
        }
        if self.eat(b'.') && self.digits() == 0 {
            return self.fail("not a number");
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _sign = self.eat(b'-') || self.eat(b'+');
            if self.digits() == 0 {
                return self.fail("not a number");
            }
        }
        Ok(Json::Number(self.text.get(start..self.at).unwrap_or_default().to_owned()))
    }

    fn list(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Json::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b']') {
                return Ok(Json::List(items));
            }
            if !self.eat(b',') {
                return self.fail("no comma between items");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.at += 1;
        let mut entries: Vec<(String, Json)> = Vec::new();
        let mut keys = HashSet::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Json::Object(entries));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.fail("no key");
            }
            let key = self.string()?;
            if !keys.insert(key.clone()) {
                return self.fail("a key that stands twice");
            }
            self.space();
            if !self.eat(b':') {
                return self.fail("no colon after a key");
            }
            self.space();
            entries.push((key, self.value(depth + 1)?));
            self.space();
            if self.eat(b'}') {
                return Ok(Json::Object(entries));
            }
            if !self.eat(b',') {
                return self.fail("no comma between entries");
            }
        }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let plain = self.rest().bytes().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            text.push_str(self.text.get(self.at..self.at + plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return self.fail("a control character in a string"),
                None => return self.fail("a string without end"),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        self.at += 2;
        let Some(escaped) = self.text.as_bytes().get(self.at - 1) else {
            return self.fail("a string without end");
        };
        Ok(match escaped {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return self.fail("an unknown escape"),
        })
    }

    /// `\uXXXX`, or two of them that make a pair. Half a pair is no character: refused.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            let second = self.hex()?;
            if !(0xdc00..0xe000).contains(&second) {
                return self.fail("half a surrogate pair");
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).map_or_else(|| self.fail("half a surrogate pair"), Ok)
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|d| u32::from_str_radix(d, 16).ok()) else {
            return self.fail("an unknown escape");
        };
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Json, JsonError> {
        Json::parse(text.as_bytes())
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let texts = [
            r#"{"a":[1,-2.50,1e400,NaN,-Infinity,Infinity],"b":{"c":null,"d":[true,false,{}]},"e":[]}"#,
            r#""zoë \" \\ 😀""#,
            "123456789012345678901234567890",
        ];
        for text in texts {
            assert_eq!(parse(text).unwrap().compact(), text);
            assert_eq!(parse(&parse(text).unwrap().pretty()), parse(text));
        }
        assert_eq!(parse(r#""\u00e9\ud83d\ude00\n""#), Ok(Json::Text("é😀\n".into())));
        assert_eq!(parse(" {\"a\": [1]} ").unwrap().pretty(), "{\n  \"a\": [\n    1\n  ]\n}");
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let bad = [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{'a':1}",
            "{\"a\":1,\"a\":1}",
            "{\"a\":1,\"\\u0061\":2}",
            "01",
            "1.",
            "+1",
            "1e",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\x\"",
            "\"\n\"",
            "\"",
            "\"\\",
            "\"\\u12",
            "nul",
            "{} {}",
            "\u{feff}{}",
            "-",
            "[",
            "[1 2]",
            "{\"a\" 1}",
            "{1:2}",
        ];
        for text in bad {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(Json::parse(b"\"\xff\"").is_err());
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    #[test]
    fn a_field_has_two_spellings_but_not_at_once() {
        let one = parse(r#"{"runId":"a","b":{"experiment_id":"1"}}"#).unwrap();
        assert_eq!(one.field("run_id"), Some(&Json::Text("a".into())));
        assert_eq!(one.at(&["b", "experiment_id"]), Some(&Json::Text("1".into())));
        assert_eq!(one.two_spellings(), None);
        let both = parse(r#"{"x":[{"experiment_id":"1","experimentId":"2"}]}"#).unwrap();
        assert_eq!(both.two_spellings(), Some("experiment_id"));
    }
}
