// MLflow alone, with its own authentication, and behind the Worker.
import { join, resolve } from "node:path";

import { ask, askJson, load } from "../lib/load.mjs";
import { startMlflow } from "../lib/origins.mjs";
import { alternate, paired, summary } from "../lib/stats.mjs";
import { ADMIN, USER, applySchema, basic, startWorker } from "../lib/workers.mjs";

const API = "/api/2.0/mlflow";
const JSON_TYPE = { "content-type": "application/json" };
const ARTIFACT_BYTES = 1 << 20;
const RUNS = 20;

export const SYSTEMS = ["MLflow without auth", "MLflow basic-auth", "MLflow basic-auth, cached", "MLflow behind our Worker"];

export async function measureMlflow({ rounds, seconds, connections, warmUp, processes, folder, tools, mlflowVersion, say }) {
  const python = resolve(tools, `mlflow-${mlflowVersion}`, "bin", "python");
  const server = (name, auth) => startMlflow({ python, folder: join(folder, name), auth, processes });
  say(`starting MLflow ${mlflowVersion} three times`);
  const [plain, auth, cached] = await Promise.all([
    server("plain"),
    server("basic-auth", {}),
    server("basic-auth-cached", { auth_cache_ttl_seconds: 3600 }),
  ]);
  const worker = await startWorker("ours", plain.url, join(folder, "worker"));
  await applySchema(worker);
  const systems = {
    [SYSTEMS[0]]: await prepare(plain, false),
    [SYSTEMS[1]]: await prepare(auth, true),
    [SYSTEMS[2]]: await prepare(cached, true),
    [SYSTEMS[3]]: await prepare(worker, true),
  };

  const cells = connections.flatMap((count) => OPERATIONS.map((operation) => ({ count, operation, samples: {} })));
  const measure = ({ operation, count }) => (name) => {
    const { url, headers, ids } = systems[name];
    return load({ url, headers, request: operation.request(ids), connections: count, seconds, mayFail: 0.05 });
  };
  const warming = cells.filter((cell) => cell.count === connections[0]);
  // Rounds are outermost, so that each cell meets the machine at several times; systems are innermost, so that those
  // that are compared run right after each other.
  for (let round = warmUp ? -1 : 0; round < rounds; round++) {
    say(round < 0 ? "warming up" : `round ${round + 1} of ${rounds}`);
    for (const cell of round < 0 ? warming : cells) {
      const order = round % 2 ? SYSTEMS : SYSTEMS.toReversed();
      const taken = await alternate(order, 1, measure(cell));
      if (round < 0) continue;
      for (const name of SYSTEMS) (cell.samples[name] ??= []).push(...taken[name]);
    }
  }
  await worker.stop();

  return cells.map(({ count, operation, samples }) => {
    const rates = Object.fromEntries(SYSTEMS.map((name) => [name, samples[name].map((sample) => sample.rate)]));
    const systemsOfCell = SYSTEMS.map((name) => ({
      name,
      rate: summary(rates[name]),
      failed: samples[name].reduce((sum, sample) => sum + sample.failed, 0),
      count: samples[name].reduce((sum, sample) => sum + sample.count, 0),
      p50: summary(samples[name].map((sample) => sample.p50)),
      ratio: paired(rates[name], rates[SYSTEMS[0]], (a, b) => a / b),
    }));
    return { operation: operation.name, connections: count, systems: systemsOfCell };
  });
}

/** The same data everywhere, made by the one who asks later: an experiment of his with runs, one with an artifact. */
async function prepare({ url }, hasUsers) {
  let authorization;
  if (hasUsers) {
    await askJson(url, `${API}/users/create`, { username: USER.name, password: USER.password }, basic(ADMIN));
    authorization = basic(USER);
  }
  const { experiment_id: experiment } = await askJson(url, `${API}/experiments/create`, { name: "bench" + url }, authorization);
  const runs = [];
  for (let n = 0; n < RUNS; n++) {
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
