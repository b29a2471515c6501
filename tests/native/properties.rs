//! Properties: what holds for every input, tried on made-up ones, mostly against a naive second implementation.
//!
//! A failure prints the smallest input that was found. The inputs are new in each run.

use std::cell::Cell;
use std::fmt::Write;

use crate::support::{ALICE, Bytes, World, basic};
use futures_util::FutureExt;
use mlflow_edge_auth::http::{Headers, Request};
use mlflow_edge_auth::json::{Json, Limits, Wanted};
use mlflow_edge_auth::request::query::Query;
use mlflow_edge_auth::request::{Call, Payload, Target, graphql, path, shapes};
use mlflow_edge_auth::routes::{self, Requires, Route, TABLE};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

/// Tries a property that is written with `assert!`.
pub fn check<S: Strategy>(cases: u32, inputs: S, property: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&inputs, |input| {
        property(input);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

// --- paths ----------------------------------------------------------------------------------------------------------

/// What paths are made of here: what servers, proxies and Python read in more than one way, between plain words.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "/", "/", "/", "/", "/", "1", "1", "1", "2", "0", "11", "01", "1_0", "r1", "artifacts", "a.txt", "x", ".", "..",
    "...", "%2e", "%2E%2e", "%252e", "%25252e", ".%2e", "%2f", "%2F", "%252f", "//", "/./", "/../", "%5c", "\\",
    "%255C", "%25", "%31", "%2531", "%252531", "%32", "%", "%2", "%zz", "%+1", ";", "%3b", ";v=1", "?", "%3f", "#",
    "%23", "%2523", "\t", "%09", "\n", "%0a", "%0d", "%00", "%01", "%7f", "%c2%85", " ", "%20", "+", "%2B", "&", "=",
    "%26", ":", "%3a", "x:", "file:", "file:///", "FILE:", "http:", "C:/", "~", "@", "é", "%c3%a9", "%C3", "%ff",
    "%e2%82%ac", "%c0%ae", "😀", "١", "%D9%A1", "１", "․", "／", "%ef%bc%8f", "\u{feff}", "\u{200b}", "\u{85}",
];

/// Percent-encodes some characters, some of them more than once.
fn encoded(plain: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    (plain, vec(prop_oneof![8 => Just(0_usize), 2 => Just(1), 1 => 2..12_usize], 32)).prop_map(|(plain, rounds)| {
        let mut out = String::new();
        for (c, rounds) in plain.chars().zip(rounds.iter().cycle()) {
            if *rounds == 0 {
                out.push(c);
                continue;
            }
            for byte in c.to_string().bytes() {
                let _ = write!(out, "%{}{byte:02x}", "25".repeat(rounds - 1));
            }
        }
        out
    })
}

/// Paths without a leading slash: soup, plain ones of experiment 1 or 2, and plain ones with a piece put in.
fn raw_paths() -> impl Strategy<Value = String> {
    let piece = || select(PIECES);
    let soup = || vec(piece(), 0..10).prop_map(|pieces| pieces.concat());
    let plain = || {
        let segment = prop_oneof!["[a-zA-Z0-9_.-]{1,6}".prop_map(|s| s.replace('.', "x.")), "[ a-zäß+,=@!'()]{1,5}"];
        (select(&["1", "1", "1", "2", "11"][..]), vec(segment, 0..4))
            .prop_map(|(first, rest)| rest.iter().fold(first.to_owned(), |path, segment| format!("{path}/{segment}")))
    };
    let spoiled = (plain(), piece(), any::<Index>()).prop_map(|(plain, piece, at)| {
        let at = plain.char_indices().map(|(i, _)| i).nth(at.index(plain.chars().count())).unwrap_or(0);
        format!("{}{piece}{}", &plain[..at], &plain[at..])
    });
    prop_oneof![
        3 => soup(),
        2 => encoded(soup()),
        2 => plain(),
        2 => encoded(plain()),
        4 => spoiled,
        1 => any::<String>(),
        1 => encoded(any::<String>()),
    ]
}

/// However often a path is percent-decoded, its segments stay where they are, and none becomes one that leads elsewhere.
fn has_one_reading(path: &str) {
    assert!(!path.contains(char::is_control), "{path:?}");
    let mut round = path.to_owned();
    for _ in 0..20 {
        assert!(!round.contains("//"), "{path:?}");
        let leads_away = |c: char| matches!(c, '\\' | ';' | '#' | '?' | '\t' | '\n' | '\r' | '\0');
        assert!(!round.contains(leads_away), "{path:?}");
        assert!(!round.split('/').any(|segment| segment == "." || segment == ".."), "{path:?}");
        assert_eq!(round.split('/').count(), path.split('/').count(), "{path:?}");
        round = mlflow::unquote(&round);
    }
    assert_eq!(mlflow::unquote(&round), round, "{path:?}");
}

#[test]
fn a_canonical_path_is_stable_and_holds_nothing_that_can_be_read_again() {
    let paths = (prop_oneof![9 => Just("/"), 1 => Just("")], raw_paths());
    let accepted = Cell::new(0);
    check(200_000, paths, |(slash, raw)| {
        let Ok(canonical) = path::canonical(&format!("{slash}{raw}")) else { return };
        accepted.set(accepted.get() + 1);
        assert!(canonical.starts_with('/'), "{canonical:?}");
        has_one_reading(&canonical);
        let encoded = path::encode(&canonical);
        assert!(encoded.bytes().all(|b| b.is_ascii_graphic()), "{encoded:?}");
        let lower = encoded.to_ascii_lowercase();
        for never in ["%2f", "%2e", "%5c", "%3b", "%23", "%3f", "%00", ";", "\\", "?", "#"] {
            assert!(!lower.contains(never), "{encoded:?}");
        }
        assert_eq!(path::canonical(&encoded).as_ref(), Ok(&canonical), "through {encoded:?}");
    });
    assert!(accepted.get() > 20_000, "only {} paths were accepted: the property says too little", accepted.get());
}

#[test]
fn a_decoded_artifact_path_is_held_to_the_same_rules() {
    let accepted = Cell::new(0);
    check(100_000, raw_paths(), |raw| {
        let Ok(canonical) = path::canonical_artifact(&raw) else { return };
        accepted.set(accepted.get() + 1);
        assert_eq!(mlflow::unquote(&canonical), canonical, "read to the end");
        assert!(!canonical.contains("//") && !canonical.split('/').any(|s| matches!(s, "." | "..")), "{canonical:?}");
        assert!(!canonical.is_empty() && !canonical.starts_with('/') && !canonical.ends_with('/'), "{canonical:?}");
        let plain = raw.strip_suffix('/').unwrap_or(&raw);
        has_one_reading(plain);
        assert_eq!(path::canonical(&path::encode(&format!("/{plain}"))), Ok(format!("/{plain}")));
    });
    assert!(accepted.get() > 10_000, "only {} paths were accepted: the property says too little", accepted.get());
}

// --- artifact paths ---------------------------------------------------------------------------------------------------

/// MLflow's reading of artifact paths: `mlflow/utils/uri.py` and the artifact handlers of 3.3.2 on Linux, with what
/// they use of Python 3.11's `urllib.parse`. Naive on purpose; `None` is an exception.
mod mlflow {
    /// `urllib.parse.unquote`: what is no escape is_immutable, what is not UTF-8 becomes U+FFFD.
    pub fn unquote(text: &str) -> String {
        let bytes = text.as_bytes();
        let hex = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (mut out, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            match (bytes[at], hex(at + 1), hex(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    out.push(u8::try_from(high * 16 + low).unwrap());
                    at += 3;
                }
                (byte, ..) => {
                    out.push(byte);
                    at += 1;
                }
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// `urlsplit`, as far as scheme, netloc and the rest behind them.
    fn urlsplit(url: &str) -> Option<(String, String, String)> {
        let url = url.trim_start_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "");
        let (mut scheme, mut rest) = (String::new(), url.as_str());
        if let Some((before, after)) = url.split_once(':')
            && before.starts_with(|c: char| c.is_ascii_alphabetic())
            && before.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        {
            (scheme, rest) = (before.to_ascii_lowercase(), after);
        }
        let mut netloc = "";
        if let Some(after) = rest.strip_prefix("//") {
            (netloc, rest) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
            if netloc.contains(['[', ']']) {
                return None; // or an IPv6 address, which makes the path absolute
            }
        }
        Some((scheme, netloc.to_owned(), rest.to_owned()))
    }

    /// `urlunparse(urlparse(url))`.
    fn reparsed(url: &str) -> Option<String> {
        #[rustfmt::skip]
        const USES_PARAMS: &[&str] = &[
            "", "ftp", "hdl", "prospero", "http", "imap", "https", "shttp", "rtsp", "rtsps", "rtspu", "sip", "sips",
            "mms", "sftp", "tel",
        ];
        #[rustfmt::skip]
        const USES_NETLOC: &[&str] = &[
            "ftp", "http", "gopher", "nntp", "telnet", "imap", "wais", "file", "mms", "https", "shttp", "snews",
            "prospero", "rtsp", "rtsps", "rtspu", "rsync", "svn", "svn+ssh", "sftp", "nfs", "git", "git+ssh", "ws",
            "wss",
        ];
        let (scheme, netloc, rest) = urlsplit(url)?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((&rest, ""));
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let last = path.rfind('/').unwrap_or(0);
        let semicolon = path[last..].find(';').map(|at| last + at).filter(|_| USES_PARAMS.contains(&scheme.as_str()));
        let (path, params) = semicolon.map_or((path, ""), |at| (&path[..at], &path[at + 1..]));
        let mut url = path.to_owned();
        if !params.is_empty() {
            url = format!("{url};{params}");
        }
        if !netloc.is_empty() || (USES_NETLOC.contains(&scheme.as_str()) && !url.starts_with("//")) {
            let slash = if url.is_empty() || url.starts_with('/') { "" } else { "/" };
            url = format!("//{netloc}{slash}{url}");
        }
        if !scheme.is_empty() {
            url = format!("{scheme}:{url}");
        }
        if !query.is_empty() {
            url = format!("{url}?{query}");
        }
        if !fragment.is_empty() {
            url = format!("{url}#{fragment}");
        }
        Some(url)
    }

    /// `_decode`
    fn decode(mut url: String) -> Option<String> {
        for _ in 0..10 {
            let parsed = reparsed(&unquote(&url))?;
            if parsed == url {
                return Some(url);
            }
            url = parsed;
        }
        None
    }

    /// `validate_path_is_safe`
    pub fn validate_path_is_safe(path: &str) -> Option<String> {
        let mut safe = String::new();
        for c in decode(path.to_owned())?.chars() {
            match u32::from(c) {
                code @ (0..=31 | 127) => safe.push_str(&format!("%{code:02x}")),
                _ => safe.push(c),
            }
        }
        if safe.contains('#') {
            return None;
        }
        let (scheme, _, rest) = urlsplit(&safe)?;
        if scheme == "file" {
            safe = unquote(rest.split('?').next().unwrap());
        }
        let windows = matches!(safe.as_bytes(), [drive, b':', b'/' | b'\\', ..] if drive.is_ascii_alphabetic());
        let unsafe_path = safe.split('/').any(|segment| segment == "..") || safe.starts_with('/') || windows;
        (!unsafe_path).then_some(safe)
    }

    /// The first directory below the artifact root, once a path is joined to it: `posixpath.normpath`.
    pub fn first_directory(path: &str) -> Option<&str> {
        assert!(!path.starts_with('/') && !path.split('/').any(|s| s == ".."), "not safe: {path:?}");
        path.split('/').find(|segment| !matches!(*segment, "" | "."))
    }
}

#[test]
fn the_reference_reads_as_mlflow_does() {
    // recorded from mlflow.utils.uri.validate_path_is_safe of MLflow 3.3.2 on Python 3.11
    for (path, read) in [
        ("1/r1/artifacts/a b.txt", Some("1/r1/artifacts/a b.txt")),
        ("./1/x", Some("./1/x")),
        ("%2e/%31/x", Some("./1/x")),
        ("%25252531", Some("1")),
        ("%252525252525252525252531", None),
        ("1%0a2", Some("12")),
        ("%092/x", Some("2/x")),
        ("  2/x", Some("2/x")),
        ("1%01", Some("1%01")),
        ("1/x?", Some("1/x")),
        ("1/x;", Some("1/x")),
        ("1/x;a?b", Some("1/x;a?b")),
        ("1/x%23", Some("1/x")),
        ("1/x%23y", None),
        ("1/..", None),
        ("1/..\\x", Some("1/..\\x")),
        ("/1", None),
        (".//1", Some(".//1")),
        ("file:1/x", None),
        ("file:///1", None),
        ("C:/1", None),
        ("X:1/x", Some("x:1/x")),
        ("http:1", Some("http:///1")),
        ("1%ff", Some("1\u{fffd}")),
        ("1%zz", Some("1%zz")),
        ("", Some("")),
    ] {
        assert_eq!(mlflow::validate_path_is_safe(path).as_deref(), read, "{path:?}");
    }
}

/// What MLflow does with the artifact path of a request that we sent on: the directory below the artifact root, or
/// `None` if it refuses.
fn directory_of(method: &str, target: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (_, route) = path.split_once("/2.0/mlflow-artifacts/").unwrap();
    let raw = if route == "artifacts" {
        query.split('&').find_map(|pair| pair.strip_prefix("path=")).expect("a listing names a path").replace('+', " ")
    } else {
        let (family, rest) = route.split_once('/').unwrap();
        if family == "mpu" { rest.split_once('/').unwrap().1.to_owned() } else { rest.to_owned() }
    };
    let once = mlflow::unquote(&raw); // by Flask
    let safe = mlflow::validate_path_is_safe(&once)?;
    let safe = match method {
        "GET" | "HEAD" => mlflow::validate_path_is_safe(&safe)?, // again by the repository that downloads
        "DELETE" => mlflow::unquote(&safe),                      // url2pathname
        _ => safe,
    };
    Some(mlflow::first_directory(&safe).unwrap_or("the root itself").to_owned())
}

#[test]
fn an_artifact_request_is_decided_on_the_experiment_that_mlflow_reads() {
    let routes = select(
        &[
            ("GET", "artifacts/"),
            ("HEAD", "artifacts/"),
            ("PUT", "artifacts/"),
            ("DELETE", "artifacts/"),
            ("POST", "mpu/create/"),
            ("POST", "mpu/complete/"),
            ("POST", "mpu/abort/"),
            ("GET", "artifacts?path="),
            ("GET", "artifacts?path="),
            ("GET", "artifacts?x=%20&path="),
            ("GET", "presigned/"),
        ][..],
    );
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    world.grant(2, "experiment", "1", "MANAGE");
    let allowed = Cell::new(0);
    check(40_000, (select(&["/api", "/ajax-api"][..]), routes, raw_paths()), |(api, (method, route), raw)| {
        world.mlflow.seen.borrow_mut().clear();
        let target = format!("{api}/2.0/mlflow-artifacts/{route}{raw}");
        let answer = world.send(method, &target, &[("Authorization", &basic(ALICE))], None);
        let seen = world.mlflow.seen.borrow();
        // a path such as x/r1/artifacts has the run asked for first
        let mut forwarded = seen.iter().filter(|seen| seen.target.contains("/2.0/mlflow-artifacts/"));
        let Some(sent) = forwarded.next() else {
            assert!(matches!(answer.status, 400 | 403 | 405), "{target:?} gives {}", answer.status);
            return;
        };
        allowed.set(allowed.get() + 1);
        assert!(forwarded.next().is_none() && sent.method.as_str() == method);
        if let Some(directory) = directory_of(method, &sent.target) {
            assert_eq!(directory, "1", "{target:?} was sent on as {:?}", sent.target);
        }
    });
    assert!(allowed.get() > 4_000, "only {} requests were let through: the property says too little", allowed.get());
}

// --- what a search shows -------------------------------------------------------------------------------------------------

/// Which way a search goes: path, key of the list, key of a row, kind of a grant, by body or query.
const SEARCHES: &[(&str, &str, &str, &str, bool)] = &[
    ("/api/2.0/mlflow/experiments/search", "experiments", "experiment_id", "experiment", false),
    ("/ajax-api/2.0/mlflow/experiments/search", "experiments", "experiment_id", "experiment", true),
    ("/api/2.0/mlflow/registered-models/search", "registered_models", "name", "registered_model", false),
];

#[test]
fn pages_joined_are_the_readable_rows_in_order_and_once() {
    let worlds = ["READ", "NO_PERMISSIONS"].map(|default| {
        let world = World::with(&[("DEFAULT_PERMISSION", default)]);
        world.add_users();
        (default, world)
    });
    let masks = (select(&[0.02, 0.2, 0.5, 0.9][..]), 0..70_usize)
        .prop_flat_map(|(share, rows)| vec((prop::bool::weighted(share), any::<u8>()), rows));
    let size = prop_oneof![3 => (1..6_usize).prop_map(Some), 2 => (1..80_usize).prop_map(Some), 1 => Just(None)];
    check(2_000, (0..worlds.len(), select(SEARCHES), masks, size), |input| {
        let (world, (path, list, key, kind, by_body), mask, size) = input;
        let (default, world) = &worlds[world];
        let name = |row: usize| if list == "experiments" { format!("e{row}") } else { format!("m{row} ü/.") };
        *world.mlflow.rows.borrow_mut() = (0..mask.len()).map(name).collect();
        let mut sql = "DELETE FROM grants;".to_owned();
        for (row, (readable, choice)) in mask.iter().enumerate() {
            let levels: &[Option<&str>] = match (readable, *default) {
                (true, "READ") => &[None, Some("READ"), Some("EDIT"), Some("USE"), Some("MANAGE")],
                (true, _) => &[Some("READ"), Some("EDIT"), Some("USE"), Some("MANAGE")],
                (false, "READ") => &[Some("NO_PERMISSIONS")],
                (false, _) => &[None, Some("NO_PERMISSIONS")],
            };
            let bob = if *readable { "NO_PERMISSIONS" } else { "MANAGE" };
            let _ = write!(sql, "INSERT INTO grants VALUES (3, '{kind}', '{}', '{bob}');", name(row));
            if let Some(level) = levels[usize::from(*choice) % levels.len()] {
                let _ = write!(sql, "INSERT INTO grants VALUES (2, '{kind}', '{}', '{level}');", name(row));
            }
        }
        world.database.execute(&sql);
        let readable: Vec<String> = (0..mask.len()).filter(|row| mask[*row].0).map(name).collect();
        let hidden: Vec<String> = (0..mask.len()).filter(|row| !mask[*row].0).map(name).collect();

        let (mut joined, mut token, mut pages) = (Vec::new(), None::<String>, 0);
        loop {
            pages += 1;
            assert!(pages <= mask.len() + 1, "the search does not end");
            let mut parameters = Vec::new();
            parameters.extend(size.map(|size| ("max_results", size.to_string())));
            parameters.extend(token.map(|token| ("page_token", token)));
            let answer = if by_body {
                let field = |(name, value): &(&str, String)| match *name {
                    "max_results" => format!("\"{name}\":{value}"),
                    _ => format!("\"{name}\":\"{value}\""),
                };
                let fields: Vec<String> = parameters.iter().map(field).collect();
                world.post(ALICE, path, &format!("{{{}}}", fields.join(",")))
            } else {
                let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
                world.get(ALICE, &format!("{path}?{}", query.join("&")))
            };
            assert_eq!(answer.status, 200, "{}", answer.body);
            for name in &hidden {
                assert!(!answer.body.contains(&format!("\"{name}\"")), "{name} is in {}", answer.body);
            }
            let page = answer.json();
            let rows = page[list].as_array().cloned().unwrap_or_default();
            assert!(rows.len() <= size.unwrap_or(3), "a page of {} rows", rows.len()); // 3: the scripted origin's own
            joined.extend(rows.iter().map(|row| row[key].as_str().unwrap().to_owned()));
            token = page["next_page_token"].as_str().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        assert_eq!(joined, readable);
    });
}

// --- JSON and query -------------------------------------------------------------------------------------------------------

const NUMBER: &str = "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,3})?";
#[rustfmt::skip]
const FIELDS: &[&str] = &[
    "experiment_id", "experimentId", "run_id", "runId", "run_uuid", "runUuid", "a_b_c", "aBC", "aB_c", "a_bC", "_x",
    "X", "x_", "x", "a__b", "aB", "x_1", "x1", "é_é", "éé", "name",
];

fn trees(numbers: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Json> {
    trees_of(numbers, FIELDS.iter().copied().map(str::to_owned).collect())
}

fn trees_of(numbers: impl Strategy<Value = String> + 'static, fields: Vec<String>) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::Bool),
        2 => numbers.prop_map(Json::Number),
        2 => any::<String>().prop_map(Json::Text),
        1 => "[\"\\\\/\u{0}-\u{1f}\u{7f}\u{2028}😀é]{0,6}".prop_map(Json::Text),
    ];
    let key = move || prop_oneof![3 => select(fields.clone()), 1 => any::<String>()];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Json::List),
            btree_map(key(), inner, 0..6).prop_map(|entries| Json::Object(entries.into_iter().collect())),
        ]
    })
}

