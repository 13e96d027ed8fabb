// The `policies` part of docs/configuration.schema.json and the module's own checks are the same, and each
// configuration in docs/policies.md is one.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accepted, guideIsAccepted, refusal, validate } from "../configuration_checks.ts";

const P = "$.policies[0]";
const one = (policy: object): object => ({ policies: [{ name: "p", ...policy }] });
const limit = (more: object): object =>
  one({ rate_limit: { max_tokens: 1, fill_interval: "1s", ...more } });
const slow = (more: object): object =>
  one({ fault: { delay: { percentage: 100, fixed_delay: "1s", ...more } } });

const GOOD: object[] = [
  { policies: [] },
  one({ authorize: "allow" }),
  one({ authorize: "deny", match: {}, enforce: false }),
  one({
    authorize: "deny",
    match: { source: { ip_blocks: ["10.0.0.0/8"], namespaces: [{ prefix: "a" }] } },
  }),
  one({ authorize: "deny", answer: { exception: "biz", message: "no" } }),
  one({ authorize: "deny", answer: { status: "BAD_REQUEST" } }),
  limit({ tokens_per_fill: 5, per: ["application", "principal", { attachment: "tenant" }] }),
  limit({ fill_interval: "0.5s" }),
  limit({ scope: "worker" }),
  limit({ scope: "process", per: ["principal"] }),
  limit({ fill_interval: "100ms" }),
  one({ concurrency: { max_in_flight: 1 } }),
  one({ fault: { abort: { percentage: 0.25 } } }),
  slow({}),
  slow({ fixed_delay: "60s" }),
  slow({ fixed_delay: "1ms", percentage: 0 }),
  one({ fault: { abort: { percentage: 1 }, delay: { percentage: 1, fixed_delay: "0.5s" } } }),
];

const ACTIONS = "an object with one of authorize, rate_limit, concurrency, fault";
const DURATION = 'a duration of 1 ms to a day, such as "1s" or "100ms"';
const MINUTE = 'a duration of 1 ms to a minute, such as "1s" or "100ms"';
const BAD: [object, string, string, string][] = [
  [{ policies: {} }, "$.policies", "an object", "a list of at most 254 elements"],
  [{ policies: [{ authorize: "deny" }] }, P, "an object", "an object with a name"],
  [one({}), P, "an object", ACTIONS],
  [one({ authorize: "deny", concurrency: { max_in_flight: 1 } }), P, "an object", ACTIONS],
  [one({ authorize: "maybe" }), `${P}.authorize`, '"maybe"', "one of allow, deny"],
  [one({ authorize: "deny", enforce: 1 }), `${P}.enforce`, "1", "true or false"],
  [
    one({ authorize: "deny", answer: { exception: "biz", status: "BAD_REQUEST" } }),
    `${P}.answer`,
    "an object",
    "one of exception, status",
  ],
  [
    one({ authorize: "deny", answer: { status: "OK" } }),
    `${P}.answer.status`,
    '"OK"',
    "one of Dubbo's statuses but OK",
  ],
  [
    one({ authorize: "deny", answer: { message: "ü" } }),
    `${P}.answer.message`,
    '"ü"',
    "printable ASCII",
  ],
  [limit({ scope: "host" }), `${P}.rate_limit.scope`, '"host"', "one of worker, process"],
  [limit({ fill_interval: 1 }), `${P}.rate_limit.fill_interval`, "1", DURATION],
  [limit({ fill_interval: "1m" }), `${P}.rate_limit.fill_interval`, '"1m"', DURATION],
  [limit({ fill_interval: "s" }), `${P}.rate_limit.fill_interval`, '"s"', DURATION],
  [
    one({ rate_limit: { max_tokens: 1 } }),
    `${P}.rate_limit`,
    "an object",
    "an object with max_tokens and fill_interval",
  ],
  [
    limit({ max_tokens: 0 }),
    `${P}.rate_limit.max_tokens`,
    "0",
    "a whole number from 1 to 1000000000",
  ],
  [
    limit({ per: ["user"] }),
    `${P}.rate_limit.per[0]`,
    '"user"',
    "one of interface, method, version, group, application, principal",
  ],
  [one({ concurrency: {} }), `${P}.concurrency`, "an object", "an object with max_in_flight"],
  [
    one({ fault: { abort: { percentage: 101 } } }),
    `${P}.fault.abort.percentage`,
    "101",
    "a number from 0 to 100",
  ],
  [one({ fault: {} }), `${P}.fault`, "an object", "an object with abort or delay"],
  [
    one({ fault: { delay: { percentage: 1 } } }),
    `${P}.fault.delay`,
    "an object",
    "an object with fixed_delay",
  ],
  [
    one({ fault: { delay: { fixed_delay: "1s" } } }),
    `${P}.fault.delay`,
    "an object",
    "an object with percentage",
  ],
  [slow({ percentage: -1 }), `${P}.fault.delay.percentage`, "-1", "a number from 0 to 100"],
  [slow({ fixed_delay: "61s" }), `${P}.fault.delay.fixed_delay`, '"61s"', MINUTE],
  [slow({ fixed_delay: 100 }), `${P}.fault.delay.fixed_delay`, "100", MINUTE],
  [slow({ fixed_delay: "" }), `${P}.fault.delay.fixed_delay`, '""', MINUTE],
];

describe("the schema and the module agree", () => {
  for (const document of GOOD) {
    test(`on ${JSON.stringify(document).slice(0, 120)}`, () => {
      accepted(document);
    });
  }
  for (const [document, path, value, expected] of BAD) {
    test(`that ${JSON.stringify(document).slice(0, 120)} is wrong`, () => {
      const said = `dubbo: configuration refused: ${path} is ${value}, expected ${expected}`;
      assert.equal(refusal(document), said);
      assert.ok(!validate(document));
    });
  }
});

test("more limits of concurrency than a call has bits are refused", () => {
  const policies = Array.from({ length: 33 }, (_, i) => ({
    name: `p${i}`,
    concurrency: { max_in_flight: 1 },
  }));
  assert.equal(refusal({ policies: policies.slice(1) }), undefined);
  assert.match(refusal({ policies })!, /policies\[32\]\.concurrency is .* at most 32 of these/);
});

test("each configuration in the guide is one", () => {
  guideIsAccepted("policies.md", "policies", 1);
});
