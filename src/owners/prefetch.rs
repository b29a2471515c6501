//! Work for the origin that begins beside the D1 statement, not after it (`FORWARD_EARLY`).
//!
//! Where this isolate has verified the login before, and D1's last answer would allow the request, D1 will most likely
//! say the same again. If it does not, nothing of the origin's answer leaves; and since only reads begin early,
//! nothing was changed.

use futures_util::future::join_all;

use super::{MOST_CACHED, stays};
use crate::accounts::Database;
use crate::authz::{Caller, Grants, SignIn};
use crate::gate::Gate;
use crate::request::{Call, Demand, Subject};
use crate::routes::{Need, Then};
use crate::upstream::{Answer, Origin};

/// A request that is on its way, in the name of this user.
pub struct Early<S> {
    /// Who the origin was told it is.
    pub username: String,
    /// What it will say.
    pub answer: Answer<S>,
}

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Sends a read that [`Gate::forward`] would send unchanged, if `caller` with these grants may have it. The answer
    /// waits there for the decision.
    pub fn begin(&self, call: &mut Call<O::Stream>, demands: &[Demand], caller: &Caller, grants: &Grants) {
        let is_unknown = demands.iter().any(|demand| self.known(&demand.subject).is_none());
        let may_be_asked = !is_unknown || (is_judged(call) && self.is_to_be_judged(call, demands));
        if is_plain_read(call) && may_be_asked && self.would_do(demands, caller, grants) {
            let username = caller.username.clone();
            let answer = self.origin.send(self.outgoing(call, Some(&username)));
            call.early = Some(Early { username, answer });
        }
    }

    /// Learns whose the few parts are that the request names, so that the decision finds them known. What fails is
    /// asked for again by the decision, and is a refusal then.
    pub async fn look_ahead(&self, call: &Call<O::Stream>, demands: &[Demand], caller: &Caller) {
        let is_in_vain = caller.is_admin || (caller.sign_in == SignIn::ReadOnlyToken && !call.reads());
        if is_in_vain || is_judged(call) {
            return; // of what is judged, the answer will tell
        }
        let parts = demands.iter().filter(|demand| self.known(&demand.subject).is_none());
        let parts = parts.filter_map(|demand| match &demand.subject {
            Subject::Part(part, id) if stays(*part) => Some((*part, id.as_str())),
            _ => None,
        });
        let mut parts: Vec<_> = parts.collect();
        parts.dedup();
        if parts.len() <= MOST_CACHED {
            join_all(parts.into_iter().map(|(part, id)| self.parent(part, id, true))).await;
        }
    }
}

fn is_judged<S>(call: &Call<S>) -> bool {
    call.row.is_some_and(|row| matches!(row.then, Then::Judge(_)))
}

/// Whether it only reads, and goes to the origin as it is.
fn is_plain_read<S>(call: &Call<S>) -> bool {
    call.method.is_safe()
        && call.row.is_some_and(|row| {
            matches!(row.need, Need::All(_))
                && matches!(row.then, Then::Forward | Then::Stream | Then::Judge(_) | Then::Learn(..))
                && row.reads()
        })
}
