// The `routing` part of docs/configuration.schema.json and the module's own checks are the same: both
// must agree on each document here, and the module says where a bad one is wrong and what it expected.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accepted, guideIsAccepted, refusal, validate } from "../configuration_checks.ts";
import { BAD, GOOD, NETWORK } from "./configurations.ts";

describe("the schema and the module agree", () => {
  for (const document of GOOD) {
    test(`on ${JSON.stringify(document).slice(0, 120)}`, () => {
      accepted(document);
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
  guideIsAccepted("routing.md", "routing", 5);
});
