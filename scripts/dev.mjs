// `make dev`: the gate under `wrangler dev`, its local D1, and an MLflow server behind it unless ORIGIN_URL names
// one. Everything is told through the environment; what that is says README.md.
//
// Whatever is started here ends with this process: see `stop`.
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const HOST = "127.0.0.1";
const READY_WITHIN_SECONDS = 180;

// A Worker variable reaches the Worker when it is set here; wrangler.toml documents them.
const WORKER_VARIABLES = [
  "ORIGIN_URL", "ADMIN_USERNAME", "DEFAULT_PERMISSION", "GRANT_FLOOR", "PASSWORD_HASH", "BODY_LIMIT_BYTES",
  "ORIGIN_TIMEOUT_SECONDS", "STATIC_PREFIX", "SUBREQUEST_LIMIT", "ADMIN_PASSWORD", "SECRET_KEY", "ORIGIN_AUTHORIZATION",
  "ALLOW_DEFAULT_PASSWORD", "ARTIFACT_LOCATIONS", "MODEL_SOURCES", "PASSWORD_MIN_LENGTH", "SIGN_IN_TRIES", "REQUIRE_CURRENT_PASSWORD", "TRUST_CLIENT_CERT", "ACCESS_TEAM_DOMAIN",
  "ACCESS_AUD", "LOG_REQUESTS", "D1_READ_REPLICAS", "AUTH_CACHE_TTL_SECONDS", "FORWARD_EARLY",
];

const env = process.env;
const port = Number(env.PORT || 8787);
const state = resolve(env.STATE || ".state");
const tools = resolve(env.TOOLS || ".tools");
const mlflowVersion = env.MLFLOW_VERSION || "3.3.2";
const tls = env.TLS_CERT && env.TLS_KEY ? { cert: resolve(env.TLS_CERT), key: resolve(env.TLS_KEY) } : null;
const address = `${tls ? "https" : "http"}://${HOST}:${port}`;

const children = []; // { name, process, log }
let stopping = false;

process.on("SIGINT", () => stop(0));
process.on("SIGTERM", () => stop(0));
process.on("SIGHUP", () => stop(0));
endWithParent();

try {
  await main();
} catch (error) {
  console.error(`make dev: ${error.message}`);
  await stop(1);
}

async function main() {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`PORT must be a port number, not '${env.PORT}'`);
  if (!(await isFree(port))) {
    throw new Error(`port ${port} is taken by another program. Choose one: make dev PORT=${await freePort()}`);
  }
  mkdirSync(state, { recursive: true, mode: 0o700 });
  claimState();

  const originUrl = env.ORIGIN_URL || (await startOrigin());
  migrateDatabase();
  const worker = await startWorker(originUrl);

  await healthy(address);
  // From here on the Worker's own lines are of interest; before, there are only wrangler's.
  worker.show();
  console.log(`
  mlflow-edge-auth is ready:  ${address}
  sign in as:                 ${workerVariables(originUrl).ADMIN_USERNAME ?? "admin"} / ${env.ADMIN_PASSWORD === undefined ? "password1234" : "the ADMIN_PASSWORD of this database's first start"}
  origin:                     ${originUrl}${env.ORIGIN_URL ? "" : ` (MLflow ${mlflowVersion})`}
  database and logs:          ${state}
  Ctrl-C ends it all.
`);
}

// --- the three parts ---------------------------------------------------------------------------------------------

/** An MLflow server without any authentication, reachable from this machine only. */
async function startOrigin() {
  const mlflow = join(tools, `mlflow-${mlflowVersion}`, "bin", "mlflow");
  if (!existsSync(mlflow)) throw new Error(`MLflow ${mlflowVersion} is not installed: start with 'make dev', which installs it`);
  const home = join(state, `origin-${mlflowVersion}`);
  mkdirSync(home, { recursive: true });
  const originPort = await freePort();
  const url = `http://${HOST}:${originPort}`;
  console.log(`== MLflow ${mlflowVersion} (10 to 20 seconds)`);
  start(`mlflow-${mlflowVersion}`, mlflow, [
    "server", "--host", HOST, "--port", String(originPort), "--workers", "2", "--serve-artifacts",
    "--backend-store-uri", `sqlite:///${join(home, "mlflow.db")}`,
    "--artifacts-destination", join(home, "artifacts"),
    ...(env.STATIC_PREFIX ? ["--static-prefix", env.STATIC_PREFIX] : []),
  ], {
    cwd: home,
    env: {
      ...env,
      // Nothing of the caller's MLflow set-up may leak into the origin.
      MLFLOW_TRACKING_URI: "", MLFLOW_TRACKING_USERNAME: "", MLFLOW_TRACKING_PASSWORD: "",
      MLFLOW_DISABLE_TELEMETRY: "true",
      // Job runners of 3.9 and later: processes of their own sessions, of no use here.
      MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false",
    },
  });
  await healthy(url);
  return url;
}