#[test]
fn json_that_is_written_is_read_as_it_was() {
    let words = select(&["NaN", "Infinity", "-Infinity"][..]).prop_map(str::to_owned);
    check(20_000, trees(prop_oneof![3 => NUMBER, 1 => words]), |tree| {
        assert_eq!(Json::parse(tree.compact().as_bytes()).as_ref(), Ok(&tree));
        assert_eq!(Json::parse(tree.pretty().as_bytes()).as_ref(), Ok(&tree));
    });
}

/// Whether two readers see one value. A number is compared as serde_json reads its text.
fn same(ours: &Json, theirs: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (ours, theirs) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::Text(a), Value::String(b)) => a == b,
        (Json::Number(text), Value::Number(_)) => serde_json::from_str::<Value>(text).unwrap() == *theirs,
        (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}

/// What [`WANTED`] leaves of a whole tree.
fn pruned(tree: &Json) -> Json {
    let prune = |(key, value): &(String, Json)| {
        let is_key = |name: &str| key == name || *key == json_name(name);
        let value = match WANTED.iter().find(|name| is_key(name.trim_end_matches("{}")))? {
            name if name.ends_with("{}") => value.clone(),
            _ => pruned(value),
        };
        Some((key.clone(), value))
    };
    match tree {
        Json::Object(entries) => Json::Object(entries.iter().filter_map(prune).collect()),
        Json::List(items) => Json::List(items.iter().map(pruned).collect()),
        scalar => scalar.clone(),
    }
}

