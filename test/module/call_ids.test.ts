// Which answer belongs to which request, against a model that keeps calls in a plain list: few ids that
// come again and again, counted up, down and across the ends of 64 bits, both sides calling.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { Random } from "../fuzz/random.ts";
import { Vm } from "../emulator/emulator.ts";
import { request, response } from "../frames/frames.ts";

const MODULE = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));
const HIGHEST = 2n ** 63n - 1n;
const IDS = [0n, 1n, 2n, 3n, -1n, -2n, HIGHEST, HIGHEST - 1n, -HIGHEST - 1n, -HIGHEST];
const STEPS = 3000;
const MOST_IN_FLIGHT = 4;

type From = "downstream" | "upstream";
interface Open {
  from: From;
  id: bigint;
}
const SIDES = ["downstream", "upstream"] as const;

/** What is counted, over all names. */
class Model {
  readonly #open: Open[] = [];
  readonly counts = { requests: 0, responses: 0, untracked: 0, unmatched: 0 };

  get active(): number {
    return this.#open.length;
  }

  request(from: From, id: bigint): void {
    this.counts.requests++;
    if (this.#take(from, id)) this.counts.untracked++;
    if (this.#open.length === MOST_IN_FLIGHT) {
      this.#open.shift();
      this.counts.untracked++;
    }
    this.#open.push({ from, id });
  }

  response(to: From, id: bigint): void {
    if (this.#take(to, id)) this.counts.responses++;
    else this.counts.unmatched++;
  }

  #take(from: From, id: bigint): boolean {
    const at = this.#open.findIndex((call) => call.from === from && call.id === id);
    if (at >= 0) this.#open.splice(at, 1);
    return at >= 0;
  }
}

function total(vm: Vm, name: string): number {
  const values = [...vm.metrics()].filter(([key]) => key.startsWith(`dubbo_${name}`));
  return values.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** The next id: one more than the last, or any. */
function nextId(random: Random, last: bigint): bigint {
  return random.oneIn(2) ? BigInt.asIntN(64, last + 1n) : random.pick(IDS);
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`answers find their requests, seed ${seed}`, () => {
    const random = new Random(seed);
    const vm = Vm.load(MODULE);
    const config = JSON.stringify({ metrics: { max_in_flight: MOST_IN_FLIGHT } });
    const connection = vm.plugin({ config }).connect({ collect: false });
    const model = new Model();
    let last = 0n;
    for (let step = 0; step < STEPS; step++) {
      const from = random.pick(SIDES);
      const id = nextId(random, last);
      if (random.oneIn(2)) {
        connection[from](request({ id }));
        model.request(from, id);
        last = id;
      } else {
        connection[from](response({ id }));
        model.response(from === "upstream" ? "downstream" : "upstream", id);
      }
      if (step % 500 !== 499) continue;
      vm.tick();
      const { requests, responses, untracked, unmatched } = model.counts;
      assert.deepEqual(
        ["requests_total", "responses_total", "untracked", "unmatched", "requests_active"].map(
          (name) => total(vm, name),
        ),
        [requests, responses, untracked, unmatched, model.active],
        `after step ${step}`,
      );
    }
    // All of it happened.
    for (const count of Object.values(model.counts)) assert.ok(count > 100, `${count}`);
  });
}
