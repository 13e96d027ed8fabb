// The guard by itself, before tcp_proxy, with metrics: pipelined calls in several serializations over
// one connection whose provider closes, in the middle of an answer or not.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freePort } from "../../../harness/ports.ts";
import { concat, request, response } from "../../frames/frames.ts";
import { splitFrames } from "../../module/routing/frames.ts";
import { Expected } from "../envoy_series.ts";
import { addListener, LIMIT, startLab, struct, until, type Lab } from "../envoy_setup.ts";
import { digest, pair, Upstream } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const OTHER = { interface: "_OTHER", method: "_OTHER" };
const MIB = 1024 * 1024;
const MANY = 2000;
const HESSIAN2_ANSWER = 64;
const FASTJSON2_ANSWER = 67;

describe("the guard before tcp_proxy", LIMIT, () => {
  let lab: Lab;
  let upstream: Upstream;
  let port: number;

  before(async () => {
    port = await freePort();
    lab = await startLab({
      change: (config) => {
        addListener(config, "guarded", port, struct({ answer_on_upstream_close: true }));
      },
    });
    upstream = await Upstream.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await upstream?.close();
  });

  test("each call in its serialization, behind an answer that came whole", async () => {
    const { near, far } = await pair(port, upstream);
    const calls = [
      request({ id: 1 }),
      request({ id: 2, serialization: "fastjson2" }),
      request({ id: 3, serialization: "kryo" }),
      request({ id: 4 }),
    ];
    await near.write(concat(calls));
    const asked = concat(calls).length;
    await far.has(asked);
    await far.write(concat([response({ id: 4 }), response({ id: 1 }).subarray(0, 18)]));
    await near.has(response().length);
    far.socket.end();
    await near.finished();
    const expected = [
      response({ id: 4 }),
      ...["hessian2", "fastjson2", "hessian2"].map((serialization, i) => {
        const message = "upstream connection closed before the response";
        return response({ id: i + 1, status: 80, serialization, message });
      }),
    ];
    assert.deepEqual(splitFrames(near.received).map(digest), expected.map(digest));
    near.socket.end();
    const failed = { "SERVER_ERROR error": 1 };
    const [one, two, three] = calls.map((call) => call.length) as [number, number, number];
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(GET, {
          twoway: 2,
          requestBytes: 2 * one,
          responses: { ...failed, "OK success": 1 },
          responseBytes: response().length + HESSIAN2_ANSWER,
        })
        .calls(GET, {
          twoway: 1,
          serialization: "fastjson2",
          requestBytes: two,
          responses: failed,
          responseBytes: FASTJSON2_ANSWER,
        })
        .calls(OTHER, {
          twoway: 1,
          serialization: "kryo",
          requestBytes: three,
          responses: failed,
          responseBytes: HESSIAN2_ANSWER,
        })
        .add("guarded_requests_total", GET, 2)
        .add("guarded_requests_total", OTHER, 1)
        .errors("truncated_frame", 1),
    );
  });

  test(`${MANY} calls in flight, in order`, async () => {
    const { near, far } = await pair(port, upstream);
    const asked = concat(Array.from({ length: MANY }, (_, id) => request({ id })));
    await near.write(asked);
    await far.has(asked.length);
    far.socket.end();
    await near.finished();
    const frames = splitFrames(near.received);
    assert.equal(frames.length, MANY);
    frames.forEach((frame, id) => assert.equal(Buffer.from(frame).readUInt32BE(8), id));
    near.socket.end();
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(GET, {
          twoway: MANY,
          requestBytes: asked.length,
          responses: { "SERVER_ERROR error": MANY },
          responseBytes: MANY * HESSIAN2_ANSWER,
        })
        .add("guarded_requests_total", GET, MANY),
    );
  });

  test("an answer of 8 MiB, byte for byte", async () => {
    const { near, far } = await pair(port, upstream);
    await near.write(request({ id: 1 }));
    await far.has(request().length);
    const body = Buffer.alloc(8 * MIB, "0123456789");
    body[0] = 0x91;
    const answer = response({ id: 1, body });
    await far.write(answer);
    await until("all of it", () => near.length === answer.length);
    assert.equal(digest(near.received), digest(answer));
    near.socket.end();
    far.socket.end();
    await lab.grown(
      new Expected().connections(1).calls(GET, {
        twoway: 1,
        requestBytes: request().length,
        responses: { "OK success": 1 },
        responseBytes: answer.length,
      }),
    );
  });
});