const WANTED: &[&str] = &["a", "experiment_id", "a_b_c", "x_", "name{}"];

/// Asserts that a text is refused for the same fault, however little of it is built.
fn is_read_alike_whatever_is_wanted(text: &str) {
    let read = |wanted| Json::read(text.as_bytes(), wanted, Limits::NONE);
    match (read(Wanted::All), read(Wanted::Fields(WANTED)), read(Wanted::Nothing)) {
        (Ok(all), Ok(some), Ok(_)) => assert_eq!(pruned(&all), some, "{text}"),
        (Err(all), Err(some), Err(none)) => assert!(all == some && all == none, "{all}, {some}, {none}: {text}"),
        readings => panic!("{readings:?} of {text}"),
    }
}

#[test]
fn json_is_read_as_serde_json_reads_it_or_refused() {
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"a\":", "\"b\":1", "\"\\u0061\"", "\\", "\\u", "\\ud83d",
        "\\ude00", "\\u00e9", "\\x", "\\/", "0", "1", "-", "-0", "01", "1.5", ".", "e", "E+1", "1e400", "+", "true",
        "false", "null", "nul", "NaN", "-Infinity", "Infinity", " ", "\t", "\n", "\r", "\u{b}", "\u{0}", "\u{85}",
        "\u{a0}", "\u{feff}", "'", "//", "/**/", "\u{1f}", "é", "😀", "\u{7f}",
    ];
    let piece = || select(PIECES);
    let written = || (trees(NUMBER), any::<bool>()).prop_map(|(t, p)| if p { t.pretty() } else { t.compact() });
    let spoiled = (written(), piece(), any::<Index>(), 0..3_usize).prop_map(|(text, piece, at, removed)| {
        let chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars[..at].iter().copied().chain(piece.chars()).chain(chars.iter().copied().skip(at + removed)).collect()
    });
    let texts = prop_oneof![
        2 => written(),
        5 => spoiled,
        4 => vec(piece(), 0..12).prop_map(|pieces| pieces.concat()),
        1 => any::<String>(),
        1 => (95..135_usize, 95..135_usize).prop_map(|(a, b)| "[".repeat(a) + &"]".repeat(b)),
    ];
    let both = Cell::new(0);
    check(120_000, texts, |text| {
        is_read_alike_whatever_is_wanted(&text);
        let words = ["NaN", "Infinity"].iter().any(|word| text.contains(word));
        match (Json::parse(text.as_bytes()), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(ours), Ok(theirs)) => {
                assert!(same(&ours, &theirs), "{ours:?} and {theirs:?}");
                both.set(both.get() + 1);
            }
            // a number that is too large for a float keeps its text here
            (Ok(ours), Err(error)) => assert!(
                words || error.to_string().starts_with("number out of range"),
                "{ours:?} is refused by serde_json: {error}"
            ),
            (Err(_), _) => {}
        }
    });
    assert!(both.get() > 20_000, "only {} texts were JSON: the property says too little", both.get());
}

