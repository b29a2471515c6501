//! Whole answers in the cache of the data centre. No byte of a body passes through wasm.

use worker::wasm_bindgen::JsValue;
use worker::{Cache, Context};

use super::fetch::{self, JsStream};
use super::js;
use crate::http::{Body, Headers, Response};
use crate::request::path::percent_encode;

/// A cache of the data centre's that holds nothing else.
const CACHE: &str = "mlflow-edge-auth-files";

/// An address that nobody can ask for, with the origin in it: two gates may share a zone. `path` is encoded.
pub fn address(base: &str, path: &str) -> String {
    format!("https://files.invalid/{}{path}", percent_encode(base, ""))
}

/// The answer that is kept under an address, or 304 if these conditions say so.
pub async fn get(address: &str, conditions: &Headers) -> Result<Option<Response<JsStream>>, JsValue> {
    let init = web_sys::RequestInit::new();
    init.set_headers(&js::write(conditions)?);
    let question: worker::Request = web_sys::Request::new_with_str_and_init(address, &init)?.into();
    let kept = Cache::open(CACHE.to_owned()).await.get(&question, true).await.map_err(JsValue::from)?;
    kept.map(|kept| fetch::read(&web_sys::Response::from(kept))).transpose()
}

/// Gives the answer back, whose body is read twice from now on: by the client, and into the cache, for which the
/// Worker stays when the client has everything.
pub fn put(context: &Context, address: String, answer: Response<JsStream>) -> Response<JsStream> {
    let Response { status, headers, body: Body::Stream(stream) } = answer else { return answer };
    let (ours, theirs) = stream.split();
    let copy = fetch::response(Response { status, headers: headers.clone(), body: Body::Stream(ours) });
    context.wait_until(async move {
        if let Ok(copy) = copy {
            // a cache that does not take it only costs the next question
            let _ = Cache::open(CACHE.to_owned()).await.put(address, copy.into()).await;
        }
    });
    Response { status, headers, body: Body::Stream(theirs) }
}
