//! The native tests: the whole gate under `cargo test`, with SQLite in memory for D1 and an MLflow of a few lines. What needs
//! a real Worker, a real MLflow server or a browser is in `tests/e2e`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test may fail

mod support;

mod before_sign_in;
mod credentials;
mod decisions;
mod differences;
mod differential;
mod docs;
mod effects;
mod families;
mod faults;
mod fold;
mod grants;
mod interleavings;
mod json_bodies;
mod lockout;
mod negative;
mod observe;
mod otlp;
mod pages;
mod pipeline;
mod places;
mod platforms;
mod properties;
mod readers;
mod replicas;
mod roles;
mod rooms;
mod schema;
mod speed;
mod weak_spots;