#[test]
fn bytes_that_are_no_utf_8_are_no_json() {
    check(20_000, vec(any::<u8>(), 0..12), |bytes| {
        let text = [&b"\""[..], &bytes, b"\""].concat();
        assert!(std::str::from_utf8(&bytes).is_ok() || Json::parse(&text).is_err());
    });
}

/// protobuf's `ToJsonName`, word by word.
fn json_name(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap().to_owned();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        name.extend(letters);
    }
    name
}

/// The rows whose bodies are read.
fn rows_with_bodies() -> Vec<&'static Route> {
    let all = TABLE.iter().copied().flatten();
    all.filter(|row| !row.method.is_safe() && row.body == routes::Body::Json && row.endpoint().is_none()).collect()
}

/// A row, and a body made of what the row looks at in both spellings, of what the gate looks at beside it, and of others.
fn bodies() -> impl Strategy<Value = (&'static Route, Json)> {
    select(rows_with_bodies()).prop_flat_map(|row| {
        let claims = if let Requires::All(claims) = row.requires { claims } else { &[] };
        let steps = claims.iter().flat_map(|claim| claim.parts().1.parameters).flat_map(|path| path.split('.'));
        let names = steps.map(|step| step.trim_end_matches(['[', ']', '{', '}'])).chain(["run_id", "model_id", "name"]);
        let fields = names.flat_map(|name| [name.to_owned(), name.to_owned(), json_name(name)]);
        let fields: Vec<String> = fields.chain(["key", "value"].map(str::to_owned)).collect();
        let body = (select(fields.clone()), trees_of("[0-9]", fields)).prop_map(|(field, tree)| match tree {
            Json::Object(_) => tree,
            value => Json::Object(vec![(field, value)]),
        });
        (Just(row), body)
    })
}

