// envoy-local.yaml as it is committed: calls of every kind through dubbo_proxy to both providers of
// the demo, counted exactly, and our sums beside Envoy's own.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DubboException, DubboStatusError } from "../../../demo/dubbo/errors.ts";
import { Status } from "../../../demo/dubbo/protocol.ts";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { ORDERS, USERS, type RecordService } from "../../../demo/record.ts";
import { heartbeat, type Request } from "../../frames/frames.ts";
import { bytesOf, Caller, times, type Asked } from "../envoy_caller.ts";
import { Expected, sumOf } from "../envoy_series.ts";
import { LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";

const OWN = "envoy_dubbo_dubbo_incomming_stats_";
const NOBODY = "com.k8s.Nobody.NobodyProvider";

describe("the listener with dubbo_proxy", LIMIT, () => {
  let lab: Lab;
  let users: DubboServer;
  let orders: DubboServer;
  let caller: Caller;

  before(async () => {
    lab = await startLab();
    const handlers = recordHandlers(USERS, podFromEnvironment("user", "v1"));
    Object.assign(handlers[USERS.interface]!, {
      none: () => null,
      refuse: () => {
        throw new DubboException("com.k8s.User.NoSuchUser", "not there");
      },
      fail: ({ args: [status] }: { args: unknown[] }) => {
        throw new DubboStatusError(Number(status), "failed");
      },
    });
    users = new DubboServer(handlers);
    await users.listen(lab.ports.user);
    orders = new DubboServer(recordHandlers(ORDERS, podFromEnvironment("order", "v1")));
    await orders.listen(lab.ports.order);
    caller = await Caller.dial(lab.ports.dubbo);
  });

  after(async () => {
    caller?.close();
    await lab?.stop();
    await users?.close();
    await orders?.close();
  });

  test("a connection that has not spoken yet is counted", async () => {
    await lab.grown(new Expected().connections(1, 1));
  });

  test("200 calls in parallel, of four methods at two providers", async () => {
    const kinds = [
      call(USERS, "get"),
      call(USERS, "set"),
      call(ORDERS, "get"),
      call(ORDERS, "set"),
    ];
    const asked = await caller.ask(times(50, kinds).flat());
    const expected = new Expected();
    kinds.forEach((kind, index) => {
      const mine = asked.filter((_, at) => at % 4 === index);
      const responses = { "OK success": 50 };
      expected.calls(namesOf(kind), { twoway: 50, responses, ...bytesOf(mine) });
    });
    await lab.grown(expected);
    assert.deepEqual([users.counts.twoway, orders.counts.twoway], [100, 100]);
  });

  test("oneway calls", async () => {
    const [get, set] = [call(USERS, "get"), call(ORDERS, "set")];
    const bytes = await caller.tell(times(5, set));
    const expected = new Expected()
      .calls(namesOf(get), { oneway: 7, requestBytes: await caller.tell(times(7, get)) })
      .calls(namesOf(set), { oneway: 5, requestBytes: bytes });
    await until("them", () => users.counts.oneway === 7 && orders.counts.oneway === 5);
    await lab.grown(expected);
  });

  test("a null result is a success, a business exception is none and no error", async () => {
    const none = { path: USERS.interface, method: "none" };
    const refuse = { path: USERS.interface, method: "refuse" };
    const [first, second, third] = (await caller.ask([none, refuse, refuse])) as [
      Asked,
      Asked,
      Asked,
    ];
    await lab.grown(
      new Expected()
        .calls(namesOf(none), { twoway: 1, responses: { "OK success": 1 }, ...bytesOf([first]) })
        .calls(namesOf(refuse), {
          twoway: 2,
          responses: { "OK exception": 2 },
          ...bytesOf([second, third]),
        }),
    );
  });

  test("an unknown method is the provider's BAD_REQUEST", async () => {
    const unknown = { path: ORDERS.interface, method: "nothing" };
    const asked = await caller.ask(times(3, unknown));
    const responses = { "BAD_REQUEST error": 3 };
    await lab.grown(
      new Expected().calls(namesOf(unknown), { twoway: 3, responses, ...bytesOf(asked) }),
    );
  });

  test("an unknown interface is Envoy's own SERVICE_NOT_FOUND", async () => {
    const unknown = { path: NOBODY, method: "GetUser" };
    const asked = await caller.ask(times(4, unknown));
    const responses = { "SERVICE_NOT_FOUND error": 4 };
    assert.deepEqual(
      asked.map(({ answer }) => answer.status),
      times(4, Status.SERVICE_NOT_FOUND),
    );
    await lab.grown(
      new Expected().calls(namesOf(unknown), { twoway: 4, responses, ...bytesOf(asked) }),
    );
  });

  test("Envoy answers oneway calls of an unknown interface: answers that nobody asked for", async () => {
    const unknown = { path: NOBODY, method: "GetUser" };
    const seen = caller.frames.length;
    const requestBytes = await caller.tell(times(2, unknown));
    await until("its answers", () => caller.frames.length === seen + 2);
    await lab.grown(
      new Expected()
        .calls(namesOf(unknown), { oneway: 2, requestBytes })
        .add("unmatched_responses_total", { direction: "upstream" }, 2),
    );
  });

  test("each status by its name, except those that Envoy does not know", async () => {
    const { OK: _, ...bad } = Status;
    const method = "fail";
    const expected = new Expected();
    for (const [name, status] of Object.entries(bad)) {
      const fail = { path: USERS.interface, method, desc: "I", args: [status] };
      const asked = await caller.ask([fail]);
      // What a provider says with 25 or 35 reaches the caller as Envoy's own 50.
      const known = status !== Status.SERIALIZATION_ERROR && status !== Status.CHANNEL_INACTIVE;
      const shown = known ? name : "BAD_RESPONSE";
      const responses = { [`${shown} error`]: 1 };
      expected.calls(namesOf(fail), { twoway: 1, responses, ...bytesOf(asked) });
    }
    await lab.grown(expected);
  });

  test("heartbeats are answered by Envoy and reach no provider", async () => {
    const seen = caller.frames.length;
    await caller.end.write(heartbeat({ id: 1000 }));
    await caller.end.write(heartbeat({ id: 1001 }));
    await until("the answers", () => caller.frames.length === seen + 2);
    await lab.grown(
      new Expected()
        .events("heartbeat_request", "downstream", 2)
        .events("heartbeat_response", "upstream", 2),
    );
    assert.equal(users.counts.heartbeats + orders.counts.heartbeats, 0);
  });

  test("our sums are Envoy's", async () => {
    const { values } = await lab.scrape();
    const own = (name: string) => values.get(OWN + name) ?? NaN;
    const all = sumOf(values, "responses_total");
    const ok = sumOf(values, "responses_total", { status: "OK" });
    const exceptions = sumOf(values, "responses_total", { outcome: "exception" });
    const unmatched = sumOf(values, "unmatched_responses_total");
    const nobodys = { interface: NOBODY };

    assert.equal(sumOf(values, "requests_total"), own("request"));
    assert.equal(own("request_decoding_success"), own("request"));
    // Envoy tells twoway from oneway only where it found a route.
    for (const kind of ["twoway", "oneway"]) {
      const routed =
        sumOf(values, "requests_total", { call: kind }) -
        sumOf(values, "requests_total", { call: kind, ...nobodys });
      assert.equal(routed, own(`request_${kind}`), kind);
    }
    assert.equal(
      sumOf(values, "events_total", { kind: "heartbeat_request" }),
      own("request_event"),
    );
    assert.equal(sumOf(values, "requests_active"), own("request_active"));
    // Its own replies, whatever their status, are "local business exceptions" and no responses.
    const local = own("local_response_business_exception");
    assert.equal(local, 4 + 2 + 2);
    assert.equal(all + unmatched, own("response") + local);
    assert.equal(own("response_decoding_error"), 2);
    // A business exception is a success to it, and every error is a business exception.
    assert.equal(ok, own("response_success"));
    assert.equal(own("response") - ok, own("response_error"));
    assert.equal(own("response_error") + exceptions, own("response_business_exception"));
    // What went to a provider and came from it, except what Envoy changes on the way (the users'
    // answers with 25 and 35).
    const sent = `envoy_cluster_upstream_cx_tx_bytes_total{envoy_cluster_name="order-provider"}`;
    const got = `envoy_cluster_upstream_cx_rx_bytes_total{envoy_cluster_name="order-provider"}`;
    const labels = { interface: ORDERS.interface };
    assert.equal(sumOf(values, "request_bytes_total", labels), values.get(sent));
    assert.equal(sumOf(values, "response_bytes_total", labels), values.get(got));
  });

  test("the connection ends, and nothing is counted later", async () => {
    caller.close();
    await lab.grown(new Expected().closed(1));
    await lab.stays();
  });
});

function call(service: RecordService, what: "get" | "set"): Request {
  const { method, descriptor } = service[what];
  const value = what === "get" ? "7" : { id: "7", name: "seven" };
  return { path: service.interface, method, desc: descriptor, args: [value] };
}

function namesOf({ path, method }: Request): { interface: string; method: string } {
  return { interface: String(path), method: String(method) };
}
