//! The gate beside MLflow's own basic-auth server: every route, for every kind of user.
//!
//! `make differential` puts the same requests to both and records what MLflow answered and what the Worker asked its
//! origin meanwhile. Here the cases are put to the gate again, in the same order and with the origin's answers from the
//! recording. A status, or for an endpoint of our own a body, that is not MLflow's has to be in tests/differences.toml.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::differences::{self, Difference};
use crate::support::{Answer, Seen, World, basic};
use mlflow_edge_auth::upstream::OriginError;
use serde::Deserialize;
use serde_json::Value;

/// Releases, the last one also with roles, patterns, DENY and rows on children in the place of the classic grants.
const RECORDINGS: [&str; 4] = ["3.3.2", "3.12.0", "3.17.2", "3.17.2-roles"];

// --- what was recorded --------------------------------------------------------------------------------------------

#[derive(Deserialize)]
struct Recording {
    #[serde(skip)]
    name: String,
    mlflow: String,
    default_permission: Option<String>,
    /// Name, hash, whether an administrator; in the order of the ids.
    users: Vec<(String, String, i64)>,
    /// User id, kind, id, level.
    grants: Vec<(i64, String, String, String)>,
    /// Bodies of MLflow's.
    texts: Vec<String>,
    /// Status and body of everything that the origin answered.
    answers: Vec<(u16, String)>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// Method and path, as in the list of routes.
    route: String,
    who: String,
    target: String,
    body: Option<String>,
    /// The content type of the body, where that is not JSON.
    #[serde(rename = "type")]
    content_type: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    theirs: Theirs,
    /// What the origin was asked.
    #[serde(default)]
    tape: Vec<Exchange>,
}

/// MLflow's status, and for an endpoint of our own the number of its body.
#[derive(Deserialize)]
struct Theirs(u16, #[serde(default)] Option<usize>);

/// The number of the origin's answer, and method, target and body; the case's own, if they are left out.
#[derive(Deserialize)]
struct Exchange(
    usize,
    #[serde(default)] Option<String>,
    #[serde(default)] Option<String>,
    #[serde(default)] Option<String>,
);

impl Recording {
    fn load(name: &str) -> Self {
        let text = differences::read(&format!("tests/fixtures/differential-{name}.json"));
        let recording: Self = serde_json::from_str(&text).unwrap();
        assert!(name.starts_with(&recording.mlflow));
        Self { name: name.to_owned(), ..recording }
    }
}

/// Method, target and body.
type Asked = (String, String, String);

impl Case {
    fn method(&self) -> &str {
        self.route.split(' ').next().unwrap()
    }

    fn asked(&self) -> impl Iterator<Item = (Asked, usize)> {
        self.tape.iter().map(|Exchange(answer, method, target, body)| {
            let own = || (self.method().to_owned(), self.target.clone(), self.body.clone().unwrap_or_default());
            let told = method.clone().zip(target.clone()).zip(body.clone());
            (told.map_or_else(own, |((method, target), body)| (method, target, body)), *answer)
        })
    }
}

/// What the origin answers: to this case, or else to the same look-up of another one.
#[derive(Default)]
struct Tape {
    of_case: HashMap<Asked, (u16, String)>,
    look_ups: HashMap<String, (u16, String)>,
    missing: Vec<String>,
}

impl Tape {
    fn play(&mut self, seen: &Seen) -> Option<Result<(u16, String), OriginError>> {
        let key = (seen.method.as_str().to_owned(), seen.target.clone(), seen.body.clone());
        let look_up = || self.look_ups.get(&seen.target).filter(|_| key.0 == "GET" && key.2.is_empty());
        if let Some(answer) = self.of_case.get(&key).or_else(look_up) {
            return Some(Ok(answer.clone()));
        }
        self.missing.push(format!("{} {} {}", key.0, key.1, key.2));
        Some(Err(OriginError::Unreachable("not on the tape".to_owned())))
    }
}

/// The gate with the users and grants of the recording, and the tape that is its origin.
fn world(recording: &Recording) -> (World, Rc<RefCell<Tape>>) {
    // thousands of wrong passwords are no guessing here
    let default = recording.default_permission.as_deref().unwrap_or("READ");
    let world = World::with(&[("SIGN_IN_TRIES", "1000000"), ("DEFAULT_PERMISSION", default)]);
    for (name, hash, is_admin) in &recording.users {
        let row =
            format!("INSERT INTO users (username, password_hash, is_admin) VALUES ('{name}', '{hash}', {is_admin})");
        world.database.execute(&row);
    }
    // the recorded cases ask for role 1 and its permission 1, which no server had: no user's own role is one of them
    world
        .database
        .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('roles', 1000000), ('role_permissions', 1000000)");
    for (user, kind, id, level) in &recording.grants {
        world.grant(*user, kind, id, level);
    }
    let tape = Rc::new(RefCell::new(Tape::default()));
    for ((method, target, body), answer) in recording.cases.iter().flat_map(Case::asked) {
        if method == "GET" && body.is_empty() {
            tape.borrow_mut().look_ups.entry(target).or_insert_with(|| recording.answers[answer].clone());
        }
    }
    let origin = tape.clone();
    *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| origin.borrow_mut().play(seen)));
    (world, tape)
}

fn credentials(who: &str) -> String {
    match who {
        "wrong-password" => "admin:wrong".to_owned(),
        name => format!("{name}:{name}-password-1"),
    }
}

