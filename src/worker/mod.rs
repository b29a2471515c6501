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

use worker::{Context, Env, Result, console_error, console_log, event};

use self::d1::D1;
use self::fetch::{FetchOrigin, JsStream};
use self::platform::{WorkerPlatform, client_certificate};
use crate::accounts::Accounts;
use crate::accounts::replicas::Replicated;
use crate::config::Config;
use crate::error::{Code, Rejection};
use crate::gate::Gate;
use crate::http::Response;
use crate::state::IsolateState;

thread_local! {
    static CONFIG: OnceCell<Rc<std::result::Result<Config, String>>> = const { OnceCell::new() };
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
        now: (js_sys::Date::now() / 1000.0) as u64,
        random,
    };
    Ok(gate.handle(incoming, log).await)
}

/// A rejection is daily business; a failure of ours or of the origin's is an error.
fn log(status: u16, reason: &str) {
    if status < 500 {
        console_log!("refused with {status}: {reason}");
    } else {
        console_error!("refused with {status}: {reason}");
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
    console_error!("refused with 503: {problem}");
    Rejection::mlflow(Code::TemporarilyUnavailable, format!("The gate is not configured: {problem}")).into_response()
}
