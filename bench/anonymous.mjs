// `make bench-anonymous`: what one request of somebody who has not signed in may cost, for inputs made to cost much. The
// Worker stands in workerd over an origin that answers at once. BENCH_BUILDS=before=/path/build,after=build compares
// builds (folders with index.js and index_bg.wasm); without it the one in build/ is measured.
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";

import { startStub } from "./lib/origins.mjs";
import { cpuSeconds, endAll } from "./lib/processes.mjs";
import { applySchema, startWorker, weighed } from "./lib/workers.mjs";

const MIB = 1 << 20;
const SECONDS = Number(process.env.BENCH_SECONDS || 2); // of each input
const PIECE = 64 * 1024;
const WITHIN_MILLISECONDS = 60_000; // an answer
// What one of them may cost at most, with all that workerd does around it.
const MOST_MILLISECONDS = 5;
const MOST_MIB = 1;

const KB60 = 60 * 1024;
const MB10 = 10 * 1000 * 1000;
const TOKEN = "Authorization: Bearer mlea_000000000000000000000000000000000000000000000000" + crc("0".repeat(48));
const JSON_TYPE = "Content-Type: application/json";

const fill = (length, part) => part.repeat(Math.ceil(length / part.length)).slice(0, length);
const numbered = (count, text) => Array.from({ length: count }, (_, n) => text(n)).join("");
/** An array of empty arrays: three bytes of text for each value. */
const arrays = (length) => `[${fill(length - (length % 3), "[],")}0]`;
const post = (path, body, ...fields) => ({ method: "POST", path, body: Buffer.from(body), fields: [TOKEN, ...fields] });
const get = (path, ...fields) => ({ method: "GET", path, fields });

const API = "/api/2.0/mlflow";
const INPUTS = {
  "a plain GET with a token that is none of ours (what any 401 costs)": get(`${API}/experiments/get?experiment_id=1`, TOKEN),
  "10 MB of JSON to log-batch": post(`${API}/runs/log-batch`, metrics(MB10), JSON_TYPE),
  "10 MB of JSON, all arrays, to a search": post(`${API}/experiments/search`, `{"x":${arrays(MB10)}}`, JSON_TYPE),
  "32 kB of JSON, all arrays, to a search": post(`${API}/experiments/search`, `{"x":${arrays(32_700)}}`, JSON_TYPE),
  "32 kB of JSON with 3,300 keys": post(`${API}/experiments/search`, `{${numbered(3280, (n) => `"k${n}":0,`)}"x":0}`, JSON_TYPE),
  "10 kB of gzip, 10 MB of JSON, to /v1/traces": post("/v1/traces", gzipSync(`{"resourceSpans":${arrays(9_900_000)}}`), JSON_TYPE, "Content-Encoding: gzip", "X-Mlflow-Experiment-Id: 1"),
  "32 kB of span ids to /v1/traces": post("/v1/traces", spans(1600), "Content-Type: application/x-protobuf", "X-Mlflow-Experiment-Id: 1"),
  "a query of 60 KiB to /health": get(`/health?${numbered(9000, (n) => `a${n}&`).slice(0, KB60)}`),
  "a query of 60 KiB, percent-encoded, to /health": get(`/health?a=${fill(KB60, "%7F")}`),
  "4,000 header fields to /health": get("/health", ...Array.from({ length: 4000 }, (_, n) => `x-${n}: 1`)),
  "a Connection with 20,000 options and 190 fields, to /health": get("/health", `Connection: ${numbered(20_000, () => "x, ")}x`, ...Array.from({ length: 190 }, (_, n) => `x-${n}: 1`)),
  "GraphQL, 8 KiB of fragments": post("/graphql", JSON.stringify({ query: fragments(170) }), JSON_TYPE),
  "GraphQL, 60 KiB of fragments": post("/graphql", JSON.stringify({ query: fragments(1300) }), JSON_TYPE),
  "GraphQL, 60 KiB of variables and keys": post("/graphql", JSON.stringify({ query: declarations() }), JSON_TYPE),
  "a path of 60 KiB of %25": get(`/api/2.0/mlflow-artifacts/artifacts/1/${fill(KB60, "%25")}`, TOKEN),
  "an Authorization of 60 KiB": get(`${API}/experiments/get?experiment_id=1`, `Authorization: Basic ${fill(KB60, "YTpi")}`),
  "a Cookie of 60 KiB": get(`${API}/experiments/get?experiment_id=1`, TOKEN, `Cookie: ${fill(KB60, "a=b; ")}`),
  "a sign-up form of 10 MB": post(`${API}/users/create-ui`, numbered(1_000_000, (n) => `a${n}=1&`).slice(0, MB10), "Content-Type: application/x-www-form-urlencoded"),
  "an upload of 10 MB": { ...post("/api/2.0/mlflow-artifacts/artifacts/1/x", Buffer.alloc(MB10, 7)), method: "PUT" },
  "a signature of AWS over 10 MB": { ...post(`${API}/runs/log-batch`, metrics(MB10), JSON_TYPE), fields: [JSON_TYPE, signature(), `X-Amz-Date: ${amzDate()}`] },
};

function crc(text) {
  let sum = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ((sum ^ 0xffffffff) >>> 0).toString(16).padStart(8, "0");
}

function metrics(length) {
  const one = '{"key":"loss","value":0.125,"timestamp":1700000000000,"step":1}';
  return `{"run_id":"r1","metrics":[${Array(Math.floor(length / (one.length + 1))).fill(one).join(",")}]}`;
}

