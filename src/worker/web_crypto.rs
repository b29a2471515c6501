//! RS256 by the runtime's WebCrypto, so that no RSA is compiled into the Worker.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use js_sys::{Array, JSON};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::authn::access_jwt::{Rs256, RsaKey};

/// W3C's name of the algorithm.
const ALGORITHM: &str = "RSASSA-PKCS1-v1_5";

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"], js_name = importKey)]
    async fn import_key(
        format: &str,
        key: &JsValue,
        algorithm: &JsValue,
        extractable: bool,
        usages: &Array,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(catch, js_namespace = ["crypto", "subtle"])]
    async fn verify(algorithm: &str, key: &JsValue, signature: &[u8], data: &[u8]) -> Result<JsValue, JsValue>;
}

/// `crypto.subtle` (Web Cryptography API, 14.3).
pub struct WebCrypto;

impl Rs256 for WebCrypto {
    async fn verifies(&self, key: &RsaKey, signed: &[u8], signature: &[u8]) -> bool {
        // both arrays are copied by the platform before its promise is made
        match import(key).await {
            Ok(key) => verify(ALGORITHM, &key, signature, signed).await.is_ok_and(|good| good.is_truthy()),
            Err(_) => false,
        }
    }
}

async fn import(key: &RsaKey) -> Result<JsValue, JsValue> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = serde_json::json!({ "kty": "RSA", "alg": "RS256", "n": text(&key.n), "e": text(&key.e) });
    let algorithm = serde_json::json!({ "name": ALGORITHM, "hash": "SHA-256" });
    let (jwk, algorithm) = (JSON::parse(&jwk.to_string())?, JSON::parse(&algorithm.to_string())?);
    import_key("jwk", &jwk, &algorithm, false, &Array::of1(&"verify".into())).await
}
