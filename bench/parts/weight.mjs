// What the Worker weighs: its size, its start, its memory.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { memory } from "../lib/processes.mjs";
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

  const worker = await startWorker("ours", stub.url, join(folder, "memory"));
  await applySchema(worker);
  await createUser(worker.url, "1");
  const headers = { authorization: basic(USER) };
  const points = [{ when: "after the first requests", ...memory(worker.pid) }];
  const point = (when) => points.push({ when, ...memory(worker.pid) });
  say(`memory: ${requests} requests`);
  const request = { method: "GET", path: "/api/2.0/mlflow/experiments/get?experiment_id=1" };
  for (let done = 0; done < requests; ) {
    done += (await load({ url: worker.url, headers, request, connections: 16, seconds: Math.min(5, requests / 1000) })).count;
    if (done >= requests) point(`after ${done.toLocaleString("en")} requests`);
  }
  const megabytes = (artifactPieces * PIECE) / MIB;
  say(`memory: ${megabytes} MiB up, then down`);
  const body = Buffer.alloc(PIECE, 7);
  for (let n = 0; n < artifactPieces; n++) {
    const answer = await fetch(`${worker.url}${ARTIFACTS}/piece-${n}`, { method: "PUT", headers, body });
    if (answer.status !== 200) throw new Error(`an upload was answered with ${answer.status}`);
    await answer.arrayBuffer();
  }
  point(`after ${megabytes} MiB of uploads`);
  for (let n = 0; n < artifactPieces; n++) {
    const answer = await fetch(`${worker.url}${ARTIFACTS}/${PIECE}`, { headers });
    let received = 0;
    for await (const chunk of answer.body) received += chunk.length;
    if (received !== PIECE) throw new Error(`of a download of ${PIECE} bytes ${received} came`);
  }
  point(`after ${megabytes} MiB of downloads`);
  await worker.stop();

  return {
    sizes,
    start: {
      ours: summary(started.ours),
      javascript: summary(started.javascript),
      added: paired(started.ours, started.javascript, (a, b) => a - b),
      compile: summary(compiled),
    },
    memory: points,
  };
}
