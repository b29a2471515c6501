//! `fetch`, and the messages of the runtime.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, ready, select};
use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ReadableStreamDefaultReader, RequestRedirect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Cache, Context};

use super::{Answer, Origin, OriginError, OriginRequest, edge_cache};
use crate::http::{Body, ByteStream, Headers, Method, Response, StreamError};
use crate::request::path::percent_encode;
use crate::worker_js::{self, told};

/// A `ReadableStream` of the runtime. Handed over, no byte of it passes through wasm.
pub struct JsStream {
    stream: web_sys::ReadableStream,
    /// How many bytes it has, where the message says so and nothing is unpacked on the way.
    length: Option<usize>,
    /// The answer whose body it is, with its header fields as they came.
    answer: Option<(web_sys::Response, Headers)>,
}

impl JsStream {
    fn new(stream: web_sys::ReadableStream, headers: &Headers) -> Self {
        let is_packed = headers.get("content-encoding").is_some();
        let length = headers.get("content-length").filter(|_| !is_packed).and_then(|length| length.parse().ok());
        Self { stream, length, answer: None }
    }

    /// The answer whose body it is, if that would go out as it came.
    fn unchanged(&self, status: u16, headers: &Headers) -> Option<web_sys::Response> {
        let (answer, came) = self.answer.as_ref()?;
        (came == headers && answer.status() == status).then(|| Clone::clone(answer))
    }

    /// Two streams of the same bytes.
    pub fn split(self) -> (Self, Self) {
        let branches = self.stream.tee();
        let branch = |n| Self { stream: branches.get(n).unchecked_into(), length: self.length, answer: None };
        (branch(0), branch(1))
    }

    /// All of it at once: one call, one copy.
    async fn whole(self) -> Result<Vec<u8>, JsValue> {
        let response = web_sys::Response::new_with_opt_readable_stream(Some(&self.stream))?;
        Ok(Uint8Array::new(&JsFuture::from(response.array_buffer()?).await?).to_vec())
    }

    /// Chunk by chunk; `None` if there are more bytes than the limit allows.
    async fn counted(self, limit: usize) -> Result<Option<Vec<u8>>, JsValue> {
        let reader: ReadableStreamDefaultReader = self.stream.get_reader().unchecked_into();
        let mut bytes = Vec::new();
        loop {
            let read = JsFuture::from(reader.read()).await?;
            if Reflect::get(&read, &"done".into())?.is_truthy() {
                return Ok(Some(bytes));
            }
            let chunk: Uint8Array = Reflect::get(&read, &"value".into())?.unchecked_into();
            if bytes.len() + chunk.length() as usize > limit {
                return Ok(None);
            }
            bytes.extend(chunk.to_vec());
        }
    }
}

impl ByteStream for JsStream {
    async fn collect(self, limit: usize) -> Result<Vec<u8>, StreamError> {
        let bytes = match self.length {
            Some(length) if length > limit => Ok(None),
            Some(_) => self.whole().await.map(Some),
            None => self.counted(limit).await,
        };
        bytes.map_err(|error| StreamError::Broken(told(&error)))?.ok_or(StreamError::TooLarge(limit))
    }
}

/// The origin by its address.
pub struct FetchOrigin<'a> {
    /// Scheme and host, maybe with a path; no slash at the end.
    pub base: &'a str,
    /// How long an answer may take to begin; an upload that streams has no bound here.
    pub timeout_seconds: u32,
    /// The fields of the client's request, in the runtime's form and in ours.
    pub client_fields: (web_sys::Headers, Headers),
    /// Lets work go on after the answer.
    pub context: &'a Context,
}

