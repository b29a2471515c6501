// Workers in workerd, as `wrangler dev` would run them but without what it puts in front: Miniflare writes the
// configuration and simulates D1, and the load goes to a socket that workerd itself listens on (`unsafeDirectSockets`).
import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";

import { Miniflare, NoOpLog, convertV4MiniflareOptions } from "miniflare";

import { askJson } from "./load.mjs";
import { childrenCalled } from "./processes.mjs";

const ROOT = resolve(import.meta.dirname, "../..");
export const BUILD = join(ROOT, "build");
const COMPATIBILITY_DATE = /^compatibility_date = "(.*)"/m.exec(readFileSync(join(ROOT, "wrangler.toml"), "utf8"))[1];

/** A checkout of an earlier commit in which `make build` was run, to be measured beside this one. */
export const BASELINE = process.env.BENCH_BASELINE ? resolve(process.env.BENCH_BASELINE) : undefined;

const modules = (...files) => modulesIn(ROOT, ...files);
const modulesIn = (root, ...files) => files.map((file) => ({
  type: file.endsWith(".wasm") ? "CompiledWasm" : "ESModule",
  path: join(ROOT, file),
  ...(root !== ROOT && { contents: readFileSync(join(root, file), file.endsWith(".wasm") ? undefined : "utf8") }),
}));

export const SCRIPTS = {
  ours: modules("build/index.js", "build/index_bg.wasm"),
  get baseline() {
    return modulesIn(BASELINE, "build/index.js", "build/index_bg.wasm");
  },
  counting: modules("bench/workers/counting.js", "bench/workers/watched-d1.js", "build/index.js", "build/index_bg.wasm"),
  distant: modules("bench/workers/distant.js", "bench/workers/watched-d1.js", "build/index.js", "build/index_bg.wasm"),
  /** The names of the functions are kept apart by the build, which takes them out of what is deployed. */
  get named() {
    const [script, wasm] = this.ours;
    return [script, { ...wasm, contents: readFileSync(join(ROOT, "target/named/index_bg.wasm")) }];
  },
  weighed: modules("bench/workers/weighed.js", "build/index.js", "build/index_bg.wasm"),
  rust: modules("bench/passthrough/build/index.js", "bench/passthrough/build/index_bg.wasm"),
  javascript: modules("bench/workers/passthrough.js"),
  javascriptWithD1: modules("bench/workers/passthrough-d1.js"),
};

/** What D1 has said is good for a minute, for whoever accepts it. */
export const CACHED = { AUTH_CACHE_TTL_SECONDS: "60" };

export const ADMIN = { name: "admin", password: "the-administrator-1" };
export const USER = { name: "reader", password: "a-long-enough-password" };

export function basic({ name, password }) {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

let lastStart = Promise.resolve();

/** The Worker that tells how much memory it has, around the build of a folder in the place of the one in build/. */
export function weighed(folder) {
  const [around] = SCRIPTS.weighed;
  const part = (type, file) => ({ type, path: join(ROOT, "build", file), contents: readFileSync(join(folder, file)) });
  return [around, part("ESModule", "index.js"), part("CompiledWasm", "index_bg.wasm")];
}

/**
 * A workerd of its own with one Worker in it; `folder` keeps its D1, `vars` are variables beside the usual ones. With
 * `inspected` it listens to the inspector protocol as well (inspector.mjs), at the address `inspector`. `flags` are
 * compatibility flags. One starts after the other: the new process is the one that was not there before.
 */
export function startWorker(script, origin, folder, vars = {}, { inspected = false, flags = [] } = {}) {
  const start = lastStart.then(() => startNow(script, origin, folder, vars, inspected, flags));
  lastStart = start.catch(() => {});
  return start;
}

async function startNow(script, origin, folder, vars, inspected, flags) {
  const others = childrenCalled("workerd");
  const miniflare = new Miniflare(convertV4MiniflareOptions({
    name: "bench",
    modules: SCRIPTS[script] ?? script,
    modulesRoot: ROOT,
    compatibilityDate: COMPATIBILITY_DATE,
    compatibilityFlags: flags,
    d1Databases: { DB: "bench" },
    bindings: {
      ORIGIN_URL: origin,
      ADMIN_USERNAME: ADMIN.name,
      ADMIN_PASSWORD: ADMIN.password,
      SECRET_KEY: "0123456789abcdef0123456789abcdef",
      DEFAULT_PERMISSION: "NO_PERMISSIONS",
      ...vars,
    },
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    stripCfConnectingIp: false, // would be one more Worker behind ours
    resourcePersistencePath: folder,
    host: "127.0.0.1",
    cf: false,
    log: new NoOpLog(),
    handleStructuredLogs: () => {},
    telemetry: { enabled: false },
    ...(inspected && { inspectorPort: 0 }),
  }));
  const { origin: url } = await miniflare.unsafeGetDirectURL();
  const [pid] = childrenCalled("workerd").filter((one) => !others.includes(one));
  if (!pid) throw new Error("the process of workerd was not found");
  const inspector = inspected ? (await miniflare.getInspectorURL()).host : undefined;
  return { url, pid, inspector, miniflare, stop: () => miniflare.dispose() };
}

/** Our Worker on an empty directory, with a user of it and that user's token. */
export async function startOurs(origin, folder, { script = "ours", vars = {} } = {}) {
  const worker = await startWorker(script, origin, folder, vars);
  await applySchema(worker, script);
  return { ...worker, token: await createUser(worker.url, "1") };
}

/** The schema, into an empty D1: that of the baseline for the baseline. */
export async function applySchema({ miniflare }, script = "ours") {
  const database = await miniflare.getD1Database("DB");
  const schema = readFileSync(join(script === "baseline" ? BASELINE : ROOT, "schema.sql"), "utf8").replace(/--.*$/gm, "");
  const statements = schema.split(";").filter((statement) => statement.trim());
  await database.batch(statements.map((statement) => database.prepare(statement)));
}

/** A user with a token, made by the Worker's own endpoints, who may edit these experiments. */
export async function createUser(url, ...experiments) {
  const admin = basic(ADMIN);
  await askJson(url, "/api/2.0/mlflow/users/create", { username: USER.name, password: USER.password }, admin);
  for (const experiment_id of experiments) {
    const grant = { experiment_id, username: USER.name, permission: "EDIT" };
    await askJson(url, "/api/2.0/mlflow/experiments/permissions/create", grant, admin);
  }
  return newToken(url);
}

export async function newToken(url) {
  const made = await askJson(url, "/api/2.0/mlflow/users/tokens/create", { name: `bench-${Date.now()}` }, basic(USER));
  const find = (value) => value?.token_value ?? Object.values(value ?? {}).map((v) => typeof v === "object" && find(v)).find(Boolean);
  return `Bearer ${find(made)}`;
}

/** The file of the local D1 in `folder`. */
export function databaseFile(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => /d1/i.test(name) && /\.sqlite$/.test(name));
  const found = files.filter((name) => !name.endsWith("metadata.sqlite"));
  if (found.length !== 1) throw new Error(`one database was expected in ${folder}: ${files}`);
  return join(folder, found[0]);
}
