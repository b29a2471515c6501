//! Paths of artifacts, as MLflow's handlers read them.
//!
//! MLflow percent-decodes an artifact path until it no longer changes, ten times at most
//! (`mlflow.utils.uri.validate_path_is_safe`, MLflow 2.9 to 3.17), so that `%2531/x` is in experiment 1. Files may have a
//! percent sign in their names all the same: `mlflow.log_image` of clients before 3.11 writes
//! `dog%step%100%timestamp%1700000000000%….png`, and nothing forbids `100%.txt`. So the rounds are done here as MLflow
//! does them, and a path is refused only if one of them uncovers what could lead somewhere else.

use std::borrow::Cow;

/// A path that was refused, with what is wrong with it.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the path holds {0}")]
pub struct PathError(&'static str);

impl PathError {
    /// Makes the error; `what` the path holds that it must not.
    pub fn new(what: &'static str) -> Self {
        Self(what)
    }
}

/// MLflow gives up after so many rounds of decoding.
const MOST_ROUNDS: usize = 10;

/// Returns what MLflow makes of a path that an HTTP server has decoded once: the same path, or one with fewer percent
/// sequences, but always with the same segments' boundaries.
///
/// Fails if any round holds an empty segment, a dot segment, a backslash, `#`, `?`, `;`, a tab or a line break (which
/// urllib drops), has another number of segments than the first, or if ten rounds are not enough. Control characters are
/// refused in what arrives; what a later round uncovers of them MLflow escapes again.
pub fn read(path: &str) -> Result<Cow<'_, str>, PathError> {
    if path.starts_with(|c: char| c <= ' ') || path.chars().any(char::is_control) {
        return Err(PathError::new("a control character or a leading blank"));
    }
    let segments = path.split('/').count();
    let mut current = Cow::Borrowed(path);
    for _ in 0..MOST_ROUNDS {
        check(&current, segments)?;
        match unquote(&current) {
            None => return Ok(current),
            Some(decoded) => current = Cow::Owned(decoded),
        }
    }
    Err(PathError::new("too many rounds of percent-encoding"))
}

fn check(path: &str, segments: usize) -> Result<(), PathError> {
    let mut count = 0;
    for segment in path.split('/') {
        count += 1;
        match segment {
            "" => return Err(PathError::new("an empty segment")),
            "." | ".." => return Err(PathError::new("a dot segment")),
            _ => {}
        }
    }
    if count != segments {
        return Err(PathError::new("an encoded slash"));
    }
    if has_scheme(path) {
        return Err(PathError::new("a scheme"));
    }
    match path.chars().find(|c| matches!(c, '\\' | ';' | '#' | '?' | '\t' | '\n' | '\r' | '\0')) {
        None => Ok(()),
        Some('\\') => Err(PathError::new("a backslash")),
        Some(';') => Err(PathError::new("a semicolon")),
        Some('#' | '?') => Err(PathError::new("an encoded # or ?")),
        Some(_) => Err(PathError::new("a control character")),
    }
}

/// Returns true for what urllib would take for a URI: it lower-cases the scheme, and `file:` is cut off by MLflow.
fn has_scheme(path: &str) -> bool {
    path.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// One round of Python's `urllib.parse.unquote`: a sequence that is none is_immutable, bytes that are no UTF-8 become U+FFFD.
/// Returns `None` if nothing changes.
pub fn unquote(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        match (byte, tail) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(16 * hex_digit(*high) + hex_digit(*low));
                rest = tail;
            }
            _ => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    if bytes.len() == text.len() {
        return None;
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).saturating_sub(b'a') + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_part_of_a_name_if_nothing_hides_behind_it() {
        for (path, read_as) in [
            ("1/r1/artifacts/100%.txt", "1/r1/artifacts/100%.txt"),
            ("1/r1/artifacts/dog%step%7%timestamp%17%x.png", "1/r1/artifacts/dog%step%7%timestamp\u{17}%x.png"),
            ("1/r1/artifacts/dog%step%100%x.png", "1/r1/artifacts/dog%step\u{10}0%x.png"),
            ("1/a%2520b", "1/a b"),
            ("1/a%C3%A9", "1/aé"),
            ("1/a%FF", "1/a\u{fffd}"),
            ("%31/x", "1/x"),
        ] {
            assert_eq!(read(path).as_deref(), Ok(read_as), "{path}");
        }
    }

    #[test]
    fn what_a_round_uncovers_is_refused() {
        for path in [
            "",
            "/1",
            "1//2",
            "./1",
            "1/..",
            "1/%2e%2e/2",
            "1/%252e%252e",
            "%2e/1",
            "1%2f2",
            "1%252f2",
            "1/a%5cb",
            "1/a%23b",
            "1/a%3fb",
            "1/a%3bb",
            "1/.%0a.",
            "1/.%250a./2",
            "1/a%09",
            "1/%00",
            " 1/x",
            "file:1/x",
            "File%3a1/x",
            "a\\b",
            "1;2",
            "1\u{7f}",
            "1/%2525252525252525252525252561",
        ] {
            assert!(read(path).is_err(), "{path}");
        }
    }
}
