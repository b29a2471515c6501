//! Which header fields cross the gate.

use crate::config::Config;
use crate::http::Headers;
use crate::request::path::percent_encode;

/// Hop-by-hop fields (RFC 9110, 7.6.1, and the older Proxy-* ones).
const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Fields by which a client could claim an identity, an address or another workspace, and those that say what only
/// the gate has to know. The origin gets its own Host.
const NOT_FORWARDED: &[&str] = &[
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "referer",
    "x-mlflow-authorization",
    "x-mlflow-workspace",
    "x-real-ip",
    "x-remote-user",
    "remote-user",
    "x-original-url",
    "x-rewrite-url",
    "expect",
];
const NOT_FORWARDED_PREFIXES: &[&str] = &["x-forwarded-", "cf-", "sec-", "x-auth-", "x-user"];

/// The fields that the origin gets. The identity is set last, so that no `Connection: X-Forwarded-User` strips it
/// (CVE-2025-48865), and names with an underscore go: a WSGI server reads `X_Forwarded_User` as ours
/// (CVE-2025-64484). The user name is percent-encoded, since a header cannot hold every name.
pub fn to_origin(incoming: &Headers, config: &Config, username: Option<&str>) -> Headers {
    let mut headers = end_to_end(incoming);
    headers.retain(|name| {
        let name = name.to_ascii_lowercase();
        !name.contains('_')
            && !NOT_FORWARDED.contains(&name.as_str())
            && !NOT_FORWARDED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    });
    if let Some(authorization) = &config.origin_authorization {
        headers.set("Authorization", authorization.expose());
    }
    if let Some(username) = username {
        headers.set("X-Forwarded-User", percent_encode(username, " !#$&'()*+,/:;<=>?@[]^`{|}"));
    }
    headers
}

/// The fields that the client gets: what the origin said, but its own address in a redirect becomes ours.
pub fn to_client(answer: &Headers, config: &Config, our_origin: &str) -> Headers {
    let mut headers = end_to_end(answer);
    if let Some(location) = headers.get("location").and_then(|l| l.strip_prefix(&config.origin)).map(str::to_owned)
        && (location.is_empty() || location.starts_with(['/', '?']))
    {
        headers.set("Location", format!("{our_origin}{location}"));
    }
    headers
}

fn end_to_end(headers: &Headers) -> Headers {
    let named: Vec<String> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(','))
        .map(|token| token.trim().to_ascii_lowercase())
        .collect();
    let mut kept = headers.clone();
    kept.retain(|name| {
        let name = name.to_ascii_lowercase();
        !HOP_BY_HOP.contains(&name.as_str())
            && (!named.contains(&name) || matches!(name.as_str(), "content-length" | "content-type"))
    });
    kept
}
