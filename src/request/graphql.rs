//! GraphQL: what each root field of a document names.
//!
//! MLflow serves eight root fields (`mlflow/server/graphql`, 3.3 to 3.17). A document is decided as a whole, never by
//! its `operationName`: exactly one operation, every root field in it, whatever fragment or alias brings it there, with
//! variables and their defaults put in. A root field that is not listed here is for administrators.
//!
//! A document may come from anybody, so that its length, its parts and what is copied of its variables have bounds, and
//! the work is linear in them.

use std::cell::Cell;
use std::collections::BTreeMap;

use apollo_parser::cst::{self, CstNode};
use apollo_parser::{Parser, cst::Definition, cst::Selection};

use super::resource_ref::{RequiredAccess, ResourceRef};
use crate::authz::{Capability, Resource, ResourceType};
use crate::error::{Rejection, Result};
use crate::json::Json;
use crate::routes::ChildKind;

/// MLflow's own limits: depth, selections, and aliases and root fields by default.
const DEEPEST: usize = 10;
const MOST_SELECTIONS: usize = 1000;
/// Each selection is met at most twice, beside the fragments that bring it.
const MOST_STEPS: usize = 4 * MOST_SELECTIONS;
const MOST_ALIASES: usize = 10;
const MOST_ROOTS: usize = 10;
/// A document of MLflow's UI has a few hundred.
const MOST_TOKENS: usize = 10_000;
/// The longest document in bytes; those of MLflow's UI have a few thousand.
const LONGEST: usize = 64 * 1024;
/// Fragments within fragments; MLflow's UI has two.
const DEEPEST_FRAGMENT: usize = 32;
/// As many ids as any other request may name.
const MOST_IDS: usize = 1000;
/// Bytes that the variables of a document may put into it, however often it names them.
const MOST_COPIED: usize = 256 * 1024;

/// The things that a root field reads, and the keys of its `input` that name them.
enum Reads {
    Experiments(&'static [&'static str]),
    Runs(&'static [&'static str]),
    Nothing,
}

const ROOT_FIELDS: &[(&str, Reads)] = &[
    ("mlflowGetExperiment", Reads::Experiments(&["experimentId"])),
    ("mlflowGetRun", Reads::Runs(&["runId", "runUuid"])),
    ("mlflowListArtifacts", Reads::Runs(&["runId", "runUuid"])),
    ("mlflowGetMetricHistoryBulkInterval", Reads::Runs(&["runIds"])),
    ("mlflowSearchRuns", Reads::Experiments(&["experimentIds"])),
    ("mlflowSearchDatasets", Reads::Experiments(&["experimentIds"])),
    (SEARCH, Reads::Nothing), // its rows are filtered
    ("test", Reads::Nothing),
    ("testMutation", Reads::Nothing),
    ("__typename", Reads::Nothing),
];

/// The search for model versions. Its rows are filtered, and no page of it is filled up.
const SEARCH: &str = "mlflowSearchModelVersions";

fn known(name: &str) -> Option<&'static Reads> {
    ROOT_FIELDS.iter().find(|(known, _)| *known == name).map(|(_, reads)| reads)
}

/// A document that was read.
pub struct Document {
    /// The fields of its operation.
    pub roots: Vec<Root>,
    /// True if model versions are among what it selects, at any depth.
    pub has_model_versions: bool,
    /// True if every root field is known to change nothing. MLflow declares some searches as mutations.
    pub reads: bool,
    /// The keys of the answers to searches for model versions.
    pub searches: Vec<String>,
}

/// A root field.
pub struct Root {
    /// The key of its answer.
    pub key: String,
    /// The access that its caller needs.
    pub required: Vec<RequiredAccess>,
    /// True for a search for model versions that wants a page.
    pub is_paged: bool,
    name: String,
}

