//! The Worker's entry: wires D1, fetch, the clock and randomness, and calls the gate.

use std::cell::OnceCell;
use std::rc::Rc;

use worker::{Context, Env, Result, console_error, console_log, event};

use crate::config::Config;
use crate::directory::{Directory, d1::D1};
use crate::error::{Code, Refusal};
use crate::gate::Gate;
use crate::http::{Body, Method, Request, Response};
use crate::isolate::Isolate;
use crate::origin::fetch::{FetchOrigin, JsStream, body_of, from_js, to_js};
use crate::worker_edge::{WorkerEdge, client_certificate};

thread_local! {
    static CONFIG: OnceCell<Rc<std::result::Result<Config, String>>> = const { OnceCell::new() };
    static ISOLATE: OnceCell<Rc<Isolate>> = const { OnceCell::new() };
}

#[event(fetch)]
async fn fetch(request: worker::Request, env: Env, context: Context) -> Result<worker::Response> {
    let variable = |name: &str| env.var(name).ok().map(|value| value.to_string());
    let config = CONFIG.with(|cell| cell.get_or_init(|| Rc::new(Config::parse(variable))).clone());
    to_runtime(match config.as_ref() {
        Ok(config) => match isolate() {
            Some(isolate) => answer(request, &env, &context, config, &isolate).await?,
            None => misconfigured("the platform gives no randomness"),
        },
        Err(problem) => misconfigured(problem),
    })
}

async fn answer(
    request: worker::Request,
    env: &Env,
    context: &Context,
    config: &Config,
    isolate: &Isolate,
) -> Result<Response<JsStream>> {
    let edge = WorkerEdge(env);
    let gate = Gate {
        config,
        edge: &edge,
        directory: Directory(D1(env.d1("DB")?)),
        origin: FetchOrigin { base: &config.origin, timeout_seconds: config.origin_timeout_seconds, context },
        isolate,
        now: worker::Date::now().as_millis() / 1000,
        random,
    };
    let incoming = Request {
        method: Method::parse(&request.inner().method()),
        url: request.inner().url(),
        headers: from_js(request.headers()),
        body: body_of(&request),
        client_certificate: config.trust_client_cert.and_then(|_| client_certificate(&request)),
    };
    Ok(gate.handle(incoming, log).await)
}

/// A refusal is daily business; a failure of ours or of the origin's is an error.
fn log(status: u16, because: &str) {
    if status < 500 {
        console_log!("refused with {status}: {because}");
    } else {
        console_error!("refused with {status}: {because}");
    }
}

fn isolate() -> Option<Rc<Isolate>> {
    ISOLATE.with(|cell| {
        if cell.get().is_none() {
            let mut key = [0; 32];
            if !random(&mut key) {
                return None;
            }
            let _ = cell.set(Rc::new(Isolate::new(key)));
        }
        cell.get().cloned()
    })
}

fn random(buffer: &mut [u8]) -> bool {
    getrandom::fill(buffer).is_ok()
}

/// Closed, with a sentence for the operator.
fn misconfigured(problem: &str) -> Response<JsStream> {
    console_error!("refused with 503: {problem}");
    Refusal::mlflow(Code::TemporarilyUnavailable, format!("The gate is not configured: {problem}")).into_response()
}

fn to_runtime(response: Response<JsStream>) -> Result<worker::Response> {
    let builder = worker::Response::builder().with_status(response.status).with_headers(to_js(&response.headers)?);
    Ok(match response.body {
        Body::Bytes(bytes) if !bytes.is_empty() => builder.fixed(bytes),
        Body::Stream(JsStream(stream)) => builder.stream(stream),
        _ => builder.empty(),
    })
}
