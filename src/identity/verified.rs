//! The credentials that this isolate has verified: a password is hashed once, not once per request.
//!
//! An entry says "this name and password matched that stored hash". The stored hash is read from D1 with every
//! request, so a changed password or a deleted user is effective at once. Names and passwords are kept only as an
//! HMAC under a key that is random for the isolate.

use std::num::NonZeroUsize;

use hmac::{Hmac, KeyInit, Mac};
use lru::LruCache;
use sha2::Sha256;

use super::basic::Credentials;
use super::password::PasswordHash;

const CAPACITY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);

/// The HMAC of a name and a password.
pub type Fingerprint = [u8; 32];

/// The bounded memory of an isolate.
pub struct Verified {
    key: [u8; 32],
    entries: LruCache<Fingerprint, PasswordHash>,
}

impl Verified {
    /// An empty memory under this random key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, entries: LruCache::new(CAPACITY) }
    }

    /// The entry's key. `None` cannot happen: HMAC takes keys of every length.
    pub fn fingerprint(&self, credentials: &Credentials) -> Option<Fingerprint> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        // A name holds no colon, so the pair is unambiguous.
        mac.update(credentials.username.as_bytes());
        mac.update(b":");
        mac.update(credentials.password.expose().as_bytes());
        Some(mac.finalize().into_bytes().into())
    }

    /// Whether these credentials matched exactly this stored hash before.
    pub fn knows(&mut self, fingerprint: &Fingerprint, stored: &PasswordHash) -> bool {
        self.entries.get(fingerprint) == Some(stored)
    }

    /// Remembers a match.
    pub fn remember(&mut self, fingerprint: Fingerprint, stored: PasswordHash) {
        self.entries.put(fingerprint, stored);
    }
}
