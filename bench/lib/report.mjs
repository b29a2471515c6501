// RESULTS.md and its chart, out of what was measured.
import { chart, number } from "./chart.mjs";

const spread = ({ median, min, max }) => `${number(median)} (${number(min)}–${number(max)})`;
const whole = (value) => value.toLocaleString("en");
const kilobytes = (bytes) => `${number(bytes / 1000)} kB`;

export function report({ about, overhead, distant, mlflow, weight, growth }) {
  return [
    "# What the Worker costs",
    "Made by `make bench`; do not edit. Each number is the median of " +
      `${about.rounds} alternating rounds, and in brackets are the smallest and the largest of them. ` +
      "Ratios and differences are taken within a round.",
    table(["", ""], Object.entries(about.facts)),
    [
      "How to read it:",
      "",
      "* Everything shares these cores: the load (autocannon, one thread), workerd, and what stands behind it. More",
      "  connections than cores mean waiting for each other, not only for the Worker.",
      "* workerd runs the production build. The load goes to a socket of workerd's own (`unsafeDirectSockets` of",
      "  Miniflare, which writes the configuration): neither wrangler's proxy nor Miniflare's entry Worker is in between.",
      "* D1 is the local simulation, a Worker and SQLite in the same process. Its CPU time is in every number of ours;",
      "  in production it is somebody else's, and a network lies before it.",
    ].join("\n"),
    "![Requests a second](chart.svg)",
    overhead && overheadSection(overhead),
    distant && distantSection(distant),
    mlflow && mlflowSection(mlflow, about),
    weight && weightSection(weight),
    growth && growthSection(growth),
    about.missing.length > 0 && `Not measured in this run: ${about.missing.join(", ")}.`,
  ].filter(Boolean).join("\n\n") + "\n";
}

function overheadSection({ reads, writes, write, since, statement, verdicts }) {
  const generator = Math.max(...reads.map((row) => row.generator.median));
  const direct = reads[0].rate.median / Math.max(...reads.slice(1).map((row) => row.rate.median));
  return section(
    "The Worker over an origin that answers at once",
    "`experiments/get` with one connection (latency) and 16 (the rest). Added latency is over the stub itself; the ratio " +
      "is to the Rust pass-through, which like that in JavaScript has ten lines. CPU is that of the whole workerd (of the " +
      "stub in the first row). \"D1 asked once a minute\" is `AUTH_CACHE_TTL_SECONDS` = 60; without it D1 is asked each time.",
    overheadTable(reads),
    `One local D1 statement: ${spread(statement)} ms. The pass-through in JavaScript takes so much longer with one (p50).`,
    table(
      ["what it may cost", "it is", "allowed", ""],
      verdicts.map(({ claim, value, bound, limit, isMet }) => [
        claim, spread(value), `${bound} ${number(limit)}`, isMet ? "yes" : "**no**",
      ]),
    ),
    `\`runs/log-batch\` of ${whole(write.metrics)} metrics (${kilobytes(write.bytes)}), in which the Worker looks for what they ` +
      "belong to; columns as above:",
    overheadTable(writes),
    since && "Since the baseline (an earlier commit, measured in the same rounds), as ratios of now to then:",
    since && table(["", "requests/s", "CPU per request"], since.map((row) => [row.title, spread(row.rate), spread(row.cpu)])),
    `Neither the load nor the stub is the limit of the reads: together they do ${number(direct)} times the requests of the ` +
      `fastest Worker, and the load took ${number(generator)} of a core at most.`,
  );
}

function overheadTable(rows) {
  return table(
    ["", "added ms, p50", "added ms, p99", "requests/s", "ratio", "CPU ms per request"],
    rows.map((row) => [
      row.name,
      row.addedP50 ? spread(row.addedP50) : `(it takes ${spread(row.p50)})`,
      row.addedP99 ? spread(row.addedP99) : "",
      spread(row.rate),
      spread(row.ratio),
      spread(row.cpu),
    ]),
  );
}

function distantSection({ away, rows }) {
  return section(
    "Where D1 and the origin are a network away",
    `As a simulation: each answer of D1 takes ${away.d1} ms more, each of the origin ${away.origin} ms. \`experiments/get\`, one ` +
      "connection, with a login that the isolate has verified before:",
    table(["", "ms, p50"], rows.map((row) => [row.name, spread(row.p50)])),
  );
}

function mlflowSection({ shared, alone, notAlone, rivals, beside }, { mlflowVersion, rounds, runs }) {
  const fewer = rounds > 2 ? "Basic-auth, which hashes the password each time, takes part in two rounds only. " : "";
  return section(
    `MLflow ${mlflowVersion}`,
    "Requests a second, and the ratio to MLflow without authentication. SQLite, artifacts of 1 MiB, a batch of ten " +
      `metrics, a search that finds ${runs} runs. The user is no administrator. ${fewer}Where a round is shorter than the ` +
      "answers are slow, it lasts until there were as many answers as connections.",
    "MLflow has one server process: with more, uvicorn leaves TCP_NODELAY off, and each answer over a kept connection waits " +
      "for a delayed ACK of 40 ms, beside which what stands before MLflow would not be seen. It may open 64 connections to " +
      "its database: with 15, the default, log-batch on 16 connections sometimes holds them all until it is refused.",
    mlflowTable(shared, rateAndRatio),
    failures(shared),
    "How many times the requests a second of each other system. The pass-through of ten lines in JavaScript is what any hop " +
      `costs. ${targets(rivals)} A number in bold misses that.`,
    ...beside.flatMap(({ ours, rows }) => [`MLflow ${ours}:`, besideTable(rivals, rows)]),
    alone
      ? "With MLflow on a core of its own, and the Worker and the load on another, so that MLflow has the same processor " +
        "whatever stands before it; requests a second:"
      : `MLflow on a core of its own was not measured: ${notAlone}.`,
    alone && mlflowTable(alone, rateAndRatio),
    alone && failures(alone),
    "Median latency in milliseconds, on the same cores:",
    mlflowTable(shared, (system) => spread(system.p50)),
  );
}

