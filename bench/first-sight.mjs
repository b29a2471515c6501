// `make bench-first-sight`: what a password costs that the isolate has not seen before. Each Worker stands in a workerd of
// its own over an origin that answers at once; all take turns. BENCH_BUILDS=before=/path/build,after=build compares builds
// (folders with index.js and index_bg.wasm), BENCH_ROUNDS=31 measures each case so often.
import { scryptSync } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { join, resolve } from "node:path";

import { startStub } from "./lib/origins.mjs";
import { cpuSeconds, endAll, memory } from "./lib/processes.mjs";
import { alternate, summary } from "./lib/stats.mjs";
import { ADMIN, applySchema, basic, startWorker, weighed } from "./lib/workers.mjs";

const ROUNDS = Number(process.env.BENCH_ROUNDS || 31);
const WARM = 3; // rounds that are not counted
const GUESSES = 100; // after which the memory is looked at
const MIB = 1 << 20;
const PATH = "/api/2.0/mlflow/experiments/get?experiment_id=1";
const PASSWORD = "a-long-enough-password";
// As Werkzeug, and so MLflow, writes it.
const IMPORTED = `scrypt:32768:8:1$salt$${scryptSync(PASSWORD, "salt", 64, { N: 32768, r: 8, p: 1, maxmem: 64 * MIB }).toString("hex")}`;
// The runtime without its Node modules: what an old compatibility date means.
const WITHOUT_NODE = ["no_nodejs_compat", "no_nodejs_compat_v2"];

const VARIANTS = {
  "PBKDF2, 600,000 iterations": { vars: { PASSWORD_HASH: "pbkdf2:sha256:600000" } },
  "scrypt, native": { vars: { PASSWORD_HASH: "scrypt:32768:8:1" } },
  "scrypt, in wasm": { vars: { PASSWORD_HASH: "scrypt:32768:8:1" }, flags: WITHOUT_NODE },
};

const CASES = {
  "signed in already": { status: 200, who: () => "ours-0" },
  "right password": { status: 200, who: (round) => `ours-${round}` },
  "right, of a user of MLflow's": { status: 200, who: (round) => `imported-${round}` },
  "wrong password": { status: 401, who: () => "ours-0", password: (round) => `wrong-${round}` },
  "a name that nobody has": { status: 401, who: (round) => `nobody-${round}` },
};

async function startVariant(build, { vars, flags }, stub, folder) {
  const worker = await startWorker(weighed(build), stub.url, folder, { DEFAULT_PERMISSION: "READ", SIGN_IN_TRIES: "1000000", ...vars }, { flags });
  await applySchema(worker);
  await send(worker, ADMIN, 200);
  // hashed by the Worker: what it writes is what it is to read
  const made = await fetch(`${worker.url}/api/2.0/mlflow/users/create`, {
    method: "POST",
    headers: { authorization: basic(ADMIN), "content-type": "application/json" },
    body: JSON.stringify({ username: "ours-0", password: PASSWORD }),
  });
  if (made.status !== 200) throw new Error(`a user could not be made: ${await made.text()}`);
  const database = await worker.miniflare.getD1Database("DB");
  const add = database.prepare("INSERT INTO users (username, password_hash) SELECT ?1, coalesce(?2, (SELECT password_hash FROM users WHERE username = 'ours-0'))");
  const rounds = Array.from({ length: WARM + ROUNDS }, (_, round) => round);
  await database.batch(rounds.flatMap((round) => [...(round ? [add.bind(`ours-${round}`, null)] : []), add.bind(`imported-${round}`, IMPORTED)]));
  await send(worker, { name: "ours-0", password: PASSWORD }, 200);
  return worker;
}

/** Milliseconds until the answer, and of CPU. */
async function send({ url, pid }, user, status) {
  const cpu = cpuSeconds(pid);
  const begun = performance.now();
  const answer = await fetch(url + PATH, { headers: { authorization: basic(user) } });
  const text = await answer.text();
  const milliseconds = performance.now() - begun;
  if (answer.status !== status) throw new Error(`${user.name}: status ${answer.status}: ${text.slice(0, 200)}`);
  return { milliseconds, cpu: 1000 * (cpuSeconds(pid) - cpu) };
}

async function wasmMib({ url }) {
  return (await (await fetch(`${url}/wasm-memory`)).json()) / MIB;
}

/** How the memory of a Worker grows by guesses, each of which is hashed. */
async function growth(worker) {
  const [wasm, resident] = [await wasmMib(worker), memory(worker.pid).now];
  for (let guess = 0; guess < GUESSES; guess++) await send(worker, { name: "ours-0", password: `guess-${guess}` }, 401);
  return `${wasm.toFixed(1)} to ${(await wasmMib(worker)).toFixed(1)} | ${resident.toFixed(0)} to ${memory(worker.pid).now.toFixed(0)}`;
}

async function main() {
  const scratch = mkdtempSync(join(os.tmpdir(), "bench-first-sight-"));
  try {
    const stub = await startStub();
    const builds = (process.env.BENCH_BUILDS || "build=build").split(",").map((one) => one.split("="));
    const workers = {};
    for (const [label, folder] of builds) {
      for (const [name, variant] of Object.entries(VARIANTS)) {
        const key = builds.length > 1 ? `${label}: ${name}` : name;
        workers[key] = await startVariant(resolve(folder), variant, stub, join(scratch, String(Object.keys(workers).length)));
      }
    }
    console.log(`Milliseconds until the answer: median (least), and of CPU: mean. ${ROUNDS} rounds; ${os.cpus().length} cores, load ${os.loadavg()[0].toFixed(1)}.\n`);
    console.log(`| | ${Object.keys(CASES).join(" | ")} |\n| --- |${" ---: |".repeat(Object.keys(CASES).length)}`);
    const cells = Object.fromEntries(Object.keys(workers).map((key) => [key, []]));
    for (const { status, who, password = () => PASSWORD } of Object.values(CASES)) {
      const samples = await alternate(Object.keys(workers), WARM + ROUNDS, (key, round) => send(workers[key], { name: who(round), password: password(round) }, status));
      for (const [key, all] of Object.entries(samples)) {
        const counted = all.slice(WARM);
        const { median, min } = summary(counted.map(({ milliseconds }) => milliseconds));
        const cpu = counted.reduce((sum, one) => sum + one.cpu, 0) / counted.length;
        cells[key].push(`${median.toFixed(1)} (${min.toFixed(1)}), ${cpu.toFixed(0)}`);
      }
    }
    for (const [key, row] of Object.entries(cells)) console.log(`| ${key} | ${row.join(" | ")} |`);
    console.log(`\n| ${GUESSES} more guesses | MiB of wasm | MiB of workerd |\n| --- | ---: | ---: |`);
    for (const [key, worker] of Object.entries(workers)) console.log(`| ${key} | ${await growth(worker)} |`);
  } finally {
    await endAll();
    rmSync(scratch, { recursive: true, force: true });
  }
  process.exit(0);
}

await main();
