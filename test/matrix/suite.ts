// Runs the end-to-end tests on one Envoy, and asks an Envoy whether it can run Wasm at all.

import { readdirSync } from "node:fs";
import { startProcess } from "../../harness/processes.ts";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { startLab } from "../e2e/envoy_setup.ts";

/** How the tests ended. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  /** Full names of the tests that failed. */
  failures: string[];
  seconds: number;
}

/** The time in which all have to be done. */
const SUITE_MS = 20 * 60_000;
const FOLDER = "test/e2e";
/**
 * What `npm test` has tried and another Envoy cannot change: the demos' own programs, which meet no Envoy,
 * and the demos whose Envoy only carries HTTP, gRPC and Dubbo by configurations that the other tests run too.
 */
const NOT_OF_ENVOY = [
  /^demo\/(codec|consumer|gateway|grpc|install|peer|ports)\./,
  /^(front_proxy|istio_poc|proxy_mesh)\//,
];

/** Runs the test files of `test/e2e` that an Envoy can change on this executable. Never rejects on failing tests. */
export async function runSuite(binary: string, version: string): Promise<Outcome> {
  const all = readdirSync(fromRoot(FOLDER), { recursive: true, encoding: "utf8" });
  const files = all.filter(
    (name) => name.endsWith(".test.ts") && !NOT_OF_ENVOY.some((one) => one.test(name)),
  );
  const started = Date.now();
  const tests = startProcess({
    name: `the tests on Envoy ${version}`,
    command: process.execPath,
    args: [
      "--import",
      "tsx",
      "--test",
      "--test-concurrency=2",
      "--test-reporter",
      "tap",
      ...files.map(inFolder),
    ],
    cwd: ROOT,
    env: { ENVOY_BIN: binary, ENVOY_VERSION: version },
  });
  const timer = setTimeout(() => tests.kill("SIGTERM"), SUITE_MS);
  const end = await tests.ended;
  clearTimeout(timer);
  const seconds = Math.round((Date.now() - started) / 1000);
  const [passed, failed, skipped] = ["pass", "fail", "skipped"].map((word) =>
    total(tests.log, word),
  );
  const failures = [...tests.log.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name]) => name!);
  if (end !== "exit code 0" && failures.length === 0) failures.push(`the run: ${end}`);
  // What ended before it could count has failed too.
  const counted = passed! + failed! > 0 ? failed! : 1;
  return { passed: passed!, failed: counted, skipped: skipped!, failures, seconds };
}

/** Whether this Envoy says that it cannot run V8. Rejects where it does not start for another reason. */
export async function isWithoutV8(binary: string): Promise<boolean> {
  try {
    await (await startLab({ binary })).stop();
    return false;
  } catch (error) {
    if (String(error).includes("compiled without support")) return true;
    throw error;
  }
}

function inFolder(name: string): string {
  return `${FOLDER}/${name}`;
}

// The last lines of a TAP stream: "# pass 12".
function total(log: string, word: string): number {
  return Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(log)?.[1] ?? 0);
}
