//! Who asks: credentials, password hashes, and what this isolate has verified already.

pub mod access_jwt;
pub mod basic;
mod first_admin;
pub mod password;
pub mod secret;
pub mod sigv4;
pub mod verified;

use crate::access::{Caller, Grants, Resource};
use crate::directory::{Database, Directory};
use crate::error::{Refusal, Result};
use crate::isolate::Isolate;
use basic::Credentials;
use password::Method;

/// Identifies the caller and brings the grants on the wanted resources, with one statement.
///
/// An unknown user costs one hash of the configured method, as a wrong password does.
pub async fn identify<D: Database>(
    directory: &Directory<D>,
    isolate: &Isolate,
    method: Method,
    credentials: &Credentials,
    wanted: &[Resource],
) -> Result<(Caller, Grants)> {
    let Some((caller, stored, grants)) = directory.identify(&credentials.username, wanted).await? else {
        isolate.count_hash();
        method.burn(&credentials.password);
        return Err(Refusal::unauthenticated("no user of this name"));
    };
    let fingerprint = isolate.verified.borrow().fingerprint(credentials);
    let known = fingerprint.is_some_and(|f| isolate.verified.borrow_mut().knows(&f, &stored));
    if !known {
        isolate.count_hash();
        if !stored.verifies(&credentials.password) {
            return Err(Refusal::unauthenticated(format!("wrong password for user {}", caller.id)));
        }
        if let Some(fingerprint) = fingerprint {
            isolate.verified.borrow_mut().remember(fingerprint, stored);
        }
    }
    Ok((caller, grants))
}
