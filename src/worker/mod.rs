//! The Worker's entry: wires D1, fetch, the clock and randomness, and calls the gate.

mod d1;
mod edge_cache;
mod fetch;
mod js;
mod platform;
mod scrypt;
mod web_crypto;

use std::cell::OnceCell;
use std::rc::Rc;

use serde_json::json;
use worker::{
    AnalyticsEngineDataPointBuilder, AnalyticsEngineDataset, Context, Env, Result, WorkerVersionMetadata,
    console_error, console_log, event,
};

use self::d1::D1;
use self::fetch::{FetchOrigin, JsStream};
use self::platform::{WorkerPlatform, client_certificate};
use crate::accounts::Accounts;
use crate::accounts::replicas::Replicated;
use crate::config::Config;
use crate::error::{Code, Rejection};
use crate::gate::Gate;
use crate::http::Response;
use crate::observe::Exchange;
use crate::state::IsolateState;

/// The version of a Worker that the platform does not tell.
const VERSION: &str = env!("CARGO_PKG_VERSION");

thread_local! {
    static CONFIG: OnceCell<Rc<std::result::Result<Config, String>>> = const { OnceCell::new() };
    static METRICS: OnceCell<Option<AnalyticsEngineDataset>> = const { OnceCell::new() };
    static STATE: OnceCell<Rc<IsolateState>> = const { OnceCell::new() };
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
    let variable = |name: &str| env.var(name).ok().map(|value| value.to_string());
    let config = CONFIG.with(|cell| cell.get_or_init(|| Rc::new(Config::parse(variable))).clone());
    let response = match config.as_ref() {
        Ok(config) => match state() {
            Some(state) => answer(request, &env, &context, config, &state).await?,
            None => misconfigured("the platform gives no randomness"),
        },
        Err(problem) => misconfigured(problem),
    };
    Ok(fetch::response(response)?)
}

async fn answer(
    request: web_sys::Request,
    env: &Env,
    context: &Context,
    config: &Config,
    state: &IsolateState,
) -> Result<Response<JsStream>> {
    let mut incoming = fetch::request(&request)?;
    incoming.client_certificate = config.trust_client_cert.and_then(|_| client_certificate(&request));
    let platform = WorkerPlatform(env);
    let replica = config.d1_read_replicas.then_some(D1 { env, at_replica: true });
    let gate = Gate {
        config,
        platform: &platform,
        accounts: Accounts(Replicated::new(D1 { env, at_replica: false }, replica)),
        origin: FetchOrigin {
            base: &config.origin,
            timeout_seconds: config.origin_timeout_seconds,
            client_fields: (request.headers(), incoming.headers.clone()),
            context,
        },
        state,
        now: clock() / 1000,
        clock,
        random,
    };
    Ok(gate.handle(incoming, |exchange| log(exchange, config, env)).await)
}

/// The dataset that the operator has bound, looked for once.
fn metrics(env: &Env) -> Option<AnalyticsEngineDataset> {
    METRICS.with(|cell| cell.get_or_init(|| env.analytics_engine("METRICS").ok()).clone())
}

/// The version of the Worker, as the platform tells it; that of the crate if it does not.
fn version(env: &Env) -> String {
    let version = env.get_binding::<WorkerVersionMetadata>("CF_VERSION_METADATA");
    version.map_or_else(|_| VERSION.to_owned(), |version| version.id())
}

/// Milliseconds since 1970. The runtime's clock goes on only while something is waited for.
fn clock() -> u64 {
    js_sys::Date::now() as u64
}

/// A rejection is daily business; a failure of ours or of the origin's is an error.
fn log(exchange: &Exchange, config: &Config, env: &Env) {
    if let Some(metrics) = metrics(env) {
        let (texts, numbers) = exchange.point();
        let route = if exchange.pattern().is_empty() { "none" } else { exchange.pattern() };
        let point = AnalyticsEngineDataPointBuilder::new().indexes([route]).blobs(texts).doubles(numbers).build();
        // a point that is lost changes nothing for anybody
        let _ = metrics.write_data_point(&point);
    }
    match exchange.line(config.log_requests, || version(env)) {
        Some(line) if exchange.decision() == "failed" => console_error!("{line}"),
        Some(line) => console_log!("{line}"),
        None => {}
    }
}

fn state() -> Option<Rc<IsolateState>> {
    STATE.with(|cell| {
        if cell.get().is_none() {
            let mut key = [0; 32];
            if !random(&mut key) {
                return None;
            }
            let _ = cell.set(Rc::new(IsolateState::new(key)));
        }
        cell.get().cloned()
    })
}

fn random(buffer: &mut [u8]) -> bool {
    getrandom::fill(buffer).is_ok()
}

/// Closed, with a sentence for the operator.
fn misconfigured(problem: &str) -> Response<JsStream> {
    console_error!("{}", json!({ "decision": "failed", "status": 503, "reason": problem }));
    let message = format!("The gate is not configured: {problem}");
    Rejection::mlflow(Code::TemporarilyUnavailable, message).into_parts().0
}
