//! The logins that this isolate has verified: a password is hashed once, not once per request.
//!
//! An entry says "this login was this user's; the password matched that stored hash". The stored hash is read from D1
//! with every request, so a changed password or a deleted user is effective at once. Only where the operator accepts
//! it (`AUTH_CACHE_TTL_SECONDS`) is D1's answer itself good for a while: then a login, and each grant, is asked for
//! again when so many seconds have passed since D1 was asked. ValueKind and passwords are kept only as an HMAC under a key
//! that is random for the isolate.

use std::num::NonZeroUsize;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::SignedIn;
use super::credential::Credential;
use crate::authz::{Caller, Grant, Grants, Resource};
use crate::bounded::{Bounded, Weigh};
use crate::password::PasswordHash;

const LOGINS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4095);
const LOGINS_BYTES: usize = 4 * 1024 * 1024;
const GRANTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);
const GRANTS_BYTES: usize = 8 * 1024 * 1024;

/// The HMAC of a login.
pub type Fingerprint = [u8; 32];

/// The bounded memory of an isolate.
pub struct AuthCache {
    /// Keyed already: that is half the work of an HMAC.
    mac: Option<Hmac<Sha256>>,
    logins: Bounded<Fingerprint, Login>,
    /// Of a user on a resource: what D1 said, and until when that is good.
    grants: Bounded<(i64, Resource), (Option<Grant>, u64)>,
    /// The number of changes of D1 through this isolate.
    changes: u64,
}

struct Login {
    caller: Caller,
    stored: Option<PasswordHash>,
    /// Until when D1 need not be asked who it is, in seconds since 1970.
    good_until: u64,
}

impl Weigh for Fingerprint {
    fn weight(&self) -> usize {
        0
    }
}

impl Weigh for Login {
    fn weight(&self) -> usize {
        self.caller.username.len() + self.stored.as_ref().map_or(0, |stored| stored.expose().len())
    }
}

impl Weigh for (i64, Resource) {
    fn weight(&self) -> usize {
        self.1.id.len()
    }
}

impl Weigh for (Option<Grant>, u64) {
    fn weight(&self) -> usize {
        0
    }
}

impl AuthCache {
    /// An empty memory under this random key.
    pub fn new(key: [u8; 32]) -> Self {
        let mac = Hmac::new_from_slice(&key).ok();
        let logins = Bounded::new(LOGINS, LOGINS_BYTES);
        Self { mac, logins, grants: Bounded::new(GRANTS, GRANTS_BYTES), changes: 0 }
    }

    /// The entry's key. `None` for a login that is verified anew each time.
    pub fn fingerprint(&self, presented: &Credential) -> Option<Fingerprint> {
        // No name of HTTP Basic holds a colon, no token and no id of a key a blank: each list is unambiguous.
        let parts = match presented {
            Credential::Password(credentials) => {
                ["password ", credentials.username.as_str(), ":", credentials.password.expose()]
            }
            Credential::Token(token, None) => ["token ", token.expose(), "", ""],
            Credential::Token(token, Some(username)) => ["token ", token.expose(), " of ", username],
            Credential::Signature(signature) => ["key ", signature.access_key_id(), "", ""],
            Credential::Certificate(_) | Credential::Assertion(_) => return None,
        };
        let mut mac = self.mac.clone()?;
        parts.iter().for_each(|part| mac.update(part.as_bytes()));
        Some(mac.finalize().into_bytes().into())
    }

    /// Returns true if this isolate has verified the login before, and has not seen it refused since.
    pub fn remembers(&self, login: &Fingerprint) -> bool {
        self.logins.peek(login).is_some()
    }

    /// About how many bytes all of it takes.
    pub fn bytes(&self) -> usize {
        self.logins.bytes() + self.grants.bytes()
    }

    /// Returns true if this password matched exactly this stored hash before.
    pub fn matches(&mut self, login: &Fingerprint, stored: &PasswordHash) -> bool {
        self.logins.get(login).is_some_and(|login| login.stored.as_ref() == Some(stored))
    }

    /// Returns D1's last answer, as far as it is remembered. Nothing can be allowed by it.
    pub fn last_answer(&mut self, login: &Fingerprint, wanted: &[Resource]) -> Option<(Caller, Grants)> {
        let caller = self.logins.get(login)?.caller.clone();
        let grants = wanted.iter().filter_map(|resource| self.grant(&caller, resource, 0)).collect();
        Some((caller, grants))
    }

