// Ports for tests: an Envoy has many, which are often asked for in more than one go.

import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort, freePorts } from "../../../harness/ports.ts";

// Of so many chosen from 11,000 some would be equal in all but one of a million runs.
const TIMES = 550;

test("ports are free, and none is given out twice", async () => {
  const ports = await freePorts(5);
  for (let i = 0; i < TIMES; i++) ports.push(await freePort());
  assert.equal(new Set(ports).size, ports.length);
  for (const port of ports) assert.ok(port >= 21_000 && port < 32_000, `${port}`);
});