fn put(world: &World, case: &Case) -> Answer {
    let mut headers = vec![("Authorization".to_owned(), basic(&credentials(&case.who)))];
    headers.extend(case.headers.iter().cloned());
    if case.body.is_some() {
        let kind = case.content_type.as_deref().unwrap_or("application/json");
        headers.push(("Content-Type".to_owned(), kind.to_owned()));
    }
    let mut body = case.body.clone();
    if let Some(text) = body.as_mut().filter(|text| text.contains("<csrf_token>")) {
        let form = world.get(&credentials("admin"), "/signup");
        let token = form.body.split("name=\"csrf_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let cookie = form.headers.get("Set-Cookie").and_then(|cookie| cookie.split(';').next());
        headers.push(("Cookie".to_owned(), cookie.expect("the form sets a cookie").to_owned()));
        *text = text.replace("<csrf_token>", token.expect("the form has a token"));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    world.send(case.method(), &case.target, &headers, body.as_ref().map(String::as_bytes))
}

/// Puts every case; what is answered differently, each with our answer.
fn replay(recording: &Recording) -> Vec<(&Case, Answer)> {
    let (world, tape) = world(recording);
    let mut differing = Vec::new();
    for case in &recording.cases {
        let on_tape = |(asked, answer): (Asked, usize)| (asked, recording.answers[answer].clone());
        tape.borrow_mut().of_case = case.asked().map(on_tape).collect();
        let answer = put(&world, case);
        let missing = std::mem::take(&mut tape.borrow_mut().missing);
        let (name, route, who) = (&recording.name, &case.route, &case.who);
        assert!(
            missing.is_empty(),
            "MLflow {name}, {route}, {who}: the gate asks the origin what was not recorded; run `make differential`: \
             {missing:#?}"
        );
        let same_body = case.theirs.1.is_none_or(|theirs| same_text(&recording.texts[theirs], &answer.body));
        if case.theirs.0 != answer.status || !same_body {
            differing.push((case, answer));
        }
    }
    differing
}

/// Returns true if both are the same JSON, or the same text. MLflow 3.12 and later name an error thrice (`sqlstate`,
/// `error_class`), and their clients take the added names as optional.
fn same_text(theirs: &str, ours: &str) -> bool {
    match (serde_json::from_str::<Value>(theirs), serde_json::from_str::<Value>(ours)) {
        (Ok(mut theirs), Ok(ours)) => {
            if let Some(error) = theirs.as_object_mut().filter(|object| object.contains_key("error_code")) {
                error.remove("sqlstate");
                error.remove("error_class");
            }
            unordered(theirs) == unordered(ours)
        }
        (Err(_), Err(_)) => theirs.trim_end() == ours.trim_end(),
        _ => false,
    }
}

/// Users and grants are listed in any order.
fn unordered(value: Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.into_iter().map(unordered).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        Value::Object(fields) => fields.into_iter().map(|(key, field)| (key, unordered(field))).collect(),
        other => other,
    }
}

// --- what may differ ----------------------------------------------------------------------------------------------

/// What is answered differently and not on the list, grouped by route and statuses.
#[derive(Default)]
struct Unlisted(BTreeMap<(String, u16, u16), (BTreeSet<String>, String)>);

impl Unlisted {
    fn add(&mut self, recording: &Recording, case: &Case, answer: &Answer) {
        let route = case.route.replace("/ajax-api/", "{api}/").replace("/api/", "{api}/");
        let (who, sample) =
            self.0.entry((format!("{} {route}", recording.name), case.theirs.0, answer.status)).or_default();
        who.insert(case.who.clone());
        if sample.is_empty()
            && let Theirs(status, Some(theirs)) = &case.theirs
            && *status == answer.status
        {
            let cut = |text: &str| text.chars().take(300).collect::<String>();
            let theirs = cut(&recording.texts[*theirs]);
            *sample = format!("\n    {:?}\n    MLflow: {theirs}\n    ours:   {}", case.body, cut(&answer.body));
        }
    }

    fn report(&self) -> String {
        let line = |((route, theirs, ours), (who, sample)): (&(String, u16, u16), &(BTreeSet<String>, String))| {
            let who: Vec<&str> = who.iter().map(String::as_str).collect();
            format!("{route}: {theirs} there, {ours} here, for {}{sample}\n", who.join(" "))
        };
        self.0.iter().map(line).collect()
    }
}

#[test]
fn the_gate_answers_as_mlflow_does_or_the_list_says_why_not() {
    let list: Vec<Difference> = differences::load().into_iter().filter(|entry| !entry.routes.is_empty()).collect();
    let mut unlisted = Unlisted::default();
    let mut used: Vec<BTreeSet<&str>> = list.iter().map(|_| BTreeSet::new()).collect();
    let mut counts = vec![0; used.len()];
    for name in RECORDINGS {
        let recording = Recording::load(name);
        for (case, answer) in replay(&recording) {
            let found = list.iter().enumerate().find_map(|(number, difference)| {
                let names = difference.names_case(name, &case.route, &case.who)?;
                difference.means(case.theirs.0, answer.status, &answer.body).then_some((number, names))
            });
            match found {
                Some((number, names)) => {
                    used[number].extend(names);
                    counts[number] += 1;
                }
                None => unlisted.add(&recording, case, &answer),
            }
        }
        println!("MLflow {name}: {} cases", recording.cases.len());
    }
    let mut stale = Vec::new();
    for ((difference, used), count) in list.iter().zip(&used).zip(&counts) {
        println!("{count:5}  {}", difference.reason);
        let parts = difference.mlflow.iter().chain(&difference.routes).chain(&difference.who);
        stale.extend(parts.filter(|part| !used.contains(part.as_str())).map(|part| (part, &difference.reason)));
    }
    assert!(unlisted.0.is_empty(), "answered differently, and not in tests/differences.toml:\n{}", unlisted.report());
    assert!(stale.is_empty(), "in tests/differences.toml, and not answered differently: {stale:#?}");
}
