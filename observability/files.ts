// The mixin's files: their paths from this folder, and what stands in them.

import { stringify } from "yaml";
import { DASHBOARDS, toGrafana } from "./dashboards.ts";
import { NAME_RULES } from "./dubbo_names.ts";
import { RULES } from "./rules.ts";

/** Every file that `npm run mixin` writes, by its path. */
export function mixinFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    files.set(`dashboards_out/${name}`, `${JSON.stringify(toGrafana(dashboard), null, 2)}\n`);
  }
  files.set("prometheus_rules_out/dubbo.yaml", stringify(RULES, { lineWidth: 0 }));
  files.set("prometheus_rules_out/dubbo-names.yaml", stringify(NAME_RULES, { lineWidth: 0 }));
  return files;
}
