//! A scheduler for concurrent requests: each call to D1, to the origin and to the data centre's cache waits until the
//! scheduler completes it. One decision at a time, so that any order can be tried, and tried again.
//!
//! Every decision goes through [`Choices`]. A run is given by its list of decisions, or by the seed that made them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use mlflow_edge_auth::accounts::replicas::Replicated;
use mlflow_edge_auth::accounts::{Accounts, Database, DatabaseError, Statement};
use mlflow_edge_auth::gate::Gate;
use mlflow_edge_auth::http::{Body, Headers, Method, Request, Response};
use mlflow_edge_auth::state::IsolateState;
use mlflow_edge_auth::upstream::{Answer as OriginAnswer, Origin, OriginError, OriginRequest};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ADMIN, Answer, Bytes, Mlflow, Seen, Sqlite, World};

/// More decisions than this are a run that does not end.
const MOST_DECISIONS: usize = 500;

// --- decisions -----------------------------------------------------------------------------------------------------

/// The decisions of a run: those given, then those of the seed, or the first option where there is no seed.
pub struct Choices {
    given: Vec<usize>,
    seed: Option<u64>,
    /// Each decision with the number of its options.
    pub taken: Vec<(usize, usize)>,
}

impl Choices {
    /// These decisions, then the first option each time: without any, one request after the other.
    pub fn listed(given: Vec<usize>) -> Self {
        Self { given, seed: None, taken: Vec::new() }
    }

    /// Decisions by a seed.
    pub fn seeded(seed: u64) -> Self {
        let mut it =
            Self { given: Vec::new(), seed: Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), taken: Vec::new() };
        for _ in 0..4 {
            it.random();
        }
        it
    }

    /// Chooses one of so many.
    pub fn choose(&mut self, options: usize) -> usize {
        assert!(self.taken.len() < MOST_DECISIONS, "a run without an end");
        let choice = match (self.given.get(self.taken.len()), self.seed) {
            (Some(given), _) => *given,
            (None, Some(_)) => (self.random() >> 33) as usize % options,
            (None, None) => 0,
        };
        assert!(choice < options, "decision {} of {options} options: {choice}", self.taken.len());
        self.taken.push((choice, options));
        choice
    }

    /// The next list in depth-first order; `None` if this was the last one.
    pub fn next(mut self) -> Option<Vec<usize>> {
        while let Some((choice, options)) = self.taken.pop() {
            if choice + 1 < options {
                let mut list: Vec<usize> = self.taken.iter().map(|(choice, _)| *choice).collect();
                list.push(choice + 1);
                return Some(list);
            }
        }
        None
    }

    /// The decisions as text.
    pub fn list(&self) -> String {
        self.taken.iter().map(|(choice, _)| choice.to_string()).collect::<Vec<_>>().join(",")
    }

    /// xorshift64*
    fn random(&mut self) -> u64 {
        let seed = self.seed.as_mut().expect("a seed");
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

/// The moment at which a call takes effect. Both happen: a call may be slow on its way there or on its way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effects {
    /// When the scheduler completes it.
    WhenCompleted,
    /// When it is begun; the answer comes later.
    WhenBegun,
    /// Decided for each call. Only then do calls to the data centre's cache wait too, which change nothing that is
    /// decided on.
    Chosen,
}

/// The faults of a run. All but the first are decided at its beginning, with the call that they begin at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// One call fails and has done nothing.
    One,
    /// One call has its effect, and the answer is lost.
    AnswerLost,
    /// From then on D1 fails.
    D1IsOut,
    /// From then on the origin fails.
    OriginIsOut,
}

