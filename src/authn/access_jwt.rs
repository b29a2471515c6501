//! The assertions of Cloudflare Access: who has signed in at the edge, as the header `Cf-Access-Jwt-Assertion`.
//!
//! A JSON Web Token (RFC 7519) in the compact form of RFC 7515, signed with RS256 (RFC 7518, 3.3) by a key of the
//! team's (RFC 7517) at `https://<team domain>/cdn-cgi/access/certs`. Cloudflare's documentation, "Validate JWTs",
//! says what to check. Nothing of an assertion is believed before its signature is good, and no other algorithm
//! than RS256 has a path through this module, so that a token cannot choose one (RFC 8725, 3.1).
//!
//! [`keys`] reads the key document, [`Assertion::parse`] a token, [`Assertion::claims`] verifies it, and
//! [`Claims::check`] gives the e-mail address.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::json::Json;

#[cfg(test)]
mod tests;

/// The header that brings an assertion.
pub const HEADER: &str = "Cf-Access-Jwt-Assertion";

/// A longer assertion is refused before it is decoded.
const LONGEST: usize = 8 * 1024;

/// A longer key document is refused before it is read.
pub const LONGEST_KEYS: usize = 64 * 1024;

/// The bits of a modulus: RFC 7518, 3.3 asks for 2048, and what is longer only costs.
const KEY_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The one public exponent: 65537.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// Seconds that `nbf` and `iat` may be in the future.
const LEEWAY: u64 = 60;

/// JwtError an assertion is not good. No variant holds any part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// More than 8 KiB.
    #[error("the assertion is too long")]
    TooLong,
    /// Not a token, or one that could be read in two ways; with the part that is wrong.
    #[error("the assertion's {0} cannot be read")]
    Malformed(&'static str),
    /// Not RS256: another algorithm, `none`, or not named.
    #[error("the assertion is not signed with RS256")]
    Algorithm,
    /// A `crit` header: an extension that has to be understood (RFC 7515, 4.1.11), and none is.
    #[error("the assertion asks for an extension")]
    Critical,
    /// No `kid`, so no key.
    #[error("the assertion names no key")]
    NoKeyId,
    /// Signed with a key that is not in the document. After a rotation, a new document may have it.
    #[error("the assertion names a key that is not known")]
    UnknownKey,
    /// Not signed with the key that it names, or changed since.
    #[error("the assertion's signature is wrong")]
    Signature,
    /// Of another team.
    #[error("the assertion is of another issuer")]
    Issuer,
    /// For another application.
    #[error("the assertion is for another audience")]
    Audience,
    /// Its time is over.
    #[error("the assertion has expired")]
    Expired,
    /// Its time has not come, or it was issued in the future.
    #[error("the assertion is not valid yet")]
    NotYetValid,
    /// Good, but without an e-mail address: that of a service token.
    #[error("the assertion has no e-mail address")]
    NoEmail,
}

/// JwtError a key document gives no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// More than 64 KiB.
    #[error("the key document is too long")]
    TooLong,
    /// Not JSON, or not `{"keys": [{…}, …]}`.
    #[error("the key document cannot be read")]
    Malformed,
    /// Two keys of one `kid`, against RFC 7517, 4.5.
    #[error("the key document has two keys of one name")]
    Repeated,
    /// No key that may sign an assertion.
    #[error("the key document has no RS256 key of 2048 to 4096 bits")]
    None,
}

/// A public RSA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaKey {
    /// Its name in the document.
    pub kid: String,
    /// The modulus, big-endian, 2048 to 4096 bits, no leading zero.
    pub n: Vec<u8>,
    /// The exponent, big-endian: 65537.
    pub e: Vec<u8>,
}