/** wrangler knows which migrations the database has; the stamp only saves the seconds that asking takes. */
function migrateDatabase() {
  const files = readdirSync("migrations").sort().join("\n");
  const stamp = join(state, "migrations.txt");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === files) return;
  console.log("== local D1 (a few seconds)");
  const done = spawnSync("wrangler", ["d1", "migrations", "apply", "DB", "--local", "--persist-to", state], {
    env: { ...wranglerEnvironment(), CI: "1" }, encoding: "utf8", // CI: it does not ask
  });
  if (done.status !== 0) throw new Error(`the local D1 could not be migrated:\n${done.stdout ?? ""}${done.stderr ?? done.error}`);
  writeFileSync(stamp, files);
}

async function startWorker(originUrl) {
  const envFile = join(state, "worker.env");
  rmSync(envFile, { force: true }); // a mode is given to new files only
  writeFileSync(envFile, dotenv(workerVariables(originUrl)), { mode: 0o600 });
  // A copy: wrangler reloads when its script changes, which cuts requests off, and a gate that is in use must not
  // depend on what is being built beside it. A new build is taken up by the next start.
  const script = join(state, "worker");
  rmSync(script, { recursive: true, force: true });
  cpSync("build", script, { recursive: true });
  console.log("== wrangler dev (a few seconds)");
  return start("wrangler", "wrangler", [
    "dev", join(script, "index.js"), "--config", resolve("wrangler.toml"), "--local", "--ip", HOST, "--port", String(port),
    "--inspector-ip", HOST, "--inspector-port", String(await freePort()),
    "--persist-to", state, "--env-file", envFile, "--show-interactive-dev-session=false",
    ...(env.COMPATIBILITY_FLAGS ? ["--compatibility-flags", ...env.COMPATIBILITY_FLAGS.split(" ")] : []), // of tests
    ...(tls ? ["--local-protocol", "https", "--https-key-path", tls.key, "--https-cert-path", tls.cert] : []),
  ], { env: wranglerEnvironment() });
}

function workerVariables(originUrl) {
  const defaults = { ADMIN_PASSWORD: "password1234", ALLOW_DEFAULT_PASSWORD: "true", SECRET_KEY: secretKey() };
  const given = Object.fromEntries(WORKER_VARIABLES.filter((name) => env[name] !== undefined).map((name) => [name, env[name]]));
  return { ...defaults, ...given, ORIGIN_URL: originUrl };
}

/** One key for the life of a STATE, so that a form outlives a restart. */
function secretKey() {
  const file = join(state, "secret-key");
  if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString("base64url"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

function wranglerEnvironment() {
  return {
    ...env,
    WRANGLER_BUILD_DONE: "1", // make built it: wrangler.toml
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG_PATH: join(state, "wrangler-logs"),
    WRANGLER_REGISTRY_PATH: join(state, "wrangler-registry"), // several gates on one machine do not know each other
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
  };
}

/** Lines as wrangler's dotenv reads them back: quoted, and with no variable expanded. */
function dotenv(variables) {
  return Object.entries(variables).map(([name, value]) => {
    const quote = ["'", '"', "`"].find((q) => !value.includes(q) && !(q === '"' && value.includes("\\")));
    if (!quote || /[\r\n]|\\$/.test(value)) throw new Error(`${name} holds characters that cannot be handed to wrangler dev`);
    return `${name}=${quote}${value.replaceAll("$", "\\$")}${quote}\n`;
  }).join("");
}

// --- processes ---------------------------------------------------------------------------------------------------

/** Starts a child in a process group of its own, so that a Ctrl-C reaches it only through `stop`. */
function start(name, command, args, options) {
  const log = join(state, `${name}.log`);
  const file = openSync(log, "w");
  const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const entry = { name, process: child, log, shown: false, show: () => (entry.shown = true) };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      writeFileSync(file, chunk);
      if (entry.shown) process.stdout.write(chunk);
    });
  }
  child.on("error", (error) => died(entry, error.message));
  child.on("exit", (code, signal) => died(entry, `ended with ${signal ?? `status ${code}`}`));
  child.on("close", () => closeSync(file));
  children.push(entry);
  return entry;
}

