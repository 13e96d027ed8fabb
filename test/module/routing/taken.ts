// Which of some rules a call takes, for the tests of routing.

import assert from "node:assert/strict";
import { request, type Request } from "../../frames/frames.ts";
import type { PropertyValues } from "../../emulator/properties.ts";
import { texts } from "./frames.ts";
import { counted, start } from "./setup.ts";

export interface Options {
  properties?: PropertyValues;
  rest?: object;
}

/** The name of the rule that a call takes; "" for none. */
export function taken(rules: object[], call: Request, options: Options = {}): string {
  const marked = rules.map((rule, i) => ({
    name: `r${i}`,
    attachments: { set: [{ name: "taken", value: `r${i}` }] },
    ...rule,
  }));
  const { vm, connection } = start({ rules: marked }, options);
  connection.downstream(request(call));
  const name = texts(connection.toUpstream)["taken"] ?? "";
  const series = `dubbo_rule="${name}"`;
  assert.equal(counted(vm, "dubbo_routed_requests_total", series), name === "" ? 0 : 1);
  assert.equal(counted(vm, "dubbo_routed_requests_total"), name === "" ? 0 : 1);
  return name;
}

export const meets = (match: object, call: Request, options: Options = {}): boolean =>
  taken([{ match }], call, options) === "r0";
