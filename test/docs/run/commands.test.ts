// The commands of the README and the demos' pages, as they stand there and in their order, each session in a network of
// its own (util-linux' unshare, iproute2): so the ports that the pages name are free, and all ends with the session.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ROOT } from "../../../harness/repository.ts";
import { blockOf, SESSIONS, type Step } from "../command_blocks.ts";

const SESSION_MS = 180_000;
const READY_SECONDS = 90;

const folder = mkdtempSync(join(tmpdir(), "commands-"));
after(() => rmSync(folder, { recursive: true }));

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Bash that runs a step's commands and leaves their output in a file. */
function lineOf(text: string, step: Step, output: string): string {
  const block = quoted(`set -e -o pipefail -m\n${text}`);
  const to = `>${quoted(output)} 2>&1`;
  if (step.until !== undefined) {
    const said = step.until
      .map(({ source }) => `grep -qE ${quoted(source)} ${quoted(output)}`)
      .join(" && ");
    const wait = `for i in $(seq ${READY_SECONDS * 5}); do { ${said}; } && break; sleep 0.2; done; ${said}`;
    return `bash -c ${block} ${to} & { ${wait}; } || exit 1`;
  }
  if (step.seconds === undefined) return `bash -c ${block} ${to} || exit 1`;
  return `timeout ${step.seconds} bash -c ${block} ${to}; [ $? -eq 124 ] || exit 1`;
}

/** Runs steps in order until one fails; gives the output of each that was begun, and how it ended. */
function run(
  name: string,
  steps: readonly Step[],
  textOf = (step: Step): string => blockOf(step).text,
): { outputs: string[]; status: number | null } {
  const files = steps.map((_, place) => join(folder, `${name}-${place}`));
  const lines = steps.map((step, place) => lineOf(textOf(step), step, files[place]!));
  const script = lines.join("\n");
  const { status, stderr } = spawnSync(
    "unshare",
    [
      ...["--map-root-user", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["bash", "-c", `ip link set lo up\n${script}\nexit 0`],
    ],
    { cwd: ROOT, encoding: "utf8", timeout: SESSION_MS, env: { ...process.env, TERM: "xterm" } },
  );
  const outputs = files.map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch {
      return "(not begun)";
    }
  });
  return { outputs: [...outputs, stderr], status };
}

describe("commands of the pages", () => {
  for (const [name, steps] of Object.entries(SESSIONS)) {
    test(name, () => {
      const { outputs, status } = run(name, steps);
      assert.equal(status, 0, outputs.join("\n──\n"));
      for (const [place, { begins, shows = [] }] of steps.entries()) {
        for (const pattern of shows) assert.match(outputs[place]!, pattern, begins);
        assert.doesNotMatch(outputs[place]!, /"success":false/, begins);
      }
    });
  }

  for (const [begins, step] of Object.entries<Partial<Step>>({
    "false | cat; echo on": {},
    "echo up; exit 1": { seconds: 1 },
  })) {
    test(`a session ends where this fails: ${begins}`, () => {
      const { status } = run("failing", [{ page: "", begins, ...step }], () => begins);
      assert.equal(status, 1);
    });
  }
});
