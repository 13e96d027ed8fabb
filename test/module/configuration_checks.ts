// What the module and docs/configuration.schema.json say about a configuration: they must agree.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse as parseYaml } from "yaml";
import { fromRoot } from "../../harness/repository.ts";
import { Vm } from "../emulator/emulator.ts";
import { MODULE_UNDER_TEST } from "./routing/setup.ts";

const vm = Vm.load(MODULE_UNDER_TEST);

/** Whether the schema accepts a document; its `errors` say why not. */
export const validate = new Ajv2020({ strict: true }).compile(
  JSON.parse(readFileSync(fromRoot("docs/configuration.schema.json"), "utf8")) as object,
);

/** What the module says to a document: undefined, or why it refuses it. */
export function refusal(document: unknown): string | undefined {
  return vm.plugin({ config: JSON.stringify(document) }).refused?.map((line) => line.message)[0];
}

/** Asserts that both accept a document; `text` is how it stands where it comes from. */
export function accepted(document: unknown, text = ""): void {
  assert.equal(refusal(document), undefined, text || undefined);
  assert.ok(validate(document), `${text}${JSON.stringify(validate.errors)}`);
}

/** Asserts that both accept each YAML block of docs/`page` that begins with `part`, `atLeast` of them. */
export function guideIsAccepted(page: string, part: string, atLeast: number): void {
  const guide = readFileSync(fromRoot("docs", page), "utf8");
  const blocks = [...guide.matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, text]) => text!)
    .filter((text) => text.startsWith(`${part}:\n`));
  assert.ok(blocks.length >= atLeast, String(blocks.length));
  for (const text of blocks) accepted(parseYaml(text), text);
}
