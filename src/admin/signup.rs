//! The sign-up page and the form that it posts.
//!
//! The CSRF token is stateless: `<nonce>.<seconds>.<HMAC-SHA256 of both and of the user's name under SECRET_KEY>`.
//! The nonce is in a cookie too. So a form made by one isolate is accepted by every other, for the same
//! administrator, from the same browser, within the hour (Flask-WTF's rules and sentences).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Admin, users};
use crate::accounts::Database;
use crate::authz::Caller;
use crate::error::{Code, Page, Rejection, Result, UNREADABLE};
use crate::http::Response;
use crate::password::to_hex;
use crate::request::query::Query;
use crate::request::{Call, Payload, origin_of};

const FORM_TYPE: &str = "application/x-www-form-urlencoded";
const HTML: &str = "text/html; charset=utf-8";
const COOKIE: &str = "session";
const VALID_SECONDS: u64 = 3600;

/// The page: a form that needs no script.
pub fn form<D, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let mut nonce = [0; 20];
    if !(admin.authn.random)(&mut nonce) {
        return Err(Rejection::fault(Code::InternalError, "The sign-up page cannot be made.", "no randomness"));
    }
    let nonce = to_hex(&nonce);
    let token = token(admin, caller, &nonce, admin.authn.now)?;
    let mut response =
        page(PAGE.replace("{{token}}", &token), &format!("style-src '{}'", hash_of(&between(PAGE, "style"))));
    let secure = if call.url.starts_with("https:") { "; Secure" } else { "" };
    response.headers.append("Set-Cookie", format!("{COOKIE}={nonce}; HttpOnly; Path=/; SameSite=Lax{secure}"));
    response.headers.append("Vary", "Cookie");
    Ok(response)
}

/// A page of ours, which nobody frames or keeps, and in which nothing runs but what it was made with.
fn page<S>(html: String, own: &str) -> Response<S> {
    let mut response = Response::new(200, HTML, html);
    let policy = format!("default-src 'none'; {own}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    for (name, value) in [
        ("Content-Security-Policy", policy.as_str()),
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"), // the form's check of the referrer needs it
        ("Cache-Control", "no-store"),
    ] {
        response.headers.append(name, value);
    }
    response
}

/// The source expression of an inline script or style (Content Security Policy Level 3, 2.3.1).
fn hash_of(inline: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(inline)))
}

/// Returns the text in the one element of this name.
fn between(html: &str, element: &str) -> String {
    let inner = html.split_once(&format!("<{element}")).and_then(|(_, rest)| rest.split_once('>'));
    let inner = inner.and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
    inner.map(|(inner, _)| inner.to_owned()).unwrap_or_default()
}

/// The form: makes the user and says so in a page of MLflow's kind.
pub async fn submit<D: Database, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller) -> Result<Response<S>> {
    let is_form = call.content_type.as_deref().is_some_and(|t| t.starts_with(FORM_TYPE));
    let fields = match &call.payload {
        Payload::Json(bytes, _) if is_form => Query::parse_form(bytes)?,
        _ => Query::default(),
    };
    let header = |name| call.headers.get(name).filter(|value| !value.is_empty());
    let field = fields.get("csrf_token").filter(|value| !value.is_empty());
    let token = field.or_else(|| header("x-csrftoken")).or_else(|| header("x-csrf-token"));
    let token = token.ok_or_else(|| bad("The CSRF token is missing."))?;
    let html = add(admin, call, caller, token, &fields).await.map_err(|rejection| rejection.varying_on("Cookie"))?;
    let script = format!("script-src '{}'", hash_of(&between(&html, "script")));
    let mut response = page(html, &script);
    response.headers.append("Vary", "Cookie");
    Ok(response)
}

async fn add<D: Database, S>(
    admin: &Admin<'_, D>,
    call: &Call<S>,
    caller: &Caller,
    token: &str,
    fields: &Query,
) -> Result<String> {
    check_csrf(admin, call, caller, token)?;
    if call.content_type.as_deref() != Some(FORM_TYPE) {
        return Err(Rejection::text("Invalid content type. Must be application/x-www-form-urlencoded"));
    }
    let (Some(username), Some(password)) = (fields.get("username"), fields.get("password")) else {
        return Err(bad(UNREADABLE));
    };
    Ok(match users::add(admin, username, password).await? {
        Some(_) => alert("Successfully signed up user: ", username, "/"),
        None => alert("Username has already been taken: ", username, "/signup"),
    })
}

