//! The gate on SQLite and a scripted MLflow: what the native tests share.

#![allow(dead_code)] // each test file uses its part

pub mod closed;
pub mod sample;
pub mod scheduler;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use mlflow_edge_auth::accounts::replicas::Replicated;
use mlflow_edge_auth::accounts::{Accounts, Database, DatabaseError, Statement, Value};
use mlflow_edge_auth::authn::access_jwt::RsaKey;
use mlflow_edge_auth::authn::platform::Platform;
use mlflow_edge_auth::client_certificate::ClientCertificate;
use mlflow_edge_auth::config::Config;
use mlflow_edge_auth::gate::Gate;
use mlflow_edge_auth::http::{Body, ByteStream, Headers, Method, Request, Response, StreamError};
use mlflow_edge_auth::observe::Exchange;
use mlflow_edge_auth::password::{ScryptFn, portable_scrypt};
use mlflow_edge_auth::state::IsolateState;
use mlflow_edge_auth::upstream::{Answer as OriginAnswer, Origin, OriginError, OriginRequest};
use rusqlite::types::ValueRef;
use serde::de::DeserializeOwned;

pub const NOW: u64 = 1_800_000_000;

/// SQLite in memory with the project's schema.
pub struct Sqlite {
    connection: RefCell<rusqlite::Connection>,
    pub statements: Cell<usize>,
    /// Steps of SQLite's machine.
    pub steps: Cell<i64>,
    /// Fails the statements that hold this text.
    pub fails_on: RefCell<Option<&'static str>>,
    /// Gives this value in place of what a column of that name holds.
    pub garbles: RefCell<Option<(&'static str, serde_json::Value)>>,
    /// Never answers.
    pub hangs: Cell<bool>,
}

impl Sqlite {
    pub fn new() -> Self {
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("../../../schema.sql")).unwrap();
        Self::on(connection)
    }

    /// On a database that has the schema already.
    pub fn on(connection: rusqlite::Connection) -> Self {
        connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
        connection.set_prepared_statement_cache_capacity(100);
        connection.execute_batch(include_str!("grants_view.sql")).unwrap();
        Self {
            connection: RefCell::new(connection),
            statements: Cell::new(0),
            steps: Cell::new(0),
            fails_on: RefCell::new(None),
            garbles: RefCell::new(None),
            hangs: Cell::new(false),
        }
    }

    /// The rows of a question, by column; the connection is not the gate's business.
    pub fn rows(&self, sql: &str) -> Vec<serde_json::Value> {
        let connection = self.connection.borrow();
        let mut prepared = connection.prepare_cached(sql).unwrap();
        let names: Vec<String> = prepared.column_names().iter().map(|n| n.to_string()).collect();
        let read = |row: &rusqlite::Row<'_>| {
            let value = |i: usize| match row.get_ref(i).unwrap() {
                ValueRef::Integer(n) => n.into(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned().into(),
                _ => serde_json::Value::Null,
            };
            let entries = names.iter().enumerate().map(|(i, name)| (name.clone(), value(i)));
            Ok(serde_json::Value::Object(entries.collect()))
        };
        prepared.query_map([], read).unwrap().map(Result::unwrap).collect()
    }

    /// A copy of what is there now: a replica that gets no further.
    pub fn lagging_replica(&self) -> Self {
        let copy = Self::new();
        for table in ["users", "roles", "user_role_assignments", "role_permissions", "tokens", "guesses"] {
            for row in self.rows(&format!("SELECT * FROM {table}")) {
                let row = row.as_object().unwrap();
                let columns: Vec<&str> = row.keys().map(String::as_str).collect();
                let literal = |value: &serde_json::Value| match value {
                    serde_json::Value::String(text) => format!("'{}'", text.replace('\'', "''")),
                    other => other.to_string(),
                };
                let values: Vec<String> = row.values().map(literal).collect();
                copy.execute(&format!("INSERT INTO {table} ({}) VALUES ({})", columns.join(","), values.join(",")));
            }
        }
        copy
    }

    pub fn execute(&self, sql: &str) {
        self.connection.borrow().execute_batch(sql).unwrap();
    }
}

