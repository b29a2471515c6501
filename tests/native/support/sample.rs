//! A request to each row of the table.

use mlflow_edge_auth::http::Method;
use mlflow_edge_auth::routes::{self, ChildKind, Requires, Route, ValueKind};

use super::{Answer, World, basic};

/// A request to a row that names experiment 1, run r1, logged model m-1 and the model "m".
pub fn sample(row: &Route) -> (String, String) {
    let mut path = routes::paths(row).next().unwrap();
    for (pattern, value) in [
        ("{model_id}", "m-1"),
        ("{request_id}", "tr-1"),
        ("{trace_id}", "tr-1"),
        ("{dataset_id}", "d-1"),
        ("{issue_id}", "iss-1"),
        ("{*artifact_path}", "1/r1/artifacts/a.txt"),
        ("{*path}", "x.js"),
        ("{*rest}", "x/y"),
    ] {
        path = path.replace(pattern, value);
    }
    // `{job_id}` and what else is left
    while let (Some(open), Some(close)) = (path.find('{'), path.find('}')) {
        path.replace_range(open..=close, "job-1");
    }
    let mut query = Vec::new();
    let mut body = serde_json::Map::new();
    body.insert("name".into(), "m".into());
    body.insert("new_name".into(), "new".into());
    if let Requires::Oneself(parameter) = row.requires {
        body.insert(parameter.into(), "bob".into());
        return (format!("{path}?{parameter}=bob"), serde_json::Value::Object(body).to_string());
    }
    if let Requires::GraphQl = row.requires {
        body.insert(
            "query".into(),
            r#"{ mlflowGetExperiment(input: {experimentId: "1"}) { apiError { code } } }"#.into(),
        );
    }
    let Requires::All(claims) = row.requires else { return (path, serde_json::Value::Object(body).to_string()) };
    for claim in claims {
        let (_, field) = claim.parts();
        let Some(name) = field.parameters.first() else { continue }; // it names every resource of a type
        let value = match field.names {
            ValueKind::Experiment | ValueKind::Granted => "1",
            ValueKind::ExperimentByName => "e1",
            ValueKind::RegisteredModel => "m",
            ValueKind::Child(part) | ValueKind::ChildIfExists(part) => part_of_1(part),
            ValueKind::LineageRun => "r1",
            ValueKind::ArtifactLocation => continue, // a choice, which few have
            ValueKind::TraceTag => "a tag",
            ValueKind::AssessmentId => continue,
            ValueKind::NewModelName | ValueKind::NextModelName => "new",
            ValueKind::InExperiment(_) => "1",
            ValueKind::InChild(part, _) => part_of_1(part),
            ValueKind::ModelVersion => "m",
            ValueKind::ModelTag => "a tag",
            ValueKind::Every(_) => continue,
            ValueKind::Gateway => continue,
            ValueKind::ArtifactPath => "1/r1/artifacts",
            ValueKind::Source => "mlflow-artifacts:/1/r1/artifacts/model",
        };
        query.push(format!("{name}={value}"));
        put(&mut body, name, value);
        if field.names == ValueKind::Granted {
            body.insert("resource_type".into(), "experiment".into());
        }
    }
    let in_query = row.method == Method::Get || row.body == routes::Body::Stream;
    let named_by_path = ["1/r1", "m-1", "tr-1", "d-1", "iss-1", "job-1"].iter().any(|id| path.contains(id));
    let target = if in_query && !named_by_path { format!("{path}?{}", query.join("&")) } else { path };
    (target, serde_json::Value::Object(body).to_string())
}

fn part_of_1(part: ChildKind) -> &'static str {
    match part {
        ChildKind::Run => "r1",
        ChildKind::LoggedModel => "m-1",
        ChildKind::Trace => "tr-1",
        ChildKind::Dataset => "d-1",
        ChildKind::Issue => "iss-1",
        ChildKind::LabelSchema => "ls-1",
        ChildKind::ReviewQueue => "rq-1",
        ChildKind::PromptOptimizationJob => "job-1",
    }
}

/// Puts a value where a parameter such as `a.b`, `a[].b` or `a{}` is read from.
fn put(object: &mut serde_json::Map<String, serde_json::Value>, parameter: &str, value: &str) {
    let (step, rest) = parameter.split_once('.').map_or((parameter, None), |(step, rest)| (step, Some(rest)));
    let nested = |inner: &mut serde_json::Map<_, _>| put(inner, rest.unwrap(), value);
    if let Some(list) = step.strip_suffix("[]") {
        let mut item = serde_json::Map::new();
        nested(&mut item);
        object.insert(list.into(), serde_json::json!([item]));
    } else if let Some(map) = step.strip_suffix("{}") {
        object.insert(map.into(), serde_json::json!({ value: "x" }));
    } else if rest.is_some() {
        let inner = object.entry(step).or_insert_with(|| serde_json::json!({}));
        nested(inner.as_object_mut().unwrap());
    } else if step.ends_with("_ids") {
        object.insert(step.into(), serde_json::json!([value]));
    } else {
        object.insert(step.into(), value.into());
    }
}

/// A span of trace 1, as OTLP in JSON.
const SPANS: &str =
    r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001"}]}]}]}"#;

/// Sends the sample of a row as a user, or as nobody.
pub fn send_sample(world: &World, user: &str, row: &Route) -> Answer {
    let (target, mut body) = sample(row);
    if row.body == routes::Body::Otlp {
        body = SPANS.to_owned();
    }
    let body = (row.method != Method::Get).then_some(body.as_bytes());
    let authorization = basic(user);
    let mut headers = vec![("Content-Type", "application/json"), ("X-Mlflow-Experiment-Id", "1")];
    if !user.is_empty() {
        headers.push(("Authorization", &authorization));
    }
    world.send(row.method.as_str(), &target, &headers, body)
}
