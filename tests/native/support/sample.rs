//! A request to each row of the table.

use mlflow_edge_auth::http::Method;
use mlflow_edge_auth::routes::{self, ChildKind, Place, Requires, Route, ValueKind};

use super::{Answer, World, basic};

/// A request to a row that names experiment 1, run r1, logged model m-1 and the model "m".
pub fn sample(row: &Route) -> (String, String) {
    sample_with(row, None)
}

/// The same, but the requirement of that number is about experiment 2, run r2, logged model m-2 or the model "n".
fn sample_with(row: &Route, elsewhere: Option<usize>) -> (String, String) {
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
        ("{endpoint_name}", "named"),
        ("{gemini_call}", "named:generateContent"),
        ("{mcp_namespace}", "com.example"),
        ("{mcp_slug}", "server"),
        ("{*", "{"),
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
    if let Requires::Oneself | Requires::OneselfOrManager = row.requires {
        body.insert("username".into(), "bob".into());
        let target = format!("{path}?username=bob&resource_type=experiment&resource_id=1");
        return (target, serde_json::Value::Object(body).to_string());
    }
    if let Requires::InWorkspace(_, place) = row.requires {
        let all = [("role_id", "1"), ("role_permission_id", "1"), ("workspace", "default"), ("username", "bob")];
        let named: &[_] = match place {
            Place::OfRole if path.ends_with("/create") => &all[2..3],
            Place::OfRole if path.contains("remove") || path.contains("permissions/update") => &all[1..2],
            Place::OfRole => &all[..1],
            Place::EachNamed => &all[2..3],
            Place::OfUser | Place::Anywhere => &all[3..],
        };
        body.extend(named.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
        let query: Vec<String> = named.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let target = if row.method == Method::Get { format!("{path}?{}", query.join("&")) } else { path };
        return (target, serde_json::Value::Object(body).to_string());
    }
    if let Requires::GraphQl = row.requires {
        body.insert(
            "query".into(),
            r#"{ mlflowGetExperiment(input: {experimentId: "1"}) { apiError { code } } }"#.into(),
        );
    }
    let Requires::All(claims) = row.requires else { return (path, serde_json::Value::Object(body).to_string()) };
    for (number, claim) in claims.iter().enumerate() {
        let (_, field) = claim.parts();
        let Some(name) = field.parameters.first() else { continue }; // it names every resource of a type
        let Some(value) = value(field.names, if elsewhere == Some(number) { "2" } else { "1" }) else { continue };
        let value = value.as_str();
        query.push(format!("{name}={value}"));
        put(&mut body, name, value);
        if let ValueKind::Granted(by) = field.names {
            let value = |name: &str| match name {
                "resource_type" => "experiment",
                "scorer_name" | "name" => "m",
                _ => "1",
            };
            let pairs = || by.parameters().iter().map(|name| (*name, value(name)));
            query = pairs().map(|(name, value)| format!("{name}={value}")).collect();
            body.extend(pairs().map(|(name, value)| (name.to_owned(), value.into())));
        }
    }
    let in_query = row.method == Method::Get || row.body == routes::Body::Stream;
    let named_by_path =
        ["1/r1", "m-1", "tr-1", "d-1", "iss-1", "job-1", "/named", "com.example"].iter().any(|id| path.contains(id));
    let target = if in_query && !named_by_path { format!("{path}?{}", query.join("&")) } else { path };
    (target, serde_json::Value::Object(body).to_string())
}

/// The name of a thing in experiment 1 or 2, or a model's; none for a choice that few requests make.
fn value(names: ValueKind, experiment: &str) -> Option<String> {
    let n = experiment;
    let text = match names {
        ValueKind::Experiment | ValueKind::InExperiment(_) | ValueKind::Granted(_) => n.to_owned(),
        ValueKind::ExperimentByName => format!("e{n}"),
        ValueKind::RegisteredModel | ValueKind::ModelVersion => if n == "1" { "m" } else { "n" }.to_owned(),
        ValueKind::NewModelName | ValueKind::NextModelName => if n == "1" { "new" } else { "n" }.to_owned(),
        ValueKind::Child(part) | ValueKind::ChildIfExists(part) | ValueKind::InChild(part, _) => part_of(part, n),
        ValueKind::LineageRun => format!("r{n}"),
        ValueKind::TraceTag | ValueKind::ModelTag => "a tag".to_owned(),
        ValueKind::ArtifactPath => format!("{n}/r{n}/artifacts"),
        ValueKind::Source => format!("mlflow-artifacts:/{n}/r{n}/artifacts/model"),
        ValueKind::ArtifactLocation | ValueKind::AssessmentId | ValueKind::Optimizer | ValueKind::OwnExperiment => {
            return None;
        }
        ValueKind::Every(_) => return None,
        ValueKind::Id(_) => format!("x-{n}"),
        ValueKind::Queue(_) => format!("rq-{n}"),
        ValueKind::EndpointName => "named".to_owned(),
        ValueKind::GeminiCall => "named:generateContent".to_owned(),
        ValueKind::Guardrail => "g-1".to_owned(),
        ValueKind::Scorer | ValueKind::WholeScorer | ValueKind::ScorerVersions => "s".to_owned(),
        ValueKind::McpServer | ValueKind::McpVersions => "com.example".to_owned(),
        ValueKind::NewMcpServer => "com.example/new".to_owned(),
    };
    Some(text)
}

fn part_of(part: ChildKind, experiment: &str) -> String {
    let prefix = match part {
        ChildKind::Run => "r",
        ChildKind::LoggedModel => "m-",
        ChildKind::Trace => "tr-",
        ChildKind::Dataset => "d-",
        ChildKind::Issue => "iss-",
        ChildKind::LabelSchema => "ls-",
        ChildKind::ReviewQueue => "rq-",
        ChildKind::PromptOptimizationJob => "job-",
    };
    format!("{prefix}{experiment}")
}

/// The requirements after the first whose resource a request can choose: their numbers and parameters.
pub fn further_requirements(row: &Route) -> Vec<(usize, &'static str)> {
    let Requires::All(claims) = row.requires else { return Vec::new() };
    let fields = claims.iter().map(|claim| claim.parts().1).enumerate().skip(1);
    let can_be_elsewhere = |names| value(names, "1") != value(names, "2");
    let is_said_before = |n: usize, name: &str| claims[..n].iter().any(|it| it.parts().1.parameters.contains(&name));
    let chosen = fields.filter(|(_, field)| can_be_elsewhere(field.names)).map(|(n, field)| (n, field.parameters[0]));
    chosen.filter(|(n, name)| !is_said_before(*n, name)).collect()
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

/// A span of trace 1 or 2, as OTLP in JSON.
fn spans(trace: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace:0>32}"}}]}}]}}]}}"#)
}

/// Sends the sample of a row as a user, or as nobody.
pub fn send_sample(world: &World, user: &str, row: &Route) -> Answer {
    send_sample_with(world, user, row, None)
}

/// The same, but the requirement of that number is about something else.
pub fn send_sample_with(world: &World, user: &str, row: &Route, elsewhere: Option<usize>) -> Answer {
    let (target, mut body) = sample_with(row, elsewhere);
    let parameter = further_requirements(row).into_iter().find(|(n, _)| Some(*n) == elsewhere).map_or("", |(_, p)| p);
    if row.body == routes::Body::Otlp {
        body = spans(if elsewhere.is_none() || parameter.starts_with("X-") { "1" } else { "2" });
    }
    let body = (row.method != Method::Get).then_some(body.as_bytes());
    let authorization = basic(user);
    let mut headers = vec![("Content-Type", "application/json"), ("X-Mlflow-Experiment-Id", "1")];
    if parameter == "X-Mlflow-Run-Id" {
        headers.push((parameter, "r2"));
    }
    if !user.is_empty() {
        headers.push(("Authorization", &authorization));
    }
    world.send(row.method.as_str(), &target, &headers, body)
}
