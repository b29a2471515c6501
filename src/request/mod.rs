//! The canonical request: read once, refused where two readers could read it differently.
//!
//! What is decided on here is what is forwarded: path and query are written again from their decoded form, and a
//! JSON body is sent as it came only because it can be read in one way.

pub mod json;
pub mod path;
pub mod query;

use crate::access::Resource;
use crate::config::Config;
use crate::error::{Code, Page, Refusal, Result, UNREADABLE};
use crate::http::{ByteStream, Headers, Method, Request, StreamError};
use crate::routes::{self, Count, Field, Found, Names, Need, Row, Then};
use json::Json;
use query::Query;

/// More look-ups than this would not fit into the subrequests of one invocation (50 on the free plan).
const MOST_NAMED: usize = 1000;

/// Method, path and query in canonical form, and the row that governs them.
pub struct Target {
    /// The method.
    pub method: Method,
    /// The decoded path.
    pub path: String,
    /// The decoded query.
    pub query: Query,
    /// The rows of the path.
    found: Option<Found>,
}

impl Target {
    /// Reads method, path and query; the body is not touched.
    pub fn parse<S>(request: &Request<S>, config: &Config) -> Result<Self> {
        let (raw_path, raw_query) = split_url(&request.url)?;
        let path =
            path::canonical(raw_path).map_err(|error| Refusal::invalid(format!("Invalid request path: {error}.")))?;
        let query = Query::parse(raw_query)?;
        let found = routes::find(&path, &config.static_prefix);
        Ok(Self { method: request.method, path, query, found })
    }

    /// The row of method and path.
    pub fn row(&self) -> Option<&'static Row> {
        self.found.as_ref()?.row(self.method)
    }

    /// Whether nobody has to log in for it.
    pub fn is_public(&self) -> bool {
        self.row().is_some_and(|row| matches!(row.need, Need::Nobody))
    }

    /// Reads what the row wants to know of the rest. The method must be one that the row's path has.
    pub async fn read<S: ByteStream>(self, request: Request<S>, limit: usize) -> Result<Call<S>> {
        check_same_site(&request)?;
        let row = self.row();
        let content_type = request.headers.get("content-type").map(str::to_owned);
        let payload = match (row, request.body) {
            _ if self.method.is_safe() => {
                if has_body(&request.headers) {
                    return Err(Refusal::invalid(format!("A {} request must not have a body.", self.method.as_str())));
                }
                Payload::None
            }
            (Some(Row { then: Then::Stream, .. }) | None, body) => body.map_or(Payload::None, Payload::Stream),
            (Some(row), body) => {
                let bytes = match body {
                    Some(stream) => stream.collect(limit).await.map_err(too_large)?,
                    None => Vec::new(),
                };
                read_json(bytes, self.method, content_type.as_deref(), matches!(row.then, Then::Serve(_)))?
            }
        };
        let Target { method, path, query, found } = self;
        Ok(Call { row, method, path, query, found, headers: request.headers, url: request.url, content_type, payload })
    }
}

/// A canonical request.
pub struct Call<S> {
    /// The row that governs it.
    pub row: Option<&'static Row>,
    /// The method.
    pub method: Method,
    /// The decoded path.
    pub path: String,
    /// The decoded query.
    pub query: Query,
    found: Option<Found>,
    /// The header fields as they arrived.
    pub headers: Headers,
    /// The absolute URL as it arrived.
    pub url: String,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The body.
    pub payload: Payload<S>,
}

/// A body, read as far as the row wants.
pub enum Payload<S> {
    /// There is none, or it was left out.
    None,
    /// Not looked at.
    Stream(S),
    /// Read: the bytes that are forwarded, and what they say.
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
    /// Whether the path is one of those that are answered here.
    pub fn is_ours(&self) -> bool {
        self.found.as_ref().is_some_and(Found::is_ours)
    }

    /// The Allow header of the path.
    pub fn allow(&self) -> String {
        self.found.as_ref().map(Found::allow).unwrap_or_default()
    }

    /// The body's object, or the page that Flask answers with.
    pub fn json(&self) -> Result<&Json> {
        match &self.payload {
            Payload::Json(_, Ok(json)) => Ok(json),
            Payload::Json(_, Err(Unreadable::WrongType)) => Err(Refusal::page(Page::UnsupportedMediaType)),
            _ => Err(Refusal::page(Page::BadRequest(UNREADABLE))),
        }
    }

    /// Every value of a field, from the one place where the origin reads it.
    pub fn values(&self, field: &Field) -> Result<Vec<String>> {
        let many = matches!(field.count, Count::Each | Count::EachOptional);
        let mut found: Vec<String> = Vec::new();
        for (i, parameter) in field.parameters.iter().enumerate() {
            let values = self.parameter(parameter, many)?;
            if i > 0 && !found.is_empty() && !values.is_empty() && values != found {
                return Err(conflict(parameter));
            }
            if found.is_empty() {
                found = values;
            }
        }
        match (field.count, field.parameters.first()) {
            (Count::One | Count::Each, Some(parameter)) if found.is_empty() => Err(Refusal::missing(parameter)),
            _ if found.len() > MOST_NAMED => {
                Err(Refusal::invalid(format!("More than {MOST_NAMED} ids in one request.")))
            }
            _ => Ok(found),
        }
    }

