// The names of calls as filter state, and streams that stop being readable or end in the middle.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concat, heartbeat, hex, request, type Request } from "../../frames/frames.ts";
import { shown, splitFrames, texts } from "./frames.ts";
import { sendCut, start } from "./setup.ts";

const call = (path: string, more: Request = {}): Uint8Array => request({ path, ...more });

describe("filter state", () => {
  const state = (connection: ReturnType<typeof start>["connection"]): (string | undefined)[] =>
    ["interface", "method", "version", "group"].map((name) =>
      connection.filterState.get(`wasm.dubbo.${name}`),
    );

  test("has the last request's names, told once per change", () => {
    const { vm, connection } = start({ filter_state: true });
    const one = call("a.User", {
      version: "1.0",
      attachments: { group: "g", path: "b.User" },
    });
    vm.resetHostCalls();
    for (let i = 0; i < 10; i++) connection.downstream(concat([one, one, heartbeat()]));
    connection.upstream(call("callback"));
    assert.deepEqual(state(connection), ["b.User", "GetUser", "1.0", "g"]);
    assert.equal(vm.hostCalls["proxy_set_property"], 4);
    connection.downstream(call("a.Order", { method: "m" }));
    assert.deepEqual(state(connection), ["a.Order", "m", "0.0.0", ""]);
    assert.equal(vm.hostCalls["proxy_set_property"], 8);
  });

  test("is clean whatever a caller sends", () => {
    const { connection } = start({ filter_state: true });
    const method = `a"b\n\u0000é${"x".repeat(500)}`;
    connection.downstream(call("a.User", { method }));
    const told = state(connection)[1]!;
    assert.match(told, /^a_b____x{193}$/);
  });

  test("is not told unless asked for", () => {
    const { vm, connection } = start({ rules: [{ name: "all" }] });
    connection.downstream(request());
    assert.equal(vm.hostCalls["proxy_set_property"], undefined);
  });
});

describe("where no key is protected nothing is lost", () => {
  const rules = [{ attachments: { set: [{ name: "to", value: "x" }] } }];

  for (const [what, second] of Object.entries({
    "a header states a body of more than Dubbo sends": hex("dabb021400000000000000000080000100"),
    "a frame is none": hex("da9b021400000000000000000000000100"),
  })) {
    test(`when ${what}, counted once however it is cut`, () => {
      const bytes = concat([heartbeat(), second, new Uint8Array(100)]);
      for (let place = 1; place < bytes.length; place++) {
        const { vm, connection } = start({ rules });
        connection.downstream(bytes.subarray(0, place));
        connection.downstream(bytes.subarray(place));
        assert.deepEqual(connection.toUpstream, bytes);
        vm.tick();
        const counted = [...vm.metrics()].filter(([key]) => /passthrough|decode_errors/.test(key));
        assert.deepEqual(
          counted.map(([, value]) => value),
          [1, 1],
          `cut at ${place}`,
        );
      }
    });
  }

  test("when the server becomes unreadable in the middle of a request", () => {
    const bytes = concat([request(), request()]);
    const frame = request().length;
    for (const place of [1, 3, 16, 17, 60, frame - 1]) {
      const { connection } = start({ rules });
      connection.downstream(bytes.subarray(0, frame + place));
      connection.upstream(hex("00"));
      connection.downstream(bytes.subarray(frame + place));
      const [one, two] = splitFrames(connection.toUpstream);
      assert.equal(texts(one!)["to"], "x");
      assert.equal(shown(two!), shown(request()), String(place));
    }
  });

  test("behind a header that states any length", () => {
    for (const length of ["00800001", "7fffffff", "80000000", "fffffff0", "fffffff5", "ffffffff"]) {
      for (const flag of ["c2", "02", "e2"]) {
        const { plugin } = start({ rules });
        const bytes = concat([
          request(),
          hex(`dabb${flag}14 0000000000000001 ${length}`),
          request(),
        ]);
        for (const places of [[], ...[1, 2, 10, 15, 16, 20].map((p) => [request().length + p])]) {
          const connection = plugin.connect();
          sendCut(connection, bytes, places);
          const out = connection.toUpstream;
          const rest = bytes.subarray(request().length);
          assert.equal(shown(out.subarray(out.length - rest.length)), shown(rest));
          assert.equal(texts(out.subarray(0, out.length - rest.length))["to"], "x");
        }
      }
    }
  });

  test("when the stream ends in the middle of a request", () => {
    for (const place of [1, 15, 16, 50, request().length - 1]) {
      const { connection } = start({ rules });
      const half = request().subarray(0, place);
      connection.downstream(concat([request(), half]));
      connection.downstream(hex(""), true);
      const out = connection.toUpstream;
      assert.equal(shown(out.subarray(out.length - place)), shown(half));
      assert.equal(texts(out.subarray(0, out.length - place))["to"], "x");
    }
  });
});
