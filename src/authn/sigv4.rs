//! AWS Signature Version 4 by header, as MLflow's client sends it under `MLFLOW_TRACKING_AWS_SIGV4`.
//!
//! The rules are those of "Create a signed AWS API request" in the AWS IAM User Guide (Reference, AWS Signature
//! Version 4). A signature has no nonce: who can read a signed request can send it again within the
//! [`LARGEST_SKEW`], which is why AWS asks for TLS, and so does the gate's address.
//!
//! Two signers sign two different texts for one request, and both are accepted, as long as the text can only mean
//! what the gate reads:
//!
//! | | botocore, the AWS SDKs | requests-auth-aws-sigv4 (MLflow) |
//! | --- | --- | --- |
//! | path | percent-encoded once more | as on the wire |
//! | query | as on the wire, or percent-encoded anew with `%20` for a blank | as on the wire |
//!
//! The path is that of a request which [`crate::request::path::canonical`] lets through: without dot segments and
//! empty ones, so that AWS's normalisation has nothing to do and is left out.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::http::{Headers, Method};
use crate::password::to_hex;
use crate::request::path::{percent_decode, percent_encode};
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// The one algorithm, which is also the scheme of the Authorization header.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The end of a credential scope.
const TERMINATOR: &str = "aws4_request";

/// The service that MLflow's client signs for: API Gateway's.
const SERVICE: &str = "execute-api";

/// Longer is refused before it is read.
const LONGEST_HEADER: usize = 4 * 1024;

/// IAM's bound on the identifier of an access key.
const LONGEST_KEY_ID: usize = 128;

/// Seconds that the signer's clock may be off, either way: what AWS allows.
pub const LARGEST_SKEW: u64 = 15 * 60;

/// SignatureError a signature is not good. No variant holds anything of a secret or of a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Another secret, or another request than the one that was signed.
    #[error("the signature is not that of this request")]
    Signature,
    /// Signed too long ago, or in the future: see [`LARGEST_SKEW`].
    #[error("signed more than 15 minutes away from now")]
    Skew,
    /// Neither `X-Amz-Date` nor `Date`, or one that cannot be read.
    #[error("no readable X-Amz-Date or Date")]
    Date,
    /// The day of the credential scope is not the day of the timestamp.
    #[error("the credential's date is not that of the request")]
    CredentialDate,
    /// Signed for another service than `execute-api`.
    #[error("signed for another service")]
    Service,
    /// A header that has to be signed is not among the signed ones.
    #[error("the header '{0}' has to be signed")]
    Unsigned(&'static str),
    /// A field that changes the meaning of the request, and is not among the signed ones.
    #[error("the field '{0}' changes the meaning of the request and has to be signed")]
    UnsignedMeaning(String),
    /// A signed header that did not arrive.
    #[error("a signed header is missing: '{0}'")]
    Missing(String),
    /// A header that stands twice, of which the signer meant one.
    #[error("a header stands twice: '{0}'")]
    Repeated(String),
    /// `UNSIGNED-PAYLOAD` or a streamed payload: the body would not be bound to the signature.
    #[error("the body is not signed")]
    UnsignedBody,
    /// `X-Amz-Content-SHA256` is not the hash of this body.
    #[error("the body is not the one whose hash was signed")]
    Body,
    /// A query with an empty pair, or not percent-encoded UTF-8.
    #[error("the query cannot be read")]
    Query,
}

/// The signed request as it came, with the path and the query of the public URL that the client used.
pub struct Signed<'a> {
    /// The method.
    pub method: Method,
    /// The raw path, without the query. The caller has refused what [`crate::request::path::canonical`] refuses.
    pub path: &'a str,
    /// The raw query, without the `?`.
    pub query: &'a str,
    /// The header fields, `Host` among them.
    pub headers: &'a Headers,
    /// The whole body; empty if there is none.
    pub body: &'a [u8],
}

/// An Authorization header of the scheme `AWS4-HMAC-SHA256`. It cannot be printed.
pub struct Authorization {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: Secret,
}

