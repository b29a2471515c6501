//! The least that a Worker in Rust does in front of a server; the body is handed over unread, as ours does it.

use worker::wasm_bindgen::JsValue;
use worker::{Context, Env, Fetch, Request, RequestInit, RequestRedirect, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let url = request.inner().url();
    let target = url.splitn(4, '/').nth(3).unwrap_or_default();
    let mut init = RequestInit::new();
    init.with_method(request.method())
        .with_headers(request.headers().clone())
        .with_redirect(RequestRedirect::Manual)
        .with_body(request.inner().body().map(JsValue::from));
    let origin = env.var("ORIGIN_URL")?.to_string();
    Fetch::Request(Request::new_with_init(&format!("{origin}/{target}"), &init)?).send().await
}
