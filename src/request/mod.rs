//! The canonical request: read once, refused where two readers could read it differently.
//!
//! The gate forwards the things that it decided on: path and query are written again from their decoded form, and a JSON
//! body is read by the message that MLflow has for it and written for that message ([`message`]).

pub mod granted;
pub mod graphql;
pub mod input;
pub mod message;
pub mod otlp;
pub mod path;
pub mod query;
pub mod resource_ref;
pub mod role_input;
pub mod shapes;
pub mod unpack;
mod values;

use std::cell::OnceCell;

use crate::config::Config;
use crate::error::{Code, Page, Rejection, Result, UNREADABLE};
use crate::http::{ByteStream, Headers, Method, Request, StreamError};
use crate::json::{Json, Limits, Wanted};
use crate::routes::{self, Answer, Body, Requires, Route, RouteMatch};
use granted::Granted;
use graphql::Document;
use query::Query;
pub use resource_ref::{RequiredAccess, ResourceRef};

/// The longest path, in bytes and encoded: as long as a URL may be at Cloudflare.
const LONGEST_PATH: usize = 16 * 1024;
/// A browser sends thirty header fields, Gunicorn takes a hundred.
pub const MOST_FIELDS: usize = 200;
/// The fields that `Connection` may name: a client names one or two.
const MOST_CONNECTION_OPTIONS: usize = 20;

/// Method, path and query in canonical form, and the row that governs them.
pub struct Target {
    /// The method.
    pub method: Method,
    /// The decoded path.
    pub path: String,
    /// The decoded query.
    pub query: Query,
    /// The rows of the path.
    found: Option<RouteMatch>,
}

impl Target {
    /// Reads method, path and query; the body is not touched.
    pub fn parse<S>(request: &Request<S>, config: &Config) -> Result<Self> {
        check_fields(&request.headers)?;
        let (raw_path, raw_query) = split_url(&request.url)?;
        if raw_path.len() > LONGEST_PATH {
            return Err(Rejection::mlflow(Code::UriTooLong, format!("The path is longer than {LONGEST_PATH} bytes.")));
        }
        let path =
            path::canonical(raw_path).map_err(|error| Rejection::invalid(format!("Invalid request path: {error}.")))?;
        let mut query = Query::parse(raw_query)?;
        check_workspace(&request.headers, &path)?;
        let found = routes::find(&path, &config.static_prefix);
        if let Some(row) = found.as_ref().and_then(|found| found.row(request.method))
            && row.method == Method::Get
        {
            shapes::of(row).check_query(&mut query)?;
        }
        Ok(Self { method: request.method, path, query, found })
    }

    /// The row of method and path.
    pub fn row(&self) -> Option<&'static Route> {
        self.found.as_ref()?.row(self.method)
    }

    /// Returns true if nobody has to log in for it.
    pub fn is_public(&self) -> bool {
        self.row().is_some_and(|row| matches!(row.requires, Requires::Public))
    }

    /// Reads what the row wants to know of the rest, up to the limit. The method must be one that the row's path has.
    ///
    /// `held`: a body that would be a stream is read as well, since a signature covers it.
    pub async fn read<S: ByteStream>(self, request: Request<S>, limit: usize, held: bool) -> Result<Call<S>> {
        self.begin(request, limit, held).await?.finish(limit).await
    }

    /// The first step of [`Target::read`]: reads a body that the row wants to know of up to so many bytes, and one that
    /// tells whether these were all.
    pub async fn begin<S: ByteStream>(self, mut request: Request<S>, most: usize, held: bool) -> Result<Arriving<S>> {
        check_same_site(&request)?;
        if self.method.is_safe() && has_body(&request.headers) {
            return Err(Rejection::invalid(format!("A {} request must not have a body.", self.method.as_str())));
        }
        let is_looked_at = match self.row() {
            _ if self.method.is_safe() => false,
            _ if is_passed_on(self.row()) => held && request.body.is_some(),
            _ => true,
        };
        let mut bytes = Vec::new();
        let mut rest = request.body.take().filter(|_| !self.method.is_safe());
        if is_looked_at && let Some(stream) = &mut rest {
            bytes = stream.read(most.saturating_add(1)).await.map_err(unread)?;
        }
        if is_looked_at && bytes.len() <= most {
            rest = None; // it has ended
        }
        Ok(Arriving { target: self, request, held, is_looked_at, bytes, rest })
    }
}

