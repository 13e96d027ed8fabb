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
      // The parent's parent, which is the fourth field: timeout is between them.
      `build gone sh -c 'kill -KILL $(cut -d " " -f 4 /proc/$PPID/stat)'`,
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

  test("what is cancelled, skipped, left to do or not run has not passed", async (t) => {
    const [end, output] = await outcome(
      t,
      `build bad false`,
      `start_builds`,
      `run echo '# skipped 1'`,
      `run echo 'ℹ todo 10'`,
      `run sh -c 'echo "# pass 2"; echo "# cancelled 100"; exit 1'`,
      `run_after bad echo '# pass 1'`,
      `run_after bad echo '# pass 1'`,
      `run sh -c 'kill -KILL $$'`,
      `close`,
    );
    assert.equal(end, "exit code 1");
    // Two that were not run, and one that died before it could count.
    assert.equal(output.at(-1), "2 passed, 114 failed");
  });

  test("what is skipped fails a run in which all else passes", async (t) => {
    const [end, output] = await outcome(t, `run printf '# pass 2\\n# skipped 1\\n'`, `close`);
    assert.equal(end, "exit code 1");
    assert.equal(output.at(-1), "2 passed, 1 failed");
  });

  test("what a step leaves behind is named and ended with it", async (t) => {
    const [end, output] = await outcome(
      t,
      // One holds the step's output, the other does not.
      `run sh -c 'sleep 177 & echo $! >left; sleep 178 >/dev/null 2>&1 & echo $! >>left'`,
      `run sh -c 'for pid in $(cat left); do ! grep -s ") [^Z]" /proc/$pid/stat; done; true'`,
      `run echo '# pass 1'`,
      `close`,
    );
    assert.equal(end, "exit code 0");
    assert.equal(output[1], "left behind, and ended: sleep 177 ;sleep 178 ");
    assert.match(output[2]!, /^── sh/);
    assert.equal(output[3], "── echo # pass 1");
    assert.equal(output.at(-1), "1 passed, 0 failed");
  });

  test("what hangs is ended: a step, and a build with what it started", async (t) => {
    const [end, output] = await outcome(
      t,
      `STEP_LIMIT=1 BUILD_LIMIT=1`,
      `build hangs sh -c 'sleep 179 & wait'`,
      `start_builds`,
      `run sh -c 'sleep 180 & wait'`,
      `run_after hangs echo '# pass 1'`,
      `run echo '# pass 1'`,
      `close`,
    );
    assert.equal(end, "exit code 1");
    const ends = output.filter((line) => line.includes("exit status"));
    assert.match(ends[0]!, /^exit status 124 after \d+ s: sh -c sleep 180 & wait$/);
    assert.match(ends[1]!, /^hangs was not built: exit status 124 after \d+ s$/);
    assert.equal(output.at(-1), "1 passed, 2 failed");
  });

  test("the dead whom nobody reaps hold up no end", async (t) => {
    const [end, output] = await outcome(
      t,
      // A child in the step's group; who should reap it leaves that group, and becomes a program that does not.
      `run sh -c 'sh -c ": & echo \\$\\$ >parent; exec setsid sleep 100" &
        until grep -qs "(sleep)" /proc/$(cat parent 2>/dev/null)/stat; do sleep 0.1; done'`,
      `run echo '# pass 1'`,
      `run sh -c 'kill $(cat parent)'`,
      `close`,
    );
    assert.equal(end, "exit code 0");
    assert.ok(!output.some((line) => line.startsWith("left behind")), output.join("\n"));
    assert.equal(output.at(-1), "1 passed, 0 failed");
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
        assert.deepEqual(living(group), []);
      }
      assert.deepEqual(readdirSync(folder).sort(), ["build", "step"]);
    });
  }
});

/** Runs lines of bash in a folder of their own, where their temporary files are too. */
function start(t: TestContext, ...lines: string[]): [ManagedProcess, folder: string] {
  const folder = mkdtempSync(join(tmpdir(), "ci-"));
  // One stream, as in a log: of two it is unknown which line was first.
  const script = ["exec 2>&1", `. ${fromRoot(".ci", "steps.sh")}`, ...lines].join("\n");
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

/** The process group of a process. */
function groupOf(pid: number): number {
  return Number(fieldsOf(String(pid))[2]);
}

/** What follows the command in parentheses: state, parent, group and more (proc(5), stat). */
function fieldsOf(pid: string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** The processes of a group but for the dead, whom nobody may reap. */
function living(group: number): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const [state, , of] = fieldsOf(pid);
      return Number(of) === group && state !== "Z";
    } catch {
      return false;
    }
  });
}
