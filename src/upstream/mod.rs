//! The MLflow server behind us: forwarding, look-ups of parents, and what its answers imply.

pub mod headers;
pub mod proxy;

use futures_util::future::LocalBoxFuture;

use crate::error::{Code, Rejection, Result};
use crate::http::{Body, ByteStream, Headers, Method, Response, StreamError};

/// A request to the origin.
pub struct OriginRequest<S> {
    /// The method.
    pub method: Method,
    /// Path and query, encoded.
    pub target: String,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Body<S>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// Nobody listens, or the connection broke.
    #[error("the origin cannot be reached: {0}")]
    Unreachable(String),
    /// The answer did not begin in time.
    #[error("the origin did not answer within {0} s")]
    Timeout(u32),
}

impl From<OriginError> for Rejection {
    fn from(error: OriginError) -> Self {
        match error {
            OriginError::Unreachable(_) => {
                Self::fault(Code::BadGateway, "The MLflow server cannot be reached.", error.to_string())
            }
            OriginError::Timeout(_) => {
                Self::fault(Code::DeadlineExceeded, "The MLflow server did not answer in time.", error.to_string())
            }
        }
    }
}

/// An answer of the origin that will come.
pub type Answer<S> = LocalBoxFuture<'static, std::result::Result<Response<S>, OriginError>>;

/// The MLflow server. Redirects are not followed.
#[allow(async_fn_in_trait)] // one thread: no Send bound is wanted
pub trait Origin {
    /// A body that has not been read.
    type Stream: ByteStream + 'static;
    /// Starts the request immediately, even if the future is never polled. Resolves when the response headers arrive.
    fn send(&self, request: OriginRequest<Self::Stream>) -> Answer<Self::Stream>;
    /// Returns the fact that the data centre has under a key of [`Origin::cache_parent`]; it may have forgotten.
    async fn cached_parent(&self, key: &str) -> Option<Vec<u8>>;
    /// Lets the data centre remember a fact about the origin that never changes. Nobody waits for it.
    fn cache_parent(&self, key: &str, fact: Vec<u8>);
    /// The answer of [`Origin::cache_response`] that the data centre has under this key, or what it says to these conditions
    /// about it (`If-None-Match`, `If-Modified-Since`: 304). It may have none.
    async fn cached_response(&self, key: &str, conditions: &Headers) -> Option<Response<Self::Stream>>;
    /// Lets the data centre keep an answer for everybody, and gives it back at once: the copy is made while it
    /// streams. A cache that does not take it only costs the next question.
    fn cache_response(&self, key: &str, answer: Response<Self::Stream>) -> Response<Self::Stream>;
}

/// The longest answer that is read to decide or to filter.
pub const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// Reads a whole answer.
pub async fn collect<S: ByteStream>(body: Body<S>) -> Result<Vec<u8>> {
    collect_within(body, ANSWER_LIMIT)
        .await?
        .ok_or_else(|| bad_upstream_response(format!("it is longer than {ANSWER_LIMIT} bytes")))
}

/// Reads a whole answer. `None` if it is longer than `limit`.
pub async fn collect_within<S: ByteStream>(body: Body<S>, limit: usize) -> Result<Option<Vec<u8>>> {
    match body {
        Body::Empty => Ok(Some(Vec::new())),
        Body::Bytes(bytes) => Ok(Some(bytes).filter(|bytes| bytes.len() <= limit)),
        Body::Stream(stream) => match stream.collect(limit).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StreamError::TooLarge(_)) => Ok(None),
            Err(error) => Err(bad_upstream_response(error.to_string())),
        },
    }
}

/// True for a status whose body speaks of the request alone, even if the request asks for something hidden: it is
/// wrong, not served in this version of MLflow, or comes too often.
pub fn is_about_the_request(status: u16) -> bool {
    matches!(status, 400 | 404 | 405 | 413 | 415 | 429 | 501 | 503)
}

/// An answer of the origin that cannot be decided on.
pub fn bad_upstream_response(reason: impl std::fmt::Display + 'static) -> Rejection {
    Rejection::fault(Code::BadGateway, "The MLflow server gave an answer that cannot be used.", reason)
}

/// Removes what no longer describes a body that was written anew.
pub fn rewritten(headers: &mut Headers) {
    for name in ["Content-Length", "Content-Encoding", "ETag", "Content-MD5"] {
        headers.remove(name);
    }
}
