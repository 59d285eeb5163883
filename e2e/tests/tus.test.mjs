// The official client of the tus protocol against the real server: whoever speaks tus 1.0 can send photos. No browser.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import * as tus from "tus-js-client";

import { DEMO_REP, Server } from "../harness/server.mjs";

let server;
let token;

before(async () => {
  server = await Server.withDemoCompany();
  const answer = await fetch(`${server.address}/v1/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ...DEMO_REP, device: { id: "01a20201-c480-7707-8707-070707070701", model: "tus-js-client" } }),
  });
  const signed = await answer.json();
  assert.equal(signed.next, "signed_in", JSON.stringify(signed));
  token = signed.token;
});

after(() => server?.close());

/** A JPEG by its structure, of so many bytes. */
function jpeg(length) {
  const head = Buffer.from("ffd8ffe000104a46494600010200000100010000ffc0000b0804b0064001011100ffda0008010100003f00", "hex");
  const data = randomBytes(length - head.length - 2).map((byte) => (byte === 0xff ? 0 : byte));
  return Buffer.concat([head, data, Buffer.from([0xff, 0xd9])]);
}

/** Sends a file; gives the client and its answers. */
function send(file, options = {}) {
  return new Promise((resolve, reject) => {
    const answers = [];
    const upload = new tus.Upload(file, {
      endpoint: `${server.address}/v1/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { class: "photo", filetype: "image/jpeg", filename: "shelf.jpg" },
      retryDelays: [0, 50, 200],
      onAfterResponse: (request, response) => answers.push({ method: request.getMethod(), status: response.getStatus(), response }),
      onSuccess: () => resolve({ upload, answers }),
      onError: (error) => reject(Object.assign(error, { upload, answers })),
      ...options,
    });
    upload.start();
  });
}

/** The file as the server gives it back. */
async function fetched(answers) {
  const hash = answers.at(-1).response.getHeader("polevik-file-hash");
  assert.match(hash, /^[0-9a-f]{64}$/);
  const answer = await fetch(`${server.address}/v1/files/${hash}`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return Buffer.from(await answer.arrayBuffer());
}

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

test("a photo in one request: creation with upload", async () => {
  const file = jpeg(300_000);
  const { answers } = await send(file, { uploadDataDuringCreation: true });
  assert.deepEqual(answers.map(({ method, status }) => [method, status]), [["POST", 201]]);
  assert.equal(digest(await fetched(answers)), digest(file));
});

test("a photo in chunks, created first", async () => {
  const file = jpeg(1_000_000);
  const { answers } = await send(file, { chunkSize: 300_000 });
  assert.deepEqual(
    answers.map(({ method, status }) => [method, status]),
    [["POST", 201], ["PATCH", 204], ["PATCH", 204], ["PATCH", 204], ["PATCH", 204]],
  );
  assert.equal(digest(await fetched(answers)), digest(file));
});

test("an upload that was stopped goes on where it was", async () => {
  const file = jpeg(2_000_000);
  const uploadUrl = await new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint: `${server.address}/v1/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { filetype: "image/jpeg" },
      chunkSize: 400_000,
      onChunkComplete: (_size, accepted) => {
        if (accepted === 800_000) resolve(upload.abort().then(() => upload.url));
      },
      onError: reject,
      onSuccess: () => reject(new Error("it was to be stopped")),
    });
    upload.start();
  });
  const { answers } = await send(file, { uploadUrl });
  assert.equal(answers[0].method, "HEAD");
  assert.equal(answers[0].response.getHeader("upload-offset"), "800000");
  assert.equal(digest(await fetched(answers)), digest(file));
});

test("a server that is killed in the middle of a photo loses none of what it told", async () => {
  const file = jpeg(3_000_000);
  let killed = false;
  const { answers } = await send(file, {
    chunkSize: 500_000,
    retryDelays: [0, 200, 500, 1_000, 2_000, 4_000, 8_000],
    onChunkComplete: (_size, accepted) => {
      if (accepted >= 1_000_000 && !killed) {
        killed = true;
        server.process.kill("SIGKILL");
        server.process.once("exit", () => server.start());
      }
    },
  });
  assert.ok(killed);
  const offsets = answers.filter(({ method }) => method === "HEAD").map(({ response }) => Number(response.getHeader("upload-offset")));
  assert.ok(offsets.some((offset) => offset >= 1_000_000), `${offsets}`);
  assert.equal(digest(await fetched(answers)), digest(file));
});

test("connections that break in the middle of a request cost little", async () => {
  const file = jpeg(2_000_000);
  const line = await breakingLine(server.port, [150_000, 700_000, 400_000]);
  try {
    const endpoint = `http://127.0.0.1:${line.port}/v1/uploads`;
    const { answers } = await send(file, { endpoint, retryDelays: [0, 50, 100, 200, 400] });
    assert.ok(line.broken === 3, `${line.broken}`);
    assert.equal(digest(await fetched(answers)), digest(file));
    assert.ok(line.sent < file.length + 3 * 256 * 1024 + 64 * 1024, `${line.sent} bytes were sent of a file of ${file.length}`);
  } finally {
    line.close();
  }
});

/** A line to the server whose connections break after so many bytes, each once. */
async function breakingLine(port, breaks) {
  const line = { broken: 0, sent: 0 };
  const listener = createServer((client) => {
    const target = connect(port, "127.0.0.1");
    const most = breaks[line.broken] ?? Infinity;
    let passed = 0;
    target.pipe(client);
    client.on("data", (bytes) => {
      passed += bytes.length;
      line.sent += bytes.length;
      target.write(bytes);
      if (passed > most) {
        line.broken += 1;
        client.destroy();
        target.destroy();
      }
    });
    for (const [one, other] of [[client, target], [target, client]]) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.end());
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return Object.assign(line, { port: listener.address().port, close: () => listener.close() });
}

test("an upload can be given up", async () => {
  const file = jpeg(900_000);
  const upload = await new Promise((resolve, reject) => {
    const upload = new tus.Upload(file, {
      endpoint: `${server.address}/v1/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { filetype: "image/jpeg" },
      chunkSize: 300_000,
      onChunkComplete: () => resolve(upload),
      onError: reject,
    });
    upload.start();
  });
  await upload.abort(true);
  const answer = await fetch(upload.url, { method: "HEAD", headers: { authorization: `Bearer ${token}`, "tus-resumable": "1.0.0" } });
  assert.equal(answer.status, 404);
});

test("clients that cannot PATCH say so in a header", async () => {
  const file = jpeg(200_000);
  const { answers } = await send(file, { overridePatchMethod: true });
  assert.deepEqual(answers.map(({ method, status }) => [method, status]), [["POST", 201], ["POST", 204]]);
  assert.equal(digest(await fetched(answers)), digest(file));
});

test("what is no picture is refused, and the client hears why", async () => {
  const file = Buffer.from("<!doctype html><script>alert(1)</script>");
  const error = await send(file, { retryDelays: null }).then(() => assert.fail("it was taken"), (error) => error);
  assert.equal(error.originalResponse.getStatus(), 460);
  assert.equal(JSON.parse(error.originalResponse.getBody()).code, "L502");
});

test("without a token nobody uploads", async () => {
  const error = await send(jpeg(1_000), { headers: {}, retryDelays: null }).then(() => assert.fail("it was taken"), (error) => error);
  assert.equal(error.originalResponse.getStatus(), 401);
});