impl Database for &Sqlite {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let failed = |error: &dyn std::fmt::Display| DatabaseError(error.to_string());
        // a batch is one round trip
        self.statements.set(self.statements.get() + 1);
        if self.hangs.get() {
            std::future::pending::<()>().await;
        }
        if let Some(text) = *self.fails_on.borrow()
            && statements.iter().any(|s| s.sql.contains(text))
        {
            return Err(DatabaseError("injected".into()));
        }
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(|e| failed(&e))?;
        let mut results = Vec::new();
        for statement in statements {
            let mut prepared = transaction.prepare_cached(statement.sql).map_err(|e| failed(&e))?;
            let names: Vec<String> = prepared.column_names().iter().map(|n| n.to_string()).collect();
            let values = statement.values.iter().map(|value| match value {
                Value::Text(text) => rusqlite::types::Value::from(text.clone()),
                Value::Integer(number) => rusqlite::types::Value::from(*number),
            });
            let mut rows = prepared.query(rusqlite::params_from_iter(values)).map_err(|e| failed(&e))?;
            let mut read = Vec::new();
            while let Some(row) = rows.next().map_err(|e| failed(&e))? {
                let object: serde_json::Map<String, serde_json::Value> = names
                    .iter()
                    .enumerate()
                    .map(|(i, name)| {
                        let value = match row.get_ref(i).unwrap() {
                            ValueRef::Null => serde_json::Value::Null,
                            ValueRef::Integer(n) => n.into(),
                            ValueRef::Text(text) => std::str::from_utf8(text).unwrap().into(),
                            other => panic!("{other:?}"),
                        };
                        let garbled = self.garbles.borrow().clone().filter(|(column, _)| column == name);
                        (name.clone(), garbled.map_or(value, |(_, garbage)| garbage))
                    })
                    .collect();
                read.push(serde_json::from_value(object.into()).map_err(|e| failed(&e))?);
            }
            drop(rows);
            let steps = prepared.reset_status(rusqlite::StatementStatus::VmStep);
            self.steps.set(self.steps.get() + i64::from(steps));
            results.push(read);
        }
        transaction.commit().map_err(|e| failed(&e))?;
        Ok(results)
    }
}

/// A body that is held in memory; one that begins with [`RESET`] breaks off.
pub struct Bytes(pub Vec<u8>);

pub const RESET: &str = "connection reset";

thread_local! {
    static READ: Cell<usize> = const { Cell::new(0) };
}

/// How many bytes of bodies were read in this thread.
pub fn bytes_read() -> usize {
    READ.get()
}

impl ByteStream for Bytes {
    async fn read(&mut self, most: usize) -> Result<Vec<u8>, StreamError> {
        if self.0.starts_with(RESET.as_bytes()) {
            return Err(StreamError::Broken(RESET.into()));
        }
        let rest = self.0.split_off(most.min(self.0.len()));
        let read = std::mem::replace(&mut self.0, rest);
        READ.set(READ.get() + read.len());
        Ok(read)
    }
}

/// A request as the origin saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// A script: what the origin answers to method and target; `None` is MLflow's usual answer.
pub type Script = Box<dyn Fn(&Seen) -> Option<Result<(u16, String), OriginError>>>;

/// An MLflow with an experiment for each digit: run `rN` and logged model `m-N` belong to experiment N.
#[derive(Default)]
pub struct Mlflow {
    pub seen: RefCell<Vec<Seen>>,
    pub script: RefCell<Option<Script>>,
    pub answer_headers: RefCell<Vec<(String, String)>>,
    /// Answers that the data centre keeps.
    pub kept: RefCell<std::collections::HashMap<String, (Headers, Vec<u8>)>>,
    /// Facts that the data centre remembers.
    pub cache: RefCell<std::collections::HashMap<String, Vec<u8>>>,
    /// ValueKind of registered models, ids of experiments: what a search finds.
    pub rows: RefCell<Vec<String>>,
}

