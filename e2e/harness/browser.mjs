// A real Chromium the size of a phone, with a profile folder of its own that survives a restart.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { browserProcesses } from "./processes.mjs";

const FLAGS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where screenshots go, to be looked at by people. */
export const screenshots = resolve(fileURLToPath(import.meta.url), "../../../target/screenshots");

/** How long one step on a screen may take before a test gives up, in milliseconds. */
const STEP_LIMIT_MS = 30_000;

export class Phone {
  /**
   * A phone with an empty profile. `language` is a BCP 47 tag, `theme` light or dark. `tells_network`: its browser says what kind of network
   * there is, as Chrome on Android does; otherwise only that there is one.
   */
  static async withEmptyProfile({ language = "ru-RU", theme = "light", width = 390, height = 844, tells_network = false } = {}) {
    const profile = await mkdtemp(join(tmpdir(), "polevik-phone-"));
    const phone = new Phone(profile, { language, theme, width, height, tells_network });
    await phone.switchOn();
    return phone;
  }

  constructor(profile, look) {
    this.profile = profile;
    this.look = look;
    /** What went wrong in any page: errors in the console, and exceptions nobody caught. */
    this.complaints = [];
  }

  async switchOn() {
    const { language, theme, width, height, tells_network } = this.look;
    this.context = await chromium.launchPersistentContext(this.profile, {
      executablePath: process.env.POLEVIK_CHROMIUM ?? chromiumProgram(),
      headless: true,
      chromiumSandbox: false,
      // Chrome on Android has it by itself.
      args: tells_network ? [...FLAGS, "--enable-blink-features=NetInfoDownlinkMax"] : FLAGS,
      viewport: { width, height },
      deviceScaleFactor: 2,
      isMobile: true,
      hasTouch: true,
      locale: language,
      timezoneId: "Europe/Moscow",
      colorScheme: theme,
    });
    this.context.setDefaultTimeout(STEP_LIMIT_MS);
    this.context.on("page", (page) => this.#listen(page));
    for (const page of this.context.pages()) this.#listen(page);
    this.page = this.context.pages()[0] ?? (await this.context.newPage());
  }

  /** Ends the browser as a phone ends an application; the profile stays. */
  async switchOff() {
    await this.context.close();
  }

  /** Ends all processes of the browser at once, as a phone without power does. */
  kill() {
    for (const pid of browserProcesses(this.profile)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch (error) {
        // It ended together with another one.
        if (error.code !== "ESRCH") throw error;
      }
    }
  }

  async close() {
    await this.switchOff();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Takes the network away from the page, its Worker and the service worker, or gives it back. */
  async setOffline(is_offline) {
    await this.context.setOffline(is_offline);
  }

  /** Puts the phone into another kind of network: `wifi`, `cellular4g`, `bluetooth`; a restart of the browser forgets it. */
  async joinsNetwork(kind) {
    const session = await this.context.newCDPSession(this.page);
    await session.send("Network.enable");
    // Without a latency and a speed the browser takes it for "no emulation".
    const fast = { latency: 1, downloadThroughput: 125_000_000, uploadThroughput: 125_000_000 };
    await session.send("Network.emulateNetworkConditions", { offline: false, ...fast, connectionType: kind });
  }

  /** A picture as a camera gives it: JPEG, noisy, so that it stays large. */
  async takesPicture({ width = 2000, height = 1500, seed = 1 } = {}) {
    const base64 = await this.page.evaluate(
      async ({ width, height, seed }) => {
        const canvas = new OffscreenCanvas(width, height);
        const context = canvas.getContext("2d");
        const pixels = context.createImageData(width, height);
        let noise = seed;
        for (let at = 0; at < pixels.data.length; at += 4) {
          noise = (Math.imul(noise, 1664525) + 1013904223) >>> 0;
          const shade = (noise >>> 24) & 0x3f;
          pixels.data[at] = 120 + shade;
          pixels.data[at + 1] = 150 + ((at / 4 / width) % 64) + shade / 4;
          pixels.data[at + 2] = 190 - shade;
          pixels.data[at + 3] = 255;
        }
        context.putImageData(pixels, 0, 0);
        context.fillStyle = "#0b57d0";
        for (let column = 0; column < 8; column++) context.fillRect(80 + (column * width) / 8, height / 4, width / 12, height / 2);
        const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
        const bytes = new Uint8Array(await blob.arrayBuffer());
        let text = "";
        for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
        return btoa(text);
      },
      { width, height, seed },
    );
    return Buffer.from(base64, "base64");
  }

  async screenshot(name) {
    await this.page.screenshot({ path: this.screenshotPath(name) });
  }

  /** Where the picture `name` of this phone goes. */
  screenshotPath(name) {
    const { language, theme, width } = this.look;
    const folder = join(screenshots, `${language.slice(0, 2)}-${theme}-${width}`);
    mkdirSync(folder, { recursive: true });
    return join(folder, `${name}.png`);
  }

  /** How many CSS pixels the page is wider than the screen. */
  async sidewaysScroll(page = this.page) {
    return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  }

  /** What a finger is meant to touch and what is narrower or lower than `least` CSS pixels, as `name 40×32`. */
  async smallTargets(least) {
    return this.page.evaluate((least) => {
      const targets = document.querySelectorAll("button, a[href], input, select, textarea, [role=switch]");
      return [...targets]
        .filter((target) => target.checkVisibility())
        .map((target) => ({ target, box: target.getBoundingClientRect() }))
        .filter(({ box }) => box.width > 0 && (box.width < least - 0.5 || box.height < least - 0.5))
        .map(({ target, box }) => `${target.dataset.testid ?? target.textContent.trim()} ${Math.round(box.width)}×${Math.round(box.height)}`);
    }, least);
  }

  /** What moved by itself since the page was opened: the browser's own layout-shift score, with the elements it names. */
  async layoutShift() {
    return this.page.evaluate(
      () =>
        new Promise((tell) => {
          const observer = new PerformanceObserver((list) => {
            const shifts = list.getEntries().filter((entry) => !entry.hadRecentInput);
            const moved = shifts.flatMap((entry) => entry.sources.map((source) => source.node?.nodeName + "." + (source.node?.className ?? "")));
            tell({ score: shifts.reduce((sum, entry) => sum + entry.value, 0), moved });
          });
          observer.observe({ type: "layout-shift", buffered: true });
          // Without any shift the observer is never called.
          setTimeout(() => tell({ score: 0, moved: [] }), 200);
        }),
    );
  }

  /** The complaints without those a test expects, such as the browser's own note that it has no network. */
  complaintsBut(expected) {
    return this.complaints.filter((complaint) => !expected.test(complaint));
  }

  #listen(page) {
    const hear = (message) => {
      if (message.type() === "error") this.complaints.push(`${message.text()} (${message.location().url})`);
    };
    page.on("console", hear);
    page.on("worker", (worker) => worker.on("console", hear));
    page.on("pageerror", (error) => this.complaints.push(String(error)));
  }
}

/** Chromium of this machine; the packages of the tests bring none. */
function chromiumProgram() {
  return execFileSync("sh", ["-c", "command -v chromium || command -v google-chrome"], { encoding: "utf8" }).trim();
}
