// What every rewritten request must be, held against the one that came.

import assert from "node:assert/strict";
import { shown, take } from "./frames.ts";
import { setting } from "./setup.ts";

export const SET = { "dubbo-route": "v2", "source-version": "größer 😀 中" };
export const REMOVED = "remote.application";
export const RULE = setting(SET, [REMOVED]);

/** Holds a rewritten request against the one that came. */
export function hold(
  before: Uint8Array,
  after: Uint8Array,
  set: Record<string, string> = SET,
): void {
  const [was, is] = [take(before), take(after)];
  assert.equal(shown(is.header), shown(was.header));
  assert.equal(shown(is.head), shown(was.head));
  assert.equal(shown(is.args), shown(was.args));
  assert.equal(shown(is.rest), shown(was.rest));
  const gone = new Set([REMOVED, ...Object.keys(set)]);
  const kept = was.entries.filter(({ key }) => !gone.has(key?.toLowerCase() ?? ""));
  const set0 = is.entries.length - Object.keys(set).length;
  assert.equal(
    shown(...is.entries.slice(0, set0).map(({ bytes }) => bytes)),
    shown(...kept.map(({ bytes }) => bytes)),
  );
  const added = is.entries.slice(set0).map(({ key, text }) => [key, text]);
  assert.equal(added.length, Object.keys(set).length);
  assert.deepEqual(Object.fromEntries(added), set);
}