impl Origin for FetchOrigin<'_> {
    type Stream = JsStream;

    fn send(&self, request: OriginRequest<JsStream>) -> Answer<JsStream> {
        let timeout = if matches!(request.body, Body::Stream(_)) { None } else { Some(self.timeout_seconds) };
        match self.fetch(request) {
            Ok(promise) => answer(promise, timeout).boxed_local(),
            Err(error) => ready(Err(unreachable(&error))).boxed_local(),
        }
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
    fn fetch(&self, request: OriginRequest<JsStream>) -> Result<Promise, JsValue> {
        let init = web_sys::RequestInit::new();
        init.set_method(request.method.as_str());
        init.set_redirect(RequestRedirect::Manual);
        init.set_headers(&self.fields(&request.headers)?);
        match request.body {
            Body::Empty => {}
            Body::Bytes(bytes) => init.set_body(&Uint8Array::from(bytes.as_slice())),
            Body::Stream(stream) => init.set_body(&stream.stream),
        }
        let global: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
        Ok(global.fetch_with_str_and_init(&format!("{}{}", self.base, request.target), &init))
    }

    /// These fields in the runtime's form. Where they are the client's but for a few, a copy of the client's in which
    /// those few are changed is made faster than all are written.
    fn fields(&self, wanted: &Headers) -> Result<JsValue, JsValue> {
        let (runtimes, ours) = &self.client_fields;
        let gone: Vec<&str> = ours.iter().map(|(name, _)| name).filter(|name| wanted.get(name).is_none()).collect();
        let new: Vec<(&str, &str)> = wanted.iter().filter(|(name, value)| ours.get(name) != Some(*value)).collect();
        if wanted.has_twice() || new.len() * 2 > wanted.len() {
            return worker_js::write(wanted);
        }
        let copy = web_sys::Headers::new_with_headers(runtimes)?;
        gone.into_iter().try_for_each(|name| copy.delete(name))?;
        new.into_iter().try_for_each(|(name, value)| copy.set(name, value))?;
        Ok(copy.into())
    }

    /// An address that nobody can ask for, with the origin in it: two gates may share a zone.
    fn cache_key(&self, key: &str) -> String {
        format!("https://parents.invalid/{}/{key}", percent_encode(self.base, ""))
    }
}

/// What is left of a fetch that took too long ends with the request.
async fn answer(promise: Promise, timeout_seconds: Option<u32>) -> Result<Response<JsStream>, OriginError> {
    let fetched = JsFuture::from(promise);
    let fetched = match timeout_seconds {
        None => fetched.await,
        Some(seconds) => {
            let timer = pin!(worker::Delay::from(Duration::from_secs(seconds.into())));
            match select(fetched, timer).await {
                Either::Left((fetched, _)) => fetched,
                Either::Right(_) => return Err(OriginError::Timeout(seconds)),
            }
        }
    };
    let response = fetched.map_err(|error| unreachable(&error))?.unchecked_into();
    read(&response).map_err(|error| unreachable(&error))
}

/// An answer of the runtime's, its body unread.
pub fn read(response: &web_sys::Response) -> Result<Response<JsStream>, JsValue> {
    let headers = from_js(&response.headers())?;
    let body = response.body().map_or(Body::Empty, |stream| {
        let answer = Some((Clone::clone(response), headers.clone()));
        Body::Stream(JsStream { answer, ..JsStream::new(stream, &headers) })
    });
    Ok(Response { status: response.status(), headers, body })
}

fn unreachable(error: &JsValue) -> OriginError {
    OriginError::Unreachable(told(error))
}

/// The request as the gate sees it, but for the certificate.
pub fn request(request: &web_sys::Request) -> Result<crate::http::Request<JsStream>, JsValue> {
    let headers = from_js(&request.headers())?;
    Ok(crate::http::Request {
        method: Method::parse(&request.method()),
        url: request.url(),
        body: request.body().map(|stream| JsStream::new(stream, &headers)),
        headers,
        client_certificate: None,
    })
}

/// The answer as the runtime wants it: the origin's own object, if nothing of it was changed.
pub fn response(response: Response<JsStream>) -> Result<web_sys::Response, JsValue> {
    if let Body::Stream(stream) = &response.body
        && let Some(unchanged) = stream.unchanged(response.status, &response.headers)
    {
        return Ok(unchanged);
    }
    let init = web_sys::ResponseInit::new();
    init.set_status(response.status);
    init.set_headers(&worker_js::write(&response.headers)?);
    match response.body {
        Body::Bytes(bytes) if !bytes.is_empty() => {
            let bytes = Uint8Array::from(bytes.as_slice());
            web_sys::Response::new_with_opt_buffer_source_and_init(Some(&bytes), &init)
        }
        Body::Stream(JsStream { stream, .. }) => {
            web_sys::Response::new_with_opt_readable_stream_and_init(Some(&stream), &init)
        }
        _ => web_sys::Response::new_with_opt_str_and_init(None, &init),
    }
}

fn from_js(headers: &web_sys::Headers) -> Result<Headers, JsValue> {
    worker_js::read(&Array::from(headers))
}