    /// Returns the caller and grants if every cached answer is within its TTL.
    pub fn fresh(&mut self, login: &Fingerprint, wanted: &[Resource], now: u64) -> Option<(Caller, Grants)> {
        let caller = self.logins.get(login).filter(|login| now < login.good_until)?.caller.clone();
        let grants = wanted.iter().map(|resource| self.grant(&caller, resource, now + 1)).collect::<Option<_>>()?;
        Some((caller, grants))
    }

    /// A grant, if what D1 said about it is good until this time at least.
    fn grant(&mut self, caller: &Caller, resource: &Resource, time: u64) -> Option<(Resource, Option<Grant>)> {
        let (grant, until) = self.grants.get(&(caller.id, resource.clone()))?;
        (time <= *until).then(|| (resource.clone(), *grant))
    }

    /// Returns the number of changes of D1 through this isolate, for [`AuthCache::remember`].
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Remembers a login, and for so many seconds from `now` what D1 said about it. `asked_after` is the number of
    /// changes when D1 was asked: an answer from before a change is good for nobody else.
    pub fn remember(&mut self, login: Fingerprint, found: &SignedIn, now: u64, seconds: u64, asked_after: u64) {
        let seconds = if asked_after == self.changes { seconds } else { 0 };
        let expiry = found.expires_at.map_or(u64::MAX, |expiry| u64::try_from(expiry).unwrap_or(0));
        let good_until = now.saturating_add(seconds).min(expiry);
        self.logins.put(login, Login { caller: found.caller.clone(), stored: found.stored.clone(), good_until });
        for (resource, grant) in found.grants.iter() {
            self.grants.put((found.caller.id, resource.clone()), (grant, good_until));
        }
    }

    /// A login that is refused now.
    pub fn forget(&mut self, login: &Fingerprint) {
        self.logins.pop(login);
    }