#[test]
fn what_a_row_reads_of_a_body_is_all_that_matters_to_it() {
    let config = World::with(&[]).config;
    let told = Cell::new(0);
    check(60_000, bodies(), |(row, body)| {
        let text = body.compact();
        let mut headers = Headers::default();
        headers.append("Content-Type", "application/json");
        let path = routes::paths(row).next().unwrap().replace(['{', '}', '*'], "");
        let body = Some(Bytes(text.clone().into_bytes()));
        let url = format!("http://gate{path}");
        let request = Request { method: row.method, url, headers, body, client_certificate: None };
        let target = Target::parse(&request, &config).unwrap();
        let Ok(mut call) = target.read(request, 100_000, false).now_or_never().unwrap() else { return };
        let known: Vec<&str> = shapes::of(row).message().fields.iter().map(|field| field.name).collect();
        let asked = |call: &Call<Bytes>| {
            let beside = ["run_id", "model_id", "name"].map(|name| format!("{:?}", call.optional(name)));
            (format!("{:?}", call.required_access()), beside)
        };
        // what MLflow does not know, it does not read
        let only_known = |mut json: Json| {
            if let (Json::Object(entries), false) = (&mut json, known.is_empty()) {
                entries.retain(|(key, _)| known.contains(&&**key));
            }
            Ok(json)
        };
        let Payload::Json(sent, Ok(json)) = call.payload else { return };
        let whole = Json::parse(&sent).unwrap();
        call.payload = Payload::Json(Vec::new(), only_known(json));
        let read = asked(&call);
        call.payload = Payload::Json(sent, only_known(whole));
        assert_eq!(read, asked(&call), "{} {} with {text}", row.method.as_str(), row.path);
        told.set(told.get() + usize::from(call.required_access().is_ok_and(|required| !required.is_empty())));
    });
    assert!(told.get() > 2_000, "only {} bodies named something: the property says too little", told.get());
}

