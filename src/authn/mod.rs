//! Authentication: credentials, passwords, and the logins that this isolate has verified already.

pub mod access_jwt;
pub mod auth_cache;
pub mod basic;
mod bootstrap;
pub mod credential;
pub mod identify;
pub mod lockout;
pub mod memory;
mod passwords;
pub mod platform;
pub mod sigv4;
pub mod token;

use std::rc::Rc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::accounts::login_failures::{Claimed, Verdict};
use crate::accounts::{Accounts, Database};
use crate::authz::{Caller, Grants, Resource, SignIn, Token};
use crate::config::{Config, DEFAULT_PASSWORD};
use crate::cost::Cost;
use crate::error::{Code, Rejection, Result};
use crate::password::{Method, PasswordHash, to_hex};
use crate::request::{Call, split_url};
use crate::secret::Secret;
use access_jwt::{Assertion, JwtError, RsaKey};
use auth_cache::Fingerprint;
use basic::Credentials;
use credential::Credential;
use memory::SignIns;
use platform::Platform;
use sigv4::{Authorization, Signed};

/// Keys of an Access team are fetched again after an hour, or after a minute if one is missing or the fetch failed.
const KEYS_KEPT: u64 = 3600;
const KEYS_AT_LEAST: u64 = 60;
/// Before any keys are known, so many requests may fetch them at the same time.
const MOST_COLD_FETCHES: u32 = 16;
/// A rate limit of the platform has a period of 10 or 60 seconds.
const SHIELD_SECONDS: i64 = 60;
/// When a token was used is written so often at most, in seconds.
const USE_NOTED_EVERY: i64 = 3600;

/// A verified login, as D1 knows it.
pub struct SignedIn {
    /// The user.
    pub caller: Caller,
    /// The grants on the wanted resources.
    pub grants: Grants,
    /// The stored hash that the password matched.
    pub stored: Option<PasswordHash>,
    /// When a token ends, in seconds since 1970.
    pub expires_at: Option<i64>,
}

impl SignedIn {
    fn new(caller: Caller, grants: Grants) -> Self {
        Self { caller, grants, stored: None, expires_at: None }
    }
}

/// The stage that finds out who asks.
pub struct Authenticator<'a, D> {
    /// The operator's configuration.
    pub config: &'a Config,
    /// Users and their tokens.
    pub accounts: &'a Accounts<D>,
    /// The platform.
    pub platform: &'a dyn Platform,
    /// The memory of this isolate.
    pub memory: &'a SignIns,
    /// The costs of this request.
    pub cost: &'a Cost,
    /// Seconds since 1970.
    pub now: u64,
    /// Fills a buffer with random bytes; `false` if the platform has none.
    pub random: fn(&mut [u8]) -> bool,
}

