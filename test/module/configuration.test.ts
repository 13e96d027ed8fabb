// docs/configuration.schema.json and the module's own checks are the same: documents are generated
// from the schema, good and bad ones, and both must agree on each, as JSON and as a Struct.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { Vm } from "../emulator/emulator.ts";
import { concat } from "../emulator/hex.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The part of JSON Schema that our schema uses. */
interface Schema {
  title?: string;
  description?: string;
  default?: Json;
  examples?: Json[];
  type?: "object" | "array" | "integer" | "string" | "boolean";
  enum?: string[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  items?: Schema;
  properties?: Record<string, Schema>;
}

/** A document, and what is wrong with it if anything is. */
interface Sample {
  document: Json;
  wrong?: { path: string; value: Json; expected: string };
}

const SCHEMA = new URL("../../docs/configuration.schema.json", import.meta.url);
const MODULE = new URL("../../build/dubbo.wasm", import.meta.url);
const schema = JSON.parse(readFileSync(SCHEMA, "utf8")) as Schema;
const module = new WebAssembly.Module(new Uint8Array(readFileSync(MODULE)));
const validate = new Ajv2020({ strict: true }).compile(schema);
const utf8 = new TextEncoder();

/** What the module says that it expected. */
function expectedBy({
  type,
  enum: choices,
  minimum,
  maximum,
  maxLength,
  maxItems,
}: Schema): string {
  if (choices !== undefined) return `one of ${choices.join(", ")}`;
  if (type === "integer") return `a whole number from ${minimum} to ${maximum}`;
  if (type === "boolean") return "true or false";
  if (type === "string") return `a string of 1 to ${maxLength} characters`;
  return type === "array" ? `a list of at most ${maxItems} elements` : "an object";
}

function goodValues(node: Schema): Json[] {
  const { type, enum: choices, minimum, maximum, maxLength, maxItems, items } = node;
  const known = [node.default, ...(node.examples ?? [])].filter((value) => value !== undefined);
  if (choices !== undefined) return [...known, ...choices];
  if (type === "integer") return [...known, minimum!, minimum! + 1, maximum! - 1, maximum!];
  if (type === "boolean") return [...known, true, false];
  if (type === "string") return ["a", "com.k8s.User.UserProvider", "ü中😀", "x".repeat(maxLength!)];
  if (type === "object") return [...known, {}];
  const most = items!.enum ?? Array.from({ length: maxItems! }, (_, i) => `com.k8s.Service${i}`);
  const twice = most.slice(0, 1).flatMap((item) => [item, item]);
  return [...known, [], most, ...(node.uniqueItems ? [] : [twice])];
}

function badValues({ type, enum: choices, minimum, maximum, maxLength, maxItems }: Schema): Json[] {
  const bad: Json[] = [null];
  if (type !== "boolean") bad.push(true, false);
  if (type !== "integer") bad.push(0, 1.5, -1);
  else
    bad.push(minimum! - 1, maximum! + 1, -minimum!, minimum! + 0.5, maximum! + 2 ** 32, "5", 1e300);
  if (type !== "string") bad.push("", "many", "x".repeat(61));
  else bad.push("", "x".repeat(maxLength! + 1));
  if (type !== "array") bad.push([], ["a"]);
  else bad.push(Array.from({ length: maxItems! + 1 }, () => "interface"));
  if (type !== "object") bad.push({}, { side: "auto" });
  if (choices !== undefined) bad.push(choices[0]!.toUpperCase(), `${choices[0]} `);
  return bad;
}

/** Documents for a node; `wrap` puts a value at its place in a whole document. */
function* samples(node: Schema, path: string, wrap: (value: Json) => Json): Generator<Sample> {
  for (const value of goodValues(node)) yield { document: wrap(value) };
  for (const value of badValues(node)) {
    yield { document: wrap(value), wrong: { path, value, expected: expectedBy(node) } };
  }
  if (node.items !== undefined) {
    const [first] = goodValues(node.items) as [Json];
    yield* samples(node.items, `${path}[0]`, (value) => wrap([value]));
    for (const value of badValues(node.items)) {
      const wrong = { path: `${path}[1]`, value, expected: expectedBy(node.items) };
      yield { document: wrap([first, value]), wrong };
    }
    const expected = "each label once";
    const wrong = { path: `${path}[1]`, value: first, expected };
    if (node.uniqueItems) yield { document: wrap([first, first]), wrong };
  }
  if (node.properties === undefined) return;
  const keys = Object.keys(node.properties);
  for (const key of ["", "Side", "metric", "x".repeat(300), "__proto__"]) {
    for (const value of [1, "a", null, []]) {
      const wrong = {
        path: `${path}.${key}`,
        value,
        expected: `one of the keys ${keys.join(", ")}`,
      };
      yield {
        document: wrap(JSON.parse(`{${JSON.stringify(key)}:${JSON.stringify(value)}}`)),
        wrong,
      };
    }
  }
  for (const key of keys) {
    // It has forms that are not generated here; see the folders of their tests.
    if (["routing", "policies", "telemetry"].includes(key)) continue;
    yield* samples(node.properties[key]!, `${path}.${key}`, (value) => wrap({ [key]: value }));
  }
}

const all = [...samples(schema, "$", (value) => value)];

// google.protobuf.Struct, see assembly/config/struct.ts.

function lengthOf(bytes: Uint8Array): Uint8Array {
  const digits: number[] = [];
  let left = bytes.length;
  for (; left >= 128; left >>>= 7) digits.push((left & 127) | 128);
  return Uint8Array.of(...digits, left);
}

function field(tag: number, bytes: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(tag), lengthOf(bytes), bytes]);
}