async function died(entry, how) {
  if (stopping) return;
  const tail = existsSync(entry.log) ? readFileSync(entry.log, "utf8").trimEnd().split("\n").slice(-25).join("\n") : "";
  console.error(`\nmake dev: ${entry.name} ${how}. The end of ${entry.log}:\n${tail}\n`);
  await stop(1);
}

/** Ends every descendant, politely and then not, and then this process. */
async function stop(status) {
  if (stopping) return;
  stopping = true;
  // Collected before anything ends: a process whose parent is gone can no longer be found from here.
  const all = started();
  for (const pid of all) signal(pid, "SIGTERM");
  for (let waited = 0; waited < 5000 && all.some(isAlive); waited += 50) await pause(50);
  for (const pid of all.filter(isAlive)) signal(pid, "SIGKILL");
  for (let waited = 0; waited < 2000 && all.some(isAlive); waited += 50) await pause(50);
  if (ownsState()) rmSync(join(state, "dev.pid"), { force: true });
  process.exit(status);
}

/** Every descendant, and what a dead child left behind in its process group. */
function started() {
  const listed = spawnSync("ps", ["-A", "-o", "pid=,ppid=,pgid="], { encoding: "utf8" });
  const rows = listed.stdout.trim().split("\n").map((line) => line.trim().split(/\s+/).map(Number));
  const groups = children.map((child) => child.process.pid);
  const found = rows.filter(([, , group]) => groups.includes(group)).map(([pid]) => pid);
  for (let parents = [process.pid, ...found]; parents.length > 0;) {
    parents = rows
      .filter(([pid, parent]) => parents.includes(parent) && pid !== listed.pid && !found.includes(pid))
      .map(([pid]) => pid);
    found.push(...parents);
  }
  return found;
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false; // gone already
  }
}

function isAlive(pid) {
  return signal(pid, 0);
}

/**
 * A `make` that was killed outright passes nothing on: its disappearance is the signal then. Nor does it pass on a
 * SIGINT that was sent to it alone (a program's, not a Ctrl-C): it restores the default action and waits for us.
 */
function endWithParent() {
  const parent = process.ppid;
  const waited = catchesInterrupt(parent);
  setInterval(() => {
    if (process.ppid !== parent || (waited && !catchesInterrupt(parent))) stop(0);
  }, 500).unref();
}

/** Whether a process has a handler for SIGINT; only Linux tells. */
function catchesInterrupt(pid) {
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1];
    return (BigInt(`0x${caught}`) & 2n) !== 0n;
  } catch {
    return false;
  }
}

/** Two gates on one database would end in a locked file; the second one is told. */
function claimState() {
  const file = join(state, "dev.pid");
  const pid = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  if (pid && isAlive(pid)) throw new Error(`${state} is in use by a running 'make dev' (process ${pid}). Choose another STATE`);
  writeFileSync(file, String(process.pid));
}

function ownsState() {
  const file = join(state, "dev.pid");
  return existsSync(file) && readFileSync(file, "utf8") === String(process.pid);
}

// --- the network ---------------------------------------------------------------------------------------------------

function isFree(wanted) {
  return new Promise((done) => {
    const server = net.createServer();
    server.once("error", () => done(false));
    server.listen({ port: wanted, host: HOST, exclusive: true }, () => server.close(() => done(true)));
  });
}

function freePort() {
  return new Promise((done, failed) => {
    const server = net.createServer().once("error", failed);
    server.listen(0, HOST, () => {
      const { port: free } = server.address();
      server.close(() => done(free));
    });
  });
}

/** Waits for /health; a static prefix moves it in later versions of MLflow (not yet in 3.3). */
async function healthy(server) {
  const urls = [...new Set([`${server}/health`, `${server}${env.STATIC_PREFIX ?? ""}/health`])];
  const deadline = Date.now() + READY_WITHIN_SECONDS * 1000;
  while (!stopping) {
    const answers = await Promise.all(urls.map(get));
    if (answers.some((answer) => answer.status === 200)) return;
    if (Date.now() > deadline) {
      const last = answers[0].status ?? answers[0].error;
      throw new Error(`${urls[0]} did not answer 200 within ${READY_WITHIN_SECONDS} seconds, but: ${last}`);
    }
    await pause(100);
  }
  await new Promise(() => {}); // `stop` ends the process
}

function get(url) {
  const client = url.startsWith("https") ? https : http;
  return new Promise((done) => {
    // The certificate of a local test is nobody's business but the client's under test.
    const request = client.get(url, { rejectUnauthorized: false, timeout: 5000 }, (response) => {
      response.resume();
      done({ status: response.statusCode });
    });
    request.on("timeout", () => request.destroy(new Error("timeout")));
    request.on("error", (error) => done({ error: error.message }));
  });
}
