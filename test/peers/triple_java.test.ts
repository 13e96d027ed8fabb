// Our HTTP filter between Dubbo Java peers that speak Triple with plain interfaces: the series are the
// consumer's numbers, what a service throws is an exception though its status is OK, and the header
// that a rule sets is the provider's attachment.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { Expected } from "../e2e/envoy_series.ts";
import { expected, received, startProvider } from "./java_between.ts";
import { javaArguments } from "./java_build.ts";
import { runJavaConsumer } from "./java_peers.ts";
import type { CallLine, Report } from "./report.ts";
import { isSet, ruleCounts, SET_AND_REST } from "./rules.ts";
import { awaitTripleSeries, startTripleEnvoy } from "./triple_between.ts";

const CALLS = 450;
const TEST = { timeout: 90_000 };
const MARKS: [mark: string, isMarked: (line: CallLine) => boolean][] = [
  ["x-rule=set", isSet],
  ["x-rule=rest", (line) => !isSet(line)],
  ["x-canary", isSet],
];

describe("the filter and Dubbo Java's Triple", () => {
  before(async () => void (await javaArguments("Consumer", "3.3.6")));

  for (const [mark, isMarked] of MARKS) {
    test(`calls are counted and go by rules: ${mark}`, TEST, async (t) => {
      const provider = await startProvider(t, { mark, protocol: "tri" });
      const { envoy, port } = await startTripleEnvoy(t, provider.port, { routing: SET_AND_REST });
      const options = { user: port, order: port, calls: CALLS, serialization: "hessian2" } as const;
      await runJavaConsumer({ ...options, protocol: "tri" }, async (sent) => {
        assert.deepEqual(await received(provider, CALLS), expected(sent, CALLS, isMarked));
        await awaitTripleSeries(envoy, seriesOf(sent));
      });
    });
  }
});

/** The series of a consumer's calls; over Triple a one-way call is answered like any other. */
function seriesOf(sent: Report): Expected {
  const all = new Expected();
  for (const line of sent.calls) {
    const { interface: name, method, version = "0.0.0", group } = line;
    const of = { interface: name, method, version, group, protocol: "tri" };
    const add = (outcome: string, times: number) => {
      if (times > 0) all.add("responses_total", { ...of, status: "OK", outcome }, times);
    };
    add("success", line.ok + line.nulls + line.oneway);
    add("exception", line.exceptions);
    // Arguments and values are within a message of protobuf, TripleRequestWrapper, whatever they are in.
    const how = { call: "unary", serialization: "protobuf" };
    all.add("requests_total", { ...of, ...how }, line.sent);
    all.add("request_duration_milliseconds", of, line.sent);
    all.add("requests_active", of, 0);
  }
  const { routed_set, routed_rest } = ruleCounts(sent);
  all.add("routed_requests_total", { rule: "set", protocol: "tri" }, routed_set!);
  return all.add("routed_requests_total", { rule: "rest", protocol: "tri" }, routed_rest!);
}
