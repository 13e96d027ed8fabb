// What Prometheus' own tool says of a scrape after a storm. Not one of `npm test`'s, because promtool
// comes with Debian's package `prometheus` and not with Node, Python or Envoy:
//
//   apt-get install -y --no-install-recommends prometheus
//   node --import tsx --test test/e2e/hostile/promtool.ts

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { checkWithPromtool } from "./parsers.ts";
import { storm, type Storm } from "./storm.ts";

const LIMIT = { timeout: 400_000 };
const SIZE = { each: 2, asking: 2, costly: 8, huge: 0, treated: 2 };
/** The exit code of `promtool check metrics` for what can be read but could be named better. */
const LINT = 3;

describe("promtool", LIMIT, () => {
  let weather: Storm;

  before(async () => {
    weather = await storm(SIZE);
  });

  after(async () => weather?.stop());

  test("reads what Envoy shows, and finds our names as they should be", async () => {
    const text = await weather.lab.envoy.prometheus();
    assert.match(text, /^dubbo_requests_total\{/m);
    const { code, lines } = await checkWithPromtool(text);
    assert.ok(code === 0 || code === LINT, `exit code ${code}: ${lines.slice(0, 20).join("\n")}`);
    // Envoy's own names are not ours to mend, it writes no help texts, and its buckets are milliseconds.
    const borne = /^envoy_| no help text$| use base unit "seconds" instead of "milliseconds"$/;
    const ours = lines.filter((line) => !borne.test(line));
    assert.deepEqual(ours, []);
  });

  test("would say so if it could not be read", async () => {
    const text = await weather.lab.envoy.prometheus();
    const broken = text.replace(/^(dubbo_requests_total\{dubbo_interface=")/m, '$1"');
    assert.notEqual(broken, text);
    const { code } = await checkWithPromtool(broken);
    assert.ok(code !== 0 && code !== LINT, `exit code ${code}`);
  });
});
