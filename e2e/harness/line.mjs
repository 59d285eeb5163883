// The line between phone and server: counts what goes over it by address, and can be as slow as a village's.

import { once } from "node:events";
import { createServer, request as ask } from "node:http";
import { Transform } from "node:stream";

/** Where files travel: photos, materials, the recognition library. */
export const FILE_PATHS = ["/v1/files", "/v1/uploads", "/v1/library"];

export class Line {
  /** A line to `server`; phones use its `address` instead of the server's. */
  static async to(server) {
    const line = new Line(server);
    line.proxy.listen(0, "127.0.0.1");
    await once(line.proxy, "listening");
    line.address = `http://127.0.0.1:${line.proxy.address().port}`;
    return line;
  }

  constructor(server) {
    this.server = server;
    /** Body bytes by the first two parts of the path: `/v1/files`. */
    this.up = {};
    this.down = {};
    /** Bytes a second towards the server; undefined = as fast as it goes. */
    this.up_speed = undefined;
    this.proxy = createServer((asked, answer) => this.#pass(asked, answer));
  }

  async close() {
    this.proxy.closeAllConnections();
    this.proxy.close();
    await once(this.proxy, "close");
  }

  /** Body bytes of all requests and answers about files so far. */
  fileBytes() {
    return FILE_PATHS.reduce((sum, path) => sum + (this.up[path] ?? 0) + (this.down[path] ?? 0), 0);
  }

  /** Body bytes of uploads so far. */
  uploadedBytes() {
    return this.up["/v1/uploads"] ?? 0;
  }

  #pass(asked, answer) {
    const path = "/" + asked.url.split(/[/?]/).slice(1, 3).join("/");
    const onward = ask({ host: "127.0.0.1", port: this.server.port, method: asked.method, path: asked.url, headers: asked.headers }, (reply) => {
      answer.writeHead(reply.statusCode, reply.headers);
      reply.pipe(this.#counted(this.down, path)).pipe(answer);
    });
    const give_up = () => {
      asked.destroy();
      answer.destroy();
    };
    onward.on("error", give_up);
    answer.on("close", () => onward.destroy());
    asked.pipe(this.#counted(this.up, path, () => this.up_speed)).pipe(onward);
  }

  #counted(sums, path, speed = () => undefined) {
    return new Transform({
      highWaterMark: 16 * 1024,
      transform(bytes, _, done) {
        sums[path] = (sums[path] ?? 0) + bytes.length;
        const pace = speed();
        if (pace === undefined) done(null, bytes);
        else setTimeout(() => done(null, bytes), (bytes.length / pace) * 1000);
      },
    });
  }
}
