//! `users/…`

use serde_json::{Value, json};

use super::permissions::classic_name;
use super::roles::shown;
use super::{Admin, no_user, ok};
use crate::accounts::{Database, Removal, User};
use crate::authn::basic::{Credentials, LONGEST_USERNAME};
use crate::authn::credential::Credential;
use crate::authz::{Caller, EVERY, Permission, Resource, ResourceType};
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::json::Json;
use crate::request::granted::parts_of_scorer;
use crate::request::input::{flag, not_text, parameter};
use crate::request::{Call, is_json_type};
use crate::secret::Secret;

const EMPTY: &str = "Username and password cannot be empty.";

/// The user of MLflow 3.3.2 with the grants on scorers of MLflow 3.9 to 3.12, whose clients fail without that list.
fn full(user: &User) -> Value {
    let scorer = |(resource, level): &(Resource, Permission)| {
        let (experiment, name) = parts_of_scorer(&resource.id)?;
        let permission = classic_name(*level);
        Some(json!({
            "experiment_id": experiment, "scorer_name": name, "permission": permission, "user_id": user.id,
        }))
    };
    let scorers = user.grants.iter().filter(|(resource, _)| resource.kind == ResourceType::Scorer).filter_map(scorer);
    let grants = |kinds: &[ResourceType], key: &str| -> Vec<Value> {
        let is_named = |resource: &Resource| kinds.contains(&resource.kind) && resource.id != EVERY;
        let of_kind = user.grants.iter().filter(|(resource, _)| is_named(resource));
        of_kind
            .map(
                |(resource, level)| json!({ key: resource.id, "permission": classic_name(*level), "user_id": user.id }),
            )
            .collect()
    };
    json!({
        "id": user.id,
        "username": user.username,
        "is_admin": user.is_admin,
        "experiment_permissions": grants(&[ResourceType::Experiment], "experiment_id"),
        "registered_model_permissions": grants(&[ResourceType::RegisteredModel, ResourceType::Prompt], "name"),
        "scorer_permissions": scorers.collect::<Vec<_>>(),
    })
}

pub async fn create<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    // As MLflow 3.13 and later, whose pages send a charset too; earlier ones compare the whole field.
    if !call.content_type.as_deref().is_some_and(is_json_type) {
        return Err(Rejection::text("Invalid content type. Must be application/json"));
    }
    let (username, password) = (parameter(call, "username")?, parameter(call, "password")?);
    let is_empty = |value: &Json| matches!(value, Json::Null) || value.text() == Some("");
    if is_empty(&username) || is_empty(&password) {
        return Err(Rejection::text(EMPTY));
    }
    let username = username.text().ok_or_else(|| not_text("username"))?;
    let password = password.text().ok_or_else(|| not_text("password"))?;
    let user = add(admin, username, password).await?.ok_or_else(|| {
        Rejection::mlflow(Code::ResourceAlreadyExists, format!("User (username={username}) already exists."))
    })?;
    Ok(ok(json!({ "user": full(&user) })))
}

/// Adds a user who is no administrator; `None` if the name is taken.
pub async fn add<D: Database>(admin: &Admin<'_, D>, username: &str, password: &str) -> Result<Option<User>> {
    if username.chars().nth(LONGEST_USERNAME).is_some() {
        let message = format!("Username must not be longer than {LONGEST_USERNAME} characters.");
        return Err(Rejection::invalid(message));
    }
    if username.is_empty() || password.is_empty() {
        return Err(Rejection::text(EMPTY));
    }
    let hash = admin.authn.hash_new(password)?;
    let id = admin.accounts.create_user(username, &hash, &admin.config.default_roles).await?;
    Ok(id.map(|id| User { id, username: username.to_owned(), is_admin: false, grants: Default::default() }))
}

pub async fn get<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let username = call.account()?;
    let user = admin.accounts.user(username).await?.ok_or_else(|| no_user(username))?;
    Ok(ok(json!({ "user": full(&user) })))
}

/// Everybody sees everybody, as the pages of MLflow 3.17 need it, and of others the roles in workspaces that the caller
/// manages.
pub async fn list<D: Database, S>(admin: &Admin<'_, D>, caller: &Caller) -> Result<Response<S>> {
    let users = admin.accounts.users(caller).await?;
    let users: Vec<Value> = users
        .iter()
        .map(|(user, roles)| {
            let roles: Vec<Value> = roles.iter().map(shown).collect();
            json!({ "id": user.id, "username": user.username, "is_admin": user.is_admin, "roles": roles })
        })
        .collect();
    Ok(ok(json!({ "users": users })))
}

