// Several workers of one Envoy: what they agree on about names, and what one may cost the others.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { Status } from "../emulator/abi.ts";
import { Vm } from "../emulator/emulator.ts";
import { request } from "../frames/frames.ts";
import { MetricStore } from "../emulator/metrics.ts";
import { SharedData } from "../emulator/shared_data.ts";

const MODULE = new WebAssembly.Module(readFileSync(fromRoot("build/dubbo.wasm")));

/** A worker with a plugin and a connection to call over. */
interface Worker {
  vm: Vm;
  call(method: string, path?: string): void;
}

function workers(count: number, config: object, sharedData = new SharedData()): Worker[] {
  const metricStore = new MetricStore();
  return Array.from({ length: count }, () => {
    const vm = Vm.load(MODULE, { metricStore, sharedData });
    const connection = vm.plugin({ config: JSON.stringify(config) }).connect();
    let id = 0n;
    return {
      vm,
      call(method, path = "com.k8s.User.UserProvider") {
        connection.downstream(request({ id: ++id, method, path, twoway: false }));
      },
    };
  });
}

/** Requests by method, over all workers that share a metric store. */
function requestsByMethod(all: Worker[]): Record<string, number> {
  for (const { vm } of all) vm.tick();
  const found: Record<string, number> = {};
  for (const [series, value] of all[0]!.vm.metrics()) {
    const method = /^dubbo_requests_total\{.*dubbo_method="([^"]*)"/.exec(series)?.[1];
    if (method !== undefined) found[method] = (found[method] ?? 0) + (value as number);
  }
  return found;
}

test("max_series holds for all workers together", () => {
  const all = workers(3, { metrics: { max_series: 10 } });
  for (const [index, worker] of all.entries()) {
    for (let i = 0; i < 10; i++) worker.call(`of${index}_${i}`);
  }
  const found = requestsByMethod(all);
  assert.equal(Object.keys(found).length, 11);
  assert.equal(found["_OTHER"], 20);
});

test("workers that meet the same names one after the other admit them all", () => {
  const all = workers(3, { metrics: { max_series: 10 } });
  for (let i = 0; i < 10; i++) for (const worker of all) worker.call(`m${i}`);
  assert.deepEqual(requestsByMethod(all), Object.fromEntries(names(10).map((name) => [name, 3])));
});

test("a name that two workers meet at the same time takes one place", () => {
  const shared = new SharedData();
  const all = workers(2, { metrics: { max_series: 10 } }, shared);
  const [first, second] = all as [Worker, Worker];
  const set = shared.set.bind(shared);
  for (const name of names(10)) {
    // The second worker calls between the first one's reading and writing of the number.
    let interleaved = false;
    shared.set = (key, bytes, cas) => {
      if (!interleaved && cas !== 0) {
        interleaved = true;
        second.call(name);
      }
      return set(key, bytes, cas);
    };
    first.call(name);
    assert.ok(interleaved);
  }
  assert.deepEqual(requestsByMethod(all), Object.fromEntries(names(10).map((name) => [name, 2])));
});

test("a worker that has met a refused name still knows those that others admitted", () => {
  const all = workers(2, { metrics: { max_series: 20 } });
  const [first, second] = all as [Worker, Worker];
  for (const name of names(20)) first.call(name);
  second.call("junk");
  for (const name of names(20)) second.call(name);
  const found = requestsByMethod(all);
  for (const name of names(20)) assert.equal(found[name], 2, name);
  assert.equal(found["_OTHER"], 1);
});

test("a name that was refused in a flood is asked for again in the next period", () => {
  const all = workers(2, { metrics: { max_series: 1 } });
  const [first, second] = all as [Worker, Worker];
  first.call("GetUser");
  // As many as are asked for in a period; the head of the last one is known by then.
  for (let i = 0; i < 100; i++) second.call(`flood${i}`);
  second.call("GetUser");
  second.call("GetUser");
  second.vm.tick();
  second.call("GetUser");
  assert.deepEqual(requestsByMethod(all), { GetUser: 2, _OTHER: 102 });
});

test("a store that is always busy refuses a name for now, and not for good", () => {
  const shared = new SharedData();
  const all = workers(1, {}, shared);
  const [worker] = all as [Worker];
  const set = shared.set.bind(shared);
  shared.set = (key, bytes, cas) => (cas === 0 ? set(key, bytes, cas) : Status.CasMismatch);
  worker.call("GetUser");
  shared.set = set;
  worker.call("GetUser");
  assert.deepEqual(requestsByMethod(all), { _OTHER: 1, GetUser: 1 });
});

test("a flood of refused names costs few calls of the host", () => {
  const [worker] = workers(1, { metrics: { max_series: 1 } }) as [Worker];
  worker.call("GetUser");
  worker.vm.resetHostCalls();
  for (let i = 0; i < 10_000; i++) worker.call(`flood${i}`);
  assert.ok((worker.vm.hostCalls["proxy_get_shared_data"] ?? 0) <= 200);
});

test("the allow-list does not depend on who called first", () => {
  const config = { metrics: { labels: ["method"], interfaces: ["a.A"] } };
  const all = workers(1, config);
  const [worker] = all as [Worker];
  worker.call("m", "a.A");
  worker.call("m", "b.B");
  assert.deepEqual(requestsByMethod(all), { m: 1, _OTHER: 1 });
});

test("a configuration that is loaded anew has the same places", () => {
  const sharedData = new SharedData();
  const config = { metrics: { max_series: 5, interfaces: ["a.A", "b.B"] } };
  const same = { metrics: { interfaces: ["b.B", "a.A"], max_series: 5, max_in_flight: 7 } };
  const [before] = workers(1, config, sharedData) as [Worker];
  for (const name of names(5)) before.call(name, "a.A");
  const after = workers(1, same, sharedData);
  after[0]!.call("new", "a.A");
  after[0]!.call("m0", "a.A");
  assert.deepEqual(requestsByMethod(after), { _OTHER: 1, m0: 1 });
});

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `m${index}`);
}
