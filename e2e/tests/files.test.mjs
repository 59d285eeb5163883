// Photos go up and materials come down, also when the network, the browser or the server fails; and not over a network that is not theirs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Phone } from "../harness/browser.mjs";
import { Line } from "../harness/line.mjs";
import { Rep } from "../harness/rep.mjs";
import { DEMO_REP, Server } from "../harness/server.mjs";

/** What is sent again after an interruption at most, in bytes: the house's promise. */
const MOST_RESENT_BYTES = 256 * 1024;

/** Within which photos start when Wi-Fi appears, with the time to send one, in milliseconds; generous for a loaded machine. */
const WIFI_LIMIT_MS = 30_000;

let server;
let line;
let phone;
let rep;

before(async () => {
  server = await Server.withDemoCompany();
  line = await Line.to(server);
  phone = await Phone.withEmptyProfile({ tells_network: true });
  rep = new Rep(phone, line);
});

after(async () => {
  await phone?.close();
  await line?.close();
  await server?.close();
});

// Each step stands on the one before, as on a rep's day.
test("a rep's photos and materials", async (day) => {
  let visit;
  let first;

  await day.test("a photo taken without network is there after a reload", async () => {
    await rep.opens();
    await rep.signsIn(DEMO_REP);
    await rep.waitsForFirstSync();
    await rep.waitsUntilInstalled();
    const picture = await phone.takesPicture();
    await phone.setOffline(true);
    await rep.opensPlannedOutlet();
    await rep.startsVisit();
    visit = new URL(phone.page.url()).pathname;
    first = await rep.takesPhoto(picture, "cooler");
    await rep.seesState(first, "info");
    await rep.opens(visit);
    await rep.seesState(first, "info");
    assert.equal(await rep.seesImage(rep.on(first)), 1600, "made smaller on the phone");
    await phone.screenshot("20-visit-photo");
    assert.deepEqual(await server.photos(), []);
  });

  await day.test("with network it is on the server, whole, and the phone says so", async () => {
    await phone.setOffline(false);
    await rep.looksAtSync();
    const { "upload.materials": before } = await rep.successTimes();
    await rep.tap("sync-all");
    await rep.seesNewSuccess("upload.materials", before);
    await phone.screenshot("21-sync-photo-sent");
    const [photo, ...others] = await server.photos();
    assert.deepEqual(others, []);
    assert.equal(photo.scene, "cooler");
    assert.ok(photo.file_is_here, JSON.stringify(photo));
    await rep.opens(visit);
    await rep.seesState(first, "ok");
  });

  await day.test("over the mobile network not a byte of a file goes while only Wi-Fi may carry them", async () => {
    await phone.joinsNetwork("cellular4g");
    await rep.looksAtSync();
    await rep.wantsWiFiOnly(true);
    await phone.page.locator('[data-testid="network"][data-network="cellular"]').waitFor();
    await rep.opens(visit);
    await phone.joinsNetwork("cellular4g");
    const second = await rep.takesPhoto(await phone.takesPicture({ seed: 2 }));
    const moved = line.fileBytes();
    await rep.synchronisesAll();
    await phone.page.getByTestId("send-now-upload.materials").waitFor();
    assert.match(await rep.on("row-state-upload.materials").innerText(), /Ждём Wi-Fi: 1\sфото/u);
    assert.match(await rep.on("state-chip").innerText(), /Wi-Fi/);
    await phone.screenshot("22-sync-waits-for-wifi");
    assert.equal(line.fileBytes(), moved, "bytes of files over the mobile network");

    await rep.tap("send-now-upload.materials");
    assert.match(await rep.on("send-now-question").innerText(), /Сейчас нет Wi-Fi\. Передать .*МБ|КБ/u);
    await phone.screenshot("23-send-now");
    await rep.tap("send-now-confirm");
    await rep.goesBack();
    await rep.seesState(second, "ok");
    assert.equal((await server.photos()).length, 2, "sent once the rep said so");
  });

  await day.test("Wi-Fi appears, and what waited goes by itself", async () => {
    const third = await rep.takesPhoto(await phone.takesPicture({ seed: 3 }));
    await rep.seesState(third, "info");
    await rep.synchronisesAll();
    await rep.sees("send-now-upload.materials");
    await rep.goesBack();
    await phone.joinsNetwork("wifi");
    await phone.page.locator(`[data-testid="${third}"][data-state="ok"]`).waitFor({ timeout: WIFI_LIMIT_MS });
  });

  await day.test("killed in the middle of a photo, the phone goes on where it was", async () => {
    const picture = await phone.takesPicture({ width: 1600, height: 1200, seed: 4 });
    line.up_speed = 120_000;
    const before = line.uploadedBytes();
    const fourth = await rep.takesPhoto(picture, "display");
    await rep.looksAtSync();
    await rep.tap("sync-all");
    while (line.uploadedBytes() < before + 200_000) await new Promise((wake) => setTimeout(wake, 50));
    phone.kill();
    await phone.context.close();
    line.up_speed = undefined;
    await phone.switchOn();
    await rep.opens("/sync");
    await rep.sees("screen-sync");
    await rep.tap("sync-all");
    await rep.opens(visit);
    await rep.seesState(fourth, "ok");
    const photos = await server.photos();
    const size = photos.find((photo) => photo.scene === "display").bytes;
    assert.equal(photos.length, 4);
    const sent = line.uploadedBytes() - before;
    assert.ok(sent <= size + MOST_RESENT_BYTES, `${sent} bytes for a file of ${size}`);
  });

  await day.test("materials open without network and without a server, a picture and a PDF", async () => {
    await rep.opens("/materials");
    const here = phone.page.locator('[data-testid^="material-"][data-state="ok"]');
    await here.first().waitFor();
    await phone.page.waitForFunction(() => document.querySelectorAll('[data-testid^="material-"]:not([data-state="ok"])').length === 0);
    await phone.screenshot("24-materials");
    const names = (kind) => here.filter({ hasText: kind }).first().getAttribute("href");
    const [picture, pdf] = [await names(/Фото товара|Планограмма/u), await names(/Прайс-лист/u)];
    await server.stop();
    await rep.opens(picture);
    assert.ok((await rep.seesImage(rep.on("screen-material"))) > 0);
    await phone.screenshot("25-material-picture");
    await rep.opens(pdf);
    await rep.sees("material-pdf");
    const frame = await phone.page.getByTestId("material-pdf").elementHandle();
    assert.match((await frame.getAttribute("src")) ?? "", /^blob:/);
    // The viewer is a page of the browser's own, in a frame within ours.
    await poll(() => phone.page.frames().some((frame) => frame.url().startsWith("chrome-extension:")));
    await phone.screenshot("26-material-pdf");
    await server.start();
  });

  await day.test("the screen of the storage counts what is there, and sent photos may go", async () => {
    await rep.opens("/storage");
    await rep.sees("storage-used");
    const bytes = async (name) => Number(await rep.on(`storage-${name}`).getAttribute("data-bytes"));
    assert.ok((await bytes("databases")) > 0);
    assert.ok((await bytes("materials")) > 0);
    assert.equal(await bytes("queued"), 0);
    assert.ok((await bytes("sent")) > 0);
    await phone.screenshot("27-storage");
    await rep.tap("storage-remove-sent");
    await poll(async () => (await bytes("sent")) === 0);
    await rep.opens(visit);
    await rep.seesState(first, "ok");
    await rep.tap(first);
    await rep.sees("photo-removed");
  });

  await day.test("bytes are counted by purpose and network", async () => {
    await rep.opens("/profile");
    const up = await rep.on("traffic-materials-cellular").locator("td").first().getAttribute("data-bytes");
    assert.ok(Number(up) > 0, "the photo that was sent on the rep's word");
    await rep.on("traffic-materials-cellular").scrollIntoViewIfNeeded();
    await phone.screenshot("28-traffic");
  });

  await day.test("nothing complained in the console but the browser about the missing network", () => {
    assert.deepEqual(phone.complaintsBut(/ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|status of 50\d/), []);
  });
});

test("a network of unknown kind carries no files until the rep has said that it is Wi-Fi", async () => {
  const other = await Phone.withEmptyProfile();
  try {
    const rep = new Rep(other, line);
    await rep.opens();
    await rep.signsIn({ ...DEMO_REP, email: "rep02@demo.polevik.example" });
    await rep.waitsForFirstSync();
    await rep.looksAtSync();
    await rep.wantsWiFiOnly(true);
    await rep.opensPlannedOutlet();
    await rep.startsVisit();
    const photo = await rep.takesPhoto(await other.takesPicture({ seed: 5 }));
    const sent = line.uploadedBytes();
    await rep.synchronisesAll();
    await rep.sees("unknown-network");
    await other.screenshot("29-unknown-network");
    assert.equal(line.uploadedBytes(), sent);
    await rep.tap("unknown-network-wifi");
    await rep.goesBack();
    await rep.seesState(photo, "ok");
    assert.ok(line.uploadedBytes() > sent);
  } finally {
    await other.close();
  }
});

/** Waits until `is_so` gives something true. */
async function poll(is_so) {
  const deadline = Date.now() + 30_000;
  while (!(await is_so())) {
    if (Date.now() > deadline) throw new Error(`it did not come true: ${is_so}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
