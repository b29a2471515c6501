//! The gate: the way of a request, from top to bottom.

use crate::accounts::{Accounts, Database};
use crate::authn::edge::Edge;
use crate::authn::presented::{self, Presented};
use crate::authz::{self, Caller, Grants, SignIn};
use crate::config::Config;
use crate::error::{Page, Refusal, Result};
use crate::http::{Body, Method, Request, Response};
use crate::request::{Call, Demand, Subject, Target};
use crate::routes::{Need, Row, Then};
use crate::state::State;
use crate::upstream::Origin;

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
    /// What the platform does for a sign-in.
    pub edge: &'a dyn Edge,
    /// What this isolate remembers.
    pub state: &'a State,
    /// Seconds since 1970.
    pub now: u64,
    /// Fills a buffer with random bytes; `false` if the platform has none.
    pub random: fn(&mut [u8]) -> bool,
}

impl<D: Database, O: Origin> Gate<'_, D, O> {
    /// Answers a request. `log` gets the reason of every refusal.
    pub async fn handle(&self, request: Request<O::Stream>, log: impl Fn(u16, &str)) -> Response<O::Stream> {
        let head = request.method == Method::Head;
        let mut response = match self.answer(request).await {
            Ok(response) => response,
            Err(refusal) => {
                let because = refusal.log_line();
                let response = refusal.into_response();
                log(response.status, &because);
                response
            }
        };
        if head {
            response.body = Body::Empty;
        }
        response
    }

    async fn answer(&self, request: Request<O::Stream>) -> Result<Response<O::Stream>> {
        self.open().await?;
        let target = Target::parse(&request, self.config);
        if target.as_ref().is_ok_and(Target::is_public) {
            let mut call = target?.read(request, 0, false).await?;
            return match call.row {
                Some(Row { then: Then::Cache, .. }) => self.public_file(&mut call).await,
                _ => self.forward(&mut call, None).await,
            };
        }
        let presented = presented::read(&request, self.config)?;
        let address = request.headers.get("cf-connecting-ip").map(str::to_owned);
        let mut call = match target {
            Ok(target) => self.read(target, request, &presented, address.as_deref()).await?,
            Err(refusal) => Err(refusal),
        };
        if let Presented::Signature(signature) = &presented {
            self.check_signature(signature, call.as_ref().ok())?;
        }
        let demands = call.as_ref().map(Call::demands).unwrap_or(Ok(Vec::new()));
        let (caller, grants) = self.identify(&presented, address.as_deref(), call.as_mut().ok(), &demands).await?;
        let call = call?;
        let row = call.row;
        let answer = self.decide(call, demands, caller, grants).await;
        if row.is_some_and(Row::writes_directory) {
            self.state.verified.borrow_mut().ask_again();
        }
        answer
    }

    /// Reads a request as far as its row wants to know of it: at once where that is little, or where this isolate has
    /// verified the login before. Of everybody else the beginning of the body is read, and the rest of it, or what is
    /// packed in it, when the login has proved good. The outer error is that of the login, the inner one of the request.
    async fn read(
        &self,
        target: Target,
        request: Request<O::Stream>,
        presented: &Presented,
        address: Option<&str>,
    ) -> Result<Result<Call<O::Stream>>> {
        let limit = self.config.body_limit;
        let held = matches!(presented, Presented::Signature(_));
        let is_known = request.body.is_none() || self.has_verified(presented);
        let most = if is_known { limit } else { limit.min(BEFORE_SIGN_IN) };
        let arriving = match target.begin(request, most, held).await {
            Ok(arriving) => arriving,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !is_known && !arriving.is_cheap() {
            self.admit(presented, address).await?;
        }
        Ok(arriving.finish(limit).await)
    }

    /// Whether these grants are enough for what is known to be asked for.
    pub fn would_do(&self, demands: &[Demand], caller: &Caller, grants: &Grants) -> bool {
        let default = self.config.default_permission;
        demands.iter().all(|demand| {
            let resource = self.known(&demand.subject);
            resource.is_none_or(|it| authz::decide(caller, grants, default, demand.capability, &it).is_ok())
        })
    }

    /// Decides what the row needs, and does what it says then.
    async fn decide(
        &self,
        mut call: Call<O::Stream>,
        demands: Result<Vec<Demand>>,
        caller: Caller,
        grants: Grants,
    ) -> Result<Response<O::Stream>> {
        if caller.sign_in == SignIn::ReadOnlyToken && !call.reads() {
            return Err(Refusal::denied(format!("the token of user {} may only read", caller.id)));
        }
        let Some(row) = call.row else { return self.unknown(call, &caller).await };
        match row.need {
            _ if caller.is_admin => check_for_admin(demands)?,
            Need::Nobody | Need::Login => {}
            Need::GraphQl => return self.graphql(call, &demands?, &caller, grants).await,
            Need::Admin => return Err(Refusal::denied(format!("user {} is no administrator", caller.id))),
            Need::Oneself(parameter) => crate::admin::require_oneself(&call, parameter, &caller)?,
            Need::All(_) => {
                let demands = demands?;
                match row.then {
                    Then::Judge(path) if self.is_to_be_judged(&call, &demands) => {
                        return self.judge(call, &demands, &caller, path).await;
                    }
                    Then::Narrow => return self.narrow(call, &demands, &caller, &grants).await,
                    Then::Filter(_) => self.require(&demands, &caller, grants).await?,
                    _ if demands.is_empty() => return Err(nothing_named(row)),
                    _ => self.require(&demands, &caller, grants).await?,
                }
            }
        }
        match row.then {
            Then::Judge(path) if !caller.is_admin && matches!(row.need, Need::Login) => {
                self.judge(call, &[], &caller, path).await
            }
            Then::Conceal(nothing) if !caller.is_admin => Ok(Response::new(200, "application/json", nothing)),
            Then::Learn(part, object) => self.forward_and_learn(call, &caller, part, object).await,
            Then::Serve(endpoint) => crate::admin::serve(self, endpoint, &call, &caller).await,
            Then::Filter(listing) if !caller.is_admin => self.filter(call, &caller, listing).await,
            Then::Settle(settlement) => self.settle(call, &caller, settlement).await,
            _ => self.forward(&mut call, Some(&caller)).await,
        }
    }

    /// Every demand must be met; those whose experiment is unknown cost look-ups and a second statement.
    pub async fn require(&self, demands: &[Demand], caller: &Caller, mut grants: Grants) -> Result<()> {
        let subjects: Vec<&Subject> = demands.iter().map(|demand| &demand.subject).collect();
        let resources = self.resolve(&subjects).await?;
        if !grants.cover(resources.iter().flatten()) {
            grants = self.accounts.grants(caller.id, &resources.concat()).await?;
        }
        let default = self.config.default_permission;
        demands.iter().zip(&resources).try_for_each(|(demand, resources)| {
            let mut each = resources.iter();
            each.try_for_each(|resource| authz::decide(caller, &grants, default, demand.capability, resource))
        })
    }

    /// What the table does not know is for administrators; a path that is ours is never forwarded.
    async fn unknown(&self, mut call: Call<O::Stream>, caller: &Caller) -> Result<Response<O::Stream>> {
        match call.method {
            Method::Options if call.is_ours() => {
                let mut response = Response::new(200, "text/html; charset=utf-8", "");
                response.headers.append("Allow", call.allow());
                Ok(response)
            }
            _ if call.is_ours() => Err(Refusal::page(Page::MethodNotAllowed(call.allow()))),
            Method::Other => Err(Refusal::page(Page::MethodNotAllowed(String::new()))),
            _ if caller.is_admin => self.forward(&mut call, Some(caller)).await,
            _ => Err(Refusal::denied(format!("no row for {} {}", call.method.as_str(), call.path))),
        }
    }
}

/// A row whose ids may all be missing says nothing about a request that has none of them.
fn nothing_named(row: &Row) -> Refusal {
    match row.need {
        Need::All([claim, ..]) => Refusal::missing(claim.parts().1.parameters.first().unwrap_or(&"id")),
        _ => Refusal::denied("the request names nothing"),
    }
}

/// An administrator may do everything, but what goes to the origin is canonical for one too. What is only missing,
/// or of a media type that the origin refuses, is left to the origin's own words.
fn check_for_admin(demands: Result<Vec<Demand>>) -> Result<()> {
    demands.map(drop).or_else(|refusal| if refusal.is_left_to_origin() { Ok(()) } else { Err(refusal) })
}