/// Reads the body of a request: `{"query": …, "variables": {…}, "operationName": …}`.
///
/// A document that is no GraphQL, exceeds a limit, or has not exactly one operation is a 400.
pub fn read(body: &Json) -> Result<Document> {
    let text = body.get("query").and_then(Json::text).ok_or_else(|| Rejection::missing("query"))?;
    if text.len() > LONGEST {
        return Err(invalid(&format!("it is longer than {LONGEST} bytes")));
    }
    let tree = Parser::new(text).recursion_limit(64).token_limit(MOST_TOKENS).parse();
    if let Some(error) = tree.errors().next() {
        return Err(invalid(error.message()));
    }
    let mut operations = Vec::new();
    let mut fragments = Vec::new();
    for definition in tree.document().definitions() {
        match definition {
            Definition::OperationDefinition(operation) => operations.push(operation),
            Definition::FragmentDefinition(fragment) => fragments.push(fragment),
            _ => return Err(invalid("only operations and fragments are executed")),
        }
    }
    let [operation] = operations.as_slice() else { return Err(invalid("exactly one operation is expected")) };
    let scan = Scan {
        fragments: by_name(fragments)?,
        inputs: Inputs::read(operation, body)?,
        steps: Cell::new(0),
        ids: Cell::new(0),
    };
    let selections = operation.selection_set().ok_or_else(|| invalid("nothing is selected"))?;
    let roots = scan.fields(&selections, &mut Vec::new())?;
    let mut counts = Counts::default();
    scan.count(&selections, 1, &mut counts)?;
    if roots.len() > MOST_ROOTS {
        return Err(too_many("root fields", MOST_ROOTS, roots.len(), "MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS"));
    }
    if counts.aliases > MOST_ALIASES {
        return Err(too_many("aliases", MOST_ALIASES, counts.aliases, "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES"));
    }
    let roots: Vec<Root> = roots.iter().map(|field| scan.root(field)).collect::<Result<_>>()?;
    let reads = roots.iter().all(|root| root.name.starts_with("__") || known(&root.name).is_some());
    let searches = roots.iter().filter(|root| root.name == SEARCH).map(|root| root.key.clone()).collect();
    Ok(Document { roots, has_model_versions: counts.model_versions, reads, searches })
}

/// A limit of MLflow's, in its words (`mlflow/server/graphql/graphql_no_batching.py`): it does not execute such a
/// document, and answers 200.
fn too_many(what: &str, most: usize, got: usize, variable: &str) -> Rejection {
    Rejection::graphql(format!(
        "GraphQL queries should have at most {most} {what}, got {got} {what}. To increase the limit, set the {variable} \
         environment variable."
    ))
}

/// The fragments; nothing in the place of a name that two of them have.
fn by_name(fragments: Vec<cst::FragmentDefinition>) -> Result<BTreeMap<String, Option<cst::SelectionSet>>> {
    let mut named = BTreeMap::new();
    for fragment in fragments {
        let name = name_of(fragment.fragment_name().and_then(|name| name.name()))?;
        named.entry(name).and_modify(|set| *set = None).or_insert_with(|| fragment.selection_set());
    }
    Ok(named)
}

fn invalid(what: &str) -> Rejection {
    Rejection::invalid(format!("Invalid GraphQL document: {what}."))
}

fn name_of(name: Option<cst::Name>) -> Result<String> {
    name.map(|name| name.text().to_string()).ok_or_else(|| invalid("a name is missing"))
}

#[derive(Default)]
struct Counts {
    selections: usize,
    /// The most of one level.
    aliases: usize,
    model_versions: bool,
}

struct Scan {
    fragments: BTreeMap<String, Option<cst::SelectionSet>>,
    inputs: Inputs,
    /// Selections looked at so far. Fragments that hold each other twice double with each step.
    steps: Cell<usize>,
    /// Ids found so far.
    ids: Cell<usize>,
}

impl Scan {
    /// The fields of a selection set, those of its fragments among them.
    fn fields(&self, set: &cst::SelectionSet, path: &mut Vec<String>) -> Result<Vec<cst::Field>> {
        let mut fields = Vec::new();
        for selection in set.selections() {
            self.steps.set(self.steps.get() + 1);
            if self.steps.get() > MOST_STEPS {
                return Err(invalid("too many selections"));
            }
            let nested = match selection {
                Selection::Field(field) => {
                    fields.push(field);
                    continue;
                }
                Selection::InlineFragment(fragment) => fragment.selection_set(),
                Selection::FragmentSpread(spread) => {
                    let name = name_of(spread.fragment_name().and_then(|name| name.name()))?;
                    if path.contains(&name) {
                        return Err(invalid("a fragment holds itself"));
                    }
                    if path.len() >= DEEPEST_FRAGMENT {
                        return Err(invalid("fragments are nested too deeply"));
                    }
                    let fragment = self.fragments.get(&name).cloned().flatten();
                    let fragment = fragment.ok_or_else(|| invalid("a fragment is not there, or twice"))?;
                    path.push(name);
                    fields.extend(self.fields(&fragment, path)?);
                    path.pop();
                    continue;
                }
            };
            fields.extend(self.fields(&nested.ok_or_else(|| invalid("nothing is selected"))?, path)?);
        }
        Ok(fields)
    }

