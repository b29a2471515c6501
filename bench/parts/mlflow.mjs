// MLflow alone, with its own authentication, and behind the Worker.
import { join, resolve } from "node:path";

import { ask, askJson, load } from "../lib/load.mjs";
import { startMlflow } from "../lib/origins.mjs";
import { cores, descendants, hasTaskset, keepOn } from "../lib/processes.mjs";
import { alternate, paired, summary } from "../lib/stats.mjs";
import { ADMIN, BASELINE, CACHED, USER, applySchema, basic, startWorker } from "../lib/workers.mjs";

const API = "/api/2.0/mlflow";
const JSON_TYPE = { "content-type": "application/json" };
const ARTIFACT_BYTES = 1 << 20;

const PLAIN = "without auth";
const BASIC_AUTH = "basic-auth";
const BASIC_AUTH_CACHED = "basic-auth, cached";
const PASSTHROUGH = "behind a pass-through";
const STRICT = "behind our Worker";
const KEPT = "behind our Worker, D1 asked once a minute";

// Both as they were at an earlier commit (BENCH_BASELINE).
const BEFORE = BASELINE ? [`${STRICT} (baseline)`, `${KEPT} (baseline)`] : [];

const SYSTEMS = [PLAIN, BASIC_AUTH, BASIC_AUTH_CACHED, PASSTHROUGH, STRICT, KEPT, ...BEFORE];
const OURS = [STRICT, KEPT];
// It hashes the password for each request, so that a round of it takes longer than one of all others.
const ROUNDS_AT_MOST = { [BASIC_AUTH]: 2 };

/** Ours is put beside each of these, and should do so many times its requests a second. */
const RIVALS = [
  { rival: PLAIN, title: "without auth" },
  { rival: PLAIN, title: "without auth, MLflow on a core of its own", onItsCore: true, target: 0.95 },
  { rival: PASSTHROUGH, title: "a pass-through" },
  { rival: PASSTHROUGH, title: "a pass-through, MLflow on a core of its own", onItsCore: true },
  { rival: BASIC_AUTH, title: "basic-auth", target: 20 },
  { rival: BASIC_AUTH_CACHED, title: "basic-auth, cached", target: 4 },
  ...(BASELINE ? [{ rival: (ours) => `${ours} (baseline)`, title: "itself at the baseline" }] : []),
];

export async function measureMlflow(settings) {
  const { connections, say } = settings;
  const { systems, plain, workers } = await startAll(settings);
  const cells = () => connections.flatMap((count) => OPERATIONS.map((operation) => ({ count, operation, samples: {} })));
  if (settings.warmUp) {
    say("warming up");
    await oneRound(systems, SYSTEMS, cells().filter(({ count }) => count === connections[0]), settings);
  }
  say("all of them on the same cores");
  const shared = await allRounds(systems, SYSTEMS, cells(), settings);
  const notAlone = cores().length < 2 ? "there is only one core" : !hasTaskset() && "there is no `taskset`";
  let alone;
  if (!notAlone) {
    say("MLflow on a core of its own");
    alone = await onItsCore(plain, workers, () => allRounds(systems, [PLAIN, PASSTHROUGH, ...OURS, ...BEFORE], cells(), settings));
  }
  await Promise.all(workers.map((worker) => worker.stop()));
  return {
    shared: shared.map(tell),
    alone: alone?.map(tell),
    notAlone,
    rivals: RIVALS,
    beside: OURS.map((ours) => ({ ours, rows: shared.map((cell, n) => compare(ours, cell, alone?.[n])) })),
  };
}

/** MLflow three times, and one of them behind three Workers, all with the same data. */
async function startAll({ folder, tools, mlflowVersion, runs, say }) {
  const python = resolve(tools, `mlflow-${mlflowVersion}`, "bin", "python");
  const server = (name, auth) => startMlflow({ python, folder: join(folder, name), auth });
  say(`starting MLflow ${mlflowVersion} three times`);
  const [plain, auth, cached] = await Promise.all([
    server("plain"),
    server("basic-auth", {}),
    server("basic-auth-cached", { auth_cache_ttl_seconds: 3600 }),
  ]);
  const behind = (name, script, vars) => startWorker(script, plain.url, join(folder, name), vars);
  const workers = await Promise.all([
    behind("passthrough", "javascript"), behind("strict", "ours"), behind("kept", "ours", CACHED),
    ...(BASELINE ? [behind("strict-baseline", "baseline"), behind("kept-baseline", "baseline", CACHED)] : []),
  ]);
  const [passthrough, strict, kept, ...baseline] = workers;
  await Promise.all([strict, kept].map((worker) => applySchema(worker)));
  await Promise.all(baseline.map((worker) => applySchema(worker, "baseline")));
  const prepared = await Promise.all([
    prepare(plain, { runs }),
    prepare(auth, { runs, hasUsers: true }),
    prepare(cached, { runs, hasUsers: true }),
    prepare(passthrough, { runs }),
    prepare(strict, { runs, hasUsers: true }),
    prepare(kept, { runs, hasUsers: true }),
    ...baseline.map((worker) => prepare(worker, { runs, hasUsers: true })),
  ]);
  return { plain, workers, systems: Object.fromEntries(prepared.map((system, n) => [SYSTEMS[n], system])) };
}

