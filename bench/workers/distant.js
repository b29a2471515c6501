// The production Worker on a D1 that is a network away: each of its answers takes D1_MILLISECONDS more.
import { WorkerEntrypoint } from "cloudflare:workers";
import Gate from "../../build/index.js";
import { D1Database } from "./watched-d1.js";

export default class extends WorkerEntrypoint {
  fetch(request) {
    const travel = () => scheduler.wait(Number(this.env.D1_MILLISECONDS));
    return new Gate(this.ctx, { ...this.env, DB: new D1Database(this.env.DB, travel) }).fetch(request);
  }
}
