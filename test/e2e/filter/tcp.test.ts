// The listener with tcp_proxy: both ends are ours, so every frame of either side is written by the
// test, in any order and in any pieces. All bytes have to arrive as they were sent.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Status } from "../../../demo/dubbo/protocol.ts";
import * as frames from "../../frames/frames.ts";
import { Expected } from "../envoy_series.ts";
import { LIMIT, startLab, type Lab } from "../envoy_setup.ts";
import { pair, Upstream, type End } from "../envoy_sockets.ts";

const USER = "com.k8s.User.UserProvider";
const GET = { interface: USER, method: "GetUser" };
const SET = { interface: USER, method: "SetUser" };
const { concat, request, response, ResponseKind } = frames;

describe("the listener with tcp_proxy", LIMIT, () => {
  let lab: Lab;
  let upstream: Upstream;
  let near: End;
  let far: End;

  before(async () => {
    lab = await startLab();
    upstream = await Upstream.listen(lab.ports.user);
    ({ near, far } = await pair(lab.ports.tcp, upstream));
    await lab.grown(new Expected().connections(1, 1));
  });

  after(async () => {
    near?.socket.destroy();
    await lab?.stop();
    await upstream?.close();
  });

  /** Sends the frames in one write; resolved once the other end has them, unchanged. */
  async function send(from: End, to: End, ...sent: Uint8Array[]): Promise<number> {
    const bytes = concat(sent);
    const start = to.length;
    await from.write(bytes);
    await to.has(start + bytes.length);
    assert.deepEqual(to.received.subarray(start), Buffer.from(bytes));
    return bytes.length;
  }

  const ask = (...sent: Uint8Array[]) => send(near, far, ...sent);
  const answer = (...sent: Uint8Array[]) => send(far, near, ...sent);

  test("pipelined calls in one write, answered out of order in one write", async () => {
    const get = [1, 2, 3].map((id) => request({ id }));
    const set = [4, 5].map((id) => request({ id, method: "SetUser", args: [{ id: "x" }] }));
    const oneway = request({ id: 6, twoway: false });
    await ask(get[0]!, set[0]!, oneway, get[1]!, set[1]!, get[2]!);
    // Sizes tell the answers apart: each has to be added to the call that it belongs to.
    const results = new Map(
      [5, 2, 4, 1, 3].map((id) => [id, response({ id, value: "v".repeat(id) })]),
    );
    await answer(...results.values());
    const bytes = (...ids: number[]) => ids.reduce((sum, id) => sum + results.get(id)!.length, 0);
    await lab.grown(
      new Expected()
        .calls(GET, {
          twoway: 3,
          oneway: 1,
          requestBytes: concat([...get, oneway]).length,
          responses: { "OK success": 3 },
          responseBytes: bytes(1, 2, 3),
        })
        .calls(SET, {
          twoway: 2,
          requestBytes: concat(set).length,
          responses: { "OK success": 2 },
          responseBytes: bytes(4, 5),
        }),
    );
  });

  test("one frame in many writes, byte by byte and in pieces, both ways", async () => {
    const expected = new Expected();
    for (const size of [1, 7, 16, 100]) {
      const [asked, answered] = [request({ id: size }), response({ id: size, kind: 4 })];
      const [toFar, toNear] = [far.length, near.length];
      await near.writeInPieces(asked, size, far);
      await far.writeInPieces(answered, size, near);
      assert.deepEqual(far.received.subarray(toFar), Buffer.from(asked));
      assert.deepEqual(near.received.subarray(toNear), Buffer.from(answered));
      expected.calls(GET, {
        twoway: 1,
        requestBytes: asked.length,
        responses: { "OK success": 1 },
        responseBytes: answered.length,
      });
    }
    await lab.grown(expected);
  });

  test("every kind of result and every status, known or not", async () => {
    const kinds = Object.entries(ResponseKind).map(([name, kind], id) => {
      const outcome = name.startsWith("exception") ? "exception" : "success";
      return { how: `OK ${outcome}`, frame: response({ id, kind }) };
    });
    const { OK: _, ...bad } = Status;
    const failures = Object.entries({ ...bad, UNKNOWN: 77 }).map(([name, status], index) => {
      return { how: `${name} error`, frame: response({ id: kinds.length + index, status }) };
    });
    const answers = [...kinds, ...failures];
    const responses: Record<string, number> = {};
    for (const { how } of answers) responses[how] = (responses[how] ?? 0) + 1;
    const requestBytes = await ask(...answers.map((_, id) => request({ id })));
    const responseBytes = await answer(...answers.map(({ frame }) => frame));
    const twoway = answers.length;
    await lab.grown(new Expected().calls(GET, { twoway, requestBytes, responses, responseBytes }));
  });

  test("a call in flight is active until it is answered", async () => {
    const requestBytes = await ask(request({ id: 1 }));
    await lab.grown(new Expected().calls(GET, { twoway: 1, requestBytes, active: 1 }));
    const responseBytes = await answer(response({ id: 1 }));
    const answered = { requestBytes: 0, responses: { "OK success": 1 }, responseBytes };
    await lab.grown(new Expected().calls(GET, answered).add("requests_active", GET, -1));
  });

  test("heartbeats of both sides, READONLY and what Dubbo does not send", async () => {
    await ask(frames.heartbeat({ id: 1 }));
    await answer(frames.heartbeatResponse({ id: 1 }));
    await answer(
      frames.heartbeat({ id: 2 }),
      frames.heartbeat({ id: 3, serialization: "fastjson2" }),
    );
    await ask(frames.heartbeatResponse({ id: 2 }), frames.heartbeatResponse({ id: 3 }));
    await answer(frames.readonly({ id: 4 }), frames.readonly({ id: 4 }));
    await answer(frames.heartbeat({ id: 5, twoway: false, body: Buffer.from("\x01W") }));
    await answer(frames.heartbeat({ id: 6, twoway: false, body: Buffer.from("\x01Q") }));
    await lab.grown(
      new Expected()
        .events("heartbeat_request", "downstream", 1)
        .events("heartbeat_response", "upstream", 1)
        .events("heartbeat_request", "upstream", 2)
        .events("heartbeat_response", "downstream", 2)
        .events("readonly", "upstream", 2)
        .events("writeable", "upstream", 1)
        .events("other", "upstream", 1)
        .errors("malformed_event", 1),
    );
  });

  test("a callback: the provider asks, sides change, ids are its own", async () => {
    const callback = { interface: "com.k8s.Test.Callback", method: "changed" };
    const { interface: path, method } = callback;
    // The same id both ways at once.
    const requestBytes = await ask(request({ id: 1 }));
    const calledBytes = await answer(request({ id: 1, path, method, version: null }));
    const repliedBytes = await ask(response({ id: 1, kind: 2 }));
    const responseBytes = await answer(response({ id: 1 }));
    const responses = { "OK success": 1 };
    await lab.grown(
      new Expected()
        .calls(GET, { twoway: 1, requestBytes, responses, responseBytes })
        .calls(
          callback,
          { twoway: 1, requestBytes: calledBytes, responses, responseBytes: repliedBytes },
          "provider",
        ),
    );
  });

  test("answers that nobody asked for, and an answer that comes twice", async () => {
    const requestBytes = await ask(request({ id: 1 }));
    const responseBytes = await answer(response({ id: 1 }));
    await answer(response({ id: 1 }), response({ id: 99 }));
    await ask(response({ id: 1 }));
    await lab.grown(
      new Expected()
        .calls(GET, { twoway: 1, requestBytes, responses: { "OK success": 1 }, responseBytes })
        .add("unmatched_responses_total", { direction: "upstream" }, 2)
        .add("unmatched_responses_total", { direction: "downstream" }, 1),
    );
  });

  test("fastjson2, and an answer in another serialization", async () => {
    const serialization = "fastjson2";
    const requestBytes = await ask(
      request({ id: 1, serialization }),
      request({ id: 2, serialization }),
    );
    const responseBytes = await answer(
      response({ id: 2, status: Status.SERVICE_ERROR }),
      response({ id: 1, serialization, kind: 4 }),
    );
    const responses = { "OK success": 1, "SERVICE_ERROR error": 1 };
    await lab.grown(
      new Expected().calls(GET, {
        twoway: 2,
        serialization,
        requestBytes,
        responses,
        responseBytes,
      }),
    );
  });

  test("a duration is the time until the answer, in milliseconds", async () => {
    const method = "Slow";
    const requestBytes = await ask(request({ id: 1, method }));
    const ms = 300;
    await sleep(ms);
    const responseBytes = await answer(response({ id: 1 }));
    const slow = { interface: USER, method };
    const responses = { "OK success": 1 };
    const { histograms } = await lab.grown(
      new Expected().calls(slow, { twoway: 1, requestBytes, responses, responseBytes }),
    );
    const [key] = new Expected().add("request_duration_milliseconds", slow, 0).values.keys();
    const { sum } = histograms.get(key!)!;
    // Envoy's histograms round by up to five per cent; and no unit is mistaken for a smaller one.
    assert.ok(sum >= 0.95 * ms && sum < 1000 * ms, `${sum} ms`);
  });

  test("nothing is counted later", async () => {
    near.socket.end();
    far.socket.end();
    await lab.grown(new Expected().closed(1));
    await lab.stays();
  });
});
