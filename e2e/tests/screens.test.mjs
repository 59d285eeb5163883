// Every screen, in both languages and both themes, on a small and a usual phone: nothing is wider than the screen,
// nothing moves under the finger, and a picture of each is kept to be looked at.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Phone } from "../harness/browser.mjs";
import { Rep } from "../harness/rep.mjs";
import { DEMO_REP, DEMO_REP_POSITION, Server } from "../harness/server.mjs";

const LOOKS = [
  { language: "ru-RU", theme: "light", width: 360, height: 740 },
  { language: "ru-RU", theme: "dark", width: 390, height: 844 },
  { language: "en-GB", theme: "light", width: 390, height: 844 },
  { language: "en-GB", theme: "dark", width: 360, height: 740 },
];

/** A finger needs this much, in CSS pixels. */
const SMALLEST_TARGET_PX = 48;

/** The browser's score of what moved by itself; below 0.1 counts as good, and this is a tenth of that. */
const LARGEST_SHIFT = 0.01;

let server;

before(async () => {
  server = await Server.withDemoCompany();
});

after(async () => {
  await server?.close();
});

for (const look of LOOKS) {
  test(`every screen fits ${look.width} pixels, ${look.language.slice(0, 2)}, ${look.theme}`, async () => {
    const phone = await Phone.withEmptyProfile(look);
    try {
      const rep = new Rep(phone, server);
      const check = async (name) => {
        assert.equal(await phone.sidewaysScroll(), 0, `${name} scrolls sideways`);
        assert.deepEqual(await phone.smallTargets(SMALLEST_TARGET_PX), [], `${name} has targets too small for a finger`);
        const { score, moved } = await phone.layoutShift();
        assert.ok(score <= LARGEST_SHIFT, `until ${name}, ${moved.join(", ")} moved by themselves: ${score}`);
        await phone.screenshot(name);
      };
      await visitEveryScreen(rep, check);
      assert.deepEqual(phone.complaints, []);
    } finally {
      await phone.close();
    }
  });
}

async function visitEveryScreen(rep, check) {
  await rep.opens();
  await rep.sees("login-email");
  await check("login");
  await rep.signsIn(DEMO_REP);
  await rep.waitsForFirstSync();
  await rep.onAll("stop-").first().waitFor();
  await check("route");

  await rep.tap("tab-outlets");
  await rep.onAll("outlet-row-").first().waitFor();
  await check("outlets");

  await rep.opensPlannedOutlet();
  await check("outlet");
  await rep.startsVisit();
  await check("visit");
  await rep.tap("photo-add");
  await rep.sees("photo-take");
  await check("photo-sheet");
  await rep.phone.page.keyboard.press("Escape");
  await rep.takesPhoto(await rep.phone.takesPicture({ width: 1600, height: 1200 }));
  const photo = await rep.takesPhoto(await rep.phone.takesPicture({ width: 900, height: 1200, seed: 2 }), "display");
  await rep.seesImage(rep.on(photo));
  await check("visit-photos");
  await rep.tap(photo);
  await rep.seesImage(rep.on("screen-photo"));
  await check("photo");
  await rep.goesBack();
  await rep.sees("screen-visit");
  const [sku] = await rep.fillsOrder({ products: 4, count: 1 });
  await check("order-pad");
  await rep.tap(`product-open-${sku}`);
  await rep.sees("sheet-done");
  await check("order-line");
  await rep.tap("sheet-done");
  await rep.tap("order-review");
  await rep.sees("order-place");
  await check("order-review");
  await rep.tap("order-place");
  await rep.sees("order-number");
  await check("order");

  await rep.tap("tab-orders");
  await rep.sees("screen-orders");
  await check("orders");
  await rep.tap("tab-more");
  await rep.sees("screen-more");
  await check("more");
  await rep.opens("/profile");
  await rep.sees("screen-profile");
  await check("profile");
  await rep.looksAtSync();
  await check("sync-waiting");
  // Of its network this phone's browser tells only that there is one.
  await rep.wantsWiFiOnly(true);
  await rep.synchronisesAll();
  await rep.sees("unknown-network");
  await check("sync-waits-for-wifi");
  await rep.on("send-now-upload.materials").scrollIntoViewIfNeeded();
  await check("sync-waits-for-wifi-below");
  await rep.tap("send-now-upload.materials");
  await rep.sees("send-now-confirm");
  await check("send-now");
  await rep.tap("send-now-confirm");
  await rep.seesNewSuccess("upload.materials", 0);
  await check("sync");

  await rep.opens("/materials");
  const materials = rep.phone.page.locator('[data-testid^="material-"][data-state="ok"]');
  await materials.first().waitFor();
  await check("materials");
  await materials.filter({ hasText: /Планограмма|Фото товара|Planogram|Product picture/ }).first().tap();
  await rep.seesImage(rep.on("screen-material"));
  await check("material");
  await rep.opens("/storage");
  await rep.sees("storage-used");
  await check("storage");
  await rep.looksAtSync();

  // Refused, it needs the rep; taken back, it is said so.
  await rep.tap("tab-route");
  await rep.tap("visit-continue");
  await rep.fillsOrder({ products: 1, count: 1 });
  const { number } = await rep.placesOrder();
  await server.withoutTerritories(DEMO_REP_POSITION, () => rep.synchronisesAll());
  await check("sync-attention");
  await rep.tap("attention-badge");
  await rep.onAll("attention-").first().waitFor();
  await check("attention");
  await rep.on(`attention-${number}`).getByTestId("document-withdraw").tap();
  await rep.sees("withdraw-reason");
  await check("withdraw");
  await rep.on("withdraw-reason").fill("Точка закрыта");
  await rep.tap("withdraw-confirm");
  await rep.on(`attention-${number}`).waitFor({ state: "detached" });
  await rep.opens("/orders");
  await rep.tap(`order-row-${number}`);
  await rep.sees("withdrawn");
  await check("order-withdrawn");
}
