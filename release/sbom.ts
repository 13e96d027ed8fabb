// The bill of materials of dubbo.wasm in CycloneDX: what `npm sbom` says of the packages of which the
// module is made. The tools that build and test it are in package-lock.json and in no user's Envoy.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fromRoot, ROOT } from "../harness/repository.ts";

/** What the compiler takes besides assembly/: its own standard library, and the declarations of proxy-wasm's host. */
const IN_THE_MODULE = ["@solo-io/proxy-runtime", "assemblyscript"];

interface Component {
  "bom-ref": string;
  name: string;
  version: string;
  purl: string;
  description?: string;
  hashes?: { alg: string; content: string }[];
  licenses?: unknown[];
}

/** The document as text. Nothing in it depends on when, where or by which npm it is made. `hash` is the module's sha256. */
export function sbomOf(hash: string): string {
  const args = [
    "sbom",
    "--package-lock-only",
    "--sbom-format=cyclonedx",
    "--sbom-type=application",
  ];
  // The npm that runs us, not the first in PATH: that one is a tool's, of 2022, and knows no `sbom`.
  const npm = process.env.npm_execpath;
  if (npm === undefined) throw new Error("the bill of materials needs npm: `npm run release`");
  const written = execFileSync(process.execPath, [npm, ...args], { cwd: ROOT, encoding: "utf8" });
  const all = JSON.parse(written);
  // By version too: a tool may have brought an older compiler along.
  const { devDependencies } = JSON.parse(readFileSync(fromRoot("package.json"), "utf8"));
  const components = (all.components as Component[]).filter(
    ({ name, version }) => IN_THE_MODULE.includes(name) && devDependencies[name] === version,
  );
  const { component } = all.metadata as { component: Component };
  const document = {
    $schema: all.$schema,
    bomFormat: all.bomFormat,
    specVersion: all.specVersion,
    version: 1,
    metadata: {
      component: {
        type: "application",
        ...essentials(component),
        name: "dubbo.wasm",
        hashes: [{ alg: "SHA-256", content: hash }],
      },
    },
    components: components.map((one) => ({ type: "library", ...essentials(one) })),
    dependencies: [
      { ref: component["bom-ref"], dependsOn: components.map((one) => one["bom-ref"]) },
    ],
  };
  return JSON.stringify(document, null, 2) + "\n";
}

/** Without where it was fetched from, which may be anybody's mirror, and npm's own remarks. */
function essentials({ name, version, purl, description, hashes, licenses, ...rest }: Component) {
  return { "bom-ref": rest["bom-ref"], name, version, description, purl, hashes, licenses };
}
