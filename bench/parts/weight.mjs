// What the Worker weighs: its size, its start, its memory.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { memory as memoryOf } from "../lib/processes.mjs";
import { alternate, paired, summary } from "../lib/stats.mjs";
import { BUILD, USER, applySchema, basic, createUser, startWorker } from "../lib/workers.mjs";

const ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts/1";
const MIB = 1 << 20;
const PIECE = 100 * MIB; // what Cloudflare lets through at once on its smaller plans

export async function measureWeight({ rounds, requests, artifactPieces, folder, say }) {
  const stub = await startStub();
  say("size and start");
  const sizes = ["index_bg.wasm", "index.js"].map((file) => {
    const content = readFileSync(join(BUILD, file));
    return { file, raw: content.length, gzip: gzipSync(content, { level: 9 }).length };
  });
  const wasm = readFileSync(join(BUILD, "index_bg.wasm"));
  const time = async (script) => {
    const begun = performance.now();
    const worker = await startWorker(script, stub.url, join(folder, `start-${script}`));
    await (await fetch(`${worker.url}/health`)).arrayBuffer();
    const milliseconds = performance.now() - begun;
    await worker.stop();
    return milliseconds;
  };
  await time("ours"); // files are in memory from here on
  const started = await alternate(["javascript", "ours"], rounds, time);
  const compiled = [];
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    await WebAssembly.compile(wasm);
    compiled.push(performance.now() - begun);
  }

  const memory = {
    ours: await remember({ script: "weighed", stub, folder, requests, artifactPieces, say }),
    javascript: await remember({ script: "javascriptWithD1", stub, folder, requests, artifactPieces: 0, say }),
  };

  return {
    sizes,
    start: {
      ours: summary(started.ours),
      javascript: summary(started.javascript),
      added: paired(started.ours, started.javascript, (a, b) => a - b),
      compile: summary(compiled),
    },
    memory,
  };
}

/**
 * The memory of a Worker after a quarter of the requests, a half and so on. What it takes at first is its working set:
 * V8 collects garbage only when there is some. What a leak would do is grow on.
 */
async function remember({ script, stub, folder, requests, artifactPieces, say }) {
  const worker = await startWorker(script, stub.url, join(folder, `memory-${script}`));
  await applySchema(worker);
  if (script === "weighed") await createUser(worker.url, "1");
  else await worker.miniflare.getD1Database("DB").then((d1) => d1.exec("INSERT INTO users (username, password_hash) VALUES ('reader', '')"));
  const headers = { authorization: basic(USER) };
  const points = [];
  const point = async (when) => {
    const wasm = script === "weighed" && (await (await fetch(`${worker.url}/wasm-memory`)).json()) / MIB;
    points.push({ when, ...memoryOf(worker.pid), wasm });
  };
  const request = { method: "GET", path: "/api/2.0/mlflow/experiments/get?experiment_id=1" };
  say(`memory: ${requests} requests`);
  let done = 0;
  for (const share of [0.01, 0.25, 0.5, 0.75, 1]) {
    while (done < share * requests) {
      done += (await load({ url: worker.url, headers, request, connections: 16, seconds: Math.min(3, requests / 1000) })).count;
    }
    await point(`after ${done.toLocaleString("en")} requests`);
  }
  const megabytes = (artifactPieces * PIECE) / MIB;
  if (artifactPieces) say(`memory: ${megabytes} MiB up, then down`);
  for (const [way, transfer] of artifactPieces ? Object.entries({ uploads: upload, downloads: download }) : []) {
    for (let n = 0; n < artifactPieces; n++) await transfer(worker.url, headers, n);
    await point(`after ${megabytes} MiB of ${way}`);
  }
  await worker.stop();
  return points;
}

async function upload(url, headers, n) {
  const answer = await fetch(`${url}${ARTIFACTS}/piece-${n}`, { method: "PUT", headers, body: Buffer.alloc(PIECE, 7) });
  if (answer.status !== 200) throw new Error(`an upload was answered with ${answer.status}`);
  await answer.arrayBuffer();
}

async function download(url, headers) {
  const answer = await fetch(`${url}${ARTIFACTS}/${PIECE}`, { headers });
  let received = 0;
  for await (const chunk of answer.body) received += chunk.length;
  if (received !== PIECE) throw new Error(`of a download of ${PIECE} bytes ${received} came`);
}
