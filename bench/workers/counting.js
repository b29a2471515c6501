// The production Worker on a D1 that counts: statements and rows read of a request, as a header of its answer.
// Only for counting, one request at a time; what is timed is the Worker as it is deployed.
import { WorkerEntrypoint } from "cloudflare:workers";
import Gate from "../../build/index.js";
import { D1Database } from "./watched-d1.js";

let statements = 0;
let rowsRead = 0;

function count(results) {
  statements += results.length;
  for (const { meta } of results) rowsRead += meta.rows_read;
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    statements = rowsRead = 0;
    const gate = new Gate(this.ctx, { ...this.env, DB: new D1Database(this.env.DB, count) });
    const answer = await gate.fetch(request);
    const copy = new Response(answer.body, answer);
    copy.headers.set("x-d1", `${statements} ${rowsRead}`);
    return copy;
  }
}