pub fn current<S>(caller: &Caller) -> Response<S> {
    let user = json!({ "id": caller.id, "is_admin": caller.is_admin, "username": caller.username });
    ok(json!({ "is_basic_auth": true, "user": user }))
}

/// The 12 characters hold here too: MLflow 3.3 took any password (CVE-2025-11200). `null` changes nothing.
/// Whoever changes the own password gives the current one, if that is configured, and ends the own tokens with
/// `end_tokens`. A password that an administrator sets ends those of the user: whoever had the old one may have made some.
pub async fn update_password<D: Database, S>(
    admin: &Admin<'_, D>,
    call: &Call<S>,
    caller: &Caller,
) -> Result<Response<S>> {
    let username = call.account()?;
    let is_own = username == caller.username;
    // A client that gives it wants it looked at: MLflow's page asks for it before anything else.
    if is_own && (admin.config.require_current_password || call.json()?.get("current_password").is_some()) {
        check_current(admin, call, username).await?;
    }
    let end_tokens = flag(call, "end_tokens")? || !is_own;
    let found = match parameter(call, "password")? {
        Json::Null => admin.accounts.has_user(username).await?,
        Json::Text(password) => {
            admin.accounts.set_password(username, &admin.authn.hash_new(&password)?, end_tokens).await?
        }
        _ => return Err(not_text("password")),
    };
    if found { Ok(ok(json!({}))) } else { Err(no_user(username)) }
}

/// MLflow's three rules of 3.13. A wrong one is a guess like any other, and counts as one.
async fn check_current<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, username: &str) -> Result<()> {
    let current = match parameter(call, "current_password") {
        Ok(Json::Text(current)) => Secret::new(current),
        _ => return Err(Rejection::invalid("Current password is required when changing your own password.")),
    };
    if parameter(call, "password")?.text() == Some(current.expose()) {
        return Err(Rejection::invalid("New password must differ from the current password."));
    }
    let presented = Credential::Password(Credentials { username: username.to_owned(), password: current });
    let login = admin.authn.memory.verified.borrow().fingerprint(&presented);
    match admin.authn.sign_in(&presented, login, call.headers.get("cf-connecting-ip"), &[]).await {
        Err(rejection) if rejection.is_unauthenticated() => Err(Rejection::invalid("Current password does not match.")),
        Err(rejection) => Err(rejection),
        Ok(_) => Ok(()),
    }
}

/// Real booleans, and 0 and 1 as SQLAlchemy takes them. `null` changes nothing.
pub async fn update_admin<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>) -> Result<Response<S>> {
    let username = call.account()?;
    let is_admin = match parameter(call, "is_admin")? {
        Json::Null => None,
        Json::Bool(value) => Some(value),
        Json::Number(digit) if digit == "0" || digit == "1" => Some(digit == "1"),
        _ => return Err(Rejection::invalid("Invalid value for parameter 'is_admin': a boolean is expected.")),
    };
    let outcome = match is_admin {
        None if admin.accounts.has_user(username).await? => Removal::Done,
        None => Removal::NoUser,
        Some(is_admin) => admin.accounts.set_admin(username, is_admin).await?,
    };
    removed(outcome, username)
}

/// An administrator does not delete the own account (MLflow 3.17): whoever is left could be nobody who may.
pub async fn delete<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let username = call.account()?;
    if username == caller.username {
        return Err(Rejection::mlflow(
            Code::BadRequest,
            "Users cannot delete their own account. Ask another admin to delete this user instead.",
        ));
    }
    removed(admin.accounts.delete_user(username).await?, username)
}

fn removed<S>(outcome: Removal, username: &str) -> Result<Response<S>> {
    match outcome {
        Removal::Done => Ok(ok(json!({}))),
        Removal::NoUser => Err(no_user(username)),
        Removal::LastAdmin => Err(Rejection::mlflow(
            Code::BadRequest,
            format!("User '{username}' is the last administrator. Make another user an administrator first."),
        )),
    }
}
