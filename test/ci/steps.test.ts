// What .ci/run is made of: builds beside steps, how a step waits for its build, and that nothing outlives an end.

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { fromRoot } from "../../harness/repository.ts";

const WAIT_MS = 30_000;

// Each waits more than it works.
describe("the steps of .ci/run", { concurrency: true, timeout: 60_000 }, () => {
  test("builds go on one after another beside the steps, and each step waits for its own", async (t) => {
    const [end, output] = await outcome(
      t,
      `build one sh -c 'until [ -e began ]; do sleep 0.1; done; echo one >>order'`,
      `build two sh -c 'echo "two, not three" >>order'`,
      `start_builds`,
      `run sh -c 'echo began >began; echo "# pass 3"'`,
      `run_after two cat order`,
      `run_after one echo '# pass 2'`,
      `close`,
    );
    assert.equal(end, "exit code 0");
    const unwaited = output.filter((line) => !line.includes("waiting for"));
    assert.deepEqual(unwaited, [
      `── sh -c echo began >began; echo "# pass 3"`,
      "# pass 3",
      "── cat order",
      "one",
      "two, not three",
      "── echo # pass 2",
      "# pass 2",
      `N s  sh -c echo began >began; echo "# pass 3"`,
      "N s  cat order",
      "N s  echo # pass 2",
      "N s  built beside them: one",
      "N s  built beside them: two",
      "N s  in all",
      "5 passed, 0 failed",
    ]);
  });

  test("a build that fails fails the step that needs it, with its words, and no other", async (t) => {
    const [end, output] = await outcome(
      t,
      `build bad sh -c 'echo no such module >&2; exit 7'`,
      `build good true`,
      `start_builds`,
      `run_after bad echo '# pass 1'`,
      `run_after good echo '# pass 1'`,
      `close`,
    );
    assert.equal(end, "exit code 1");
    const [words, why, ...further] = output;
    assert.equal(words, "no such module");
    assert.match(why!, /^bad was not built: exit status 7 after \d+ s$/);
    assert.deepEqual(further.slice(0, 3), [
      "── echo # pass 1: not run",
      "── echo # pass 1",
      "# pass 1",
    ]);
    assert.equal(output.at(-1), "1 passed, 1 failed");
  });

  test("builds that are gone fail what waits for them", async (t) => {
    const [end, output] = await outcome(
      t,
      `build gone sh -c 'kill -KILL $PPID'`,
      `start_builds`,
      `run_after gone true`,
      `close`,
    );
    assert.equal(end, "exit code 1");
    assert.ok(output.includes("the builds ended before gone"), output.join("\n"));
    assert.equal(output.at(-1), "0 passed, 1 failed");
  });

  test("a step that fails is counted, and the next one runs", async (t) => {
    const [end, output] = await outcome(
      t,
      `start_builds`,
      `run sh -c 'echo "# fail 2"; exit 1'`,
      `run echo '[Tests]: 4 / 5'`,
      `close`,
    );
    assert.equal(end, "exit code 1");
    assert.equal(output.at(-1), "4 passed, 3 failed");
  });

  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 129],
  ] as const) {
    test(`after ${signal} neither step nor build goes on, and no file is left`, async (t) => {
      const endless = (name: string) => `sh -c 'echo $$ >${name}; sleep 100 & wait'`;
      const [run, folder] = start(
        t,
        `build endless ${endless("build")}`,
        `start_builds`,
        `run ${endless("step")}`,
        `close`,
      );
      const pids = () => ["build", "step"].map((name) => readFileSync(join(folder, name), "utf8"));
      await run.waitUntil("with both", WAIT_MS, () => pids().every((pid) => pid !== ""));
      const groups = pids().map((pid) => groupOf(Number(pid)));
      process.kill(run.pid!, signal);
      assert.equal(await run.ended, `exit code ${code}`);
      for (const group of groups) {
        assert.throws(() => process.kill(-group, 0), { code: "ESRCH" });
      }
      assert.deepEqual(readdirSync(folder).sort(), ["build", "step"]);
    });
  }
});

/** Runs lines of bash in a folder of their own, where their temporary files are too. */
function start(t: TestContext, ...lines: string[]): [ManagedProcess, folder: string] {
  const folder = mkdtempSync(join(tmpdir(), "ci-"));
  const script = [`. ${fromRoot(".ci", "steps.sh")}`, ...lines].join("\n");
  const args = ["-c", script];
  const env = { TMPDIR: folder };
  const run = startProcess({ name: "bash", command: "bash", args, cwd: folder, env });
  t.after(async () => {
    await run.stop();
    rmSync(folder, { recursive: true });
  });
  return [run, folder];
}

/** A run that ends by itself: how it ends, and the lines that it prints, with each number of seconds as N. */
async function outcome(t: TestContext, ...lines: string[]): Promise<[string, output: string[]]> {
  const [run] = start(t, ...lines);
  const end = await run.ended;
  return [
    end,
    run.log
      .replaceAll(/^\d+ s /gm, "N s ")
      .trimEnd()
      .split("\n"),
  ];
}

/** The process group of a process: the third field after the command in parentheses (proc(5), stat). */
function groupOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]);
}
