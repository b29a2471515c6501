//! The last stage, which always runs: what is told about a request when it is over.

pub mod counted;
mod request_id;

use std::fmt::{self, Write};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::authz::{Caller, Reason};
use crate::config::LogRequests;
use crate::cost::{Cost, Spent};
use crate::error::{Rejection, Why};
use crate::http::{Method, Request, Response};
use crate::request::split_url;
use crate::routes::Route;
pub use request_id::request_id;

/// Characters of a text that the log gets.
const LONGEST_TEXT: usize = 500;

/// The end of a request.
pub enum Outcome {
    /// It was permitted, for this.
    Allowed(Reason),
    /// It was not served, for this.
    Refused(Why),
}

/// A request and what became of it.
pub struct Exchange {
    /// The id under which the client can name it.
    pub request_id: String,
    /// Seconds since 1970.
    pub time: u64,
    /// The method.
    pub method: Method,
    /// The address of the client, as the platform tells it.
    pub address: Option<String>,
    /// The path as it came, until a row is found for it.
    path: String,
    /// The row of method and path.
    pub route: Option<&'static Route>,
    /// Whoever has signed in.
    pub caller: Option<Caller>,
    /// The end of it, and its status.
    pub end: Option<(Outcome, u16)>,
    /// The costs.
    pub cost: Rc<Cost>,
}

impl Exchange {
    /// Begins with a request that has come at this time.
    pub fn begin<S>(request: &Request<S>, now: u64, clock: fn() -> u64, random: fn(&mut [u8]) -> bool) -> Self {
        let path = split_url(&request.url).map_or("", |(path, _)| path);
        Self {
            request_id: request_id(&request.headers, random),
            time: now,
            method: request.method,
            address: request.headers.get("cf-connecting-ip").map(str::to_owned),
            path: path.chars().take(LONGEST_TEXT).collect(),
            route: None,
            caller: None,
            end: None,
            cost: Rc::new(Cost::new(clock)),
        }
    }

    /// Ends with an answer that was permitted.
    pub fn allowed<S>(&mut self, (response, reason): (Response<S>, Reason)) -> Response<S> {
        self.end = Some((Outcome::Allowed(reason), response.status));
        response
    }

    /// Ends with a refusal. Its answer has the id under which the log tells more.
    pub fn refused<S>(&mut self, rejection: Rejection) -> Response<S> {
        let (mut response, why): (Response<S>, Why) = rejection.into_parts();
        if !self.request_id.is_empty() {
            response.headers.append("X-Request-Id", self.request_id.as_str());
        }
        self.end = Some((Outcome::Refused(why), response.status));
        response
    }

    /// The reason of a refusal, on one line.
    pub fn refusal(&self) -> Option<String> {
        match &self.end {
            Some((Outcome::Refused(why), _)) => Some(plain(why)),
            Some((Outcome::Allowed(_), _)) | None => None,
        }
    }

