//! The way of an answer before it leaves: as it is, decided on its content, with fewer rows, or recorded.

pub mod by_response;
pub mod effects;
pub mod embedded;
pub mod filter;
pub mod graphql;
pub mod page_token;
pub mod restrict;
mod rows;
pub mod server_info;
pub mod static_files;

use crate::accounts::{Accounts, Database};
use crate::admin::{self, Admin};
use crate::authz::{self, Caller, Grants, Permit, Permitted, Question, Requirement};
use crate::config::Config;
use crate::error::{Page, Rejection, Result};
use crate::http::{Method, Response};
use crate::owners::Owners;
use crate::owners::authorizer::{Asker, Authorizer, only_the_answer_tells};
use crate::request::Call;
use crate::routes::{Answer, Requires, Route};
use crate::upstream::Origin;
use crate::upstream::proxy::Proxy;

/// The stage that answers.
pub struct Responder<'a, D, O: Origin> {
    /// The operator's configuration.
    pub config: &'a Config,
    /// Users and grants.
    pub accounts: &'a Accounts<D>,
    /// The way to the origin.
    pub proxy: &'a Proxy<'a, O>,
    /// The owners of children.
    pub owners: &'a Owners<'a, O>,
    /// Permits.
    pub authorizer: &'a Authorizer<'a, D, O>,
    /// The endpoints that are answered here.
    pub admin: &'a Admin<'a, D>,
    /// Fills a buffer with random bytes; `false` if the platform has none.
    pub random: fn(&mut [u8]) -> bool,
}

type Answered<S> = Result<Permitted<Response<S>>>;

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Answers what needs no login.
    pub async fn public(&self, mut call: Call<O::Stream>) -> Answered<O::Stream> {
        let question = Question { requirement: Requirement::Public, reads: call.reads(), administers: false };
        let permit = authz::decide(&question, None, &Grants::default(), self.config.policy())?;
        let answer = if call.row.is_some_and(|route| route.answer == Answer::CachePublic) {
            self.static_file(&permit, &mut call).await?
        } else if call.row.is_some_and(|route| route.answer == Answer::ServerInfo) {
            self.server_info(&permit, &mut call).await?
        } else {
            self.proxy.forward(&permit, &mut call).await?
        };
        Ok(permit.release(answer))
    }

    /// Decides what the row requires, and does with the answer what the row says.
    pub async fn respond(&self, call: Call<O::Stream>, asker: Asker<'_>) -> Answered<O::Stream> {
        let caller = asker.caller;
        let Some(route) = call.row else { return self.without_row(call, caller).await };
        if caller.is_admin {
            return self.decided_by_request(route, call, asker).await; // nothing is hidden from one
        }
        match route.answer {
            Answer::ByResponse(path) => self.by_response_or_request(route, call, asker, path).await,
            Answer::RestrictIds => self.restrict(call, asker).await,
            Answer::GraphQl => self.graphql(route, call, asker).await,
            Answer::FilterRows(listing) => {
                let permit = self.authorizer.permit(route, &call, asker).await?;
                self.filter(permit, call, caller, listing).await
            }
            Answer::EmptyUnlessAdmin(nothing) => {
                let permit = self.authorizer.permit(route, &call, asker).await?;
                Ok(permit.release(Response::new(200, "application/json", nothing)))
            }
            Answer::Redact(path, embedding) => {
                let permit = self.authorizer.permit(route, &call, asker).await?;
                self.redact(permit, call, caller, path, embedding).await
            }
            Answer::UsableModels => {
                let permit = self.authorizer.permit(route, &call, asker).await?;
                self.usable_models(permit, call, caller).await
            }
            Answer::AsIs | Answer::CachePublic | Answer::Local(_) => self.decided_by_request(route, call, asker).await,
            Answer::ServerInfo => self.decided_by_request(route, call, asker).await,
            Answer::Effect(_) | Answer::RememberParent(..) => self.decided_by_request(route, call, asker).await,
        }
    }

    /// Decides by the request alone, and does what the row says.
    async fn decided_by_request(
        &self,
        route: &Route,
        mut call: Call<O::Stream>,
        asker: Asker<'_>,
    ) -> Answered<O::Stream> {
        let caller = asker.caller;
        let permit = self.authorizer.permit(route, &call, asker).await?;
        match route.answer {
            Answer::Local(endpoint) => admin::serve(self.admin, permit, endpoint, &call, caller).await,
            Answer::Effect(effect) => self.effect(permit, call, caller, effect).await,
            Answer::RememberParent(part, object) => self.remember_parent(permit, call, part, object).await,
            Answer::ServerInfo => {
                let answer = self.server_info(&permit, &mut call).await?;
                Ok(permit.release(answer))
            }
            Answer::AsIs | Answer::CachePublic => self.as_it_is(permit, &mut call).await,
            Answer::Redact(..) | Answer::UsableModels => self.as_it_is(permit, &mut call).await,
            Answer::FilterRows(_) | Answer::EmptyUnlessAdmin(_) => self.as_it_is(permit, &mut call).await,
            Answer::ByResponse(_) | Answer::RestrictIds | Answer::GraphQl => self.as_it_is(permit, &mut call).await,
        }
    }

    async fn as_it_is(&self, permit: Permit, call: &mut Call<O::Stream>) -> Answered<O::Stream> {
        let answer = self.proxy.forward(&permit, call).await?;
        Ok(permit.release(answer))
    }

    /// The answer decides where only it tells the experiment, and the request where that is known.
    async fn by_response_or_request(
        &self,
        route: &Route,
        call: Call<O::Stream>,
        asker: Asker<'_>,
        path: &[&str],
    ) -> Answered<O::Stream> {
        let by_response = match (&route.requires, &asker.targets) {
            (Requires::Authenticated, _) => true,
            (_, Ok(targets)) => only_the_answer_tells(&call, targets),
            (_, Err(_)) => false,
        };
        if by_response {
            return self.by_response(call, asker, path).await;
        }
        self.decided_by_request(route, call, asker).await
    }

    /// Answers a request that no row covers: for administrators; a path that is ours is never forwarded.
    async fn without_row(&self, mut call: Call<O::Stream>, caller: &Caller) -> Answered<O::Stream> {
        match call.method {
            Method::Options if call.is_ours() => {
                let question =
                    Question { requirement: Requirement::Authenticated, reads: call.reads(), administers: false };
                let permit = authz::decide(&question, Some(caller), &Grants::default(), self.config.policy())?;
                let mut response = Response::new(200, "text/html; charset=utf-8", "");
                response.headers.append("Allow", call.allow());
                Ok(permit.release(response))
            }
            _ if call.is_ours() => Err(Rejection::page(Page::MethodNotAllowed(call.allow()))),
            Method::Other => Err(Rejection::page(Page::MethodNotAllowed(String::new()))),
            _ => {
                let permit = self.authorizer.unknown(&call, caller)?;
                self.as_it_is(permit, &mut call).await
            }
        }
    }
}