/** ExportTraceServiceRequest with so many spans, each with a trace id and nothing else. */
function spans(count) {
  const field = (number, content) => {
    const length = [];
    for (let rest = content.length; ; rest >>= 7) {
      length.push(rest > 127 ? (rest & 127) | 128 : rest);
      if (rest < 128) break;
    }
    return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), content]);
  };
  const span = (n) => {
    const id = Buffer.alloc(16);
    id.writeUInt32BE(n + 1, 12);
    return field(2, field(1, id));
  };
  return field(1, field(2, Buffer.concat(Array.from({ length: count }, (_, n) => span(n)))));
}

function fragments(count) {
  const defined = numbered(count, (n) => `fragment f${n} on Query{test} `);
  return `{${numbered(count, (n) => `...f${count - 1 - n} `)}} ${defined}`;
}

function declarations() {
  return `query(${numbered(2400, (n) => `$v${n}:A `)}){mlflowGetRun(input:{runId:"r1" ${numbered(1000, (n) => `k${n}:$v${n} `)}}){x}}`;
}

function amzDate() {
  return new Date().toISOString().replace(/[-:]|\.\d+/g, "");
}

function signature() {
  const scope = `${amzDate().slice(0, 8)}/us-east-1/execute-api/aws4_request`;
  return `Authorization: AWS4-HMAC-SHA256 Credential=MLEA00000000000000000/${scope}, SignedHeaders=host;x-amz-date, Signature=${"0".repeat(64)}`;
}

/**
 * Sends a request on a connection of its own and gives the status of the answer, whose body is not waited for. Who is
 * refused before all is sent may find the connection closed, and the answer gone with it: "closed".
 */
function send(port, { method, path, fields, body = Buffer.alloc(0) }) {
  return new Promise((done, failed) => {
    const socket = net.connect(port, "127.0.0.1");
    const told = `${method} ${path.slice(0, 80)}`;
    socket.setTimeout(WITHIN_MILLISECONDS, () => socket.destroy(new Error(`no answer to ${told}`)));
    const length = body.length ? [`Content-Length: ${body.length}`] : [];
    socket.write([`${method} ${path} HTTP/1.1`, "Host: gate", ...fields, ...length, "", ""].join("\r\n"));
    let [sent, answer] = [0, ""];
    const pump = () => {
      while (sent < body.length && !answer && !socket.destroyed) {
        const piece = body.subarray(sent, sent + PIECE);
        sent += piece.length;
        if (!socket.write(piece)) return socket.once("drain", pump);
      }
    };
    pump();
    socket.on("data", (data) => {
      answer += data;
      if (!answer.includes("\r\n\r\n")) return;
      done(Number(answer.split(" ")[1]));
      socket.destroy();
    });
    socket.on("error", (error) => (["EPIPE", "ECONNRESET"].includes(error.code) && sent ? done("closed") : failed(error)));
    socket.on("close", () => failed(new Error(`closed without an answer to ${told}`)));
  });
}

async function measure(name, input, build, folder, stub) {
  const worker = await startWorker(weighed(build), stub.url, folder);
  try {
    await applySchema(worker);
    const { port } = new URL(worker.url);
    const wasm = async () => (await fetch(`${worker.url}/wasm-memory`)).json();
    const calm = get("/api/2.0/mlflow/experiments/get?experiment_id=1", TOKEN);
    for (let n = 0; n < 50; n++) await send(port, calm); // the first user, and compiled code
    const before = await wasm();
    const statuses = new Set([await send(port, input)]);
    const memory = ((await wasm()) - before) / MIB;
    for (let n = 0; n < 3; n++) await send(port, input); // compiled code
    const cpu = cpuSeconds(worker.pid);
    const until = performance.now() + SECONDS * 1000;
    let count = 0;
    for (; count < 5 || performance.now() < until; count++) statuses.add(await send(port, input));
    const milliseconds = ((cpuSeconds(worker.pid) - cpu) / count) * 1000;
    return { name, milliseconds, memory, after: ((await wasm()) - before) / MIB, statuses: [...statuses].join(", ") };
  } finally {
    await worker.stop();
  }
}

async function main() {
  const scratch = mkdtempSync(join(os.tmpdir(), "bench-anonymous-"));
  let tooMuch = 0;
  try {
    const stub = await startStub();
    const builds = (process.env.BENCH_BUILDS || "build=build").split(",").map((one) => one.split("="));
    const wanted = Object.entries(INPUTS).filter(([name]) => name.includes(process.env.BENCH_INPUT || ""));
    console.log(`| one anonymous request | ${builds.map(([name]) => `${name}: status | ms of CPU | MiB of wasm after one, after all`).join(" | ")} |`);
    console.log(`| --- |${builds.map(() => " --- | ---: | ---: |").join("")}`);
    for (const [name, input] of wanted) {
      const cells = [];
      for (const [label, folder] of builds) {
        const result = await measure(name, input, resolve(folder), join(scratch, `${label}-${cells.length}-${wanted.findIndex(([one]) => one === name)}`), stub).catch((error) => ({ error }));
        if (result.error) {
          cells.push(`${result.error.message} | | `);
          tooMuch += label === builds.at(-1)[0];
          continue;
        }
        const { statuses, milliseconds, memory, after } = result;
        cells.push(`${statuses} | ${milliseconds.toFixed(1)} | ${memory.toFixed(1)}, ${after.toFixed(1)}`);
        const isTooMuch = milliseconds > MOST_MILLISECONDS || after > MOST_MIB;
        tooMuch += label === builds.at(-1)[0] && isTooMuch;
      }
      console.log(`| ${name} | ${cells.join(" | ")} |`);
    }
  } finally {
    await endAll();
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(`\n${tooMuch} of them cost more than ${MOST_MILLISECONDS} ms or ${MOST_MIB} MiB.`);
  process.exit(tooMuch ? 1 : 0);
}

await main();
