// What build/dubbo.wasm asks of its host and offers to it, how large it is, and what it does without a
// configuration; and that the configuration in envoy-local.yaml is one. golden/module.txt is written
// anew with UPDATE_GOLDEN=1 in the environment; look at what has changed.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { Vm } from "../emulator/emulator.ts";
import { header, request, response } from "../frames/frames.ts";
import { probeModule } from "./probe.ts";
import { propertyPath } from "../emulator/properties.ts";

const ROOT = new URL("../../", import.meta.url);
const GOLDEN = new URL("golden/module.txt", import.meta.url);
/** In bytes: about 2 ms of start-up per KiB, once per module and vm_id, and room in a ConfigMap. */
const LONGEST_MODULE = 96 * 1024;

interface Schema {
  default?: unknown;
  enum?: unknown[];
  type?: string;
  properties?: Record<string, Schema>;
}

const schema = JSON.parse(
  readFileSync(new URL("docs/configuration.schema.json", ROOT), "utf8"),
) as Schema;
const binary = new Uint8Array(readFileSync(new URL("build/dubbo.wasm", ROOT)));
const module = new WebAssembly.Module(binary);

/** Imports and exports, a line each. */
function surface(): string {
  const imports = WebAssembly.Module.imports(module);
  const exports = WebAssembly.Module.exports(module);
  const lines = [
    ...imports.map(({ module: from, name, kind }) => `import ${kind} ${from}.${name}`),
    ...exports.map(({ name, kind }) => `export ${kind} ${name}`),
  ];
  return `${lines.sort().join("\n")}\n`;
}

/** A wasm filter in an Envoy configuration, as far as it is looked at here. */
interface WasmConfig {
  configuration: { "@type": string; value: unknown };
  capability_restriction_config: { allowed_capabilities: Record<string, unknown> };
}

/** All values under the key `config` that configure the Wasm filter. */
function wasmConfigs(node: unknown): WasmConfig[] {
  if (Array.isArray(node)) return node.flatMap(wasmConfigs);
  if (typeof node !== "object" || node === null) return [];
  const { config } = node as { config?: WasmConfig };
  if (config?.capability_restriction_config !== undefined) return [config];
  return Object.values(node).flatMap(wasmConfigs);
}

const local = wasmConfigs(
  parse(readFileSync(new URL("envoy-local.yaml", ROOT), "utf8"), { merge: true }),
);

describe("build/dubbo.wasm", () => {
  test("imports and exports what golden/module.txt says", () => {
    if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(GOLDEN, surface());
    assert.equal(surface(), readFileSync(GOLDEN, "utf8"));
  });

  test("imports functions of Envoy only", () => {
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      assert.match(`${kind} ${from}.${name}`, /^function env\.proxy_[a-z_]+$/);
    }
  });

  test(`is no longer than ${LONGEST_MODULE} bytes`, (t) => {
    t.diagnostic(`${binary.length} bytes`);
    assert.ok(binary.length <= LONGEST_MODULE, `${binary.length} bytes`);
  });
});

test("build/probe.wasm, the parsing folders alone, imports nothing", () => {
  assert.deepEqual(WebAssembly.Module.imports(probeModule), []);
});

describe("envoy-local.yaml", () => {
  test("configures the filter as the schema says", () => {
    const validate = new Ajv2020({ strict: true }).compile(schema);
    assert.ok(local.length > 0, "no Wasm filter found");
    for (const { configuration } of local) {
      assert.match(configuration["@type"], /google\.protobuf\.Struct$/);
      assert.ok(validate(configuration.value), JSON.stringify(validate.errors));
    }
  });

  test("allows the module what it imports, and Envoy what the module exports, and no more", () => {
    const imports = WebAssembly.Module.imports(module).map(({ name }) => name);
    const exports = WebAssembly.Module.exports(module).map(({ name }) => name);
    const callbacks = exports.filter((name) => name.startsWith("proxy_on_"));
    // Found by their names whatever is allowed.
    const free = new Set(["proxy_on_memory_allocate"]);
    const needed = [...imports, ...callbacks.filter((name) => !free.has(name))].sort();
    for (const { capability_restriction_config: restriction } of local) {
      assert.deepEqual(Object.keys(restriction.allowed_capabilities).sort(), needed);
    }
  });
});

/** Longer than anything waits that ends at a tick. */
const LONG_MS = 10_000;

/** Metrics after traffic that reaches each limit, through an outbound and an inbound listener. */
function countedUnder(document: unknown): string {
  const longest = schema.properties!.max_body_bytes!.default as number;
  const seen = [1, 2].map((direction) => {
    const vm = Vm.load(module);
    const properties = { [propertyPath("xds", "listener_direction")]: direction };
    const plugin = vm.plugin({ config: JSON.stringify(document), properties });
    const calls = plugin.connect({ collect: false });
    for (let id = 1; id <= 4098; id++) {
      calls.downstream(request({ id, path: `com.k8s.Service${Math.min(id, 1002)}` }));
    }
    vm.clock.advance(1_500_000n);
    calls.upstream(response({ id: 4098 }));
    calls.upstream(new Uint8Array(0), true);
    for (const length of [longest, longest + 1]) {
      plugin.connect().downstream(header({ flag: 0xc2, length }));
    }
    plugin.connect().downstream(request(), true);
    vm.clock.advanceMilliseconds(LONG_MS);
    vm.tick();
    return [...vm.metrics()].sort(([a], [b]) => (a < b ? -1 : 1));
  });
  return JSON.stringify(seen);
}

/** Other values than the default: next to a number, each of a choice, lists with something in them. */
function otherValues({ default: usual, enum: choices, type }: Schema): unknown[] {
  if (choices !== undefined) return choices.filter((value) => value !== usual);
  if (type === "integer") return [(usual as number) - 1, (usual as number) + 1];
  if (type === "boolean") return [!usual];
  return type === "array" ? [["interface"]] : [];
}

test("without a configuration the module does what the schema's defaults say", () => {
  const byDefault = countedUnder({});
  const look = (node: Schema, wrap: (value: unknown) => unknown): void => {
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      // Without rules the other keys of routing do nothing; the folders of their tests have them. What is dropped is not
      // counted; guard.test.ts has it.
      if (["routing", "policies", "telemetry", "drop_upstream_events"].includes(key)) continue;
      const place = (value: unknown): unknown => wrap({ [key]: value });
      assert.equal(countedUnder(place(child.default)), byDefault, key);
      for (const other of otherValues(child)) {
        assert.notEqual(countedUnder(place(other)), byDefault, `${key}: ${String(other)}`);
      }
      look(child, place);
    }
  };
  look(schema, (value) => value);
});
