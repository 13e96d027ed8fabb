// READONLY, heartbeats and answers to heartbeats of a provider behind dubbo_proxy: with the guard they go nowhere, and without it they cost
// calls and connections.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import {
  concat,
  heartbeat,
  heartbeatResponse,
  readonly,
  request,
  response,
} from "../../frames/frames.ts";
import { withoutGuard } from "../../guard/guard_call.ts";
import { LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";
import { dial, Upstream, type End } from "../envoy_sockets.ts";

const OK = 20;
const BAD_RESPONSE = 50;
const EVENTS: Record<string, Uint8Array> = {
  "READONLY in hessian2": readonly({ id: 900 }),
  "READONLY in fastjson2": readonly({ id: 901, serialization: "fastjson2" }),
  "a heartbeat": heartbeat({ id: 902 }),
  "an answer to one in hessian2": heartbeatResponse({ id: 903 }),
  "an answer to one in fastjson2": heartbeatResponse({ id: 904, serialization: "fastjson2" }),
  "an answer without a body": heartbeatResponse({ id: 905, body: new Uint8Array(0) }),
};

interface Stage {
  lab: Lab;
  near: End;
  upstream: Upstream;
}

async function start(t: TestContext, change?: typeof withoutGuard): Promise<Stage> {
  const lab = await startLab({ componentLogLevel: "dubbo:critical", change });
  t.after(() => lab.stop());
  const upstream = await Upstream.listen(lab.ports.user);
  t.after(() => upstream.close());
  const near = await dial(lab.ports.dubbo);
  t.after(() => near.socket.destroy());
  return { lab, near, upstream };
}

/** Sends call `id`, and gives the provider's end of the connection on which it has arrived. */
async function arrived({ near, upstream }: Stage, id: number): Promise<End> {
  const before = upstream.ends.map((end) => end.length);
  await near.write(request({ id }));
  const isNew = (end: End, i: number): boolean => end.length > (before[i] ?? 0);
  await until(`call ${id}`, () => upstream.ends.some(isNew));
  return upstream.ends.find(isNew)!;
}

describe("events that a provider sends", LIMIT, () => {
  test("go nowhere behind the guard: each call has its answer, all on one connection", async (t) => {
    const stage = await start(t);
    const { near, upstream } = stage;
    let id = 0;
    let length = 0;
    for (const [name, event] of Object.entries(EVENTS)) {
      for (const place of ["before the answer", "behind it"]) {
        const far = await arrived(stage, ++id);
        const answer = response({ id });
        await far.write(concat(place === "behind it" ? [answer, event] : [event, answer]));
        await near.has((length += answer.length));
        assert.equal(near.received.at(length - answer.length + 3), OK, `${name} ${place}`);
        assert.equal(upstream.ends.length, 1, `${name} ${place}`);
      }
    }
    // Between calls.
    await upstream.ends[0]!.write(concat(Object.values(EVENTS)));
    const far = await arrived(stage, ++id);
    await far.write(response({ id }));
    await near.has(length + response({ id }).length);
    assert.equal(upstream.ends.length, 1);
  });

  test("without it cost a call that is open, or its answer, or an idle connection", async (t) => {
    const stage = await start(t, withoutGuard);
    const { lab, near } = stage;
    const bad = await arrived(stage, 1);
    await bad.write(EVENTS["READONLY in fastjson2"]!);
    await bad.finished();
    await until("an answer", () => near.length > 16);
    assert.equal(near.received[3], BAD_RESPONSE);

    const { length } = near.received;
    const read = async (): Promise<number> => {
      const stats = await lab.envoy.get("/stats?filter=upstream_cx_rx_bytes_total");
      const counts = [...stats.matchAll(/: (\d+)$/gm)].map(([, count]) => Number(count));
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const before = await read();
    const far = await arrived(stage, 2);
    const both = concat([EVENTS["a heartbeat"]!, response({ id: 2 })]);
    await far.write(both);
    await until("both read", async () => (await read()) >= before + both.length);
    assert.equal(near.length, length);
    // The next bytes bring it forth.
    await far.write(EVENTS["READONLY in hessian2"]!);
    await near.has(length + response({ id: 2 }).length);
    // It is idle now.
    await far.write(EVENTS["READONLY in hessian2"]!);
    await far.finished();
  });
});
