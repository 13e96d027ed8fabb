// A packed module begins with the same memory as the one that the compiler wrote, texts of all kinds in it.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { main } from "assemblyscript/asc";
import { pack } from "../../harness/pack.mjs";
import { fromRoot } from "../../harness/repository.ts";
import { shrink } from "../../harness/shrink.mjs";

const SOURCE = `
import "./unpack";
class Pair { constructor(public first: string, public second: i32) {} }
const texts = ["", "a", "requests_total counter", "eighteen characters", "…", "é", "a long one: ".repeat(9)];
const long = "${"0123456789abcdef ".repeat(200)}";
const bytes = memory.data<u8>([0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 2, 0]);
const numbers: StaticArray<u16> = [1, 2, 300, 0];
export function sum(): i32 {
  let sum = long.length + load<u8>(bytes + 12) + numbers[2] + new Pair(long, 3).second;
  for (let i = 0; i < texts.length; i++) sum += texts[i].length;
  return sum;
}
`;

/** The module that the compiler makes of the source and our unpack.ts. */
async function compiled(): Promise<Uint8Array> {
  const files = new Map([
    ["main.ts", SOURCE],
    ["unpack.ts", readFileSync(fromRoot("assembly/unpack.ts"), "utf8")],
  ]);
  let binary: Uint8Array | undefined;
  const options = ["-O3", "--runtime", "minimal", "--use", "abort=", "-o", "main.wasm"];
  const { error, stderr } = await main(["main.ts", ...options], {
    readFile: (name) => files.get(name) ?? null,
    writeFile: (_, contents) => {
      binary = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  assert.equal(error, null, stderr.toString());
  assert.ok(binary);
  return binary;
}

/** What `module` begins with: its memory, and what it says of its texts. */
function begun(module: Uint8Array): { memory: Buffer; sum: number } {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(module)));
  const memory = Buffer.from((exports["memory"] as WebAssembly.Memory).buffer.slice(0));
  return { memory, sum: (exports["sum"] as () => number)() };
}

test("a packed module begins as the compiler's, and is shorter", async () => {
  const whole = await compiled();
  const expected = begun(whole);
  assert.ok(expected.memory.includes(Buffer.from("requests_total counter", "utf16le")));
  for (const module of [Buffer.from(whole), shrink(whole)]) {
    const packed = pack(module);
    const got = begun(packed);
    assert.ok(expected.memory.equals(got.memory), "another memory");
    assert.equal(got.sum, expected.sum);
    assert.ok(packed.length < module.length - 3400, `${packed.length} of ${module.length} bytes`);
  }
});

test("a packed module is packed once", async () => {
  const packed = pack(Buffer.from(await compiled()));
  assert.deepEqual(pack(packed), packed);
});

test("build/dubbo.wasm is packed", () => {
  const module = readFileSync(fromRoot("build/dubbo.wasm"));
  assert.deepEqual(pack(module), module);
  assert.ok(!module.includes(Buffer.from("requests_total", "utf16le")));
});
