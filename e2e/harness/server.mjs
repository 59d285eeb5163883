// The real server on a data folder of its own, and its command line as an administrator uses it.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

const workspace = resolve(fileURLToPath(import.meta.url), "../../..");
const target = resolve(workspace, process.env.CARGO_TARGET_DIR ?? "target");

/** The program under test; POLEVIK_SERVER names another build of it. */
export const server_program = process.env.POLEVIK_SERVER ?? join(target, "debug/polevik-server");
/** The application under test; POLEVIK_ASSETS names another build of it. */
const assets = process.env.POLEVIK_ASSETS ?? join(target, "dist");

/** A rep of the demo company of any size; `demo-data` prints all logins. */
export const DEMO_REP = { email: "rep01@demo.polevik.example", password: "polevik-demo" };

/** The code of that rep's position. */
export const DEMO_REP_POSITION = "TP01";

/** A person of the demo company who has two positions. */
export const DEMO_REP_OF_TWO_POSITIONS = { email: "double@demo.polevik.example", password: "polevik-demo", positions: ["TP02", "VS01"] };

/** The price lists of the demo company; which one an outlet has depends on what kind of shop it is. */
export const DEMO_PRICE_TYPES = ["RETAIL", "WHOLESALE", "CHAIN", "HORECA"];

/** How long the server may take until it answers, in milliseconds; generous for a loaded machine. */
const START_LIMIT_MS = 60_000;

export class Server {
  /** A server on a new data folder with the demo company. Call `close` when done. */
  static async withDemoCompany({ size = "S", seed = 1 } = {}) {
    for (const needed of [server_program, join(assets, "index.html")]) {
      if (!existsSync(needed)) throw new Error(`${needed} is not built: run ./test, or cargo build and cargo xtask build-web`);
    }
    const folder = await mkdtemp(join(tmpdir(), "polevik-e2e-"));
    const server = new Server(join(folder, "data"), await freePort(), folder);
    await server.command("demo-data", "--size", size, "--seed", String(seed));
    await server.start();
    return server;
  }

  constructor(data, port, folder) {
    this.data = data;
    this.folder = folder;
    this.port = port;
    this.address = `http://127.0.0.1:${port}`;
    this.process = undefined;
    this.output = "";
  }

  async start() {
    const flags = ["serve", "--data", this.data, "--listen", `127.0.0.1:${this.port}`, "--assets", assets];
    this.process = spawn(server_program, flags, { stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on("data", (bytes) => (this.output += bytes));
    }
    const deadline = Date.now() + START_LIMIT_MS;
    for (;;) {
      if (this.process.exitCode !== null) throw new Error(`the server ended at once:\n${this.output}`);
      const answer = await fetch(`${this.address}/readyz`).catch(() => undefined);
      if (answer?.ok) return;
      if (Date.now() > deadline) throw new Error(`the server is not ready after ${START_LIMIT_MS} ms:\n${this.output}`);
      await new Promise((wake) => setTimeout(wake, 50));
    }
  }

  /** Stops as an administrator does, by SIGTERM; gives the exit code. The address stays the same after `start`. */
  async stop() {
    if (!this.process || this.process.exitCode !== null) return this.process?.exitCode;
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    const [code] = await ended;
    return code;
  }

  async close() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Runs a subcommand on this data folder; gives its standard output. */
  async command(...words) {
    const { stdout } = await run(server_program, [...words, "--data", this.data], { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  /** The orders of the central database. */
  async orders() {
    return JSON.parse(await this.command("orders", "list", "--json"));
  }

  /** The photos of the central database. */
  async photos() {
    return JSON.parse(await this.command("photos", "list", "--json"));
  }

  /** Takes all territories from a position while `body` runs: what its rep sends of any outlet meanwhile is refused. */
  async withoutTerritories(position, body) {
    const line = (await this.command("position", "list")).split("\n").find((line) => line.split(/\s+/).includes(position));
    const territories = line.match(/\bT\d+(?:[, ]+T\d+)*/)[0].replaceAll(" ", "");
    await this.command("position", "territories", position, "--set", "");
    try {
      return await body();
    } finally {
      await this.command("position", "territories", position, "--set", territories);
    }
  }

  /** Imports rows as one NDJSON file of this kind. */
  async importRows(kind, rows) {
    const file = join(this.folder, `${kind}-${Date.now()}.ndjson`);
    await writeFile(file, rows.map((row) => JSON.stringify(row)).join("\n") + "\n");
    return this.command("import", kind, file);
  }
}

/** A port of the loopback address that was free a moment ago. */
async function freePort() {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}
