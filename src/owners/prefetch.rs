//! Work for the origin that begins beside the D1 statement, not after it (`FORWARD_EARLY`).
//!
//! Where this isolate has verified the login before, and D1's last answer would allow the request, D1 will most likely
//! say the same again. If it does not, nothing of the origin's answer leaves; and since only reads begin early,
//! nothing was changed.

use futures_util::future::join_all;

use super::authorizer::only_the_answer_tells;
use super::{MOST_CACHED, Owners, Targets, is_immutable};
use crate::authz::{Caller, Grants};
use crate::request::{Call, RequiredAccess, ResourceRef};
use crate::routes::{Answer, Requires, Route};
use crate::upstream::Origin;

impl<O: Origin> Owners<'_, O> {
    /// Sends a read that would go to the origin as it is, if `caller` with these grants may have it, and learns whose the
    /// few parts are that the request names, so that the decision finds them known.
    pub async fn prefetch(&self, call: &mut Call<O::Stream>, targets: &Targets, caller: &Caller, grants: &Grants) {
        let may_be_asked = targets.are_known() || (is_by_response(call) && only_the_answer_tells(call, targets));
        if is_plain_read(call) && may_be_asked && self.known_requirements_met(targets, caller, grants) {
            self.proxy.start_prefetch(caller, call);
        }
        self.prefetch_owners(call, targets, caller).await;
    }

    /// Prefetches the experiment of each child that the request names. Errors are ignored: the decision repeats the look-up and
    /// fails on them.
    async fn prefetch_owners(&self, call: &Call<O::Stream>, targets: &Targets, caller: &Caller) {
        let is_in_vain = caller.is_admin || (caller.sign_in.only_reads() && !call.reads());
        if is_in_vain || is_by_response(call) {
            return; // the answer will tell
        }
        let part = |access: &'_ RequiredAccess| match &access.subject {
            ResourceRef::Child(part, id) if is_immutable(*part) => Some((*part, id.clone())),
            _ => None,
        };
        let unknown = || targets.required.iter().zip(&targets.known).filter(|(_, cell)| cell.get().is_none());
        let mut parts: Vec<_> = unknown().filter_map(|(access, _)| part(access)).collect();
        parts.dedup();
        if parts.is_empty() || parts.len() > MOST_CACHED {
            return;
        }
        join_all(parts.iter().map(|(part, id)| self.parent(*part, id, true))).await;
        for (access, cell) in unknown() {
            let _ = self.known(&access.subject).map(|resource| cell.set(resource));
        }
    }
}

fn is_by_response<S>(call: &Call<S>) -> bool {
    call.row.is_some_and(|row| matches!(row.answer, Answer::ByResponse(_)))
}

/// Returns true if it only reads, and goes to the origin as it is.
fn is_plain_read<S>(call: &Call<S>) -> bool {
    let goes_as_it_is = |row: &Route| matches!(row.requires, Requires::All(_)) && row.is_decided_at_once();
    call.method.is_safe() && call.row.is_some_and(|row| goes_as_it_is(row) && row.reads())
}
