// A short run of the fuzzer, the same every time: the release module bears it, and bugs that are planted
// are found.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { heartbeatResponse, request } from "../frames/frames.ts";
import { fuzz, loadSubjects, subjectsOf, type Campaign } from "./campaign.ts";
import type { PluginConfig, PolicyConfig } from "./configurations.ts";
import type { FuzzCase, Side, Step } from "./fuzz_case.ts";
import { compilePlanted, PLANTS } from "./planted.ts";
import { runCase, type Outcome } from "./run_case.ts";

const SEED = 10;
const CASES = 80;
/** Cases in which a planted bug must be found; most are in the first twenty. */
const MOST_CASES = 600;

/** A case of one connection, of which nothing is known before: each frame is a read of the client's or the server's. */
function caseOf(config: Partial<PluginConfig>, reads: [Side, Uint8Array][]): FuzzCase {
  return {
    ...{ seed: SEED, number: 1, mayBeJoined: false, collection: undefined },
    configs: [{ side: "consumer", metrics: {}, ...config }],
    frames: reads.map(([, bytes]) => ({ bytes, isGood: false, names: null })),
    steps: [
      { do: "connect", connection: 0, plugin: 0, address: "pipe" },
      ...reads.map(([side, { length: to }], frame): Step => {
        return { do: "read", connection: 0, side, pieces: [{ frame, from: 0, to }], end: false };
      }),
      { do: "read", connection: 0, side: "downstream", pieces: [], end: true },
    ],
  };
}

function run(one: FuzzCase): Outcome {
  return runCase(one, loadSubjects(fromRoot("build/dubbo.wasm")).released);
}

test("holds an answer to a heartbeat that has not gone on, and never will", () => {
  const policies: PolicyConfig[] = [
    { name: "wait", fault: { delay: { percentage: 100, fixed_delay: "30ms" } } },
    { name: "no", match: { method: { exact: "no" } }, authorize: "deny" },
  ];
  const { went } = run(
    caseOf({ policies }, [
      ["downstream", request({ id: 1 })],
      ["downstream", request({ id: 2, method: "no" })],
      ["upstream", heartbeatResponse({ id: 2 })],
      // What is not Dubbo closes the connection, with all that waits.
      ["upstream", new TextEncoder().encode("GET")],
    ]),
  );
  assert.equal(went[0]?.refused, true);
  assert.equal(went[0].bytes.length, 0);
  assert.match(new TextDecoder().decode(went[0].back), /refused by policy no[^]*GET$/);
});

test("tells a one-way call that is refused from its twin, which is changed", () => {
  const match = { attachments: [{ name: "no", present: true as const }] };
  const policies: PolicyConfig[] = [{ name: "no", match, authorize: "deny" }];
  const rules = [{ attachments: { set: [{ name: "to", value: "1" }] } }];
  const refused = request({ twoway: false, extraAttachments: { no: "1" } });
  const outcome = run(
    caseOf({ policies, routing: { rules } }, [
      ["downstream", refused],
      ["downstream", refused],
      ["downstream", request({ twoway: false })],
    ]),
  );
  assert.deepEqual([outcome.refusedCalls, outcome.rewritten], [2, 1]);
});

test("lets a tick ask for the time for connections that wait, and for records that do", () => {
  const routing = { rules: [{ cluster: "a" }] };
  const telemetry = {
    otlp: { cluster: "collector", interval_ms: 500, max_batch: 20, max_queue_bytes: 65536 },
    log: {},
  };
  const ticks = Array.from({ length: 20 }, (): Step => ({ do: "tick" }));
  const waiting = caseOf({ routing, telemetry }, []);
  run({
    ...{ ...waiting, steps: [waiting.steps[0]!, ...ticks] },
    collection: { collector: "takes", seed: SEED },
  });
});

function told({ failures }: Campaign): string {
  return failures.map(({ number, report }) => `--only ${number}: ${report}`).join("\n");
}

test("eighty cases", () => {
  const result = fuzz({ seed: SEED, cases: CASES }, loadSubjects(fromRoot("build/dubbo.wasm")));
  assert.equal(told(result), "", `npm run fuzz -- --seed ${SEED}`);
  assert.ok(result.mutated > 10_000, `${result.mutated} mutated frames`);
  const { rewritten, refused, refusedCalls } = result;
  assert.ok(
    rewritten > 500 && refused > 5 && refusedCalls > 20,
    `${rewritten} ${refused} ${refusedCalls}`,
  );
});

for (const plant of PLANTS) {
  test(`it is found that ${plant.what}`, async () => {
    const subjects = subjectsOf(await compilePlanted(plant));
    const seed = plant.seed ?? SEED;
    const result = fuzz({ seed, cases: MOST_CASES, untilFailure: true }, subjects);
    assert.match(result.failures[0]?.message ?? "nothing found", plant.told);
  });
}
