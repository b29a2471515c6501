// What stands behind the Workers: the stub, and MLflow.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join, resolve } from "node:path";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";

import { start } from "./processes.mjs";
import { ADMIN } from "./workers.mjs";

const READY_WITHIN_SECONDS = 180;

/** The origin of bench/stub.rs: a search finds so many experiments, and each answer waits so many milliseconds. */
export async function startStub({ found = 10, wait = 0 } = {}) {
  const child = start(resolve("target/bench/stub"), [String(found), String(wait)]);
  const [port] = await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("the stub did not start"))),
  ]);
  return { url: `http://127.0.0.1:${String(port).trim()}`, pid: child.pid, child };
}

/**
 * MLflow on an empty database. `auth` is undefined, or the settings of basic-auth beside the usual ones.
 *
 * With one process only. For more, uvicorn binds the socket itself and without a protocol (`Config.bind_socket`), and
 * asyncio sets TCP_NODELAY only where the protocol is TCP (`_set_nodelay`). Then an answer over a kept connection waits
 * for the client's delayed ACK, 40 ms, beside which nothing that stands before MLflow would be seen.
 */
export async function startMlflow({ python, folder, auth }) {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", String(port)];
  args.push("--workers", "1", "--backend-store-uri", `sqlite:///${folder}/mlflow.db`, "--artifacts-destination", `${folder}/artifacts`);
  const env = {
    ...process.env,
    HOME: folder,
    MLFLOW_TRACKING_URI: "",
    MLFLOW_DISABLE_TELEMETRY: "true",
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION: "false",
    // A log-batch holds one connection to the database while it waits for another. Of 15, which is the default, sixteen
    // at once may hold all: after 30 seconds they are refused ("QueuePool limit").
    MLFLOW_SQLALCHEMYSTORE_POOL_SIZE: "64",
  };
  if (auth) {
    env.MLFLOW_AUTH_CONFIG_PATH = join(folder, "basic_auth.ini");
    env.MLFLOW_FLASK_SERVER_SECRET_KEY = "only-for-this-measurement";
    const settings = {
      default_permission: "NO_PERMISSIONS",
      database_uri: `sqlite:///${folder}/basic_auth.db`,
      admin_username: ADMIN.name,
      admin_password: ADMIN.password,
      authorization_function: "mlflow.server.auth:authenticate_request_basic_auth",
      ...auth,
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    writeFileSync(env.MLFLOW_AUTH_CONFIG_PATH, `[mlflow]\n${lines.join("")}`);
    args.push("--app-name", "basic-auth");
  }
  const log = join(folder, "mlflow.log");
  const child = start(python, args, { log, cwd: folder, env });
  await healthy(url, child, log);
  return { url, pid: child.pid, child };
}

async function healthy(url, child, log) {
  const deadline = Date.now() + READY_WITHIN_SECONDS * 1000;
  while (child.exitCode === null && Date.now() < deadline) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.status === 200) return;
    await pause(100);
  }
  throw new Error(`MLflow did not start; the end of ${log}:\n${readFileSync(log, "utf8").slice(-3000)}`);
}

async function freePort() {
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}
