//! The one parser: it checks everything, and builds what is wanted.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Json, JsonError, Reading, Wanted, camel_case, is_camel_case};

/// Deeper is refused; protobuf's own parser stops at 100.
const DEEPEST: usize = 100;

/// Keys of one object that are compared with each other; more are put into a hash table.
pub const FEW: usize = 16;

/// Reads a whole text.
pub fn read(text: &str, wanted: Wanted<'_>) -> Result<Reading, JsonError> {
    let mut parser = Parser { text, at: 0, keys: Vec::new(), twice: None };
    parser.space();
    let value = parser.value(0, wanted)?;
    parser.space();
    if parser.at < text.len() {
        return parser.fail("something after the value");
    }
    Ok(Reading { value, two_spellings: parser.twice.map(|key| key.name.into_owned()) })
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