impl<D: Database> Authenticator<'_, D> {
    /// Identifies the caller, at this address as the platform tells it, and brings the grants on the wanted resources:
    /// one statement.
    pub async fn sign_in(
        &self,
        presented: &Credential,
        login: Option<Fingerprint>,
        address: Option<&str>,
        wanted: &[Resource],
    ) -> Result<(Caller, Grants)> {
        let asked_after = self.memory.verified.borrow().changes();
        let found = match presented {
            // a token costs no password hash and knows no lock: nobody guesses 192 bits
            Credential::Token(token, username) => {
                self.by_key(&token.hash(), username.as_deref(), SignIn::Token, wanted).await
            }
            Credential::Password(credentials) => self.by_password(credentials, login, address, wanted).await,
            Credential::Signature(signature) => {
                self.by_key(signature.access_key_id(), None, SignIn::AccessKey, wanted).await
            }
            Credential::Certificate(username) => self.by_name(username, SignIn::Certificate, wanted).await,
            Credential::Assertion(assertion) => {
                let email = self.by_access(assertion).await;
                self.by_name(&email.map_err(Rejection::unauthenticated)?, SignIn::Access, wanted).await
            }
        };
        let mut verified = self.memory.verified.borrow_mut();
        match (&found, login) {
            (Ok(found), Some(login)) => {
                verified.remember(login, found, self.now, self.config.auth_cache_ttl_seconds.into(), asked_after);
            }
            (Err(rejection), Some(login)) if rejection.is_unauthenticated() => verified.forget(&login),
            _ => {}
        }
        found.map(|found| (found.caller, found.grants))
    }

    /// A request that an access key signed. The key's secret is made of `SECRET_KEY` and its id, so that no secret is
    /// stored; whether the key exists, and whose it is, is asked after its signature is good.
    pub fn check_signature<S>(&self, signature: &Authorization, call: Option<&Call<S>>) -> Result<()> {
        let refused = |reason: String| Rejection::unauthenticated(reason);
        let call = call.ok_or_else(|| refused("a signature over a request that cannot be read".to_owned()))?;
        let secret = self.access_key_secret(signature.access_key_id());
        let secret = secret.ok_or_else(|| refused("there is no SECRET_KEY, so there are no access keys".to_owned()))?;
        let (path, query) = split_url(&call.url)?;
        let signed = Signed { method: call.method, path, query, headers: &call.headers, body: call.body() };
        signature.verify(&secret, &signed, self.now).map_err(|why| refused(format!("AWS signature: {why}")))
    }

    /// The e-mail address of an assertion of Access. An unknown key has the document fetched again, once a minute.
    async fn by_access(&self, assertion: &Assertion) -> std::result::Result<String, String> {
        let Some((team, audience)) = &self.config.access else { return Err("Access is not configured".to_owned()) };
        let mut claims = assertion.claims(&self.access_keys(team, KEYS_KEPT).await, &self.platform).await;
        if claims.as_ref().err() == Some(&JwtError::UnknownKey) {
            claims = assertion.claims(&self.access_keys(team, KEYS_AT_LEAST).await, &self.platform).await;
        }
        claims.and_then(|claims| claims.check(team, audience, self.now)).map_err(|why| format!("Access: {why}"))
    }

    /// Returns the team's keys, fetched again if they are older than so many seconds and no fetch was tried for
    /// [`KEYS_AT_LEAST`].
    ///
    /// While keys are known, one fetch is under way at most and the others go on with what is known. Before that each
    /// request has to fetch, since the runtime lets no request wait for another's answer.
    async fn access_keys(&self, team: &str, oldest: u64) -> Rc<Vec<RsaKey>> {
        let known = self.memory.access_keys.borrow().clone();
        let is_cold = known.keys.is_empty() && known.under_way < MOST_COLD_FETCHES;
        let is_young = known.fetched_at + oldest > self.now || known.tried_at + KEYS_AT_LEAST > self.now;
        if is_young || (known.under_way > 0 && !is_cold) {
            return known.keys;
        }
        let fetching = self.memory.begin_fetch(self.now);
        let document = self.platform.access_keys(team).await;
        drop(fetching);
        let keys = document.and_then(|document| access_jwt::keys(&document).ok()).map(Rc::new);
        let mut state = self.memory.access_keys.borrow_mut();
        state.tried_at = self.now;
        if let Some(keys) = keys {
            state.keys = keys;
            state.fetched_at = self.now;
        }
        state.keys.clone()
    }

    /// Somebody for whom the platform vouches: a user who exists.
    async fn by_name(&self, username: &str, sign_in: SignIn, wanted: &[Resource]) -> Result<SignedIn> {
        let found = self.accounts.identify(username, wanted).await?;
        let Some((caller, _, grants)) = found else {
            return Err(Rejection::unauthenticated("the platform vouches for somebody who is no user"));
        };
        Ok(SignedIn::new(Caller { sign_in, ..caller }, grants))
    }

    /// The owner of a token by its hash, or of an access key by its id.
    async fn by_key(
        &self,
        key: &str,
        username: Option<&str>,
        sign_in: fn(Token) -> SignIn,
        wanted: &[Resource],
    ) -> Result<SignedIn> {
        let refused = |reason: &'static str| Err(Rejection::unauthenticated(reason));
        let now = self.seconds();
        let Some(owner) = self.accounts.identify_token(key, wanted).await? else {
            return refused("no such token: it was revoked, or never was");
        };
        if username.is_some_and(|name| name != owner.caller.username) {
            return refused("a token of another user");
        }
        if owner.expires_at.is_some_and(|expiry| expiry <= now) {
            return refused("a token that has expired");
        }
        if owner.last_used_at.is_none_or(|used| used + USE_NOTED_EVERY <= now) {
            self.accounts.token_used(owner.token.id, now).await?;
        }
        let caller = Caller { sign_in: sign_in(owner.token), ..owner.caller };
        Ok(SignedIn { expires_at: owner.expires_at, ..SignedIn::new(caller, owner.grants) })
    }

    /// Verifies a password. One that this isolate has verified costs a statement. Any other is claimed at the primary,
    /// hashed, and settled: two batches and a hash, whether it is right, wrong, or for a name that nobody has. What is
    /// locked or known to be wrong costs the first batch alone.
    async fn by_password(
        &self,
        credentials: &Credentials,
        login: Option<Fingerprint>,
        address: Option<&str>,
        wanted: &[Resource],
    ) -> Result<SignedIn> {
        let is_verified = |stored: &PasswordHash| {
            login.is_some_and(|login| self.memory.verified.borrow_mut().matches(&login, stored))
        };
        if login.is_some_and(|login| self.memory.verified.borrow().remembers(&login))
            && let Some((caller, stored, grants)) = self.accounts.identify(&credentials.username, wanted).await?
            && is_verified(&stored)
        {
            return Ok(SignedIn { stored: Some(stored), ..SignedIn::new(caller, grants) });
        }
        if let Some(address) = address
            && !self.platform.admits(address).await
        {
            return Err(Rejection::locked(SHIELD_SECONDS));
        }
        self.accounts.0.switch_to_primary(); // no password is tried on what a replica says, and no failure counted
        let (now, policy) = (self.seconds(), lockout::policy(self.config));
        let nonce = self.nonce()?;
        let attempt = lockout::attempt(credentials, login, address, self.config.secret_key.as_ref(), to_hex(&nonce));
        let asks_method = self.memory.is_common_method_old(self.now);
        let Claimed { user, verdict, common_method } =
            self.accounts.claim(&attempt, wanted, &policy, now, asks_method).await?;
        if asks_method {
            self.memory.learn_common_method(common_method.as_deref(), self.now);
        }
        match verdict {
            Verdict::Claimed => {}
            Verdict::KnownWrong => return Err(Rejection::unauthenticated("a wrong password that was tried before")),
            Verdict::LockedUntil(time) => return Err(Rejection::locked(time - now)),
        }
        let trim = nonce.first().is_some_and(|byte| byte % 64 == 0);
        let refused = match user {
            None => {
                self.hash_dummy(&credentials.password);
                "no user of this name".to_owned()
            }
            // another request of this isolate may have verified it meanwhile
            Some((caller, stored, _)) if !is_verified(&stored) && !self.accepts(credentials, &stored) => {
                format!("wrong password for user {}", caller.id)
            }
            Some((caller, mut stored, grants)) => {
                self.accounts.record_success(&attempt, &policy, now, trim).await?;
                if stored.is_weaker_than(self.config.password_hash) {
                    let better = self.hash(&credentials.password)?;
                    self.accounts.renew_hash(caller.id, &stored, &better).await?;
                    stored = better;
                }
                return Ok(SignedIn { stored: Some(stored), ..SignedIn::new(caller, grants) });
            }
        };
        self.accounts.record_failure(&attempt, now, trim).await?;
        Err(Rejection::unauthenticated(refused))
    }

    fn nonce(&self) -> Result<[u8; 16]> {
        let mut nonce = [0; 16];
        let failed = || Rejection::fault(Code::InternalError, "The password cannot be checked.", "no randomness");
        if (self.random)(&mut nonce) { Ok(nonce) } else { Err(failed()) }
    }

    /// Returns true if it is the password. The one that everybody knows is none (CVE-2026-2635), but is hashed like any other.
    fn accepts(&self, credentials: &Credentials, stored: &PasswordHash) -> bool {
        let is_default = credentials.password.expose() == DEFAULT_PASSWORD;
        self.verifies(&credentials.password, stored) && (!is_default || self.config.allow_default_password)
    }

    /// Now, in seconds since 1970, as the directory keeps times.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.now).unwrap_or(i64::MAX)
    }
}

