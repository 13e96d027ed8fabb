// Dubbo's own dashboard, as its administration installs it: each of its panels' queries, asked of a real
// Prometheus with the rules of dubbo-names.yaml, after calls of which each kind of end is one:
// npm run test:promtool.
//
// What its panels ask for was read in apache/dubbo-admin at 9d6cfdfe931b7e51f1c32be2589c92acc31660a6,
// deploy/kubernetes/grafana.yaml, in the dashboard with the uid ewNiYNcVk, version 42. Dubbo's site says of
// that file that it installs the community's dashboards, of which 18469 is the one for Dubbo; Grafana's own copy
// of that was not compared. Other dashboards of Dubbo's are in dubbo_dashboards.json.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { freePorts } from "../../harness/ports.ts";
import { mixinFiles } from "../../observability/files.ts";
import { addListener, startLab, struct, until, type Lab } from "../e2e/envoy_setup.ts";
import { pair, Upstream } from "../e2e/envoy_sockets.ts";
import { concat, request, response, ResponseKind } from "../frames/frames.ts";
import { startPrometheus, type Found, type Prometheus } from "./prometheus.ts";

const LIMIT = { timeout: 90_000 };
const SIDES = ["provider", "consumer"] as const;
const APPLICATION = "shop";
const TAG = `{application_name="${APPLICATION}"}`;
/** What its variable application_name is filled from. */
const VARIABLE = "dubbo_provider_rt_seconds_p99";

/** Forms of its queries, by the metric's name behind `dubbo_<side>_`. */
const FORMS: [form: (metric: string) => string, metrics: string[]][] = [
  [
    (metric) => metric + TAG,
    [
      ...["qps_seconds", "requests_processing"],
      ...["requests_total_aggregate", "requests_succeed_aggregate"],
      ...["rt_seconds_min", "rt_seconds_max", "rt_seconds_avg"],
      ...["rt_seconds_p95", "rt_seconds_p99"],
    ],
  ],
  [(metric) => `increase(${metric}${TAG}[2m])`, ["requests_total", "requests_succeed_total"]],
  [(metric) => `increase(${metric}${TAG}[1m])`, ["rt_seconds_sum"]],
  // These have a number even where nothing failed, so they are asked for without it too.
  [
    (metric) => `${metric}${TAG} OR on() vector(0)`,
    [
      ...["requests_failed_total", "requests_limit_total", "requests_timeout_total"],
      ...["requests_business_failed_total", "requests_unknown_failed_total"],
    ],
  ],
];
/** Its figures at the top, of the provider's side only. */
const SUMS: [query: string, metrics: string[]][] = [
  [`sum(A${TAG}) / sum(B${TAG})`, ["requests_succeed_total", "requests_total"]],
  [`sum(A${TAG}) OR on() vector(0) / sum(B${TAG})`, ["requests_failed_total", "requests_total"]],
  ...["requests_failed_total", "requests_timeout_total", "requests_limit_total"].map(
    (metric): [string, string[]] => [`sum(A${TAG}) OR on() vector(0)`, [metric]],
  ),
  [`sum(A${TAG}) OR on() vector(0)`, ["requests_unknown_total"]],
  [`max(A${TAG})`, ["rt_seconds_max"]],
  [`min(A${TAG})`, ["rt_seconds_min"]],
];
/** What it asks for that only a process knows: the last call's duration. Its panels stay empty. */
const EMPTY = ["rt_seconds_last"];

const TIMEOUT = 31;
const SERVER_ERROR = 80;
const THREADPOOL_EXHAUSTED = 100;
const ANSWERS = [
  response({ id: 1 }),
  response({ id: 2, kind: ResponseKind.exception }),
  response({ id: 3, status: TIMEOUT }),
  response({ id: 4, status: SERVER_ERROR }),
  response({ id: 5, status: THREADPOOL_EXHAUSTED }),
];
/** Two, for a rate needs an earlier value. */
const ROUNDS = 2;

describe("Dubbo's own dashboard on what a sidecar counts", LIMIT, () => {
  let lab: Lab;
  let upstream: Upstream;
  let prometheus: Prometheus;

  before(async () => {
    const ports = await freePorts(SIDES.length);
    lab = await startLab({
      change: (config) => {
        SIDES.forEach((side, i) => addListener(config, side, ports[i]!, struct({ side })));
      },
    });
    upstream = await Upstream.listen(lab.ports.user);
    const target = { job: "envoy", labels: { app: APPLICATION } };
    const address = new URL(lab.envoy.admin).host;
    prometheus = await startPrometheus({ ...target, address }, [
      mixinFiles().get("prometheus_rules_out/dubbo-names.yaml")!,
    ]);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const port of ports) await calls(port);
      for (const side of SIDES) {
        await has(`dubbo_${side}_requests_total${TAG}`, round * ANSWERS.length);
        await has(`dubbo_${side}_requests_failed_total${TAG}`, round * (ANSWERS.length - 1));
      }
    }
    for (const side of SIDES) await has(`dubbo_${side}_rt_seconds_p99${TAG}`);
  });

  after(async () => {
    await prometheus?.stop();
    await lab?.stop();
    await upstream?.close();
  });

  /** A call for each kind of end. */
  async function calls(port: number): Promise<void> {
    const { near, far } = await pair(port, upstream);
    const asked = concat(ANSWERS.map((_, i) => request({ id: i + 1 })));
    await near.write(asked);
    await far.has(asked.length);
    const answers = concat(ANSWERS);
    await far.write(answers);
    await near.has(answers.length);
    near.socket.end();
    await far.finished();
    far.socket.end();
    await near.finished();
  }

  /** Resolved once a query has one line of that value; any above 0 unless given. */
  async function has(query: string, value?: number): Promise<void> {
    await until(query, async () => {
      const found = await prometheus.query(query);
      return (
        found.length === 1 &&
        (value === undefined ? found[0]!.value > 0 : found[0]!.value === value)
      );
    });
  }

  /** What a query has; rejects where that is nothing or no number. */
  async function data(query: string): Promise<Found[]> {
    const found = await prometheus.query(query);
    assert.ok(found.length > 0, `${query} has no data`);
    assert.ok(
      found.every(({ value }) => Number.isFinite(value)),
      `${query}: no number`,
    );
    return found;
  }

  for (const side of SIDES) {
    for (const [form, metrics] of FORMS) {
      for (const metric of metrics) {
        test(`dubbo_${side}_${metric}`, async () => {
          const name = `dubbo_${side}_${metric}`;
          for (const query of [form(name), name + TAG]) await data(query);
        });
      }
    }
  }

  for (const [query, metrics] of SUMS) {
    test(`${query} of ${metrics.join(", ")}`, async () => {
      const [first, second] = metrics.map((metric) => `dubbo_provider_${metric}`);
      await data(query.replace("A", first!).replace("B", second ?? ""));
      for (const metric of metrics) await data(`dubbo_provider_${metric}${TAG}`);
    });
  }

  test("its variable finds the application", async () => {
    const [{ labels }] = (await data(VARIABLE)) as [Found];
    assert.equal(labels.application_name, APPLICATION);
  });

  test("only the last call's duration is not there", async () => {
    for (const side of SIDES) {
      for (const metric of EMPTY) {
        assert.deepEqual(await prometheus.query(`dubbo_${side}_${metric}`), []);
      }
    }
  });
});
