//! The UI, health and version. Only the exact paths are open: MLflow's prefix test opened `/healthXYZ` too.

use super::words::*;

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    get("/health",               Nobody, Stream),
    get("/favicon.ico",          Nobody, Stream),
    get("/static-files/{*path}", Nobody, Cache),
    get("/",                     Login,  Stream),
    get("/version",              Login,  Stream),
    get("/build/{*path}",        Login,  Stream),
];
