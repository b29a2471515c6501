//! The gate: the way of a request, from top to bottom.

use crate::access::{self, Caller, Capability, Grants, Resource};
use crate::config::{Config, DEFAULT_PASSWORD};
use crate::directory::{Database, Directory};
use crate::error::{Code, Page, Refusal, Result};
use crate::http::{Body, Method, Request, Response};
use crate::identity::basic::{self, Credentials};
use crate::isolate::Isolate;
use crate::origin::{Origin, OriginRequest, collect, headers, parents};
use crate::request::json::Json;
use crate::request::path::encode;
use crate::request::{Call, Demand, Payload, Subject, Target, origin_of};
use crate::routes::{Need, Then};

/// Everything that a request needs: the configuration, the two doors to the outside, memory, time and randomness.
pub struct Gate<'a, D, O> {
    /// The operator's configuration.
    pub config: &'a Config,
    /// Users and grants.
    pub directory: Directory<D>,
    /// The MLflow server.
    pub origin: O,
    /// What this isolate remembers.
    pub isolate: &'a Isolate,
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
                let because = refusal.because().to_owned();
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
            let mut call = target?.read(request, self.config.body_limit).await?;
            return self.forward(&mut call, None).await;
        }
        let credentials = basic::credentials(&request.headers)?;
        let call = match target {
            Ok(target) => target.read(request, self.config.body_limit).await,
            Err(refusal) => Err(refusal),
        };
        let demands = call.as_ref().map(Call::demands).unwrap_or(Ok(Vec::new()));
        let (caller, grants) = self.identify(&credentials, demands.as_deref().unwrap_or_default()).await?;
        self.decide(call?, demands, caller, grants).await
    }

    /// Who it is, with the grants on everything that is known to be asked for: one statement.
    async fn identify(&self, credentials: &Credentials, demands: &[Demand]) -> Result<(Caller, Grants)> {
        let wanted: Vec<Resource> = demands.iter().filter_map(|demand| self.known(&demand.subject)).collect();
        crate::identity::identify(&self.directory, self.isolate, self.config.password_hash, credentials, &wanted).await
    }

    /// Decides what the row needs, and does what it says then.
    async fn decide(
        &self,
        mut call: Call<O::Stream>,
        demands: Result<Vec<Demand>>,
        caller: Caller,
        grants: Grants,
    ) -> Result<Response<O::Stream>> {
        let Some(row) = call.row else { return self.unknown(call, &caller).await };
        match row.need {
            _ if caller.is_admin => check_for_admin(demands)?,
            Need::Nobody | Need::Login => {}
            Need::Admin => return Err(Refusal::denied(format!("user {} is no administrator", caller.id))),
            Need::Oneself(parameter) => crate::api::require_oneself(&call, parameter, &caller)?,
            Need::All(_) => {
                let demands = demands?;
                match row.then {
                    Then::Judge(path) if self.is_to_be_judged(&call, &demands) => {
                        return self.judge(call, &demands, &caller, path).await;
                    }
                    Then::Narrow => return self.narrow(call, &demands, &caller, &grants).await,
                    _ => self.require(&demands, &caller, grants).await?,
                }
            }
        }
        match row.then {
            Then::Serve(endpoint) => crate::api::serve(self, endpoint, &call, &caller).await,
            Then::Filter(listing) if !caller.is_admin => self.filter(call, &caller, listing).await,
            Then::Settle(settlement) => self.settle(call, &caller, settlement).await,
            _ => self.forward(&mut call, Some(&caller)).await,
        }
    }

    /// Every demand must be met; those whose experiment is unknown cost look-ups and a second statement.
    async fn require(&self, demands: &[Demand], caller: &Caller, mut grants: Grants) -> Result<()> {
        let subjects: Vec<&Subject> = demands.iter().map(|demand| &demand.subject).collect();
        let was_known = subjects.iter().all(|subject| self.known(subject).is_some());
        let resources = self.resolve(&subjects).await?;
        if !was_known {
            grants = self.directory.grants(caller.id, &resources).await?;
        }
        demands.iter().zip(&resources).try_for_each(|(demand, resource)| {
            access::decide(caller, &grants, self.config.default_permission, demand.capability, resource)
        })
    }

    fn is_to_be_judged(&self, call: &Call<O::Stream>, demands: &[Demand]) -> bool {
        call.method == Method::Get && demands.iter().any(|demand| self.known(&demand.subject).is_none())
    }

    /// The answer names the experiment: it is read here and goes out only if the caller may read that.
    async fn judge(
        &self,
        mut call: Call<O::Stream>,
        demands: &[Demand],
        caller: &Caller,
        path: &[&str],
    ) -> Result<Response<O::Stream>> {
        let mut response = self.forward(&mut call, Some(caller)).await?;
        let by_name = demands.iter().any(|demand| matches!(demand.subject, Subject::ExperimentByName(_)));
        if response.status == 404 && !by_name {
            return Err(Refusal::denied("it does not exist"));
        }
        if response.status != 200 {
            return Ok(response);
        }
        let bytes = collect(std::mem::replace(&mut response.body, Body::Empty)).await?;
        let answer = parents::read_json(&bytes)?;
        let experiment = parents::experiment_in(&answer, path)?;
        let grants = self.directory.grants(caller.id, std::slice::from_ref(&experiment)).await?;
        for demand in demands {
            access::decide(caller, &grants, self.config.default_permission, demand.capability, &experiment)?;
            self.learn(&demand.subject, &answer, path);
        }
        crate::origin::rewritten(&mut response.headers);
        response.body = Body::Bytes(bytes);
        Ok(response)
    }

    /// Leaves only the readable ones in `experiment_ids`; with none left the answer is MLflow's empty one.
    async fn narrow(
        &self,
        mut call: Call<O::Stream>,
        demands: &[Demand],
        caller: &Caller,
        grants: &Grants,
    ) -> Result<Response<O::Stream>> {
        let default = self.config.default_permission;
        let readable: Vec<Json> = demands
            .iter()
            .filter_map(|demand| self.known(&demand.subject))
            .filter(|resource| grants.level(resource, default).allows(Capability::Read))
            .map(|resource| Json::Text(resource.id))
            .collect();
        if readable.is_empty() {
            return Ok(Response::new(200, "application/json", "{}"));
        }
        if let Payload::Json(bytes, Ok(json)) = &mut call.payload
            && readable.len() < demands.len()
        {
            json.set("experiment_ids", Json::List(readable));
            *bytes = json.compact().into_bytes();
        }
        self.forward(&mut call, Some(caller)).await
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

    /// Sends what was decided on to the origin. A stream is given away; a body that was read can be sent again.
    pub async fn forward(&self, call: &mut Call<O::Stream>, caller: Option<&Caller>) -> Result<Response<O::Stream>> {
        let target = format!("{}{}", encode(&call.path), call.forwarded_query());
        let body = match std::mem::replace(&mut call.payload, Payload::None) {
            Payload::None => Body::Empty,
            Payload::Stream(stream) => Body::Stream(stream),
            Payload::Json(bytes, json) => {
                call.payload = Payload::Json(bytes.clone(), json);
                Body::Bytes(bytes)
            }
        };
        let mut headers = headers::to_origin(&call.headers, self.config, caller.map(|caller| caller.username.as_str()));
        if matches!(body, Body::Bytes(_)) {
            headers.remove("Content-Length");
        }
        let mut response = self.origin.send(OriginRequest { method: call.method, target, headers, body }).await?;
        response.headers = headers::to_client(&response.headers, self.config, origin_of(&call.url));
        Ok(response)
    }

    /// Closed until there is an administrator: the first one is made here, once, from the configuration.
    async fn open(&self) -> Result<()> {
        if self.isolate.has_users.get() {
            return Ok(());
        }
        if !self.directory.has_users().await? {
            let closed = |message: &str| Err(Refusal::mlflow(Code::TemporarilyUnavailable, message));
            let Some(password) = &self.config.admin_password else {
                return closed(
                    "There is no user yet. Set the secret ADMIN_PASSWORD (and the variable ADMIN_USERNAME, \
                    if the first administrator is not to be called admin), then send the request again.",
                );
            };
            if password.expose() == DEFAULT_PASSWORD && !self.config.allow_default_password {
                return closed(
                    "ADMIN_PASSWORD is the password that MLflow used to ship with, which everybody knows. \
                    Set another one.",
                );
            }
            if password.expose().chars().count() < crate::api::SHORTEST_PASSWORD {
                return closed("ADMIN_PASSWORD must have at least 12 characters.");
            }
            let hash = self.hash(password)?;
            self.directory.create_first_admin(&self.config.admin_username, &hash).await?;
        }
        self.isolate.has_users.set(true);
        Ok(())
    }
}

/// An administrator may do everything, but what goes to the origin is canonical for one too. What is only missing,
/// or of a media type that the origin refuses, is left to the origin's own words.
fn check_for_admin(demands: Result<Vec<Demand>>) -> Result<()> {
    demands.map(drop).or_else(|refusal| if refusal.is_left_to_origin() { Ok(()) } else { Err(refusal) })
}
