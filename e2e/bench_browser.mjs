// What the mobile module costs in a real browser: the first synchronisation, and a cold start without network.
//
//   node e2e/bench_browser.mjs [S|M|L]      (default M; the server of target/release, or POLEVIK_SERVER)
//
// CPU seconds are those of all processes of the browser, from /proc; rows are those the synchronisation screen counts.
// Prints one JSON document. Compare figures of one run only: a loaded machine makes all of them worse.

import { performance } from "node:perf_hooks";

import { Phone } from "./harness/browser.mjs";
import { browserProcesses, cpuSeconds, rendererThreads } from "./harness/processes.mjs";
import { Rep } from "./harness/rep.mjs";
import { DEMO_REP, Server } from "./harness/server.mjs";

const COLD_STARTS = 5;

const size = process.argv[2] ?? "M";
const server = await Server.withDemoCompany({ size });
const phone = await Phone.withEmptyProfile();
try {
  const rep = new Rep(phone, server);
  const first_sync = await measureFirstSync(rep);
  const cold_start_offline = await measureColdStarts(rep);
  console.log(JSON.stringify({ size, first_sync, cold_start_offline }, null, 2));
} finally {
  await phone.close();
  await server.close();
}

/** From the tap on «Войти» to the day's route. */
async function measureFirstSync(rep) {
  await rep.opens();
  await rep.sees("login-email");
  await rep.waitsUntilInstalled();
  const sent = watchBytes(rep.phone.page);
  const before = cpuSeconds(browserProcesses(rep.phone.profile));
  const threads_before = rendererThreads(browserProcesses(rep.phone.profile));
  const began = performance.now();
  await rep.signsIn(DEMO_REP);
  await rep.waitsForFirstSync();
  const wall_seconds = (performance.now() - began) / 1000;
  const cpu = difference(cpuSeconds(browserProcesses(rep.phone.profile)), before);
  const threads = difference(rendererThreads(browserProcesses(rep.phone.profile)), threads_before);

  const rows = await rep.rowsOnThePhone();
  const worker_cpu = threads.DedicatedWorker ?? 0;
  const bytes = await sent();
  return {
    rows,
    wall_seconds: round(wall_seconds),
    cpu_seconds: cpu,
    renderer_threads_cpu_seconds: threads,
    rows_per_cpu_second_of_the_browser: Math.round(rows / cpu.all),
    rows_per_cpu_second_of_the_worker: worker_cpu > 0 ? Math.round(rows / worker_cpu) : null,
    wire_bytes: bytes,
    wire_bytes_per_row: round(bytes / rows),
  };
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

/** Counts what /v1/ answers weigh on the wire, heads included; gives a function that tells. */
function watchBytes(page) {
  const finished = [];
  page.context().on("requestfinished", (request) => {
    if (new URL(request.url()).pathname.startsWith("/v1/")) finished.push(request.sizes());
  });
  return async () => {
    const sizes = await Promise.all(finished);
    return sizes.reduce((sum, each) => sum + each.responseBodySize + each.responseHeadersSize, 0);
  };
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