impl Fault {
    /// The outcome of a call before which there were so many.
    fn outcome(self, store: Store, calls: usize, begins_at: usize) -> Outcome {
        match (self, store) {
            (_, Store::Cache) | (Self::None, _) => Outcome::Answered,
            (Self::One, _) if calls == begins_at => Outcome::FailedBefore,
            (Self::AnswerLost, _) if calls == begins_at => Outcome::FailedAfter,
            (Self::D1IsOut, Store::D1 | Store::Replica) if calls >= begins_at => Outcome::FailedBefore,
            (Self::OriginIsOut, Store::Origin) if calls >= begins_at => Outcome::FailedBefore,
            _ => Outcome::Answered,
        }
    }
}

const FAULTS: [Fault; 4] = [Fault::One, Fault::AnswerLost, Fault::D1IsOut, Fault::OriginIsOut];
/// Faults begin at one of so many first calls.
const FAULTY_CALLS: usize = 12;

/// The other end of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    D1,
    Replica,
    Origin,
    Cache,
}

/// The completion of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Answered,
    FailedBefore,
    FailedAfter,
}

// --- calls that wait -----------------------------------------------------------------------------------------------

struct Slot<R> {
    value: RefCell<Option<R>>,
    waker: RefCell<Option<Waker>>,
}

impl<R> Slot<R> {
    fn fill(&self, value: R) {
        self.value.replace(Some(value));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The answer of a call, once the scheduler has completed it.
struct Ticket<R>(Rc<Slot<R>>);

impl<R> Future for Ticket<R> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<R> {
        self.0.waker.replace(Some(context.waker().clone()));
        self.0.value.take().map_or(Poll::Pending, Poll::Ready)
    }
}

type Complete<'w> = Box<dyn FnOnce(Outcome) -> Option<String> + 'w>;

struct Pending<'w> {
    request: usize,
    store: Store,
    what: String,
    complete: Complete<'w>,
}

/// The calls under way, and the record of the run.
struct Core<'w> {
    pending: RefCell<Vec<Pending<'w>>>,
    choices: RefCell<Choices>,
    effects: Effects,
    /// The number of states of the directory before the present one.
    state: Cell<usize>,
    changed: Cell<bool>,
    events: RefCell<Vec<Event>>,
}

/// Something that a call of a request did.
#[derive(Clone, Debug)]
pub struct Event {
    pub request: usize,
    pub store: Store,
    /// Method and target, or the beginning of the statements.
    pub what: String,
    /// The state of the directory before it.
    pub state: usize,
}

impl<'w> Core<'w> {
    fn begin<R: 'static>(
        self: &Rc<Self>,
        (request, store, what): (usize, Store, String),
        effect: impl FnOnce() -> R + 'w,
        failure: impl FnOnce() -> R + 'w,
    ) -> Ticket<R> {
        let slot = Rc::new(Slot { value: RefCell::new(None), waker: RefCell::new(None) });
        let ticket = Ticket(slot.clone());
        let when_begun = match self.effects {
            Effects::WhenCompleted => false,
            Effects::WhenBegun => true,
            Effects::Chosen => self.choices.borrow_mut().choose(2) == 1,
        };
        let complete: Complete<'w> = if when_begun {
            let value = effect();
            self.happened(request, store, &what);
            Box::new(move |outcome| {
                slot.fill(if outcome == Outcome::Answered { value } else { failure() });
                None
            })
        } else {
            let said = what.clone();
            Box::new(move |outcome| {
                let value = (outcome != Outcome::FailedBefore).then(effect);
                let happened = value.is_some().then_some(said);
                let answer = value.filter(|_| outcome == Outcome::Answered);
                slot.fill(answer.unwrap_or_else(failure));
                happened
            })
        };
        self.pending.borrow_mut().push(Pending { request, store, what, complete });
        ticket
    }

    fn happened(&self, request: usize, store: Store, what: &str) {
        let event = Event { request, store, what: what.to_owned(), state: self.state.get() };
        self.events.borrow_mut().push(event);
        if store == Store::D1 && what.starts_with("write") {
            self.changed.set(true);
        }
    }
}

struct ScheduledDatabase<'w> {
    inner: &'w Sqlite,
    core: Rc<Core<'w>>,
    request: usize,
    store: Store,
}