    /// The pattern of the path that the table has for it.
    pub fn pattern(&self) -> &'static str {
        self.route.map_or("", |route| route.path)
    }

    /// The decision: `allowed`, `refused`, or `failed` where something of ours or of the origin's did.
    pub fn decision(&self) -> &'static str {
        match &self.end {
            Some((Outcome::Allowed(_), _)) => "allowed",
            Some((Outcome::Refused(_), status)) if *status < 500 => "refused",
            Some((Outcome::Refused(_), _)) | None => "failed",
        }
    }

    /// Returns true if it may have changed users, roles, grants or tokens.
    fn changes_accounts(&self) -> bool {
        self.route.is_some_and(Route::writes_accounts)
    }

    /// Returns true if the log gets a line: always of a refusal and of a change to users and grants.
    fn is_told(&self, which: LogRequests) -> bool {
        let is_allowed = matches!(self.end, Some((Outcome::Allowed(_), _)));
        !is_allowed
            || match which {
                LogRequests::None => self.changes_accounts(),
                LogRequests::Writes => self.changes_accounts() || !self.method.is_safe(),
                LogRequests::All => true,
            }
    }

    /// The line of the log, one object of JSON; `None` if there is to be none. `version` tells that of the Worker.
    ///
    /// It holds no header field but the address, no query, no body and no secret. Of texts that clients choose (names,
    /// ids, paths) nothing ends the line or moves in a terminal.
    pub fn line(&self, which: LogRequests, version: impl FnOnce() -> String) -> Option<String> {
        self.is_told(which).then(|| self.to_json(&version()).to_string())
    }

    /// The point of the metrics: route, method, decision, its kind and the kind of sign-in; then the status, milliseconds
    /// in all, of D1 and of the origin, and statements, calls and hashes. No name, id or address is in it.
    pub fn point(&self) -> ([&'static str; 5], [f64; 7]) {
        let sign_in = self.caller.as_ref().map_or("", |caller| caller.sign_in.as_str());
        let kind = match &self.end {
            Some((Outcome::Allowed(reason), _)) => reason.kind(),
            Some((Outcome::Refused(_), _)) | None => "",
        };
        let (status, cost) = (self.end.as_ref().map_or(0, |(_, status)| *status), &self.cost);
        let (database, origin) = (cost.database(), cost.origin());
        let milliseconds = [cost.elapsed(), database.ms, origin.ms].map(|ms| ms as f64);
        let [total, of_database, of_origin] = milliseconds;
        let counts = [database.count, origin.count, cost.hashes()].map(f64::from);
        let [statements, calls, hashes] = counts;
        let texts = [self.pattern(), self.method.as_str(), self.decision(), kind, sign_in];
        (texts, [f64::from(status), total, of_database, of_origin, statements, calls, hashes])
    }

    fn to_json(&self, version: &str) -> Value {
        let caller = self.caller.as_ref();
        let (needed, held) = self.weighed();
        let status = self.end.as_ref().map(|(_, status)| *status);
        let mut line = json!({
            "time": self.time,
            "request_id": self.request_id,
            "version": version,
            "user_id": caller.map(|caller| caller.id),
            "user": caller.map(|caller| plain(&caller.username)),
            "sign_in": caller.map(|caller| caller.sign_in.as_str()),
            "token_id": caller.and_then(|caller| caller.sign_in.token()).map(|token| token.id),
            "address": self.address.as_deref().map(plain),
            "method": self.method.as_str(),
            "route": self.route.map(|route| route.path),
            "path": self.route.is_none().then(|| plain(&self.path)),
            "decision": self.decision(),
            "reason": self.reason(),
            "needed": needed,
            "held": held,
            "status": status,
            "ms": self.cost.elapsed(),
            "d1": spent(self.cost.database()),
            "origin": spent(self.cost.origin()),
            "hashes": self.cost.hashes(),
        });
        if let Value::Object(fields) = &mut line {
            fields.retain(|_, value| !value.is_null());
        }
        line
    }

    /// The reason of the decision.
    pub fn reason(&self) -> Option<String> {
        match &self.end {
            Some((Outcome::Allowed(reason), _)) => Some(plain(reason)),
            Some((Outcome::Refused(why), _)) => Some(plain(why)),
            None => None,
        }
    }

    /// The capability that was needed on a resource, and the level that was held.
    fn weighed(&self) -> (Option<String>, Option<String>) {
        match &self.end {
            Some((Outcome::Refused(Why { weighed: Some((needed, held)), .. }), _)) => {
                (Some(plain(needed)), Some(plain(held)))
            }
            Some(_) | None => (None, None),
        }
    }
}

fn spent(spent: Spent) -> Value {
    json!({ "count": spent.count, "ms": spent.ms })
}

/// A text for the log: on one line, without anything that a terminal or a viewer would act on, and not too long.
pub fn plain(text: impl fmt::Display) -> String {
    let mut line = Plain { line: String::new(), room: LONGEST_TEXT };
    if write!(line, "{text}").is_err() {
        line.line.push('…'); // the writer itself ends it there
    }
    line.line
}

struct Plain {
    line: String,
    room: usize,
}

impl Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            match c {
                '\u{2028}'
                | '\u{2029}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}' => self.line.extend(c.escape_unicode()),
                c if c.is_control() => self.line.extend(c.escape_default()),
                c => self.line.push(c),
            }
        }
        Ok(())
    }
}
