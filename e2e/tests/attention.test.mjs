// What needs the rep: documents that the office refused, why, and how they are taken back.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Phone } from "../harness/browser.mjs";
import { Rep } from "../harness/rep.mjs";
import { DEMO_REP, DEMO_REP_POSITION, Server } from "../harness/server.mjs";

let server;
let phone;
let rep;

before(async () => {
  server = await Server.withDemoCompany();
  phone = await Phone.withEmptyProfile();
  rep = new Rep(phone, server);
  await rep.opens();
  await rep.signsIn(DEMO_REP);
  await rep.waitsForFirstSync();
});

after(async () => {
  await phone?.close();
  await server?.close();
});

test("visit and order of an outlet that was taken away are refused, named with the reason, and the order can be taken back", async () => {
  await rep.opensPlannedOutlet();
  await rep.startsVisit();
  await rep.fillsOrder({ products: 1, count: 1 });
  const { number } = await rep.placesOrder();

  await server.withoutTerritories(DEMO_REP_POSITION, async () => {
    // The row itself succeeds: everything is answered.
    await rep.synchronisesAll();
  });
  assert.match(await rep.on("attention-badge").innerText(), /2/);
  await rep.tap("attention-badge");
  await rep.sees(`attention-${number}`);
  for (const box of await rep.on("attention-rejected").all()) assert.match(await box.innerText(), /D402/);
  assert.equal(await rep.on("attention-rejected").count(), 2);
  assert.equal((await server.orders()).filter((order) => order.number === number).length, 0);

  await rep.withdraws(`attention-${number}`, "Точка не наша");
  await rep.on(`attention-${number}`).waitFor({ state: "detached" });
  await rep.opens("/orders");
  await rep.tap(`order-row-${number}`);
  assert.match(await rep.on("withdrawn").innerText(), /Точка не наша/);

  await rep.synchronisesAll();
  assert.match(await rep.on("attention-badge").innerText(), /1/);
});

test("an order that the office refuses later turns red on the open card, and taken back it is so in the central database", async () => {
  await rep.opens("/route");
  await rep.tap("visit-continue");
  await rep.fillsOrder({ products: 2, count: 1 });
  const { number } = await rep.placesOrder();
  await rep.synchronisesAll();
  await rep.goesBack();
  await rep.sees("order-number");

  const sent = (await server.orders()).find((order) => order.number === number);
  assert.equal(sent.withdrawn, null);
  await server.importRows("document_states", [{ document_id: sent.id, state: "rejected", note: "Превышен лимит долга" }]);
  await rep.sees("order-rejected");
  assert.match(await rep.on("order-rejected").innerText(), /Превышен лимит долга/);
  assert.match(await rep.on("order-rejected").innerText(), /D401/);

  await rep.withdraws("order-rejected", "Клиент погасит долг и закажет снова");
  await rep.sees("withdrawn");
  await rep.synchronisesAll();
  const [taken_back] = (await server.orders()).filter((order) => order.number === number);
  assert.equal(taken_back.withdrawn.because, "Клиент погасит долг и закажет снова");
});

test("the refused visit counts again once it is reported anew, when the outlet is the rep's", async () => {
  await rep.opens("/route");
  await rep.tap("visit-continue");
  await rep.finishesVisit();
  await rep.synchronisesAll();
  await rep.on("attention-badge").waitFor({ state: "detached" });
});

test("nothing complained in the console", () => {
  assert.deepEqual(phone.complaints, []);
});
