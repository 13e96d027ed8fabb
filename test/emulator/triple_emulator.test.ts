// Tests of the emulator's HTTP streams: callbacks, bodies and maps of headers, as in Envoy.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Status } from "./abi.ts";
import { Vm } from "./emulator.ts";
import { guest, messages, type GuestBodies } from "./guest.ts";
import type { Headers, HttpStream } from "./http_stream.ts";
import { propertyPath } from "./properties.ts";

const bytes = (written: string): Uint8Array => new TextEncoder().encode(written);
const REQUEST: Headers = [
  [":path", "/a"],
  ["double", "a"],
  ["double", "b"],
];

async function streamOf(bodies: GuestBodies): Promise<{ vm: Vm; stream: HttpStream }> {
  const vm = Vm.load(await guest(bodies));
  return { vm, stream: vm.plugin().openStream() };
}

test("callbacks come in Envoy's order, with what Envoy passes", async () => {
  const { vm, stream } = await streamOf({
    create: 'log(1, "create " + root.toString())',
    requestHeaders: 'log(1, "request " + count.toString() + " " + end.toString())',
    requestBody: 'log(1, "body " + size.toString() + " " + end.toString())',
    requestTrailers: 'log(1, "trailers " + count.toString())',
    responseHeaders: 'log(1, "response " + count.toString() + " " + end.toString())',
    responseBody: 'log(1, "answer " + size.toString() + " " + end.toString())',
    responseTrailers: 'log(1, "ending " + count.toString())',
    log: 'log(1, "log")',
    done: 'log(1, "done")',
    delete: 'log(1, "delete")',
  });
  stream.request(REQUEST);
  stream.requestBody(bytes("abc"));
  stream.requestBody(bytes("de"));
  stream.requestTrailers([["x", "y"]]);
  stream.response([[":status", "200"]]);
  stream.responseBody(bytes("z"));
  stream.responseTrailers([["grpc-status", "0"]]);
  stream.end();
  assert.deepEqual(messages(vm), [
    ...["create 0", "create 1", "request 3 0", "body 3 0", "body 2 0", "trailers 1"],
    ...["response 1 0", "answer 1 0", "ending 1", "log", "done", "delete"],
  ]);
  assert.throws(() => stream.end(), /has been deleted/);
});

test("a map is open in its own callback, and has the first of two values", async () => {
  const read = (map: number, name: string): string =>
    `log(1, proxy_get_header_map_value(${map}, text("${name}"), textSize, A, B).toString()
      + " " + load<u32>(B).toString() + " " + load<u8>(SCRATCH).toString());`;
  const { vm, stream } = await streamOf({
    requestHeaders: read(0, "double") + read(0, "Double") + read(0, "absent"),
  });
  stream.request(REQUEST);
  assert.deepEqual(messages(vm), ["0 1 97", "0 1 97", `${Status.NotFound} 1 97`]);
  for (const bodies of [
    { requestBody: read(0, "x") },
    { requestBody: "get(1, 0, 1)" },
    { requestBody: "get(2, 0, 1)" },
    { requestBody: read(2, "x") },
  ]) {
    const other = await streamOf(bodies);
    other.stream.request(REQUEST);
    assert.throws(() => other.stream.requestBody(bytes("x")), /is not open in proxy_on_request_b/);
  }
});

test("pairs have every value, and changes go on", async () => {
  const { vm, stream } = await streamOf({
    requestHeaders: `
      proxy_get_header_map_pairs(0, A, B); const at = load<u32>(A);
      log(1, load<u32>(B).toString() + " " + load<u32>(at).toString() + " "
        + load<u32>(at + 12).toString() + " " + load<u8>(at + 28).toString());
      proxy_replace_header_map_value(0, text("Double"), textSize, TEXT, 1);
      proxy_remove_header_map_value(0, text(":path"), textSize);
      proxy_remove_header_map_value(0, text("absent"), textSize)`,
  });
  assert.deepEqual(stream.request(REQUEST), [["double", "D"]]);
  // 4 + 3 · 8 + (5 + 2 + 2) + 2 · (6 + 1 + 2); the second name's length; the first name's colon.
  assert.deepEqual(messages(vm), ["55 3 6 58"]);
});

test("what is no header, and an answer that stops, are refused", async () => {
  const replace = (name: string, value: string): string =>
    `memory.copy(SCRATCH, text("${value}"), ${value.length}); proxy_replace_header_map_value(0, text("${name}"), textSize, SCRATCH, ${value.length})`;
  for (const [body, expected] of [
    [replace("a b", "v"), /"a b","v"/],
    [replace("a:b", "v"), /"a:b"/],
    [replace("", "v"), /"","v"/],
    [replace("a", "v w").replace("v w", "v\\nw"), /v\\n/],
    ["return 1", /returned 1/],
  ] as const) {
    const { stream } = await streamOf({ requestHeaders: body });
    assert.throws(() => stream.request(REQUEST), expected, body);
  }
});

test("the response's code and flags are properties, filter state is the stream's own", async () => {
  const read = (path: string): string =>
    `log(1, proxy_get_property(text("${path}"), textSize, A, B).toString() + " " + load<u32>(SCRATCH).toString());`;
  const { vm, stream } = await streamOf({
    requestHeaders: 'proxy_set_property(text("name"), textSize, TEXT, 2)',
    responseHeaders: read("response\\0code"),
    done: read("response\\0flags"),
  });
  stream.request(REQUEST);
  stream.response([[":status", "200"]], true, 503);
  stream.end(4);
  assert.deepEqual(messages(vm), ["0 503", "0 4"]);
  assert.equal(stream.filterState.get("wasm.name"), "na");
  assert.ok(stream.properties.get(propertyPath("response", "code")));
});