    /// D1 is asked again about everything: somebody changed it through this isolate.
    pub fn invalidate(&mut self) {
        self.changes += 1;
        self.grants.clear();
        self.logins.values_mut().for_each(|login| login.good_until = 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::basic::Credentials;
    use crate::authz::{Permission, SignIn};
    use crate::secret::Secret;

    const EDIT: Grant = Grant { level: Permission::Edit, role: 1, row: 1 };
    const HASH: &str = "pbkdf2:sha256:1$salt$00";

    fn hash(text: &str) -> PasswordHash {
        serde_json::from_value(text.into()).unwrap()
    }

    fn experiment(id: &str) -> Resource {
        Resource::experiment(id).unwrap()
    }

    fn found(name: &str, experiments: &[&str]) -> SignedIn {
        let grants = experiments.iter().map(|id| (experiment(id), Some(EDIT))).collect();
        let caller = Caller { id: 7, username: name.to_owned(), is_admin: false, sign_in: SignIn::Password };
        SignedIn { caller, grants, stored: Some(hash(HASH)), expires_at: None }
    }

    /// A memory that was told of a login at second 1000, good for a minute.
    fn told(found: &SignedIn) -> (AuthCache, Fingerprint) {
        let (mut cache, login) = (AuthCache::new([0; 32]), [1; 32]);
        cache.remember(login, found, 1000, 60, 0);
        (cache, login)
    }

    fn is_fresh(cache: &mut AuthCache, login: Fingerprint, experiments: &[&str], now: u64) -> bool {
        let wanted: Vec<Resource> = experiments.iter().map(|id| experiment(id)).collect();
        cache.fresh(&login, &wanted, now).is_some()
    }

    #[test]
    fn an_answer_of_d1_is_good_until_its_time_is_over() {
        let (mut cache, login) = told(&found("alice", &["12"]));
        for experiments in [&[][..], &["12"][..]] {
            assert!(is_fresh(&mut cache, login, experiments, 1059));
            assert!(!is_fresh(&mut cache, login, experiments, 1060));
        }
        assert!(!is_fresh(&mut cache, login, &["13"], 1000), "D1 was not asked about it");
        assert!(!is_fresh(&mut cache, [2; 32], &[], 1000), "another login");
        // another login of the same user keeps who it is, but no grant beyond its time
        cache.remember([2; 32], &found("alice", &[]), 1050, 60, 0);
        assert!(is_fresh(&mut cache, [2; 32], &["12"], 1059));
        assert!(!is_fresh(&mut cache, [2; 32], &["12"], 1060) && is_fresh(&mut cache, [2; 32], &[], 1109));
    }

    #[test]
    fn an_answer_is_not_good_for_longer_than_its_token() {
        let (mut cache, login) = told(&SignedIn { expires_at: Some(1010), ..found("alice", &["12"]) });
        assert!(is_fresh(&mut cache, login, &["12"], 1009));
        assert!(!is_fresh(&mut cache, login, &["12"], 1010) && !is_fresh(&mut cache, login, &[], 1010));
    }

    #[test]
    fn a_change_makes_every_answer_old_also_one_that_is_under_way() {
        let (mut cache, login) = told(&found("alice", &["12"]));
        for change in 1..=3 {
            let asked_after = cache.changes();
            cache.invalidate();
            assert_eq!(cache.changes(), change);
            assert!(!is_fresh(&mut cache, login, &[], 1000) && cache.remembers(&login));
            cache.remember(login, &found("alice", &["12"]), 1000, 60, asked_after);
            assert!(!is_fresh(&mut cache, login, &[], 1000), "D1 was asked before the change");
            cache.remember(login, &found("alice", &["12"]), 1000, 60, cache.changes());
            assert!(is_fresh(&mut cache, login, &["12"], 1000), "D1 was asked after it");
        }
    }

    #[test]
    fn only_a_password_that_matched_this_hash_matches() {
        let (mut cache, login) = told(&found("alice", &[]));
        assert!(cache.matches(&login, &hash(HASH)) && cache.remembers(&login));
        assert!(!cache.matches(&login, &hash("pbkdf2:sha256:1$salt$01")));
        assert!(!cache.matches(&[2; 32], &hash(HASH)) && !cache.remembers(&[2; 32]));
        cache.forget(&login);
        assert!(!cache.matches(&login, &hash(HASH)) && !cache.remembers(&login));
    }

    #[test]
    fn the_last_answer_has_the_grants_that_are_remembered() {
        let (mut cache, login) = told(&found("alice", &["12"]));
        let (caller, grants) = cache.last_answer(&login, &[experiment("12"), experiment("13")]).unwrap();
        assert_eq!(caller.username, "alice");
        assert_eq!(grants.iter().collect::<Vec<_>>(), [(&experiment("12"), Some(EDIT))]);
        assert!(cache.last_answer(&[2; 32], &[]).is_none());
    }

    #[test]
    fn each_credential_has_a_fingerprint_of_its_own() {
        let of = |key: u8, name: &str, password: &str| {
            let credentials = Credentials { username: name.to_owned(), password: Secret::new(password) };
            AuthCache::new([key; 32]).fingerprint(&Credential::Password(credentials)).unwrap()
        };
        assert_eq!(of(1, "alice", "one"), of(1, "alice", "one"));
        for other in [of(1, "alice", "two"), of(1, "bob", "one"), of(2, "alice", "one")] {
            assert_ne!(of(1, "alice", "one"), other);
        }
    }

    #[test]
    fn text_counts_beside_a_hundred_and_twenty_eight_bytes_an_entry() {
        let (cache, _) = told(&found("alice", &["12", "1234"]));
        let text = "alice".len() + HASH.len() + "12".len() + "1234".len();
        assert_eq!(cache.bytes(), 3 * 128 + text);
    }

    #[test]
    fn logins_have_four_mebibytes_and_grants_eight() {
        let mut cache = AuthCache::new([0; 32]);
        let name = "n".repeat(1900);
        for i in 0..4096_u32 {
            let mut login = [0; 32];
            login[..4].copy_from_slice(&i.to_le_bytes());
            cache.remember(login, &found(&name, &[]), 1000, 60, 0);
        }
        let logins = cache.bytes();
        assert!((4_190_000..=4_194_304).contains(&logins), "{logins}");
        for i in 0..6000 {
            let id = format!("{}{i}", "x".repeat(1900));
            cache.remember([0; 32], &found("alice", &[&id]), 1000, 60, 0);
        }
        let all = cache.bytes();
        assert!((12_560_000..=12_582_912).contains(&all), "{all}");
    }
}