    /// The values of one spelling of a field; empty strings and nulls are as good as absent.
    fn parameter(&self, name: &str, many: bool) -> Result<Vec<String>> {
        let captured =
            self.found.iter().flat_map(|found| &found.captures).find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let in_query: Vec<String> = self.query.all(name).filter(|v| !v.is_empty()).map(str::to_owned).collect();
        let in_body = match &self.payload {
            Payload::Json(_, Ok(json)) => body_values(json, name, many)?,
            _ => Vec::new(),
        };
        let reads_body = matches!(self.payload, Payload::Json(..));
        let chosen = match captured {
            Some(value) => vec![value],
            None if reads_body && !(in_body.is_empty() && self.method == Method::Delete) => in_body.clone(),
            None => in_query.clone(),
        };
        let disagrees = |other: &Vec<String>| !other.is_empty() && !chosen.is_empty() && *other != chosen;
        if disagrees(&in_query) || disagrees(&in_body) {
            return Err(conflict(name));
        }
        if let (Payload::Json(_, Err(_)), true, Method::Post | Method::Put | Method::Patch) =
            (&self.payload, chosen.is_empty(), self.method)
        {
            self.json()?;
        }
        Ok(chosen)
    }

    /// Everything that the row demands, field by field, as what it is about.
    pub fn demands(&self) -> Result<Vec<Demand>> {
        let Some(Row { need: Need::All(claims), .. }) = self.row else { return Ok(Vec::new()) };
        let mut demands = Vec::new();
        for claim in *claims {
            let (capability, field) = claim.parts();
            for value in self.values(field)? {
                demands.push(Demand { capability, subject: self.subject(field.names, value)? });
            }
        }
        Ok(demands)
    }

    fn subject(&self, names: Names, value: String) -> Result<Subject> {
        Ok(match names {
            Names::Experiment => Subject::Known(Resource::experiment(&value)?),
            Names::RegisteredModel => Subject::Known(Resource::registered_model(&value)),
            Names::ExperimentByName => Subject::ExperimentByName(value),
            Names::Run => Subject::Run(value),
            Names::LoggedModel => Subject::LoggedModel(value),
            Names::ArtifactPath => artifact_subject(&value)?,
            Names::Source => self.source_subject(value)?,
            Names::Granted => crate::api::grants::target(self, &value)?,
        })
    }

    /// What the source of a model version points at. `runs:/<run>/…`, `models:/<logged model>` and
    /// `models:/<name>/<version>` say it; a path of the proxied store does too; any other place counts only as part
    /// of the artifacts of the run or logged model that the request names beside it.
    fn source_subject(&self, source: String) -> Result<Subject> {
        if source.contains(['%', '\\', '#', '?']) || source.split('/').any(|s| s == "..") {
            return Err(Refusal::invalid("Invalid model version source: it cannot be read in one way."));
        }
        let optional = |name| -> Result<Option<String>> { Ok(self.parameter(name, false)?.pop()) };
        let first = |rest: &str| rest.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
        if let Some(rest) = source.strip_prefix("runs:") {
            return Ok(Subject::Run(first(rest)));
        }
        if let Some(rest) = source.strip_prefix("models:") {
            let path = rest.trim_start_matches('/');
            return Ok(match path.split_once('/') {
                Some((name, _)) => Subject::Known(Resource::registered_model(name)),
                None => match path.split_once('@') {
                    Some((name, _)) => Subject::Known(Resource::registered_model(name)),
                    None => Subject::LoggedModel(path.to_owned()),
                },
            });
        }
        if let Some(rest) = source.strip_prefix("mlflow-artifacts:/")
            && !rest.starts_with('/')
        {
            return artifact_subject(rest);
        }
        Ok(Subject::Location { source, run: optional("run_id")?, logged_model: optional("model_id")? })
    }

    /// The query that goes to the origin: none where the origin reads the body.
    pub fn forwarded_query(&self) -> String {
        match self.payload {
            Payload::Json(..) => String::new(),
            _ => self.query.encode(),
        }
    }
}

/// A capability on something.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What is to be done.
    pub capability: crate::access::Capability,
    /// To what.
    pub subject: Subject,
}

