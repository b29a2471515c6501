//! JSON as MLflow's origin reads it, without the ambiguities.
//!
//! Python's `json` takes `NaN` and `Infinity`, and the last of two equal keys; protobuf's parser takes both
//! `experiment_id` and `experimentId`. Here the literals are read too, since metrics hold them, but a key that
//! stands twice is an error, and a [`Reading`] tells of a field that is spelled two ways. Numbers keep their text, so
//! that what is written again is what was read.
//!
//! The whole text is always checked. What of it is built is for the caller to say ([`Wanted`]): a batch of a thousand
//! metrics is read for the ids in it, and copying the rest of it would cost more than everything else that is done here.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;

/// Deeper is refused; protobuf's own parser stops at 100.
const DEEPEST: usize = 100;

/// Keys of one object that are compared with each other; more are put into a hash table.
const FEW: usize = 16;

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

/// What of a text is built.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    /// All of it.
    All,
    /// All but those fields of objects, at any depth, that have none of these names in either spelling. Of a field
    /// whose name has `{}` behind it all is built.
    Fields(&'a [&'a str]),
    /// None of it.
    Nothing,
}

impl Wanted<'_> {
    fn is_nothing(self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// What is wanted of the value under a key.
    fn under(self, key: &str) -> Self {
        let Self::Fields(names) = self else { return self };
        let is_key = |name: &str| key == name || is_camel_case(key, name);
        if names.iter().filter_map(|name| name.strip_suffix("{}")).any(is_key) {
            return Self::All;
        }
        if names.iter().copied().any(is_key) { self } else { Self::Nothing }
    }
}

/// What a text says.
#[derive(Debug, PartialEq)]
pub struct Reading {
    /// Its value, as much of it as was wanted.
    pub value: Json,
    /// The first field that some object, at any depth, wanted or not, spells both ways.
    pub two_spellings: Option<String>,
}

