// What large and hostile streams may cost: fetches from the host, and memory for half a head.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { Vm } from "../emulator/emulator.ts";
import { request } from "../frames/frames.ts";

const MODULE = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));
const WITH_GROUP = JSON.stringify({ metrics: { labels: ["interface", "group"] } });

/** A request whose body is about `size` bytes long: one long argument, made of pieces. */
function large(size: number, id: bigint): Uint8Array {
  return request({ id, args: ["x".repeat(size)], twoway: false });
}

test("a large body that is wanted whole is fetched in large pieces", () => {
  const vm = Vm.load(MODULE);
  const connection = vm.plugin({ config: WITH_GROUP }).connect();
  connection.downstream(large(4096, 1n));
  vm.resetHostCalls();
  const frame = large(1_000_000, 2n);
  connection.downstream(frame);
  const most = Math.ceil(frame.length / 32_768) + 2;
  assert.ok((vm.hostCalls["proxy_get_buffer_bytes"] ?? 0) <= most);
});

test("of a large body that is not wanted only the head is fetched", () => {
  const vm = Vm.load(MODULE);
  const connection = vm.plugin().connect();
  connection.downstream(large(1_000_000, 1n));
  vm.resetHostCalls();
  connection.downstream(large(1_000_000, 2n));
  assert.equal(vm.hostCalls["proxy_get_buffer_bytes"], 1);
});

test("connections that are passed through keep nothing", () => {
  const vm = Vm.load(MODULE);
  const plugin = vm.plugin({ config: WITH_GROUP });
  const half = large(700_000, 1n).subarray(0, 600_000);
  for (let i = 0; i < 200; i++) {
    const stalled = plugin.connect({ collect: false });
    stalled.downstream(half);
    stalled.upstream(Uint8Array.of(0));
  }
  const connection = plugin.connect();
  const frame = request({ id: 1n, attachments: { group: "blue" } });
  connection.downstream(frame.subarray(0, frame.length - 3));
  connection.downstream(frame.subarray(frame.length - 3));
  vm.tick();
  const groups = [...vm.metrics().keys()].filter((key) => key.startsWith("dubbo_requests_total"));
  assert.equal(groups.length, 1);
  assert.match(groups[0]!, /dubbo_group="blue"/);
  assert.ok(vm.memoryBytes() < 16 * 1024 * 1024);
});

test("when no more half heads can be kept the reason is said", () => {
  const vm = Vm.load(MODULE);
  const plugin = vm.plugin({ config: WITH_GROUP });
  const half = large(900_000, 1n).subarray(0, 600_000);
  for (let i = 0; i < 80; i++) plugin.connect({ collect: false }).downstream(half);
  const connection = plugin.connect();
  const frame = request({ id: 1n, attachments: { group: "blue" }, twoway: false });
  connection.downstream(frame.subarray(0, frame.length - 3));
  connection.downstream(frame.subarray(frame.length - 3));
  vm.tick();
  const errors = [...vm.metrics()].filter(([key]) => key.startsWith("dubbo_decode_errors_total"));
  assert.equal(errors.length, 1);
  assert.match(errors[0]![0], /dubbo_reason="overload"/);
  assert.ok(vm.memoryBytes() < 160 * 1024 * 1024);
});

test("a refusal is one line of UTF-8 whatever the configuration holds", () => {
  for (const side of ["x" + "😀".repeat(40), "\ud800", "a\nb"]) {
    const { refused } = Vm.load(MODULE).plugin({ config: JSON.stringify({ side }) });
    assert.ok(refused);
    assert.match(
      refused.map((line) => line.message).join("|"),
      /^dubbo: configuration refused: \$\.side is ".*", expected one of/,
    );
  }
});
