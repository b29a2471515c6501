//! The UI, health and version. Only the exact paths are open: MLflow's prefix test opened `/healthXYZ` too.

use super::words::*;

#[rustfmt::skip]
pub const ROWS: &[Route] = &[
    get("/health",               Public,        AsIs),
    get("/favicon.ico",          Public,        AsIs),
    get("/static-files/{*path}", Public,        CachePublic),
    get("/",                     Authenticated, AsIs),
    get("/version",              Authenticated, AsIs),
    get("/build/{*path}",        Authenticated, AsIs),
];
