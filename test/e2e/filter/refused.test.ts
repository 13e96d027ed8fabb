// Wrong configurations: Envoy does not start with them, and its log says where the mistake is, what
// stands there and what was expected.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { wasmPlugins } from "../../../harness/envoy_config.ts";
import { LIMIT, startLab, struct, text } from "../envoy_setup.ts";

const REFUSED: [what: string, configuration: object | string, message: string][] = [
  [
    "an unknown key",
    { metrics: { lables: ["interface"] } },
    "$.metrics.lables is no key here (labels?), expected one of the keys enabled, labels, max_series, " +
      "interfaces, duration_unit, max_in_flight",
  ],
  [
    "a wrong type",
    { metrics: { max_series: "1000" } },
    '$.metrics.max_series is "1000", expected a whole number from 1 to 100000',
  ],
  [
    "a number out of range",
    { metrics: { max_in_flight: 0 } },
    "$.metrics.max_in_flight is 0, expected a whole number from 1 to 65536",
  ],
  [
    "a number that is not whole",
    { max_body_bytes: 1.5 },
    "$.max_body_bytes is 1.5, expected a whole number from 1 to 2147483647",
  ],
  [
    "a word that is no choice",
    { side: "server" },
    '$.side is "server", expected one of auto, consumer, provider',
  ],
  [
    "a wrong element of a list",
    { metrics: { labels: ["interface", "clazz"] } },
    '$.metrics.labels[1] is "clazz", expected one of interface, method, version, group',
  ],
  ["a text that is not JSON", "side: auto", "$ is not JSON"],
];

describe("refused configurations", LIMIT, () => {
  for (const [what, configuration, message] of REFUSED) {
    const forms = { text: text(configuration) };
    if (typeof configuration === "object") Object.assign(forms, { struct: struct(configuration) });
    for (const [form, wrapped] of Object.entries(forms)) {
      test(`${what}, as a ${form}`, async () => {
        const error = await refusal(wrapped);
        assert.ok(error.includes(`dubbo: configuration refused: ${message}`), error);
        assert.match(error, /ended \(exit code 1\) before ready/);
      });
    }
  }
});

/** What `startEnvoy` says of an Envoy with this plugin configuration, its log included. */
async function refusal(configuration: object): Promise<string> {
  const starting = startLab({
    change: (config) => {
      for (const plugin of wasmPlugins(config)) plugin.configuration = configuration;
    },
  });
  const lab = await starting.catch((error: Error) => error.message);
  if (typeof lab === "string") return lab;
  await lab.stop();
  return assert.fail("Envoy started");
}
