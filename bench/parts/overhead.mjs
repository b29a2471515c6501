// What the Worker adds, over an origin that answers at once.
import { join } from "node:path";

import { load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { alternate, paired, summary } from "../lib/stats.mjs";
import { USER, applySchema, basic, createUser, startWorker } from "../lib/workers.mjs";

const API = "/api/2.0/mlflow";
const GET = { method: "GET", path: `${API}/experiments/get?experiment_id=1` };
const PUBLIC = { method: "GET", path: "/health" };
const METRICS = 1000; // the most that MLflow takes at once
const metric = (n) => ({ key: `metric-${n}`, value: n / 7, timestamp: 1700000000000 + n, step: n });
const POST = {
  method: "POST",
  path: `${API}/runs/log-batch`,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ run_id: "r", metrics: Array.from({ length: METRICS }, (_, n) => metric(n)) }),
};
const MANY = 16;
const CACHE = { AUTH_CACHE_TTL_SECONDS: "3600" };

// How far D1 and the origin are, where they are not on this machine.
const D1_MILLISECONDS = 10;
const ORIGIN_MILLISECONDS = 20;

export const NAMES = {
  direct: "the stub itself, nothing in between",
  javascript: "pass-through, JavaScript",
  rust: "pass-through, Rust",
  d1: "pass-through, JavaScript, one D1 statement",
  public: "our Worker, /health (public: no D1)",
  basic: "our Worker, Basic",
  token: "our Worker, token",
  cachedBasic: "our Worker, Basic, cached",
  cachedToken: "our Worker, token, cached",
};

export async function measureOverhead({ rounds, seconds, folder, say }) {
  const stub = await startStub();
  say("starting the Workers");
  const start = (script, name = script, variables = {}) => startWorker(script, stub.url, join(folder, name), variables);
  const [javascript, rust, withD1, ours, cached] = [
    await start("javascript"),
    await start("rust"),
    await start("javascriptWithD1"),
    await start("ours"),
    await start("ours", "cached", CACHE),
  ];
  const token = await prepare(ours);
  const cachedToken = await prepare(cached);
  await applySchema(withD1);
  const database = await withD1.miniflare.getD1Database("DB");
  await database.prepare("INSERT INTO users (username, password_hash) VALUES ('reader', '')").run();

  const authorization = basic(USER);
  const reads = await measure({
    targets: {
      [NAMES.direct]: { ...stub, request: GET },
      [NAMES.javascript]: { ...javascript, request: GET },
      [NAMES.rust]: { ...rust, request: GET },
      [NAMES.d1]: { ...withD1, request: GET },
      [NAMES.public]: { ...ours, request: PUBLIC },
      [NAMES.basic]: { ...ours, request: GET, authorization },
      [NAMES.token]: { ...ours, request: GET, authorization: token },
      [NAMES.cachedBasic]: { ...cached, request: GET, authorization },
      [NAMES.cachedToken]: { ...cached, request: GET, authorization: cachedToken },
    },
    rounds,
    seconds,
    say: (what) => say(`experiments/get, ${what}`),
  });
  const writes = await measure({
    targets: {
      [NAMES.direct]: { ...stub, request: POST },
      [NAMES.javascript]: { ...javascript, request: POST },
      [NAMES.rust]: { ...rust, request: POST },
      [NAMES.basic]: { ...ours, request: POST, authorization },
      [NAMES.cachedBasic]: { ...cached, request: POST, authorization },
    },
    rounds,
    seconds,
    say: (what) => say(`runs/log-batch, ${what}`),
  });
  await Promise.all([javascript, rust, withD1, ours, cached].map((worker) => worker.stop()));
  return { reads: reads.rows, verdicts: reads.verdicts, writes: writes.rows, metrics: METRICS, distant: await distances({ rounds, seconds, folder, say }) };
}

async function prepare(worker) {
  await applySchema(worker);
  return createUser(worker.url, "1");
}

