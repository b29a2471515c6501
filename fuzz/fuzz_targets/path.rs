//! The canonical path: never a panic, and what is accepted has one reading.
//!
//! Input: a raw path.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::request::path::{canonical, canonical_artifact, encode};

fn has_one_reading(path: &str) {
    assert!(!path.contains("//"), "{path:?}");
    assert!(!path.contains(|c: char| matches!(c, '\\' | '%' | ';' | '#' | '?') || c.is_control()), "{path:?}");
    assert!(!path.split('/').any(|segment| segment == "." || segment == ".."), "{path:?}");
}

fuzz_target!(|data: &[u8]| {
    let raw = String::from_utf8_lossy(data);
    if let Ok(path) = canonical(&raw) {
        has_one_reading(&path);
        assert!(path.starts_with('/'));
        let encoded = encode(&path);
        assert!(encoded.bytes().all(|b| b.is_ascii_graphic()), "{encoded:?}");
        let lower = encoded.to_ascii_lowercase();
        for never in ["%2f", "%2e", "%25", "%5c", "%3b", "%23", "%3f", "%00", ";", "\\", "?", "#"] {
            assert!(!lower.contains(never), "{encoded:?}");
        }
        assert_eq!(canonical(&encoded).unwrap(), path);
        // a path that arrived decoded is checked by the same rules
        let rest = path.trim_start_matches('/');
        assert!(rest.is_empty() || canonical_artifact(rest).is_ok(), "{path:?}");
    }
    if let Ok(path) = canonical_artifact(&raw) {
        has_one_reading(path);
        assert!(!path.is_empty() && !path.starts_with('/') && !path.ends_with('/'), "{path:?}");
        assert_eq!(canonical(&encode(&format!("/{path}"))).unwrap(), format!("/{path}"));
    }
});
