// The production Worker with D1 a network away: each answer of D1 comes D1_MILLISECONDS later.
import { WorkerEntrypoint } from "cloudflare:workers";
import Gate from "../../build/index.js";
import { D1Database } from "./d1.js";

export default class extends WorkerEntrypoint {
  fetch(request) {
    const travel = () => scheduler.wait(Number(this.env.D1_MILLISECONDS));
    return new Gate(this.ctx, { ...this.env, DB: new D1Database(this.env.DB, travel) }).fetch(request);
  }
}
