// The production Worker on a D1 that counts: statements and rows read of a request, as a header of its answer.
// Only for counting, one request at a time; what is timed is the Worker as it is deployed.
import { WorkerEntrypoint } from "cloudflare:workers";
import Gate from "../../build/index.js";

let statements = 0;
let rowsRead = 0;

function counted(result) {
  statements += 1;
  rowsRead += result.meta.rows_read;
  return result;
}

/** As the binding is called, which the Worker checks. */
class D1Database {
  constructor(database) {
    this.database = database;
  }
  prepare(sql) {
    return new D1PreparedStatement(this.database.prepare(sql));
  }
  async batch(prepared) {
    return (await this.database.batch(prepared.map((one) => one.prepared))).map(counted);
  }
}

class D1PreparedStatement {
  constructor(prepared) {
    this.prepared = prepared;
  }
  bind(...values) {
    return new D1PreparedStatement(this.prepared.bind(...values));
  }
  async all() {
    return counted(await this.prepared.all());
  }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    statements = rowsRead = 0;
    const gate = new Gate(this.ctx, { ...this.env, DB: new D1Database(this.env.DB) });
    const answer = await gate.fetch(request);
    const copy = new Response(answer.body, answer);
    copy.headers.set("x-d1", `${statements} ${rowsRead}`);
    return copy;
  }
}
