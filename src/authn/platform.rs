//! The platform, as far as a sign-in needs it: one door, so that tests can stand in for it.

use futures_util::future::LocalBoxFuture;

use super::access_jwt::{Rs256, RsaKey};
use crate::password::{ScryptFn, portable_scrypt};

/// The platform at the edge.
pub trait Platform {
    /// The key document of an Access team; `None` if it cannot be had.
    fn access_keys<'a>(&'a self, team_domain: &'a str) -> LocalBoxFuture<'a, Option<Vec<u8>>>;
    /// Returns true if a signature by RSASSA-PKCS1-v1_5 with SHA-256 is right (RFC 7518, 3.3).
    fn verifies<'a>(&'a self, key: &'a RsaKey, signed: &'a [u8], signature: &'a [u8]) -> LocalBoxFuture<'a, bool>;
    /// Returns true if the rate limit, where one is bound, lets an address try another password.
    fn admits<'a>(&'a self, address: &'a str) -> LocalBoxFuture<'a, bool>;
    /// The scrypt to compute password hashes with.
    fn scrypt(&self) -> ScryptFn {
        portable_scrypt
    }
}

impl Rs256 for &dyn Platform {
    async fn verifies(&self, key: &RsaKey, signed: &[u8], signature: &[u8]) -> bool {
        (**self).verifies(key, signed, signature).await
    }
}
