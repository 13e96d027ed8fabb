// Connections that end in mid-call: who closed, what stays unanswered, and gauges that come back.
//
// tcp_proxy passes the end of a stream on and closes when both have ended, so Envoy's close callback
// names the side that ended last. The filter goes by the first end that it saw.
// Of dubbo_proxy only what clients do is here; guard_*.test.ts have the providers that end in mid-call.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { concat, request, response } from "../../frames/frames.ts";
import { bytesOf, Caller } from "../envoy_caller.ts";
import { Expected } from "../envoy_series.ts";
import { LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";
import { dial, pair, Upstream, type End } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const ORDER = { interface: "com.k8s.Order.OrderProvider", method: "GetOrder" };
const BYTES = request().length;

describe("connections that end in mid-call", LIMIT, () => {
  let lab: Lab;
  let upstream: Upstream;

  before(async () => {
    lab = await startLab();
    upstream = await Upstream.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await upstream?.close();
  });

  /** A connection on which three calls were made and the second was answered. */
  async function inMidCall(): Promise<{ near: End; far: End; expected: Expected }> {
    const { near, far } = await pair(lab.ports.tcp, upstream);
    for (const id of [1, 2, 3]) await near.write(request({ id }));
    await far.has(3 * BYTES);
    const answer = response({ id: 2 });
    await far.write(answer);
    await near.has(answer.length);
    await lab.grown(
      new Expected().connections(1, 1).calls(GET, {
        twoway: 3,
        active: 2,
        requestBytes: 3 * BYTES,
        responses: { "OK success": 1 },
        responseBytes: answer.length,
      }),
    );
    const expected = new Expected().closed(1).add("requests_active", GET, -2);
    return { near, far, expected };
  }

  const ends: [string, "near" | "far", string, (near: End, far: End) => void][] = [
    ["the provider ends its stream", "near", "local", (_, far) => far.socket.end()],
    ["the provider is gone", "near", "local", (_, far) => far.socket.destroy()],
    ["the provider resets", "near", "local", (_, far) => far.socket.resetAndDestroy()],
    ["the client is gone", "far", "remote", (near) => near.socket.destroy()],
    ["the client resets", "far", "remote", (near) => near.socket.resetAndDestroy()],
  ];
  for (const [what, left, by, close] of ends) {
    test(`${what}: two unanswered, closed by ${by}`, async () => {
      const { expected, ...both } = await inMidCall();
      close(both.near, both.far);
      await both[left].finished();
      both[left].socket.end();
      await lab.grown(expected.add("unanswered_requests_total", { ...GET, closed_by: by }, 2));
    });
  }

  test("the client ends its stream, and what is answered then is still counted", async () => {
    const { near, far, expected } = await inMidCall();
    near.socket.end();
    await far.finished();
    const answer = response({ id: 1 });
    const before = near.length;
    await far.write(answer);
    await near.has(before + answer.length);
    far.socket.end();
    expected.calls(GET, {
      requestBytes: 0,
      responses: { "OK success": 1 },
      responseBytes: answer.length,
    });
    expected.add("unanswered_requests_total", { ...GET, closed_by: "remote" }, 1);
    await lab.grown(expected);
  });

  test("half a request and half an answer are no call and no answer", async () => {
    const { near, far } = await pair(lab.ports.tcp, upstream);
    await near.write(request({ id: 1 }));
    await near.write(request({ id: 2 }).subarray(0, 100));
    await far.has(BYTES + 100);
    await far.write(response({ id: 1 }).subarray(0, 18));
    await near.has(18);
    near.socket.destroy();
    await far.finished();
    far.socket.end();
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(GET, { twoway: 1, requestBytes: BYTES, unanswered: { remote: 1 } })
        .errors("truncated_frame", 2),
    );
  });

  for (const reset of [false, true]) {
    test(`through dubbo_proxy the client ${reset ? "resets" : "is gone"}: closed by remote`, async () => {
      const own = "envoy_dubbo_dubbo_incomming_stats_cx_destroy_remote_with_active_rq";
      const [count, before] = [upstream.ends.length, await lab.own(own)];
      const near = await dial(lab.ports.dubbo);
      await near.write(concat([request({ id: 1 }), request({ id: 2 })]));
      const ours = () => upstream.ends.slice(count);
      await until("both at the provider", () => {
        return ours().length === 2 && ours().every((far) => far.length === BYTES);
      });
      await lab.grown(
        new Expected()
          .connections(1, 1)
          .calls(GET, { twoway: 2, active: 2, requestBytes: 2 * BYTES }),
      );
      if (reset) near.socket.resetAndDestroy();
      else near.socket.destroy();
      for (const far of ours()) await far.finished();
      const unanswered = { requestBytes: 0, unanswered: { remote: 2 } };
      await lab.grown(
        new Expected().closed(1).add("requests_active", GET, -2).calls(GET, unanswered),
      );
      // Envoy's own statistics say the same.
      assert.equal((await lab.own(own)) - before, 2);
    });
  }

  test("a provider that refuses, through dubbo_proxy: the guard's SERVER_ERROR", async () => {
    const caller = await Caller.dial(lab.ports.dubbo);
    const { interface: path, method } = ORDER;
    const asked = await caller.ask([{ path, method }]);
    caller.close();
    const responses = { "SERVER_ERROR error": 1 };
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(ORDER, { twoway: 1, responses, ...bytesOf(asked) })
        .add("guarded_requests_total", ORDER, 1),
    );
  });

  test("a provider that refuses, through tcp_proxy: no byte was read, so no call is seen", async () => {
    await upstream.close();
    const near = await dial(lab.ports.tcp);
    near.socket.write(request());
    await near.finished();
    assert.equal(near.length, 0);
    await lab.grown(new Expected().connections(1).unused("local", 1));
    await lab.stays();
  });
});
