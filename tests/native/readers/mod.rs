//! The gate's readers beside MLflow's own.
//!
//! Each module gives the gate's verdict on an input of `scripts/readers/<name>.py`: that it is refused, or what was decided
//! on and what MLflow gets. `make test` replays the inputs that are kept in `tests/fixtures/readers`, whose verdicts MLflow
//! itself has agreed to; `make readers` makes up many more and has MLflow judge each verdict.

mod artifact_paths;
mod json_bodies;
mod otlp;
mod uris;

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Value, json};

/// Gives a verdict on every input: those under `READERS`, for MLflow to judge, or else those that are kept.
///
/// A verdict is `{"refused": status}`, or whatever the module's counterpart in Python judges.
fn run(name: &str, verdict: impl Fn(&Value) -> Value) {
    if let Ok(folder) = std::env::var("READERS") {
        let folder = PathBuf::from(folder);
        let inputs = fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
        let mut verdicts = fs::File::create(folder.join(format!("{name}.verdicts.jsonl"))).unwrap();
        for line in inputs.lines() {
            let input: Value = serde_json::from_str(line).unwrap();
            let verdict = verdict(&input);
            writeln!(verdicts, "{}", json!({ "input": input, "verdict": verdict })).unwrap();
        }
        return;
    }
    let kept = fs::read_to_string(format!("tests/fixtures/readers/{name}.jsonl")).unwrap();
    assert!(!kept.is_empty(), "no fixtures of {name}: run make readers");
    for line in kept.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        assert_eq!(verdict(&case["input"]), case["verdict"], "{}", case["input"]);
    }
}
