// Where the time of the production Worker goes over the stub, as V8's profiler sees it. After `make bench-smoke`, which
// builds what this needs: `PATH="$PWD/node_modules/.bin:$PATH" node bench/profile.mjs`. What runs here is what is
// deployed, but with the names of the functions.
//
// PROFILE_SECONDS=5 PROFILE_CONNECTIONS=16 PROFILE_LINES=30
// PROFILE_INTERVAL=500, in microseconds: more samples disturb more
// PROFILE_AS=basic, or token, or public
// PROFILE_REQUEST=read, or write: a log-batch of 1,000 metrics
// PROFILE_SCRIPT=named, or another of lib/workers.mjs; PROFILE_VARS='{"NAME": "value"}' are variables of it
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";

import { OURS, inspect, isolates } from "./lib/inspector.mjs";
import { load } from "./lib/load.mjs";
import { startStub } from "./lib/origins.mjs";
import { endAll } from "./lib/processes.mjs";
import { percentile } from "./lib/stats.mjs";
import { USER, applySchema, basic, createUser, startWorker } from "./lib/workers.mjs";
import { GET, PUBLIC, WRITE } from "./parts/overhead.mjs";

const { env } = process;
const seconds = Number(env.PROFILE_SECONDS || 5);
const connections = Number(env.PROFILE_CONNECTIONS || 16);
const lines = Number(env.PROFILE_LINES || 30);
const as = env.PROFILE_AS || "basic";
const request = { read: GET, write: WRITE }[env.PROFILE_REQUEST || "read"];
const script = env.PROFILE_SCRIPT || "named";
const vars = JSON.parse(env.PROFILE_VARS || "{}");
const intervalMicroseconds = Number(env.PROFILE_INTERVAL || 500);
const NATIVE = "the runtime's API";
const SEEN = 20; // an isolate with fewer samples has no part in a request

const scratch = mkdtempSync(join(os.tmpdir(), "profile-"));
try {
  await main();
} finally {
  await endAll();
  rmSync(scratch, { recursive: true, force: true });
}
process.exit();

async function main() {
  const stub = await startStub();
  const worker = await startWorker(script, stub.url, scratch, vars, { inspected: true });
  const what = { url: worker.url, ...(await asked(worker)), connections, pids: { workerd: worker.pid } };
  await load({ ...what, seconds: 1 }); // compiled, and the pace is known
  const plain = await load({ ...what, seconds });
  const { profiles, measured } = await profile(worker.inspector, () => load({ ...what, seconds }));
  await worker.stop();

  console.log(`${what.request.path}, ${script}, ${as}, ${connections} connections, ${JSON.stringify(vars)}`);
  console.log(`${round(plain.rate)} requests/s, ${micros(plain.cpu.workerd)} µs of workerd's CPU per request; while watched ` +
    `${round(measured.rate)} requests/s, ${micros(measured.cpu.workerd)} µs. What follows is µs per request, as if watching cost nothing.`);
  const seen = Object.entries(profiles).filter(([, { samples }]) => samples.length >= SEEN);
  // All isolates of a workerd take turns on one thread, and each is sampled while that is its own: between two samples
  // is the interval if no other's turn was in between.
  const interval = percentile(seen.flatMap(([, { timeDeltas }]) => timeDeltas), 0.1);
  const each = (interval / measured.count) * (plain.cpu.workerd / measured.cpu.workerd);
  const isolated = seen.map(([name, profile]) => [name, busy(profile).length * each]);
  console.log("\nIsolates:");
  for (const [name, time] of isolated) row(time, name);
  row(plain.cpu.workerd * 1000 - isolated.reduce((sum, [, time]) => sum + time, 0), "workerd outside of any isolate");
  for (const [name, profile] of seen) tell(name, profile, each);
}

async function asked(worker) {
  await applySchema(worker);
  if (script === "javascriptWithD1") {
    const database = await worker.miniflare.getD1Database("DB");
    await database.prepare("INSERT INTO users (username, password_hash) VALUES ('reader', '')").run();
  }
  if (script !== "named") return { request };
  const token = await createUser(worker.url, "1");
  const authorization = { basic: basic(USER), token }[as];
  return as === "public" ? { request: PUBLIC } : { request, headers: { authorization } };
}

/** Profiles of all isolates while `work` is done, and what it gave. */
async function profile(host, work) {
  const watched = [];
  for (const name of await isolates(host)) {
    const { call, close } = await inspect(host, name);
    await call("Profiler.enable");
    await call("Profiler.setSamplingInterval", { interval: intervalMicroseconds });
    await call("Profiler.start");
    watched.push({ name, call, close });
  }
  const measured = await work();
  const profiles = {};
  for (const { name, call, close } of watched) {
    profiles[name] = (await call("Profiler.stop")).profile;
    close();
  }
  return { profiles, measured };
}

/** The stacks that were seen, innermost function first, without those while nothing ran. */
function busy({ nodes, samples }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const node of nodes) for (const child of node.children ?? []) byId.get(child).parent = node;
  const stack = (node) => (node.parent ? [node, ...stack(node.parent)] : []); // without (root)
  return samples.map((id) => stack(byId.get(id))).filter(([top]) => top.callFrame.functionName !== "(idle)");
}

function tell(isolate, profile, each) {
  const stacks = busy(profile);
  const count = (keys) => {
    const counts = new Map();
    for (const stack of stacks) for (const key of keys(stack)) counts.set(key, (counts.get(key) ?? 0) + 1);
    return [...counts].sort(([, a], [, b]) => b - a);
  };
  const show = (title, counts, most) => {
    console.log(`\n${isolate}: ${title}`);
    for (const [key, samples] of counts.slice(0, most)) row(samples * each, key);
  };
  const most = isolate === OURS ? lines : Math.ceil(lines / 4);
  show("by kind", count(([top]) => [kind(top)]), lines);
  show("by function, itself", count(([top, caller]) => [named(top) + (caller && kind(top) === NATIVE ? ` ← ${named(caller)}` : "")]), most);
  if (isolate === OURS) show("by function, with what it calls", count((stack) => new Set(stack.map(named))), lines);
}

function kind({ callFrame: { functionName, url } }) {
  if (/^\((program|garbage collector)\)$/.test(functionName)) return functionName;
  if (/wasm/.test(url)) return "wasm";
  if (/d1-api$/.test(url)) return "D1's API, JavaScript of the runtime";
  if (/^(\w+-internal|miniflare):/.test(url)) return "other JavaScript of the runtime";
  if (url) return "JavaScript of the Worker";
  return /-to-/.test(functionName) ? "between wasm and JavaScript" : NATIVE;
}

/** Without the hashes of rustc; a function without a name says where it is. */
function named({ callFrame: { functionName, url, lineNumber, columnNumber } }) {
  const name = functionName.replace(/\[[0-9a-f]{16}\]|::h[0-9a-f]{16}$/g, "");
  return name || (url ? `(${url.split("/").at(-1)}:${lineNumber + 1}:${columnNumber + 1})` : "(a getter)");
}

function row(value, what) {
  console.log(`  ${value.toFixed(1).padStart(7)}  ${what.slice(0, 150)}`);
}

function round(value) {
  return Math.round(value).toLocaleString("en");
}

function micros(milliseconds) {
  return round(milliseconds * 1000);
}
