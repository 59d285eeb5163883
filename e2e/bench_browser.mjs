// What the mobile module costs: the first synchronisation in a real browser and, in the same run, by the same core
// natively; and a cold start without network.
//
//   cargo build --release -p polevik-server -p polevik-device-cli && cargo xtask build-web
//   node e2e/bench_browser.mjs [S|M|L] [PRODUCTS.ndjson]      (default M; the file is imported beside the demo company)
//
// CPU seconds of the browser are those of all its processes, and of the Worker's thread alone, from /proc. Rows and bytes
// are those the native device counts for the same login. Prints one JSON document. Compare figures of one run only: a
// loaded machine makes all of them worse.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

const workspace = resolve(fileURLToPath(import.meta.url), "../..");
const programs = resolve(workspace, process.env.CARGO_TARGET_DIR ?? "target", "release");
process.env.POLEVIK_SERVER ??= join(programs, "polevik-server");
const device_program = process.env.POLEVIK_DEVICE ?? join(programs, "polevik-device");
for (const program of [process.env.POLEVIK_SERVER, device_program]) {
  if (!existsSync(program)) throw new Error(`${program} is not built: cargo build --release -p polevik-server -p polevik-device-cli`);
}

// After the programs are chosen: the harness looks at them when it is loaded.
const { Phone } = await import("./harness/browser.mjs");
const { browserProcesses, cpuSeconds, rendererThreads } = await import("./harness/processes.mjs");
const { Rep } = await import("./harness/rep.mjs");
const { DEMO_REP, Server } = await import("./harness/server.mjs");

const COLD_STARTS = 5;

/** Products that change at once. */
const DELTA_ROWS = 1000;
const DELTA_RUNS = 5;

/** The Worker's name, by which its thread is known. */
const WORKER_THREAD = "DedicatedWorker";

const [size = "M", products] = process.argv.slice(2);
const server = await Server.withDemoCompany({ size });
try {
  // A few rows may be refused (exit code 3); how many is in the report.
  if (products) await server.command("import", "products", resolve(products)).catch((refused) => refused);
  const native = measureNative();
  const phone = await Phone.withEmptyProfile();
  try {
    const rep = new Rep(phone, server);
    const browser = await measureFirstSync(rep, native.rows);
    const delta = products ? await measureDelta(rep) : null;
    const cold_start_offline = await measureColdStarts(rep);
    console.log(JSON.stringify({ size, products: products ?? null, native, browser, delta, cold_start_offline }, null, 2));
  } finally {
    await phone.close();
  }
} finally {
  await server.close();
}

/** The first synchronisation of `polevik-device`; its process's CPU seconds, start and end of the process included. */
function measureNative() {
  const device = (...words) => [device_program, "--home", join(server.folder, "native"), "--json", ...words];
  const [program, ...login] = device("login", "--server", server.address, "--email", DEMO_REP.email, "--password", DEMO_REP.password);
  execFileSync(program, login, { stdio: "ignore" });
  // The shell tells what its child spent, on standard error, in the form asked for.
  const said = execFileSync("bash", ["-c", 'TIMEFORMAT="%R %U %S"; { time "$@" >"$0"; } 2>&1', join(server.folder, "native.json"), ...device("sync")], {
    encoding: "utf8",
  });
  const [wall, user, system] = said.trim().split(/\s+/).map(Number);
  const { counts } = JSON.parse(execFileSync("cat", [join(server.folder, "native.json")], { encoding: "utf8" }));
  const cpu = user + system;
  return {
    rows: counts.rows_received,
    wire_bytes: counts.bytes,
    wire_bytes_per_row: round(counts.bytes / counts.rows_received),
    wall_seconds: wall,
    cpu_seconds: round(cpu),
    rows_per_cpu_second: Math.round(counts.rows_received / cpu),
  };
}

/** From the tap on «Войти» to the day's route. */
async function measureFirstSync(rep, rows) {
  await rep.opens();
  await rep.sees("login-email");
  await rep.waitsUntilInstalled();
  const spent = () => {
    const processes = browserProcesses(rep.phone.profile);
    return { kinds: cpuSeconds(processes), threads: rendererThreads(processes) };
  };
  const before = spent();
  const began = performance.now();
  await rep.signsIn(DEMO_REP);
  await rep.waitsForFirstSync();
  const wall_seconds = round((performance.now() - began) / 1000);
  const after = spent();
  const cpu_seconds = difference(after.kinds, before.kinds);
  const threads = difference(after.threads, before.threads);
  const worker = threads[WORKER_THREAD];
  return {
    rows,
    wall_seconds,
    cpu_seconds,
    renderer_threads_cpu_seconds: threads,
    rows_per_cpu_second_of_the_browser: Math.round(rows / cpu_seconds.all),
    rows_per_cpu_second_of_the_worker: worker ? Math.round(rows / worker) : null,
  };
}

/** Some products change in the office while the synchronisation screen is open; until the press of the button has brought them. */
async function measureDelta(rep) {
  const lines = readFileSync(products, "utf8").split("\n").filter((line) => line).slice(0, DELTA_ROWS);
  await rep.synchronisesAll();
  const times = [];
  for (let run = 1; run <= DELTA_RUNS; run++) {
    await server.importRows("products", lines.map((line) => JSON.parse(line)).map((row) => ({ ...row, price: row.price + 10 * run })));
    const began = performance.now();
    await rep.pressesAll();
    times.push(Math.round(performance.now() - began));
  }
  await rep.goesBack();
  times.sort((a, b) => a - b);
  return { rows: lines.length, milliseconds: times, median_ms: times[Math.floor(times.length / 2)] };
}

/** Milliseconds from opening the address to the day's stops, each time with a new browser process and no network. */
async function measureColdStarts(rep) {
  const times = [];
  for (let run = 0; run < COLD_STARTS; run++) {
    await rep.phone.switchOff();
    await rep.phone.switchOn();
    await rep.phone.setOffline(true);
    const began = performance.now();
    await rep.opens("/route");
    await rep.onAll("stop-").first().waitFor();
    times.push(Math.round(performance.now() - began));
  }
  times.sort((a, b) => a - b);
  return { milliseconds: times, median_ms: times[Math.floor(times.length / 2)] };
}

function difference(after, before) {
  const spent = {};
  for (const [name, seconds] of Object.entries(after)) {
    const used = seconds - (before[name] ?? 0);
    if (used >= 0.01) spent[name] = round(used);
  }
  return spent;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
