// The mobile module as an application: installed, opened by another person, in another language, killed at a bad moment.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Phone } from "../harness/browser.mjs";
import { Rep } from "../harness/rep.mjs";
import { DEMO_REP, DEMO_REP_OF_TWO_POSITIONS, Server } from "../harness/server.mjs";

let server;

before(async () => {
  server = await Server.withDemoCompany();
});

after(async () => {
  await server?.close();
});

/** Runs `body` with a phone of its own, which ends without complaints in its console. */
async function onNewPhone(body) {
  const phone = await Phone.withEmptyProfile();
  try {
    await body(new Rep(phone, server), phone);
    assert.deepEqual(phone.complaintsBut(/ERR_INTERNET_DISCONNECTED/), []);
  } finally {
    await phone.close();
  }
}

test("a person with two positions chooses one and works in it", async () => {
  await onNewPhone(async (rep, phone) => {
    await rep.opens();
    const { email, password, positions } = DEMO_REP_OF_TWO_POSITIONS;
    await rep.signsIn({ email, password });
    for (const position of positions) await rep.sees(`position-${position}`);
    await phone.screenshot("14-choice-of-position");
    await rep.tap(`position-${positions[1]}`);
    await rep.waitsForFirstSync();
    await rep.opens("/profile");
    await rep.sees("screen-profile");
    await phone.page.getByText(positions[1], { exact: false }).first().waitFor();
  });
});

test("the browser offers to install it", async () => {
  await onNewPhone(async (rep, phone) => {
    await rep.opens();
    await rep.sees("login-email");
    await rep.waitsUntilInstalled();
    const devtools = await phone.context.newCDPSession(phone.page);
    const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
    assert.deepEqual(installabilityErrors, []);
    const { errors } = await devtools.send("Page.getAppManifest");
    assert.deepEqual(errors, []);
  });
});

test("the language chosen in the profile stays after a reload", async () => {
  await onNewPhone(async (rep, phone) => {
    await rep.opens();
    await rep.signsIn(DEMO_REP);
    await rep.waitsForFirstSync();
    await rep.opens("/profile");
    await rep.tap("language-en");
    await phone.page.getByText("Profile", { exact: false }).first().waitFor();
    await rep.opens("/sync");
    await phone.page.getByText("Download", { exact: false }).first().waitFor();
    assert.equal(await phone.page.evaluate(() => document.documentElement.lang), "en");
  });
});

test("an order placed the moment before the browser is killed is there afterwards, and is sent once", async () => {
  await onNewPhone(async (rep, phone) => {
    await rep.opens();
    await rep.signsIn(DEMO_REP);
    await rep.waitsForFirstSync();
    await rep.waitsUntilInstalled();
    await phone.setOffline(true);
    await rep.opensPlannedOutlet();
    await rep.startsVisit();
    await rep.fillsOrder({ products: 2, count: 1 });
    const placed = await rep.placesOrder();
    phone.kill();

    await phone.switchOn();
    await phone.setOffline(true);
    await rep.opens("/orders");
    await rep.sees(`order-row-${placed.number}`);

    await phone.setOffline(false);
    await rep.synchronisesAll();
    const orders = (await server.orders()).filter((order) => order.number === placed.number);
    assert.equal(orders.length, 1);
  });
});