/// A request whose body was read in part.
pub struct Arriving<S> {
    target: Target,
    request: Request<S>,
    held: bool,
    is_looked_at: bool,
    bytes: Vec<u8>,
    rest: Option<S>,
}

impl<S: ByteStream> Arriving<S> {
    /// Returns true if nothing is left to be read, and nothing of it has to be unpacked. A GraphQL document is never
    /// cheap: it takes ten times the work of JSON for each byte.
    pub fn is_cheap(&self) -> bool {
        let is_packed = self.request.headers.get("content-encoding").is_some();
        let is_graphql = self.target.row().is_some_and(|row| row.body == Body::GraphQl);
        let is_empty = self.rest.is_none() && self.bytes.is_empty();
        !self.is_looked_at || is_empty || (self.rest.is_none() && !is_packed && !is_graphql)
    }

    /// Reads on, up to the limit, and what the row wants to know of it all.
    pub async fn finish(self, limit: usize) -> Result<Call<S>> {
        let Self { target, request, held, is_looked_at, mut bytes, mut rest } = self;
        let row = target.row();
        let mut content_type = request.headers.get("content-type").map(str::to_owned);
        if is_looked_at {
            if let Some(mut stream) = rest.take() {
                let room = limit.saturating_add(1).saturating_sub(bytes.len());
                bytes.append(&mut stream.read(room).await.map_err(unread)?);
            }
            if bytes.len() > limit {
                return Err(unread(StreamError::TooLarge(limit)));
            }
        }
        let received = (held && is_looked_at && !is_passed_on(row)).then(|| bytes.clone());
        let payload = match row.map_or(Body::Stream, |row| row.body) {
            _ if target.method.is_safe() => Payload::None,
            Body::None => Payload::None,
            Body::Stream if is_looked_at => Payload::Held(bytes),
            Body::Stream => rest.map_or(Payload::None, Payload::Stream),
            Body::Otlp => {
                let spans = otlp::read(bytes, &request.headers, limit)?;
                content_type = Some(spans.media_type.to_owned());
                Payload::Json(spans.body, Ok(spans.outline))
            }
            Body::Form => Payload::Json(bytes, Err(Unreadable::WrongType)),
            Body::Json | Body::GraphQl => match row {
                Some(row) => read_json(bytes, row, content_type.as_deref())?,
                None => Payload::None,
            },
        };
        let Target { method, path, query, found } = target;
        Ok(Call {
            row,
            method,
            path,
            query,
            found,
            headers: request.headers,
            url: request.url,
            content_type,
            payload,
            received,
            document: OnceCell::new(),
            account: OnceCell::new(),
            granted: OnceCell::new(),
        })
    }
}

/// A canonical request.
pub struct Call<S> {
    /// The row that governs it.
    pub row: Option<&'static Route>,
    /// The method.
    pub method: Method,
    /// The decoded path.
    pub path: String,
    /// The decoded query.
    pub query: Query,
    found: Option<RouteMatch>,
    /// The header fields as they arrived.
    pub headers: Headers,
    /// The absolute URL as it arrived.
    pub url: String,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The body.
    pub payload: Payload<S>,
    /// The body as it arrived, if a signature covers it and it was read.
    received: Option<Vec<u8>>,
    document: OnceCell<Document>,
    account: OnceCell<String>,
    granted: OnceCell<Granted>,
}

/// A body, read as far as the row wants.
pub enum Payload<S> {
    /// There is none, or it was left out.
    None,
    /// Not looked at.
    Stream(S),
    /// Read only because a signature covers it.
    Held(Vec<u8>),
    /// Read: the bytes that are forwarded, which are written here, and what they say of anything that the row is about
    /// (of spans in OTLP, an outline as JSON).
    Json(Vec<u8>, std::result::Result<Json, Unreadable>),
}

/// Why a body says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// Its media type is not JSON.
    WrongType,
    /// It is not a JSON object.
    NotAnObject,
}

