//! `users/tokens/…`: API tokens. An endpoint of our own, in MLflow's style.

use serde_json::{Map, Value, json};

use super::{Admin, ok};
use crate::accounts::Database;
use crate::accounts::tokens::{Created, MOST_TOKENS, Scope, TokenInfo};
use crate::authn::token::{BYTES, Token};
use crate::authz::{Caller, SignIn};
use crate::error::{Code, Rejection, Result};
use crate::http::Response;
use crate::json::Json;
use crate::password::to_hex;
use crate::request::Call;
use crate::request::input::{flag, parameter, text};

const LONGEST_NAME: usize = 100;
/// Ten years: longer is a typing error.
const LONGEST_LIFE: i64 = 10 * 365 * 24 * 3600;

fn shown(token: &TokenInfo) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "read_only": token.read_only != 0,
        "scope": token.scope.map(Scope::as_str),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
    })
}

/// `name`, and if wanted `expires_in_seconds`, `read_only`, `scope` and `kind`. The token itself is in this answer and never again.
pub async fn create<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let name = text(call, "name")?;
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Rejection::invalid(format!("The name of a token has 1 to {LONGEST_NAME} characters.")));
    }
    let now = admin.authn.seconds();
    let read_only = flag(call, "read_only")?;
    let info = TokenInfo {
        id: 0,
        name,
        read_only: i64::from(read_only),
        scope: scope(call, caller, read_only)?,
        created_at: now,
        expires_at: lifetime(call)?.map(|seconds| now + seconds),
        last_used_at: None,
    };
    let (key, mut answer) = make(admin, kind(call)?)?;
    match admin.accounts.create_token(caller.id, &key, &info).await? {
        Created::Done(id) => {
            answer.insert("token".to_owned(), shown(&TokenInfo { id, ..info }));
            Ok(ok(answer.into()))
        }
        Created::NameTaken => {
            Err(Rejection::mlflow(Code::ResourceAlreadyExists, format!("Token (name={}) already exists.", info.name)))
        }
        Created::TooMany => {
            Err(Rejection::invalid(format!("A user has {MOST_TOKENS} tokens at most; delete one first.")))
        }
    }
}

/// Returns the text that is stored to know the token again, and the fields that its owner is shown once.
fn make<D>(admin: &Admin<'_, D>, kind: Kind) -> Result<(String, Map<String, Value>)> {
    let failed = |reason: &'static str| Rejection::fault(Code::InternalError, "The token cannot be made.", reason);
    let mut random = [0; BYTES];
    if !(admin.authn.random)(&mut random) {
        return Err(failed("no randomness"));
    }
    let mut answer = Map::new();
    match kind {
        Kind::Bearer => {
            let token = Token::new(random);
            answer.insert("token_value".to_owned(), token.expose().into());
            Ok((token.hash(), answer))
        }
        Kind::AccessKey => {
            let id = format!("MLEA{}", to_hex(&random).get(..32).unwrap_or_default().to_ascii_uppercase());
            let secret = admin.authn.access_key_secret(&id);
            let secret =
                secret.ok_or_else(|| Rejection::invalid("Access keys need a SECRET_KEY, and there is none."))?;
            answer.insert("access_key_id".to_owned(), id.clone().into());
            answer.insert("secret_access_key".to_owned(), secret.expose().into());
            Ok((id, answer))
        }
    }
}

/// The use of a token.
enum Kind {
    /// `Authorization: Bearer`, or the password of HTTP Basic.
    Bearer,
    /// A pair of the form that AWS's signers take (`MLFLOW_TRACKING_AWS_SIGV4`).
    AccessKey,
}

fn kind<S>(call: &Call<S>) -> Result<Kind> {
    match call.json()?.get("kind").map(Json::text) {
        None | Some(Some("bearer")) => Ok(Kind::Bearer),
        Some(Some("aws")) => Ok(Kind::AccessKey),
        Some(_) => Err(Rejection::invalid("Invalid value for parameter 'kind': 'bearer' or 'aws' is expected.")),
    }
}

/// Only an administrator who has just given the password makes a token that may administer.
fn scope<S>(call: &Call<S>, caller: &Caller, read_only: bool) -> Result<Option<Scope>> {
    match call.json()?.get("scope") {
        None | Some(Json::Null) => Ok(None),
        Some(scope) if scope.text() != Some(Scope::Admin.as_str()) => {
            Err(Rejection::invalid("Invalid value for parameter 'scope': 'admin' is expected."))
        }
        Some(_) if read_only => {
            Err(Rejection::invalid("A token with the scope 'admin' changes things: it cannot be read-only."))
        }
        Some(_) if caller.is_admin && caller.sign_in == SignIn::Password => Ok(Some(Scope::Admin)),
        Some(_) => {
            Err(Rejection::denied(format!("user {} is no administrator who signed in with the password", caller.id)))
        }
    }
}

fn lifetime<S>(call: &Call<S>) -> Result<Option<i64>> {
    let seconds = match call.json()?.get("expires_in_seconds") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::Number(text)) => text.parse().ok(),
        Some(_) => None,
    };
    let fits = seconds.filter(|seconds| (1..=LONGEST_LIFE).contains(seconds));
    fits.map(Some).ok_or_else(|| {
        Rejection::invalid("Invalid value for parameter 'expires_in_seconds': a number of seconds up to ten years.")
    })
}

/// One's own tokens, or for an administrator those of `username`.
pub async fn list<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let username = call.query.get("username").unwrap_or(&caller.username);
    if username != caller.username && !caller.is_admin {
        return Err(Rejection::denied(format!("user {} asks for the tokens of another", caller.id)));
    }
    let tokens: Vec<Value> = admin.accounts.tokens(username).await?.iter().map(shown).collect();
    Ok(ok(json!({ "tokens": tokens })))
}

/// `token_id`: one's own, or for an administrator anybody's. What is not there and what is another's are the same.
pub async fn delete<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let id = match parameter(call, "token_id")? {
        Json::Number(text) | Json::Text(text) => text.parse::<i64>().ok(),
        _ => None,
    };
    let id = id.ok_or_else(|| Rejection::invalid("Invalid value for parameter 'token_id': an integer is expected."))?;
    if admin.accounts.delete_token(id, caller).await? {
        Ok(ok(json!({})))
    } else {
        Err(Rejection::mlflow(Code::ResourceDoesNotExist, format!("Token with id={id} not found")))
    }
}
