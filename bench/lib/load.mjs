// The load: autocannon, whose single responses are taken, since its own histogram counts whole milliseconds.
import autocannon from "autocannon";

import { cpuSeconds, machineSeconds } from "./processes.mjs";
import { percentile } from "./stats.mjs";

const PATIENCE_SECONDS = 60;
const SAMPLE_MILLISECONDS = 10; // how soon autocannon sees that it is done

/** Of each measurement, how much of a core went to processes that are none of ours. */
export const disturbances = [];

/** Requests a second at the last time, by what is asked: so many make the next measurement about as long as wanted. */
const paces = new Map();

/**
 * Keeps `connections` requests open until so many are answered as `seconds` hold, but at least one on each connection.
 * All are waited for: what a slow server still works at would be in the next measurement. Of the requests only
 * the share `mayFail` may end with something else than status 200. `pids` names processes whose CPU time is wanted.
 *
 * `request` is { method, path, headers, body } where the body may be a function that makes one.
 */
export async function load(what) {
  const { url, headers, request, connections, seconds } = what;
  const key = JSON.stringify([url, request.method, request.path, headers]);
  const send = async (wanted) => {
    const rounds = Math.max(1, Math.ceil((wanted * (paces.get(key) ?? 0)) / connections));
    const measured = await drive({ ...what, amount: rounds * connections });
    paces.set(key, measured.rate);
    return measured;
  };
  if (!paces.has(key)) {
    await send(0);
    await send(seconds / 4);
  }
  return send(seconds);
}

async function drive({ url, headers = {}, request, connections, amount, pids = {}, mayFail = 0 }) {
  const latencies = [];
  let failure, duration, cpuAfter;
  const tolerated = mayFail && Math.max(1, mayFail * amount);
  let failed = 0;
  let endings = 0;
  const cpuBefore = used(pids);
  const othersBefore = others();
  const begun = performance.now();
  const run = autocannon({
    url,
    connections,
    amount,
    timeout: PATIENCE_SECONDS,
    sampleInt: SAMPLE_MILLISECONDS,
    requests: [asRequest(request, headers)],
  });
  const fail = (why) => {
    failure ??= why;
    run.stop();
  };
  const ended = (trouble) => {
    if (trouble && ++failed > tolerated) return fail(trouble);
    if (++endings !== amount) return;
    duration = (performance.now() - begun) / 1000;
    cpuAfter = used(pids);
  };
  run.on("response", (_client, status, _bytes, milliseconds) => {
    latencies.push(milliseconds);
    ended(Number(status) === 200 ? undefined : `status ${status}`);
  });
  // A connection that breaks, which autocannon opens again without repeating the request.
  run.on("reqError", (error) => ended(error.message));
  await run;
  // Of a request whose connection was closed without an answer autocannon says nothing.
  while (!failure && endings < amount) ended("a connection closed without an answer");
  if (failure) throw new Error(`${request.method} ${url}${request.path}: ${failure}`);
  if (duration > 0.1) disturbances.push(Math.max(0, (others() - othersBefore) / duration));
  return {
    rate: amount / duration,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    count: amount,
    failed,
    // Milliseconds of CPU per request, and, of this program itself, the share of a core.
    cpu: Object.fromEntries(Object.keys(pids).map((name) => [name, (1000 * (cpuAfter[name] - cpuBefore[name])) / amount])),
    generator: (cpuAfter.generator - cpuBefore.generator) / duration,
  };
}

function asRequest({ method, path, body, headers: own }, headers) {
  const request = { method, path, headers: { ...own, ...headers } };
  if (typeof body === "function") {
    return { ...request, setupRequest: (one) => ({ ...one, body: body() }) };
  }
  return body === undefined ? request : { ...request, body };
}

function others() {
  return machineSeconds() - cpuSeconds(process.pid);
}

function used(pids) {
  const { user, system } = process.cpuUsage();
  const of = Object.entries(pids).map(([name, pid]) => [name, cpuSeconds(pid)]);
  return { ...Object.fromEntries(of), generator: (user + system) / 1e6 };
}

/** One request outside of any measurement; anything but 200 is an error. */
export async function ask(url, { method = "GET", path, body, headers = {} }) {
  const answer = await fetch(url + path, { method, headers, body });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${method} ${url}${path}: ${answer.status} ${text.slice(0, 300)}`);
  return { text, headers: answer.headers };
}

export async function askJson(url, path, json, authorization) {
  const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
  return JSON.parse((await ask(url, { method: "POST", path, body: JSON.stringify(json), headers })).text);
}