    /// Walks everything that is selected. The rows of `modelVersions` are known again in the answer by that key and
    /// by their `name`: no alias may take either, or be taken for it.
    fn count(&self, set: &cst::SelectionSet, depth: usize, counts: &mut Counts) -> Result<()> {
        if depth > DEEPEST {
            return Err(Rejection::graphql(format!("Query exceeds maximum depth of {DEEPEST}")));
        }
        let fields = self.fields(set, &mut Vec::new())?;
        counts.selections += fields.len();
        if counts.selections > MOST_SELECTIONS {
            let message = format!("Query exceeds maximum total selections of {MOST_SELECTIONS}");
            return Err(Rejection::graphql(message));
        }
        let marked = |name: &str| matches!(name, "modelVersions" | "name");
        let mut aliases = 0;
        for field in fields {
            let name = name_of(field.name())?;
            counts.model_versions |= name == "modelVersions";
            if let Some(alias) = field.alias() {
                aliases += 1;
                if marked(&name) || marked(&name_of(alias.name())?) {
                    return Err(invalid("'modelVersions' and 'name' cannot have or be an alias"));
                }
            }
            if let Some(nested) = field.selection_set() {
                self.count(&nested, depth + 1, counts)?;
            }
        }
        counts.aliases = counts.aliases.max(aliases);
        Ok(())
    }

    fn root(&self, field: &cst::Field) -> Result<Root> {
        let name = name_of(field.name())?;
        let key = field.alias().map_or(Ok(name.clone()), |alias| name_of(alias.name()))?;
        let subjects = match known(&name) {
            None => vec![ResourceRef::Nothing(format!("the GraphQL root field {name} is not known"))],
            Some(Reads::Nothing) => Vec::new(),
            Some(Reads::Runs(keys)) => {
                let ids = self.ids(field, keys)?;
                ids.into_iter().map(|id| ResourceRef::Child(ChildKind::Run, id)).collect()
            }
            Some(Reads::Experiments(keys)) => {
                let ids = self.ids(field, keys)?;
                ids.iter().map(|id| Ok(ResourceRef::Known(Resource::experiment(id)?))).collect::<Result<_>>()?
            }
        };
        let demand = |subject| match name == "mlflowSearchRuns" {
            true => RequiredAccess { capability: Capability::Read, subject, children: vec![ResourceType::Run] },
            false => RequiredAccess::to(Capability::Read, subject),
        };
        let is_paged = name == SEARCH && self.is_paged(field)?;
        Ok(Root { key, required: subjects.into_iter().map(demand).collect(), name, is_paged })
    }

    /// True if the input of a search says which page of how many rows is wanted.
    fn is_paged(&self, field: &cst::Field) -> Result<bool> {
        let mut inputs = field.arguments().into_iter().flat_map(|arguments| arguments.arguments());
        inputs.try_fold(false, |is_paged, argument| {
            let input = self.inputs.value(argument.value())?;
            let has = |key: &str| input.get(key).is_some_and(|value| *value != Json::Null);
            Ok(is_paged || has("maxResults") || has("pageToken"))
        })
    }

    /// The ids under these keys of the argument `input`, which mean the same: one of them, or both alike.
    fn ids(&self, field: &cst::Field, keys: &[&str]) -> Result<Vec<String>> {
        let arguments: Vec<cst::Argument> = field.arguments().iter().flat_map(cst::Arguments::arguments).collect();
        let [argument] = arguments.as_slice() else { return Err(invalid("exactly the argument 'input' is expected")) };
        if name_of(argument.name())? != "input" {
            return Err(invalid("exactly the argument 'input' is expected"));
        }
        let input = self.inputs.value(argument.value())?;
        let mut found: Vec<String> = Vec::new();
        for key in keys {
            let ids = match input.get(key) {
                None | Some(Json::Null) => continue,
                Some(Json::List(items)) => items.iter().map(id).collect::<Result<_>>()?,
                Some(value) => vec![id(value)?],
            };
            if !found.is_empty() && ids != found {
                return Err(invalid("two ids that differ"));
            }
            found = ids;
        }
        self.ids.set(self.ids.get() + found.len());
        if self.ids.get() > MOST_IDS {
            return Err(invalid(&format!("it names more than {MOST_IDS} ids")));
        }
        match keys.first() {
            Some(key) if found.is_empty() => Err(Rejection::missing(key)),
            _ => Ok(found),
        }
    }
}

fn id(value: &Json) -> Result<String> {
    let text = value.text().filter(|id| !id.is_empty());
    text.map(str::to_owned).ok_or_else(|| invalid("an id is a string that is not empty"))
}

/// Variables, with the defaults of those that are not given.
#[derive(Default)]
struct Inputs {
    variables: BTreeMap<String, Json>,
    /// Ids that were copied out of them so far. A variable that a list names a thousand times is copied as often.
    copied: Cell<usize>,
}