/// Reads the key document (a JWK Set, RFC 7517, 5) of `https://<team domain>/cdn-cgi/access/certs`.
///
/// Keys that cannot sign an assertion are passed over, as the RFC asks: not RSA, for encryption, for another
/// algorithm, without `kid`, of another size than 2048 to 4096 bits, of another exponent than 65537. If none is
/// left, or two have one `kid`, it is an error.
pub fn keys(document: &[u8]) -> Result<Vec<RsaKey>, KeysError> {
    if document.len() > LONGEST_KEYS {
        return Err(KeysError::TooLong);
    }
    let document = Json::parse(document).map_err(|_| KeysError::Malformed)?;
    let entries = document.get("keys").and_then(Json::list).ok_or(KeysError::Malformed)?;
    if entries.iter().any(|entry| !matches!(entry, Json::Object(_))) {
        return Err(KeysError::Malformed);
    }
    let keys: Vec<RsaKey> = entries.iter().filter_map(key).collect();
    if keys.iter().enumerate().any(|(i, key)| keys.iter().skip(i + 1).any(|other| other.kid == key.kid)) {
        return Err(KeysError::Repeated);
    }
    if keys.is_empty() { Err(KeysError::None) } else { Ok(keys) }
}

fn key(jwk: &Json) -> Option<RsaKey> {
    let text = |name: &str| jwk.get(name).and_then(Json::text);
    // absent is as good as right (RFC 7517, 4.2 and 4.4)
    let fits = |name: &str, wanted: &str| jwk.get(name).is_none_or(|value| value.text() == Some(wanted));
    if text("kty") != Some("RSA") || !fits("use", "sig") || !fits("alg", "RS256") {
        return None;
    }
    let kid = text("kid").filter(|kid| !kid.is_empty())?;
    let (n, e) = (decode(text("n")?)?, decode(text("e")?)?);
    let bits = (n.len() * 8).checked_sub(n.first()?.leading_zeros() as usize)?;
    let minimal = n.first() != Some(&0);
    (minimal && KEY_BITS.contains(&bits) && e == EXPONENT).then(|| RsaKey { kid: kid.to_owned(), n, e })
}

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2), which the platform has: `web_crypto::WebCrypto` in the Worker.
#[allow(async_fn_in_trait)] // one thread: no Send bound is wanted
pub trait Rs256 {
    /// Returns true if `signature` is that of `signed` under `key`. Whatever fails on the way: no.
    async fn verifies(&self, key: &RsaKey, signed: &[u8], signature: &[u8]) -> bool;
}

