//! What a request presents as its login.

use super::basic::{self, Credentials};
use super::token::Token;
use crate::error::{Refusal, Result};
use crate::http::Headers;

/// A login, not verified yet.
#[derive(Debug)]
pub enum Presented {
    /// A name and a password.
    Password(Credentials),
    /// An API token, with the name beside it if it came as the password of HTTP Basic.
    Token(Token, Option<String>),
}

/// Reads the Authorization header: Bearer (RFC 6750), or Basic with a password or a token in its place. Absent,
/// repeated, malformed or of another scheme: 401.
pub fn read(headers: &Headers) -> Result<Presented> {
    let mut fields = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if let (Some((_, value)), None) = (fields.next(), fields.next())
        && let Some((scheme, token)) = value.split_once(' ')
        && scheme.eq_ignore_ascii_case("bearer")
    {
        let token = Token::parse(token.trim());
        return token.map(|token| Presented::Token(token, None)).ok_or_else(|| {
            Refusal::unauthenticated("a bearer token that is none of ours: wrong prefix, length or checksum")
        });
    }
    let credentials = basic::credentials(headers)?;
    Ok(match Token::parse(credentials.password.expose()) {
        Some(token) => Presented::Token(token, Some(credentials.username)),
        None => Presented::Password(credentials),
    })
}
