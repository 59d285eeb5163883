// What a rep sees when something does not work: what it is, its code, and that nothing is lost.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Phone } from "../harness/browser.mjs";
import { ROWS, Rep } from "../harness/rep.mjs";
import { DEMO_REP, Server } from "../harness/server.mjs";

let server;
let phone;
let rep;

before(async () => {
  server = await Server.withDemoCompany();
  phone = await Phone.withEmptyProfile();
  rep = new Rep(phone, server);
});

after(async () => {
  await phone?.close();
  await server?.close();
});

test("a wrong password and an unknown person are refused alike, with a code", async () => {
  await rep.opens();
  await rep.signsIn({ ...DEMO_REP, password: "not-the-password" });
  await rep.sees("login-error");
  assert.match(await rep.on("login-error").innerText(), /A201/);
  await phone.screenshot("11-wrong-password");
  const wrong_password = await withoutTag(rep.on("login-error"));

  await rep.signsIn({ email: "nobody@demo.polevik.example", password: "not-the-password" });
  await rep.phone.page.getByTestId("login-submit").and(phone.page.locator(":enabled")).waitFor();
  await rep.sees("login-error");
  assert.equal(await withoutTag(rep.on("login-error")), wrong_password);
});

test("without a server a synchronisation turns its row red with a code, and the times stay", async () => {
  await rep.signsIn(DEMO_REP);
  await rep.waitsForFirstSync();
  await rep.synchronisesAll();
  const before = await rep.shownTimes();

  await server.stop();
  await rep.tap("sync-all");
  await rep.sees("row-error-download.mandatory");
  assert.match(await rep.on("row-error-download.mandatory").innerText(), /N10[1-5]\b.*[0-9A-Z]{4}-\d{2}/s);
  assert.equal(await rep.on("toast").count(), 0, "the words of the run before are taken back");
  await phone.screenshot("12-server-down");
  assert.deepEqual(await rep.shownTimes(), before);

  await rep.opens("/sync");
  await rep.sees("row-error-download.mandatory");
  assert.deepEqual(await rep.shownTimes(), before, "the error and the times stay after a reload");
});

test("once the server is back a forced synchronisation of each row clears the error", async () => {
  await server.start();
  const before = await rep.successTimes();
  for (const row of ROWS) {
    await rep.tap(`sync-row-${row}`);
    await rep.seesNewSuccess(row, before[row]);
    await rep.on(`row-error-${row}`).waitFor({ state: "detached" });
  }
});

test("a second window is told that the application is open, and may take over without loss", async () => {
  const second = await phone.context.newPage();
  await second.goto(server.address);
  await second.getByTestId("gate").waitFor();
  await second.screenshot({ path: phone.screenshotPath("13-second-window") });

  await second.getByTestId("take-over").tap();
  await second.getByTestId("screen-route").waitFor();
  await rep.sees("gate");
  await second.close();
});

test("nothing complained in the console but the browser about the missing server", () => {
  assert.deepEqual(phone.complaintsBut(/ERR_CONNECTION_REFUSED|status of 401/), []);
});

/** The text of a red box without the session's tag, which is another one each time. */
async function withoutTag(box) {
  return (await box.innerText()).replace(/[0-9A-Z]{4}-\d{2}/, "");
}