/// The members of a metric and of a tag, mostly as clients write them. None has a colon but behind its key.
#[rustfmt::skip]
const MEMBERS: &[(&str, &str)] = &[
    ("key", r#""loss""#), ("value", "0.25"), ("timestamp", "1700000000000"), ("step", "7"),
    ("key", r#""validation/a longer name of a metric""#), ("value", "-12.0000000000000000000001"), ("step", "0"),
    ("key", r#""a\n""#), ("key", r#""\ud800""#), ("key", r#""é""#), ("key", "\"\t\""), ("key", "null"), ("key", "5"),
    ("value", "1e3"), ("value", "1e999"), ("value", "NaN"), ("value", "-Infinity"), ("value", r#""0.5""#),
    ("value", "00"), ("value", "1."), ("value", ".5"), ("value", "-"), ("value", "null"), ("value", r#""x""#),
    ("timestamp", "-1"), ("timestamp", "1.0"), ("timestamp", "1.5"), ("timestamp", "01"), ("timestamp", "1e3"),
    ("timestamp", "999999999999999999"), ("timestamp", "9999999999999999999"), ("timestamp", r#""12""#),
    ("step", "true"), ("step", "{}"), ("step", "[]"), ("step", "1x"), ("model_id", r#""m-1""#), ("modelId", r#""m-1""#),
    ("dataset_name", r#""d""#), ("datasetName", r#""d""#), ("future", "1"), ("not a name", "1"), ("run_id", r#""r""#),
];

#[test]
fn a_plain_member_is_read_as_any_other() {
    // a blank before the colon, which nobody writes, is all that keeps a member from being seen as a plain one
    let text = |colon: &str, lists: &[Vec<Vec<usize>>], (before, behind): (&str, &str)| {
        let member = |n: &usize| {
            let (key, value) = MEMBERS[*n];
            format!("{before}\"{key}\"{colon}{behind}{value}{before}")
        };
        let object = |members: &Vec<usize>| format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","));
        let list = |items: &Vec<Vec<usize>>| items.iter().map(object).collect::<Vec<_>>().join(",");
        let [metrics, tags] = [0, 1].map(|n| list(&lists[n]));
        format!(r#"{{"run_id":"r1","metrics":[{metrics}],"tags":[{tags}]}}"#)
    };
    let metric = prop_oneof![
        4 => (0..4_usize).prop_map(|missing| (0..4).filter(|n| *n != missing).collect::<Vec<_>>()),
        4 => Just(vec![0, 1, 2, 3]),
        2 => vec(0..MEMBERS.len(), 0..5),
        2 => (0..MEMBERS.len()).prop_map(|other| vec![0, 1, 2, 3, other]),
        1 => (0..MEMBERS.len()).prop_map(|other| vec![other, 1, 2]),
    ];
    let lists = vec(vec(metric, 0..4), 2);
    let spaces = select(&[("", ""), ("", " "), ("\n  ", "\t")][..]);
    let row = rows_with_bodies().into_iter().find(|row| row.path.ends_with("/runs/log-batch")).unwrap();
    let accepted = Cell::new(0);
    check(30_000, (lists, spaces), |(lists, spaces)| {
        let [plain, other] = [":", " :"].map(|colon| text(colon, &lists, spaces));
        let read = |text: &str| match shapes::of(row).read(text.as_bytes()) {
            Ok(body) => Ok((body.value, body.rewritten.map(|written| Json::parse(written.as_bytes()).unwrap()))),
            // the place of a fault is another by the blanks
            Err(rejection) => Err(rejection.reason().split(" at byte ").next().unwrap().to_owned()),
        };
        let (one, two) = (read(&plain), read(&other));
        assert_eq!(one, two, "{plain}");
        accepted.set(accepted.get() + usize::from(one.is_ok()));
    });
    assert!(accepted.get() > 5_000, "only {} bodies were accepted: the property says too little", accepted.get());
}

#[test]
fn a_query_that_is_written_is_read_as_it_was() {
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "&", "&", "&", "=", "=", "a", "b", "experiment_id", "experimentId", "run_id", "run_ids", "%61", "%5f", "%26",
        "%3d", "%25", "%2525", "+", "%2B", "%20", " ", ";", "#", "?", "%", "%zz", "%c3%a9", "é", "%ff", "%00", "/",
        ":",
    ];
    let queries = prop_oneof![5 => vec(select(PIECES), 0..12).prop_map(|p| p.concat()), 1 => any::<String>()];
    let accepted = Cell::new(0);
    check(100_000, queries, |raw| {
        let Ok(query) = Query::parse(&raw) else { return };
        accepted.set(accepted.get() + 1);
        let encoded = query.encode();
        assert!(encoded.is_empty() || encoded.starts_with('?'));
        assert!(encoded.bytes().all(|b| b.is_ascii_alphanumeric() || b"?&=%-._~/:".contains(&b)), "{encoded:?}");
        let again = Query::parse(encoded.strip_prefix('?').unwrap_or_default()).unwrap();
        assert_eq!(again, query, "through {encoded:?}");
        assert_eq!(again.encode(), encoded);
    });
    assert!(accepted.get() > 10_000, "only {} queries were accepted: the property says too little", accepted.get());
}

// --- what the fuzzer found ------------------------------------------------------------------------------------------------

#[test]
fn fragments_that_double_are_refused_at_once() {
    let doubling: String = (0..40).map(|n| format!("fragment F{n} on Query {{ ...F{0} ...F{0} }} ", n + 1)).collect();
    let query = format!("{{ ...F0 }} {doubling} fragment F40 on Query {{ test {{ output }} }}");
    let body = Json::Object(vec![("query".to_owned(), Json::Text(query))]);
    assert!(graphql::read(&body).is_err());
}

#[test]
fn no_row_stays_in_a_list_of_the_other_spelling() {
    let world = World::with(&[("DEFAULT_PERMISSION", "NO_PERMISSIONS")]);
    world.add_users();
    *world.mlflow.script.borrow_mut() =
        Some(Box::new(|_| Some(Ok((200, r#"{"registeredModels":[{"name":"hidden"}]}"#.to_owned())))));
    let answer = world.get(ALICE, "/api/2.0/mlflow/registered-models/search");
    assert!(!answer.body.contains("hidden"), "{}", answer.body);
}
