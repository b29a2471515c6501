//! Users and permissions in front of an MLflow tracking server: a serverless edge authorizer.
//!
//! The way of a request:
//!
//! ```text
//! bytes ─▶ request ─▶ authn ─▶ owners ─▶ authz ─▶ ┬▶ admin     answered here        ┐
//!          canonical   who, and  which     Permit   │                                 ├─▶ bytes
//!          form        grants    resource            └▶ upstream ─▶ respond  as MLflow  ┘
//! ```
//!
//! [`gate`] is that line as code, [`routes`] is the policy as a table, and [`authz`] alone gives the permit without which
//! nothing leaves. Only the Worker's own room touches the platform: D1 is behind [`accounts::Database`], MLflow behind
//! [`upstream::Origin`], the rest of it behind the trait in [`authn`]. So everything else is tested natively. The
//! rooms and their order are drawn in `docs/design.md`, and `tests/native/rooms.rs` keeps the picture true.

pub mod accounts;
pub mod admin;
pub mod authn;
pub mod authz;
pub mod bounded;
pub mod client_certificate;
pub mod config;
pub mod cost;
pub mod error;
pub mod gate;
pub mod http;
pub mod json;
pub mod mlflow;
pub mod observe;
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
