//! The memory of an isolate between requests: those of the stages, side by side, each bounded in bytes.

use crate::authn::memory::SignIns;
use crate::owners::{self, Parents};

/// The memory of an isolate. Nothing in it can allow what the directory would refuse.
pub struct IsolateState {
    /// Logins that were verified, and the keys of the Access team.
    pub sign_ins: SignIns,
    /// A run, logged model or the like to its experiment, which never changes.
    pub parents: Parents,
}

impl IsolateState {
    /// An empty memory; `key` is random.
    pub fn new(key: [u8; 32]) -> Self {
        Self { sign_ins: SignIns::new(key), parents: owners::no_parents() }
    }

    /// Returns the number of password hashes that were computed.
    pub fn hashes(&self) -> u64 {
        self.sign_ins.hashes()
    }
}