impl Database for ScheduledDatabase<'_> {
    async fn run<T: DeserializeOwned>(&self, statements: Vec<Statement>) -> Result<Vec<Vec<T>>, DatabaseError> {
        let inner = self.inner;
        let what = describe(&statements);
        let effect =
            move || Database::run::<Value>(&inner, statements).now_or_never().expect("SQLite waits for nothing");
        let failure = || Err(DatabaseError("injected".to_owned()));
        let rows = self.core.begin((self.request, self.store, what), effect, failure).await?;
        let read = |row| serde_json::from_value(row).map_err(|error| DatabaseError(error.to_string()));
        rows.into_iter().map(|rows| rows.into_iter().map(read).collect()).collect()
    }
}

/// "write" if users, grants or tokens may change; then the beginning of each statement.
fn describe(statements: &[Statement]) -> String {
    let words = |sql: &str| sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    let begins: Vec<String> = statements.iter().map(|statement| words(statement.sql)).collect();
    let writes = |begin: &String| {
        !begin.starts_with("SELECT") && ["users", "role", "tokens"].iter().any(|table| begin.contains(table))
    };
    let verb = if begins.iter().any(writes) { "write" } else { "ask" };
    format!("{verb}: {}", begins.join("; "))
}

struct ScheduledOrigin<'w> {
    inner: &'w Mlflow,
    core: Rc<Core<'w>>,
    request: usize,
}

impl Origin for ScheduledOrigin<'_> {
    type Stream = Bytes;

    fn send(&self, request: OriginRequest<Bytes>) -> OriginAnswer<Bytes> {
        let inner = self.inner;
        let what = format!("{} {}", request.method.as_str(), request.target);
        let effect = move || (&inner).send(request).now_or_never().expect("the script waits for nothing");
        self.core.begin((self.request, Store::Origin, what), effect, || Err(OriginError::Timeout(1))).boxed_local()
    }

    async fn cached_parent(&self, key: &str) -> Option<Vec<u8>> {
        if self.core.effects != Effects::Chosen {
            return (&self.inner).cached_parent(key).await;
        }
        let (inner, owned) = (self.inner, key.to_owned());
        let effect = move || (&inner).cached_parent(&owned).now_or_never().flatten();
        self.core.begin((self.request, Store::Cache, format!("recall {key}")), effect, || None).await
    }

    /// At once: nobody waits for it, and what it says never changes.
    fn cache_parent(&self, key: &str, fact: Vec<u8>) {
        (&self.inner).cache_parent(key, fact);
    }

    async fn cached_response(&self, key: &str, conditions: &Headers) -> Option<Response<Bytes>> {
        (&self.inner).cached_response(key, conditions).await
    }

    fn cache_response(&self, key: &str, answer: Response<Bytes>) -> Response<Bytes> {
        (&self.inner).cache_response(key, answer)
    }
}

// --- the deployment ------------------------------------------------------------------------------------------------

/// A request as the tests write it.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    pub target: String,
    pub authorization: String,
    pub body: Option<String>,
    pub address: Option<String>,
    /// The isolate that takes it: 0 or 1.
    pub isolate: usize,
}

/// The registered models and the new experiments of an MLflow that remembers them, with their creators.
#[derive(Default, Debug)]
pub struct Registry {
    pub models: BTreeMap<String, String>,
    pub experiments: BTreeMap<String, String>,
}

