// `make bench`: measures and writes RESULTS.md and chart.svg. `make bench-smoke`, the last step of `make test`, takes each
// measurement once and briefly, into test-artifacts, so that this program cannot rot. What each part measures is in parts/.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join, resolve } from "node:path";

import { disturbances } from "./lib/load.mjs";
import { endAll } from "./lib/processes.mjs";
import { draw, report } from "./lib/report.mjs";
import { percentile } from "./lib/stats.mjs";
import { measureDistant } from "./parts/distant.mjs";
import { measureGrowth } from "./parts/growth.mjs";
import { measureMlflow } from "./parts/mlflow.mjs";
import { measureOverhead } from "./parts/overhead.mjs";
import { measureWeight } from "./parts/weight.mjs";

const { env } = process;
const isSmoke = process.argv.includes("--smoke");
const tools = resolve(env.TOOLS || ".tools");
const mlflowVersion = env.BENCH_MLFLOW || "3.17.2";

const settings = isSmoke
  ? {
      rounds: 1, seconds: 0.1, warmUp: false, connections: [1], runs: 2, requests: 200, artifactPieces: 1,
      sizes: [{ users: 10, grants: 10 }, { users: 1000, grants: 10_000 }], searches: [10, 2000],
    }
  : {
      rounds: positive("BENCH_ROUNDS", 5), seconds: positive("BENCH_SECONDS", 0.8), warmUp: true,
      connections: (env.BENCH_CONNECTIONS || "1,4,16").split(",").map(Number),
      runs: 20, requests: 100_000, artifactPieces: 10,
      sizes: [
        { users: 10, grants: 10 }, { users: 10_000, grants: 100_000 }, { users: 1_000_000, grants: 10_000_000 },
      ],
      searches: [10, 1000, 100_000],
    };
const PARTS = {
  overhead: ["the Worker over an origin that answers at once", measureOverhead],
  distant: ["the Worker, with D1 and the origin a network away", measureDistant],
  mlflow: [`MLflow ${mlflowVersion}`, measureMlflow],
  weight: ["size, start and memory", measureWeight],
  growth: ["growth", measureGrowth],
};
const wanted = env.BENCH_PARTS ? env.BENCH_PARTS.split(",") : Object.keys(PARTS);

const output = resolve(isSmoke ? "test-artifacts/bench-smoke" : env.BENCH_OUT || "bench");
const scratch = mkdtempSync(join(os.tmpdir(), "bench-"));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => finish(130));
// Such as a program that is not there; what did start is ended.
process.on("uncaughtException", fail);

await main().then(() => finish(0), fail);

async function main() {
  const begun = Date.now();
  const measured = {};
  const take = async (name) => {
    const [title, measure] = PARTS[name];
    console.log(`== ${title}`);
    const folder = join(scratch, name);
    mkdirSync(folder);
    const say = (what) => console.log(`   ${isSmoke ? `${name}: ` : ""}${what}`);
    measured[name] = await measure({ ...settings, folder, tools, mlflowVersion, say });
  };
  const writeAll = () => write(measured, (Date.now() - begun) / 60_000);
  if (isSmoke) {
    // Nobody relies on these numbers, so the parts may stand in each other's way.
    const ended = await Promise.allSettled(wanted.map(take));
    writeAll();
    const failed = ended.filter(({ status }) => status === "rejected").map(({ reason }) => reason);
    if (failed.length > 0) throw new AggregateError(failed, failed.map(({ stack }) => stack).join("\n"));
    return;
  }
  for (const name of wanted) {
    await take(name);
    await endAll();
    // After each part, so that a run that is ended early has told something.
    writeAll();
  }
}

function write(measured, minutes) {
  const about = {
    rounds: settings.rounds,
    runs: settings.runs,
    mlflowVersion,
    facts: facts(minutes),
    missing: Object.keys(PARTS).filter((name) => !measured[name]).map((name) => PARTS[name][0]),
  };
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, "RESULTS.md"), report({ about, ...measured }));
  writeFileSync(join(output, "chart.svg"), draw({ about, ...measured }));
  console.log(`== ${join(output, "RESULTS.md")}`);
}

function facts(minutes) {
  const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
  const [cpu] = os.cpus();
  return {
    machine: `${os.cpus().length} × ${cpu.model.trim()}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GiB, ${os.type()} ${os.release()}`,
    Worker: `commit ${run("git", "rev-parse", "--short=12", "HEAD")}, built with ${run("rustc", "--version")}`,
    versions: `workerd ${version("workerd")}, Miniflare ${version("miniflare")}, Node ${process.versions.node}, ` +
      `autocannon ${version("autocannon")}, MLflow ${mlflowVersion}`,
    run: `${new Date().toISOString().slice(0, 10)}, ${minutes.toFixed(0)} minutes, ${settings.rounds} rounds of ` +
      `${settings.seconds} s; meanwhile processes that are none of ours took ${percentile(disturbances, 0.5).toFixed(2)} of ` +
      `a core in the median, ${percentile(disturbances, 0.95).toFixed(2)} in the worst twentieth`,
  };
}

function run(command, ...args) {
  return execFileSync(command, args, { encoding: "utf8" }).trim();
}

function positive(name, fallback) {
  const value = Number(env[name] || fallback);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0, not '${env[name]}'`);
  return value;
}

function fail(error) {
  console.error(`make bench: ${error.stack}`);
  return finish(1);
}

async function finish(status) {
  await endAll();
  rmSync(scratch, { recursive: true, force: true });
  process.exit(status);
}
