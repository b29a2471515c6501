//! Users and permissions in front of an MLflow tracking server: a serverless edge authorizer.
//!
//! The way of a request, which is also the order of the modules:
//!
//! ```text
//! bytes ─▶ request ─▶ identity ─▶ routes ─▶ access ─▶ ┬▶ api      answered here
//!          canonical   who?        what does  allowed?  └▶ origin ─▶ settle, filter ─▶ bytes
//!          form                    it need?
//! ```
//!
//! [`gate`] is that line as code, [`routes`] is the policy as a table. Only [`directory`] (D1) and [`origin`] (fetch)
//! touch the outside; the rest is values in and values out, and is tested natively.

pub mod access;
pub mod api;
pub mod bounded;
pub mod config;
pub mod directory;
pub mod error;
pub mod gate;
pub mod http;
pub mod identity;
pub mod isolate;
pub mod mlflow;
pub mod origin;
pub mod request;
pub mod routes;

#[cfg(target_arch = "wasm32")]
mod worker_edge;
#[cfg(target_arch = "wasm32")]
mod worker_entry;
#[cfg(target_arch = "wasm32")]
mod worker_js;
#[cfg(target_arch = "wasm32")]
mod worker_scrypt;
