// Replays every case document of test/cases through the release module.

import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { loadDocuments, replay } from "./cases.ts";

const MODULE = new URL("../../../build/dubbo.wasm", import.meta.url);

const module = new WebAssembly.Module(new Uint8Array(readFileSync(MODULE)));
for (const document of loadDocuments()) {
  describe(document.title, () => {
    for (const each of document.cases) test(each.name, () => replay(module, each));
  });
}
