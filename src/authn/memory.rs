//! The memory of an isolate for sign-ins.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::access_jwt::RsaKey;
use super::auth_cache::AuthCache;
use crate::password::Method;

/// For so many seconds.
const COMMON_METHOD_GOOD: u64 = 3600;

/// The keys of an Access team, and the fetches of them.
#[derive(Clone, Default)]
pub struct AccessKeys {
    /// The keys that were fetched last.
    pub keys: Rc<Vec<RsaKey>>,
    /// Seconds since 1970.
    pub fetched_at: u64,
    /// The last fetch that ended or, where keys are known, began; in seconds since 1970.
    pub tried_at: u64,
    /// Fetches under way: more than one only before any keys are known.
    pub under_way: u32,
}

/// The memory of an isolate for sign-ins. Nothing here can allow what the directory would refuse.
pub struct SignIns {
    /// Credentials that matched.
    pub verified: RefCell<AuthCache>,
    /// The keys of the Access team.
    pub access_keys: RefCell<AccessKeys>,
    /// True if the users table is known to hold somebody.
    pub has_users: Cell<bool>,
    /// The method of most stored hashes, which is what an unknown name is made to cost, and when D1 told it.
    common_method: Cell<(Option<Method>, u64)>,
    hashes: Cell<(u64, Option<Method>)>,
}

impl SignIns {
    /// An empty memory; `key` is random.
    pub fn new(key: [u8; 32]) -> Self {
        Self {
            verified: RefCell::new(AuthCache::new(key)),
            access_keys: RefCell::new(AccessKeys::default()),
            has_users: Cell::new(false),
            common_method: Cell::new((None, 0)),
            hashes: Cell::new((0, None)),
        }
    }

    /// Counts a fetch of the Access team's keys until the value is dropped, also with a request that is given up.
    pub fn begin_fetch(&self, now: u64) -> impl Drop {
        let mut state = self.access_keys.borrow_mut();
        state.under_way += 1;
        if !state.keys.is_empty() {
            state.tried_at = now;
        }
        UnderWay(&self.access_keys)
    }

    /// Takes down by which method most password hashes are stored, as D1 tells it now.
    pub fn learn_common_method(&self, told: Option<&str>, now: u64) {
        self.common_method.set((told.and_then(Method::parse), now));
    }

    /// The method of most stored hashes, if it is known and can be computed.
    pub fn common_method(&self) -> Option<Method> {
        self.common_method.get().0
    }

    /// Returns true if it is so long ago that D1 was asked for it that imports and renewals may have changed it.
    pub fn is_common_method_old(&self, now: u64) -> bool {
        self.common_method.get().1 + COMMON_METHOD_GOOD <= now
    }

    /// Counts a password hash that is about to be computed.
    pub fn count_hash(&self, method: Method) {
        self.hashes.set((self.hashes() + 1, Some(method)));
    }

    /// Returns the number of password hashes that were computed.
    pub fn hashes(&self) -> u64 {
        self.hashes.get().0
    }

    /// The method of the last one.
    pub fn last_hashed(&self) -> Option<Method> {
        self.hashes.get().1
    }
}

struct UnderWay<'a>(&'a RefCell<AccessKeys>);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.under_way = state.under_way.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetches_are_counted_while_they_last() {
        let memory = SignIns::new([0; 32]);
        let (one, two) = (memory.begin_fetch(100), memory.begin_fetch(100));
        let state = || memory.access_keys.borrow().clone();
        assert_eq!((state().under_way, state().tried_at), (2, 0), "before any keys are known, others may try too");
        drop(one);
        assert_eq!(state().under_way, 1);
        drop(two);
        assert_eq!(state().under_way, 0);
        let key = RsaKey { kid: "k".to_owned(), n: Vec::new(), e: Vec::new() };
        memory.access_keys.borrow_mut().keys = Rc::new(vec![key]);
        drop(memory.begin_fetch(100));
        assert_eq!((state().under_way, state().tried_at), (0, 100));
    }

    #[test]
    fn the_common_method_is_good_for_an_hour() {
        let memory = SignIns::new([0; 32]);
        assert!(memory.is_common_method_old(3600), "D1 has not been asked");
        memory.learn_common_method(Some("pbkdf2:sha256:1000"), 10_000);
        assert_eq!(memory.common_method(), Method::parse("pbkdf2:sha256:1000"));
        assert!(!memory.is_common_method_old(10_000) && !memory.is_common_method_old(13_599));
        assert!(memory.is_common_method_old(13_600));
        memory.learn_common_method(Some("bcrypt"), 13_600);
        assert_eq!(memory.common_method(), None, "it cannot be computed");
    }
}
