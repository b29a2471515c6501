// The inspector protocol of workerd, which is that of V8: https://chromedevtools.github.io/devtools-protocol/v8/

/** The isolate of the Worker; Miniflare puts others beside it, of D1 for one. */
export const OURS = "core:user:bench";

/** Names of all isolates of the workerd that is inspected at `host`. */
export async function isolates(host) {
  return (await (await fetch(`http://${host}/json`)).json()).map(({ id }) => id);
}

/** A connection to one isolate: `call(method, parameters)` gives what the protocol answers, or fails with its words. */
export async function inspect(host, isolate = OURS) {
  const socket = new WebSocket(`ws://${host}/${isolate}`);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error(`no inspector of ${isolate} at ${host}`)), { once: true });
  });
  const waiting = new Map();
  const settle = (id, how, what) => {
    waiting.get(id)?.[how](what);
    waiting.delete(id);
  };
  socket.addEventListener("message", ({ data }) => {
    const { id, result, error } = JSON.parse(data);
    if (error) settle(id, "reject", new Error(`${isolate}: ${error.message}`));
    else settle(id, "resolve", result);
  });
  socket.addEventListener("close", () => {
    for (const id of [...waiting.keys()]) settle(id, "reject", new Error(`the inspector of ${isolate} hung up`));
  });
  let calls = 0;
  const call = (method, params = {}) => new Promise((resolve, reject) => {
    calls += 1;
    waiting.set(calls, { resolve, reject });
    socket.send(JSON.stringify({ id: calls, method, params }));
  });
  return { call, close: () => socket.close() };
}
