// Istio and Kubernetes are built from two Go modules with half of their libraries in common. Go's cache has those once
// where all versions are the same, and compiling them takes minutes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

/** Of which Istio 1.31 takes an older patch release than of their siblings; little depends on them. */
const OLDER = ["k8s.io/cli-runtime", "k8s.io/component-helpers", "k8s.io/kubectl"];

/** The version of each module that a go.mod names, of a replaced one the other's. */
function versions(...path: string[]): Map<string, string> {
  const text = readFileSync(fromRoot("test", ...path, "go.mod"), "utf8");
  const lines = text.matchAll(/^\t(\S+)(?: => \S+)? (v\S+)/gm);
  return new Map([...lines].map(([, module, version]) => [module!, version!]));
}

test("Kubernetes is built with the versions of Istio, so that what both need is compiled once", () => {
  const istio = versions("istio", "istiod");
  const common = [...versions("kubernetes", "commands")].filter(([module]) => istio.has(module));
  assert.ok(common.length > 50, String(common.length));
  const differing = common.filter(([module, version]) => version !== istio.get(module));
  assert.deepEqual(
    differing.filter(([module]) => !OLDER.includes(module)),
    [],
  );
});
