//! Rejections: a reply for the client, and a reason for the log.
//!
//! Which one to use: [`Rejection::unauthenticated`] when we do not know who it is, [`Rejection::denied`] when we do
//! and it may not, [`Rejection::invalid`] when the request can be read in two ways or lacks something,
//! [`Rejection::mlflow`] for the errors that MLflow itself has a code for, [`Rejection::page`] where Flask answers
//! before MLflow does, [`Rejection::fault`] when something of ours or of the origin's failed.

use std::fmt;

use crate::http::Response;

const HTML: &str = "text/html; charset=utf-8";

/// The error codes of MLflow that we use, with their statuses (`mlflow/exceptions.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 400
    InvalidParameterValue,
    /// 400
    BadRequest,
    /// 400
    ResourceAlreadyExists,
    /// 400
    FeatureDisabled,
    /// 403
    PermissionDenied,
    /// 404
    ResourceDoesNotExist,
    /// 413
    RequestTooLarge,
    /// 414
    UriTooLong,
    /// 431
    HeaderFieldsTooLarge,
    /// 429
    RequestLimitExceeded,
    /// 500
    InternalError,
    /// 502
    BadGateway,
    /// 503
    TemporarilyUnavailable,
    /// 504
    DeadlineExceeded,
}

impl Code {
    /// HTTP status and MLflow's name. A client knows the failures of a gateway as TEMPORARILY_UNAVAILABLE.
    fn parts(self) -> (u16, &'static str) {
        match self {
            Self::InvalidParameterValue => (400, "INVALID_PARAMETER_VALUE"),
            Self::BadRequest => (400, "BAD_REQUEST"),
            Self::ResourceAlreadyExists => (400, "RESOURCE_ALREADY_EXISTS"),
            Self::FeatureDisabled => (400, "FEATURE_DISABLED"),
            Self::PermissionDenied => (403, "PERMISSION_DENIED"),
            Self::ResourceDoesNotExist => (404, "RESOURCE_DOES_NOT_EXIST"),
            Self::RequestTooLarge => (413, "INVALID_PARAMETER_VALUE"),
            Self::UriTooLong => (414, "INVALID_PARAMETER_VALUE"),
            Self::HeaderFieldsTooLarge => (431, "INVALID_PARAMETER_VALUE"),
            Self::RequestLimitExceeded => (429, "REQUEST_LIMIT_EXCEEDED"),
            Self::InternalError => (500, "INTERNAL_ERROR"),
            Self::BadGateway => (502, "TEMPORARILY_UNAVAILABLE"),
            Self::TemporarilyUnavailable => (503, "TEMPORARILY_UNAVAILABLE"),
            Self::DeadlineExceeded => (504, "DEADLINE_EXCEEDED"),
        }
    }
}

/// The pages of werkzeug that an MLflow client may meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// 400, with the sentence that says what is wrong.
    BadRequest(&'static str),
    /// 404
    NotFound,
    /// 405, with the methods that exist.
    MethodNotAllowed(String),
    /// 415
    UnsupportedMediaType,
    /// 503, with the line of text that says what is switched off.
    Disabled(String),
}

/// werkzeug's sentence for a body that it could not read.
pub const UNREADABLE: &str = "The browser (or proxy) sent a request that this server could not understand.";

#[derive(Debug)]
enum Reply {
    Unauthenticated,
    Denied,
    Error(Code, String),
    Missing(String),
    Page(Page),
    Text(&'static str),
    Nulls(Vec<String>),
    GraphQl(String),
    Locked(i64),
}

/// A request that is not served: what the client sees, and why, for the log.
pub struct Rejection {
    reply: Reply,
    why: Why,
    varies_on: Option<&'static str>,
}

/// The reason of a rejection, for the log: a value, put into words only when somebody reads them.
pub struct Why {
    reason: Box<dyn fmt::Display>,
    /// The capability that was needed, and the level that was held, where a level was too low.
    pub weighed: Option<(String, String)>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.reply, self.why)
    }
}

/// Short for what nearly every step of the gate gives.
pub type Result<T> = std::result::Result<T, Rejection>;

impl Rejection {
    /// 401: credentials are missing or wrong. `because` never holds any part of them.
    pub fn unauthenticated(reason: impl fmt::Display + 'static) -> Self {
        Self::new(Reply::Unauthenticated, reason)
    }

    /// 403: the caller may not do this.
    pub fn denied(reason: impl fmt::Display + 'static) -> Self {
        Self::new(Reply::Denied, reason)
    }

