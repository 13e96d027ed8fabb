// Bytes out are bytes in: large calls through both listeners, and every captured frame.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { concat, fixture, fixtureIndex, request, response } from "../../frames/frames.ts";
import { hessianString } from "../../frames/hessian2.ts";
import { Expected, sumOf } from "../envoy_series.ts";
import { LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";
import { dial, digest, pair, Upstream } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const SERIALIZATIONS = { hessian2: 2, java: 3, compactedjava: 4, fastjson2: 23 };
const MIB = 1024 * 1024;
/** Far more than a worker needs to tell all its metrics. */
const SETTLE_MS = 500;
/** The protocol's limit of a body, 8 MiB. */
const MOST = 8 * MIB;

describe("bytes", LIMIT, () => {
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

  for (const listener of ["dubbo", "tcp"] as const) {
    test(`1 MiB asked, 8 MiB answered through the listener ${listener}`, async () => {
      const asked = request({ id: -5, args: [hessianString(text(MIB))] });
      // dubbo_proxy has to have read the whole body before it passes anything on.
      const answered = response({ id: -5, kind: 1, value: exactly(MOST - 1) });
      assert.equal(answered.length, 16 + MOST);
      const count = upstream.ends.length;
      const near = await dial(lab.ports[listener]);
      await near.write(asked);
      await until("the upstream connection", () => upstream.ends.length > count);
      const far = upstream.ends[count]!;
      await far.has(asked.length);
      await far.write(answered);
      await near.has(answered.length);
      assert.equal(digest(near.received), digest(answered));
      assert.equal(digest(far.received), digest(asked));
      near.socket.end();
      far.socket.end();
      await lab.grown(
        new Expected().connections(1).calls(GET, {
          twoway: 1,
          requestBytes: asked.length,
          responses: { "OK success": 1 },
          responseBytes: answered.length,
        }),
      );
    });
  }

  test("every captured frame, in writes that end anywhere", async () => {
    const before = await lab.scrape();
    const { near, far } = await pair(lab.ports.tcp, upstream);
    const frames = fixtureIndex();
    const stream = (direction: string) => {
      const mine = frames.filter((entry) => entry.direction === direction);
      assert.ok(mine.length > 50);
      return concat(mine.map(({ file }) => fixture(file)));
    };
    const sent = { downstream: stream("downstream"), upstream: stream("upstream") };
    // A prime, so that the writes end at every place of a frame sooner or later.
    for (let at = 0; at < sent.downstream.length; at += 1009) {
      await near.write(sent.downstream.subarray(at, at + 1009));
    }
    await far.has(sent.downstream.length);
    for (let at = 0; at < sent.upstream.length; at += 4001) {
      await far.write(sent.upstream.subarray(at, at + 4001));
    }
    await near.has(sent.upstream.length);
    near.socket.end();
    far.socket.end();
    assert.equal(digest(far.received), digest(sent.downstream));
    assert.equal(digest(near.received), digest(sent.upstream));

    // Each frame was seen for what it is; who answers whom is chance here, ids come again.
    await until("the connection's end", async () => {
      const { values } = await lab.scrape();
      const total = sumOf(values, "connections_total");
      return total === 3 && sumOf(values, "connections_active") === 0;
    });
    // The worker tells one metric after the other: a scrape may come in between.
    await sleep(SETTLE_MS);
    const { values } = await lab.scrape();
    const grown = (metric: string, labels: Record<string, string>) =>
      sumOf(values, metric, labels) - sumOf(before.values, metric, labels);
    for (const kind of ["request", "oneway-request"] as const) {
      const call = kind === "request" ? "twoway" : "oneway";
      for (const [serialization, id] of Object.entries(SERIALIZATIONS)) {
        const of = frames.filter((frame) => frame.kind === kind && frame.serializationId === id);
        assert.ok(of.length > 0);
        assert.equal(grown("requests_total", { call, serialization }), of.length, serialization);
        // By name too. Not by method: a generic call is shown as what it calls.
        for (const path of new Set(of.map((frame) => frame.path))) {
          if (path === undefined) continue;
          const same = of.filter((frame) => frame.path === path);
          const labels = { call, serialization, interface: path };
          assert.equal(grown("requests_total", labels), same.length, path);
        }
      }
    }
    for (const kind of ["heartbeat-request", "heartbeat-response"] as const) {
      const of = frames.filter((frame) => frame.kind === kind);
      assert.equal(grown("events_total", { kind: kind.replace("-", "_") }), of.length, kind);
    }
    const readonly = frames.filter((frame) => frame.kind === "event-request");
    assert.equal(grown("events_total", { kind: "readonly" }), readonly.length);
    assert.equal(grown("decode_errors_total", {}), 0);
    assert.equal(grown("passthrough_connections_total", {}), 0);
    assert.equal(grown("requests_active", {}), 0);
  });
});

// Different everywhere, so that bytes which went missing or came twice show.
function text(length: number): string {
  let result = "";
  for (let block = 0; result.length < length; block++) result += `${block}:${block * 7919} `;
  return result.slice(0, length);
}

/** A Hessian binary value that takes so many bytes, in chunks of 32 KiB. */
function exactly(size: number): Uint8Array {
  const parts: Uint8Array[] = [];
  const bytes = Buffer.from(text(size));
  const chunk = 32765;
  let left = size;
  while (left > chunk + 3) {
    parts.push(Uint8Array.of(0x41, chunk >> 8, chunk & 0xff), bytes.subarray(0, chunk));
    left -= chunk + 3;
  }
  parts.push(Uint8Array.of(0x42, (left - 3) >> 8, (left - 3) & 0xff), bytes.subarray(0, left - 3));
  return concat(parts);
}