impl Authorization {
    /// Reads `AWS4-HMAC-SHA256 Credential=ID/20260101/us-east-1/execute-api/aws4_request, SignedHeaders=a;b,
    /// Signature=hex`: the three parts in this order, header names in lower case, sorted, none twice.
    ///
    /// `None` for another scheme, and for whatever is not exactly this. The caller makes sure that the header
    /// stands once.
    pub fn parse(value: &str) -> Option<Self> {
        if value.len() > LONGEST_HEADER {
            return None;
        }
        let parameters = value.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
        let mut parameters = parameters.split(',').map(|part| part.trim_matches(' '));
        let credential = parameters.next()?.strip_prefix("Credential=")?;
        let signed_headers = parameters.next()?.strip_prefix("SignedHeaders=")?;
        let signature = parameters.next()?.strip_prefix("Signature=")?;
        let scope: Vec<&str> = credential.split('/').collect();
        let (None, [id, date, region, service, TERMINATOR]) = (parameters.next(), scope.as_slice()) else {
            return None;
        };
        let names: Vec<&str> = signed_headers.split(';').collect();
        let clean = of(id, |b| b.is_ascii_alphanumeric() || b == b'_')
            && id.len() <= LONGEST_KEY_ID
            && of(date, |b| b.is_ascii_digit())
            && date.len() == 8
            && [region, service].iter().all(|part| of(part, |b| is_lower(b) || b == b'-'))
            && names.iter().all(|name| of(name, |b| is_lower(b) || b"!#$%&'*+-.^_`|~".contains(&b)))
            && names.is_sorted_by(|one, next| one < next)
            && of(signature, |b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && signature.len() == 64;
        clean.then(|| Self {
            access_key_id: (*id).to_owned(),
            date: (*date).to_owned(),
            region: (*region).to_owned(),
            service: (*service).to_owned(),
            signed_headers: names.into_iter().map(str::to_owned).collect(),
            signature: Secret::new(signature),
        })
    }

    /// Returns the id of the access key whose secret checks the signature: 1 to 128 letters, digits and `_`.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Returns true if the holder of `secret` signed this request within 15 minutes of `now` (Unix seconds), for the
    /// service `execute-api` and any region. Takes the same time wherever a wrong signature differs.
    pub fn verify(&self, secret: &Secret, request: &Signed<'_>, now: u64) -> Result<(), SignatureError> {
        self.verify_for(SERVICE, secret, request, now)
    }

    fn verify_for(&self, service: &str, secret: &Secret, request: &Signed<'_>, now: u64) -> Result<(), SignatureError> {
        if self.service != service {
            return Err(SignatureError::Service);
        }
        let stamp = self.stamp(request.headers)?;
        if stamp.seconds.abs_diff(now) > LARGEST_SKEW {
            return Err(SignatureError::Skew);
        }
        if !stamp.text.starts_with(&self.date) {
            return Err(SignatureError::CredentialDate);
        }
        self.check_meaning_is_signed(request.headers)?;
        let tail = self.canonical_tail(request)?;
        let key = self.signing_key(secret).ok_or(SignatureError::Signature)?;
        let queries = canonical_queries(request.query)?;
        let mut good = false;
        for path in canonical_paths(request.path) {
            for query in &queries {
                let canonical = format!("{}\n{path}\n{query}\n{tail}", request.method.as_str());
                // no short cut: every form is compared
                good |= self.sign(&key, &stamp, &canonical).is_some_and(|expected| expected == self.signature);
            }
        }
        if good { Ok(()) } else { Err(SignatureError::Signature) }
    }

    /// When it was signed: `X-Amz-Date`, else `Date`, which must be signed. `Host` must be signed as well, and the
    /// session token if there is one.
    fn stamp(&self, headers: &Headers) -> Result<Stamp, SignatureError> {
        self.must_sign("host")?;
        if single(headers, "x-amz-security-token")?.is_some() {
            self.must_sign("x-amz-security-token")?;
        }
        if let Some(value) = single(headers, "x-amz-date")? {
            self.must_sign("x-amz-date")?;
            return Stamp::basic(value.trim()).ok_or(SignatureError::Date);
        }
        let value = single(headers, "date")?.ok_or(SignatureError::Date)?;
        self.must_sign("date")?;
        Stamp::imf(value).ok_or(SignatureError::Date)
    }

    /// Refuses an unsigned field that MLflow acts on: `X-Mlflow-*` (the experiment and run of spans), and those that
    /// change the bytes of the body. `Content-Type` may stay unsigned, as MLflow's client leaves it: a body that is
    /// decided on is read by its route, whatever it says.
    fn check_meaning_is_signed(&self, headers: &Headers) -> Result<(), SignatureError> {
        let is_signed = |name: &str| self.signed_headers.iter().any(|signed| signed == name);
        let mut names = headers.iter().map(|(name, _)| name.to_ascii_lowercase());
        match names.find(|name| changes_meaning(name) && !is_signed(name)) {
            Some(name) => Err(SignatureError::UnsignedMeaning(name)),
            None => Ok(()),
        }
    }

    fn must_sign(&self, name: &'static str) -> Result<(), SignatureError> {
        let signed = self.signed_headers.iter().any(|signed| signed == name);
        if signed { Ok(()) } else { Err(SignatureError::Unsigned(name)) }
    }

    /// The canonical request from the headers on: the headers, their names, the hash of the body.
    fn canonical_tail(&self, request: &Signed<'_>) -> Result<String, SignatureError> {
        let mut tail = String::new();
        for name in &self.signed_headers {
            let value = single(request.headers, name)?.ok_or_else(|| SignatureError::Missing(name.clone()))?;
            tail.push_str(&format!("{name}:{}\n", collapsed(value)));
        }
        let hash = to_hex(&Sha256::digest(request.body));
        match single(request.headers, "x-amz-content-sha256")?.map(str::trim) {
            Some(value) if value.starts_with("UNSIGNED-") || value.starts_with("STREAMING-") => {
                return Err(SignatureError::UnsignedBody);
            }
            Some(value) if value != hash => return Err(SignatureError::Body),
            _ => {}
        }
        tail.push_str(&format!("\n{}\n{hash}", self.signed_headers.join(";")));
        Ok(tail)
    }

    /// The key of a day, a region and a service. `None` cannot happen: HMAC takes keys of every length.
    fn signing_key(&self, secret: &Secret) -> Option<[u8; 32]> {
        let key = hmac(format!("AWS4{}", secret.expose()).as_bytes(), &self.date)?;
        [&self.region, &self.service, TERMINATOR].iter().try_fold(key, |key, part| hmac(&key, part))
    }

    fn sign(&self, key: &[u8], stamp: &Stamp, canonical: &str) -> Option<Secret> {
        let hash = to_hex(&Sha256::digest(canonical));
        let scope = format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service);
        let text = format!("{ALGORITHM}\n{}\n{scope}\n{hash}", stamp.text);
        hmac(key, &text).map(|signature| Secret::new(to_hex(&signature)))
    }
}

