// Every panel's query, asked of a real Prometheus that scrapes a real Envoy: with what must come out after
// calls of which all is known. Also Dubbo's own names, recorded from ours: npm run test:promtool.
//
// A rate over a window is Prometheus' own guess at its edges. So each query is asked twice: as it is, when
// it must have data for the same series, and over the counters themselves, when its numbers are exact.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../harness/envoy_config.ts";
import { freePorts } from "../../harness/ports.ts";
import { DASHBOARDS } from "../../observability/dashboards.ts";
import { mixinFiles } from "../../observability/files.ts";
import { ORDERS } from "../../demo/record.ts";
import { Caller, times } from "../e2e/envoy_caller.ts";
import { addListener, startLab, struct, type Lab } from "../e2e/envoy_setup.ts";
import { pair, Upstream, type End } from "../e2e/envoy_sockets.ts";
import { Provider } from "../e2e/routing/setup.ts";
import { concat, request, response, ResponseKind, type Request } from "../frames/frames.ts";
import { startPrometheus, type Found, type Prometheus } from "./prometheus.ts";

const LIMIT = { timeout: 120_000 };
/** Two, for a rate needs an earlier value. */
const ROUNDS = 2;
const WAIT_MS = 20_000;
const POLL_MS = 250;
const WINDOW = "1m";

const LABELS = { labels: ["interface", "method", "application"] };
/** Rules, a policy, and spans for which there is no collector. */
const RULED = {
  metrics: LABELS,
  routing: { rules: [{ name: "all" }] },
  policies: [{ name: "nobody", match: { method: { exact: "Forbidden" } }, authorize: "deny" }],
  telemetry: { otlp: { cluster: "nowhere" }, spans: { sample: { percentage: 100 } } },
};
const GUARDED = { metrics: LABELS, answer_on_upstream_close: true };
const CALL: Request = { extraAttachments: { "remote.application": "shop" } };
const USER = "com.k8s.User.UserProvider";
const FOREIGN = 64;
const SERVER_ERROR = 80;

/** What a panel shows: the labels in the order of their names, and the number; undefined for any above 0. */
type Lines = Record<string, number | undefined>;

const INTERFACE = `dubbo_interface=${USER}`;
const GET = "dubbo_method=GetUser";
const FORBIDDEN = "dubbo_method=Forbidden";
/** Of a round's calls those under RULED: each has a span, but for the oneway one. */
const SPANS = 3;
/** All of a round's, and the one that waits. */
const REFUSED = ROUNDS;
const CALLS = 8 * ROUNDS + 1;
const GET_BYTES = CALLS * request(CALL).length;
const REFUSED_BYTES = REFUSED * request({ ...CALL, method: "Forbidden" }).length;
/** An exception of the provider's; a refusal is one too. */
const ANSWERS: Lines = {
  "dubbo_outcome=success dubbo_status=OK": 2 * ROUNDS,
  "dubbo_outcome=exception dubbo_status=OK": 2 * ROUNDS,
  "dubbo_outcome=error dubbo_status=SERVER_ERROR": 2 * ROUNDS,
};

/** By file and title; a list where the panel has several queries. */
const EXPECTED: Record<string, Record<string, Lines | Lines[]>> = {
  "dubbo-services.json": {
    Calls: { [INTERFACE]: CALLS + REFUSED },
    // Two errors and one without an answer, of seven that ended.
    "Failed or unanswered": { [INTERFACE]: 3 / 7 },
    Duration: [{ [INTERFACE]: undefined }, { [INTERFACE]: undefined }],
    "Waiting for an answer": { [INTERFACE]: 1 },
    "Answers by status": ANSWERS,
    "Unanswered, by who ended the connection": { [`dubbo_closed_by=remote ${INTERFACE}`]: ROUNDS },
    Bytes: [{ [INTERFACE]: GET_BYTES + REFUSED_BYTES }, { [INTERFACE]: undefined }],
  },
  "dubbo-methods.json": {
    Calls: { [GET]: CALLS, [FORBIDDEN]: REFUSED },
    "Failed or unanswered": { [GET]: 3 / 6, [FORBIDDEN]: 0 },
    Duration: [
      { [GET]: undefined, [FORBIDDEN]: undefined },
      { [GET]: undefined, [FORBIDDEN]: undefined },
    ],
    "Waiting for an answer": { [GET]: 1, [FORBIDDEN]: 0 },
    "Answers by status": ANSWERS,
    "Unanswered, by who ended the connection": { [`dubbo_closed_by=remote ${GET}`]: ROUNDS },
    Bytes: [
      { [GET]: GET_BYTES, [FORBIDDEN]: REFUSED_BYTES },
      { [GET]: undefined, [FORBIDDEN]: undefined },
    ],
    "Who calls (with metrics.labels: application)": {
      [`dubbo_application=shop ${INTERFACE}`]: CALLS + REFUSED,
    },
  },
  "dubbo-filter.json": {
    Connections: { "dubbo_side=consumer": 2 },
    "Connections that ended before a byte came, by who ended them": {
      "dubbo_closed_by=local dubbo_side=consumer": ROUNDS,
    },
    "Connections that are not Dubbo, or no longer understood": { "dubbo_side=consumer": ROUNDS },
    "What could not be read": { "dubbo_reason=bad_magic": ROUNDS },
    "No longer followed": { [INTERFACE]: ROUNDS },
    Routed: { "dubbo_rule=all": 3 * ROUNDS },
    "Refused by policies": { "dubbo_policy=nobody dubbo_reason=denied": REFUSED },
    "Answered in the provider's place": { [INTERFACE]: ROUNDS },
    "Telemetry dropped": { "dubbo_reason=failed dubbo_record=span": SPANS * ROUNDS },
  },
};