impl<S> Call<S> {
    /// Returns true if it changes nothing.
    pub fn reads(&self) -> bool {
        match self.row {
            Some(row) if row.body == Body::GraphQl => self.document().is_ok_and(|document| document.reads),
            Some(row) => row.reads(),
            None => self.method.is_safe(),
        }
    }

    /// The body as it came, as far as it was read.
    pub fn body(&self) -> &[u8] {
        match &self.payload {
            _ if self.received.is_some() => self.received.as_deref().unwrap_or_default(),
            Payload::Held(bytes) | Payload::Json(bytes, _) => bytes,
            Payload::None | Payload::Stream(_) => &[],
        }
    }

    /// Returns true if a body of JSON that was written here goes to the origin, whatever the client called it.
    pub fn has_json(&self) -> bool {
        !self.has_spans() && matches!(&self.payload, Payload::Json(bytes, Ok(_)) if !bytes.is_empty())
    }

    /// Returns true if what goes to the origin are spans in OTLP, unpacked.
    pub fn has_spans(&self) -> bool {
        self.row.is_some_and(|row| row.body == Body::Otlp)
    }

    /// Returns true if the path is one of those that are answered here.
    pub fn is_ours(&self) -> bool {
        self.found.as_ref().is_some_and(RouteMatch::is_ours)
    }

    /// The Allow header of the path.
    pub fn allow(&self) -> String {
        self.found.as_ref().map(RouteMatch::allow).unwrap_or_default()
    }

    /// The body's object, or the page that Flask answers with.
    pub fn json(&self) -> Result<&Json> {
        match &self.payload {
            Payload::Json(_, Ok(json)) => Ok(json),
            Payload::Json(_, Err(Unreadable::WrongType)) => Err(Rejection::page(Page::UnsupportedMediaType)),
            _ => Err(Rejection::page(Page::BadRequest(UNREADABLE))),
        }
    }

    /// A body of which nothing is known does not go to the origin, whatever else names what the request is about. Only
    /// an administrator gets the origin's own words for it.
    pub fn check_read(&self) -> Result<()> {
        if matches!(self.payload, Payload::Json(_, Err(_))) { self.json().map(drop) } else { Ok(()) }
    }

    /// The GraphQL document of the body, which is parsed once.
    pub fn document(&self) -> Result<&Document> {
        match self.document.get() {
            Some(document) => Ok(document),
            None => {
                let document = graphql::read(self.json()?)?;
                Ok(self.document.get_or_init(|| document))
            }
        }
    }

    /// The query that goes to the origin: none where the origin reads the body.
    pub fn forwarded_query(&self) -> String {
        match self.payload {
            Payload::Json(..) => String::new(),
            _ => self.query.encode(),
        }
    }
}

/// Returns true if nothing of the body has to be known.
fn is_passed_on(row: Option<&Route>) -> bool {
    match row.map_or(Body::Stream, |row| row.body) {
        Body::None | Body::Stream => true,
        Body::Json | Body::Otlp | Body::GraphQl | Body::Form => false,
    }
}

fn unread(error: StreamError) -> Rejection {
    match error {
        StreamError::TooLarge(limit) => {
            Rejection::mlflow(Code::RequestTooLarge, format!("The request body is longer than {limit} bytes."))
        }
        StreamError::Broken(_) => Rejection::invalid("The request body broke off."),
    }
}

