// Our HTTP filter between real dubbo-go peers that speak Triple: its Prometheus series are exactly what
// the consumer says it sent and received, and rules know its attachments.

import assert from "node:assert/strict";
import { before, describe, test, type TestContext } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import type { EnvoyProcess } from "../../harness/envoy_process.ts";
import { startProcess } from "../../harness/processes.ts";
import { Expected } from "../e2e/envoy_series.ts";
import { goCommand } from "./go_build.ts";
import { startGoTripleProvider } from "./go_peers.ts";
import { awaitTripleSeries, startTripleEnvoy } from "./triple_between.ts";

const CALLS = 20;
const TEST = { timeout: 120_000 };
const SERVICE = { interface: "com.k8s.Test.TripleProvider", version: "1.0.0", group: "blue" };

/** What the consumer prints: a number of calls by method and status. */
type Report = Record<string, Record<string, number>>;

describe("the filter and dubbo-go's Triple", () => {
  before(async () => void (await goCommand("tripleconsumer")));

  for (const concurrency of [1, 2]) {
    test(`calls of every kind are counted, ${concurrency} workers`, TEST, async (t) => {
      const { envoy, port } = await start(t, concurrency);
      const report = await consume(port, []);
      const each = CALLS;
      assert.deepEqual(report, {
        // 17 is dubbo-go's own status for what a service throws; gRPC has none of that number.
        Greet: { OK: each, not_found: each, code_17: each },
        Gather: { OK: each },
        Tell: { OK: each },
        Talk: { OK: each },
      });
      await awaitTripleSeries(envoy, expected());
    });
  }

  test("an attachment of the consumer's meets a rule", TEST, async (t) => {
    const rule = {
      name: "jason",
      match: {
        group: { exact: "blue" },
        attachments: [{ name: "end-user", exact: "jason" }],
      },
      attachments: { set: [{ name: "dubbo-route", value: "v2" }] },
    };
    const { envoy, port } = await start(t, 1, { rules: [rule] });
    await consume(port, ["-user", "eve"]);
    await consume(port, ["-user", "jason"]);
    const twice = expected().and(expected());
    const labels = { rule: "jason", protocol: "tri" };
    await awaitTripleSeries(envoy, twice.add("routed_requests_total", labels, 6 * CALLS));
  });
});

/** The series of one run, without bytes. */
function expected(): Expected {
  const all = new Expected();
  for (const [method, call, ends] of [
    ["Greet", "unary", { "OK success": 1, "NOT_FOUND error": 1, "UNKNOWN exception": 1 }],
    ["Gather", "client_stream", { "OK success": 1 }],
    ["Tell", "server_stream", { "OK success": 1 }],
    ["Talk", "bidi", { "OK success": 1 }],
  ] as const) {
    const of = { ...SERVICE, method, protocol: "tri" };
    for (const [how, times] of Object.entries(ends)) {
      const [status, outcome] = how.split(" ");
      all.add("responses_total", { ...of, status, outcome }, times * CALLS);
      all.add("requests_total", { ...of, call, serialization: "protobuf" }, times * CALLS);
      all.add("request_duration_milliseconds", of, times * CALLS);
    }
    all.add("requests_active", of, 0);
  }
  // dubbo-go's consumer asks each provider after its health, and its provider has no such service.
  const health = { interface: "grpc.health.v1.Health", method: "Watch", version: "0.0.0" };
  const of = { ...health, protocol: "grpc" };
  all.add("responses_total", { ...of, status: "UNIMPLEMENTED", outcome: "error" }, 1);
  all.add("requests_total", { ...of, call: "unary", serialization: "protobuf" }, 1);
  all.add("request_duration_milliseconds", of, 1);
  return all.add("requests_active", of, 0);
}

/** A provider, and before it an Envoy with envoy-local.yaml's listener for Triple. */
async function start(
  t: TestContext,
  concurrency: number,
  routing?: Json,
): Promise<{ envoy: EnvoyProcess; port: number }> {
  return startTripleEnvoy(t, await startGoTripleProvider(t), { concurrency, routing });
}

/** Runs the consumer to its end. */
async function consume(port: number, more: string[]): Promise<Report> {
  const command = await goCommand("tripleconsumer");
  const args = ["-addr", `127.0.0.1:${port}`, "-calls", `${CALLS}`, ...more];
  const child = startProcess({ name: "dubbo-go Triple consumer", command, args });
  // It gives up by itself after a minute.
  assert.equal(await child.ended, "exit code 0", child.lastLines());
  return JSON.parse(/^\{"G.*\}$/m.exec(child.log)![0]) as Report;
}
