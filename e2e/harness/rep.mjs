// What a rep does with a phone, in the rep's words. Screens are found by the names in apps/mobile/README.md.

import assert from "node:assert/strict";

/** How long a synchronisation of the demo company may take, in milliseconds; generous for a loaded machine. */
const SYNC_LIMIT_MS = 120_000;

/** The rows of the synchronisation screen without which work is not possible. */
export const ROWS = ["download.mandatory", "upload.mandatory"];

/** All of them. */
export const ALL_ROWS = [...ROWS, "download.materials", "download.library", "upload.materials"];

export class Rep {
  constructor(phone, server) {
    this.phone = phone;
    this.server = server;
  }

  /** The element named `name` of the page that is shown now. */
  on(name) {
    return this.phone.page.getByTestId(name);
  }

  /** All elements whose name begins so. */
  onAll(prefix) {
    return this.phone.page.locator(`[data-testid^="${prefix}"]`);
  }

  async tap(name) {
    await this.on(name).tap();
  }

  async sees(name) {
    await this.on(name).first().waitFor();
  }

  async opens(path = "/") {
    await this.phone.page.goto(this.server.address + path);
  }

  /** Signs in; `position` is a code, needed when the person has several. */
  async signsIn({ email, password, position }) {
    await this.on("login-email").fill(email);
    await this.on("login-password").fill(password);
    await this.tap("login-submit");
    if (position) await this.tap(`position-${position}`);
  }

  /** Waits until the first download is done and the day's route is on the screen. */
  async waitsForFirstSync() {
    await this.on("screen-route").waitFor({ timeout: SYNC_LIMIT_MS });
  }

  /** Waits until the service worker holds the whole application, so that it opens without network. */
  async waitsUntilInstalled() {
    await this.phone.page.evaluate(async () => {
      await navigator.serviceWorker.ready;
    });
  }

  /** Opens an outlet of the day's route that nobody visited yet; gives its id. */
  async opensPlannedOutlet() {
    await this.tap("tab-route");
    await this.sees("screen-route");
    // A stop that was visited leads to its visit.
    const stop = this.phone.page.locator('[data-testid^="stop-"][href^="/outlets/"]').first();
    const id = Number((await stop.getAttribute("data-testid")).slice("stop-".length));
    await stop.tap();
    await this.sees("screen-outlet");
    return id;
  }

  async startsVisit() {
    await this.tap("visit-start");
    await this.sees("screen-visit");
  }

  async finishesVisit() {
    await this.sees("screen-visit");
    await this.tap("visit-finish");
    await this.tap("visit-finish-confirm");
    await this.on("visit-finish").waitFor({ state: "detached" });
  }

  /** Opens an order and takes `count` pieces of each of the first `products` that are for sale; gives their articles. */
  async fillsOrder({ products, count }) {
    await this.tap("order-new");
    await this.sees("order-pad");
    await this.onAll("product-row-").first().waitFor();
    const for_sale = this.phone.page.locator('[data-testid^="qty-plus-"]:not([disabled])');
    const names = [];
    for (let index = 0; index < products; index++) {
      names.push((await for_sale.nth(index).getAttribute("data-testid")).slice("qty-plus-".length));
    }
    for (const sku of names) {
      for (let tap = 0; tap < count; tap++) await this.tap(`qty-plus-${sku}`);
    }
    return names;
  }

  /** Takes a photo in the open visit; gives its element's name. */
  async takesPhoto(picture, scene = "shelf") {
    const before = new Set(await this.photoNames());
    await this.tap("photo-add");
    await this.tap(`scene-${scene}`);
    await this.on("photo-take-input").setInputFiles({ name: "IMG_0001.jpg", mimeType: "image/jpeg", buffer: picture });
    await this.on("photo-take").waitFor({ state: "detached" });
    await this.phone.page.waitForFunction((count) => document.querySelectorAll("a.thumb").length > count, before.size);
    return (await this.photoNames()).find((name) => !before.has(name));
  }

  /** The names of the photos on the screen. */
  async photoNames() {
    return this.phone.page.locator("a.thumb").evaluateAll((photos) => photos.map((photo) => photo.dataset.testid));
  }

  /** Waits until the element says so by its `data-state`: info (only here), ok (on the server), warn, error. */
  async seesState(name, state) {
    await this.phone.page.locator(`[data-testid="${name}"][data-state="${state}"]`).waitFor({ timeout: SYNC_LIMIT_MS });
  }

