// The whole road: an order taken without network reaches the central database, a price changed there reaches the phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Phone } from "../harness/browser.mjs";
import { Rep } from "../harness/rep.mjs";
import { DEMO_PRICE_TYPES, DEMO_REP, Server } from "../harness/server.mjs";

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

// Each step stands on the one before, as on a rep's day.
test("a rep's day, from login to the order in the central database", async (day) => {
  let placed;
  let skus;
  let outlet;

  await day.test("a new phone asks for a login, then downloads what the position needs", async () => {
    await rep.opens();
    await rep.sees("login-email");
    await phone.screenshot("01-login");
    await rep.signsIn(DEMO_REP);
    await rep.waitsForFirstSync();
    await rep.waitsUntilInstalled();
    await phone.screenshot("02-route");
    assert.ok((await rep.onAll("stop-").count()) > 0, "the route of the day has stops");
  });

  await day.test("without network a visit is started and an order with three lines is placed", async () => {
    await phone.setOffline(true);
    outlet = await rep.opensPlannedOutlet();
    await phone.screenshot("03-outlet");
    await rep.startsVisit();
    await phone.screenshot("04-visit");
    skus = await rep.fillsOrder({ products: 3, count: 2 });
    await phone.screenshot("05-order-pad");
    placed = await rep.placesOrder();
    assert.ok(placed.sum > 0);
    await phone.screenshot("06-order-placed");
  });

  await day.test("after a reload without network the order and the open visit are still there", async () => {
    await rep.opens("/orders");
    await rep.sees("screen-orders");
    await phone.page.getByText(placed.number).first().waitFor();
    await phone.screenshot("07-orders-offline");
    await rep.tap("tab-route");
    await rep.tap("visit-continue");
    await rep.finishesVisit();
    await phone.screenshot("08-visit-finished");
  });

  await day.test("after the browser was closed and opened again without network, too", async () => {
    await phone.switchOff();
    await phone.switchOn();
    await phone.setOffline(true);
    await rep.opens("/orders");
    await phone.page.getByText(placed.number).first().waitFor();
    assert.deepEqual(await server.orders(), [], "nothing can have reached the server yet");
  });

  await day.test("with network «Синхронизировать все» brings it to the central database with the same totals", async () => {
    await phone.setOffline(false);
    await rep.synchronisesAll();
    await phone.screenshot("09-sync-done");

    const orders = await server.orders();
    assert.equal(orders.length, 1);
    const [order] = orders;
    assert.equal(order.number, placed.number);
    assert.equal(totalOf(order), placed.sum);
    assert.equal(order.outlet.id ?? order.outlet, outlet);
    assert.deepEqual(order.lines.map((line) => line.sku).sort(), [...skus].sort());
  });

  await day.test("synchronised again, it is still one order", async () => {
    await rep.synchronisesAll();
    assert.equal((await server.orders()).length, 1);
  });

  await day.test("nothing complained in the console", () => {
    assert.deepEqual(phone.complaintsBut(/ERR_INTERNET_DISCONNECTED/), []);
  });
});

/** The sum of an order as the server lists it, in kopecks. */
function totalOf(order) {
  return order.totals?.sum ?? order.sum;
}

test("a price changed in the office is on the open order pad by itself, and the next tap counts with it", async () => {
  await rep.opensPlannedOutlet();
  await rep.startsVisit();
  const [sku] = await rep.fillsOrder({ products: 1, count: 1 });
  const old_price = await rep.looksUpPrice(sku);
  const new_price = old_price + 123;

  await server.importRows("prices", DEMO_PRICE_TYPES.map((price_type) => ({ price_type, product: sku, value: new_price })));
  await rep.seesPrice(sku, new_price);
  await phone.screenshot("10-new-price");

  await rep.tap(`qty-plus-${sku}`);
  const { sum } = await rep.placesOrder();
  assert.equal(sum, 2 * new_price, "the line kept its quantity");
  assert.deepEqual(phone.complaintsBut(/ERR_INTERNET_DISCONNECTED/), []);
});
