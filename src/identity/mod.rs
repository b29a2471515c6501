//! Who asks: credentials, password hashes, and what this isolate has verified already.

pub mod access_jwt;
pub mod basic;
mod first_admin;
pub mod guesses;
pub mod password;
pub mod presented;
pub mod secret;
pub mod sigv4;
pub mod token;
pub mod verified;

use crate::access::{Caller, Grants, Resource};
use crate::config::DEFAULT_PASSWORD;
use crate::directory::Database;
use crate::error::{Refusal, Result};
use crate::gate::Gate;
use crate::http::Headers;
use basic::Credentials;
use password::PasswordHash;
use presented::Presented;
use token::Token;

/// When a token was used is written so often at most, in seconds.
const USE_NOTED_EVERY: i64 = 3600;

impl<D: Database, O> Gate<'_, D, O> {
    /// Identifies the caller and brings the grants on the wanted resources, with one statement.
    pub async fn sign_in(
        &self,
        presented: &Presented,
        headers: &Headers,
        wanted: &[Resource],
    ) -> Result<(Caller, Grants)> {
        match presented {
            Presented::Token(token, username) => self.by_token(token, username.as_deref(), wanted).await,
            Presented::Password(credentials) => self.by_password(credentials, headers, wanted).await,
        }
    }

    /// A token costs no password hash and knows no lock: nobody guesses 192 bits.
    async fn by_token(&self, token: &Token, username: Option<&str>, wanted: &[Resource]) -> Result<(Caller, Grants)> {
        let refused = |because: &str| Err(Refusal::unauthenticated(because));
        let now = self.seconds();
        let Some(owner) = self.directory.identify_token(&token.hash(), wanted).await? else {
            return refused("no such token: it was revoked, or never was");
        };
        if username.is_some_and(|name| name != owner.caller.username) {
            return refused("a token of another user");
        }
        if owner.expires_at.is_some_and(|expiry| expiry <= now) {
            return refused("a token that has expired");
        }
        if owner.last_used_at.is_none_or(|used| used + USE_NOTED_EVERY <= now) {
            self.directory.token_used(owner.token_id, now).await?;
        }
        Ok((owner.caller, owner.grants))
    }

    /// A wrong password and an unknown name cost the same: a statement, a hash, and a statement that counts it. What
    /// is locked costs the statement alone, whether or not anybody has the name.
    async fn by_password(
        &self,
        credentials: &Credentials,
        headers: &Headers,
        wanted: &[Resource],
    ) -> Result<(Caller, Grants)> {
        let subjects = guesses::subjects(&credentials.username, headers);
        let found = self.directory.identify(&credentials.username, wanted, &subjects).await?;
        let fingerprint = self.isolate.verified.borrow().fingerprint(credentials);
        let is_verified = |stored: &PasswordHash| {
            fingerprint.is_some_and(|print| self.isolate.verified.borrow_mut().knows(&print, stored))
        };
        if let Some((caller, stored, grants)) = &found.user
            && is_verified(stored)
        {
            return Ok((caller.clone(), grants.clone()));
        }
        let now = self.seconds();
        if found.locked_until > now {
            return Err(Refusal::locked(found.locked_until - now));
        }
        self.isolate.count_hash();
        let refused = match found.user {
            None => {
                self.config.password_hash.burn(&credentials.password);
                "no user of this name".to_owned()
            }
            Some((caller, stored, _)) if !self.accepts(credentials, &stored) => {
                format!("wrong password for user {}", caller.id)
            }
            Some((caller, mut stored, grants)) => {
                if found.failures > 0 {
                    // the name's alone: who has an account must not wipe the address's slate with it
                    self.directory.clear(subjects.get(..1).unwrap_or_default()).await?;
                }
                if stored.is_weaker_than(self.config.password_hash) {
                    let better = self.hash(&credentials.password)?;
                    self.directory.renew_hash(caller.id, &stored, &better).await?;
                    stored = better;
                }
                if let Some(fingerprint) = fingerprint {
                    self.isolate.verified.borrow_mut().remember(fingerprint, stored);
                }
                return Ok((caller, grants));
            }
        };
        self.directory.failed(&subjects, now, &guesses::PATIENCE).await?;
        Err(Refusal::unauthenticated(refused))
    }

    /// Whether it is the password. The one that everybody knows is none (CVE-2026-2635), but is hashed like any other.
    fn accepts(&self, credentials: &Credentials, stored: &PasswordHash) -> bool {
        let is_default = credentials.password.expose() == DEFAULT_PASSWORD;
        stored.verifies(&credentials.password) && (!is_default || self.config.allow_default_password)
    }

    /// Now, in seconds since 1970, as the directory keeps times.
    pub fn seconds(&self) -> i64 {
        i64::try_from(self.now).unwrap_or(i64::MAX)
    }
}