/** Dubbo's own names, by application and method, as far as these calls have them. */
const NAMED: Record<string, { GetUser?: number; Forbidden?: number }> = {
  requests_total: { GetUser: CALLS, Forbidden: REFUSED },
  requests_succeed_total: { GetUser: 2 * ROUNDS },
  requests_business_failed_total: { GetUser: ROUNDS, Forbidden: REFUSED },
  requests_unknown_failed_total: { GetUser: 2 * ROUNDS },
  requests_failed_network_total: { GetUser: ROUNDS },
  requests_failed_total: { GetUser: 4 * ROUNDS, Forbidden: REFUSED },
  requests_processing: { GetUser: 1, Forbidden: 0 },
  requests_processing_total: { GetUser: 1, Forbidden: 0 },
};

describe("every panel, after calls of which all is known", LIMIT, () => {
  let lab: Lab;
  let provider: Provider;
  let upstream: Upstream;
  let prometheus: Prometheus;
  let caller: Caller;
  let open: End;

  before(async () => {
    const [ruled, guarded] = (await freePorts(2)) as [number, number];
    lab = await startLab({
      change: (config) => {
        const listener = addListener(config, "ruled", ruled, struct(RULED));
        const [, tcp]: Json[] = listener.filter_chains[0].filters;
        tcp!.typed_config.cluster = "order-provider";
        addListener(config, "guarded", guarded, struct(GUARDED));
      },
    });
    provider = await Provider.listen("orders", ORDERS, lab.ports.order);
    upstream = await Upstream.listen(lab.ports.user);
    const files = mixinFiles();
    prometheus = await startPrometheus(
      {
        address: new URL(lab.envoy.admin).host,
        job: "envoy",
        labels: { namespace: "shop", app: "shop" },
      },
      [...files].filter(([name]) => name.startsWith("prometheus_rules")).map(([, text]) => text),
    );
    caller = await Caller.dial(ruled);
    // A call that waits all the time.
    const waiting = await pair(guarded, upstream);
    open = waiting.near;
    await open.write(request(CALL));
    await waiting.far.has(request(CALL).length);
    for (let round = 1; round <= ROUNDS; round++) {
      await caller.ask([...times(2, CALL), { ...CALL, method: "Forbidden" }]);
      await caller.tell([CALL]);
      await answeredByGuard(guarded);
      await unanswered(guarded);
      await foreign(guarded);
      await unused(guarded);
      await scraped(round);
    }
  });

  after(async () => {
    caller?.close();
    open?.socket.destroy();
    await prometheus?.stop();
    await lab?.stop();
    await provider?.close();
    await upstream?.close();
  });

  /** Three calls: an exception, an error, and one whose provider ends before its answer. */
  async function answeredByGuard(port: number): Promise<void> {
    const { near, far } = await pair(port, upstream);
    const asked = concat([1, 2, 3].map((id) => request({ ...CALL, id })));
    await near.write(asked);
    await far.has(asked.length);
    await far.write(
      concat([
        response({ id: 1, kind: ResponseKind.exception }),
        response({ id: 2, status: SERVER_ERROR }),
      ]),
    );
    far.socket.end();
    await near.finished();
    near.socket.destroy();
  }

  async function unanswered(port: number): Promise<void> {
    const { near, far } = await pair(port, upstream);
    await near.write(request(CALL));
    await far.has(request(CALL).length);
    near.socket.end();
    await far.finished();
    far.socket.end();
    await near.finished();
  }

  /** A call, and bytes that are not Dubbo. */
  async function foreign(port: number): Promise<void> {
    const { near, far } = await pair(port, upstream);
    await near.write(concat([request(CALL), new Uint8Array(FOREIGN)]));
    await far.has(request(CALL).length + FOREIGN);
    near.socket.destroy();
    await far.finished();
    far.socket.end();
  }

  async function unused(port: number): Promise<void> {
    const { near, far } = await pair(port, upstream);
    far.socket.end();
    await near.finished();
    near.socket.end();
    await far.finished();
  }

  /** Resolved once Prometheus has seen a round whole: what is counted last, and what was counted late. */
  async function scraped(round: number): Promise<void> {
    await shows("sum(dubbo_unused_connections_total)", { "": round });
    await shows("sum(dubbo_request_duration_milliseconds_count)", { "": 6 * round });
    await shows('sum(dubbo_requests_total{dubbo_call="oneway"})', { "": round });
    await shows("sum(dubbo_connections_active)", { "": 2 });
    await shows("sum(dubbo_telemetry_dropped_total)", { "": SPANS * round });
  }

  /** Resolved once an expression has these lines and no others; rejects with what it has. */
  async function shows(expr: string, expected: Lines): Promise<void> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const found = linesOf(await prometheus.query(expr));
      if (agree(found, expected)) return;
      if (Date.now() >= end) assert.deepEqual(found, expected, expr);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  for (const [file, { title, panels }] of Object.entries(DASHBOARDS)) {
    for (const panel of panels) {
      test(`${title}: ${panel.title}`, async () => {
        const expected = EXPECTED[file]![panel.title];
        assert.ok(expected !== undefined, "nothing is expected of it");
        for (const [index, { expr }] of panel.queries.entries()) {
          const asked = expr
            .replaceAll("$namespace", "shop")
            .replaceAll(/\$(interface|method|side)/g, ".*");
          const lines = Array.isArray(expected) ? expected[index]! : expected;
          await shows(asked.replaceAll(RATE, "$1"), lines);
          // A number that is not exact is one above 0 all the same.
          const some = Object.entries(lines).map(([key, value]) => [
            key,
            value === 0 ? 0 : undefined,
          ]);
          await shows(asked.replaceAll("$__rate_interval", WINDOW), Object.fromEntries(some));
        }
      });
    }
  }

  for (const [name, methods] of Object.entries(NAMED)) {
    test(`Dubbo's own name dubbo_consumer_${name}`, async () => {
      const lines = Object.entries(methods).map(([method, value]) => [
        `application_name=shop method=${method}`,
        value,
      ]);
      const expr = `sum by (application_name, method) (dubbo_consumer_${name})`;
      await shows(expr, Object.fromEntries(lines));
    });
  }

  test("Dubbo's dashboards find the application and the instance", async () => {
    const { host } = new URL(lab.envoy.admin);
    const labels = `application_name=shop instance=${host} namespace=shop`;
    await shows("dubbo_application_info_total", { [labels]: 1 });
  });

  test("nothing is expected of a panel that there is not", () => {
    for (const [file, panels] of Object.entries(EXPECTED)) {
      const titles = DASHBOARDS[file]!.panels.map(({ title }) => title);
      assert.deepEqual(
        Object.keys(panels).filter((title) => !titles.includes(title)),
        [],
      );
    }
  });
});

const RATE = /rate\((\w+\{[^}]*\})\[\$__rate_interval\]\)/g;

function linesOf(found: Found[]): Lines {
  return Object.fromEntries(
    found.map(({ labels, value }) => [
      Object.entries(labels)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, text]) => `${name}=${text}`)
        .join(" "),
      value,
    ]),
  );
}

function agree(found: Lines, expected: Lines): boolean {
  const keys = Object.keys(expected);
  return (
    Object.keys(found).length === keys.length &&
    keys.every((key) => {
      const value = found[key];
      if (value === undefined) return false;
      const wanted = expected[key];
      return wanted === undefined ? value > 0 : Math.abs(value - wanted) < 1e-9;
    })
  );
}
