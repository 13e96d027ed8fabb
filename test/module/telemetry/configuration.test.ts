// The `telemetry` part of docs/configuration.schema.json and the module's own checks are the same, and each
// configuration in docs/telemetry.md is one.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accepted, guideIsAccepted, refusal, validate } from "../configuration_checks.ts";

const T = "$.telemetry";
const otlp = (more: object): object => ({ telemetry: { otlp: { cluster: "c", ...more } } });
const log = (log: object): object => ({ telemetry: { otlp: { cluster: "c" }, log } });
const spans = (spans: object): object => ({ telemetry: { otlp: { cluster: "c" }, spans } });

const GOOD: object[] = [
  { telemetry: {} },
  otlp({ authority: "a", path_prefix: "/x", timeout_ms: 1, max_batch: 4096 }),
  otlp({ headers: [{ name: "authorization", value: "Bearer x y" }] }),
  spans({}),
  spans({ sample: { percentage: 0.01 }, propagate: true }),
  log({}),
  log({
    to: "otlp",
    when: { outcomes: ["unanswered"], slower_than_ms: 5, sample: { percentage: 1 } },
  }),
  { telemetry: { log: { to: "envoy" } } },
  log({
    when: {
      match: { interface: { prefix: "com." }, source: { principals: [{ prefix: "spiffe:" }] } },
    },
  }),
  log({
    when: { match: {}, statuses: ["SERVER_TIMEOUT", "UNAVAILABLE"] },
    fields: ["interface", "peer"],
  }),
];
const BAD: [object, string, string, string, isBeyondSchema?: boolean][] = [
  [{ telemetry: [] }, T, "a list", "an object"],
  [
    { telemetry: { spans: {} } },
    T,
    "an object",
    "an object with otlp, where spans and log records are sent",
    true,
  ],
  [{ telemetry: { otlp: {} } }, `${T}.otlp`, "an object", "an object with a cluster"],
  [otlp({ path_prefix: "x" }), `${T}.otlp.path_prefix`, '"x"', "a path that begins with a slash"],
  [otlp({ timeout_ms: 0 }), `${T}.otlp.timeout_ms`, "0", "a whole number from 1 to 60000"],
  [
    otlp({ headers: [{ name: "a" }] }),
    `${T}.otlp.headers[0]`,
    "an object",
    "an object with a name and a value",
  ],
  [
    spans({ sample: { percentage: -1 } }),
    `${T}.spans.sample.percentage`,
    "-1",
    "a number from 0 to 100",
  ],
  [spans({ propagate: "on" }), `${T}.spans.propagate`, '"on"', "true or false"],
  [log({ to: "stdout" }), `${T}.log.to`, '"stdout"', "one of otlp, envoy"],
  [
    log({ when: { outcomes: ["ok"] } }),
    `${T}.log.when.outcomes[0]`,
    '"ok"',
    "one of success, exception, error, unknown, unanswered",
  ],
  [
    log({ fields: ["argument"] }),
    `${T}.log.fields[0]`,
    '"argument"',
    "one of interface, method, version, group, application, side, call, serialization, status, " +
      "outcome, closed_by, duration, bytes, request_id, trace_id, rule, policy, exception, peer, principal",
  ],
  [
    log({ when: { match: { interface: "x" } } }),
    `${T}.log.when.match.interface`,
    '"x"',
    "an object",
  ],
];

describe("the schema and the module agree", () => {
  for (const document of GOOD) {
    test(`on ${JSON.stringify(document).slice(0, 120)}`, () => {
      accepted(document);
    });
  }
  for (const [document, path, value, expected, isBeyondSchema = false] of BAD) {
    test(`that ${JSON.stringify(document).slice(0, 120)} is wrong`, () => {
      const said = `dubbo: configuration refused: ${path} is ${value}, expected ${expected}`;
      assert.equal(refusal(document), said);
      assert.equal(validate(document), isBeyondSchema);
    });
  }
});

test("each configuration in the guide is one", () => {
  guideIsAccepted("telemetry.md", "telemetry", 2);
});
