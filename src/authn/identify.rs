//! Identification: out of memory where the operator accepts it, from a replica or the primary of D1 else.

use futures_util::future::join;

use super::Authenticator;
use super::auth_cache::Fingerprint;
use super::credential::Credential;
use crate::accounts::Database;
use crate::authz::{Caller, Grants, Resource};
use crate::error::{Rejection, Result};

/// The things that are asked for beside the identity.
pub struct Wanted<'a> {
    /// The patterns on which the caller's grants are wanted.
    pub patterns: &'a [Resource],
    /// True if this is all that D1 is asked about the request, so that a replica may answer.
    pub is_all: bool,
    /// True if an answer of D1 that is still good will do (`AUTH_CACHE_TTL_SECONDS`).
    pub may_be_remembered: bool,
    /// True if the caller is let through by what D1 says, as far as it is known by now.
    pub suffices: &'a dyn Fn(&Caller, &Grants) -> bool,
}

impl<D: Database> Authenticator<'_, D> {
    /// Identifies the caller, with the grants on the wanted resources: one statement, or none where D1's last answer is
    /// still good.
    ///
    /// `meanwhile` runs beside the statement where this isolate has verified the login before, with what D1 said last.
    /// Nothing can be allowed by that.
    pub async fn identify(
        &self,
        presented: &Credential,
        address: Option<&str>,
        wanted: &Wanted<'_>,
        meanwhile: Option<impl AsyncFnOnce(Caller, Grants)>,
    ) -> Result<(Caller, Grants)> {
        let login = self.memory.verified.borrow().fingerprint(presented);
        let sign_in = self.sign_in_anywhere(presented, login, address, wanted);
        let Some(login) = login else { return sign_in.await };
        if wanted.may_be_remembered {
            let good = self.memory.verified.borrow_mut().fresh(&login, wanted.patterns, self.now);
            if let Some(found) = good {
                return Ok(found);
            }
        }
        let last = self.memory.verified.borrow_mut().last_answer(&login, wanted.patterns);
        match last.zip(meanwhile) {
            None => sign_in.await,
            Some(((caller, grants), meanwhile)) => join(sign_in, meanwhile(caller, grants)).await.0,
        }
    }

    /// Returns true if this isolate has verified the login before.
    pub fn has_verified(&self, presented: &Credential) -> bool {
        let verified = self.memory.verified.borrow();
        verified.fingerprint(presented).is_some_and(|login| verified.remembers(&login))
    }

    /// Lets in those of whom more may be read than of anybody: whoever signs in, before a word of the request is
    /// decided. The login is remembered, so that no password is hashed again for the decision. A signature can only be
    /// verified with the whole body: of an access key it has to be known first that it exists.
    pub async fn admit(&self, presented: &Credential, address: Option<&str>) -> Result<()> {
        self.accounts.0.switch_to_primary();
        let Credential::Signature(signature) = presented else {
            let login = self.memory.verified.borrow().fingerprint(presented);
            return self.sign_in(presented, login, address, &[]).await.map(drop);
        };
        let owner = self.accounts.identify_token(signature.access_key_id(), &[]).await?;
        let is_good = |expiry: i64| expiry > self.seconds();
        let exists = owner.is_some_and(|owner| owner.expires_at.is_none_or(is_good));
        if exists { Ok(()) } else { Err(Rejection::unauthenticated("no such access key, or one that has expired")) }
    }

    /// Signs in at a replica if that may do, and at the primary if it does not.
    async fn sign_in_anywhere(
        &self,
        presented: &Credential,
        login: Option<Fingerprint>,
        address: Option<&str>,
        wanted: &Wanted<'_>,
    ) -> Result<(Caller, Grants)> {
        if !wanted.is_all {
            self.accounts.0.switch_to_primary();
        }
        let found = self.sign_in(presented, login, address, wanted.patterns).await;
        let may_be_stale = self.accounts.0.answered_by_replica();
        self.accounts.0.switch_to_primary();
        if !may_be_stale {
            return found;
        }
        let stands = match &found {
            Ok((caller, grants)) => (wanted.suffices)(caller, grants),
            Err(rejection) => !rejection.is_unauthenticated(), // a replica that fails is a failure, and is to be seen
        };
        if stands { found } else { self.sign_in(presented, login, address, wanted.patterns).await }
    }
}