/// An assertion that nobody has verified yet: only the name of its key may be looked at. It cannot be printed.
pub struct Assertion {
    kid: String,
    signed: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Assertion {
    /// Reads the compact form: header, claims and signature as base64url without padding (RFC 7515, 7.1).
    ///
    /// The header must say `RS256` and a `kid`, and must not say `crit`; other names are ignored (RFC 7515, 4).
    /// Errors: [`JwtError::TooLong`], [`JwtError::Malformed`], [`JwtError::Algorithm`], [`JwtError::Critical`], [`JwtError::NoKeyId`].
    pub fn parse(text: &str) -> Result<Self, JwtError> {
        if text.len() > LONGEST {
            return Err(JwtError::TooLong);
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return Err(JwtError::Malformed("form"));
        };
        let unreadable = JwtError::Malformed("header");
        let header_json = object(&decode(header).ok_or(unreadable)?).ok_or(unreadable)?;
        if header_json.get("alg").and_then(Json::text) != Some("RS256") {
            return Err(JwtError::Algorithm);
        }
        if header_json.get("crit").is_some() {
            return Err(JwtError::Critical);
        }
        let kid = header_json.get("kid").and_then(Json::text).filter(|kid| !kid.is_empty()).ok_or(JwtError::NoKeyId)?;
        Ok(Self {
            kid: kid.to_owned(),
            signed: format!("{header}.{payload}"),
            payload: decode(payload).ok_or(JwtError::Malformed("claims"))?,
            signature: decode(signature).ok_or(JwtError::Malformed("signature"))?,
        })
    }

    /// The name of the key that it claims to be signed with.
    pub fn key_id(&self) -> &str {
        &self.kid
    }

    /// The claims, if the key that the assertion names is among `keys` and made its signature.
    ///
    /// Errors: [`JwtError::UnknownKey`], after which a fresh key document may help; [`JwtError::Signature`];
    /// [`JwtError::Malformed`] for claims that are not an object with `iss`, `aud` and `exp` of the right types.
    pub async fn claims(&self, keys: &[RsaKey], rsa: &impl Rs256) -> Result<Claims, JwtError> {
        let key = keys.iter().find(|key| key.kid == self.kid).ok_or(JwtError::UnknownKey)?;
        let right_length = self.signature.len() == key.n.len();
        if !right_length || !rsa.verifies(key, self.signed.as_bytes(), &self.signature).await {
            return Err(JwtError::Signature);
        }
        Claims::parse(&self.payload)
    }
}

/// The claims of a verified assertion (RFC 7519, 4.1), still to be [checked](Claims::check).
#[derive(Debug)]
pub struct Claims {
    issuer: String,
    audiences: Vec<String>,
    expires: u64,
    not_before: Option<u64>,
    issued_at: Option<u64>,
    email: Option<String>,
}

impl Claims {
    fn parse(payload: &[u8]) -> Result<Self, JwtError> {
        let claims = object(payload).ok_or(JwtError::Malformed("claims"))?;
        let time = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(Json::Number(number)) => number.parse::<u64>().map(Some).map_err(|_| JwtError::Malformed(name)),
            Some(_) => Err(JwtError::Malformed(name)),
        };
        let text = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(value) => value.text().map(|text| Some(text.to_owned())).ok_or(JwtError::Malformed(name)),
        };
        let audiences = match claims.get("aud") {
            Some(Json::Text(one)) => Some(vec![one.clone()]),
            Some(Json::List(items)) => items.iter().map(|item| item.text().map(str::to_owned)).collect(),
            _ => None,
        };
        Ok(Self {
            issuer: text("iss")?.ok_or(JwtError::Malformed("iss"))?,
            audiences: audiences.ok_or(JwtError::Malformed("aud"))?,
            expires: time("exp")?.ok_or(JwtError::Malformed("exp"))?,
            not_before: time("nbf")?,
            issued_at: time("iat")?,
            email: text("email")?,
        })
    }

    /// The e-mail address, as Access has it, of an assertion of the team `team_domain` (`<team>.cloudflareaccess.com`)
    /// for the application with the tag `audience`, good at `now` (Unix seconds).
    ///
    /// `exp` has no leeway (RFC 7519, 4.1.4: now must be before it); `nbf` and `iat` have 60 seconds.
    /// Errors, in this order: [`JwtError::Issuer`], [`JwtError::Audience`], [`JwtError::Expired`], [`JwtError::NotYetValid`],
    /// [`JwtError::NoEmail`].
    pub fn check(self, team_domain: &str, audience: &str, now: u64) -> Result<String, JwtError> {
        if self.issuer.strip_prefix("https://") != Some(team_domain) {
            return Err(JwtError::Issuer);
        }
        if !self.audiences.iter().any(|one| one == audience) {
            return Err(JwtError::Audience);
        }
        if now >= self.expires {
            return Err(JwtError::Expired);
        }
        if [self.not_before, self.issued_at].iter().flatten().any(|since| *since > now.saturating_add(LEEWAY)) {
            return Err(JwtError::NotYetValid);
        }
        self.email.filter(|email| !email.is_empty()).ok_or(JwtError::NoEmail)
    }
}

/// Base64url without padding, white space or bits that do not count (RFC 7515, 2; RFC 4648, 3.5).
fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A JSON object without a name that stands twice (RFC 7515, 4; RFC 7519, 4).
fn object(text: &[u8]) -> Option<Json> {
    Json::parse(text).ok().filter(|json| matches!(json, Json::Object(_)))
}