/// Reads a body of JSON. MLflow looks at the media type of a POST or PUT alone; any other body is JSON to it.
fn read_json<S>(bytes: Vec<u8>, row: &'static Route, content_type: Option<&str>) -> Result<Payload<S>> {
    let is_json = content_type.is_some_and(is_json_type);
    if matches!(row.answer, Answer::Local(_)) {
        let reading = if is_json { read_object(&bytes) } else { Err(Unreadable::WrongType) };
        return Ok(Payload::Json(bytes, reading));
    }
    if bytes.is_empty() {
        return Ok(Payload::Json(bytes, Ok(Json::Object(Vec::new()))));
    }
    if !is_json && matches!(row.method, Method::Post | Method::Put) {
        return Ok(Payload::Json(bytes, Err(Unreadable::WrongType)));
    }
    // Clients before MLflow 1.0 encoded the body twice; the origin decodes it twice.
    let inner = match bytes.trim_ascii_start().first() {
        Some(b'"') => match Json::read(&bytes, Wanted::All, Limits::REQUEST) {
            Ok(Json::Text(inner)) => Some(inner.into_bytes()),
            Ok(_) => None,
            Err(error) => return Err(Rejection::invalid(message::Fault::Json(error).to_string())),
        },
        _ => None,
    };
    let bytes = inner.unwrap_or(bytes);
    if row.body == Body::GraphQl {
        return match read_object(&bytes) {
            Ok(object) => Ok(Payload::Json(bytes, Ok(object))),
            Err(_) => Err(not_an_object()),
        };
    }
    if bytes.trim_ascii() == b"null" {
        return Ok(Payload::Json(b"{}".to_vec(), Ok(Json::Object(Vec::new()))));
    }
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(not_an_object());
    }
    let body = shapes::of(row).read(&bytes)?;
    Ok(Payload::Json(body.rewritten.map_or(bytes, String::into_bytes), Ok(body.value)))
}

/// Reads an object of which everything is built.
fn read_object(bytes: &[u8]) -> std::result::Result<Json, Unreadable> {
    match Json::read(bytes, Wanted::All, Limits::REQUEST) {
        Ok(object @ Json::Object(_)) => Ok(object),
        _ => Err(Unreadable::NotAnObject),
    }
}

fn not_an_object() -> Rejection {
    Rejection::invalid("The request body is not a JSON object that can be read in one way.")
}

/// As werkzeug's `is_json`: `application/json` or `application/…+json`, parameters aside.
pub fn is_json_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn has_body(headers: &Headers) -> bool {
    headers.get("content-length").is_some_and(|length| length.trim() != "0")
        || headers.get("transfer-encoding").is_some()
}

/// Refuses more header fields than are looked at, some of them against each other.
fn check_fields(headers: &Headers) -> Result<()> {
    let options = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let too_many = |what: &str, most: usize| {
        Err(Rejection::mlflow(Code::HeaderFieldsTooLarge, format!("The request has more than {most} {what}.")))
    };
    if headers.len() > MOST_FIELDS {
        return too_many("header fields", MOST_FIELDS);
    }
    if options.flat_map(|(_, value)| value.split(',')).nth(MOST_CONNECTION_OPTIONS).is_some() {
        return too_many("options of the connection", MOST_CONNECTION_OPTIONS);
    }
    Ok(())
}

/// Refuses a request for a workspace, as MLflow does where workspaces are off; an empty name is as good as none. The question
/// if there are workspaces is answered whichever is asked for.
fn check_workspace(headers: &Headers, path: &str) -> Result<()> {
    let mut named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-mlflow-workspace"));
    if named.any(|(_, value)| !value.trim().is_empty()) && !path.ends_with("/server-info") {
        return Err(Rejection::mlflow(
            Code::FeatureDisabled,
            "Workspace APIs are not available: workspaces are not enabled on this server",
        ));
    }
    Ok(())
}

/// Path and query of an absolute URL, both raw.
pub fn split_url(url: &str) -> Result<(&str, &str)> {
    let rest = url.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let target = rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or("/");
    let target = target.split('#').next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Ok((if path.is_empty() { "/" } else { path }, query))
}

/// Scheme and host of an absolute URL.
pub fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find(['/', '?', '#'])).map_or(url.len(), |at| start + at);
    url.get(..end).unwrap_or_default()
}

/// A browser sends cached Basic credentials with the forms of any site: a write must come from our own pages, or
/// from a client that is no browser.
fn check_same_site<S>(request: &Request<S>) -> Result<()> {
    if request.method.is_safe() {
        return Ok(());
    }
    let host = |origin: &str| origin.split_once("://").map(|(_, host)| host.to_ascii_lowercase());
    let foreign = match request.headers.get("origin") {
        Some(origin) => host(origin) != host(origin_of(&request.url)),
        None => request.headers.get("sec-fetch-site").is_some_and(|site| matches!(site, "cross-site" | "same-site")),
    };
    if foreign {
        return Err(Rejection::mlflow(Code::PermissionDenied, "Cross-origin request blocked."));
    }
    Ok(())
}