impl<D> Authenticator<'_, D> {
    /// Forgets what D1 said before: users or grants were changed.
    pub fn accounts_changed(&self) {
        self.memory.verified.borrow_mut().invalidate();
    }

    /// Returns true if a stored hash is of this password. One that cannot be computed costs what an unknown name does.
    pub fn verifies(&self, password: &Secret, stored: &PasswordHash) -> bool {
        let Some(method) = stored.method() else {
            self.hash_dummy(password);
            return false;
        };
        self.count_hash(method);
        stored.verifies(password, self.platform.scrypt())
    }

    /// Counts a password hash that is about to be computed, for this request and for the isolate.
    fn count_hash(&self, method: Method) {
        self.memory.count_hash(method);
        self.cost.add_hash();
    }

    /// Computes a hash for nobody, by the method of most that are stored.
    fn hash_dummy(&self, password: &Secret) {
        let method = self.memory.common_method().unwrap_or(self.config.password_hash);
        self.count_hash(method);
        method.hash_dummy(password, self.platform.scrypt());
    }

    /// The secret of an access key; `None` without a `SECRET_KEY`.
    pub fn access_key_secret(&self, id: &str) -> Option<Secret> {
        let key = self.config.secret_key.as_ref()?;
        let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).ok()?;
        mac.update(b"access key ");
        mac.update(id.as_bytes());
        Some(Secret::new(to_hex(&mac.finalize().into_bytes())))
    }
}