impl Inputs {
    fn read(operation: &cst::OperationDefinition, body: &Json) -> Result<Self> {
        let mut given: BTreeMap<&str, &Json> = BTreeMap::new();
        match body.get("variables") {
            None | Some(Json::Null) => {}
            Some(Json::Object(entries)) => given.extend(entries.iter().map(|(name, value)| (name.as_str(), value))),
            Some(_) => return Err(invalid("'variables' is no object")),
        }
        let mut inputs = Self::default();
        let definitions = operation.variable_definitions();
        for definition in definitions.iter().flat_map(cst::VariableDefinitions::variable_definitions) {
            let name = name_of(definition.variable().and_then(|variable| variable.name()))?;
            let default = definition.default_value().and_then(|default| default.value());
            let value = match (given.get(name.as_str()), default) {
                (Some(value), _) => (*value).clone(),
                (None, Some(default)) => Self::default().value(Some(default))?,
                (None, None) => Json::Null,
            };
            if inputs.variables.insert(name, value).is_some() {
                return Err(invalid("a variable is there twice"));
            }
        }
        Ok(inputs)
    }

    /// The value of a variable, as long as not too much was copied.
    fn variable(&self, name: &str) -> Result<Json> {
        let value = self.variables.get(name).ok_or_else(|| invalid("a variable is not declared"))?;
        self.copied.set(self.copied.get() + size(value));
        if self.copied.get() > MOST_COPIED {
            return Err(invalid("its variables are too large"));
        }
        Ok(value.clone())
    }

    /// A value of the document as JSON. Ids need no escapes: a string that has one is refused rather than decoded.
    fn value(&self, value: Option<cst::Value>) -> Result<Json> {
        use cst::Value;
        Ok(match value.ok_or_else(|| invalid("a value is missing"))? {
            Value::Variable(variable) => self.variable(&name_of(variable.name())?)?,
            Value::StringValue(string) => {
                let source = string.syntax().to_string();
                let plain = source.trim().strip_prefix('"').and_then(|s| s.strip_suffix('"'));
                match plain {
                    Some(text) if !text.contains(['"', '\\']) => Json::Text(text.to_owned()),
                    _ => Json::Bool(false), // no id is of this form
                }
            }
            Value::ListValue(list) => {
                Json::List(list.values().map(|item| self.value(Some(item))).collect::<Result<_>>()?)
            }
            Value::ObjectValue(object) => {
                let mut entries: BTreeMap<String, Json> = BTreeMap::new();
                for field in object.object_fields() {
                    if entries.insert(name_of(field.name())?, self.value(field.value())?).is_some() {
                        return Err(invalid("a key of an object is there twice"));
                    }
                }
                Json::Object(entries.into_iter().collect())
            }
            Value::NullValue(_) => Json::Null,
            Value::IntValue(_) | Value::FloatValue(_) | Value::BooleanValue(_) | Value::EnumValue(_) => {
                Json::Bool(true) // neither is an id
            }
        })
    }
}