/**
 * Rounds are outermost, so that each cell meets the machine at several times; systems are innermost, so that those that
 * are compared run right after each other.
 */
async function allRounds(systems, names, cells, settings) {
  for (let round = 0; round < settings.rounds; round++) {
    settings.say(`round ${round + 1} of ${settings.rounds}`);
    const taking = names.filter((name) => round < (ROUNDS_AT_MOST[name] ?? Infinity));
    await oneRound(systems, round % 2 ? taking.toReversed() : taking, cells, settings);
  }
  return cells;
}

async function oneRound(systems, names, cells, { seconds }) {
  for (const { operation, count, samples } of cells) {
    const taken = await alternate(names, 1, (name) => {
      const { url, headers, ids } = systems[name];
      return load({ url, headers, request: operation.request(ids), connections: count, seconds, mayFail: 0.05 });
    });
    for (const name of names) (samples[name] ??= []).push(...taken[name]);
  }
}

/** MLflow has the first core for itself; the Workers and the load share the second. */
async function onItsCore(mlflow, workers, measure) {
  const [first, second, ...others] = cores();
  const rest = [process.pid, ...workers.map(({ pid }) => pid)];
  const server = [mlflow.pid, ...descendants(mlflow.pid)];
  keepOn([first], server);
  keepOn([second], rest);
  try {
    return await measure();
  } finally {
    keepOn([first, second, ...others], [...server, ...rest]);
  }
}

function tell({ count, operation, samples }) {
  const systems = Object.entries(samples).map(([name, taken]) => ({
    name,
    rate: summary(rates(taken)),
    p50: summary(taken.map((sample) => sample.p50)),
    ratio: paired(rates(taken), rates(samples[PLAIN]), (a, b) => a / b),
    failed: taken.reduce((sum, sample) => sum + sample.failed, 0),
    count: taken.reduce((sum, sample) => sum + sample.count, 0),
  }));
  return { operation: operation.name, connections: count, systems };
}

/** How many times the requests a second of each rival ours does; undefined where that was not measured. */
function compare(ours, shared, alone) {
  const times = RIVALS.map(({ rival, onItsCore, target = 0 }) => {
    const samples = (onItsCore ? alone : shared)?.samples;
    const other = typeof rival === "function" ? rival(ours) : rival;
    const ratio = samples && paired(rates(samples[ours]), rates(samples[other]), (a, b) => a / b);
    return ratio && { ratio, isMet: ratio.median >= target };
  });
  return { operation: shared.operation.name, connections: shared.count, times };
}

function rates(samples) {
  return samples.map((sample) => sample.rate);
}

/** The same data everywhere, made by the one who asks later: an experiment of his with runs, one with an artifact. */
async function prepare({ url }, { runs: many, hasUsers = false }) {
  let authorization;
  if (hasUsers) {
    await askJson(url, `${API}/users/create`, { username: USER.name, password: USER.password }, basic(ADMIN));
    authorization = basic(USER);
  }
  const { experiment_id: experiment } = await askJson(url, `${API}/experiments/create`, { name: "bench" + url }, authorization);
  const runs = [];
  for (let n = 0; n < many; n++) {
    const made = await askJson(url, `${API}/runs/create`, { experiment_id: experiment, start_time: n + 1 }, authorization);
    runs.push(made.run.info.run_id);
  }
  const ids = { experiment, run: runs[0], runs };
  const headers = authorization ? { authorization } : {};
  const upload = OPERATIONS.find(({ name }) => name === "artifact up").request(ids);
  await ask(url, { ...upload, headers: { ...upload.headers, ...headers } });
  return { url, headers, ids };
}

const artifact = ({ experiment, run }) =>
  `/api/2.0/mlflow-artifacts/artifacts/${experiment}/${run}/artifacts/file.bin`;
const bytes = Buffer.alloc(ARTIFACT_BYTES, 7);
let step = 0;

const OPERATIONS = [
  {
    name: "experiments/get",
    request: ({ experiment }) => ({ method: "GET", path: `${API}/experiments/get?experiment_id=${experiment}` }),
  },
  { name: "runs/get", request: ({ run }) => ({ method: "GET", path: `${API}/runs/get?run_id=${run}` }) },
  {
    name: "runs/log-batch",
    // Ten metrics of a new step each time, as training loops send them, each to a run of its own.
    request: ({ runs }) => ({
      method: "POST",
      path: `${API}/runs/log-batch`,
      headers: JSON_TYPE,
      body: () => {
        step += 1;
        const metric = (n) => ({ key: `metric-${n}`, value: step / 7, timestamp: 1700000000000 + step, step });
        return JSON.stringify({ run_id: runs[step % runs.length], metrics: Array.from({ length: 10 }, (_, n) => metric(n)) });
      },
    }),
  },
  {
    name: "runs/search",
    request: ({ experiment }) => ({
      method: "POST",
      path: `${API}/runs/search`,
      headers: JSON_TYPE,
      body: JSON.stringify({ experiment_ids: [experiment], max_results: 100 }),
    }),
  },
  { name: "artifact up", request: (ids) => ({ method: "PUT", path: artifact(ids), body: bytes }) },
  { name: "artifact down", request: (ids) => ({ method: "GET", path: artifact(ids) }) },
];
