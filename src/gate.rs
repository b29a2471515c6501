//! The gate: the way of a request, from top to bottom. Nothing else knows this order.

use crate::accounts::{Accounts, Database};
use crate::admin::Admin;
use crate::authn::Authenticator;
use crate::authn::credential::{self, Credential};
use crate::authn::identify::Wanted;
use crate::authn::platform::Platform;
use crate::authz::{self, Caller, Grants, Permitted};
use crate::config::Config;
use crate::error::Result;
use crate::http::{Body, Method, Request, Response};
use crate::observe::Exchange;
use crate::observe::counted::{CountedDatabase, CountedOrigin};
use crate::owners::authorizer::{Asker, Authorizer};
use crate::owners::{Owners, Targets};
use crate::request::{Call, Target};
use crate::respond::Responder;
use crate::routes::{Answer, Route};
use crate::state::IsolateState;
use crate::upstream::Origin;
use crate::upstream::proxy::Proxy;

/// So many bytes of a body are read, and looked at, before it is known who sends it.
const BEFORE_SIGN_IN: usize = 32 * 1024;

/// Everything that a request needs: the configuration, the two doors to the outside, memory, time and randomness.
pub struct Gate<'a, D, O> {
    /// The operator's configuration.
    pub config: &'a Config,
    /// Users and grants.
    pub accounts: Accounts<D>,
    /// The MLflow server.
    pub origin: O,
    /// The platform.
    pub platform: &'a dyn Platform,
    /// The memory of this isolate.
    pub state: &'a IsolateState,
    /// Seconds since 1970.
    pub now: u64,
    /// Milliseconds since 1970, while the request goes on.
    pub clock: fn() -> u64,
    /// Fills a buffer with random bytes; `false` if the platform has none.
    pub random: fn(&mut [u8]) -> bool,
}

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Answers a request. `observe` sees what became of it.
    pub async fn handle(&self, request: Request<O::Stream>, observe: impl Fn(&Exchange)) -> Response<O::Stream> {
        let head = request.method == Method::Head;
        let mut exchange = Exchange::begin(&request, self.now, self.clock, self.random);
        let mut response = match self.answer(request, &mut exchange).await.map(Permitted::into_parts) {
            Ok(permitted) => exchange.allowed(permitted),
            Err(rejection) => exchange.refused(rejection),
        };
        observe(&exchange);
        if head {
            response.body = Body::Empty;
        }
        response
    }

    async fn answer(
        &self,
        request: Request<O::Stream>,
        exchange: &mut Exchange,
    ) -> Result<Permitted<Response<O::Stream>>> {
        let Self { config, platform, now, random, .. } = self;
        let (config, memory, cost) = (*config, &self.state.sign_ins, &*exchange.cost.clone());
        let accounts = &Accounts(CountedDatabase { inner: &self.accounts.0, cost });
        let origin = &CountedOrigin { inner: &self.origin, cost: exchange.cost.clone() };
        let authn = &Authenticator { config, accounts, platform: *platform, memory, cost, now: *now, random: *random };
        let proxy = &Proxy::new(origin, config);
        let owners = &Owners { proxy, config, parents: &self.state.parents };
        let authorizer = &Authorizer { accounts, owners };
        let admin = &Admin { config, accounts, authn };
        let responder = Responder { config, accounts, proxy, owners, authorizer, admin, random: *random };

        authn.ensure_bootstrapped().await?;
        let target = Target::parse(&request, config);
        exchange.route = target.as_ref().ok().and_then(Target::row);
        if target.as_ref().is_ok_and(Target::is_public) {
            return responder.public(target?.read(request, 0, false).await?).await;
        }
        let presented = credential::read(&request, config)?;
        let address = exchange.address.clone();
        let mut call = match target {
            Ok(target) => read(authn, target, request, &presented, address.as_deref()).await?,
            Err(rejection) => Err(rejection),
        };
        if let Credential::Signature(signature) = &presented {
            authn.check_signature(signature, call.as_ref().ok())?;
        }
        let required = call.as_ref().map(Call::required_access).unwrap_or(Ok(Vec::new()));
        let targets = required.map(|required| owners.targets(required));
        let (caller, grants) = identify(authn, owners, &presented, address.as_deref(), &mut call, &targets).await?;
        exchange.caller = Some(caller.clone());
        responder.respond(call?, Asker { caller: &caller, grants, targets }).await
    }
}

/// Reads a request as far as its row wants to know of it: at once where that is little, or where this isolate has
/// verified the login before. Of everybody else the beginning of the body is read, and the rest of it, or what is
/// packed in it, when the login has proved good. The outer error is that of the login, the inner one of the request.
async fn read<D: Database, S: crate::http::ByteStream>(
    authn: &Authenticator<'_, D>,
    target: Target,
    request: Request<S>,
    presented: &Credential,
    address: Option<&str>,
) -> Result<Result<Call<S>>> {
    let limit = authn.config.body_limit;
    let held = matches!(presented, Credential::Signature(_));
    let is_known = request.body.is_none() || authn.has_verified(presented);
    let most = if is_known { limit } else { limit.min(BEFORE_SIGN_IN) };
    let arriving = match target.begin(request, most, held).await {
        Ok(arriving) => arriving,
        Err(rejection) => return Ok(Err(rejection)),
    };
    if !is_known && !arriving.is_cheap() {
        authn.admit(presented, address).await?;
    }
    Ok(arriving.finish(limit).await)
}

/// Finds out who it is, with the grants on everything that is known to be asked for; what the origin can do meanwhile
/// begins beside that.
async fn identify<D: Database, O: Origin>(
    authn: &Authenticator<'_, D>,
    owners: &Owners<'_, O>,
    presented: &Credential,
    address: Option<&str>,
    call: &mut Result<Call<O::Stream>>,
    targets: &Result<Targets>,
) -> Result<(Caller, Grants)> {
    let targets = targets.as_ref().ok();
    let known = targets.map(Targets::known_requirements).unwrap_or_default();
    let row = call.as_ref().ok().and_then(|call| call.row);
    let is_ours = row.is_none_or(|row| matches!(row.answer, Answer::Local(_)));
    let wanted = Wanted {
        is_all: row.is_some_and(Route::is_decided_at_once) && targets.is_some_and(Targets::are_known),
        may_be_remembered: call.is_ok() && !is_ours,
        patterns: &authz::patterns(&known),
        suffices: &|caller, grants| {
            targets.is_none_or(|targets| owners.known_requirements_met(targets, caller, grants))
        },
    };
    let meanwhile = match (call, targets) {
        (Ok(call), Some(targets)) if authn.config.forward_early => {
            Some(async |caller: Caller, grants: Grants| owners.prefetch(call, targets, &caller, &grants).await)
        }
        _ => None,
    };
    authn.identify(presented, address, &wanted, meanwhile).await
}