impl Mlflow {
    fn usual(&self, seen: &Seen) -> (u16, String) {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let argument =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned));
        let field = |name: &str| {
            let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap_or_default();
            body.get(name).map(|v| v.as_str().map_or(v.to_string(), str::to_owned))
        };
        let info = |kind: &str, id: &str, number: &str| {
            let uri = format!("mlflow-artifacts:/{number}/{id}/artifacts");
            let uri = if number == "3" { format!("s3://bucket/{id}") } else { uri };
            (200, format!(r#"{{"{kind}":{{"info":{{"experiment_id":"{number}","artifact_uri":"{uri}"}}}}}}"#))
        };
        let last = path.rsplit('/').next().unwrap_or_default();
        if path.ends_with("/runs/get") {
            let id = argument("run_id").or(argument("run_uuid")).unwrap_or_default();
            return id.strip_prefix('r').filter(|n| n.len() == 1).map_or_else(not_found, |n| info("run", &id, n));
        }
        if path.contains("/logged-models/m-") && seen.method == Method::Get && last.starts_with("m-") {
            return info("model", last, last.trim_start_matches("m-"));
        }
        let part_at = |prefix: &str, end: &str| {
            let (_, rest) = path.split_once(prefix)?;
            rest.strip_suffix(end).filter(|id| !id.contains('/')).map(str::to_owned)
        };
        if let Some(id) = part_at("/3.0/mlflow/traces/", "")
            && seen.method == Method::Get
            && id.starts_with("tr-")
        {
            return trace_of(&id).map_or_else(not_found, |trace| (200, format!(r#"{{"trace":{trace}}}"#)));
        }
        if path.ends_with("/traces/get") {
            let trace = trace_of(&argument("trace_id").unwrap_or_default());
            return trace.map_or_else(not_found, |trace| (200, format!(r#"{{"trace":{trace}}}"#)));
        }
        if path.ends_with("/traces/batchGet") || path.ends_with("/traces/batchGetInfos") {
            let asked = if seen.method == Method::Get { query } else { &seen.body };
            let word = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let ids = asked.split(|c| !word(c)).filter(|id| id.starts_with("tr-"));
            let (key, rows): (_, Vec<String>) = if seen.method == Method::Get {
                ("traces", ids.filter_map(trace_of).collect())
            } else {
                ("trace_infos", ids.filter_map(trace_info_of).collect())
            };
            return (200, format!(r#"{{"{key}":[{}]}}"#, rows.join(",")));
        }
        if let Some(id) = part_at("/2.0/mlflow/traces/", "/info") {
            let experiment = number_of(&id);
            let info = (200, format!(r#"{{"trace_info":{{"experiment_id":"{experiment}"}}}}"#));
            return trace_of(&id).map_or_else(not_found, |_| info);
        }
        if let Some(id) = part_at("/3.0/mlflow/datasets/", "/experiment-ids") {
            // d-12 belongs to the experiments 1 and 2
            let ids: Vec<String> = id.chars().filter(char::is_ascii_digit).map(|n| format!("\"{n}\"")).collect();
            return (200, format!(r#"{{"experiment_ids":[{}]}}"#, ids.join(",")));
        }
        for (prefix, key) in [("/mlflow/issues/", "issue"), ("/prompt-optimization/jobs/", "job")] {
            if let Some(id) = part_at(prefix, "").filter(|id| seen.method == Method::Get && id.contains('-')) {
                return (200, format!(r#"{{"{key}":{{"experiment_id":"{}"}}}}"#, number_of(&id)));
            }
        }
        for (end, key, name) in
            [("/label-schemas/get", "schema_id", "label_schema"), ("/review-queues/get", "queue_id", "review_queue")]
        {
            if let Some(id) = argument(key).filter(|_| path.ends_with(end)) {
                return (200, format!(r#"{{"{name}":{{"experiment_id":"{}"}}}}"#, number_of(&id)));
            }
        }
        if path.ends_with("/get-by-name") {
            let name = argument("experiment_name").unwrap_or_default();
            return name
                .strip_prefix('e')
                .map_or_else(not_found, |n| (200, format!(r#"{{"experiment":{{"experiment_id":"{n}"}}}}"#)));
        }
        if path.ends_with("/gateway/endpoints/get") {
            // the endpoint `named` has the id x-1, and any other its own name
            return match argument("name").or(argument("endpoint_id")).as_deref() {
                Some("named" | "x-1") => (200, r#"{"endpoint":{"endpoint_id":"x-1","name":"named"}}"#.into()),
                Some("missing") | None => not_found(),
                Some(name) => (200, format!(r#"{{"endpoint":{{"endpoint_id":"e-{name}","name":"{name}"}}}}"#)),
            };
        }
        if path.ends_with("/gateway/guardrails/get") {
            let scorer = r#"{"experiment_id":1,"scorer_name":"s","scorer_version":1}"#;
            return (200, format!(r#"{{"guardrail":{{"guardrail_id":"g-1","scorer":{scorer}}}}}"#));
        }
        if path.starts_with("/gateway/") && path.ends_with("/models") {
            return (200, r#"{"object":"list","data":[{"id":"named"},{"id":"other"}]}"#.into());
        }
        if path.ends_with("/gateway/endpoints/list") {
            let row = |id: &str, name: &str| format!(r#"{{"endpoint_id":"{id}","name":"{name}"}}"#);
            return (200, format!(r#"{{"endpoints":[{},{}]}}"#, row("x-1", "named"), row("e-other", "other")));
        }
        for (family, object, id) in [
            ("secrets", "secret", "secret_id"),
            ("model-definitions", "model_definition", "model_definition_id"),
            ("endpoints", "endpoint", "endpoint_id"),
        ] {
            if path.ends_with(&format!("/gateway/{family}/create")) {
                return (200, format!(r#"{{"{object}":{{"{id}":"x-9"}}}}"#));
            }
        }
        if path.ends_with("/scorers/register") {
            return (200, r#"{"version":1,"experiment_id":"1","name":"s"}"#.into());
        }
        if path.ends_with("/mcp-servers") && seen.method == Method::Post {
            return (200, format!(r#"{{"name":"{}"}}"#, field("name").unwrap_or_default()));
        }
        if path.ends_with("/experiments/create") {
            return (200, r#"{"experiment_id":"7"}"#.into());
        }
        if path.ends_with("/registered-models/create") {
            return (200, format!(r#"{{"registered_model":{{"name":"{}"}}}}"#, field("name").unwrap()));
        }
        if path.ends_with("/registered-models/rename") {
            return (200, format!(r#"{{"registered_model":{{"name":"{}"}}}}"#, field("new_name").unwrap()));
        }
        if path.ends_with("/search") && (path.contains("experiments") || path.contains("registered-models")) {
            let parameter = |name: &str| argument(name).or_else(|| field(name));
            let offset: usize = parameter("page_token").map_or(0, |t| t.parse().unwrap());
            let size: usize = parameter("max_results").map_or(3, |n| n.parse().unwrap());
            let (list, key) = if path.contains("experiments") {
                ("experiments", "experiment_id")
            } else {
                ("registered_models", "name")
            };
            let rows = self.rows.borrow();
            let page: Vec<String> =
                rows.iter().skip(offset).take(size).map(|id| format!(r#"{{"{key}":"{id}"}}"#)).collect();
            let token = if offset + size < rows.len() {
                format!(r#","next_page_token":"{}""#, offset + size)
            } else {
                String::new()
            };
            return (200, format!(r#"{{"{list}":[{}]{token}}}"#, page.join(",")));
        }
        (200, "{}".into())
    }
}

/// The number at the end of an id, without leading zeros: its experiment.
fn number_of(id: &str) -> String {
    id.trim_start_matches(|c: char| !c.is_ascii_digit()).trim_start_matches('0').to_owned()
}

/// A trace of MLflow 3; one whose id does not end with a digit is not there.
fn trace_of(id: &str) -> Option<String> {
    Some(format!(r#"{{"trace_info":{}}}"#, trace_info_of(id)?))
}

fn trace_info_of(id: &str) -> Option<String> {
    let experiment = number_of(id);
    let location = format!(r#"{{"mlflow_experiment":{{"experiment_id":"{experiment}"}}}}"#);
    let exists = experiment.len() == 1 && experiment.bytes().all(|b| b.is_ascii_digit());
    exists.then(|| format!(r#"{{"trace_id":"{id}","trace_location":{location}}}"#))
}

fn not_found() -> (u16, String) {
    (404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}"#.into())
}

impl Origin for &Mlflow {
    type Stream = Bytes;

    fn send(&self, request: OriginRequest<Bytes>) -> OriginAnswer<Bytes> {
        std::future::ready(self.answer(request)).boxed_local()
    }

    async fn cached_parent(&self, key: &str) -> Option<Vec<u8>> {
        self.cache.borrow().get(key).cloned()
    }

    fn cache_parent(&self, key: &str, fact: Vec<u8>) {
        self.cache.borrow_mut().insert(key.to_owned(), fact);
    }

    /// Of the conditions it knows If-None-Match, with one strong tag.
    async fn cached_response(&self, key: &str, conditions: &Headers) -> Option<Response<Bytes>> {
        let (headers, body) = self.kept.borrow().get(key).cloned()?;
        let is_known = conditions.get("if-none-match").is_some_and(|tag| headers.get("etag") == Some(tag));
        let (status, body) = if is_known { (304, Body::Empty) } else { (200, Body::Stream(Bytes(body))) };
        Some(Response { status, headers, body })
    }

    fn cache_response(&self, key: &str, mut answer: Response<Bytes>) -> Response<Bytes> {
        let Body::Stream(Bytes(body)) = answer.body else { panic!("a body that no stream is") };
        self.kept.borrow_mut().insert(key.to_owned(), (answer.headers.clone(), body.clone()));
        answer.body = Body::Stream(Bytes(body));
        answer
    }
}

impl Mlflow {
    fn answer(&self, request: OriginRequest<Bytes>) -> Result<Response<Bytes>, OriginError> {
        let body = match request.body {
            Body::Empty => Vec::new(),
            Body::Bytes(bytes) | Body::Stream(Bytes(bytes)) => bytes,
        };
        let seen = Seen {
            method: request.method,
            target: request.target,
            headers: request.headers.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
        self.seen.borrow_mut().push(seen.clone());
        let scripted = self.script.borrow().as_ref().and_then(|script| script(&seen));
        let (status, body) = scripted.unwrap_or_else(|| Ok(self.usual(&seen)))?;
        let mut headers = Headers::default();
        headers.append("Content-Type", "application/json");
        for (name, value) in self.answer_headers.borrow().iter() {
            headers.append(name, value);
        }
        Ok(Response { status, headers, body: Body::Stream(Bytes(body.into_bytes())) })
    }
}

/// How an RSA signature is verified (tests/native/support/access_team.rs).
pub type VerifiesRsa = fn(&RsaKey, &[u8], &[u8]) -> bool;

/// The platform. Its RSA is given by the test that needs it.
#[derive(Default)]
pub struct TestPlatform {
    pub rsa: Cell<Option<VerifiesRsa>>,
    /// The key document of the Access team.
    pub keys: RefCell<Option<Vec<u8>>>,
    /// How often it was fetched.
    pub fetched: Cell<usize>,
    /// The certificate of every client.
    pub certificate: RefCell<Option<ClientCertificate>>,
    /// Whether the rate limit lets nobody try.
    pub shut: Cell<bool>,
    /// The platform's scrypt, if it has one.
    pub scrypt: Cell<Option<ScryptFn>>,
}

impl Platform for TestPlatform {
    fn access_keys<'a>(&'a self, _team_domain: &'a str) -> LocalBoxFuture<'a, Option<Vec<u8>>> {
        self.fetched.set(self.fetched.get() + 1);
        std::future::ready(self.keys.borrow().clone()).boxed_local()
    }

    fn verifies<'a>(&'a self, key: &'a RsaKey, signed: &'a [u8], signature: &'a [u8]) -> LocalBoxFuture<'a, bool> {
        let good = self.rsa.get().is_some_and(|verifies| verifies(key, signed, signature));
        std::future::ready(good).boxed_local()
    }

    fn admits<'a>(&'a self, _address: &'a str) -> LocalBoxFuture<'a, bool> {
        std::future::ready(!self.shut.get()).boxed_local()
    }

    fn scrypt(&self) -> ScryptFn {
        self.scrypt.get().unwrap_or(portable_scrypt)
    }
}

/// An answer as the client sees it.
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: String,
    /// The reasons of refusals.
    pub log: Vec<String>,
    /// The line of the log.
    pub line: Option<String>,
    /// The point of the metrics.
    pub point: ([&'static str; 5], [f64; 7]),
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }
}

/// A whole deployment in memory: one isolate, users admin, alice, bob.
pub struct World {
    pub config: Config,
    pub database: Sqlite,
    /// What is asked first, if there is one.
    pub replica: Option<Sqlite>,
    pub mlflow: Mlflow,
    pub isolate: IsolateState,
    pub platform: TestPlatform,
    pub now: Cell<u64>,
}

impl World {
    /// With these variables beside the usual ones.
    pub fn with(variables: &[(&str, &str)]) -> Self {
        let usual = [
            ("ORIGIN_URL", "http://origin:5000"),
            ("ADMIN_PASSWORD", "correct horse battery"),
            ("PASSWORD_HASH", "pbkdf2:sha256:1"),
            ("SECRET_KEY", "a key"),
            ("BODY_LIMIT_BYTES", "100000"),
        ];
        let get = |name: &str| {
            let mut all = variables.iter().chain(&usual);
            all.find(|(n, _)| *n == name).map(|(_, value)| value.to_string())
        };
        Self {
            config: Config::parse(get).unwrap(),
            database: Sqlite::new(),
            replica: None,
            mlflow: Mlflow::default(),
            isolate: IsolateState::new([1; 32]),
            platform: TestPlatform::default(),
            now: Cell::new(NOW),
        }
    }

    /// The usual one; passwords are the name and "-password-1".
    pub fn new() -> Self {
        let world = Self::with(&[]);
        world.add_users();
        world
    }

    pub fn add_users(&self) {
        for name in ["alice", "bob"] {
            let body = format!(r#"{{"username":"{name}","password":"{name}-password-1"}}"#);
            let answer = self.post(ADMIN, "/api/2.0/mlflow/users/create", &body);
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
    }

    /// A grant written straight into the table; `user` is 2 for alice, 3 for bob.
    pub fn grant(&self, user: i64, kind: &str, id: &str, level: &str) {
        self.database.execute(&format!("INSERT OR REPLACE INTO grants VALUES ({user}, '{kind}', '{id}', '{level}')"));
    }

    /// What users hold alone, a line each: user, type, id and level.
    pub fn grants(&self) -> Vec<String> {
        let rows = self.database.rows("SELECT * FROM grants ORDER BY user_id, resource_type, resource_id");
        let text = |row: &serde_json::Value, name: &str| match &row[name] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let columns = ["user_id", "resource_type", "resource_id", "permission"];
        rows.iter().map(|row| columns.map(|name| text(row, name)).join(" ")).collect()
    }

    /// Sends a request as it would come from the wire.
    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        self.try_send(method, target, headers, body).expect("an answer")
    }

    /// The same; `None` if there is no answer as long as something hangs.
    pub fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Option<Answer> {
        let gate = Gate {
            config: &self.config,
            accounts: Accounts(Replicated::new(&self.database, self.replica.as_ref())),
            origin: &self.mlflow,
            platform: &self.platform,
            state: &self.isolate,
            now: self.now.get(),
            clock: || 0,
            random: never_the_same_twice,
        };
        let mut fields = Headers::default();
        for (name, value) in headers {
            fields.append(*name, *value);
        }
        let request = Request {
            method: Method::parse(method),
            url: format!("http://gate:8787{target}"),
            headers: fields,
            body: body.map(|bytes| Bytes(bytes.to_vec())),
            client_certificate: self.platform.certificate.borrow().clone(),
        };
        let told = RefCell::new(None);
        let observe = |exchange: &Exchange| {
            let line = exchange.line(self.config.log_requests, || "1".to_owned());
            *told.borrow_mut() = Some((exchange.refusal(), line, exchange.point()));
        };
        let response = gate.handle(request, observe).now_or_never()?;
        let (refusal, line, point) = told.into_inner().expect("every request is observed");
        let body = match response.body {
            Body::Empty => Vec::new(),
            Body::Bytes(bytes) | Body::Stream(Bytes(bytes)) => bytes,
        };
        let body = String::from_utf8_lossy(&body).into_owned();
        Some(Answer {
            status: response.status,
            headers: response.headers,
            body,
            log: refusal.into_iter().collect(),
            line,
            point,
        })
    }

    pub fn get(&self, user: &str, target: &str) -> Answer {
        self.send("GET", target, &[("Authorization", &basic(user))], None)
    }

    pub fn post(&self, user: &str, target: &str, body: &str) -> Answer {
        self.json("POST", user, target, body)
    }

    pub fn json(&self, method: &str, user: &str, target: &str, body: &str) -> Answer {
        let headers = [("Authorization", &basic(user)[..]), ("Content-Type", "application/json")];
        self.send(method, target, &headers, Some(body.as_bytes()))
    }

    /// Statements, origin calls and hashes that an action costs.
    pub fn cost<T>(&self, action: impl FnOnce() -> T) -> (usize, usize, u64) {
        let before = (self.database.statements.get(), self.mlflow.seen.borrow().len(), self.isolate.hashes());
        action();
        let after = (self.database.statements.get(), self.mlflow.seen.borrow().len(), self.isolate.hashes());
        (after.0 - before.0, after.1 - before.1, after.2 - before.2)
    }

    pub fn last_seen(&self) -> Seen {
        self.mlflow.seen.borrow().last().expect("the origin was asked").clone()
    }
}

pub const ADMIN: &str = "admin:correct horse battery";
pub const ALICE: &str = "alice:alice-password-1";
pub const BOB: &str = "bob:bob-password-1";

/// Fills a buffer for [`Gate::random`]: the count of the calls, times an odd number that mixes its bits, over and over.
pub fn never_the_same_twice(buffer: &mut [u8]) -> bool {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
    buffer.iter_mut().zip(call.iter().cycle()).for_each(|(byte, count)| *byte = *count);
    true
}

pub fn basic(user: &str) -> String {
    format!("Basic {}", STANDARD.encode(user))
}
