// What is not Dubbo passes the listener with tcp_proxy unharmed, and makes each connection count
// once: TLS, HTTP/2, garbage, foreign bytes after good frames, lengths that nobody can mean.

import assert from "node:assert/strict";
import { once } from "node:events";
import * as http2 from "node:http2";
import { after, before, describe, test } from "node:test";
import * as tls from "node:tls";
import { concat, frame, request, response } from "../../frames/frames.ts";
import { Expected } from "../envoy_series.ts";
import { LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";
import { pair, Upstream } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };

describe("bytes that are not Dubbo", LIMIT, () => {
  let lab: Lab;

  before(async () => {
    lab = await startLab();
  });

  after(async () => lab?.stop());

  test("a TLS session works", async () => {
    // A key that both know, and so no certificate.
    const psk = Buffer.alloc(32, 7);
    const options = { ciphers: "PSK", minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;
    const server = tls.createServer({ ...options, pskCallback: () => psk });
    server.on("secureConnection", (socket) => socket.pipe(socket));
    await listening(server, lab.ports.user);
    const socket = tls.connect({
      ...options,
      port: lab.ports.tcp,
      host: "127.0.0.1",
      pskCallback: () => ({ psk, identity: "test" }),
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    // Frames inside TLS are none to us.
    const sent = Buffer.from(concat(Array.from({ length: 100 }, (_, id) => request({ id }))));
    socket.end(sent);
    const got = Buffer.concat(await socket.toArray());
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(got, sent);
    await lab.grown(new Expected().connections(1).passthrough(1));
  });

  test("HTTP/2 works, many streams on one connection", async () => {
    const server = http2.createServer();
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200 });
      stream.pipe(stream);
    });
    await listening(server, lab.ports.user);
    const session = http2.connect(`http://127.0.0.1:${lab.ports.tcp}`);
    const bodies = Array.from({ length: 20 }, (_, index) => `${index} `.repeat(10_000));
    const echoes = await Promise.all(
      bodies.map(async (body) => {
        const stream = session.request({ ":method": "POST", ":path": "/echo" });
        stream.end(body);
        return Buffer.concat(await stream.toArray()).toString();
      }),
    );
    await new Promise<void>((resolve) => session.close(resolve));
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(echoes, bodies);
    await lab.grown(new Expected().connections(1).passthrough(1));
  });

  describe("raw bytes", () => {
    let upstream: Upstream;

    before(async () => {
      upstream = await Upstream.listen(lab.ports.user);
    });

    after(async () => upstream?.close());

    /** Both ends send; everything arrives as it was, and the connection closes. */
    async function exchange(downstream: Uint8Array[], answers: Uint8Array[]): Promise<void> {
      const { near, far } = await pair(lab.ports.tcp, upstream);
      for (const bytes of downstream) await near.writeInPieces(bytes, bytes.length, far);
      for (const bytes of answers) await far.writeInPieces(bytes, bytes.length, near);
      near.socket.end();
      await far.finished();
      far.socket.end();
      await until("the connection's end", () => near.closed && far.closed);
      assert.deepEqual(far.received, Buffer.from(concat(downstream)));
      assert.deepEqual(near.received, Buffer.from(concat(answers)));
    }

    test("garbage of both sides, in many writes, counts its connection once", async () => {
      const noise = Uint8Array.from({ length: 5000 }, (_, i) => (i * 31 + 1) & 0xff);
      await exchange([noise, noise, noise], [noise, noise]);
      await lab.grown(new Expected().connections(1).passthrough(1));
    });

    test("half a magic number, then something else; the answer is not looked at", async () => {
      await exchange([Uint8Array.of(0xda), Uint8Array.of(0xbc)], [response({ id: 1 })]);
      await lab.grown(new Expected().connections(1).passthrough(1));
    });

    test("silence is not foreign, half a head is half a frame", async () => {
      await exchange([], []);
      await exchange([request().subarray(0, 10)], []);
      await lab.grown(
        new Expected().connections(2).unused("remote", 1).errors("truncated_frame", 1),
      );
    });

    test("foreign bytes after good frames: what was counted stays, the rest is untracked", async () => {
      const asked = [request({ id: 1 }), request({ id: 2 })];
      const foreign = Buffer.from("GET / HTTP/1.1\r\n\r\n");
      await exchange([...asked, foreign, request({ id: 3 })], [response({ id: 1 })]);
      await lab.grown(
        new Expected()
          .connections(1)
          .passthrough(1)
          .errors("bad_magic", 1)
          .calls(GET, { twoway: 2, requestBytes: concat(asked).length, untracked: 2 }),
      );
    });

    test("foreign bytes of the server after a good answer", async () => {
      const answer = response({ id: 1 });
      await exchange([request({ id: 1 })], [answer, Buffer.from("and more")]);
      await lab.grown(
        new Expected()
          .connections(1)
          .passthrough(1)
          .errors("bad_magic", 1)
          .calls(GET, {
            twoway: 1,
            requestBytes: request({ id: 1 }).length,
            responses: { "OK success": 1 },
            responseBytes: answer.length,
          }),
      );
    });

    for (const length of [0xffffffff, 0x7fffffff, 8 * 1024 * 1024 + 1]) {
      test(`a head that announces ${length} bytes`, async () => {
        const head = frame({ flag: 0xc2, id: 1, length }, Uint8Array.of(5, 0x32));
        await exchange([head, request({ id: 2 })], []);
        await lab.grown(new Expected().connections(1).passthrough(1).errors("body_too_large", 1));
      });
    }

    test("nothing is counted later", () => lab.stays());
  });
});

async function listening(server: tls.Server | http2.Http2Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
