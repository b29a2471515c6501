//! Sources and locations, beside `scripts/readers/uris.py`.

use mlflow_edge_auth::mlflow::uri::{ArtifactLocation, SourceUri, is_inside};
use mlflow_edge_auth::request::path::canonical_artifact;
use serde_json::{Value, json};

fn verdict(input: &Value) -> Value {
    let (text, root) = (input["text"].as_str().unwrap(), input["root"].as_str().unwrap());
    if input["kind"] == "location" {
        return match ArtifactLocation::parse(text) {
            Err(_) => json!({ "refused": 400 }),
            Ok(place) => json!({ "decided": ["location", text], "inside": place.is_below(&[root.to_owned()]) }),
        };
    }
    let decided = match SourceUri::parse(text) {
        Err(_) => return json!({ "refused": 400 }),
        Ok(SourceUri::Run(id)) => json!(["run", id]),
        Ok(SourceUri::RegisteredModel(name)) => json!(["model", name]),
        Ok(SourceUri::LoggedModel(id)) => json!(["logged_model", id]),
        Ok(SourceUri::Prompt(name)) => json!(["prompt", name]),
        Ok(SourceUri::Placeholder) => json!(["placeholder", text]),
        Ok(SourceUri::Place(place)) => {
            return json!({ "decided": ["place", place], "inside": is_inside(place, root) });
        }
        Ok(SourceUri::ProxiedArtifact(path)) => match canonical_artifact(path) {
            Ok(path) => json!(["store", path]),
            Err(_) => return json!({ "refused": 400 }),
        },
    };
    json!({ "decided": decided })
}

#[test]
fn verdicts() {
    super::run("uris", verdict);
}
