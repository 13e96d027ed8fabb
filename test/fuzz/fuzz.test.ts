// A short run of the fuzzer, the same every time: the release module bears it, and bugs that are planted
// are found.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { fuzz, loadSubjects, subjectsOf, type Campaign } from "./campaign.ts";
import { compilePlanted, PLANTS } from "./planted.ts";

const SEED = 10;
const CASES = 80;
/** Cases in which a planted bug must be found; most are in the first twenty. */
const MOST_CASES = 600;

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
