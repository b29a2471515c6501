//! GraphQL documents: never a panic, and what is read is what another parser and a naive walk of its tree say.
//!
//! Input: the variables as JSON on the first line, then the document.

#![no_main]

use std::collections::BTreeMap;

use graphql_parser::query::{Definition, Document, Field, OperationDefinition, Selection, SelectionSet, Value};
use libfuzzer_sys::fuzz_target;
use mlflow_edge_auth::authz::{Capability, Kind};
use mlflow_edge_auth::json::Json;
use mlflow_edge_auth::request::{ResourceRef, graphql};
use mlflow_edge_auth::routes::ChildKind;
use serde_json::{Value as Input, json};

type Set<'a> = SelectionSet<'a, &'a str>;

/// A root field: its key in the answer, its name, and the ids in its `input`.
type Root = (String, String, Vec<String>);

/// Root fields with what they read: experiments, runs or nothing.
const ROOT_FIELDS: &[(&str, char, &[&str])] = &[
    ("mlflowGetExperiment", 'e', &["experimentId"]),
    ("mlflowGetRun", 'r', &["runId", "runUuid"]),
    ("mlflowListArtifacts", 'r', &["runId", "runUuid"]),
    ("mlflowGetMetricHistoryBulkInterval", 'r', &["runIds"]),
    ("mlflowSearchRuns", 'e', &["experimentIds"]),
    ("mlflowSearchDatasets", 'e', &["experimentIds"]),
    ("mlflowSearchModelVersions", '-', &[]),
    ("test", '-', &[]),
    ("testMutation", '-', &[]),
    ("__typename", '-', &[]),
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (variables, query) = text.split_once('\n').unwrap_or(("null", text));
    let variables: Input = serde_json::from_str(variables).unwrap_or_default();
    let body = json!({ "query": query, "variables": variables }).to_string();
    let Ok(body) = Json::parse(body.as_bytes()) else { return };
    let Ok(read) = graphql::read(&body) else { return };

    // another parser that follows an older edition may refuse what was accepted
    let Ok(document) = graphql_parser::parse_query::<&str>(query) else { return };
    let walk = Walk::new(&document, &variables);
    let expected: Vec<Root> = walk.fields(walk.operation).iter().map(|field| walk.root(field)).collect();
    let told: Vec<Root> = read.roots.iter().zip(&expected).map(|(root, (_, name, _))| told(root, name)).collect();
    assert_eq!(read.roots.len(), expected.len(), "root fields of {query}");
    assert_eq!(told, expected, "{query}");
    assert_eq!(read.has_model_versions, walk.has_model_versions(walk.operation), "{query}");
});

/// What was read of a root field, if it is of the kind that its name says.
fn told(root: &graphql::Root, name: &str) -> Root {
    let kind = ROOT_FIELDS.iter().find(|(known, ..)| *known == name).map(|(_, kind, _)| *kind);
    let ids = root.required.iter().map(|demand| {
        assert_eq!(demand.capability, Capability::Read);
        match (&demand.subject, kind) {
            (ResourceRef::Known(resource), Some('e')) if resource.kind == Kind::Experiment => resource.id.clone(),
            (ResourceRef::Child(ChildKind::Run, id), Some('r')) => id.clone(),
            (ResourceRef::Nothing(_), None) => "for administrators".to_owned(),
            (subject, _) => panic!("{name} is read as {subject:?}"),
        }
    });
    (root.key.clone(), name.to_owned(), ids.collect())
}

struct Walk<'a> {
    operation: &'a Set<'a>,
    fragments: BTreeMap<&'a str, &'a Set<'a>>,
    variables: BTreeMap<&'a str, Input>,
}

impl<'a> Walk<'a> {
    fn new(document: &'a Document<'a, &'a str>, given: &Input) -> Self {
        let mut operations = Vec::new();
        let mut fragments = BTreeMap::new();
        for definition in &document.definitions {
            match definition {
                Definition::Operation(operation) => operations.push(operation),
                Definition::Fragment(fragment) => drop(fragments.insert(fragment.name, &fragment.selection_set)),
            }
        }
        let [operation] = operations[..] else { panic!("{} operations were accepted", operations.len()) };
        let (operation, definitions) = match operation {
            OperationDefinition::SelectionSet(set) => (set, &[][..]),
            OperationDefinition::Query(query) => (&query.selection_set, &query.variable_definitions[..]),
            OperationDefinition::Mutation(query) => (&query.selection_set, &query.variable_definitions[..]),
            OperationDefinition::Subscription(query) => (&query.selection_set, &query.variable_definitions[..]),
        };
        let mut walk = Self { operation, fragments, variables: BTreeMap::new() };
        for definition in definitions {
            let default = definition.default_value.as_ref().map(|value| walk.value(value)).unwrap_or_default();
            let value = given.get(definition.name).cloned().unwrap_or(default);
            walk.variables.insert(definition.name, value);
        }
        walk
    }

    /// The fields of a set, with those of fragments.
    fn fields(&self, set: &'a Set<'a>) -> Vec<&'a Field<'a, &'a str>> {
        let nested = |set: &'a Set<'a>| self.fields(set);
        set.items
            .iter()
            .flat_map(|selection| match selection {
                Selection::Field(field) => vec![field],
                Selection::InlineFragment(fragment) => nested(&fragment.selection_set),
                Selection::FragmentSpread(spread) => nested(self.fragments[spread.fragment_name]),
            })
            .collect()
    }

    fn root(&self, field: &'a Field<'a, &'a str>) -> Root {
        let key = field.alias.unwrap_or(field.name).to_owned();
        let Some((name, kind, keys)) = ROOT_FIELDS.iter().find(|(name, ..)| *name == field.name) else {
            return (key, field.name.to_owned(), vec!["for administrators".to_owned()]);
        };
        let mut ids = Vec::new();
        if *kind != '-' {
            let [("input", input)] = &field.arguments[..] else { panic!("arguments {:?}", field.arguments) };
            let input = self.value(input);
            // where both spellings are there, they say the same
            let told: Vec<&Input> = keys.iter().filter_map(|key| input.get(key)).filter(|id| !id.is_null()).collect();
            let each = told.iter().map(|value| match value {
                Input::Array(items) => items.iter().map(text).collect::<Vec<_>>(),
                value => vec![text(value)],
            });
            let mut each: Vec<Vec<String>> = each.filter(|ids| !ids.is_empty()).collect();
            each.dedup();
            assert_eq!(each.len(), 1, "{each:?}");
            ids = each.remove(0);
        }
        (key, (*name).to_owned(), ids)
    }

    fn has_model_versions(&self, set: &'a Set<'a>) -> bool {
        let fields = self.fields(set);
        fields.iter().any(|field| field.name == "modelVersions" || self.has_model_versions(&field.selection_set))
    }

    fn value(&self, value: &Value<'a, &'a str>) -> Input {
        match value {
            Value::Variable(name) => self.variables[name].clone(),
            Value::String(text) => text.clone().into(),
            Value::Null => Input::Null,
            Value::List(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(entries) => {
                Input::Object(entries.iter().map(|(key, value)| ((*key).to_owned(), self.value(value))).collect())
            }
            Value::Int(_) | Value::Float(_) | Value::Boolean(_) | Value::Enum(_) => true.into(),
        }
    }
}

fn text(value: &Input) -> String {
    value.as_str().unwrap_or_else(|| panic!("an id was read from {value}")).to_owned()
}
