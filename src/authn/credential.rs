//! The credential that a request presents.

use super::access_jwt::{self, Assertion};
use super::basic::{self, Credentials};
use super::sigv4::Authorization;
use super::token::Token;
use crate::config::Config;
use crate::error::{Rejection, Result};
use crate::http::{Headers, Request};

/// A login, not verified yet.
pub enum Credential {
    /// A name and a password.
    Password(Credentials),
    /// An API token, with the name beside it if it came as the password of HTTP Basic.
    Token(Token, Option<String>),
    /// A signature of AWS Signature Version 4, over the whole request.
    Signature(Authorization),
    /// A client certificate that the platform has verified names this user.
    Certificate(String),
    /// An assertion of Cloudflare Access.
    Assertion(Assertion),
}

/// Reads the Authorization header: Bearer (RFC 6750), AWS4-HMAC-SHA256, or Basic with a password or a token in its
/// place. Without one, a client certificate or an assertion of Access, where they are trusted. Absent, repeated,
/// malformed or of another scheme: 401.
pub fn read<S>(request: &Request<S>, config: &Config) -> Result<Credential> {
    let mut fields = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match (fields.next(), fields.next()) {
        (None, _) => by_the_platform(request, config),
        (Some((_, value)), None) => by_authorization(value, &request.headers),
        _ => Err(Rejection::unauthenticated("more than one Authorization header")),
    }
}

fn by_authorization(value: &str, headers: &Headers) -> Result<Credential> {
    let scheme = value.split(' ').next().unwrap_or_default();
    if scheme.eq_ignore_ascii_case("bearer") {
        let token = value.get(scheme.len()..).and_then(|token| Token::parse(token.trim()));
        return token.map(|token| Credential::Token(token, None)).ok_or_else(|| {
            Rejection::unauthenticated("a bearer token that is none of ours: wrong prefix, length or checksum")
        });
    }
    if scheme == "AWS4-HMAC-SHA256" {
        let signature = Authorization::parse(value).map(Credential::Signature);
        return signature.ok_or_else(|| Rejection::unauthenticated("a signature of AWS that cannot be read"));
    }
    let credentials = basic::credentials(headers)?;
    Ok(match Token::parse(credentials.password.expose()) {
        Some(token) => Credential::Token(token, Some(credentials.username)),
        None => Credential::Password(credentials),
    })
}

fn by_the_platform<S>(request: &Request<S>, config: &Config) -> Result<Credential> {
    if let (Some(by), Some(certificate)) = (config.trust_client_cert, &request.client_certificate) {
        let name = certificate.username(by).map(Credential::Certificate);
        return name.ok_or_else(|| Rejection::unauthenticated("a client certificate that names no user"));
    }
    let mut assertions = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(access_jwt::HEADER));
    match (&config.access, assertions.next(), assertions.next()) {
        (Some(_), Some((_, text)), None) => {
            let assertion = Assertion::parse(text).map(Credential::Assertion);
            assertion.map_err(|why| Rejection::unauthenticated(format!("Access: {why}")))
        }
        _ => Err(Rejection::unauthenticated("no Authorization header")),
    }
}
