// kustomization.yaml names files, and is the only thing that does: one that it misses is never applied.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { manifestFiles, nameOf, readKustomizations, readManifest } from "./manifest_files.ts";
import { EXTENSION_KINDS } from "./wasm_extensions.ts";

/** What is applied instead of something else, or by another tool. */
const APART = ["IstioOperator", ...EXTENSION_KINDS];

for (const { file, object } of readKustomizations()) {
  const folder = dirname(file);
  const resources: string[] = object.resources;
  const objects = resources
    .filter((resource) => resource.endsWith(".yaml"))
    .flatMap((resource) => readManifest(join(folder, resource)));

  test(`${file}: what it names is there`, () => {
    const missing = resources.filter((resource) => !existsSync(fromRoot(folder, resource)));
    assert.deepEqual(missing, []);
  });

  test(`${file}: it names every object beside it, but what is applied apart`, () => {
    const replaceable = objects.map(nameOf);
    const beside = manifestFiles()
      .filter((other) => dirname(other) === folder && other !== file)
      .filter((other) =>
        readManifest(other).some(
          (one) => !APART.includes(one.object.kind) && !replaceable.includes(nameOf(one)),
        ),
      );
    const named = resources.map((resource) => join(folder, resource));
    assert.deepEqual(
      beside.filter((other) => !named.includes(other)),
      [],
    );
  });

  test(`${file}: it names nothing twice, and nothing that is applied apart`, () => {
    assert.deepEqual(resources, [...new Set(resources)]);
    assert.deepEqual(objects.map(nameOf), [...new Set(objects.map(nameOf))]);
    assert.deepEqual(
      objects.filter((one) => APART.includes(one.object.kind)),
      [],
    );
  });
}
