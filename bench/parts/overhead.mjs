// What the Worker adds, over an origin that answers at once.
import { join } from "node:path";

import { load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { alternate, paired, summary } from "../lib/stats.mjs";
import { BASELINE, CACHED, USER, applySchema, basic, startOurs, startWorker } from "../lib/workers.mjs";

export const GET = { method: "GET", path: "/api/2.0/mlflow/experiments/get?experiment_id=1" };
export const PUBLIC = { method: "GET", path: "/health" };
const METRICS = 1000;
export const WRITE = {
  method: "POST",
  path: "/api/2.0/mlflow/runs/log-batch",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    run_id: "0123456789abcdef0123456789abcdef",
    metrics: Array.from({ length: METRICS }, (_, n) => (
      { key: `validation/metric-${n}`, value: (n + 1) / 7, timestamp: 1700000000000 + n, step: n }
    )),
  }),
};
const MANY = 16;

const DIRECT = "the stub itself, nothing in between";
const JAVASCRIPT = "pass-through, JavaScript";
const RUST = "pass-through, Rust";
const ONE_STATEMENT = "pass-through, JavaScript, one D1 statement";
const STRICT = { Basic: "our Worker, Basic", token: "our Worker, token" };
const KEPT = { Basic: "our Worker, Basic, D1 asked once a minute", token: "our Worker, token, D1 asked once a minute" };
// The same two as they were at an earlier commit (BENCH_BASELINE), and what is to be compared with them.
const BEFORE = { strict: `${STRICT.Basic} (baseline)`, kept: `${KEPT.Basic} (baseline)` };
const SINCE = [[STRICT.Basic, BEFORE.strict], [KEPT.Basic, BEFORE.kept]];

// What the Worker may cost at most.
const ALLOWED = { addedToStatement: 0.3, share: 0.9, cpu: 1 };

export async function measureOverhead({ rounds, seconds, warmUp, folder, say }) {
  const stub = await startStub();
  const start = (script) => startWorker(script, stub.url, join(folder, script));
  const [javascript, rust, javascriptWithD1, strict, kept] = await Promise.all([
    start("javascript"),
    start("rust"),
    start("javascriptWithD1"),
    startOurs(stub.url, join(folder, "strict")),
    startOurs(stub.url, join(folder, "kept"), { vars: CACHED }),
  ]);
  const baseline = BASELINE ? await Promise.all([
    startOurs(stub.url, join(folder, "strict-baseline"), { script: "baseline" }),
    startOurs(stub.url, join(folder, "kept-baseline"), { script: "baseline", vars: CACHED }),
  ]) : [];
  const before = (request) => Object.fromEntries(baseline.map((worker, n) => (
    [[BEFORE.strict, BEFORE.kept][n], { ...worker, request, authorization: basic(USER) }]
  )));
  await applySchema(javascriptWithD1);
  const database = await javascriptWithD1.miniflare.getD1Database("DB");
  await database.prepare("INSERT INTO users (username, password_hash) VALUES ('reader', '')").run();

  const how = { rounds, seconds, warmUp, say };
  say("a read");
  const reads = await measureAll({
    [DIRECT]: { ...stub, request: GET },
    [JAVASCRIPT]: { ...javascript, request: GET },
    [RUST]: { ...rust, request: GET },
    [ONE_STATEMENT]: { ...javascriptWithD1, request: GET },
    "our Worker, /health (public: no D1)": { ...strict, request: PUBLIC },
    [STRICT.Basic]: { ...strict, request: GET, authorization: basic(USER) },
    [STRICT.token]: { ...strict, request: GET, authorization: strict.token },
    [KEPT.Basic]: { ...kept, request: GET, authorization: basic(USER) },
    [KEPT.token]: { ...kept, request: GET, authorization: kept.token },
    ...before(GET),
  }, how);
  say("a write of 100 kB");
  const writes = await measureAll({
    [DIRECT]: { ...stub, request: WRITE },
    [JAVASCRIPT]: { ...javascript, request: WRITE },
    [RUST]: { ...rust, request: WRITE },
    [STRICT.Basic]: { ...strict, request: WRITE, authorization: basic(USER) },
    [KEPT.Basic]: { ...kept, request: WRITE, authorization: basic(USER) },
    ...before(WRITE),
  }, how);
  await Promise.all([javascript, rust, javascriptWithD1, strict, kept, ...baseline].map((worker) => worker.stop()));

  const statement = added("p50", reads.one[ONE_STATEMENT], reads.one[JAVASCRIPT]);
  return {
    reads: rows(reads),
    writes: rows(writes),
    write: { metrics: METRICS, bytes: WRITE.body.length },
    since: BASELINE ? [...since("a read", reads), ...since("a write", writes)] : undefined,
    statement,
    verdicts: verdicts(reads, statement),
  };
}

