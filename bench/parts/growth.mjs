// How a request grows with the number of users, of grants, and of experiments that a search finds.
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";

import { ask, load } from "../lib/load.mjs";
import { startStub } from "../lib/origins.mjs";
import { end } from "../lib/processes.mjs";
import { alternate, summary } from "../lib/stats.mjs";
import { USER, applySchema, basic, createUser, databaseFile, startWorker } from "../lib/workers.mjs";

const headers = { authorization: basic(USER) };
const GET = { method: "GET", path: "/api/2.0/mlflow/experiments/get?experiment_id=100", headers };
const JSON_TYPE = { "content-type": "application/json" };
const PAGES = [1000, 50_000]; // what a client asks for by default, and the most that MLflow allows

export async function measureGrowth({ rounds, seconds, sizes, searches, folder, say }) {
  const stub = await startStub();
  const directories = {};
  for (const { users, grants } of sizes) {
    const key = `${users}-${grants}`;
    say(`a directory of ${users.toLocaleString("en")} users and ${grants.toLocaleString("en")} grants`);
    directories[key] = join(folder, key);
    await fill(directories[key], stub.url, users, grants);
  }

  const lookups = {};
  const workers = {};
  for (const { users, grants } of sizes) {
    const key = `${users}-${grants}`;
    lookups[key] = { users, grants, ...(await counts(directories[key], stub.url, GET)) };
    workers[key] = await startWorker("ours", stub.url, directories[key]);
    await ask(workers[key].url, GET); // the password is hashed
  }
  say("one experiment, in each of them");
  const keys = Object.keys(lookups);
  const timed = await alternate(keys, rounds, (key) =>
    load({ url: workers[key].url, request: GET, connections: 1, seconds }));
  for (const key of keys) lookups[key].milliseconds = summary(timed[key].map((sample) => sample.p50));
  await Promise.all(Object.values(workers).map((worker) => worker.stop()));

  const found = [];
  const smallest = directories[keys[0]];
  for (const experiments of searches) {
    say(`a search that finds ${experiments.toLocaleString("en")} experiments, of which 1% is readable`);
    const origin = await startStub({ found: experiments });
    readableEveryHundredth(databaseFile(smallest), experiments);
    for (const page of new Set(PAGES.map((most) => Math.min(experiments, most)))) {
      const request = {
        method: "POST",
        path: "/api/2.0/mlflow/experiments/search",
        headers: { ...JSON_TYPE, ...headers },
        body: JSON.stringify({ max_results: page }),
      };
      const counted = await counts(smallest, origin.url, request);
      const worker = await startWorker("ours", origin.url, smallest);
      await ask(worker.url, request);
      const urls = { gate: worker.url, stub: origin.url };
      const timed = await alternate(Object.keys(urls), rounds, (name) => time(urls[name], request));
      await worker.stop();
      found.push({ experiments, page, ...counted, milliseconds: summary(timed.gate), direct: summary(timed.stub) });
    }
    await end(origin.child);
  }
  return { lookups: Object.values(lookups), searches: found };
}

async function time(url, request) {
  const begun = performance.now();
  await ask(url, request);
  return performance.now() - begun;
}

/** Statements, rows read and rows sent of the second such request: the first also finds that there are users. */
async function counts(folder, origin, request) {
  const worker = await startWorker("counting", origin, folder);
  await ask(worker.url, request);
  const answer = await ask(worker.url, request);
  await worker.stop();
  const [statements, rowsRead] = answer.headers.get("x-d1").split(" ").map(Number);
  return { statements, rowsRead, rowsSent: JSON.parse(answer.text).experiments?.length ?? 1 };
}

/** The schema and the one who asks by the Worker itself, everybody else straight into its file. */
async function fill(folder, origin, users, grants) {
  const worker = await startWorker("ours", origin, folder);
  await applySchema(worker);
  await createUser(worker.url, "100");
  await worker.stop();
  const database = new DatabaseSync(databaseFile(folder));
  const slow = "role_permissions_by_resource";
  const index = database.prepare("SELECT sql FROM sqlite_schema WHERE name = ?").get(slow).sql;
  database.exec(`PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; DROP INDEX ${slow}; BEGIN`);
  const numbers = (count) => `WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ${count - 1})`;
  const others = users - 2;
  database.exec(`${numbers(others)} INSERT INTO users (username, password_hash) SELECT 'user-' || n, 'none' FROM n`);
  database.exec(
    `INSERT INTO roles (name, workspace, user_id)
       SELECT '__user_' || id || '__', 'default', id FROM users WHERE username LIKE 'user-%' ORDER BY id;
     INSERT OR IGNORE INTO user_role_assignments (user_id, role_id)
       SELECT user_id, id FROM roles WHERE user_id IS NOT NULL ORDER BY id`,
  );
  const own = "FROM roles AS r JOIN users AS u ON u.id = r.user_id WHERE u.username LIKE 'user-%'";
  const { first } = database.prepare(`SELECT min(r.id) AS first ${own}`).get();
  const each = Math.ceil((grants - 1) / others);
  database.exec(
    `${numbers(grants - 1)} INSERT INTO role_permissions (role_id, resource_type, resource_pattern, permission)
     SELECT ${first} + n / ${each}, 'experiment', CAST(1000 + n % ${each} AS TEXT), 'READ' FROM n`,
  );
  database.exec(`COMMIT; ${index}; PRAGMA wal_checkpoint(TRUNCATE)`);
  database.close();
}

/** Of experiments 1 to `experiments` the user may read 100, 200, … — or the last one, if there are fewer. */
function readableEveryHundredth(file, experiments) {
  const database = new DatabaseSync(file);
  const own = "SELECT r.id FROM roles AS r JOIN users AS u ON u.id = r.user_id WHERE u.username = ?";
  const { id } = database.prepare(own).get(USER.name);
  const grant = database.prepare(
    `INSERT OR REPLACE INTO role_permissions (role_id, resource_type, resource_pattern, permission)
     VALUES (?, 'experiment', ?, 'READ')`,
  );
  database.exec("BEGIN");
  for (let n = 100; n <= experiments; n += 100) grant.run(id, String(n));
  if (experiments < 100) grant.run(id, String(experiments));
  database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}
