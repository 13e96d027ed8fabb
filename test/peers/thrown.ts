// The classes of exceptions in the filter's log of calls, beside what a consumer says that it was thrown.

import assert from "node:assert/strict";
import type { EnvoyProcess } from "../../harness/envoy_process.ts";
import type { Report } from "./report.ts";

/** Configuration: a line with the class for each exception. */
export const TELLS_THROWN = {
  telemetry: {
    log: { to: "envoy", when: { outcomes: ["exception"] }, fields: ["outcome", "exception"] },
  },
};

/** Each exception that the consumer was thrown is told, and all are of this class. */
export function holdThrown(envoy: EnvoyProcess, sent: Report, thrown: string): void {
  const lines = envoy.process.log.match(/\{"time_us":\d+,"outcome":"exception".*\}/g) ?? [];
  const told = lines.map((line) => JSON.parse(line).exception as string);
  const count = sent.calls.reduce((sum, { exceptions }) => sum + exceptions, 0);
  assert.ok(count > 0, "nothing was thrown");
  assert.deepEqual(
    told,
    Array.from({ length: count }, () => thrown),
  );
}
