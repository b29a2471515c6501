//! Who it is: out of memory where the operator accepts it, from a replica or the primary of D1 else; and what the
//! origin may begin meanwhile.

use futures_util::future::join;

use super::presented::Presented;
use super::verified::Fingerprint;
use crate::accounts::Database;
use crate::authz::{Caller, Grants, Resource};
use crate::error::{Refusal, Result};
use crate::gate::Gate;
use crate::request::{Call, Demand};
use crate::routes::{Row, Then};
use crate::upstream::Origin;

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Who it is, with the grants on everything that is known to be asked for: one statement, beside which the origin
    /// may begin, or none where D1's last answer is still good.
    pub async fn identify(
        &self,
        presented: &Presented,
        address: Option<&str>,
        call: Option<&mut Call<O::Stream>>,
        demands: &Result<Vec<Demand>>,
    ) -> Result<(Caller, Grants)> {
        let asked = demands.as_deref().unwrap_or_default();
        let wanted: Vec<Resource> = asked.iter().filter_map(|demand| self.known(&demand.subject)).collect();
        let login = self.state.verified.borrow().fingerprint(presented);
        let row = call.as_ref().and_then(|call| call.row);
        let sign_in = self.sign_in_anywhere(presented, login, address, &wanted, row, demands);
        let (Some(login), Some(call)) = (login, call) else { return sign_in.await };
        let is_ours = call.row.is_none_or(|row| matches!(row.then, Then::Serve(_)));
        if !is_ours && let Some(found) = self.state.verified.borrow_mut().still_good(&login, &wanted, self.now) {
            return Ok(found);
        }
        let last = self.state.verified.borrow_mut().last(&login, &wanted);
        match last.filter(|_| self.config.forward_early && demands.is_ok()) {
            None => sign_in.await,
            Some((caller, grants)) => {
                self.begin(call, asked, &caller, &grants);
                join(sign_in, self.look_ahead(call, asked, &caller)).await.0
            }
        }
    }

    /// Returns true if this isolate has verified the login before.
    pub fn has_verified(&self, presented: &Presented) -> bool {
        let verified = self.state.verified.borrow();
        verified.fingerprint(presented).is_some_and(|login| verified.remembers(&login))
    }

    /// Lets in those of whom more may be read than of anybody: whoever signs in, before a word of the request is
    /// decided. The login is remembered, so that no password is hashed again for the decision. A signature can only be
    /// verified with the whole body: of an access key it has to be known first that it exists.
    pub async fn admit(&self, presented: &Presented, address: Option<&str>) -> Result<()> {
        self.accounts.0.to_primary();
        let Presented::Signature(signature) = presented else {
            let login = self.state.verified.borrow().fingerprint(presented);
            return self.sign_in(presented, login, address, &[]).await.map(drop);
        };
        let owner = self.accounts.identify_token(signature.access_key_id(), &[]).await?;
        let is_good = |expiry: i64| expiry > self.seconds();
        let exists = owner.is_some_and(|owner| owner.expires_at.is_none_or(is_good));
        if exists { Ok(()) } else { Err(Refusal::unauthenticated("no such access key, or one that has expired")) }
    }

    /// Signs in at a replica if that may do, and at the primary if it does not. What is decided by more than this one
    /// statement begins at the primary, and so does what is answered here.
    async fn sign_in_anywhere(
        &self,
        presented: &Presented,
        login: Option<Fingerprint>,
        address: Option<&str>,
        wanted: &[Resource],
        row: Option<&Row>,
        demands: &Result<Vec<Demand>>,
    ) -> Result<(Caller, Grants)> {
        let asked = demands.as_deref().unwrap_or_default();
        let is_known = |demand: &Demand| self.known(&demand.subject).is_some();
        if !row.is_some_and(Row::is_decided_at_once) || demands.is_err() || !asked.iter().all(is_known) {
            self.accounts.0.to_primary();
        }
        let found = self.sign_in(presented, login, address, wanted).await;
        if !self.accounts.0.to_primary() {
            return found;
        }
        let stands = match &found {
            Ok((caller, grants)) => self.would_do(asked, caller, grants),
            Err(refusal) => !refusal.is_unauthenticated(), // a replica that fails is a failure, and is to be seen
        };
        if stands { found } else { self.sign_in(presented, login, address, wanted).await }
    }
}