/** The rounds of each target, on one connection and on many. */
async function measureAll(targets, { rounds, seconds, warmUp, say }) {
  const measure = (connections) => (name) => {
    const { url, pid, request, authorization } = targets[name];
    const headers = authorization ? { authorization } : {};
    return load({ url, headers, request, connections, seconds, pids: { server: pid } });
  };
  const names = Object.keys(targets);
  if (warmUp) {
    say("warming up");
    for (const name of names) await measure(MANY)(name);
  }
  say("one connection");
  const one = await alternate(names, rounds, measure(1));
  say(`${MANY} connections`);
  return { one, many: await alternate(names, rounds, measure(MANY)) };
}

function rows({ one, many }) {
  return Object.keys(one).map((name) => ({
    name,
    p50: summary(of(one[name], "p50")),
    addedP50: name === DIRECT ? null : added("p50", one[name], one[DIRECT]),
    addedP99: name === DIRECT ? null : added("p99", one[name], one[DIRECT]),
    rate: summary(of(many[name], "rate")),
    ratio: share(many[name], many[RUST]),
    cpu: summary(cpu(many[name])),
    generator: summary(of(many[name], "generator")),
  }));
}

/** Each: what is claimed, the number, the most or least that it may be, and whether it is. */
function verdicts({ one, many }, statement) {
  const most = statement.median + ALLOWED.addedToStatement;
  const atMost = (claim, value, limit) => ({ claim, value, bound: "at most", limit, isMet: value.median <= limit });
  const atLeast = (claim, value, limit) => ({ claim, value, bound: "at least", limit, isMet: value.median >= limit });
  const each = (names, judge) => Object.entries(names).map(([login, name]) => judge(login, name));
  return [
    ...each(STRICT, (login, name) => atMost(
      `${login}: ms added to the p50 of the Rust pass-through (one local D1 statement + ${ALLOWED.addedToStatement})`,
      added("p50", one[name], one[RUST]), most)),
    ...each(KEPT, (login, name) => atLeast(
      `${login}, D1 asked once a minute: requests/s, as a share of the Rust pass-through's`,
      share(many[name], many[RUST]), ALLOWED.share)),
    ...each(STRICT, (login, name) => atMost(`${login}: ms of CPU of a request`, summary(cpu(many[name])), ALLOWED.cpu)),
  ];
}

/** What became of a Worker since the baseline: requests a second and CPU, as ratios. */
function since(title, { many }) {
  return SINCE.map(([now, before]) => ({
    title: `${title}, ${now}`,
    rate: share(many[now], many[before]),
    cpu: paired(cpu(many[now]), cpu(many[before]), (a, b) => a / b),
  }));
}

function added(what, these, those) {
  return paired(of(these, what), of(those, what), (a, b) => a - b);
}

function share(these, those) {
  return paired(of(these, "rate"), of(those, "rate"), (a, b) => a / b);
}

function of(samples, what) {
  return samples.map((sample) => sample[what]);
}

function cpu(samples) {
  return samples.map((sample) => sample.cpu.server);
}
