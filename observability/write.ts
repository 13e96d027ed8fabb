// npm run mixin: writes the dashboards and rules.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromRoot } from "../harness/repository.ts";
import { mixinFiles } from "./files.ts";

for (const [path, text] of mixinFiles()) {
  writeFileSync(fromRoot(join("observability", path)), text);
  console.log(`observability/${path}`);
}
