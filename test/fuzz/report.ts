// A failing case for people: its configurations, and its bytes in the notation of test/cases.

import { concat } from "../frames/frames.ts";
import type { FuzzCase, Step } from "./fuzz_case.ts";

function lineOf(one: FuzzCase, step: Step): string[] {
  switch (step.do) {
    case "connect":
      return [`connection:   # ${step.connection}, plugin ${step.plugin}, from ${step.address}`];
    case "read": {
      const pieces = step.pieces.map(({ frame, from, to }) =>
        one.frames[frame]!.bytes.subarray(from, to),
      );
      const bytes = Buffer.from(concat([new Uint8Array(0), ...pieces])).toString("hex");
      const which = `   # connection ${step.connection}`;
      return [
        ...(bytes === "" ? [] : [`${step.side}: ${bytes}${which}`]),
        ...(step.end ? [`fin: ${step.side}${which}`] : []),
      ];
    }
    case "close":
      return [step.how === "end" ? "end:" : `close: ${step.how}`];
    case "tick":
      return ["tick:"];
    case "wait":
      return [`wait: ${step.milliseconds}ms`];
    case "reload":
      return [`# reload of plugin ${step.plugin}: ${JSON.stringify(step.config)}`];
  }
}

/** The case as text. */
export function describeCase(one: FuzzCase): string {
  const configs = one.configs.map((config) => `config: ${JSON.stringify(config)}`);
  return [...configs, ...one.steps.flatMap((step) => lineOf(one, step))].join("\n");
}