/// About as many bytes as a value takes in memory.
fn size(value: &Json) -> usize {
    size_of::<Json>()
        + match value {
            Json::Text(text) | Json::Number(text) => text.len(),
            Json::List(items) => items.iter().map(size).sum(),
            Json::Object(entries) => entries.iter().map(|(key, value)| key.len() + size(value)).sum(),
            Json::Null | Json::Bool(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(query: &str, variables: &str) -> Result<Document> {
        let quoted = serde_json::to_string(query).unwrap();
        read(&Json::parse(format!(r#"{{"query":{quoted},"variables":{variables}}}"#).as_bytes()).unwrap())
    }

    fn subjects(query: &str, variables: &str) -> Vec<ResourceRef> {
        let document = read_text(query, variables).unwrap();
        document.roots.into_iter().flat_map(|root| root.required).map(|demand| demand.subject).collect()
    }

    fn run(id: &str) -> ResourceRef {
        ResourceRef::Child(ChildKind::Run, id.into())
    }

    fn experiment(id: &str) -> ResourceRef {
        ResourceRef::Known(Resource::experiment(id).unwrap())
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        let cases = [
            (r#"{ mlflowGetRun(input: {runId: "a"}) { run { info { runId } } } }"#, "{}", vec![run("a")]),
            (r#"query($i: X) { mlflowGetRun(input: $i) { x } }"#, r#"{"i":{"runUuid":"a"}}"#, vec![run("a")]),
            (r#"query($i: X = {runId: "a"}) { mlflowGetRun(input: $i) { x } }"#, "{}", vec![run("a")]),
            (r#"query($i: S = "a") { mlflowGetRun(input: {runId: $i}) { x } }"#, r#"{"i":"b"}"#, vec![run("b")]),
            (
                r#"query A { ...F ... on Query { b: mlflowGetExperiment(input: {experimentId: "2"}) { x } } }
                   fragment F on Query { mlflowGetExperiment(input: {experimentId: "1"}) { x } }"#,
                "null",
                vec![experiment("1"), experiment("2")],
            ),
            (
                r#"mutation { mlflowSearchRuns(input: {experimentIds: ["1", "2"], filter: "\"x\""}) { x } }"#,
                "{}",
                vec![experiment("1"), experiment("2")],
            ),
            (
                r#"{ mlflowSearchRuns(input: {experimentIds: "1"}) @include(if: false) { x } }"#,
                "{}",
                vec![experiment("1")],
            ),
            (r#"{ test(inputString: "x") { output } mlflowSearchModelVersions(input: {}) { x } }"#, "{}", vec![]),
        ];
        for (query, variables, expected) in cases {
            assert_eq!(subjects(query, variables), expected, "{query}");
        }
        assert!(matches!(subjects("{ __schema { types { name } } }", "{}").as_slice(), [ResourceRef::Nothing(_)]));
        assert!(matches!(subjects("{ mlflowNew(input: {}) { x } }", "{}").as_slice(), [ResourceRef::Nothing(_)]));
    }

    /// The documents in the scripts of MLflow 3.17.2's UI. A client may add `__typename` to each of their selections.
    #[test]
    fn the_documents_of_the_ui_are_read() {
        let variables =
            r#"{"data":{"runId":"a","runIds":["a","b"],"experimentIds":["1"]},"input":{"experimentId":"1"}}"#;
        let documents = include_str!("../../tests/fixtures/ui-3.17.2.graphql");
        let found: Vec<(&str, Vec<ResourceRef>)> = documents
            .split("\n\n")
            .map(|document| {
                let named = document.split(['(', ' ']).nth(1).unwrap();
                let seen = subjects(document, variables);
                let typed = document.replace("}\n", "__typename }\n");
                assert_eq!(subjects(&typed, variables), seen, "{named}");
                (named, seen)
            })
            .collect();
        let expected = [
            ("GetMetricHistoryBulkInterval", vec![run("a"), run("b")]),
            ("GetRun", vec![run("a")]),
            ("MlflowGetExperimentQuery", vec![experiment("1")]),
            ("SearchRuns", vec![experiment("1")]),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_cannot_be_decided_as_a_whole_is_refused() {
        let deep = format!("{{ test {} }}", "{ a ".repeat(12) + &"}".repeat(12));
        let aliases = (0..12).map(|i| format!("a{i}: test {{ output }} ")).collect::<String>();
        let wide = format!("{{ test {{ {} }} }}", "a ".repeat(1001));
        for query in [
            "",
            "{",
            "{ }",
            "{ a } { b }",
            "query A { test { output } } query B { mlflowGetRun(input: {runId: \"a\"}) { x } }",
            "{ ...F } fragment F on Query { ...F }",
            "{ ...F }",
            "type A { b: C }",
            "{ mlflowGetRun { x } }",
            "{ mlflowGetRun(input: {}) { x } }",
            "{ mlflowGetRun(input: {runId: \"\"}) { x } }",
            "{ mlflowGetRun(input: {runId: 1}) { x } }",
            "{ mlflowGetRun(input: {runId: \"a\", runUuid: \"b\"}) { x } }",
            "{ mlflowGetRun(input: {runId: \"a\", runId: \"b\"}) { x } }",
            "{ mlflowGetRun(input: {runId: \"a\"}, input: {runId: \"b\"}) { x } }",
            "{ mlflowGetRun(input: {runId: \"\\u0061\"}) { x } }",
            "{ mlflowGetRun(input: {runId: \"\"\"a\"\"\"}) { x } }",
            "{ mlflowGetRun(input: $undeclared) { x } }",
            "{ mlflowSearchRuns(input: {experimentIds: []}) { x } }",
            "{ mlflowSearchRuns(input: {experimentIds: [\"01\"]}) { x } }",
            "{ mlflowGetRun(input: {runId: \"a\"}) { run { v: modelVersions { name } } } }",
            "{ mlflowGetRun(input: {runId: \"a\"}) { run { modelVersions { name: source } } } }",
            &deep,
            &format!("{{ {aliases} }}"),
            &wide,
        ] {
            assert!(read_text(query, "{}").is_err(), "{query:.80}");
        }
        assert!(read_text("{ test { output } }", "[]").is_err());
    }
}
