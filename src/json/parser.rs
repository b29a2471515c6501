//! The one parser: it checks everything, and builds what is wanted.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::scan;
use super::{Json, JsonError, Wanted};

/// Deeper is refused; protobuf's own parser stops at 100.
pub const DEEPEST: usize = 100;

/// Keys of one object that are compared with each other; more are put into a tree.
pub const FEW: usize = 16;

/// The bounds of a text, beside its depth.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Values that are built.
    pub built: usize,
    /// Keys of the objects that are open at one time.
    pub keys: usize,
    /// Characters of a number. Python reads no integer of more than 4,300 digits: MLflow takes the whole body for empty then.
    pub number: usize,
}

impl Limits {
    /// For the answers of the origin.
    pub const NONE: Self = Self { built: usize::MAX, keys: usize::MAX, number: usize::MAX };
    /// For the bodies of requests: about 1 MiB of memory at most. No id is wanted of a body that holds more of them, and an
    /// integer of 300 digits is a number to every reader.
    pub const REQUEST: Self = Self { built: 10_000, keys: 10_000, number: 300 };
}

/// Reads a whole text.
pub fn read(text: &str, wanted: Wanted<'_>, limits: Limits) -> Result<Json, JsonError> {
    let mut parser = Parser::new(text, limits);
    parser.space();
    let value = parser.value(0, wanted)?;
    parser.end()?;
    Ok(value)
}

pub struct Parser<'a> {
    text: &'a str,
    pub at: usize,
    /// The keys of the objects that are open, those of the innermost last.
    keys: Vec<Key<'a>>,
    limits: Limits,
    /// No value may stand deeper.
    pub deepest: usize,
}

/// A key and the place where it stands.
struct Key<'a> {
    at: usize,
    name: Cow<'a, str>,
}

impl<'a> Parser<'a> {
    pub fn new(text: &'a str, limits: Limits) -> Self {
        Self { text, at: 0, keys: Vec::new(), limits, deepest: DEEPEST }
    }

    /// Nothing but white space may follow.
    pub fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at < self.text.len() { self.fail("something after the value") } else { Ok(()) }
    }

    /// The text between two places.
    pub fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Counts a value that is built.
    pub fn count(&mut self) -> Result<(), JsonError> {
        match self.limits.built.checked_sub(1) {
            Some(rest) => self.limits.built = rest,
            None => return self.fail("more values than are looked at"),
        }
        Ok(())
    }

    pub fn fail<T>(&self, problem: &'static str) -> Result<T, JsonError> {
        Err(JsonError { problem, offset: self.at })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The whole text.
    pub fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    pub fn space(&mut self) {
        self.at = scan::space_end(self.bytes(), self.at);
    }

    /// Returns true if the next byte is this one, which is then behind us.
    pub fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// The value that begins here; one without content in the place of what is not wanted.
    pub fn value(&mut self, depth: usize, wanted: Wanted<'_>) -> Result<Json, JsonError> {
        if depth > self.deepest {
            return self.fail("nested too deeply");
        }
        if !wanted.is_nothing() {
            self.count()?;
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

    pub fn word(&mut self) -> Result<&'static str, JsonError> {
        for word in ["null", "true", "false", "NaN", "Infinity"] {
            if self.rest().starts_with(word) {
                self.at += word.len();
                return Ok(word);
            }
        }
        self.fail("not a value")
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        self.at = scan::digits_end(self.bytes(), start);
        self.at - start
    }

    pub fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.eat(b'-') && self.rest().starts_with("Infinity") {
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
        if self.at - start > self.limits.number {
            return self.fail("a number that is too long");
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
            if self.ends(b']')? {
                return Ok(Json::List(items));
            }
        }
    }

    fn object(&mut self, depth: usize, wanted: Wanted<'_>) -> Result<Json, JsonError> {
        self.at += 1;
        let mut entries: Vec<(String, Json)> = Vec::new();
        let first = self.first_key();
        self.space();
        if self.eat(b'}') {
            return Ok(Json::Object(entries));
        }
        loop {
            self.space();
            let key = self.key(true)?;
            let wanted = wanted.under(&key);
            let value = self.value(depth + 1, wanted)?;
            if !wanted.is_nothing() {
                entries.push((key.into_owned(), value));
            }
            if self.ends(b'}')? {
                self.close(first)?;
                return Ok(Json::Object(entries));
            }
        }
    }

    /// Reads what separates the items of a list or the entries of an object. Returns true at the end of it, which `bracket`
    /// closes, and false behind a comma.
    pub fn ends(&mut self, bracket: u8) -> Result<bool, JsonError> {
        self.space();
        if self.eat(bracket) {
            return Ok(true);
        }
        match self.eat(b',') {
            true => Ok(false),
            false if bracket == b']' => self.fail("no comma between items"),
            false => self.fail("no comma between entries"),
        }
    }

    /// Returns the place of the keys of an object that begins here.
    pub fn first_key(&self) -> usize {
        self.keys.len()
    }

    /// A key and the colon behind it. If it is `noted`, [`Parser::close`] compares it with the others.
    pub fn key(&mut self, noted: bool) -> Result<Cow<'a, str>, JsonError> {
        if self.peek() != Some(b'"') {
            return self.fail("no key");
        }
        let at = self.at;
        let name = self.string(true)?;
        if noted {
            self.note(at, name.clone())?;
        }
        self.space();
        if !self.eat(b':') {
            return self.fail("no colon after a key");
        }
        self.space();
        Ok(name)
    }

    /// Notes a key of the innermost open object.
    pub fn note(&mut self, at: usize, name: Cow<'a, str>) -> Result<(), JsonError> {
        if self.keys.len() >= self.limits.keys {
            return self.fail("too many keys");
        }
        self.keys.push(Key { at, name });
        Ok(())
    }

    /// Leaves the object whose keys are those from `first` on. Each may be there only once.
    pub fn close(&mut self, first: usize) -> Result<(), JsonError> {
        if self.keys.len() == first { Ok(()) } else { self.compare(first) }
    }

    fn compare(&mut self, first: usize) -> Result<(), JsonError> {
        let keys = self.keys.get(first..).unwrap_or_default();
        let twice = if keys.len() <= FEW {
            let before = |i: usize| keys.get(..i).unwrap_or_default();
            keys.iter()
                .enumerate()
                .find(|(i, key)| before(*i).iter().any(|other| other.name == key.name))
                .map(|(_, k)| k)
        } else {
            let mut seen = BTreeSet::new();
            keys.iter().find(|key| !seen.insert(&*key.name))
        };
        let twice = twice.map(|key| key.at);
        self.keys.truncate(first);
        match twice {
            Some(offset) => Err(JsonError { problem: "a key that stands twice", offset }),
            None => Ok(()),
        }
    }

    /// A string, or nothing in its place if it is not wanted. It is copied only if something in it is escaped.
    pub fn string(&mut self, is_wanted: bool) -> Result<Cow<'a, str>, JsonError> {
        self.at += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let start = self.at;
            self.at = scan::string_end(self.bytes(), start);
            if is_wanted {
                text += self.slice(start, self.at);
            }
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
