//! The canonical path: never a panic, and what is accepted has one reading.
//!
//! Input: a raw path.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::mlflow::artifact_path::unquote;
use mlflow_edge_auth::request::path::{canonical, canonical_artifact, encode};

/// However often a path is percent-decoded, its segments stay where they are, and none becomes one that leads elsewhere.
fn has_one_reading(path: &str) {
    assert!(!path.contains(char::is_control), "{path:?}");
    let mut round = path.to_owned();
    loop {
        assert!(!round.contains("//"), "{path:?}");
        assert!(!round.contains(['\\', ';', '#', '?', '\t', '\n', '\r', '\0']), "{path:?}");
        assert!(!round.split('/').any(|segment| segment == "." || segment == ".."), "{path:?}");
        assert_eq!(round.split('/').count(), path.split('/').count(), "{path:?}");
        let Some(next) = unquote(&round) else { return };
        round = next;
    }
}

fuzz_target!(|data: &[u8]| {
    let raw = String::from_utf8_lossy(data);
    if let Ok(path) = canonical(&raw) {
        has_one_reading(&path);
        assert!(path.starts_with('/'));
        let encoded = encode(&path);
        assert!(encoded.bytes().all(|b| b.is_ascii_graphic()), "{encoded:?}");
        let lower = encoded.to_ascii_lowercase();
        for never in ["%2f", "%2e", "%5c", "%3b", "%23", "%3f", "%00", ";", "\\", "?", "#"] {
            assert!(!lower.contains(never), "{encoded:?}");
        }
        assert_eq!(canonical(&encoded).unwrap(), path);
    }
    if let Ok(read) = canonical_artifact(&raw) {
        let path = raw.strip_suffix('/').unwrap_or(&raw);
        has_one_reading(path);
        assert_eq!(unquote(&read), None, "read to the end");
        assert!(!read.is_empty() && !read.starts_with('/') && !read.ends_with('/'), "{read:?}");
        assert_eq!(canonical(&encode(&format!("/{path}"))).unwrap(), format!("/{path}"));
    }
});