/// What a request is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A resource that can be looked at right away.
    Known(Resource),
    /// The experiment of this name, whose id only the origin knows.
    ExperimentByName(String),
    /// The experiment of this run.
    Run(String),
    /// The experiment of this logged model.
    LoggedModel(String),
    /// A place that must lie within the artifacts of the run or logged model.
    Location {
        /// The URI.
        source: String,
        /// The run that the request names.
        run: Option<String>,
        /// The logged model that the request names.
        logged_model: Option<String>,
    },
    /// Nothing that a grant could be about: for administrators.
    Nothing(String),
}

/// The experiment that a path of the proxied artifact store belongs to.
fn artifact_subject(path: &str) -> Result<Subject> {
    let path = path::canonical_artifact(path).map_err(|e| Refusal::invalid(format!("Invalid artifact path: {e}.")))?;
    let first = path.split('/').next().unwrap_or_default();
    let digits = !first.is_empty() && first.bytes().all(|b| b.is_ascii_digit());
    if digits {
        Ok(Subject::Known(Resource::experiment(first)?))
    } else {
        Ok(Subject::Nothing(format!("artifact path '{path}' belongs to no experiment")))
    }
}

fn conflict(parameter: &str) -> Refusal {
    Refusal::invalid(format!("Conflicting values for parameter '{parameter}'."))
}

fn too_large(error: StreamError) -> Refusal {
    match error {
        StreamError::TooLarge(limit) => {
            Refusal::mlflow(Code::RequestTooLarge, format!("The request body is longer than {limit} bytes."))
        }
        StreamError::Broken(_) => Refusal::invalid("The request body broke off."),
    }
}

/// Values at a path such as `metrics[].model_id`.
fn body_values(json: &Json, name: &str, many: bool) -> Result<Vec<String>> {
    if let Some((list, rest)) = name.split_once("[].") {
        let items = json.field(list).map_or(Ok(&[][..]), |v| v.list().ok_or_else(|| wrong_type(list)))?;
        return items.iter().filter_map(|item| item.field(rest)).map(|value| scalar(value, rest)).collect();
    }
    let values = match json.field(name) {
        None => Vec::new(),
        Some(Json::List(items)) if many => items.iter().map(|i| scalar(i, name)).collect::<Result<_>>()?,
        Some(value) => vec![scalar(value, name)?],
    };
    Ok(values.into_iter().filter(|value| !value.is_empty()).collect())
}

/// An id as text: a string, or an integer as old clients send it.
fn scalar(value: &Json, name: &str) -> Result<String> {
    match value {
        Json::Text(text) => Ok(text.clone()),
        Json::Number(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(digits.clone()),
        _ => Err(wrong_type(name)),
    }
}

fn wrong_type(name: &str) -> Refusal {
    Refusal::invalid(format!("Invalid value for parameter '{name}': a string is expected."))
}

fn read_json<S>(bytes: Vec<u8>, method: Method, content_type: Option<&str>, ours: bool) -> Result<Payload<S>> {
    let is_json = content_type.is_some_and(is_json_type);
    if (ours && !is_json) || (!bytes.is_empty() && !is_json && method != Method::Delete) {
        return Ok(Payload::Json(bytes, Err(Unreadable::WrongType)));
    }
    if bytes.is_empty() && !ours {
        return Ok(Payload::Json(bytes, Ok(Json::Object(Vec::new()))));
    }
    let unreadable = |bytes, error: &dyn std::fmt::Display| {
        if ours {
            return Ok(Payload::Json(bytes, Err(Unreadable::NotAnObject)));
        }
        Err(Refusal::invalid(format!("The request body is not a JSON object that can be read in one way: {error}.")))
    };
    let (bytes, json) = match Json::parse(&bytes) {
        // Clients before MLflow 1.0 encoded the body twice; the origin decodes it twice.
        Ok(Json::Text(inner)) => {
            let inner = inner.into_bytes();
            let json = Json::parse(&inner);
            (inner, json)
        }
        json => (bytes, json),
    };
    match json {
        Ok(json @ Json::Object(_)) => match json.two_spellings().filter(|_| !ours) {
            None => Ok(Payload::Json(bytes, Ok(json))),
            Some(name) => {
                Err(Refusal::invalid(format!("Request specifies '{name}' in two spellings; provide only one of them.")))
            }
        },
        Ok(Json::Null) if !ours => Ok(Payload::Json(bytes, Ok(Json::Object(Vec::new())))),
        Ok(_) => unreadable(bytes, &"another value"),
        Err(error) => unreadable(bytes, &error),
    }
}

/// As werkzeug's `is_json`: `application/json` or `application/…+json`, parameters aside.
fn is_json_type(value: &str) -> bool {
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn has_body(headers: &Headers) -> bool {
    headers.get("content-length").is_some_and(|length| length.trim() != "0")
        || headers.get("transfer-encoding").is_some()
}

/// Path and query of an absolute URL, both raw.
fn split_url(url: &str) -> Result<(&str, &str)> {
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
        return Err(Refusal::mlflow(Code::PermissionDenied, "Cross-origin request blocked."));
    }
    Ok(())
}
