//! `fetch`, and the messages of the runtime.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, ready, select};
use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen_futures::JsFuture;
use web_sys::RequestRedirect;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Cache, Context};

use super::edge_cache;
use super::js::{self, told};
use crate::http::{Body, ByteStream, Headers, Method, Response, StreamError};
use crate::request::MOST_FIELDS;
use crate::request::path::percent_encode;
use crate::upstream::{Answer, Origin, OriginError, OriginRequest};

/// Bytes that are asked for at once of a body whose length is not told; of a longer one as many as have come already.
const PIECE: usize = 64 * 1024;
/// Bytes that are asked for at once, at most, of a body whose length is told, since memory for them is taken before any
/// has come.
const TOLD: usize = 256 * 1024;

/// A `ReadableStream` of the runtime. Handed over, no byte of it passes through wasm.
pub struct JsStream {
    stream: web_sys::ReadableStream,
    /// Length that the message gives: a hint, so that a short body is read in one step.
    length: Option<usize>,
    /// The answer whose body it is, with its header fields as they came.
    answer: Option<(web_sys::Response, Headers)>,
    /// The reader, once somebody reads.
    reader: Option<Reader>,
}

impl JsStream {
    fn new(stream: web_sys::ReadableStream, headers: &Headers) -> Self {
        let length = headers.get("content-length").and_then(|length| length.parse().ok());
        Self { stream, length, answer: None, reader: None }
    }

    /// The answer whose body it is, if that would go out as it came.
    fn unchanged(&self, status: u16, headers: &Headers) -> Option<web_sys::Response> {
        let (answer, came) = self.answer.as_ref()?;
        (came == headers && answer.status() == status).then(|| Clone::clone(answer))
    }

    /// Two streams of the same bytes.
    pub fn split(self) -> (Self, Self) {
        let branches = self.stream.tee();
        let branch =
            |n| Self { stream: branches.get(n).unchecked_into(), length: self.length, answer: None, reader: None };
        (branch(0), branch(1))
    }

    async fn pieces(&mut self, most: usize) -> Result<Vec<u8>, JsValue> {
        // one byte more than is told, which tells the end as well
        let first = self.length.map_or(PIECE, |length| length.saturating_add(1).min(TOLD));
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(Reader::new(&self.stream)?),
        };
        let mut bytes = Vec::new();
        while bytes.len() < most && !reader.has_ended {
            let wanted = first.max(bytes.len()).min(most - bytes.len());
            let piece = reader.read(wanted).await?;
            let start = bytes.len();
            bytes.resize(start + piece.length() as usize, 0);
            piece.copy_to(bytes.get_mut(start..).unwrap_or_default());
        }
        Ok(bytes)
    }
}

impl ByteStream for JsStream {
    async fn read(&mut self, most: usize) -> Result<Vec<u8>, StreamError> {
        self.pieces(most).await.map_err(|error| StreamError::Broken(told(&error)))
    }
}

/// A reader that is given the memory to fill ("BYOB"): never more comes than was asked for. Of workerd it has
/// `readAtLeast`, which fills all of it with one step.
struct Reader {
    reader: Object,
    read_at_least: Function,
    has_ended: bool,
}

impl Reader {
    fn new(stream: &web_sys::ReadableStream) -> Result<Self, JsValue> {
        let mode = Object::new();
        Reflect::set(&mode, &"mode".into(), &"byob".into())?;
        let get_reader: Function = Reflect::get(stream, &"getReader".into())?.dyn_into()?;
        let reader: Object = get_reader.call1(stream, &mode)?.dyn_into()?;
        let read_at_least = Reflect::get(&reader, &"readAtLeast".into())?.dyn_into()?;
        Ok(Self { reader, read_at_least, has_ended: false })
    }

    /// So many bytes, or fewer if the stream ends before.
    async fn read(&mut self, wanted: usize) -> Result<Uint8Array, JsValue> {
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let promise = self.read_at_least.call2(&self.reader, &wanted.into(), &Uint8Array::new_with_length(wanted))?;
        let read = JsFuture::from(promise.dyn_into::<Promise>()?).await?;
        let value = Reflect::get(&read, &"value".into())?;
        let piece = if value.is_undefined() { Uint8Array::new_with_length(0) } else { value.dyn_into()? };
        self.has_ended = Reflect::get(&read, &"done".into())?.is_truthy() || piece.length() < wanted;
        Ok(piece)
    }
}

/// The origin by its address.
pub struct FetchOrigin<'a> {
    /// Scheme and host, maybe with a path; no slash at the end.
    pub base: &'a str,
    /// Seconds that an answer may take to begin; an upload that streams has no bound here.
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

    async fn cached_parent(&self, key: &str) -> Option<Vec<u8>> {
        let found = Cache::open(CACHE.to_owned()).await.get(self.cache_key(key), true).await;
        found.ok()??.bytes().await.ok()
    }

    fn cache_parent(&self, key: &str, fact: Vec<u8>) {
        let address = self.cache_key(key);
        self.context.wait_until(async move {
            let kept = worker::Response::builder().with_header("Cache-Control", "max-age=31536000");
            if let Ok(kept) = kept {
                // a cache that does not take it only costs the next look-up
                let _ = Cache::open(CACHE.to_owned()).await.put(address, kept.fixed(fact)).await;
            }
        });
    }

    async fn cached_response(&self, key: &str, conditions: &Headers) -> Option<Response<JsStream>> {
        edge_cache::get(&edge_cache::address(self.base, key), conditions).await.ok()?
    }

    fn cache_response(&self, key: &str, answer: Response<JsStream>) -> Response<JsStream> {
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
            return js::write(wanted);
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

/// Waits for an answer. The rest of a fetch that took too long ends with the request.
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
    // more fields than a request may have are not carried over: one more is enough for it to be refused
    let most = u32::try_from(MOST_FIELDS + 1).unwrap_or(u32::MAX);
    let headers = js::read(&Array::from(&request.headers()).slice(0, most))?;
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
    init.set_headers(&js::write(&response.headers)?);
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
    js::read(&Array::from(headers))
}
