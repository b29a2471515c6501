//! The messages as the gate sees them: plain values, no runtime behind them.
//!
//! A body that nobody has to read stays a `Stream`, a handle of the runtime that is passed on untouched.

use serde::{Deserialize, Serialize, Serializer};

use crate::client_certificate::ClientCertificate;

/// A request method (RFC 9110, and RFC 5789 for PATCH). `Other` is refused everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD, decided as GET
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// Anything else
    Other,
}

impl Method {
    /// Reads the method's token; methods are case-sensitive.
    pub fn parse(token: &str) -> Self {
        match token {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            "OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }

    /// The token that goes on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Other => "?",
        }
    }

    /// The method by which the request is decided: HEAD is a GET whose body is left out (RFC 9110, 9.3.2).
    pub fn decided_as(self) -> Self {
        if self == Self::Head { Self::Get } else { self }
    }

    /// Returns true if the method only reads (RFC 9110, 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// Header fields in the order of arrival. ValueKind compare without case.
#[derive(Clone, Default, PartialEq, Deserialize)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Adds a field and keeps those that have the name already.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Replaces every field of that name by this one.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.remove(name);
        self.append(name, value);
    }

    /// Drops every field of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// Returns true if two fields have the same name. Each is compared with each: of a request there are few by then
    /// (`Target::parse`).
    pub fn has_twice(&self) -> bool {
        let is_twice = |(n, (name, _)): (usize, (&str, &str))| {
            self.iter().skip(n + 1).any(|(other, _)| other.eq_ignore_ascii_case(name))
        };
        self.iter().enumerate().any(is_twice)
    }

    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Name and value of every field.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }
}

/// As an object if it can be one, which the runtime reads faster than a list of pairs; a name may be there twice.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        if self.has_twice() { to.collect_seq(self.iter()) } else { to.collect_map(self.iter()) }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// A body that has not been read to its end.
#[allow(async_fn_in_trait)] // one thread: no Send bound is wanted
pub trait ByteStream: Sized {
    /// Reads on: so many bytes, or fewer if the body ends before. No more is taken from the stream, and no more memory
    /// than twice what has arrived, whatever the message says about its length.
    async fn read(&mut self, most: usize) -> Result<Vec<u8>, StreamError>;

    /// Reads it to its end. More than `limit` bytes, or a broken stream, is an error and nothing is kept.
    async fn collect(mut self, limit: usize) -> Result<Vec<u8>, StreamError> {
        let bytes = self.read(limit.saturating_add(1)).await?;
        if bytes.len() > limit { Err(StreamError::TooLarge(limit)) } else { Ok(bytes) }
    }
}

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// More bytes than the limit allows.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// The peer went away, or the runtime failed.
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// A message's body.
pub enum Body<S> {
    /// No body.
    Empty,
    /// Held in memory.
    Bytes(Vec<u8>),
    /// Passed on untouched.
    Stream(S),
}

/// A request as it arrives.
pub struct Request<S> {
    /// The method.
    pub method: Method,
    /// The absolute URL, as the runtime has it.
    pub url: String,
    /// The header fields.
    pub headers: Headers,
    /// The body, if there is one.
    pub body: Option<S>,
    /// The certificate of the client, if it has one that the platform verified.
    pub client_certificate: Option<ClientCertificate>,
}

/// An answer, ours or the origin's.
pub struct Response<S> {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Body<S>,
}

impl<S> Response<S> {
    /// An answer made here.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut headers = Headers::default();
        headers.append("Content-Type", content_type);
        Self { status, headers, body: Body::Bytes(body.into()) }
    }

    /// Returns true if the status is of the 2xx class.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
