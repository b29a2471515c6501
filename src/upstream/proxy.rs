//! The proxy sends what was decided on, and only with a permit.

use std::cell::RefCell;

use super::{Answer, Origin, OriginRequest, bad_upstream_response, collect, headers, is_about_the_request, rewritten};
use crate::authz::{Caller, Permit};
use crate::config::Config;
use crate::error::Result;
use crate::http::{Body, Headers, Method, Response};
use crate::json::Json;
use crate::request::path::encode;
use crate::request::{Call, Payload, origin_of};
use crate::routes::Route;

/// Fields by which a client asks for a part of an answer, or for none (RFC 9110, 13.1 and 14.2). Of an answer that is
/// decided on, the gate needs the whole.
const CONDITIONAL: &[&str] =
    &["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

/// The way to the origin, for one request.
pub struct Proxy<'a, O: Origin> {
    /// The MLflow server.
    pub origin: &'a O,
    /// The operator's configuration.
    pub config: &'a Config,
    prefetched: RefCell<Option<Prefetched<O::Stream>>>,
}

/// A request that is on its way, in the name of this user.
struct Prefetched<S> {
    username: String,
    answer: Answer<S>,
}

impl<'a, O: Origin> Proxy<'a, O> {
    /// Nothing is on its way.
    pub fn new(origin: &'a O, config: &'a Config) -> Self {
        Self { origin, config, prefetched: RefCell::new(None) }
    }

    /// Sends what is permitted to the origin, unless it is on its way already. The body is given away.
    pub async fn forward(&self, permit: &Permit, call: &mut Call<O::Stream>) -> Result<Response<O::Stream>> {
        if !permit.is_administrators() {
            call.check_read()?;
        }
        self.send(permit.username(), call).await
    }

    /// Asks for an answer that nobody has a permit for yet, since only the answer tells whether the caller may have it.
    pub async fn withhold(&self, caller: &Caller, call: &mut Call<O::Stream>) -> Result<Withheld<O::Stream>> {
        if !caller.is_admin {
            call.check_read()?;
        }
        self.send(Some(&caller.username), call).await.map(Withheld::new)
    }

    /// Sends a read before it is decided. The answer waits for the permit.
    pub fn start_prefetch(&self, caller: &Caller, call: &mut Call<O::Stream>) {
        let username = caller.username.clone();
        let answer = self.origin.send(self.outgoing(call, Some(&username)));
        self.prefetched.replace(Some(Prefetched { username, answer }));
    }

    /// Asks a question of the gate's own.
    pub async fn ask(
        &self,
        method: Method,
        target: impl Into<String>,
        body: Option<Json>,
        username: Option<&str>,
    ) -> Result<Response<O::Stream>> {
        let incoming = body.as_ref().map(|_| ("Content-Type", "application/json"));
        let incoming: Headers = incoming.into_iter().collect();
        let headers = headers::to_origin(&incoming, self.config, username);
        let body = body.map_or(Body::Empty, |body| Body::Bytes(body.compact().into_bytes()));
        Ok(self.origin.send(OriginRequest { method, target: target.into(), headers, body }).await?)
    }

    async fn send(&self, username: Option<&str>, call: &mut Call<O::Stream>) -> Result<Response<O::Stream>> {
        let prefetched = self.prefetched.take().filter(|prefetched| Some(prefetched.username.as_str()) == username);
        let answer = match prefetched {
            Some(prefetched) => prefetched.answer,
            None => self.origin.send(self.outgoing(call, username)),
        };
        let mut response = answer.await?;
        response.headers = headers::to_client(&response.headers, self.config, origin_of(&call.url));
        Ok(response)
    }

    /// The request as the origin gets it, in the name of this user.
    pub fn outgoing(&self, call: &mut Call<O::Stream>, username: Option<&str>) -> OriginRequest<O::Stream> {
        let target = format!("{}{}", encode(&call.path), call.forwarded_query());
        let has_json = call.has_json();
        let body = match std::mem::replace(&mut call.payload, Payload::None) {
            Payload::None => Body::Empty,
            Payload::Stream(stream) => Body::Stream(stream),
            Payload::Held(bytes) => Body::Bytes(bytes),
            Payload::Json(bytes, json) => {
                call.payload = Payload::Json(Vec::new(), json); // who sends it again writes it again
                Body::Bytes(bytes)
            }
        };
        let mut headers = headers::to_origin(&call.headers, self.config, username);
        if matches!(body, Body::Bytes(_)) {
            headers.remove("Content-Length");
        }
        if has_json {
            headers.set("Content-Type", "application/json");
            headers.remove("Content-Encoding");
        }
        if call.has_spans() {
            headers.set("Content-Type", call.content_type.as_deref().unwrap_or_default());
            headers.remove("Content-Encoding");
        }
        if call.row.is_some_and(Route::reads_answer) {
            CONDITIONAL.iter().for_each(|name| headers.remove(name));
        }
        OriginRequest { method: call.method, target, headers, body }
    }
}

/// An answer of the origin that is read, and that leaves only with a permit.
pub struct Withheld<S>(Response<S>);

impl<S: crate::http::ByteStream> Withheld<S> {
    /// Holds an answer back, whether or not there is a permit.
    pub fn new(response: Response<S>) -> Self {
        Self(response)
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Reads the whole body, up to [`super::ANSWER_LIMIT`].
    pub async fn read(&mut self) -> Result<Vec<u8>> {
        collect(self.take_body()).await
    }

    /// Reads the whole body; `None` if it is longer than `limit`.
    pub async fn read_within(&mut self, limit: usize) -> Result<Option<Vec<u8>>> {
        super::collect_within(self.take_body(), limit).await
    }

    fn take_body(&mut self) -> Body<S> {
        std::mem::replace(&mut self.0.body, Body::Empty)
    }

    /// The header fields, for an answer that is written anew.
    pub fn into_headers(self) -> Headers {
        let mut headers = self.0.headers;
        rewritten(&mut headers);
        headers
    }

    /// The answer as it came, for who may have it.
    pub fn release(self, _permit: &Permit) -> Response<S> {
        self.0
    }

    /// The answer with this body, which was read or made of what was read.
    pub fn release_with(self, _permit: &Permit, body: Vec<u8>) -> Response<S> {
        let status = self.0.status;
        Response { status, headers: self.into_headers(), body: Body::Bytes(body) }
    }

    /// A rejection of the origin whose words are about the request alone; any other status cannot be used.
    pub fn into_rejection(self, what: &str) -> Result<Response<S>> {
        let status = self.0.status;
        if is_about_the_request(status) {
            return Ok(self.0);
        }
        Err(bad_upstream_response(format!("{what} was answered with status {status}")))
    }
}
