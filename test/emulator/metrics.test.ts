// Tests of the emulator's metrics: Envoy's ids, its refusals, and how labels are cut from names.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricType } from "./abi.ts";
import { Vm } from "./emulator.ts";
import { guest } from "./guest.ts";
import { cutLabels, DUBBO_LABELS } from "./labels.ts";
import { MetricStore, MetricTable } from "./metrics.ts";

test("metrics of a module, labels cut out of their names", async () => {
  const module = await guest({
    top: "let counter: u32; let gauge: u32; let histogram: u32;",
    configure: `
      counter = define(0, "dubbo_method=.=a;.;dubbo_interface=.=b.C;.;dubbo_requests_total");
      gauge = define(1, "dubbo_requests_active");
      histogram = define(2, "dubbo_request_duration_milliseconds")`,
    downstream: `
      proxy_increment_metric(counter, 2); proxy_increment_metric(gauge, 3);
      proxy_record_metric(histogram, size); proxy_get_metric(gauge, A);
      log(1, load<u64>(A).toString())`,
    upstream: "proxy_increment_metric(gauge, -1)",
  });
  const vm = Vm.load(module);
  const connection = vm.plugin().connect();
  connection.downstream(new Uint8Array(4));
  connection.downstream(new Uint8Array(6));
  connection.upstream(new Uint8Array(1));
  assert.deepEqual(Object.fromEntries(vm.metrics()), {
    'dubbo_requests_total{dubbo_interface="b.C",dubbo_method="a"}': 4,
    dubbo_requests_active: 5,
    dubbo_request_duration_milliseconds: { count: 2, sum: 10, values: [4, 6] },
  });
  assert.deepEqual(
    vm.logs.map((line) => line.message),
    ["3", "6"],
  );
});

test("ids as Envoy gives them; one name may have several", () => {
  const store = new MetricStore();
  const worker = new MetricTable(store);
  assert.equal(worker.define(MetricType.Counter, "a"), 4);
  assert.equal(worker.define(MetricType.Gauge, "b"), 5);
  assert.equal(worker.define(MetricType.Histogram, "c"), 6);
  assert.equal(worker.define(MetricType.Counter, "a"), 8);
  const other = new MetricTable(store);
  assert.equal(other.define(MetricType.Counter, "a"), 4);
  worker.increment(4, 1);
  worker.increment(8, 2);
  other.increment(4, 4);
  assert.deepEqual([...store.read([])].slice(0, 1), [["a", 7]]);
  assert.equal(store.size, 3);
});

test("what Envoy refuses or leaves undefined is an error", () => {
  const table = new MetricTable(new MetricStore());
  const counter = table.define(MetricType.Counter, "counter");
  const gauge = table.define(MetricType.Gauge, "gauge");
  const histogram = table.define(MetricType.Histogram, "histogram");
  for (const [run, expected] of [
    [() => table.increment(counter + 4, 1), /no metric has the id 8/],
    [() => table.increment(0, 1), /no metric has the id 0/],
    [() => table.increment(7, 1), /no metric has the id 7/],
    [() => table.increment(counter, 0), /incremented by 0/],
    [() => table.increment(counter, -1), /incremented by -1/],
    [() => table.increment(histogram, 1), /histogram incremented/],
    [() => table.increment(gauge, -1), /falls to -1/],
    [() => table.record(histogram, -1), /records -1/],
    [() => table.record(histogram, 2 ** 60), /not a whole number/],
    [() => table.record(counter, 1), /counter recorded/],
    [() => table.define(MetricType.Gauge, "counter"), /defined again as 1/],
    [() => table.define(3, "other"), /unknown type 3/],
    [() => table.define(MetricType.Counter, ""), /0 characters/],
    [() => table.define(MetricType.Counter, "x".repeat(5000)), /5000 characters/],
    [() => table.define(MetricType.Counter, "a\nb"), /control character/],
  ] as const) {
    assert.throws(run, expected);
  }
});

test("two names for one series are an error", () => {
  const store = new MetricStore();
  store.define(MetricType.Counter, "dubbo_side=.=a;.;dubbo_kind=.=b;.;x");
  store.define(MetricType.Counter, "dubbo_kind=.=b;.;dubbo_side=.=a;.;x");
  assert.throws(() => store.read(DUBBO_LABELS), /two metrics are the same series x/);
});

test("labels are cut by unanchored regexes, so a dirty value forges labels", () => {
  const cut = (name: string, labels: readonly string[]): [string, Record<string, string>] => {
    const { name: rest, labels: found } = cutLabels(name, labels);
    return [rest, Object.fromEntries(found)];
  };
  assert.deepEqual(cut("dubbo_method=.=a;.;dubbo_side=.=b;.;c", ["dubbo_method", "dubbo_side"]), [
    "c",
    { dubbo_method: "a", dubbo_side: "b" },
  ]);
  const forged = "dubbo_method=.=a;.;dubbo_side=.=forged;.;dubbo_side=.=b;.;c";
  assert.deepEqual(cut(forged, ["dubbo_side"])[1], { dubbo_side: "forged" });
  assert.deepEqual(cut("dubbo_method=.=a;.;c", ["method"]), ["dubbo_c", { method: "a" }]);
  assert.deepEqual(cut("dubbo_method=.=;.;c", ["dubbo_method"]), ["c", { dubbo_method: "" }]);
});
