//! Values between JavaScript and wasm.
//!
//! Each call over this border costs about as much as copying a hundred bytes: what is many, such as header fields or
//! rows, crosses as one text of JSON, which both sides read and write fast.

use js_sys::JSON;
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::wasm_bindgen::{JsCast, JsValue};

/// A value out of JavaScript. One that does not fit `T` is an error.
pub fn read<T: DeserializeOwned>(value: &JsValue) -> Result<T, JsValue> {
    let text: String = JSON::stringify(value)?.into();
    serde_json::from_str(&text).map_err(|error| JsValue::from(error.to_string()))
}

/// A value for JavaScript.
pub fn write<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    let text = serde_json::to_string(value).map_err(|error| JsValue::from(error.to_string()))?;
    JSON::parse(&text)
}

/// Returns the message of an error.
pub fn told(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => error.as_string().unwrap_or_else(|| format!("{error:?}")),
    }
}
