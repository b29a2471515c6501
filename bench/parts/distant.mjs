// What of the Worker's questions one waits for, where D1 and the origin are a network away.
import { join } from "node:path";

import { load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { alternate, summary } from "../lib/stats.mjs";
import { CACHED, USER, basic, startOurs, startWorker } from "../lib/workers.mjs";

const GET = { method: "GET", path: "/api/2.0/mlflow/experiments/get?experiment_id=1" };
const AWAY = { d1: 10, origin: 20 }; // milliseconds that an answer takes more

export async function measureDistant({ rounds, seconds, folder, say }) {
  const stub = await startStub({ wait: AWAY.origin });
  const ours = (name, vars) =>
    startOurs(stub.url, join(folder, name), { script: "distant", vars: { D1_MILLISECONDS: String(AWAY.d1), ...vars } });
  const [javascript, after, beside, kept] = await Promise.all([
    startWorker("javascript", stub.url, join(folder, "javascript")),
    ours("after", { FORWARD_EARLY: "false" }),
    ours("beside", {}),
    ours("kept", CACHED),
  ]);
  const targets = {
    "pass-through, JavaScript": javascript,
    "our Worker, the origin asked after D1 (`FORWARD_EARLY` = false)": after,
    "our Worker, the origin asked beside D1": beside,
    "our Worker, D1 asked once a minute": kept,
  };
  const headers = { authorization: basic(USER) };
  say("one connection");
  const timed = await alternate(Object.keys(targets), rounds, (name) =>
    load({ url: targets[name].url, headers, request: GET, connections: 1, seconds }));
  await Promise.all(Object.values(targets).map((worker) => worker.stop()));
  const rows = Object.entries(timed).map(([name, samples]) => ({ name, p50: summary(samples.map((sample) => sample.p50)) }));
  return { away: AWAY, rows };
}