fn check_csrf<D, S>(admin: &Admin<'_, D>, call: &Call<S>, caller: &Caller, given: &str) -> Result<()> {
    let cookie = call
        .headers
        .get("cookie")
        .and_then(|cookies| cookies.split(';').find_map(|c| c.trim().strip_prefix("session=")))
        .ok_or_else(|| bad("The CSRF session token is missing."))?;
    let mut parts = given.splitn(3, '.');
    let (Some(nonce), Some(issued), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(bad("The CSRF token is invalid."));
    };
    let issued: u64 = issued.parse().map_err(|_| bad("The CSRF token is invalid."))?;
    let expected = token(admin, caller, nonce, issued)?;
    if !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
        return Err(bad("The CSRF token is invalid."));
    }
    if admin.authn.now.abs_diff(issued) > VALID_SECONDS {
        return Err(bad("The CSRF token has expired."));
    }
    if !bool::from(cookie.as_bytes().ct_eq(nonce.as_bytes())) {
        return Err(bad("The CSRF tokens do not match."));
    }
    if call.url.starts_with("https:") {
        let referer = call.headers.get("referer").ok_or_else(|| bad("The referrer header is missing."))?;
        if origin_of(referer) != origin_of(&call.url) {
            return Err(bad("The referrer does not match the host."));
        }
    }
    Ok(())
}

fn token<D>(admin: &Admin<'_, D>, caller: &Caller, nonce: &str, issued: u64) -> Result<String> {
    let unset = || {
        Rejection::mlflow(
            Code::TemporarilyUnavailable,
            "The sign-up page needs the secret SECRET_KEY, which is not set.",
        )
    };
    let key = admin.config.secret_key.as_ref().ok_or_else(unset)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(|_| unset())?;
    mac.update(format!("csrf\0{}\0{nonce}\0{issued}", caller.username).as_bytes());
    Ok(format!("{nonce}.{issued}.{}", to_hex(&mac.finalize().into_bytes())))
}

fn bad(sentence: &'static str) -> Rejection {
    Rejection::page(Page::BadRequest(sentence))
}

/// MLflow's answer to the form: an alert, then another page. The name is escaped for HTML, as Jinja does, and for
/// the script string around it.
fn alert(message: &str, username: &str, next: &str) -> String {
    let mut name = String::new();
    for c in username.chars() {
        match c {
            '&' => name.push_str("&amp;"),
            '<' => name.push_str("&lt;"),
            '>' => name.push_str("&gt;"),
            '"' => name.push_str("&#34;"),
            '\'' => name.push_str("&#39;"),
            '\\' => name.push_str("\\\\"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => {
                name.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => name.push(c),
        }
    }
    format!(
        "<script type=\"text/javascript\">\n  alert(\"{message}{name}\");\n  window.location.href = \"{next}\";\n</script>\n"
    )
}

const PAGE: &str = r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign up - MLflow</title>
<style>
  body { margin: 0; padding: 3rem 1rem; background: #fff; color: #1f272d; font: 14px/1.5 system-ui, Arial, sans-serif; }
  form { box-sizing: border-box; max-width: 400px; margin: 0 auto; padding: 24px; background: #f6f7f9; border: 1px solid #d1d9e1; border-radius: 6px; }
  h1 { margin: 0 0 16px; font-size: 20px; }
  h1 span { color: #0194e2; }
  label { display: block; margin-bottom: 12px; }
  input { box-sizing: border-box; width: 100%; margin-top: 4px; padding: 10px; font: inherit; border: 1px solid #c0cdd8; border-radius: 4px; }
  button { padding: 10px 20px; font: inherit; font-weight: 600; color: #fff; background: #2272b4; border: 0; border-radius: 4px; cursor: pointer; }
  button:hover { background: #0e538b; }
</style>
</head>
<body>
<form action="/api/2.0/mlflow/users/create-ui" method="post">
  <input type="hidden" name="csrf_token" value="{{token}}"/>
  <h1>ml<span>flow</span>: add a user</h1>
  <label>Username <input type="text" id="username" name="username" minlength="4" required autocomplete="off"></label>
  <label>Password <input type="password" id="password" name="password" minlength="12" required autocomplete="new-password"></label>
  <button type="submit">Sign up</button>
</form>
</body>
</html>
"##;
