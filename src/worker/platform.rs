//! The runtime for a sign-in: Access keys by fetch, RSA by WebCrypto, scrypt by Node's
//! crypto, the rate limit by its binding.

use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use js_sys::Reflect;
use worker::wasm_bindgen::JsValue;
use worker::{Env, Fetch, RequestInit, console_error};

use super::scrypt;
use super::web_crypto::WebCrypto;
use crate::authn::access_jwt::{LONGEST_KEYS, Rs256, RsaKey};
use crate::authn::platform::Platform;
use crate::client_certificate::ClientCertificate;
use crate::password::ScryptFn;

/// The binding of the rate limit, if the operator has one.
const RATE_LIMIT: &str = "SIGN_IN_RATE_LIMIT";

/// The runtime.
pub struct WorkerPlatform<'a>(pub &'a Env);

impl Platform for WorkerPlatform<'_> {
    fn access_keys<'a>(&'a self, team_domain: &'a str) -> LocalBoxFuture<'a, Option<Vec<u8>>> {
        async move {
            // a key server of a test is on this machine and has no certificate
            let scheme = if team_domain.starts_with("127.0.0.1:") { "http" } else { "https" };
            let url = format!("{scheme}://{team_domain}/cdn-cgi/access/certs");
            // by the runtime's own URL: the crate's would bring its tables of Unicode into the Worker
            let request = worker::Request::new_with_init(&url, &RequestInit::new()).ok()?;
            let mut answer = match Fetch::Request(request).send().await {
                Ok(answer) if answer.status_code() == 200 => answer,
                Ok(answer) => {
                    console_error!("the keys of the Access team: status {}", answer.status_code());
                    return None;
                }
                Err(error) => {
                    console_error!("the keys of the Access team: {error}");
                    return None;
                }
            };
            let mut document = Vec::new();
            let mut chunks = answer.stream().ok()?;
            while let Some(chunk) = chunks.next().await {
                document.extend(chunk.ok()?);
                if document.len() > LONGEST_KEYS {
                    console_error!("the keys of the Access team: more than {LONGEST_KEYS} bytes");
                    return None;
                }
            }
            Some(document)
        }
        .boxed_local()
    }

    fn verifies<'a>(&'a self, key: &'a RsaKey, signed: &'a [u8], signature: &'a [u8]) -> LocalBoxFuture<'a, bool> {
        async move { WebCrypto.verifies(key, signed, signature).await }.boxed_local()
    }

    fn admits<'a>(&'a self, address: &'a str) -> LocalBoxFuture<'a, bool> {
        async move {
            let Ok(limiter) = self.0.rate_limiter(RATE_LIMIT) else { return true };
            // a shield that fails is no reason to let nobody in: the lock in the directory still stands
            limiter.limit(address.to_owned()).await.map_or(true, |outcome| outcome.success)
        }
        .boxed_local()
    }

    fn scrypt(&self) -> ScryptFn {
        scrypt::scrypt
    }
}

/// The certificate of a client, if Cloudflare asked for one, found it good and does not know it as revoked.
pub fn client_certificate(request: &web_sys::Request) -> Option<ClientCertificate> {
    let get = |object: &JsValue, name: &str| Reflect::get(object, &JsValue::from_str(name)).ok();
    let tls = get(&get(request, "cf")?, "tlsClientAuth")?;
    ClientCertificate::accept(|name| get(&tls, name)?.as_string())
}