impl Json {
    /// Reads a whole text: UTF-8, one value, white space around it.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::read(bytes, Wanted::All).map(|reading| reading.value)
    }

    /// The same, but builds only what is wanted. A text that is no JSON is refused wherever the fault is.
    pub fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<Reading, JsonError> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| JsonError { problem: "not UTF-8", offset: e.valid_up_to() })?;
        let mut parser = Parser { text, at: 0, keys: Vec::new(), twice: None };
        parser.space();
        let value = parser.value(0, wanted)?;
        parser.space();
        if parser.at < text.len() {
            return parser.fail("something after the value");
        }
        Ok(Reading { value, two_spellings: parser.twice.map(|key| key.name.into_owned()) })
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
    #[inline(never)] // it is asked for in so many places that copies of it make the Worker larger
    pub fn field(&self, name: &str) -> Option<&Json> {
        let Self::Object(entries) = self else { return None };
        let spelled = || entries.iter().find(|(key, _)| is_camel_case(key, name)).map(|(_, value)| value);
        self.get(name).or_else(spelled).filter(|value| **value != Self::Null)
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
        match entries.iter_mut().find(|(key, _)| key == name || is_camel_case(key, name)) {
            Some((_, old)) => *old = value,
            None => entries.push((name.to_owned(), value)),
        }
    }

    /// Takes a field out, in whatever spelling.
    pub fn remove(&mut self, name: &str) {
        let Self::Object(entries) = self else { return };
        entries.retain(|(key, _)| key != name && !is_camel_case(key, name));
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
fn camel_case(name: &str) -> impl Iterator<Item = char> {
    let mut upper = false;
    name.chars().filter_map(move |c| {
        if c == '_' {
            upper = true;
            return None;
        }
        Some(if std::mem::take(&mut upper) { c.to_ascii_uppercase() } else { c })
    })
}

/// Whether a key is the JSON name of this field.
fn is_camel_case(key: &str, name: &str) -> bool {
    key.len() <= name.len() && camel_case(name).eq(key.chars())
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
    /// The keys of the objects that are open, those of the innermost last.
    keys: Vec<Key<'a>>,
    /// The first that is another spelling of a key beside it.
    twice: Option<Key<'a>>,
}

/// A key and the place where it stands.
#[derive(Clone)]
struct Key<'a> {
    at: usize,
    name: Cow<'a, str>,
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, problem: &'static str) -> Result<T, JsonError> {
        Err(JsonError { problem, offset: self.at })
    }

    fn rest(&self) -> &'a str {
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

    /// The value that begins here; one without content in the place of what is not wanted.
    fn value(&mut self, depth: usize, wanted: Wanted<'_>) -> Result<Json, JsonError> {
        if depth > DEEPEST {
            return self.fail("nested too deeply");
        }
        let number = |text: &str| if wanted.is_nothing() { Json::Null } else { Json::Number(text.to_owned()) };
        Ok(match self.peek() {
            Some(b'{') => self.object(depth, wanted)?,
            Some(b'[') => self.list(depth, wanted)?,
            Some(b'"') => Json::Text(self.string(!wanted.is_nothing())?.into_owned()),
            Some(b'-' | b'0'..=b'9') => number(self.number()?),
            _ => match self.word()? {
                "null" => Json::Null,
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                infinite => number(infinite),
            },
        })
    }

    fn word(&mut self) -> Result<&'static str, JsonError> {
        for word in ["null", "true", "false", "NaN", "Infinity"] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(word);
            }
        }
        self.fail("not a value")
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        self.eat(b'-');
        if self.rest().starts_with("Infinity") {
            self.at += "Infinity".len();
            return Ok("-Infinity");
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
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn list(&mut self, depth: usize, wanted: Wanted<'_>) -> Result<Json, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Json::List(items));
        }
        loop {
            self.space();
            let item = self.value(depth + 1, wanted)?;
            if !wanted.is_nothing() {
                items.push(item);
            }
            self.space();
            if self.eat(b']') {
                return Ok(Json::List(items));
            }
            if !self.eat(b',') {
                return self.fail("no comma between items");
            }
        }
    }

    fn object(&mut self, depth: usize, wanted: Wanted<'_>) -> Result<Json, JsonError> {
        self.at += 1;
        let mut entries: Vec<(String, Json)> = Vec::new();
        let (first, mut many) = (self.keys.len(), HashSet::new());
        self.space();
        if self.eat(b'}') {
            return Ok(Json::Object(entries));
        }
        loop {
            self.space();
            let key = self.key(first, &mut many)?;
            self.space();
            if !self.eat(b':') {
                return self.fail("no colon after a key");
            }
            self.space();
            let wanted = wanted.under(&key);
            let value = self.value(depth + 1, wanted)?;
            if !wanted.is_nothing() {
                entries.push((key.into_owned(), value));
            }
            self.space();
            if self.eat(b'}') {
                self.close(first, &many);
                return Ok(Json::Object(entries));
            }
            if !self.eat(b',') {
                return self.fail("no comma between entries");
            }
        }
    }

    /// A key of the object whose keys are those from `first` on, and also in `many` if they are more than a few.
    fn key(&mut self, first: usize, many: &mut HashSet<Cow<'a, str>>) -> Result<Cow<'a, str>, JsonError> {
        if self.peek() != Some(b'"') {
            return self.fail("no key");
        }
        let at = self.at;
        let name = self.string(true)?;
        let others = self.keys.get(first..).unwrap_or_default();
        if others.len() == FEW {
            many.extend(others.iter().map(|other| other.name.clone()));
        }
        let stands_twice = match others.len() {
            0..FEW => others.iter().any(|other| other.name == name),
            _ => !many.insert(name.clone()),
        };
        if stands_twice {
            return self.fail("a key that stands twice");
        }
        self.keys.push(Key { at, name: name.clone() });
        Ok(name)
    }

    /// Leaves an object, and notes whether one of its keys is another's second spelling.
    fn close(&mut self, first: usize, many: &HashSet<Cow<'a, str>>) {
        let keys = self.keys.get(first..).unwrap_or_default();
        let is_there_twice = |key: &&Key<'a>| match &*key.name {
            name if !name.contains('_') => false,
            name if many.is_empty() => keys.iter().any(|other| is_camel_case(&other.name, name)),
            name => many.contains(camel_case(name).collect::<String>().as_str()),
        };
        // an object ends after those within it: what stands first need not be found first
        let earliest = self.twice.as_ref().map_or(usize::MAX, |twice| twice.at);
        if let Some(key) = keys.iter().take_while(|key| key.at < earliest).find(is_there_twice) {
            self.twice = Some(key.clone());
        }
        self.keys.truncate(first);
    }

    /// A string, or nothing in its place if it is not wanted. It is copied only if something in it is escaped.
    fn string(&mut self, is_wanted: bool) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let plain = self.rest().bytes().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            if is_wanted {
                text += self.text.get(self.at..self.at + plain).unwrap_or_default();
            }
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    if is_wanted {
                        text.to_mut().push(escaped);
                    }
                }
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
    fn an_object_may_have_any_number_of_keys_but_each_only_once() {
        let object = |keys: &[String]| format!("{{\"{}\":0}}", keys.join("\":0,\""));
        for count in [1, 2, FEW - 1, FEW, FEW + 1, FEW + 2, 5 * FEW] {
            let keys: Vec<String> = (0..count).map(|n| format!("key_{n}")).collect();
            let read =
                |more: &str| Json::read(object(&[&keys[..], &[more.to_owned()]].concat()).as_bytes(), Wanted::All);
            assert_eq!(read("more").map(|reading| reading.two_spellings), Ok(None), "{count}");
            for key in [&keys[0], &keys[count / 2], &keys[count - 1]] {
                assert_eq!(read(key).unwrap_err().problem, "a key that stands twice", "{count}");
                assert!(read(&key.replace('_', "\\u005f")).is_err(), "{count}");
                let camel: String = camel_case(key).collect();
                assert_eq!(read(&camel).unwrap().two_spellings.as_ref(), Some(key), "{count}");
            }
        }
    }

    #[test]
    fn what_is_not_wanted_is_checked_but_not_built() {
        let text = r#"{"a":{"b_c":[1,{"b_c":"x","d":"\u00e9\n"}],"m":{"k":{"d":NaN}}},"bC":2,"d":[null,-1.5e3]}"#;
        let built = |wanted| Json::read(text.as_bytes(), wanted).unwrap().value.compact();
        assert_eq!(built(Wanted::All), parse(text).unwrap().compact());
        assert_eq!(built(Wanted::Fields(&["a", "b_c"])), r#"{"a":{"b_c":[1,{"b_c":"x"}]},"bC":2}"#);
        assert_eq!(built(Wanted::Fields(&["m", "a", "m{}"])), r#"{"a":{"m":{"k":{"d":NaN}}}}"#);
        assert_eq!(built(Wanted::Fields(&[])), "{}");
        for bad in [r#"{"d":01}"#, r#"{"d":"\x"}"#, r#"{"d":{"a":1,"a":1}}"#, r#"{"d":[1,]}"#, r#"{"d":"\ud800"}"#] {
            assert_eq!(
                Json::read(bad.as_bytes(), Wanted::Fields(&["a"])).unwrap_err(),
                parse(bad).unwrap_err(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_field_has_two_spellings_but_not_at_once() {
        let one = parse(r#"{"runId":"a","b":{"experiment_id":"1"}}"#).unwrap();
        assert_eq!(one.field("run_id"), Some(&Json::Text("a".into())));
        assert_eq!(one.at(&["b", "experiment_id"]), Some(&Json::Text("1".into())));
        let twice = |text: &str| Json::read(text.as_bytes(), Wanted::Nothing).unwrap().two_spellings;
        assert_eq!(twice(r#"{"runId":"a","b":{"experiment_id":"1"}}"#), None);
        assert_eq!(twice(r#"{"x":[{"experiment_id":"1","experimentId":"2"}]}"#).as_deref(), Some("experiment_id"));
        assert_eq!(twice(r#"{"a_b":{"c_d":1,"cD":1},"aB":1}"#).as_deref(), Some("a_b"));
        assert_eq!(twice(r#"{"x":{"c_d":1,"cD":1},"a_b":1,"aB":1}"#).as_deref(), Some("c_d"));
    }
}
