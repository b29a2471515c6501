//! The canonical path: decoded once, one spelling, nothing that the origin could decode further.

use std::borrow::Cow;

use crate::mlflow::artifact_path::{self, PathError};

/// Decodes a raw path (`/api/2.0/…`, without query) once and refuses what two readers could read differently.
///
/// MLflow's artifact handlers unquote a path until it no longer changes: a percent sign may be left after one round only if
/// nothing hides behind it ([`artifact_path::read`]). Werkzeug merges double slashes by a redirect; URL parsers resolve dot
/// segments; some servers cut at `;`. None of these may be in the path at all.
pub fn canonical(raw: &str) -> Result<String, PathError> {
    if !raw.starts_with('/') {
        return Err(PathError::new("no leading slash"));
    }
    if raw.contains("//") {
        return Err(PathError::new("an empty segment"));
    }
    let segments: Vec<String> = raw.split('/').map(segment).collect::<Result<_, _>>()?;
    let path = segments.join("/");
    if path.contains('%') {
        artifact_path::read(path.trim_matches('/'))?;
    }
    Ok(path)
}

/// Reads a path that arrives decoded, such as the `path` of an artifact listing, as MLflow does, by the same rules.
pub fn canonical_artifact(path: &str) -> Result<Cow<'_, str>, PathError> {
    artifact_path::read(path.strip_suffix('/').unwrap_or(path))
}

fn segment(raw: &str) -> Result<String, PathError> {
    let decoded = percent_decode(raw, false).ok_or(PathError::new("a broken percent sequence"))?;
    check(&decoded)?;
    Ok(decoded)
}

fn check(segment: &str) -> Result<(), PathError> {
    if matches!(segment, "." | "..") {
        return Err(PathError::new("a dot segment"));
    }
    match segment.chars().find(|c| matches!(c, '/' | '\\' | ';' | '#' | '?') || c.is_control()) {
        None => Ok(()),
        Some('/') => Err(PathError::new("an encoded slash")),
        Some('\\') => Err(PathError::new("a backslash")),
        Some(';') => Err(PathError::new("a semicolon")),
        Some('#' | '?') => Err(PathError::new("an encoded # or ?")),
        Some(_) => Err(PathError::new("a control character")),
    }
}

/// Decodes `%XX`, and `+` as a blank where `plus` says so (queries and forms). `None` unless the result is UTF-8.
pub fn percent_decode(raw: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let (high, low) = (char::from(rest.next()?), char::from(rest.next()?));
                u8::try_from(high.to_digit(16)? * 16 + low.to_digit(16)?).ok()?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Encodes everything but the unreserved characters of RFC 3986 and those in `keep`.
pub fn percent_encode(text: &str, keep: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.as_bytes().contains(&byte);
        if is_plain && byte.is_ascii() {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.extend([byte >> 4, byte & 15].map(hex_digit));
        }
    }
    out
}

/// One digit of a percent sequence, in the upper case that RFC 3986 (2.1) asks for.
fn hex_digit(nibble: u8) -> char {
    char::from(if nibble < 10 { b'0' + nibble } else { b'A' + (nibble & 15) - 10 })
}

/// The one spelling of a decoded path on the wire.
pub fn encode(path: &str) -> String {
    percent_encode(path, "/!$&'()*+,=:@")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling() {
        assert_eq!(canonical("/api/2.0/mlflow/%65xperiments/get").as_deref(), Ok("/api/2.0/mlflow/experiments/get"));
        assert_eq!(canonical("/").as_deref(), Ok("/"));
        assert_eq!(canonical("/a/1/a%20b+c/zo%C3%AB.txt").as_deref(), Ok("/a/1/a b+c/zoë.txt"));
        assert_eq!(canonical("/a/1/100%25.txt").as_deref(), Ok("/a/1/100%.txt"));
        assert_eq!(encode("/a/1/100%.txt"), "/a/1/100%25.txt");
        assert_eq!(encode("/a/1/a b+c/zoë.txt"), "/a/1/a%20b+c/zo%C3%AB.txt");
    }

    #[test]
    fn what_could_be_read_twice_is_refused() {
        let bad = [
            "",
            "a",
            "//",
            "/a//b",
            "/./1",
            "/%2e/1",
            "/%2E%2e/1",
            "/a/..",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a/%252e/1",
            "/a/.%2525%32e/1",
            "/a%252fb",
            "/a;x=1",
            "/a%3bx",
            "/a%00",
            "/a%0a",
            "/a%23b",
            "/a%3fb",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%ff",
        ];
        for path in bad {
            assert!(canonical(path).is_err(), "{path}");
        }
        for path in ["", "/1", "./1", "1//2", "..", "%2e", "a\\b", "1;2", "1/../2"] {
            assert!(canonical_artifact(path).is_err(), "{path}");
        }
        assert_eq!(canonical_artifact("1/run/artifacts/").as_deref(), Ok("1/run/artifacts"));
    }

    #[test]
    fn the_canonical_form_is_stable() {
        for path in ["/a/b", "/a%20b/c", "/%e2%82%ac", "/a/'(x)'/@:,=+$&!*"] {
            let once = canonical(path).unwrap();
            assert_eq!(canonical(&encode(&once)).unwrap(), once);
        }
    }
}
