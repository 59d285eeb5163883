// What processes cost, read from /proc: a browser is a dozen of them.

import { readFileSync, readdirSync } from "node:fs";

/** Ticks of /proc/PID/stat per second; 100 on every Linux for PCs and servers. */
const TICKS_PER_SECOND = 100;

/** The browser's processes: those that name the profile folder, and all they started. */
export function browserProcesses(profile) {
  const parents = new Map();
  const roots = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    try {
      parents.set(pid, fields(pid).parent);
      if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(profile)) roots.push(pid);
    } catch {
      // It ended while we looked.
    }
  }
  const belongs = (pid) => {
    for (let at = pid; at > 1; at = parents.get(at)) {
      if (roots.includes(at)) return true;
      if (!parents.has(at)) return false;
    }
    return false;
  };
  return [...parents.keys()].filter(belongs);
}

/** CPU seconds spent so far by these processes, per kind (browser, renderer, gpu, utility) and in all. */
export function cpuSeconds(pids) {
  const spent = { all: 0 };
  for (const pid of pids) {
    try {
      const { ticks } = fields(pid);
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
      const kind = /--type=([a-z-]+)/.exec(command)?.[1] ?? "browser";
      const seconds = ticks / TICKS_PER_SECOND;
      spent[kind] = (spent[kind] ?? 0) + seconds;
      spent.all += seconds;
    } catch {
      // It ended while we looked; what it spent is lost to us.
    }
  }
  return spent;
}

/** CPU seconds of each thread of the renderers, by thread name: the Worker with the core is one of them. */
export function rendererThreads(pids) {
  const threads = {};
  for (const pid of pids) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--type=renderer")) continue;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8").trim();
        threads[name] = (threads[name] ?? 0) + fields(`${pid}/task/${thread}`).ticks / TICKS_PER_SECOND;
      }
    } catch {
      // It ended while we looked.
    }
  }
  return threads;
}

function fields(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The name in brackets may hold spaces; the fields follow the last bracket.
  const after = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(after[1]), ticks: Number(after[11]) + Number(after[12]) };
}
