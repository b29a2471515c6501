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

pub mod accounts;
pub mod admin;
pub mod authn;
pub mod authz;
pub mod bounded;
pub mod client_certificate;
pub mod config;
pub mod error;
pub mod gate;
pub mod http;
pub mod json;
pub mod mlflow;
pub mod owners;
pub mod password;
pub mod request;
pub mod respond;
pub mod routes;
pub mod secret;
pub mod state;
pub mod upstream;
#[cfg(target_arch = "wasm32")]
mod worker;
