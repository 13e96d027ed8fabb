// The `routing` part of docs/configuration.schema.json and the module's own checks are the same: both
// must agree on each document here, and the module says where a bad one is wrong and what it expected.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse as parseYaml } from "yaml";
import { Vm } from "../../emulator/emulator.ts";
import { BAD, GOOD, NETWORK } from "./configurations.ts";
import { MODULE_UNDER_TEST } from "./setup.ts";

const SCHEMA = new URL("../../../docs/configuration.schema.json", import.meta.url);
const GUIDE = new URL("../../../docs/routing.md", import.meta.url);

const validate = new Ajv2020({ strict: true }).compile(
  JSON.parse(readFileSync(SCHEMA, "utf8")) as object,
);
const vm = Vm.load(MODULE_UNDER_TEST);

function refusal(document: unknown): string | undefined {
  return vm.plugin({ config: JSON.stringify(document) }).refused?.map((line) => line.message)[0];
}

describe("the schema and the module agree", () => {
  for (const document of GOOD) {
    test(`on ${JSON.stringify(document).slice(0, 120)}`, () => {
      assert.equal(refusal(document), undefined);
      assert.ok(validate(document), JSON.stringify(validate.errors));
    });
  }
  for (const [document, path, value, expected] of BAD) {
    test(`that ${JSON.stringify(document).slice(0, 120)} is wrong`, () => {
      const what = expected.startsWith("one of the keys") ? "no key here" : value;
      const said = `dubbo: configuration refused: ${path} is ${what}, expected ${expected}`;
      assert.equal(refusal(document)?.replace(/ \([a-z_]+\?\)/, ""), said);
      // Of addresses the schema knows the characters only.
      if (expected !== NETWORK) assert.ok(!validate(document));
    });
  }
});

test("each configuration in the guide is one", () => {
  const blocks = [...readFileSync(GUIDE, "utf8").matchAll(/```yaml\n(routing:\n[\s\S]*?)```/g)];
  assert.ok(blocks.length >= 5, String(blocks.length));
  for (const [, text] of blocks) {
    const document = parseYaml(text!) as unknown;
    assert.equal(refusal(document), undefined, text);
    assert.ok(validate(document), `${text}${JSON.stringify(validate.errors)}`);
  }
});
