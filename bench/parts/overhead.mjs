// What the Worker adds, over an origin that answers at once.
import { join } from "node:path";

import { load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { alternate, paired, summary } from "../lib/stats.mjs";
import { USER, applySchema, basic, createUser, startWorker } from "../lib/workers.mjs";

const GET = { method: "GET", path: "/api/2.0/mlflow/experiments/get?experiment_id=1" };
const PUBLIC = { method: "GET", path: "/health" };
const MANY = 16;

export async function measureOverhead({ rounds, seconds, folder, say }) {
  const stub = await startStub();
  const workers = {};
  for (const script of ["javascript", "rust", "javascriptWithD1", "ours"]) {
    workers[script] = await startWorker(script, stub.url, join(folder, script));
  }
  await applySchema(workers.ours);
  const token = await createUser(workers.ours.url, "1");
  await applySchema(workers.javascriptWithD1);
  const database = await workers.javascriptWithD1.miniflare.getD1Database("DB");
  await database.prepare("INSERT INTO users (username, password_hash) VALUES ('reader', '')").run();

  const targets = {
    "the stub itself, nothing in between": { ...stub, request: GET },
    "pass-through, JavaScript": { ...workers.javascript, request: GET },
    "pass-through, Rust": { ...workers.rust, request: GET },
    "pass-through, JavaScript, one D1 statement": { ...workers.javascriptWithD1, request: GET },
    "our Worker, /health (public: no D1)": { ...workers.ours, request: PUBLIC },
    "our Worker, Basic": { ...workers.ours, request: GET, authorization: basic(USER) },
    "our Worker, token": { ...workers.ours, request: GET, authorization: token },
  };
  const measure = (connections) => (name) => {
    const { url, pid, request, authorization } = targets[name];
    const headers = authorization ? { authorization } : {};
    return load({ url, headers, request, connections, seconds, pids: { server: pid } });
  };
  const names = Object.keys(targets);
  say("warming up");
  for (const name of names) await measure(MANY)(name);
  say("one connection");
  const one = await alternate(names, rounds, measure(1));
  say(`${MANY} connections`);
  const many = await alternate(names, rounds, measure(MANY));
  await Promise.all(Object.values(workers).map((worker) => worker.stop()));

  const [direct, baseline] = names;
  const of = (samples, what) => samples.map((sample) => sample[what]);
  const minus = (a, b) => a - b;
  return names.map((name) => ({
    name,
    p50: summary(of(one[name], "p50")),
    addedP50: name === direct ? null : paired(of(one[name], "p50"), of(one[direct], "p50"), minus),
    addedP99: name === direct ? null : paired(of(one[name], "p99"), of(one[direct], "p99"), minus),
    rate: summary(of(many[name], "rate")),
    ratio: paired(of(many[name], "rate"), of(many[baseline], "rate"), (a, b) => a / b),
    cpu: summary(many[name].map((sample) => sample.cpu.server)),
    generator: summary(of(many[name], "generator")),
  }));
}