/// Returns true for fields that MLflow acts on. Its client's version says nothing, and the others of its own fields
/// that are excepted never reach the origin.
fn changes_meaning(name: &str) -> bool {
    const HARMLESS: [&str; 3] = ["x-mlflow-authorization", "x-mlflow-client-version", "x-mlflow-workspace"];
    let is_mlflows = name.replace('_', "-").starts_with("x-mlflow-");
    (is_mlflows && !HARMLESS.contains(&name)) || matches!(name, "content-encoding" | "content-md5")
}

fn of(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_lower(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn hmac(key: &[u8], text: &str) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().into())
}

/// The value of a header that may stand once.
fn single<'a>(headers: &'a Headers, name: &str) -> Result<Option<&'a str>, SignatureError> {
    let mut values = headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(SignatureError::Repeated(name.to_owned())),
        (value, None) => Ok(value),
    }
}

/// AWS's `Trimall`: no blanks at the ends, one where there are several.
fn collapsed(value: &str) -> String {
    let words: Vec<&str> = value.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The path encoded once more, and as it is.
///
/// The second would let `/a%2520b` pass for a signed `/a%20b`, whose first form it is; so not where an encoded
/// percent sign is. Whatever else the two have in common decodes to one path.
fn canonical_paths(raw: &str) -> Vec<String> {
    let raw = if raw.is_empty() { "/" } else { raw };
    let mut forms = vec![percent_encode(raw, "/")];
    if !raw.contains("%25") && forms.iter().all(|form| form != raw) {
        forms.push(raw.to_owned());
    }
    forms
}

/// The query encoded anew and as it is, each sorted by name, then value. A `+` is a blank, as the origin reads it.
fn canonical_queries(raw: &str) -> Result<Vec<String>, SignatureError> {
    let pairs = raw.split('&').filter(|_| !raw.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut wire: Vec<(String, String)> = Vec::new();
    let mut anew = Vec::new();
    for (name, value) in pairs {
        let encoded =
            |text: &str| percent_decode(text, true).map(|text| percent_encode(&text, "")).ok_or(SignatureError::Query);
        if name.is_empty() {
            return Err(SignatureError::Query);
        }
        anew.push((encoded(name)?, encoded(value)?));
        wire.push((name.to_owned(), value.to_owned()));
    }
    let sorted = |mut pairs: Vec<(String, String)>| {
        pairs.sort();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let mut forms = vec![sorted(anew), sorted(wire)];
    forms.dedup();
    Ok(forms)
}

/// A moment: Unix seconds, and as AWS writes it.
struct Stamp {
    seconds: u64,
    text: String,
}

impl Stamp {
    /// `20150830T123600Z`, ISO 8601 basic.
    fn basic(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let digits = |text: &str, length: usize| text.len() == length && of(text, |b| b.is_ascii_digit());
        if !digits(date, 8) || !digits(time, 6) {
            return None;
        }
        let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
        let (year, month, day) = (number(date, 0, 4)?, number(date, 4, 6)?, number(date, 6, 8)?);
        let (hour, minute, second) = (number(time, 0, 2)?, number(time, 2, 4)?, number(time, 4, 6)?);
        if year < 1970 || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = days_since_1970(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
        Some(Self { seconds, text: text.to_owned() })
    }

    /// `Sun, 30 Aug 2015 12:36:00 GMT` (RFC 9110, 5.6.7), with `-0000` for GMT, as botocore writes it.
    fn imf(text: &str) -> Option<Self> {
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let [_, day, month, year, time, "GMT" | "-0000" | "+0000"] = words.as_slice() else {
            return None;
        };
        let month = 1 + MONTHS.iter().position(|name| name == month)?;
        Self::basic(&format!("{year}{month:02}{day:0>2}T{}Z", time.replacen(':', "", 2)))
    }
}

/// Days of the Gregorian calendar between 1970-01-01 and a date after it. `None` if there is no such date.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |month: u64| match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u64::from(leap(year)),
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=length(month)).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| 365 + u64::from(leap(year))).sum();
    Some(years + (1..month).map(length).sum::<u64>() + day - 1)
}