    /// 400 INVALID_PARAMETER_VALUE with this message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::mlflow(Code::InvalidParameterValue, message)
    }

    /// 400 INVALID_PARAMETER_VALUE for a parameter that is not there, in MLflow's words.
    pub fn missing(parameter: &str) -> Self {
        Self::new(Reply::Missing(parameter.to_owned()), format!("parameter '{parameter}' is missing"))
    }

    /// An error in MLflow's shape.
    pub fn mlflow(code: Code, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Reply::Error(code, message.clone()), message)
    }

    /// A failure of ours or of the origin's: `message` for the client, `because` for the log alone.
    pub fn fault(code: Code, message: impl Into<String>, reason: impl fmt::Display + 'static) -> Self {
        Self::new(Reply::Error(code, message.into()), reason)
    }

    /// A page of werkzeug.
    pub fn page(page: Page) -> Self {
        Self::new(Reply::Page(page.clone()), format!("{page:?}"))
    }

    /// 400 with a line of plain text.
    pub fn text(line: &'static str) -> Self {
        Self::new(Reply::Text(line), line)
    }

    /// 429 with Retry-After (RFC 6585): there were too many failed sign-ins.
    pub fn locked(seconds: i64) -> Self {
        Self::new(Reply::Locked(seconds), format!("locked for {seconds} s after failed sign-ins"))
    }

    /// 200 with nulls, as GraphQL tells that its fields may not be seen (MLflow 3.9).
    pub fn nulls(keys: Vec<String>, reason: impl fmt::Display + 'static) -> Self {
        Self::new(Reply::Nulls(keys), reason)
    }

    /// 200 with an error, as MLflow's GraphQL refuses a document that it does not execute.
    pub fn graphql(message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Reply::GraphQl(message.clone()), message)
    }

    fn new(reply: Reply, reason: impl fmt::Display + 'static) -> Self {
        Self { reply, why: Why { reason: Box::new(reason), weighed: None }, varies_on: None }
    }

    /// The same rejection of a request whose header of this name was looked at (RFC 9110, 12.5.5).
    pub fn varying_on(mut self, header: &'static str) -> Self {
        self.varies_on = Some(header);
        self
    }

    /// Returns true if the origin refuses such a request as well, so that it can say so itself to an administrator.
    pub fn is_left_to_origin(&self) -> bool {
        matches!(self.reply, Reply::Missing(_) | Reply::Page(Page::UnsupportedMediaType))
    }

    /// Returns true if the login was refused.
    pub fn is_unauthenticated(&self) -> bool {
        matches!(self.reply, Reply::Unauthenticated)
    }

    /// Returns true if it says that the caller may not do this.
    pub fn is_denial(&self) -> bool {
        matches!(self.reply, Reply::Denied)
    }

    /// The reason, for the log.
    pub fn reason(&self) -> String {
        self.why.to_string()
    }

    /// The same refusal, for want of a capability where this level is held.
    pub fn weighing(mut self, needed: impl fmt::Display, held: impl fmt::Display) -> Self {
        self.why.weighed = Some((needed.to_string(), held.to_string()));
        self
    }

    /// Returns the response for the client, and the reason for the log.
    pub fn into_parts<S>(self) -> (Response<S>, Why) {
        let mut response = self.reply.into_response();
        if let Some(header) = self.varies_on {
            response.headers.append("Vary", header);
        }
        (response, self.why)
    }
}

impl Reply {
    fn into_response<S>(self) -> Response<S> {
        match self {
            Reply::Unauthenticated => {
                let mut response = Response::new(401, HTML, NOT_AUTHENTICATED);
                response.headers.append("WWW-Authenticate", "Basic realm=\"mlflow\"");
                response
            }
            Reply::Denied => Response::new(403, HTML, "Permission denied"),
            Reply::Error(code, message) => error(code, message),
            Reply::Missing(parameter) => error(
                Code::InvalidParameterValue,
                format!(
                    "Missing value for required parameter '{parameter}'. \
                     See the API docs for more information about request parameters."
                ),
            ),
            Reply::Page(page) => page.into_response(),
            Reply::Text(line) => Response::new(400, HTML, line),
            Reply::Locked(seconds) => {
                let message = format!("Too many failed sign-ins. Try again in {seconds} seconds.");
                let mut response = error(Code::RequestLimitExceeded, message);
                response.headers.append("Retry-After", seconds.to_string());
                response
            }
            Reply::GraphQl(message) => {
                let answer = serde_json::json!({ "data": null, "errors": [message] });
                Response::new(200, "application/json", format!("{answer}\n"))
            }
            Reply::Nulls(keys) => {
                let data: serde_json::Map<_, _> = keys.into_iter().map(|key| (key, serde_json::Value::Null)).collect();
                let answer = serde_json::json!({ "data": data, "errors": null });
                Response::new(200, "application/json", format!("{answer}\n"))
            }
        }
    }
}

/// An error in MLflow's shape, with the blanks of Python's `json.dumps`.
fn error<S>(code: Code, message: String) -> Response<S> {
    let (status, name) = code.parts();
    let message = serde_json::Value::String(message);
    Response::new(status, "application/json", format!("{{\"error_code\": \"{name}\", \"message\": {message}}}"))
}

// MLflow's Python client and its tests match on these two texts; they are not JSON on purpose.
const NOT_AUTHENTICATED: &str = "You are not authenticated. Please see \
    https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow on how to authenticate.";

impl Page {
    fn into_response<S>(self) -> Response<S> {
        let (status, title, sentence) = match &self {
            Self::Disabled(line) => return Response::new(503, HTML, line.clone()),
            Self::BadRequest(sentence) => (400, "Bad Request", *sentence),
            Self::NotFound => (
                404,
                "Not Found",
                "The requested URL was not found on the server. If you entered the URL manually please check \
                 your spelling and try again.",
            ),
            Self::MethodNotAllowed(_) => {
                (405, "Method Not Allowed", "The method is not allowed for the requested URL.")
            }
            Self::UnsupportedMediaType => (
                415,
                "Unsupported Media Type",
                "Did not attempt to load JSON data because the request Content-Type was not \
                 &#39;application/json&#39;.",
            ),
        };
        let body = format!(
            "<!doctype html>\n<html lang=en>\n<title>{status} {title}</title>\n<h1>{title}</h1>\n<p>{sentence}</p>\n"
        );
        let mut response = Response::new(status, HTML, body);
        if let Self::MethodNotAllowed(allow) = self {
            response.headers.append("Allow", allow);
        }
        response
    }
}
