// Waiting for what takes its time in a mesh, on a machine that may be busy.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const LONGEST_MS = 30_000;
const POLL_MS = 250;

/** Resolved once the condition holds. Rejects after half a minute. */
export async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + LONGEST_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await sleep(POLL_MS);
  }
}
