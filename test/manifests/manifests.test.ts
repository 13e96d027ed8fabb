// The manifests as they are: no check finds anything, and every broken copy is noticed by the check
// that is there for it.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { broken, readCaught } from "./broken.ts";
import { check, CHECK_NAMES, checkAll } from "./checker.ts";
import { checkPatches } from "./envoy_patches.ts";
import { show, type Finding } from "./findings.ts";
import { readManifests, type Manifest } from "./manifest_files.ts";

/** A recipe that shows what happens where nobody is. */
const MEANT = {
  check: "selector",
  file: "manifests/traffic/no-endpoints.yaml",
  object: "Service istio-poc/poc-nobody",
  path: "spec.selector",
  value: { app: "poc-nobody" },
  message: "no pod in manifests/ has these labels",
};

describe("manifests", () => {
  let manifests: Manifest[];
  before(() => {
    manifests = readManifests();
  });

  test("nothing is wrong with them but what is meant", async () => {
    assert.deepEqual((await checkAll(manifests)).map(show), [show(MEANT)]);
  });

  for (const edit of readCaught((by) => CHECK_NAMES.includes(by))) {
    test(`broken: ${edit.name}, noticed by the check "${edit.caught.by}"`, async () => {
      const copy = broken(manifests, edit);
      const findings =
        edit.caught.by === "envoy"
          ? await checkPatches(copy.filter(({ file }) => file === edit.file))
          : check(copy);
      const { by, file = edit.file, path, says } = edit.caught;
      const told = (found: Finding) =>
        found.check === by &&
        found.file === file &&
        found.path === path &&
        found.message.includes(says);
      assert.ok(findings.some(told), `only: ${findings.map(show).join("\n")}`);
    });
  }
});
