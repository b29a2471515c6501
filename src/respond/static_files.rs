//! Public files out of the data centre's cache, so that a page of the UI does not cost the origin dozens of calls.
//!
//! Kept is only what MLflow calls public and what has a hash of its content in its name: under one name there is one
//! content for ever, so that an upgrade of MLflow shows no old file. MLflow allows four weeks for every static file,
//! also for those whose name stays (`index.html`, `manifest.json`, `asset-manifest.json`, `favicon.ico`): these
//! are asked for each time.
//!
//! A file that is kept for everybody is asked for anonymously. The origin then sees no header field of the client's, so
//! that nobody can choose what the next one gets.

use super::Responder;
use crate::accounts::Database;
use crate::authz::Permit;
use crate::error::Result;
use crate::http::{Headers, Method, Response};
use crate::request::Call;
use crate::request::path::encode;
use crate::upstream::Origin;

/// A longer file is not kept: its copy waits in memory while the client is slower than the cache.
const LONGEST: u64 = 32 * 1024 * 1024;
/// The digits of the shortest hash that MLflow's builds put into a name.
const HASH_DIGITS: usize = 8;
/// Conditions that a cache answers by itself, with 304 (RFC 9110, 13.1.2 and 13.1.3).
const ANSWERED_BY_CACHE: &[&str] = &["if-none-match", "if-modified-since"];
/// Fields that only the origin answers: a part, or a comparison that the cache does not make (RFC 9110, 13.1 and 14.2).
const LEFT_TO_ORIGIN: &[&str] = &["range", "if-range", "if-match", "if-unmodified-since"];

impl<D: Database, O: Origin> Responder<'_, D, O> {
    /// Answers from the cache, or forwards, and lets the cache keep what it may. Only for what needs no login.
    pub(super) async fn static_file(&self, permit: &Permit, call: &mut Call<O::Stream>) -> Result<Response<O::Stream>> {
        let key = encode(&call.path);
        if !may_ask_cache(&call.path, &call.query.encode(), &call.headers) {
            return self.proxy.forward(permit, call).await;
        }
        if let Some(kept) = self.proxy.origin.cached_response(&key, &only(&call.headers, ANSWERED_BY_CACHE)).await {
            return Ok(kept);
        }
        if call.method != Method::Get || has_any(&call.headers, ANSWERED_BY_CACHE) {
            return self.proxy.forward(permit, call).await;
        }
        call.headers = in_nobodys_name();
        let answer = self.proxy.forward(permit, call).await?;
        Ok(if may_be_kept(answer.status, &answer.headers) {
            self.proxy.origin.cache_response(&key, answer)
        } else {
            answer
        })
    }
}

/// Returns true if the cache may answer at all. A query is left to the origin, or anybody could fill the cache with one file.
fn may_ask_cache(path: &str, query: &str, headers: &Headers) -> bool {
    has_hash(path) && query.is_empty() && !has_any(headers, LEFT_TO_ORIGIN)
}

/// Returns true if the name of the file holds a hash: `main.c2f5f8d4.js`, `openai.3e7b9debf12f01f00ace85a933d4d156.svg`.
fn has_hash(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_hash = |part: &str| {
        part.len() >= HASH_DIGITS && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    name.split('.').skip(1).any(is_hash)
}

/// Returns true if everybody may get this answer of the origin, for a while: a whole one, which its Cache-Control calls public
/// and fresh (RFC 9111, 3.5 and 5.2.2), which sets no cookie and has one form only. By `Vary: Origin` it has one, since
/// no Origin is sent.
pub fn may_be_kept(status: u16, headers: &Headers) -> bool {
    let control = tokens(headers, "cache-control");
    let says = |name: &str| control.iter().any(|directive| directive.split('=').next() == Some(name));
    let age = |directive: &String| {
        let seconds = directive.strip_prefix("max-age=").or_else(|| directive.strip_prefix("s-maxage="))?;
        Some(seconds.parse::<u64>().unwrap_or(0))
    };
    let ages: Vec<u64> = control.iter().filter_map(age).collect();
    let length = headers.get("content-length").and_then(|length| length.parse::<u64>().ok());
    status == 200
        && says("public")
        && ages.iter().min().is_some_and(|age| *age > 0)
        && !["private", "no-store", "no-cache"].into_iter().any(says)
        && !has_any(headers, &["set-cookie", "content-encoding", "content-range"])
        && tokens(headers, "vary").iter().all(|name| matches!(name.as_str(), "origin" | "accept-encoding"))
        && length.is_some_and(|length| length <= LONGEST)
}

/// The comma-separated members of every field of that name, in lower case.
fn tokens(headers: &Headers, name: &str) -> Vec<String> {
    let fields = headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
    fields.flat_map(|(_, value)| value.split(',')).map(|token| token.trim().to_ascii_lowercase()).collect()
}

/// The headers of an anonymous request. Unpacked, since a client may not be able to unpack what another one can;
/// Cloudflare packs on its way out.
fn in_nobodys_name() -> Headers {
    [("Accept-Encoding", "identity")].into_iter().collect()
}

fn has_any(headers: &Headers, names: &[&str]) -> bool {
    names.iter().any(|name| headers.get(name).is_some())
}

fn only(headers: &Headers, names: &[&str]) -> Headers {
    let is_named = |field: &str| names.iter().any(|name| field.eq_ignore_ascii_case(name));
    headers.iter().filter(|(field, _)| is_named(field)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_in_the_name_of_the_file() {
        for hashed in [
            "/static-files/static/js/main.c2f5f8d4.js",
            "/static-files/static/js/8116.9014d23e.chunk.js.map",
            "/prefix/static-files/static/media/openai.3e7b9debf12f01f00ace85a933d4d156.svg",
            "/static-files/TelemetryLogger.telemetry-worker.d0f8ea2c83c08b63528f.worker.js",
        ] {
            assert!(has_hash(hashed), "{hashed}");
        }
        for unhashed in [
            "/static-files/index.html",
            "/static-files/manifest.json",
            "/static-files/favicon.ico",
            "/static-files/x.c2f5f8d4.js/index.html",
            "/static-files/deadbeef",
            "/static-files/deadbeef.js",
            "/static-files/main.c2f5f8d.js",
            "/static-files/main.C2F5F8D4.js",
            "/static-files/main.c2f5f8dg.js",
        ] {
            assert!(!has_hash(unhashed), "{unhashed}");
        }
    }
}