impl Registry {
    fn answer(&mut self, seen: &Seen) -> Option<(u16, String)> {
        let path = seen.target.split('?').next().unwrap_or_default();
        let (_, path) = path.split_once("/2.0/mlflow/")?;
        let text = |name: &str| {
            let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
            let in_query = seen.target.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            body[name].as_str().or(in_query).unwrap_or_default().to_owned()
        };
        let user = seen.header("x-forwarded-user").unwrap_or_default().to_owned();
        let error = |status: u16, code: &str| Some((status, format!(r#"{{"error_code":"{code}","message":""}}"#)));
        let model = |name: &str| Some((200, format!(r#"{{"registered_model":{{"name":"{name}"}}}}"#)));
        match path {
            "registered-models/create" if self.models.contains_key(&text("name")) => {
                error(400, "RESOURCE_ALREADY_EXISTS")
            }
            "registered-models/create" => {
                self.models.insert(text("name"), user);
                model(&text("name"))
            }
            "registered-models/rename" if self.models.contains_key(&text("new_name")) => {
                error(400, "RESOURCE_ALREADY_EXISTS")
            }
            "registered-models/rename" => {
                let Some(creator) = self.models.remove(&text("name")) else {
                    return error(404, "RESOURCE_DOES_NOT_EXIST");
                };
                self.models.insert(text("new_name"), creator);
                model(&text("new_name"))
            }
            "registered-models/delete" if self.models.remove(&text("name")).is_none() => {
                error(404, "RESOURCE_DOES_NOT_EXIST")
            }
            "registered-models/delete" => Some((200, "{}".to_owned())),
            "registered-models/get" if !self.models.contains_key(&text("name")) => {
                error(404, "RESOURCE_DOES_NOT_EXIST")
            }
            "registered-models/get" => model(&text("name")),
            // so that the answer says what was asked for
            "runs/search" => Some((200, seen.body.clone())),
            "experiments/search" => {
                Some((200, r#"{"experiments":[{"experiment_id":"1"},{"experiment_id":"2"}]}"#.to_owned()))
            }
            "experiments/create" => {
                let id = if text("name") == "x" { "7" } else { "8" };
                if self.experiments.contains_key(id) {
                    return error(400, "RESOURCE_ALREADY_EXISTS");
                }
                self.experiments.insert(id.to_owned(), user);
                Some((200, format!(r#"{{"experiment_id":"{id}"}}"#)))
            }
            "experiments/delete" => {
                self.experiments.remove(&text("experiment_id"));
                Some((200, "{}".to_owned()))
            }
            _ => None,
        }
    }
}

/// User, kind and id of a resource, level.
pub type Grants<'a> = &'a [(i64, &'static str, &'static str, &'static str)];

/// Tables in the order in which they can be filled again; grants are each test's own.
const USERS: [&str; 3] = ["users", "tokens", "sqlite_sequence"];
const SIGN_INS: [&str; 3] = ["guesses", "attempts", "signed_in_from"];

/// Users admin (1), alice (2), bob (3), carol (4) and the administrator eve (5), two isolates, and an MLflow that
/// remembers its models. Bob has a token.
pub struct Deployment {
    pub world: World,
    pub registry: Rc<RefCell<Registry>>,
    pub token: String,
    second: IsolateState,
    users: String,
    users_changed: Cell<bool>,
    sign_ins_changed: Cell<bool>,
}

/// The memory of the isolates when a run begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Nothing.
    Fresh,
    /// Maybe logins that were verified before, and nothing else: D1 has to be asked about each.
    Logins,
}

impl Deployment {
    pub fn new(variables: &[(&str, &str)]) -> Self {
        let world = World::with(variables);
        world.add_users();
        for name in ["carol", "eve"] {
            let body = format!(r#"{{"username":"{name}","password":"{name}-password-1"}}"#);
            assert_eq!(world.post(ADMIN, "/api/2.0/mlflow/users/create", &body).status, 200);
        }
        world.database.execute("UPDATE users SET is_admin = 1 WHERE username = 'eve'");
        let token = world.post(super::BOB, "/api/2.0/mlflow/users/tokens/create", r#"{"name":"t"}"#);
        let token = token.json()["token_value"].as_str().unwrap().to_owned();
        world.database.execute("DELETE FROM guesses; DELETE FROM attempts; DELETE FROM signed_in_from");
        let registry = Rc::new(RefCell::new(Registry::default()));
        let script = registry.clone();
        *world.mlflow.script.borrow_mut() = Some(Box::new(move |seen| script.borrow_mut().answer(seen).map(Ok)));
        let users = dump(&world.database, &USERS);
        let (users_changed, sign_ins_changed) = (Cell::new(false), Cell::new(false));
        Self { world, registry, token, second: IsolateState::new([2; 32]), users, users_changed, sign_ins_changed }
    }

    /// Begins anew: the users, these grants and models, and a replica that lags if there is to be one.
    pub fn reset(&mut self, grants: Grants<'_>, models: &[(&str, &str)], replica: bool, memory: Memory) {
        let mut sql = String::from("BEGIN; DELETE FROM grants;");
        if self.users_changed.replace(false) {
            sql += &self.users;
        }
        if self.sign_ins_changed.replace(false) {
            sql += "DELETE FROM guesses; DELETE FROM attempts; DELETE FROM signed_in_from;";
        }
        for (user, kind, id, level) in grants {
            sql += &format!("INSERT INTO grants VALUES ({user}, '{kind}', '{id}', '{level}');");
        }
        self.world.database.execute(&(sql + "COMMIT"));
        self.world.replica = replica.then(|| {
            let replica = self.world.replica.take().unwrap_or_else(Sqlite::new);
            let all = [&USERS[..], &["grants"], &SIGN_INS].concat();
            replica.execute(&format!("DELETE FROM grants; {}", dump(&self.world.database, &all)));
            replica
        });
        let models = models.iter().map(|(name, creator)| ((*name).to_owned(), (*creator).to_owned())).collect();
        *self.registry.borrow_mut() = Registry { models, ..Registry::default() };
        match memory {
            Memory::Fresh => self.restart(),
            Memory::Logins => [&self.world.isolate, &self.second].into_iter().for_each(forget_answers),
        }
        self.world.mlflow.seen.borrow_mut().clear();
        self.world.mlflow.cache.borrow_mut().clear();
        NONCE.set(0);
    }

    /// Replaces the isolates by new ones.
    pub fn restart(&mut self) {
        (self.world.isolate, self.second) = (IsolateState::new([1; 32]), IsolateState::new([2; 32]));
    }

    /// Password hashes that these isolates computed.
    pub fn hashes(&self) -> u64 {
        self.world.isolate.hashes() + self.second.hashes()
    }

    /// The present state of users, grants and tokens.
    pub fn state(&self) -> String {
        const STATE: &str = "SELECT json_object(
            'users', (SELECT json_group_array(json_array(id, username, password_hash, is_admin)) FROM users),
            'grants', (SELECT json_group_array(json_array(user_id, resource_type, resource_id, permission)) FROM grants),
            'tokens', (SELECT json_group_array(json_array(id, user_id)) FROM tokens)) AS state";
        let rows = self.world.database.rows(STATE);
        rows[0]["state"].as_str().unwrap().to_owned()
    }

    fn handle<'w>(&'w self, core: &Rc<Core<'w>>, request: usize, ask: &Ask) -> LocalBoxFuture<'w, Answer> {
        let database = |inner, store| ScheduledDatabase { inner, core: core.clone(), request, store };
        let replica = self.world.replica.as_ref().map(|replica| database(replica, Store::Replica));
        let gate = Gate {
            config: &self.world.config,
            accounts: Accounts(Replicated::new(database(&self.world.database, Store::D1), replica)),
            origin: ScheduledOrigin { inner: &self.world.mlflow, core: core.clone(), request },
            platform: &self.world.platform,
            state: if ask.isolate == 0 { &self.world.isolate } else { &self.second },
            now: self.world.now.get(),
            clock: || 0,
            random: |buffer| {
                NONCE.set(NONCE.get().wrapping_add(1));
                buffer.fill(NONCE.get());
                true
            },
        };
        let mut headers = Headers::default();
        headers.append("Authorization", &ask.authorization);
        if ask.body.is_some() {
            headers.append("Content-Type", "application/json");
        }
        if let Some(address) = &ask.address {
            headers.append("CF-Connecting-IP", address);
        }
        let incoming = Request {
            method: Method::parse(ask.method),
            url: format!("http://gate:8787{}", ask.target),
            headers,
            body: ask.body.as_ref().map(|body| Bytes(body.clone().into_bytes())),
            client_certificate: None,
        };
        async move {
            let log = RefCell::new(Vec::new());
            let response = gate.handle(incoming, |exchange| log.borrow_mut().extend(exchange.refusal())).await;
            let body = match response.body {
                Body::Empty => Vec::new(),
                Body::Bytes(bytes) | Body::Stream(Bytes(bytes)) => bytes,
            };
            let body = String::from_utf8_lossy(&body).into_owned();
            Answer {
                status: response.status,
                headers: response.headers,
                body,
                log: log.into_inner(),
                line: None,
                point: Default::default(),
            }
        }
        .boxed_local()
    }

    /// Answers these requests, one after the other.
    pub fn serially(&self, asks: &[Ask]) -> Run {
        self.run(asks, Effects::WhenCompleted, false, Choices::listed(Vec::new()))
    }

    /// Answers these requests, whose calls are completed in the chosen order.
    pub fn run(&self, asks: &[Ask], effects: Effects, with_faults: bool, mut choices: Choices) -> Run {
        let (fault, fault_at) = match with_faults {
            true => (FAULTS[choices.choose(FAULTS.len())], choices.choose(FAULTY_CALLS)),
            false => (Fault::None, 0),
        };
        let core = Rc::new(Core {
            pending: RefCell::default(),
            choices: RefCell::new(choices),
            effects,
            state: Cell::new(0),
            changed: Cell::new(false),
            events: RefCell::default(),
        });
        let mut tasks: Vec<Option<LocalBoxFuture<'_, Answer>>> = asks.iter().map(|_| None).collect();
        let mut exchanges: Vec<Exchange> = asks.iter().map(|_| Exchange::default()).collect();
        let mut states = vec![self.state()];
        let mut trace = Vec::new();
        let mut calls = 0;
        loop {
            let waiting: Vec<usize> = (0..asks.len()).filter(|n| !exchanges[*n].has_begun).collect();
            let under_way = core.pending.borrow().len();
            if waiting.is_empty() && under_way == 0 {
                break;
            }
            let choice = core.choices.borrow_mut().choose(under_way + waiting.len());
            let request = if choice < under_way {
                let call = core.pending.borrow_mut().remove(choice);
                let outcome = fault.outcome(call.store, calls, fault_at);
                calls += usize::from(call.store != Store::Cache);
                if outcome != Outcome::Answered {
                    exchanges[call.request].failed.push(call.store);
                }
                trace.push(Traced::Call(call.request, call.store, call.what, outcome));
                if let Some(what) = (call.complete)(outcome) {
                    core.happened(call.request, call.store, &what);
                }
                call.request
            } else {
                let request = waiting[choice - under_way];
                trace.push(Traced::Begin(request));
                let exchange = &mut exchanges[request];
                (exchange.has_begun, exchange.began_at, exchange.first_state) = (true, trace.len(), states.len() - 1);
                tasks[request] = Some(self.handle(&core, request, &asks[request]));
                request
            };
            self.note(&core, &mut states); // before the request goes on
            let task = tasks[request].as_mut().expect("a request with calls is under way");
            let polled = task.poll_unpin(&mut Context::from_waker(Waker::noop()));
            self.note(&core, &mut states);
            if let Poll::Ready(answer) = polled {
                trace.push(Traced::End(request, answer.status));
                let exchange = &mut exchanges[request];
                (exchange.ended_at, exchange.last_state) = (trace.len(), states.len() - 1);
                exchange.answer = Some(answer);
                tasks[request] = None;
                core.pending.borrow_mut().retain(|call| call.request != request);
            }
        }
        drop(tasks);
        let core = Rc::into_inner(core).expect("nothing of the run is left");
        let (events, choices) = (core.events.into_inner(), core.choices.into_inner());
        let wrote = |tables: &[&str]| events.iter().any(|event| tables.iter().any(|table| event.what.contains(table)));
        self.users_changed.set(self.users_changed.get() || states.len() > 1);
        self.sign_ins_changed.set(self.sign_ins_changed.get() || wrote(&SIGN_INS));
        Run { exchanges, states, events, choices, trace }
    }

    fn note(&self, core: &Core<'_>, states: &mut Vec<String>) {
        if core.changed.replace(false) {
            states.push(self.state());
            core.state.set(states.len() - 1);
        }
    }
}

/// Leaves the logins alone.
fn forget_answers(state: &IsolateState) {
    state.sign_ins.verified.borrow_mut().invalidate();
    state.parents.borrow_mut().clear();
}

thread_local! {
    /// Tells the nonces of a run apart; the same in each run.
    static NONCE: Cell<u8> = const { Cell::new(0) };
}

/// SQL that brings these tables back.
fn dump(database: &Sqlite, tables: &[&str]) -> String {
    let mut sql = String::from("DELETE FROM tokens;");
    let literal = |value: &Value| match value {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    };
    for table in tables {
        let rows = database.rows(&format!("SELECT * FROM {table}"));
        sql += &format!("DELETE FROM {table};");
        let Some(first) = rows.first() else { continue };
        let columns: Vec<&String> = first.as_object().unwrap().keys().collect();
        let values =
            |row: &Value| columns.iter().map(|name| literal(&row[name.as_str()])).collect::<Vec<_>>().join(",");
        let rows: Vec<String> = rows.iter().map(|row| format!("({})", values(row))).collect();
        let columns: Vec<&str> = columns.iter().map(|name| name.as_str()).collect();
        sql += &format!("INSERT INTO {table} ({}) VALUES {};", columns.join(","), rows.join(","));
    }
    sql
}

// --- the record ----------------------------------------------------------------------------------------------------

/// A request with its answer. Times count the events of the run, states are those of [`Run::states`].
#[derive(Default)]
pub struct Exchange {
    has_begun: bool,
    pub began_at: usize,
    pub ended_at: usize,
    pub first_state: usize,
    pub last_state: usize,
    /// The other ends of its calls that failed.
    pub failed: Vec<Store>,
    answer: Option<Answer>,
}

impl Exchange {
    pub fn answer(&self) -> &Answer {
        self.answer.as_ref().expect("an answer")
    }

    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.answer().status)
    }
}

enum Traced {
    Begin(usize),
    Call(usize, Store, String, Outcome),
    End(usize, u16),
}

/// The record of a run.
pub struct Run {
    pub exchanges: Vec<Exchange>,
    /// Users, grants and tokens: at the beginning, and after each change.
    pub states: Vec<String>,
    pub events: Vec<Event>,
    pub choices: Choices,
    trace: Vec<Traced>,
}

impl Run {
    /// The events of the run, a line each.
    pub fn story(&self, asks: &[Ask]) -> String {
        let line = |event: &Traced| match event {
            Traced::Begin(n) => format!("{n} begins: {} {}", asks[*n].method, asks[*n].target),
            Traced::End(n, status) => {
                format!("{n} is answered with {status}: {}", self.exchanges[*n].answer().log.concat())
            }
            Traced::Call(n, store, what, Outcome::Answered) => format!("{n} {store:?} {what}"),
            Traced::Call(n, store, what, Outcome::FailedBefore) => format!("{n} {store:?} fails: {what}"),
            Traced::Call(n, store, what, Outcome::FailedAfter) => format!("{n} {store:?} loses the answer: {what}"),
        };
        self.trace.iter().map(line).collect::<Vec<_>>().join("\n  ")
    }
}
