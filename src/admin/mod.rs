//! The endpoints that are answered here: users, permissions, the sign-up page.
//!
//! Shapes, codes and messages are MLflow's (3.3.2 for the classic API, 3.17.2 for the grant API).

pub mod grants;
mod permissions;
mod signup;
mod tokens;
mod users;

use crate::accounts::Database;
use crate::authz::{Caller, Kind};
use crate::config::DEFAULT_PASSWORD;
use crate::error::{Code, Refusal, Result};
use crate::gate::Gate;
use crate::http::{Method, Response};
use crate::json::Json;
use crate::password::PasswordHash;
use crate::request::{Call, Payload, Unreadable};
use crate::routes::Endpoint;
use crate::secret::Secret;
use crate::upstream::Origin;

/// Answers one of our own endpoints; the caller has what the row demands.
pub async fn serve<D: Database, O: Origin>(
    gate: &Gate<'_, D, O>,
    endpoint: Endpoint,
    call: &Call<O::Stream>,
    caller: &Caller,
) -> Result<Response<O::Stream>> {
    use permissions::Action;
    if endpoint.administers() && !caller.sign_in.may_administer() {
        return Err(Refusal::denied(format!("user {} signed in with a token that may not administer", caller.id)));
    }
    let experiment = |action| permissions::act(gate, call, Kind::Experiment, action);
    let model = |action| permissions::act(gate, call, Kind::RegisteredModel, action);
    match endpoint {
        Endpoint::CreateUser => users::create(gate, call).await,
        Endpoint::GetUser => users::get(gate, call).await,
        Endpoint::ListUsers => users::list(gate).await,
        Endpoint::CurrentUser => Ok(users::current(caller)),
        Endpoint::UpdatePassword => users::update_password(gate, call, caller).await,
        Endpoint::UpdateAdmin => users::update_admin(gate, call).await,
        Endpoint::DeleteUser => users::delete(gate, call).await,
        Endpoint::CreateToken => tokens::create(gate, call, caller).await,
        Endpoint::ListTokens => tokens::list(gate, call, caller).await,
        Endpoint::DeleteToken => tokens::delete(gate, call, caller).await,
        Endpoint::SignUp => signup::form(gate, call, caller),
        Endpoint::CreateUserUi => signup::submit(gate, call, caller).await,
        Endpoint::CreateExperimentPermission => experiment(Action::Create).await,
        Endpoint::GetExperimentPermission => experiment(Action::Get).await,
        Endpoint::UpdateExperimentPermission => experiment(Action::Update).await,
        Endpoint::DeleteExperimentPermission => experiment(Action::Delete).await,
        Endpoint::CreateModelPermission => model(Action::Create).await,
        Endpoint::GetModelPermission => model(Action::Get).await,
        Endpoint::UpdateModelPermission => model(Action::Update).await,
        Endpoint::DeleteModelPermission => model(Action::Delete).await,
        Endpoint::GrantPermission => grants::grant(gate, call).await,
        Endpoint::RevokePermission => grants::revoke(gate, call).await,
        Endpoint::GetPermission => grants::get(gate, call).await,
        Endpoint::ListPermissions => grants::list(gate, &text(call, "username")?).await,
        Endpoint::CurrentPermissions => grants::list(gate, &caller.username).await,
        Endpoint::ListUserRoles => grants::roles(gate, call).await,
    }
}

/// The caller must be the user whom the parameter names. Absence is told, existence of others is not.
pub fn require_oneself<S>(call: &Call<S>, name: &str, caller: &Caller) -> Result<()> {
    if text(call, name)? == caller.username {
        return Ok(());
    }
    Err(Refusal::denied(format!("user {} asks about another user", caller.id)))
}

/// A parameter, from where MLflow's auth app reads it: the query of a GET, the body of a POST or PATCH, and of a
/// DELETE the body if its media type is JSON, or else the query. That the key is there is what counts.
fn parameter<S>(call: &Call<S>, name: &str) -> Result<Json> {
    let in_query = matches!(
        (&call.payload, call.method.decided_as()),
        (_, Method::Get) | (Payload::Json(_, Err(Unreadable::WrongType)), Method::Delete)
    );
    if call.method == Method::Delete
        && !in_query
        && call.json()?.get(name).is_some_and(|value| disagrees(value, call, name))
    {
        return Err(Refusal::invalid(format!("Conflicting values for parameter '{name}'.")));
    }
    let value = if in_query {
        call.query.get(name).map(|value| Json::Text(value.to_owned()))
    } else {
        call.json()?.get(name).cloned()
    };
    value.ok_or_else(|| Refusal::missing(name))
}

/// Returns true if the query has another value of the same name, or the same one in a way that only one of two readers takes:
/// the decision and the endpoint must not read two things.
fn disagrees<S>(value: &Json, call: &Call<S>, name: &str) -> bool {
    let in_body = match value {
        Json::Text(text) | Json::Number(text) => text.as_str(),
        _ => "",
    };
    call.query.get(name).is_some_and(|in_query| in_query != in_body)
}

/// A parameter that is text.
fn text<S>(call: &Call<S>, name: &str) -> Result<String> {
    match parameter(call, name)? {
        Json::Text(text) => Ok(text),
        _ => Err(not_text(name)),
    }
}

/// A boolean of the body; false if it is absent or null.
fn flag<S>(call: &Call<S>, name: &str) -> Result<bool> {
    match call.json()?.get(name) {
        None | Some(Json::Null) => Ok(false),
        Some(Json::Bool(value)) => Ok(*value),
        Some(_) => Err(Refusal::invalid(format!("Invalid value for parameter '{name}': a boolean is expected."))),
    }
}

fn not_text(name: &str) -> Refusal {
    Refusal::invalid(format!("Invalid value for parameter '{name}': a string is expected."))
}

/// 200 with Flask's `jsonify`: sorted keys, no blanks, a newline.
fn ok<S>(body: serde_json::Value) -> Response<S> {
    Response::new(200, "application/json", format!("{body}\n"))
}

fn no_user(username: &str) -> Refusal {
    Refusal::mlflow(Code::ResourceDoesNotExist, format!("User with username={username} not found"))
}

impl<D, O> Gate<'_, D, O> {
    /// Hashes a new password by the configured method.
    pub fn hash(&self, password: &Secret) -> Result<PasswordHash> {
        let failed = |because: &str| Refusal::fault(Code::InternalError, "The password cannot be hashed.", because);
        let mut salt = [0; 16];
        if !(self.random)(&mut salt) {
            return Err(failed("no randomness"));
        }
        let method = self.config.password_hash;
        self.state.count_hash(method);
        method.hash(password, salt, self.edge.scrypt()).ok_or_else(|| failed("the method refused"))
    }

    /// Hashes a new password that keeps MLflow's rule of 2.22: 12 characters, or what is configured (CVE-2025-1474),
    /// and not the one that everybody knows (CVE-2026-2635).
    fn hash_new(&self, password: &str) -> Result<PasswordHash> {
        let least = self.config.password_min_length;
        if password.chars().count() < least {
            return Err(Refusal::invalid(format!("Password must be a string longer than {least} characters.")));
        }
        if password == DEFAULT_PASSWORD && !self.config.allow_default_password {
            return Err(Refusal::invalid(
                "Password must not be the default password of MLflow, which everybody knows.",
            ));
        }
        self.hash(&Secret::new(password))
    }
}
