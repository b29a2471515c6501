//! HTTP Basic (RFC 7617), read as werkzeug reads it: UTF-8, split at the first colon, any case of the scheme.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Rejection, Result};
use crate::http::Headers;
use crate::secret::Secret;

/// Longer is refused before it is decoded.
const LONGEST_HEADER: usize = 8 * 1024;

/// The most characters that a user name has: MLflow's column is `String(255)`.
pub const LONGEST_USERNAME: usize = 255;

/// A user name and the password that came with it.
#[derive(Debug)]
pub struct Credentials {
    /// The user name: no colon, no control character, at most [`LONGEST_USERNAME`] characters.
    pub username: String,
    /// The password: may hold colons.
    pub password: Secret,
}

/// Reads the Authorization header. Absent, repeated, malformed or of another scheme: 401.
pub fn credentials(headers: &Headers) -> Result<Credentials> {
    let mut fields = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let (Some((_, value)), None) = (fields.next(), fields.next()) else {
        return Err(Rejection::unauthenticated("no Authorization header, or more than one"));
    };
    parse(value).ok_or_else(|| Rejection::unauthenticated("the Authorization header is not HTTP Basic"))
}

fn parse(value: &str) -> Option<Credentials> {
    if value.len() > LONGEST_HEADER {
        return None;
    }
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = text.split_once(':').unwrap_or((&text, ""));
    let clean = !username.chars().any(char::is_control) && username.chars().nth(LONGEST_USERNAME).is_none();
    clean.then(|| Credentials { username: username.to_owned(), password: Secret::new(password) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<(String, String)> {
        parse(value).map(|c| (c.username, c.password.expose().to_owned()))
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", STANDARD.encode(text))
    }

    #[test]
    fn the_first_colon_ends_the_name() {
        assert_eq!(read(&basic("alice:a:b:")), Some(("alice".into(), "a:b:".into())));
        assert_eq!(read(&basic("alice")), Some(("alice".into(), String::new())));
        assert_eq!(read(&basic(":x")), Some((String::new(), "x".into())));
    }

    #[test]
    fn names_and_passwords_are_utf_8() {
        assert_eq!(read(&basic("zoë:pässwörd")), Some(("zoë".into(), "pässwörd".into())));
        assert_eq!(read(&format!("Basic {}", STANDARD.encode(b"zo\xeb:x"))), None);
    }

    #[test]
    fn the_scheme_has_no_case_and_is_basic() {
        assert!(read(&basic("a:b").replace("Basic", "bAsIc")).is_some());
        for other in ["Bearer YTpi", "Digest username=\"admin\"", "Basic", "Basic  ", "", "YTpi"] {
            assert_eq!(read(other).filter(|(name, _)| !name.is_empty()), None, "{other}");
        }
    }

    #[test]
    fn base64_is_strict() {
        for bad in ["Basic !!!notbase64", "Basic YTpi=", "Basic YTpiY", "Basic YTpi, Basic YTpi", "Basic YT pi"] {
            assert!(read(bad).is_none(), "{bad}");
        }
        assert!(read(&basic(&"x".repeat(LONGEST_HEADER))).is_none());
        assert!(read(&basic("a\0b:c")).is_none());
        assert!(read(&basic(&format!("{}:x", "ü".repeat(LONGEST_USERNAME)))).is_some());
        assert!(read(&basic(&format!("{}:x", "ü".repeat(LONGEST_USERNAME + 1)))).is_none());
    }

    #[test]
    fn eight_kibibytes_are_the_most() {
        let longest = format!("{}  ", basic(&format!("a:{}", "x".repeat(6136))));
        assert_eq!(longest.len(), 8192);
        assert!(parse(&longest).is_some());
        assert!(parse(&format!("{longest} ")).is_none());
    }

    #[test]
    fn credentials_cannot_be_printed() {
        let printed = format!("{:?}", parse(&basic("alice:correct horse")));
        assert!(printed.contains("alice") && !printed.contains("horse"), "{printed}");
    }
}
