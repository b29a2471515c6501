//! Whole answers in the cache of the data centre. No byte of a body passes through wasm.

use worker::wasm_bindgen::JsCast;
use worker::{Cache, Context, RequestInit};

use super::fetch::{JsStream, answer_of, to_js};
use crate::http::{Body, Headers, Response};
use crate::request::path::percent_encode;

/// A cache of the data centre's that holds nothing else.
const CACHE: &str = "mlflow-edge-auth-files";

/// An address that nobody can ask for, with the origin in it: two gates may share a zone. `path` is encoded.
pub fn address(base: &str, path: &str) -> String {
    format!("https://files.invalid/{}{path}", percent_encode(base, ""))
}

/// The answer that is kept under an address, or 304 if these conditions say so.
pub async fn get(address: &str, conditions: &Headers) -> worker::Result<Option<Response<JsStream>>> {
    let mut init = RequestInit::new();
    init.with_headers(to_js(conditions)?);
    let question = worker::Request::new_with_init(address, &init)?;
    Ok(Cache::open(CACHE.to_owned()).await.get(&question, true).await?.map(answer_of))
}

/// Gives the answer back, whose body is read twice from now on: by the client, and into the cache, for which the
/// Worker stays when the client has everything.
pub fn put(context: &Context, address: String, mut answer: Response<JsStream>) -> Response<JsStream> {
    let Body::Stream(JsStream(stream)) = &answer.body else { return answer };
    let Ok(headers) = to_js(&answer.headers) else { return answer };
    let branches = stream.tee();
    answer.body = Body::Stream(JsStream(branches.get(0).unchecked_into()));
    let copy = worker::Response::builder().with_headers(headers).stream(branches.get(1).unchecked_into());
    context.wait_until(async move {
        // a cache that does not take it only costs the next question
        let _ = Cache::open(CACHE.to_owned()).await.put(address, copy).await;
    });
    answer
}
