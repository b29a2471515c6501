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
    "x-mlflow-guardrail-bypass", // MLflow's own mark of a call that needs no guardrail
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
    let mut headers = end_to_end(incoming, |name| {
        !name.contains('_')
            && !is_one_of(NOT_FORWARDED, name)
            && !NOT_FORWARDED_PREFIXES.iter().any(|prefix| starts_with(name, prefix))
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
    let mut headers = end_to_end(answer, |_| true);
    if let Some(location) = headers.get("location").and_then(|l| l.strip_prefix(&config.origin)).map(str::to_owned)
        && (location.is_empty() || location.starts_with(['/', '?']))
    {
        headers.set("Location", format!("{our_origin}{location}"));
    }
    headers
}

/// The fields that are not for the next hop alone, and that are `wanted`.
fn end_to_end(headers: &Headers, wanted: impl Fn(&str) -> bool) -> Headers {
    let named: Vec<&str> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
        .flat_map(|(_, value)| value.split(',').map(str::trim))
        .collect();
    let is_kept = |name: &str| {
        !is_one_of(HOP_BY_HOP, name) && (!is_one_of(&named, name) || is_never_hop_by_hop(name)) && wanted(name)
    };
    headers.iter().filter(|(name, _)| is_kept(name)).collect()
}

/// Returns true for what describes the body or says what a request is about: the gate has decided by it, so that a client's
/// `Connection` must not take it off on the way.
fn is_never_hop_by_hop(name: &str) -> bool {
    ["content-", "x-mlflow-", "range", "if-"].iter().any(|start| starts_with(name, start))
}

fn is_one_of(names: &[&str], name: &str) -> bool {
    names.iter().any(|one| one.eq_ignore_ascii_case(name))
}

fn starts_with(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
