// What routing keeps: nothing per call, held frames within a budget, and nothing of a connection that
// has ended.

import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, heartbeat, request } from "../../frames/frames.ts";
import { splitFrames, texts } from "./frames.ts";
import { counted, start } from "./setup.ts";

const MIB = 1024 * 1024;
const set = (value: string): object => ({ set: [{ name: "dubbo-route", value }] });
const SPLIT = {
  protected: ["dubbo-route"],
  filter_state: true,
  rules: [
    {
      name: "jason",
      match: { attachments: [{ name: "end-user", exact: "jason" }] },
      attachments: set("v2"),
    },
    {
      name: "canary",
      split: {
        hash_on: { attachment: "user-id" },
        choices: [
          { weight: 80, attachments: set("v1") },
          { weight: 20, attachments: set("v2") },
        ],
      },
    },
  ],
};
const UNPROTECTED = { rules: [{ attachments: set("x") }] };

test("100,000 rewritten calls leave memory as it was", () => {
  const { vm, plugin } = start(SPLIT);
  const calls = Array.from({ length: 40 }, (_, i) =>
    request({
      id: i,
      twoway: false,
      serialization: i % 4 === 0 ? "fastjson2" : "hessian2",
      extraAttachments: {
        "user-id": `u${i}`,
        "Dubbo-Route": "spoof",
        ...(i % 5 ? {} : { "end-user": "jason" }),
      },
    }),
  );
  const bytes = concat([...calls, heartbeat()]);
  const round = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const connection = plugin.connect({ collect: false });
      const place = 1 + ((i * 97) % (bytes.length - 1));
      connection.downstream(bytes.subarray(0, place));
      connection.downstream(bytes.subarray(place));
      connection.downstream(bytes.subarray(0, (i * 31) % 4000 || 1));
      connection.close("remote");
    }
    vm.tick();
  };
  round(100);
  const before = vm.memoryBytes();
  round(2500);
  assert.equal(vm.memoryBytes(), before);
  assert.ok(before < 8 * MIB, String(before));
  // Of the cut-off bytes at the end some whole calls were counted as well.
  assert.ok(counted(vm, "dubbo_routed_requests_total") >= 2600 * calls.length);
  assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
});

test("a configuration that is replaced gives everything back", () => {
  const { vm, plugin } = start(SPLIT);
  const config = plugin.configuration;
  const replace = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const connection = plugin.connect({ collect: false });
      connection.downstream(request({ extraAttachments: { "user-id": "5" } }));
      assert.equal(vm.call(plugin, "proxy_on_configure", config, config.length), 1);
      connection.downstream(request({ extraAttachments: { "user-id": "6" } }));
      connection.close("remote");
    }
  };
  replace(200);
  const before = vm.memoryBytes();
  replace(2000);
  assert.equal(vm.memoryBytes(), before);
});

/** A request of about 700 KiB without its end. */
const large = request({ args: ["x".repeat(700_000)], twoway: false });
const half = large.subarray(0, large.length - 10);

test("held requests have a budget; beyond it they go on as they are, and that is counted", () => {
  const { vm, plugin } = start(UNPROTECTED);
  const all = Array.from({ length: 150 }, () => plugin.connect());
  for (const connection of all) connection.downstream(half);
  assert.ok(vm.memoryBytes() < 160 * MIB, String(vm.memoryBytes() / MIB));
  for (const connection of all) connection.downstream(large.subarray(half.length));
  const rewritten = all.filter(({ toUpstream }) => toUpstream.length > large.length);
  const left = all.length - rewritten.length;
  assert.ok(rewritten.length >= 60 && left >= 20, `${rewritten.length} ${left}`);
  assert.equal(texts(rewritten[0]!.toUpstream)["dubbo-route"], "x");
  for (const { toUpstream, closed } of all) {
    assert.ok(!closed);
    if (toUpstream.length <= large.length) assert.ok(Buffer.from(large).equals(toUpstream));
  }
  assert.equal(counted(vm, "dubbo_unrewritten_requests_total", '"too_large"'), left);
  const after = vm.memoryBytes();
  for (let i = 0; i < 150; i++) {
    const connection = plugin.connect({ collect: false });
    connection.downstream(half);
    connection.close("remote");
  }
  assert.equal(vm.memoryBytes(), after, "a closed connection gives back what it held");
});

test("with the budget used up small requests still pass, and protected keys never do", () => {
  const spoofed = request({
    extraAttachments: { "dubbo-route": "mine" },
    args: ["y".repeat(2000)],
  });
  const plain = request();
  for (const routing of [UNPROTECTED, { protected: ["dubbo-route"] }]) {
    const isProtected = "protected" in routing;
    const { vm, plugin } = start(routing);
    for (let i = 0; i < 120; i++) plugin.connect({ collect: false }).downstream(half);
    for (const place of [1, 15, 16, 300, 1500]) {
      const connection = plugin.connect();
      for (const bytes of [spoofed, plain]) {
        if (!connection.closed) connection.downstream(bytes.subarray(0, place));
        if (!connection.closed)
          connection.downstream(bytes.subarray(Math.min(place, bytes.length - 1)));
        if (place >= plain.length) break;
      }
      const out = connection.toUpstream;
      if (isProtected) {
        for (const frame of splitFrames(out)) {
          const isStandIn = (frame[2]! & 0x20) !== 0;
          assert.ok(isStandIn || !("dubbo-route" in texts(frame)));
        }
        assert.ok(!connection.closed, String(place));
      } else {
        assert.ok(!connection.closed, String(place));
        assert.ok(out.length >= spoofed.length, String(place));
      }
    }
    if (!isProtected) assert.equal(counted(vm, "dubbo_refused_connections_total"), 0);
  }
});

test("large frames that are rewritten do not keep their room", () => {
  const { vm, plugin } = start({ ...UNPROTECTED, max_rewrite_bytes: 16 * MIB });
  const bytes = request({ args: ["x".repeat(2_000_000)], twoway: false });
  const send = (): Uint8Array => {
    const connection = plugin.connect({ bufferLimit: 64 * MIB });
    connection.downstream(bytes.subarray(0, 100_000));
    connection.downstream(bytes.subarray(100_000));
    const out = connection.toUpstream;
    assert.ok(out.length > bytes.length);
    connection.close("remote");
    return out;
  };
  assert.equal(texts(send())["dubbo-route"], "x");
  for (let i = 0; i < 5; i++) send();
  const before = vm.memoryBytes();
  for (let i = 0; i < 20; i++) send();
  assert.equal(vm.memoryBytes(), before);
});
