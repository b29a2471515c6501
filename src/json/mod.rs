//! JSON as MLflow's origin reads it, without the ambiguities.
//!
//! Python's `json` takes `NaN` and `Infinity`, and the last of two equal keys. Here the literals are read too, since
//! metrics hold them, but a key that stands twice is an error. Numbers keep their text, so that what is written again is
//! what was read.
//!
//! The whole text is always checked. What of it is built is for the caller to say ([`Wanted`]): a batch of a thousand
//! metrics is read for the ids in it, and copying the rest of it would cost more than everything else that is done here.

pub(crate) mod parser;
pub(crate) mod scan;

use std::fmt::Write;

pub use parser::Limits;

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

/// The part of a text that is built.
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
    pub(crate) fn is_nothing(self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Returns the part that is wanted of a field that is known by this name.
    pub(crate) fn of_field(self, name: &str) -> Self {
        let Self::Fields(names) = self else { return self };
        if names.contains(&name) {
            return self;
        }
        let is_whole =
            names.iter().any(|wanted| wanted.len() == name.len() + 2 && wanted.strip_suffix("{}") == Some(name));
        if is_whole { Self::All } else { Self::Nothing }
    }

    /// Returns the part that is wanted of the value under a key.
    fn under(self, key: &str) -> Self {
        let Self::Fields(names) = self else { return self };
        let is_key = |name: &str| key == name || is_camel_case(key, name);
        if names.iter().filter_map(|name| name.strip_suffix("{}")).any(is_key) {
            return Self::All;
        }
        if names.iter().copied().any(is_key) { self } else { Self::Nothing }
    }
}

impl Json {
    /// Reads a whole text: UTF-8, one value, white space around it.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::read(bytes, Wanted::All, Limits::NONE)
    }

    /// The same, but builds only what is wanted. A text that is no JSON is refused wherever the fault is.
    pub fn read(bytes: &[u8], wanted: Wanted<'_>, limits: Limits) -> Result<Self, JsonError> {
        parser::read(utf_8(bytes)?, wanted, limits)
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

pub(crate) fn utf_8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|e| JsonError { problem: "not UTF-8", offset: e.valid_up_to() })
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

/// Returns true if a key is the JSON name of this field.
pub(crate) fn is_camel_case(key: &str, name: &str) -> bool {
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

#[cfg(test)]
mod tests {
    use super::parser::FEW;
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
            let read = |more: &str| parse(&object(&[&keys[..], &[more.to_owned()]].concat()));
            assert!(read("more").is_ok(), "{count}");
            for key in [&keys[0], &keys[count / 2], &keys[count - 1]] {
                let error = read(key).unwrap_err();
                let second = object(&keys).len();
                assert_eq!((error.problem, error.offset), ("a key that stands twice", second), "{count}");
                assert!(read(&key.replace('_', "\\u005f")).is_err(), "{count}");
            }
        }
    }

    #[test]
    fn a_body_is_bounded_in_what_is_built_of_it() {
        let read = |text: &str, wanted| Json::read(text.as_bytes(), wanted, Limits::REQUEST).map_err(|e| e.problem);
        let many = format!("[{}0]", "0,".repeat(10_000));
        assert_eq!(read(&many, Wanted::All), Err("more values than are looked at"));
        assert!(read(&many, Wanted::Nothing).is_ok() && parse(&many).is_ok());
        let keys: Vec<String> = (0..10_001).map(|n| format!("\"{n}\":0")).collect();
        assert_eq!(read(&format!("{{{}}}", keys.join(",")), Wanted::Nothing), Err("too many keys"));
        assert_eq!(read(&format!("[{}]", "1".repeat(301)), Wanted::Nothing), Err("a number that is too long"));
        assert!(read(&format!("[{}]", "1".repeat(300)), Wanted::Nothing).is_ok());
    }

    #[test]
    fn what_is_not_wanted_is_checked_but_not_built() {
        let text = r#"{"a":{"b_c":[1,{"b_c":"x","d":"\u00e9\n"}],"m":{"k":{"d":NaN}}},"bC":2,"d":[null,-1.5e3]}"#;
        let built = |wanted| Json::read(text.as_bytes(), wanted, Limits::NONE).unwrap().compact();
        assert_eq!(built(Wanted::All), parse(text).unwrap().compact());
        assert_eq!(built(Wanted::Fields(&["a", "b_c"])), r#"{"a":{"b_c":[1,{"b_c":"x"}]},"bC":2}"#);
        assert_eq!(built(Wanted::Fields(&["m", "a", "m{}"])), r#"{"a":{"m":{"k":{"d":NaN}}}}"#);
        assert_eq!(built(Wanted::Fields(&[])), "{}");
        for bad in [r#"{"d":01}"#, r#"{"d":"\x"}"#, r#"{"d":{"a":1,"a":1}}"#, r#"{"d":[1,]}"#, r#"{"d":"\ud800"}"#] {
            assert_eq!(
                Json::read(bad.as_bytes(), Wanted::Fields(&["a"]), Limits::NONE).unwrap_err(),
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
    }
}
