//! URIs inside values: never a panic, and what is let through leads nowhere else in any round of decoding.
//!
//! Input: a URI.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::mlflow::artifact_path::unquote;
use mlflow_edge_auth::mlflow::uri::{ArtifactLocation, SourceUri, is_inside};

const ROOT: &str = "s3://bucket/1/r1/artifacts";

fn leads_nowhere_else(text: &str) {
    let mut round = text.to_owned();
    loop {
        let mut segments = round.split(['/', '?', '#', ';', '\\']);
        assert!(!segments.any(|segment| segment == "." || segment == ".."), "{text:?}");
        let Some(next) = unquote(&round) else { return };
        round = next;
    }
}

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(source) = SourceUri::parse(&text) {
        leads_nowhere_else(&text);
        assert!(!text.contains(char::is_control));
        let lower = text.to_ascii_lowercase();
        if let SourceUri::Place(place) = source {
            for own in ["runs:", "models:", "prompts:", "mlflow-artifacts:"] {
                assert!(!lower.starts_with(own), "{text:?}");
            }
            assert!(!is_inside(place, ROOT) || place.starts_with(ROOT), "{text:?}");
        }
        for own in ["runs://", "models://", "prompts://", "mlflow-artifacts://"] {
            assert!(!lower.starts_with(own), "{text:?}");
        }
    }
    if ArtifactLocation::parse(&text).is_ok() {
        leads_nowhere_else(&text);
        let lower = text.to_ascii_lowercase();
        assert!(!lower.starts_with("http:") && !lower.starts_with("https:"), "{text:?}");
        assert!(!text.contains("mlflow-artifacts/artifacts"), "{text:?}");
    }
});
