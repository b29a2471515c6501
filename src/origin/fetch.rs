//! `fetch`, and the streams of the runtime.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{AbortController, Cache, Context, Fetch, RequestInit, RequestRedirect, ResponseBody};

use super::{Origin, OriginError, OriginRequest, edge_cache};
use crate::http::{Body, ByteStream, Headers, Method, Response, StreamError};
use crate::request::path::percent_encode;

/// A `ReadableStream` of the runtime. Handed over, no byte of it passes through wasm.
pub struct JsStream(pub web_sys::ReadableStream);

impl ByteStream for JsStream {
    async fn collect(self, limit: usize) -> Result<Vec<u8>, StreamError> {
        let broken = |error: worker::Error| StreamError::Broken(error.to_string());
        let response = web_sys::Response::new_with_opt_readable_stream(Some(&self.0))
            .map_err(|error| StreamError::Broken(format!("{error:?}")))?;
        let mut chunks = worker::Response::from(response).stream().map_err(broken)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(broken)?;
            if bytes.len() + chunk.len() > limit {
                return Err(StreamError::TooLarge(limit));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

/// The origin by its address.
pub struct FetchOrigin<'a> {
    /// Scheme and host, maybe with a path; no slash at the end.
    pub base: &'a str,
    /// How long an answer may take to begin; an upload that streams has no bound here.
    pub timeout_seconds: u32,
    /// Lets work go on after the answer.
    pub context: &'a Context,
}

impl Origin for FetchOrigin<'_> {
    type Stream = JsStream;

    async fn send(&self, request: OriginRequest<JsStream>) -> Result<Response<JsStream>, OriginError> {
        let unreachable = |error: worker::Error| OriginError::Unreachable(error.to_string());
        let streams = matches!(request.body, Body::Stream(_));
        let mut init = RequestInit::new();
        init.with_method(method(request.method)).with_redirect(RequestRedirect::Manual);
        init.with_headers(to_js(&request.headers).map_err(unreachable)?);
        match request.body {
            Body::Empty => {}
            Body::Bytes(bytes) => {
                init.with_body(Some(js_sys::Uint8Array::from(bytes.as_slice()).into()));
            }
            Body::Stream(stream) => {
                init.with_body(Some(JsValue::from(stream.0)));
            }
        }
        let url = format!("{}{}", self.base, request.target);
        let outgoing = worker::Request::new_with_init(&url, &init).map_err(unreachable)?;
        let abort = AbortController::default();
        let signal = abort.signal();
        let fetch = Fetch::Request(outgoing);
        let answer = pin!(fetch.send_with_signal(&signal));
        let answer = if streams {
            answer.await
        } else {
            let timer = pin!(worker::Delay::from(Duration::from_secs(self.timeout_seconds.into())));
            match select(answer, timer).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => {
                    abort.abort();
                    return Err(OriginError::Timeout(self.timeout_seconds));
                }
            }
        };
        Ok(answer_of(answer.map_err(unreachable)?))
    }

    async fn recall(&self, key: &str) -> Option<Vec<u8>> {
        let found = Cache::open(CACHE.to_owned()).await.get(self.cache_key(key), true).await;
        found.ok()??.bytes().await.ok()
    }

    async fn remember(&self, key: &str, fact: Vec<u8>) {
        let kept = worker::Response::builder().with_header("Cache-Control", "max-age=31536000");
        if let Ok(kept) = kept {
            // a cache that does not take it only costs the next look-up
            let _ = Cache::open(CACHE.to_owned()).await.put(self.cache_key(key), kept.fixed(fact)).await;
        }
    }

    async fn kept(&self, key: &str, conditions: &Headers) -> Option<Response<JsStream>> {
        edge_cache::get(&edge_cache::address(self.base, key), conditions).await.ok()?
    }

    fn keep(&self, key: &str, answer: Response<JsStream>) -> Response<JsStream> {
        edge_cache::put(self.context, edge_cache::address(self.base, key), answer)
    }
}

/// A cache of the data centre's that holds nothing else.
const CACHE: &str = "mlflow-edge-auth-parents";

impl FetchOrigin<'_> {
    /// An address that nobody can ask for, with the origin in it: two gates may share a zone.
    fn cache_key(&self, key: &str) -> String {
        format!("https://parents.invalid/{}/{key}", percent_encode(self.base, ""))
    }
}

/// An answer of the runtime's, its body unread.
pub fn answer_of(answer: worker::Response) -> Response<JsStream> {
    let (head, body) = answer.into_parts();
    let head = head.empty();
    let headers = from_js(head.headers());
    let body = match body {
        ResponseBody::Empty => Body::Empty,
        ResponseBody::Body(bytes) => Body::Bytes(bytes),
        ResponseBody::Stream(stream) => Body::Stream(JsStream(stream)),
    };
    Response { status: head.status_code(), headers, body }
}

fn method(method: Method) -> worker::Method {
    match method {
        Method::Get | Method::Other => worker::Method::Get,
        Method::Head => worker::Method::Head,
        Method::Post => worker::Method::Post,
        Method::Put => worker::Method::Put,
        Method::Patch => worker::Method::Patch,
        Method::Delete => worker::Method::Delete,
        Method::Options => worker::Method::Options,
    }
}

/// Header fields into the runtime's form.
pub fn to_js(headers: &Headers) -> worker::Result<worker::Headers> {
    let js = worker::Headers::new();
    for (name, value) in headers.iter() {
        js.append(name, value)?;
    }
    Ok(js)
}

/// Header fields out of the runtime's form.
pub fn from_js(js: &worker::Headers) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in js.entries() {
        headers.append(name, value);
    }
    headers
}

/// The body of an incoming request, unread.
pub fn body_of(request: &worker::Request) -> Option<JsStream> {
    request.inner().body().map(|stream| JsStream(stream.unchecked_into()))
}