function rateAndRatio({ rate, ratio }, column) {
  return spread(rate) + (column === 0 ? "" : ` ×${number(ratio.median)}`);
}

function mlflowTable(cells, show) {
  const names = cells[0].systems.map((system) => system.name);
  const rows = cells.map(({ operation, connections, systems }) => [operation, connections, ...systems.map(show)]);
  return table(["", "connections", ...names], rows);
}

function besideTable(rivals, rows) {
  const show = (one) => (one ? (one.isMet ? number(one.ratio.median) : `**${number(one.ratio.median)}**`) : "");
  return table(
    ["", "connections", ...rivals.map(({ title }) => title)],
    [
      ...rows.map(({ operation, connections, times }) => [operation, connections, ...times.map(show)]),
      ["reached", "", ...rivals.map(({ target }, n) => (target ? reached(rows.map(({ times }) => times[n])) : ""))],
    ],
  );
}

function reached(column) {
  const measured = column.filter(Boolean);
  return measured.length > 0 ? `${measured.filter(({ isMet }) => isMet).length} of ${measured.length}` : "";
}

function targets(rivals) {
  const wanted = rivals.filter(({ target }) => target).map(({ title, target }) => `${target} of ${title}`);
  return `Wanted are at least ${wanted.join("; ")}.`;
}

/** MLflow on SQLite refuses a few concurrent writes; they are counted like any other. */
function failures(cells) {
  const told = cells.flatMap(({ operation, connections, systems }) =>
    systems.filter((system) => system.failed > 0).map((system) =>
      `${operation} on ${connections}, ${system.name}: ${system.failed} of ${system.count}`));
  return told.length > 0 && `Ended with something else than status 200, and counted: ${told.join("; ")}.`;
}

function growthSection({ lookups, searches }) {
  return section(
    "Growth",
    "`experiments/get` with a password that the isolate has verified, one connection:",
    table(
      ["users", "grants", "statements", "rows read", "ms, p50"],
      lookups.map((row) => [
        whole(row.users), whole(row.grants), row.statements, row.rowsRead, spread(row.milliseconds),
      ]),
    ),
    "`experiments/search` over the stub, of whose experiments the caller may read 1%. The Worker asks the origin until the " +
      "page is full, ten times at most: with few readable rows a page goes out short.",
    table(
      ["experiments", "page size", "statements", "rows read", "rows sent", "ms", "ms of one page of the stub alone"],
      searches.map((row) => [
        whole(row.experiments), whole(row.page), row.statements, whole(row.rowsRead), whole(row.rowsSent),
        spread(row.milliseconds), spread(row.direct),
      ]),
    ),
    "Statements and rows read are what D1 itself says (`meta.rows_read`).",
  );
}

function weightSection({ sizes, start, memory }) {
  return section(
    "Size, start, memory",
    table(["file", "raw", "gzip -9"], sizes.map((size) => [size.file, kilobytes(size.raw), kilobytes(size.gzip)])),
    table(
      ["start", "ms"],
      [
        ["workerd with our Worker, from nothing to its first answer", spread(start.ours)],
        ["workerd with the JavaScript pass-through", spread(start.javascript)],
        ["difference", spread(start.added)],
        ["of it: compiling the wasm, as Node's V8 does it", spread(start.compile)],
      ],
    ),
    "Memory of our Worker in MiB; one run. The wasm has its own; the rest is the whole workerd, with its D1:",
    table(
      ["", "wasm", "workerd", "workerd, most so far"],
      memory.ours.map((point) => [point.when, number(point.wasm), number(point.now), number(point.most)]),
    ),
    "For comparison, the JavaScript pass-through with one D1 statement:",
    table(["", "workerd", "workerd, most so far"], memory.javascript.map((point) => [point.when, number(point.now), number(point.most)])),
  );
}

function section(title, ...paragraphs) {
  return [`## ${title}`, ...paragraphs].filter(Boolean).join("\n\n");
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const isNumber = (column) => column > 0 && rows.length > 0;
  const rule = head.map((_, column) => (isNumber(column) ? "---:" : "---"));
  return [line(head), line(head.length === 2 && !head[1] ? ["---", "---"] : rule), ...rows.map(line)].join("\n");
}

export function draw({ overhead, mlflow, about }) {
  const panels = [];
  if (overhead) {
    const color = (name) => (name.includes("once a minute") ? 5 : name.startsWith("our") ? 4 : 3);
    const bars = overhead.reads.slice(1).map((row) => ({ label: row.name, color: color(row.name), ...row.rate }));
    panels.push({ title: "Over an origin that answers at once, 16 connections", unit: "requests a second", bars });
  }
  if (mlflow) {
    const cells = mlflow.shared;
    const shown = [4, ...cells.map((cell) => cell.connections)].find((n) => cells.some((cell) => cell.connections === n));
    const bars = cells.filter((cell) => cell.connections === shown).flatMap((cell) => [
      { label: cell.operation },
      ...cell.systems.map((system, n) => ({ label: system.name, color: n, ...system.rate })),
    ]);
    const title = `MLflow ${about.mlflowVersion}, ${shown} connection${shown > 1 ? "s" : ""}`;
    panels.push({ title, unit: "requests a second", log: true, bars });
  }
  return chart(panels);
}
