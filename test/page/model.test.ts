// What the page makes of scrapes: rates, quantiles, and which cluster stands for which provider.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readExposition } from "../../observability/page/exposition.ts";
import { History, quantile } from "../../observability/page/history.ts";
import { modelOf } from "../../observability/page/model.ts";

/** The model after scrapes that came a second apart. */
function modelAfter(...texts: string[]) {
  const history = new History();
  texts.forEach((text, second) => history.push(second * 1000, readExposition(text)));
  return modelOf(history);
}

const NAMES = 'dubbo_interface="a.b.Users",dubbo_method="get"';
const PLACE = 'dubbo_side="consumer",dubbo_protocol="dubbo"';
const requests = (count: number, more = "") =>
  `dubbo_requests_total{${NAMES},${PLACE}${more},dubbo_call="twoway"} ${count}`;
const responses = (status: string, outcome: string, count: number) =>
  `dubbo_responses_total{${NAMES},${PLACE},dubbo_status="${status}",dubbo_outcome="${outcome}"} ${count}`;

describe("rates", () => {
  test("one scrape has none", () => {
    const { rate, methods } = modelAfter(requests(50));
    assert.equal(rate, 0);
    assert.equal(methods[0]!.calls, 50);
  });

  test("are per second of what was added, over the last five", () => {
    const counts = [0, 100, 110, 120, 130, 140, 150];
    assert.equal(modelAfter(...counts.map((count) => requests(count))).rate, 10);
  });

  test("a series that is new began at nothing", () => {
    assert.equal(modelAfter("other 1", requests(7)).rate, 7);
  });

  test("an Envoy that began anew counts from nothing", () => {
    assert.equal(modelAfter(requests(1000), requests(4)).rate, 4);
  });
});

test("a method's failures are by status; an exception is none of the filter's failing calls", () => {
  const model = modelAfter(
    requests(1),
    [
      requests(11),
      responses("OK", "success", 6),
      responses("OK", "exception", 2),
      responses("SERVER_ERROR", "error", 1),
      `dubbo_unanswered_requests_total{${NAMES},${PLACE},dubbo_closed_by="local"} 1`,
    ].join("\n"),
  );
  const [method] = model.methods;
  assert.deepEqual(
    method!.failures.map(({ name, count }) => [name, count]),
    [
      ["exception", 2],
      ["SERVER_ERROR", 1],
      ["unanswered", 1],
    ],
  );
  assert.equal(model.failing, 0.2);
});

describe("quantiles", () => {
  const buckets = (...counts: [le: string, count: number][]) =>
    counts.map(([le, value]) => ({ labels: { le }, value }));

  test("lie on straight lines between the buckets' bounds", () => {
    const all = buckets(["1", 0], ["5", 50], ["10", 100], ["+Inf", 100]);
    assert.equal(quantile(0.5, all), 5);
    assert.equal(quantile(0.75, all), 7.5);
    assert.equal(quantile(0.25, all), 3);
  });

  test("of what is over the last bound are that bound; of nothing there is none", () => {
    assert.equal(quantile(0.99, buckets(["1", 0], ["10", 1], ["+Inf", 9])), 10);
    assert.equal(quantile(0.5, buckets(["1", 0], ["+Inf", 0])), undefined);
    assert.equal(quantile(0.5, []), undefined);
  });

  test("microseconds are shown as milliseconds", () => {
    const bucket = (le: string, count: number) =>
      `dubbo_request_duration_microseconds_bucket{${NAMES},${PLACE},le="${le}"} ${count}`;
    const zero = [bucket("1000", 0), bucket("+Inf", 0)].join("\n");
    const model = modelAfter(zero, [bucket("1000", 4), bucket("+Inf", 4)].join("\n"));
    assert.equal(model.p50, 0.5);
  });
});

describe("providers", () => {
  const cluster = (name: string, numbers: Record<string, number>) =>
    Object.entries(numbers).map(
      ([of, value]) => `envoy_cluster_upstream_${of}{envoy_cluster_name="${name}"} ${value}`,
    );
  const scrape = (...clusters: string[][]) => clusters.flat().join("\n");
  const one = (rq: number, cx = 1) => ({ rq_total: rq, cx_total: cx, cx_active: 1 });

  test("behind the guard are counted by the guard's cluster, and shown once", () => {
    const at = (rq: number) =>
      scrape(
        cluster("users", one(1)),
        cluster("guard-users", one(rq)),
        cluster("dial-users", one(1)),
      );
    const { providers } = modelAfter(at(2), at(8));
    assert.deepEqual(
      providers.map(({ name, rate, guarded }) => [name, rate, guarded]),
      [["users", 6, true]],
    );
  });

  test("behind tcp_proxy have bytes and no rate of calls", () => {
    const at = (bytes: number) =>
      scrape(
        cluster("users", { ...one(3, 3), cx_tx_bytes_total: bytes, cx_rx_bytes_total: bytes }),
      );
    const [users] = modelAfter(at(0), at(500)).providers;
    assert.equal(users!.rate, undefined);
    assert.equal(users!.bytes, 1000);
  });

  test("that nobody dialled are left out, and those that cannot be dialled say so", () => {
    const at = (fails: number) =>
      scrape(cluster("idle", one(0, 0)), cluster("dead", { ...one(1), cx_connect_fail: fails }));
    const { providers } = modelAfter(at(0), at(1));
    assert.deepEqual(
      providers.map(({ name, unreachable }) => [name, unreachable]),
      [["dead", true]],
    );
  });
});

test("callers are applications where the filter names them, else protocols", () => {
  const named = (name: string, count: number) => requests(count, `,dubbo_application="${name}"`);
  const both = (count: number) => [named("shop", count), requests(2 * count)].join("\n");
  const { callers } = modelAfter(both(0), both(3));
  assert.deepEqual(callers, [
    { name: "Dubbo callers", rate: 6 },
    { name: "shop", rate: 3 },
  ]);
});

test("series whose labels were not cut out of their names are noticed", () => {
  const long = "dubbo_interface___a____dubbo_side___consumer____dubbo_requests_total 1";
  assert.equal(modelAfter(long).unlabelled, true);
  assert.equal(modelAfter(requests(1)).unlabelled, false);
});
