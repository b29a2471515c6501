// The production Worker, which also tells how many bytes of memory its wasm has.
let memory;
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...how) {
    super(...how);
    memory = this.exports.memory;
  }
};
const { default: Gate } = await import("../../build/index.js");

export default class extends Gate {
  fetch(request) {
    if (new URL(request.url).pathname === "/wasm-memory") return Response.json(memory.buffer.byteLength);
    return super.fetch(request);
  }
}
