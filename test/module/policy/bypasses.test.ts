// Each way past an authorization that was tried, however its bytes are cut into reads: what is refused goes on as a
// heartbeat or not at all, and what may go on is as it was.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { BYPASS_ID, BYPASSES, NO_WRITES, ONLY_GET, type Bypass } from "../../frames/bypasses.ts";
import type { Plugin } from "../../emulator/plugin.ts";
import { splitFrames } from "../routing/frames.ts";
import { sendCut } from "../routing/setup.ts";
import { standIn, startPolicies } from "./setup.ts";

/** Longer streams are cut at so many places only. */
const MOST_CUTS = 1000;

function hold(plugin: Plugin, bypass: Bypass, places: number[]): void {
  const { bytes, allowed = [], refused = [BYPASS_ID], closes = false } = bypass;
  const where = `cut at ${places.slice(0, 3).join(", ")}`;
  const connection = plugin.connect();
  sendCut(connection, bytes, places);
  const frames = splitFrames(connection.toUpstream);
  assert.equal(connection.closed, closes, where);
  const goesOn = (frame: Uint8Array): boolean =>
    allowed.some((one) => Buffer.compare(one, frame) === 0);
  const rest = frames.filter((frame) => !goesOn(frame));
  const standIns = refused.map((id) => standIn(id));
  // What came in the read in which the connection is closed is lost with it.
  assert.deepEqual(rest, closes ? standIns.slice(0, rest.length) : standIns, where);
  if (!closes) assert.equal(frames.length, rest.length + allowed.length, where);
  if (!connection.closed) connection.close("remote");
}

for (const [what, policies] of Object.entries({ denied: NO_WRITES, "not allowed": ONLY_GET })) {
  describe(`what is ${what} is not reached by`, () => {
    for (const bypass of BYPASSES) {
      test(bypass.name, () => {
        const { plugin } = startPolicies(policies);
        const { length } = bypass.bytes;
        hold(plugin, bypass, []);
        const step = Math.ceil(length / MOST_CUTS);
        for (let at = 1; at < length; at += step) hold(plugin, bypass, [at]);
        const places = Array.from({ length: length - 1 }, (_, i) => i + 1);
        if (step === 1) hold(plugin, bypass, places);
      });
    }
  });
}

test("docs/policies.md has all of them, and where they lead", () => {
  const page = readFileSync(new URL("../../../docs/policies.md", import.meta.url), "utf8");
  const rows = page.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  for (const { name, leads } of BYPASSES) {
    const row = rows.find((cells) => cells[1] === name);
    assert.equal(row?.[2], leads.join(", "), name);
  }
});

test("there are twenty at least, each with a name of its own", () => {
  assert.ok(BYPASSES.length >= 20);
  assert.equal(new Set(BYPASSES.map(({ name }) => name)).size, BYPASSES.length);
});
