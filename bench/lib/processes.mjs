// Processes: start and end them, and what they cost. Linux only, where /proc tells.
import { execFileSync, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const TICKS_PER_SECOND = 100; // USER_HZ, on every Linux that Node runs on

const started = [];

/** Starts a program in a process group of its own. Its output goes to `log`, or to the caller if there is none. */
export function start(command, args, { log, cwd, env } = {}) {
  const file = log ? openSync(log, "w") : "ignore";
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", log ? file : "pipe", file] });
  if (log) closeSync(file);
  started.push(child);
  return child;
}

/** Ends a program with all that it started. */
export async function end(child) {
  const members = descendants(child.pid);
  for (const signal of ["SIGTERM", "SIGKILL"]) {
    for (const pid of [child.pid, ...members]) kill(pid, signal);
    for (let waited = 0; waited < 5000 && [child.pid, ...members].some((pid) => kill(pid, 0)); waited += 50) {
      await pause(50);
    }
  }
}

/** Ends what was started here, and a workerd that Miniflare had no time to end. */
export async function endAll() {
  const running = started.splice(0).filter((child) => child.exitCode === null);
  await Promise.all([...running, ...childrenCalled("workerd").map((pid) => ({ pid }))].map(end));
}

function kill(pid, signal) {
  try {
    return process.kill(pid, signal) && stat(pid)?.state !== "Z";
  } catch {
    return false; // gone already
  }
}

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const close = text.lastIndexOf(")"); // a name may hold anything
    const fields = text.slice(close + 2).split(" ");
    return {
      name: text.slice(text.indexOf("(") + 1, close),
      state: fields[0],
      parent: Number(fields[1]),
      ticks: Number(fields[11]) + Number(fields[12]),
    };
  } catch {
    return undefined;
  }
}

/** All that it started, and what they did. */
export function descendants(pid) {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), stat(Number(name))]);
  const found = [];
  for (let parents = [pid]; parents.length > 0; ) {
    parents = all.filter(([, entry]) => entry && parents.includes(entry.parent)).map(([child]) => child);
    found.push(...parents);
  }
  return found;
}

/** Our own children that have this name. */
export function childrenCalled(name) {
  return descendants(process.pid).filter((pid) => stat(pid)?.name === name);
}

/** Seconds of CPU that a process and its living descendants have used. */
export function cpuSeconds(pid) {
  const ticks = [pid, ...descendants(pid)].reduce((sum, one) => sum + (stat(one)?.ticks ?? NaN), 0);
  return ticks / TICKS_PER_SECOND;
}

/** Seconds of CPU that all processes of this machine have used. */
export function machineSeconds() {
  const [user, nice, system] = readFileSync("/proc/stat", "utf8").split(/\s+/).slice(1, 4).map(Number);
  return (user + nice + system) / TICKS_PER_SECOND;
}

/** The cores that this program may use, as the kernel numbers them. */
export function cores() {
  const [, list] = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });
}

/** Whether processes can be kept on a core. */
export function hasTaskset() {
  try {
    return execFileSync("taskset", ["--version"], { stdio: "ignore" }) !== undefined;
  } catch {
    return false;
  }
}

/** Keeps these processes, with all their threads, on these cores; what they start stays there too. */
export function keepOn(cores, pids) {
  for (const pid of pids) execFileSync("taskset", ["-a", "-c", "-p", cores.join(","), String(pid)], { stdio: "ignore" });
}

/** Resident memory in MiB: now, and the most that it ever was. */
export function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const mebibytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)[1]) / 1024;
  return { now: mebibytes("VmRSS"), most: mebibytes("VmHWM") };
}