function structOf(object: { [key: string]: Json }): Uint8Array {
  const entries = Object.entries(object).map(([key, value]) =>
    field(0x0a, concat([field(0x0a, utf8.encode(key)), field(0x12, valueOf(value))])),
  );
  return concat([new Uint8Array(0), ...entries]);
}

function valueOf(value: Json): Uint8Array {
  if (value === null) return Uint8Array.of(0x08, 0);
  if (typeof value === "boolean") return Uint8Array.of(0x20, value ? 1 : 0);
  if (typeof value === "string") return field(0x1a, utf8.encode(value));
  if (typeof value === "number") {
    const bytes = new Uint8Array(9);
    bytes[0] = 0x11;
    new DataView(bytes.buffer).setFloat64(1, value, true);
    return bytes;
  }
  if (!Array.isArray(value)) return field(0x2a, structOf(value));
  const items = value.map((item) => field(0x0a, valueOf(item)));
  return field(0x32, concat([new Uint8Array(0), ...items]));
}

const vm = Vm.load(module);
const plugin = vm.plugin();

/** What the module says to a configuration of these bytes: undefined, or why not. */
function refusal(bytes: Uint8Array): string | undefined {
  // The emulator's plugins take text; here the same plugin gets another configuration.
  Object.assign(plugin, { configuration: bytes });
  const logged = vm.logs.length;
  const accepted = vm.call(plugin, "proxy_on_configure", bytes, bytes.length) !== 0;
  const lines = vm.logs.splice(logged).map((line) => line.message);
  assert.equal(lines.length, accepted ? 0 : 1, lines.join("\n"));
  return lines[0];
}

/** A value as the module shows it. */
function shown(value: Json): string {
  if (typeof value === "string") {
    return `"${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  }
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "a list" : "an object";
}

function hold({ document, wrong }: Sample, bytes: Uint8Array, form: string): void {
  const where = `${form} ${JSON.stringify(document).slice(0, 200)}`;
  const said = refusal(bytes);
  assert.equal(validate(document), wrong === undefined, `the schema: ${where}`);
  if (wrong === undefined) return assert.equal(said, undefined, where);
  const { path, value, expected } = wrong;
  // How a number of that size is written is not settled: 1e+300, or all its digits.
  const isHuge = typeof value === "number" && Math.abs(value) >= 1e15;
  if (isHuge) assert.ok(said?.startsWith(`dubbo: configuration refused: ${path} is 1`), said);
  else {
    const what = expected.startsWith("one of the keys") ? "no key here" : shown(value);
    const plain = said?.replace(/ \([a-z_]+\?\)/, "");
    const told = `dubbo: configuration refused: ${path} is ${what}, expected ${expected}`;
    assert.equal(plain, told, where);
  }
  assert.ok(said!.endsWith(`, expected ${expected}`), said);
}

describe("the schema", () => {
  test("tells people about each property, with a default and examples that are valid", () => {
    const look = (node: Schema, path: string): void => {
      for (const key of ["title", "description", "default", "examples"] as const) {
        assert.notEqual(node[key], undefined, `${path} has no ${key}`);
      }
      for (const [key, child] of Object.entries(node.properties ?? {}))
        look(child, `${path}.${key}`);
    };
    look(schema, "$");
  });

  test("agrees with the module on JSON", () => {
    assert.ok(all.length > 200 && all.some((sample) => sample.wrong === undefined));
    for (const sample of all) hold(sample, utf8.encode(JSON.stringify(sample.document)), "JSON");
  });

  test("agrees with the module on Structs", () => {
    for (const sample of all) {
      const { document } = sample;
      if (typeof document !== "object" || document === null || Array.isArray(document)) continue;
      hold(sample, structOf(document), "Struct");
    }
  });

  test("nothing at all, {} and an empty Struct are configurations", () => {
    assert.equal(structOf({}).length, 0, "which is nothing at all");
    for (const text of ["", "{}", " {} ", '{"metrics":{}}']) {
      assert.equal(refusal(utf8.encode(text)), undefined, text);
    }
    assert.equal(refusal(structOf({ metrics: {} })), undefined);
    assert.equal(refusal(utf8.encode('{"max_body_bytes":8.388608e+06}')), undefined);
    assert.match(refusal(utf8.encode("{"))!, /^dubbo: configuration refused: \$ is not JSON at /);
  });
});

describe("what is wrong is shown", () => {
  const said = (text: string): string | undefined => refusal(utf8.encode(text));

  test("a key that is almost one", () => {
    assert.match(
      said('{"metrics":{"lables":["interface"]}}')!,
      /\$\.metrics\.lables is no key here \(labels\?\), expected one of the keys enabled, labels,/,
    );
    assert.match(said('{"polices":[]}')!, /\$\.polices is no key here \(policies\?\),/);
    assert.match(said('{"foo":[]}')!, /\$\.foo is no key here, expected/);
  });

  test("what stands where JSON ends", () => {
    assert.match(said('{"side": consumer}')!, /not JSON at character 9, `consumer}`, expected/);
    assert.match(said('{"side":')!, /not JSON at character 8, its end, expected/);
  });
});