  /** Waits until an image of the application is drawn; gives its width in pixels. */
  async seesImage(within) {
    const image = within.locator("img").first();
    await image.waitFor();
    return image.evaluate(async (image) => {
      await image.decode();
      return image.naturalWidth;
    });
  }

  /** Turns «… только по Wi-Fi» on or off on the synchronisation screen. */
  async wantsWiFiOnly(on) {
    if ((await this.on("wifi-only").getAttribute("aria-checked")) !== String(on)) await this.tap("wifi-only");
    await this.phone.page.locator(`[data-testid="wifi-only"][aria-checked="${on}"]`).waitFor();
  }

  /** Places the order on the screen; gives its number and sum in kopecks. */
  async placesOrder() {
    await this.tap("order-review");
    await this.sees("sheet-review");
    const sum = kopecks(await this.on("review-sum").innerText());
    await this.tap("order-place");
    await this.sees("order-number");
    const number = orderNumber(await this.on("order-number").innerText());
    return { number, sum };
  }

  /** Goes to the synchronisation screen. */
  async looksAtSync() {
    await this.tap("state-chip");
    await this.sees("screen-sync");
  }

  /** «Синхронизировать все», until both rows have a new time of success. */
  async synchronisesAll() {
    await this.looksAtSync();
    await this.pressesAll();
  }

  /** The same on the open screen. */
  async pressesAll() {
    const before = await this.successTimes();
    await this.phone.page.locator('[data-testid="sync-all"]:enabled').tap();
    for (const row of ROWS) await this.seesNewSuccess(row, before[row]);
    assert.equal(await this.onAll("row-error-").count(), 0, "no row shows an error");
  }

  /** Waits until a row succeeded later than `before`, in milliseconds of the server's clock. */
  async seesNewSuccess(row, before) {
    await this.phone.page.waitForFunction(
      ({ name, before }) => Number(document.querySelector(`[data-testid="${name}"]`)?.dataset.atMs ?? 0) > before,
      { name: `row-time-${row}`, before },
      { timeout: SYNC_LIMIT_MS },
    );
  }

  /** When each row last succeeded, in milliseconds; 0 if never. */
  async successTimes() {
    const times = {};
    for (const row of ALL_ROWS) times[row] = Number((await this.on(`row-time-${row}`).getAttribute("data-at-ms")) ?? 0);
    return times;
  }

  async goesBack() {
    await this.tap("back");
  }

  /** The shown times of last success, by row. */
  async shownTimes() {
    const times = {};
    for (const row of ROWS) {
      times[row] = await this.on(`row-time-${row}`).innerText();
    }
    return times;
  }

  /** Looks a product up in the pad; gives the shown price of a piece in kopecks. */
  async looksUpPrice(sku) {
    await this.on("order-search").fill(sku);
    return kopecks(await this.on(`price-${sku}`).innerText());
  }

  /** Waits until the pad shows this price of a piece, in kopecks, without touching anything. */
  async seesPrice(sku, price) {
    await this.phone.page.waitForFunction(
      ({ name, digits }) => document.querySelector(`[data-testid="${name}"]`)?.innerText.replace(/\D/g, "") === digits,
      { name: `price-${sku}`, digits: String(price) },
    );
  }

  /** Takes back the document whose box `scope` is on the screen. */
  async withdraws(scope, reason) {
    await this.on(scope).getByTestId("document-withdraw").tap();
    await this.sees("sheet-withdraw");
    assert.ok(await this.on("withdraw-confirm").isDisabled(), "without a reason nothing is taken back");
    await this.on("withdraw-reason").fill(reason);
    await this.tap("withdraw-confirm");
    await this.on("withdraw-confirm").waitFor({ state: "detached" });
  }
}

/** `184 320,50 ₽` or `₽184,320.50` as kopecks. */
export function kopecks(shown) {
  const digits = shown.match(/[\d\s\u00a0\u202f.,]*\d[.,]\d{2}/u)?.[0].replace(/\D/g, "");
  assert.ok(digits, `an amount of money is shown: ${shown}`);
  return Number(digits);
}

/** The number in `Заказ А017-000245`. */
export function orderNumber(shown) {
  const number = shown.match(/\p{L}\d+-\d+/u)?.[0];
  assert.ok(number, `an order number is shown: ${shown}`);
  return number;
}
