// Ends a run that hangs: the metered module traps instead, but the probe and the released module have no
// meter, and a loop in WebAssembly cannot be interrupted from its own thread.

import { Worker } from "node:worker_threads";

/** Time in ms that one case may take; on a machine with too much to do it takes a few seconds. */
const LIMIT_MS = 300_000;
const LOOK_MS = 1000;

// Looks whether the count of cases goes up; if not, says which case it was and ends the process.
const PROGRAM = `
const { workerData: { shared, seed, limit, look } } = require("node:worker_threads");
const numbers = new Int32Array(shared);
let last = -1;
let since = Date.now();
setInterval(() => {
  const count = Atomics.load(numbers, 0);
  if (count !== last) [last, since] = [count, Date.now()];
  if (Date.now() - since < limit) return;
  const number = Atomics.load(numbers, 1);
  require("node:fs").writeSync(2, "HANGS: npm run fuzz -- --seed " + seed + " --only " + number + "\\n");
  process.kill(process.pid, "SIGKILL");
}, look);
`;

/** Starts to watch; call what it answers with the number of each case that begins. */
export function watch(seed: number, limit: number = LIMIT_MS): (caseNumber: number) => void {
  const shared = new SharedArrayBuffer(8);
  const numbers = new Int32Array(shared);
  const worker = new Worker(PROGRAM, {
    eval: true,
    workerData: { shared, seed, limit, look: LOOK_MS },
  });
  worker.unref();
  return (caseNumber) => {
    Atomics.store(numbers, 1, caseNumber);
    Atomics.add(numbers, 0, 1);
  };
}