async function measure({ targets, rounds, seconds, say }) {
  const by = (connections) => (name) => {
    const { url, pid, request, authorization } = targets[name];
    return load({ url, headers: authorization ? { authorization } : {}, request, connections, seconds, pids: { server: pid } });
  };
  const names = Object.keys(targets);
  say("warming up");
  for (const name of names) await by(MANY)(name);
  say("one connection");
  const one = await alternate(names, rounds, by(1));
  say(`${MANY} connections`);
  const many = await alternate(names, rounds, by(MANY));

  const of = (samples, what) => samples.map((sample) => sample[what]);
  const minus = (a, b) => a - b;
  const added = (name, what) =>
    name === NAMES.direct ? null : paired(of(one[name], what), of(one[NAMES.direct], what), minus);
  const rows = names.map((name) => ({
    name,
    p50: summary(of(one[name], "p50")),
    addedP50: added(name, "p50"),
    addedP99: added(name, "p99"),
    rate: summary(of(many[name], "rate")),
    ratio: paired(of(many[name], "rate"), of(many[NAMES.rust], "rate"), (a, b) => a / b),
    cpu: summary(many[name].map((sample) => sample.cpu.server)),
    generator: summary(of(many[name], "generator")),
  }));
  return { rows, verdicts: targets[NAMES.d1] && verdicts(rows, one, of, minus) };
}

/** What was promised of a strict Worker, and of one that caches. */
function verdicts(rows, one, of, minus) {
  const row = (name) => rows.find((one) => one.name === name);
  const statement = paired(of(one[NAMES.d1], "p50"), of(one[NAMES.javascript], "p50"), minus);
  const over = (name) => paired(of(one[name], "p50"), of(one[NAMES.rust], "p50"), minus).median;
  const most = statement.median + 0.3;
  const promise = (what, value, target, kept) => ({ what, value, target, kept });
  return {
    statement,
    promises: [
      ...[NAMES.basic, NAMES.token].flatMap((name) => [
        promise(`${name}: ms over the Rust pass-through, p50, at most one D1 statement + 0.3`, over(name), most, over(name) <= most),
        promise(`${name}: ms of CPU per request, D1 included, under`, row(name).cpu.median, 1, row(name).cpu.median < 1),
      ]),
      ...[NAMES.cachedBasic, NAMES.cachedToken].map((name) =>
        promise(`${name}: requests/s to those of the Rust pass-through, at least`, row(name).ratio.median, 0.9, row(name).ratio.median >= 0.9)),
    ],
  };
}

/** One connection, where D1 and the origin each are a network away. */
async function distances({ rounds, seconds, folder, say }) {
  say(`D1 ${D1_MILLISECONDS} ms away, the origin ${ORIGIN_MILLISECONDS} ms`);
  const stub = await startStub(10, ORIGIN_MILLISECONDS);
  const kinds = {
    "pass-through, JavaScript": ["javascript", {}],
    "our Worker, the origin after D1 (FORWARD_EARLY=false)": ["distant", { FORWARD_EARLY: "false" }],
    "our Worker, the origin beside D1": ["distant", {}],
    "our Worker, cached": ["distant", CACHE],
  };
  const workers = {};
  for (const [name, [script, variables]] of Object.entries(kinds)) {
    const home = join(folder, `distant-${Object.keys(workers).length}`);
    workers[name] = await startWorker(script, stub.url, home, { D1_MILLISECONDS: String(D1_MILLISECONDS), ...variables });
    if (script !== "javascript") await prepare(workers[name]);
  }
  const headers = { authorization: basic(USER) };
  const samples = await alternate(Object.keys(kinds), rounds, (name) =>
    load({ url: workers[name].url, headers, request: GET, connections: 1, seconds }));
  await Promise.all(Object.values(workers).map((worker) => worker.stop()));
  return {
    d1: D1_MILLISECONDS,
    origin: ORIGIN_MILLISECONDS,
    rows: Object.keys(kinds).map((name) => ({ name, p50: summary(samples[name].map((sample) => sample.p50)) })),
  };
}
