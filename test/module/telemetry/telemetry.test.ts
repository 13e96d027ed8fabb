// Spans and the log of calls in the emulator: which calls, what is told of them, and what becomes of the queue
// when collectors are slow, dead or answer garbage.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Vm } from "../../emulator/emulator.ts";
import type { Headers } from "../../emulator/http_stream.ts";
import { concat, request, response, type Request } from "../../frames/frames.ts";
import { readTraces } from "../../frames/otlp.ts";
import { counted, MODULE_UNDER_TEST } from "../routing/setup.ts";
import { headersOf, unary } from "../triple/setup.ts";
import {
  ALL,
  attachmentsOf,
  isLine,
  logsOf,
  make,
  OTLP,
  SECOND,
  spansOf,
  start,
  type Started,
} from "./setup.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const ACCEPTED: Headers = [[":status", "200"]];
const CERTIFICATE = "connection\0uri_san_peer_certificate";

test("calls are told also where nothing is counted", () => {
  const started = start({ otlp: OTLP, spans: ALL }, { metrics: { enabled: false } });
  make(started, [{}]);
  assert.equal(spansOf(started).length, 1);
});

describe("a span", () => {
  test("tells a call by OpenTelemetry's conventions, and whose it is", () => {
    const started = start({ otlp: { ...OTLP, path_prefix: "/otlp" }, spans: ALL });
    make(started, [{ extraAttachments: { traceparent: SAMPLED } }]);
    const [sent] = started.plugin.sent;
    assert.deepEqual(sent!.headers, [
      [":method", "POST"],
      [":path", "/otlp/v1/traces"],
      [":authority", "collector"],
      ["content-type", "application/x-protobuf"],
      ["x-token", "t"],
    ]);
    assert.equal(sent!.timeout, 5000);
    const { resource, scope, records } = readTraces(sent!.body);
    assert.deepEqual(resource, {
      "service.name": "comsumer.mesh-demo",
      "k8s.namespace.name": "mesh-demo",
      "k8s.pod.name": "comsumer-1",
    });
    assert.equal(scope, "dubbo-wasm-filter");
    const [span] = records;
    assert.equal(span!.name, "com.k8s.User.UserProvider/GetUser");
    assert.equal(span!.kind, 3);
    assert.deepEqual([span!.traceId, span!.parentSpanId], [TRACE, SPAN]);
    assert.match(span!.spanId, /^[0-9a-f]{16}$/);
    assert.equal(span!.end - span!.start, 3_000_000n);
    assert.equal(span!.isError, false);
    const { "dubbo.request.bytes": asked, "dubbo.response.bytes": got, ...rest } = span!.attributes;
    assert.deepEqual(rest, {
      "rpc.system.name": "dubbo",
      "rpc.method": "com.k8s.User.UserProvider/GetUser",
      "rpc.response.status_code": "OK",
      "dubbo.side": "consumer",
      "dubbo.call": "twoway",
      "dubbo.serialization": "hessian2",
      "dubbo.outcome": "success",
    });
    assert.equal(asked, request({ id: 0, extraAttachments: { traceparent: SAMPLED } }).length);
    assert.equal(got, response({ id: 0 }).length);
  });

  test("of a provider is SERVER, of an error an error", () => {
    const started = start({ otlp: OTLP, spans: ALL }, { side: "provider" });
    make(started, [{}], 70);
    const [span] = spansOf(started);
    assert.equal(span!.kind, 2);
    assert.ok(span!.isError);
    assert.equal(span!.attributes["error.type"], "SERVICE_ERROR");
  });

  test("of a call that nobody answered says so", () => {
    const started = start({ otlp: OTLP, spans: ALL });
    const connection = started.plugin.connect();
    connection.downstream(request());
    connection.close("remote");
    started.clock.advance(SECOND);
    started.vm.tick();
    const [span] = spansOf(started);
    assert.equal(span!.attributes["error.type"], "unanswered");
    assert.equal(span!.attributes["dubbo.closed_by"], "remote");
  });

  test("of each call that a connection leaves unanswered ends at one time, asked for once", () => {
    const started = start({ otlp: OTLP, spans: ALL });
    const connection = started.plugin.connect();
    connection.downstream(concat(Array.from({ length: 50 }, (_, id) => request({ id }))));
    started.vm.resetHostCalls();
    connection.close("remote");
    assert.equal(started.vm.hostCalls.proxy_get_current_time_nanoseconds, 1);
    started.clock.advance(SECOND);
    started.vm.tick();
    assert.equal(new Set(spansOf(started).map(({ end }) => end)).size, 1);
  });

  test("belongs to its caller's, in each form and any case", () => {
    for (const [attachments, traceId, parent] of [
      [{ TraceParent: SAMPLED }, TRACE, SPAN],
      [{ b3: `${TRACE}-${SPAN}-1` }, TRACE, SPAN],
      [{ "X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "1" }, TRACE, SPAN],
      [{ sw8: `1-${Buffer.from(`${TRACE}.1.2`).toString("base64")}-YQ==-3-YQ==` }, TRACE, ""],
    ] as const) {
      const started = start({ otlp: OTLP, spans: { sample: { percentage: 0 } } });
      make(started, [{ extraAttachments: attachments as Record<string, string> }]);
      const [span] = spansOf(started);
      assert.equal(span!.traceId, traceId, JSON.stringify(attachments));
      assert.equal(span!.parentSpanId, parent);
    }
  });

  test("belongs to its caller's in a list of one string, as dubbo-go writes it, which becomes a string", () => {
    const plain = Buffer.from(request({ id: 1, extraAttachments: { traceparent: SAMPLED } }));
    // The text is two bytes of length and the rest; a list of one begins with 71 and its type.
    const at = plain.indexOf(SAMPLED) - 2;
    for (const head of ["\x71\x07[string", "\x79", "V\x07[string\x91", "X\x91"]) {
      const list = Buffer.from(head, "latin1");
      const frame = Buffer.concat([plain.subarray(0, at), list, plain.subarray(at)]);
      frame.writeUInt32BE(frame.length - 16, 12);
      const spans = { sample: { percentage: 0 }, propagate: true };
      const started = start({ otlp: OTLP, spans });
      const connection = started.plugin.connect();
      connection.downstream(frame);
      connection.upstream(response({ id: 1 }));
      started.clock.advance(SECOND);
      started.vm.tick();
      const [span] = spansOf(started);
      assert.deepEqual([span!.traceId, span!.parentSpanId], [TRACE, SPAN], head);
      const seen = attachmentsOf(connection.toUpstream);
      assert.equal(seen.traceparent, `00-${TRACE}-${span!.spanId}-01`);
    }
  });

  test("is not made where the caller does not record, and drawn where nobody says", () => {
    const not = `00-${TRACE}-${SPAN}-00`;
    const started = start({ otlp: OTLP, spans: ALL });
    make(started, [{ extraAttachments: { traceparent: not } }]);
    assert.equal(spansOf(started).length, 0);
    const drawn = start({
      otlp: { ...OTLP, max_batch: 4096 },
      spans: { sample: { percentage: 10 } },
    });
    make(
      drawn,
      Array.from({ length: 2000 }, () => ({})),
    );
    const count = spansOf(drawn).length;
    assert.ok(count > 100 && count < 300, `${count}`);
    assert.equal(new Set(spansOf(drawn).map(({ traceId }) => traceId)).size, count);
  });

  test("of a call over HTTP is the same", () => {
    const started = start({ otlp: OTLP, spans: ALL });
    unary(started.plugin, { headers: { traceparent: SAMPLED } });
    started.clock.advance(SECOND);
    started.vm.tick();
    const [span] = spansOf(started);
    assert.deepEqual([span!.traceId, span!.parentSpanId, span!.name], [TRACE, SPAN, "a.B/c"]);
    assert.equal(span!.attributes["rpc.system.name"], "grpc");
  });

  test("is its call's own, whatever calls were told before", () => {
    const having = (name: string) => ({ attachments: [{ name, present: true }] });
    const rules = [{ name: "gold", match: having("tenant") }];
    const match = having("zone");
    const policies = [{ name: "no-zone", match, authorize: "deny", enforce: false }];
    const started = start({ otlp: OTLP, spans: ALL }, { routing: { rules }, policies });
    const connection = started.plugin.connect();
    const expected: unknown[] = [];
    let id = 0;
    const call = (method: string, status: number | undefined, traceparent?: string): void => {
      const extraAttachments: Record<string, string> = traceparent ? { traceparent } : {};
      // At times one of them changes alone.
      const [isGold, isZoned] = [id % 6 < 3, id % 4 < 2];
      if (isGold) extraAttachments.tenant = "gold";
      if (isZoned) extraAttachments.zone = "a";
      const asked = request({ id: ++id, method, args: ["a".repeat(id)], extraAttachments });
      connection.downstream(asked);
      started.clock.advance(BigInt(1000 * id));
      const answer = response({ id, status: status ?? 20 });
      if (status !== undefined) connection.upstream(answer);
      const isError = status !== 20;
      expected.push({
        name: `com.k8s.User.UserProvider/${method}`,
        parent: traceparent === undefined ? "" : SPAN,
        isError,
        took: status === undefined ? undefined : [0n, BigInt(1000 * id)],
        status: { 20: "OK", 70: "SERVICE_ERROR" }[status!],
        asked: asked.length,
        got: status === undefined ? undefined : answer.length,
        rule: isGold ? "gold" : undefined,
        policy: isZoned ? "no-zone" : undefined,
      });
    };
    for (const traceparent of [undefined, SAMPLED]) {
      // More methods than are remembered, and some of them again at once.
      for (let i = 0; i < 80; i++) call(`M${i}`, i % 3 === 0 ? 70 : 20, traceparent);
      for (let i = 0; i < 12; i++) call("M1", i % 6 === 0 ? 70 : 20, traceparent);
      // Too long to be remembered.
      for (let i = 0; i < 4; i++) call(`${"m".repeat(180)}${i % 2}`, 20, traceparent);
    }
    for (let i = 0; i < 3; i++) call(`M${i}`, undefined);
    connection.close("remote");
    started.clock.advance(SECOND);
    started.vm.tick();
    const spans = spansOf(started).sort((a, b) => (a.start < b.start ? -1 : 1));
    const seen = spans.map(({ name, parentSpanId, isError, start, asked, end, attributes }) => ({
      name,
      parent: parentSpanId,
      isError,
      took: attributes["dubbo.closed_by"] === undefined ? [asked - start, end - start] : undefined,
      status: attributes["rpc.response.status_code"],
      asked: attributes["dubbo.request.bytes"],
      got: attributes["dubbo.response.bytes"],
      rule: attributes["dubbo.rule"],
      policy: attributes["dubbo.policy"],
    }));
    assert.deepEqual(seen, expected);
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length);
    assert.equal(new Set(spans.map(({ traceId }) => traceId)).size, 96 + 1 + 3);
  });

  test("is as long as names make it, also the second time", () => {
    const labels = ["interface", "method", "version", "group", "application"];
    const rules = [{ name: "r".repeat(200) }];
    const policies = [{ name: "p".repeat(200), authorize: "deny", enforce: false }];
    const config = { metrics: { labels }, routing: { rules }, policies };
    const started = start({ otlp: OTLP, spans: ALL }, config);
    const [path, method, version, group, app] = [..."imvga"].map((letter) => letter.repeat(300));
    const extraAttachments = { group: group!, "remote.application": app! };
    const one = { path: path!, method: method!, version: version!, extraAttachments };
    make(started, [one, {}, one]);
    const [first, , last] = spansOf(started);
    for (const { name, attributes } of [first!, last!]) {
      assert.equal(name, `${path!.slice(100)}/${method!.slice(100)}`);
      assert.equal(attributes["rpc.method"], name);
      for (const word of ["version", "group", "application", "rule", "policy"]) {
        assert.equal(attributes[`dubbo.${word}`], word[0]!.repeat(200), word);
      }
    }
  });

  test("has a name where none of the call's is a label", () => {
    const started = start({ otlp: OTLP, spans: ALL, log: {} }, { metrics: { labels: [] } });
    make(started, [{}]);
    for (const [told] of [spansOf(started), logsOf(started)]) {
      assert.equal(told!.name, "dubbo.call");
      assert.equal(told!.attributes["rpc.method"], undefined);
    }
  });

  test("of a call that is not followed any more costs no look at the clock of its own", () => {
    const started = start({ otlp: OTLP, spans: ALL }, { metrics: { max_in_flight: 1 } });
    const connection = started.plugin.connect();
    started.vm.resetHostCalls();
    connection.downstream(concat(Array.from({ length: 50 }, (_, id) => request({ id }))));
    assert.equal(started.vm.hostCalls.proxy_get_current_time_nanoseconds, 1);
  });

  test("shows no name that metrics would not", () => {
    const started = start({ otlp: OTLP, spans: ALL }, { metrics: { max_series: 1 } });
    make(started, [{}, { path: 'evil"\n.Name' }]);
    const names = spansOf(started).map(({ name }) => name);
    assert.deepEqual(names, ["com.k8s.User.UserProvider/GetUser", "_OTHER/_OTHER"]);
  });
});

describe("a head that is known", () => {
  const sw8 = `1-${Buffer.from(`${TRACE}.1.2`).toString("base64")}-YQ==-3-YQ==`;
  const forms: Record<string, string>[] = [
    { traceparent: SAMPLED },
    { TRACEPARENT: SAMPLED },
    { b3: `${TRACE}-${SPAN}-1` },
    { B3: `${TRACE}-${SPAN}-1` },
    { "X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "1" },
    { "x-b3-flags": "1" },
  ];

  for (const serialization of ["hessian2", "fastjson2"]) {
    test(`hides no context of a caller's, in ${serialization}`, () => {
      // Wherever the key begins: it is looked for in words.
      for (const given of forms) {
        for (let shift = 0; shift < 16; shift++) {
          const started = start({ otlp: OTLP, spans: { sample: { percentage: 0 } } });
          const plain = { serialization, args: ["a".repeat(shift)], desc: "Ljava/lang/String;" };
          const others = { extraAttachments: { a: "1", z: "2" } };
          const traced = { extraAttachments: { a: "1", ...given, z: "2" } };
          make(started, [
            { ...plain, ...others },
            { ...plain, ...others },
            { ...plain, ...traced },
            { ...plain, ...others },
            { ...plain, extraAttachments: { ...given } },
            { ...plain, args: ["b".repeat(5000)], ...traced },
          ]);
          assert.equal(spansOf(started).length, 3, `${JSON.stringify(given)} ${shift}`);
        }
      }
    });
  }

  test("obeys a caller that does not record, and draws where only an id is given", () => {
    const not = { extraAttachments: { traceparent: `00-${TRACE}-${SPAN}-00` } };
    const started = start({ otlp: OTLP, spans: ALL });
    make(started, [not, not, { extraAttachments: { sw8 } }, not]);
    assert.deepEqual(
      spansOf(started).map(({ traceId }) => traceId),
      [TRACE],
    );
  });

  test("begins a trace of its own after one that its caller began", () => {
    const started = start({ otlp: OTLP, spans: ALL });
    make(started, [{}, {}, { extraAttachments: { traceparent: SAMPLED } }, {}]);
    const traces = spansOf(started).map(({ traceId }) => traceId);
    assert.equal(new Set(traces).size, 4);
    assert.equal(traces[2], TRACE);
  });

  test("is counted as without spans, whatever stands in attachments", () => {
    const calls: Request[] = [
      {},
      { extraAttachments: { path: "other.Name" } },
      { extraAttachments: { path: "other.Name", traceparent: SAMPLED } },
      {},
    ];
    const counts = [{}, { otlp: OTLP, spans: ALL }].map((telemetry) => {
      const started = start(telemetry);
      make(started, calls);
      const all = [...started.vm.metricStore.read([])];
      return all.filter(([name]) => name.includes("dubbo_requests_total"));
    });
    assert.deepEqual(counts[1], counts[0]);
  });

  test("is drawn once for each call", () => {
    for (const telemetry of [{}, { log: { when: { sample: { percentage: 0 } } } }]) {
      const otlp = { ...OTLP, max_batch: 4096 };
      const started = start({ otlp, spans: { sample: { percentage: 20 } }, ...telemetry });
      // Of every second one there is something to read.
      const odd = { extraAttachments: { b3: "garbage" } };
      make(
        started,
        Array.from({ length: 4000 }, (_, i) => (i % 2 === 0 ? {} : odd)),
      );
      const count = spansOf(started).length;
      assert.ok(count > 650 && count < 950, `${count}`);
    }
  });
});

describe("a long request whose head is known", () => {
  const OTHER = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;
  const NONE = { sample: { percentage: 0 } };
  const long = { desc: "Ljava/lang/String;", args: ["x".repeat(6000)] };

  /** Sends `frame` in pieces that begin at `cuts`, and its answer. */
  function cut({ plugin }: Started, frame: Uint8Array, cuts: readonly number[]): void {
    const connection = plugin.connect();
    [0, ...cuts].forEach((from, i) => {
      const piece = frame.subarray(from, cuts[i]);
      assert.deepEqual(connection.downstream(piece), piece);
    });
    connection.upstream(response({ id: 1 }));
    connection.close("remote");
  }
  /** A plugin that has met the call without a context. */
  function learnt(spans: object, call: Request = long): Started {
    const started = start({ otlp: { ...OTLP, max_batch: 4096 }, spans });
    cut(started, request(call), []);
    return started;
  }
  const told = (started: Started) => {
    started.clock.advance(SECOND);
    started.vm.tick();
    return spansOf(started);
  };

  test("hides no context of a caller's wherever the stream is cut", () => {
    const frame = request({ ...long, extraAttachments: { traceparent: SAMPLED, z: "2" } });
    const tail = frame.length - 4096;
    const near = (at: number) => Array.from({ length: 40 }, (_, i) => [at - 20 + i]);
    const cuts = [
      ...Array.from({ length: 200 }, (_, i) => [i + 1]),
      ...near(tail),
      ...Array.from({ length: 250 }, (_, i) => [frame.length - i - 1]),
      ...Array.from({ length: 60 }, (_, i) => [100 * (i + 1)]),
      ...Array.from({ length: 100 }, (_, i) => [130 + i, tail - 50 + i, frame.length - 2 * i - 2]),
    ];
    const started = learnt(NONE);
    for (const one of cuts) cut(started, frame, one);
    const spans = told(started);
    assert.equal(spans.length, cuts.length);
    for (const { traceId, parentSpanId, attributes } of spans) {
      assert.deepEqual([traceId, parentSpanId], [TRACE, SPAN]);
      assert.equal(attributes["dubbo.request.bytes"], frame.length);
    }
  });

  test("in pieces of each size, many in one stream, loses no call", () => {
    const plain = request(long);
    const traced = request({ ...long, id: 2, extraAttachments: { traceparent: SAMPLED } });
    const short = request({ id: 3, extraAttachments: { traceparent: SAMPLED } });
    const stream = concat([traced, plain, short, plain, traced, short]);
    for (const size of [1, 7, 100, 1000, 4000, 4096, 5000, 12000]) {
      const started = learnt(NONE);
      const connection = started.plugin.connect();
      for (let at = 0; at < stream.length; at += size) {
        connection.downstream(stream.subarray(at, at + size));
      }
      connection.close("remote");
      assert.equal(told(started).length, 4, `pieces of ${size}`);
      const requests = counted(started.vm, "dubbo_requests_total");
      assert.equal(requests, 7, `pieces of ${size}`);
      assert.equal(counted(started.vm, "dubbo_decode_errors_total"), 0);
    }
  });

  test("hides none in any form, wherever it begins", () => {
    // As dubbo-go writes it: a list of one string, 55 characters long.
    const list = Buffer.from(`\x71\x07[string0\x37${SAMPLED}`, "latin1");
    const forms: Record<string, string | Uint8Array>[] = [
      { traceparent: SAMPLED },
      { TraceParent: list },
      { b3: `${TRACE}-${SPAN}-1` },
      { "X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Sampled": "1" },
      { sw8: `1-${Buffer.from(`${TRACE}.1.2`).toString("base64")}-YQ==-3-YQ==` },
    ];
    for (const form of forms) {
      const started = learnt(NONE);
      for (let shift = 0; shift < 16; shift++) {
        const extraAttachments = { a: "b".repeat(shift), ...form, z: "2" };
        cut(started, request({ ...long, extraAttachments }), [1000]);
      }
      const traces = told(started).map(({ traceId }) => traceId);
      assert.deepEqual(traces, Array(16).fill(TRACE), JSON.stringify(form));
    }
  });

  test("is read whole where its tail may not have it", () => {
    // A caller that always sends one, far in front of the end; a serialization whose tail cannot be read.
    const traced = { ...long, extraAttachments: { traceparent: SAMPLED, z: "z".repeat(5000) } };
    const started = start({ otlp: OTLP, spans: NONE });
    for (let i = 0; i < 4; i++) cut(started, request(traced), [1000]);
    assert.equal(told(started).length, 4);
    const other = { ...long, serialization: "fastjson2" };
    const second = learnt(NONE, other);
    for (let i = 0; i < 3; i++) {
      cut(second, request({ ...other, extraAttachments: { traceparent: SAMPLED } }), [1000]);
    }
    assert.equal(told(second).length, 3);
  });

  test("is read at its tail for good once a call had no context, whatever others had", () => {
    const near = request({ ...long, extraAttachments: { traceparent: SAMPLED } });
    const far = request({
      ...long,
      extraAttachments: { traceparent: SAMPLED, z: "z".repeat(5000) },
    });
    const started = learnt(NONE);
    for (let i = 0; i < 3; i++) {
      cut(started, near, []);
      cut(started, far, [1000]);
    }
    // Those that are near the end.
    assert.equal(told(started).length, 3);
  });

  test("takes no map among its arguments for a context", () => {
    const desc = "Ljava/lang/String;Ljava/util/Map;";
    const inside = { ...long, desc, args: [long.args[0]!, { traceparent: OTHER, b3: "1" }] };
    const started = learnt(NONE, inside);
    cut(started, request(inside), [1000]);
    cut(started, request({ ...inside, extraAttachments: { z: "1" } }), [1000]);
    // A map among the attachments is none of theirs either.
    cut(started, request({ ...inside, extraAttachments: { z: { traceparent: OTHER } } }), [1000]);
    cut(started, request({ ...inside, extraAttachments: { traceparent: SAMPLED } }), [1000]);
    const spans = told(started);
    assert.deepEqual(
      spans.map(({ traceId }) => traceId),
      [TRACE],
    );
  });

  test("takes a text for one whose end reads on into the attachments: a span more, and nothing else", () => {
    // The last byte begins a key of six characters, which are the map's first bytes and its first key.
    const text = `${long.args[0]}\x0btraceparent\x30\x37${SAMPLED}\x06`;
    const started = learnt(NONE);
    const frame = request({ ...long, args: [text], extraAttachments: { z: "1" } });
    assert.ok(Buffer.from(frame).includes(`${SAMPLED}\x06H\x04path`));
    cut(started, frame, [1000]);
    // Whole, it has none.
    cut(started, frame, []);
    const spans = told(started);
    assert.deepEqual(
      spans.map(({ name, traceId }) => [name, traceId]),
      [["com.k8s.User.UserProvider/GetUser", TRACE]],
    );
    assert.equal(counted(started.vm, "dubbo_requests_total"), 3);
    assert.equal(counted(started.vm, "dubbo_responses_total"), 3);
    assert.equal(counted(started.vm, "dubbo_decode_errors_total"), 0);
  });

  test("is read from four keys of contexts at most, and once for a map of them", () => {
    const context = {
      traceparent: OTHER,
      b3: "1",
      "X-B3-TraceId": "1",
      "X-B3-SpanId": "1",
      sw8: "1",
    };
    // A key in front of no value: 0x40 begins none.
    const keys = (count: number): Request => ({ args: [long.args[0] + "\x02b3@".repeat(count)] });
    const maps = (count: number): Request => ({
      desc: long.desc + "Ljava/util/Map;".repeat(count),
      args: [...long.args, ...Array.from({ length: count }, () => context)],
    });
    for (const among of [keys, maps]) {
      for (const [count, found] of [
        [0, 1],
        [3, 1],
        [4, 0],
        [20, 0],
      ] as const) {
        const call = { ...long, ...among(count) };
        const started = learnt(NONE, call);
        cut(started, request({ ...call, extraAttachments: { traceparent: SAMPLED } }), [1000]);
        const traces = told(started).map(({ traceId }) => traceId);
        assert.deepEqual(traces, Array(found).fill(TRACE), `${among.name} ${count}`);
      }
    }
  });

  test("is drawn once, also where its caller leaves that open", () => {
    const started = learnt({ sample: { percentage: 20 } });
    const open = { ...long, extraAttachments: { b3: `${TRACE}-${SPAN}` } };
    for (const call of [long, open]) {
      const frame = request(call);
      for (let i = 0; i < 2000; i++) cut(started, frame, [1000]);
    }
    const spans = told(started);
    const open_ = spans.filter(({ traceId }) => traceId === TRACE).length;
    for (const count of [open_, spans.length - open_]) {
      assert.ok(count > 300 && count < 500, `${count} of 2000`);
    }
  });

  test("is fetched at its head and tail only", () => {
    const huge = { ...long, args: ["x".repeat(256 * 1024)] };
    const frame = request(huge);
    const started = learnt(NONE, huge);
    const connection = started.plugin.connect();
    const fetches: number[] = [];
    for (let at = 0; at < frame.length; at += 16384) {
      started.vm.resetHostCalls();
      connection.downstream(frame.subarray(at, at + 16384));
      fetches.push(started.vm.hostCalls.proxy_get_buffer_bytes ?? 0);
    }
    assert.equal(fetches[0], 1);
    assert.ok(fetches.slice(1, -2).every((count) => count === 0));
    assert.ok(fetches.at(-1)! > 0);
  });
});

describe("propagation", () => {
  const contextOf = (bytes: Uint8Array): string =>
    /traceparent\x30?\x37(00-[0-9a-f-]+)/.exec(Buffer.from(bytes).toString("latin1"))?.[1] ??
    "none";

  test("off changes no byte", () => {
    const { plugin } = start({ otlp: OTLP, spans: ALL });
    const connection = plugin.connect();
    const sent = concat([
      request(),
      request({ id: 2, extraAttachments: { traceparent: SAMPLED } }),
    ]);
    connection.downstream(sent);
    assert.deepEqual(connection.toUpstream, sent);
  });

  test("on makes our span the parent of what follows", () => {
    const started = start({ otlp: OTLP, spans: { ...ALL, propagate: true } });
    const connection = started.plugin.connect();
    connection.downstream(request({ id: 1, extraAttachments: { traceparent: SAMPLED } }));
    connection.upstream(response({ id: 1 }));
    started.clock.advance(SECOND);
    started.vm.tick();
    const [span] = spansOf(started);
    assert.equal(contextOf(connection.toUpstream), `00-${TRACE}-${span!.spanId}-01`);
  });

  /** The request's attachments as the provider sees them, and our span's id. */
  function propagated(
    given: Record<string, string>,
    percentage = 0,
  ): { seen: Record<string, string>; span: string } {
    const spans = { sample: { percentage }, propagate: true };
    const started = start({ otlp: OTLP, spans });
    const connection = started.plugin.connect();
    connection.downstream(request({ id: 1, extraAttachments: given }));
    connection.upstream(response({ id: 1 }));
    started.clock.advance(SECOND);
    started.vm.tick();
    const seen = attachmentsOf(connection.toUpstream);
    return { seen, span: spansOf(started)[0]!.spanId };
  }

  test("writes B3 where the caller did, in its spelling", () => {
    for (const [given, wanted] of [
      [{ b3: `${TRACE}-${SPAN}-1` }, (id: string) => ({ b3: `${TRACE}-${id}-1` })],
      [{ b3: `${SPAN}-${SPAN}-d-${SPAN}` }, (id: string) => ({ b3: `${SPAN}-${id}-d` })],
      [
        {
          "X-B3-TraceId": TRACE,
          "X-B3-SpanId": SPAN,
          "X-B3-ParentSpanId": "00000000000000aa",
          "X-B3-Sampled": "true",
        },
        (id: string) => ({
          "X-B3-TraceId": TRACE,
          "X-B3-SpanId": id,
          "X-B3-ParentSpanId": SPAN,
          "X-B3-Sampled": "1",
        }),
      ],
      [
        { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "X-B3-Flags": "1" },
        (id: string) => ({ "x-b3-traceid": TRACE, "x-b3-spanid": id, "X-B3-Flags": "1" }),
      ],
      // One form leads, and the others follow it.
      [
        { traceparent: SAMPLED, b3: `${SPAN}-${SPAN}-1` },
        (id: string) => ({ b3: `${TRACE}-${id}-1` }),
      ],
    ] as [Record<string, string>, (id: string) => Record<string, string>][]) {
      const { seen, span } = propagated(given);
      const { traceparent, ...others } = seen;
      assert.match(traceparent!, new RegExp(`^00-[0-9a-f]{32}-${span}-01$`));
      assert.deepEqual(others, wanted(span), JSON.stringify(given));
    }
  });

  test("leaves sw8 to SkyWalking's agents", () => {
    const sw8 = `1-${Buffer.from(`${TRACE}.1.2`).toString("base64")}-YQ==-3-YQ==`;
    const { seen, span } = propagated({ sw8 });
    assert.deepEqual(seen, { sw8, traceparent: `00-${TRACE}-${span}-01` });
  });

  test("leaves every byte of a context that a SkyWalking agent wrote", () => {
    // Segment …08, span 2 of service service-a, which asked for /service-a/get; 192.168.1.102:80 is dialled.
    const trace = "a4ec6fc8ccab4bb4b682064698cc97e6";
    const fields = [
      ...["1", `${trace}.74.16218381104550009`, `${trace}.74.16218381104550008`, "2", "service-a"],
      ...["e1d2fbb63bba430499af895c040e32fe@192.168.1.101", "/service-a/get", "192.168.1.102:80"],
    ];
    const encoded = fields.map((field, index) =>
      index === 0 || index === 3 ? field : Buffer.from(field).toString("base64"),
    );
    const agent = {
      sw8: encoded.join("-"),
      "sw8-x": "0-1621838110455",
      "sw8-correlation": "dGVuYW50:Z29sZA==",
    };
    const { seen, span } = propagated(agent);
    assert.deepEqual(seen, { ...agent, traceparent: `00-${trace}-${span}-01` });
    const ignored = { ...agent, sw8: ["0", ...encoded.slice(1)].join("-") };
    const started = start({ otlp: OTLP, spans: { ...ALL, propagate: true } });
    const bytes = request({ extraAttachments: ignored });
    assert.deepEqual(started.plugin.connect().downstream(bytes), bytes);
  });

  test("over HTTP writes B3's headers where the caller did", () => {
    const { plugin } = start({ otlp: OTLP, spans: { ...ALL, propagate: true } });
    const given = { "x-b3-traceid": TRACE, "x-b3-spanid": SPAN, "x-b3-sampled": "1" };
    const headers = plugin.openStream().request(headersOf({ headers: given }));
    const seen = Object.fromEntries(headers);
    assert.deepEqual([seen["x-b3-traceid"], seen["x-b3-sampled"]], [TRACE, "1"]);
    const span = seen["x-b3-spanid"]!;
    assert.notEqual(span, SPAN);
    assert.equal(seen.traceparent, `00-${TRACE}-${span}-01`);
    assert.ok(!("b3" in seen) && !("x-b3-parentspanid" in seen));
  });

  test("on leaves a call alone that is not recorded", () => {
    const { plugin } = start({ otlp: OTLP, spans: { sample: { percentage: 0 }, propagate: true } });
    const connection = plugin.connect();
    const sent = concat([
      request(),
      request({ id: 2, extraAttachments: { traceparent: `00-${TRACE}-${SPAN}-00` } }),
      // Of B3's flags only `1` alone asks for a record.
      ...["0", "16"].map((flags) =>
        request({
          id: 3,
          extraAttachments: { "X-B3-TraceId": TRACE, "X-B3-SpanId": SPAN, "X-B3-Flags": flags },
        }),
      ),
    ]);
    connection.downstream(sent);
    assert.deepEqual(connection.toUpstream, sent);
  });

  test("on sets the header over HTTP", () => {
    const { plugin } = start({ otlp: OTLP, spans: { ...ALL, propagate: true } });
    const stream = plugin.openStream();
    const headers = stream.request(headersOf({ headers: { traceparent: SAMPLED } }));
    const [, value] = headers.find(([name]) => name === "traceparent")!;
    assert.match(value, new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-01$`));
  });
});

describe("the log of calls", () => {
  test("is records with the trace of the call", () => {
    const started = start({ otlp: OTLP, spans: ALL, log: {} });
    make(started, [{ extraAttachments: { traceparent: SAMPLED } }]);
    const [record] = logsOf(started);
    assert.equal(record!.name, "com.k8s.User.UserProvider/GetUser");
    assert.equal(record!.traceId, TRACE);
    assert.equal(record!.spanId, spansOf(started)[0]!.spanId);
    assert.equal(record!.severity, 9);
  });

  test("has the calls that are asked for", () => {
    const when = { outcomes: ["error", "unanswered"], slower_than_ms: 10 };
    const started = start({ otlp: OTLP, log: { when } });
    make(started, [{}]);
    make(started, [{}], 40);
    const connection = started.plugin.connect();
    connection.downstream(request({ id: 1 }));
    started.clock.advance(20_000_000n);
    connection.upstream(response({ id: 1 }));
    connection.downstream(request({ id: 2 }));
    connection.close("local");
    started.plugin.sent.forEach((_, index) => started.plugin.answer(index + 1, ACCEPTED));
    started.clock.advance(SECOND);
    started.vm.tick();
    const outcomes = logsOf(started).map(({ attributes }) => attributes["error.type"] ?? "slow");
    assert.deepEqual(outcomes, ["BAD_REQUEST", "slow", "unanswered"]);
  });

  test("is of the calls that meet its match, and of these only the ones asked for", () => {
    const match = {
      interface: { exact: "com.k8s.User.UserProvider" },
      attachments: [{ name: "tenant", exact: "a" }],
    };
    const ofA = { extraAttachments: { tenant: "a" } };
    const calls: Request[] = [
      {},
      ofA,
      { ...ofA, path: "x.Y" },
      { extraAttachments: { tenant: "b" } },
    ];
    const all = start({ otlp: OTLP, log: { when: { match } } });
    make(all, calls);
    assert.deepEqual(
      logsOf(all).map(({ name }) => name),
      ["com.k8s.User.UserProvider/GetUser"],
    );
    const failed = start({ otlp: OTLP, log: { when: { match, outcomes: ["error"] } } });
    make(failed, calls);
    assert.deepEqual(logsOf(failed), []);
    make(failed, calls, 40);
    assert.equal(logsOf(failed).length, 1);
  });

  test("asks a match for the client's address and certificate", () => {
    for (const [address, principal, count] of [
      ["10.1.2.3:5555", "spiffe://cluster.local/ns/shop/sa/web", 1],
      ["10.1.2.3:5555", "spiffe://cluster.local/ns/other/sa/web", 0],
      ["[2001:db8::1]:5555", "spiffe://cluster.local/ns/shop/sa/web", 0],
      ["10.1.2.3:5555", "", 0],
    ] as const) {
      const source = { addresses: ["10.0.0.0/8"], namespaces: [{ exact: "shop" }] };
      const started = start({ otlp: OTLP, log: { when: { match: { source } } } });
      make(started, [{}], 20, { "source\0address": address, [CERTIFICATE]: principal });
      assert.equal(logsOf(started).length, count, `${address} ${principal}`);
    }
  });

  test("has the answers with the statuses that are asked for", () => {
    const started = start({ otlp: OTLP, log: { when: { statuses: ["SERVER_TIMEOUT"] } } });
    for (const status of [20, 31, 40]) {
      make(started, [{}], status);
      started.plugin.answer(started.plugin.sent.length, ACCEPTED);
    }
    const statuses = logsOf(started).map(
      ({ attributes }) => attributes["rpc.response.status_code"],
    );
    assert.deepEqual(statuses, ["SERVER_TIMEOUT"]);
  });

  test("tells the fields that are asked for, and no others", () => {
    const fields = ["method", "request_id", "peer", "principal"];
    const properties = {
      "source\0address": "[2001:db8::1]:5555",
      [CERTIFICATE]: 'spiffe://cluster.local/ns/shop/sa/"web"',
    };
    const started = start({ otlp: OTLP, log: { fields } });
    make(started, [{}], 20, properties);
    assert.deepEqual(logsOf(started)[0]!.attributes, {
      "rpc.system.name": "dubbo",
      "rpc.method": "com.k8s.User.UserProvider/GetUser",
      "dubbo.request.id": 0,
      "network.peer.address": "2001:db8::1",
      "dubbo.principal": "spiffe://cluster.local/ns/shop/sa/_web_",
    });
    const lines = start({ log: { to: "envoy", fields } });
    make(lines, [{}], 20, properties);
    const { time_us, ...line } = JSON.parse(lines.vm.logs.find(isLine)!.message);
    assert.ok(time_us > 0);
    assert.deepEqual(line, {
      method: "GetUser",
      request_id: 0,
      peer: "2001:db8::1",
      principal: "spiffe://cluster.local/ns/shop/sa/_web_",
    });
  });

  test("and spans tell the rule and the policy", () => {
    const routing = { rules: [{ name: "vip", match: { method: { exact: "GetUser" } } }] };
    const started = start(
      { otlp: OTLP, spans: ALL, log: {} },
      {
        routing,
        policies: [
          { name: "no-writes", match: { method: { exact: "SetUser" } }, authorize: "deny" },
          {
            name: "quota",
            rate_limit: { max_tokens: 10, tokens_per_fill: 10, fill_interval: "1s" },
          },
        ],
      },
    );
    make(started, [{}, { method: "SetUser" }]);
    for (const told of [spansOf(started), logsOf(started)]) {
      const seen = told.map(({ attributes: of }) => [of["dubbo.rule"], of["dubbo.policy"]]);
      assert.deepEqual(seen, [
        ["vip", "quota"],
        [undefined, "no-writes"],
      ]);
    }
  });

  test("is lines of JSON in Envoy's log, a thousand a second", () => {
    const started = start(
      { log: { to: "envoy" } },
      { metrics: { labels: ["interface", "method", "group", "application"] } },
    );
    make(started, [{ extraAttachments: { group: 'a"b', "remote.application": "shop" } }]);
    const lines = started.vm.logs.filter(({ message }) => message.startsWith("{"));
    const line = JSON.parse(lines[0]!.message);
    assert.equal(line.interface, "com.k8s.User.UserProvider");
    assert.equal(line.group, "a_b");
    assert.deepEqual([line.status, line.outcome, line.duration_us], ["OK", "success", 3000]);
    // What is written last before those that it has none of.
    assert.equal(line.application, "shop");
    assert.ok(!("rule" in line) && !("policy" in line), lines[0]!.message);
    const connection = started.plugin.connect();
    for (let id = 0; id < 3000; id++) {
      connection.downstream(request({ id }));
      connection.upstream(response({ id }));
    }
    const all = started.vm.logs.filter(({ message }) => message.startsWith("{"));
    assert.ok(all.length >= 1000 && all.length <= 2002, `${all.length}`);
    assert.ok(counted(started.vm, "dubbo_telemetry_dropped_total", "queue_full", "log") > 0);
  });
});

describe("a collector", () => {
  const one = (): Started => {
    const started = start({ otlp: OTLP, spans: ALL });
    make(started, [{}]);
    return started;
  };
  const pass = ({ vm, clock }: Started, seconds: number): void => {
    for (let i = 0; i < seconds * 2; i++) {
      clock.advance(SECOND / 2n);
      vm.tick();
    }
  };

  test("that takes them is told nothing twice", () => {
    const started = one();
    started.plugin.answer(1, ACCEPTED);
    pass(started, 10);
    assert.equal(started.plugin.sent.length, 1);
    assert.equal(counted(started.vm, "dubbo_telemetry_exported_total", "span"), 1);
  });

  test("that is busy is asked again, when it says or later each time, and given up", () => {
    const started = one();
    started.plugin.answer(1, [
      [":status", "429"],
      ["retry-after", "7"],
    ]);
    pass(started, 6);
    assert.equal(started.plugin.sent.length, 1);
    pass(started, 2);
    assert.equal(started.plugin.sent.length, 2);
    assert.deepEqual(started.plugin.sent[1]!.body, started.plugin.sent[0]!.body);
    for (let token = 2; token <= 4; token++) {
      started.plugin.answer(token, [[":status", "503"]]);
      pass(started, 20);
    }
    assert.equal(started.plugin.sent.length, 4);
    assert.equal(counted(started.vm, "dubbo_telemetry_dropped_total", "failed", "span"), 1);
  });

  for (const [what, headers, reason] of [
    ["that gives no answer", null, "timeout"],
    ["that refuses", [[":status", "400"]], "failed"],
    ["that answers garbage", [[":status", "9e9"]], "timeout"],
    ["that says nothing of a status", [["x", "y"]], "timeout"],
  ] as [string, Headers | null, string][]) {
    test(`${what} costs the batch, which is counted`, () => {
      const started = one();
      started.plugin.answer(1, headers);
      pass(started, 70);
      assert.equal(started.plugin.sent.length, 1);
      assert.equal(counted(started.vm, "dubbo_telemetry_dropped_total", reason, "span"), 1);
      make(started, [{}]);
      assert.equal(started.plugin.sent.length, 2);
    });
  }

  test("that is not there costs the batch too", () => {
    const started = start({ otlp: { ...OTLP, cluster: "nobody" }, spans: ALL });
    make(started, [{}, {}]);
    assert.equal(counted(started.vm, "dubbo_telemetry_dropped_total", "failed", "span"), 2);
  });

  test("that never answers costs the queue's bytes and no more", () => {
    const started = start({ otlp: { ...OTLP, max_queue_bytes: 65536 }, spans: ALL, log: {} });
    const { vm, plugin, clock } = started;
    const connection = plugin.connect({ collect: false });
    const flood = (count: number): void => {
      for (let id = 0; id < count; id++) {
        connection.downstream(request({ id }));
        connection.upstream(response({ id }));
        if (id % 100 === 0) {
          clock.advance(SECOND);
          vm.tick();
        }
      }
    };
    flood(2000);
    const before = vm.memoryBytes();
    flood(20_000);
    assert.equal(vm.memoryBytes(), before);
    assert.ok(counted(vm, "dubbo_telemetry_dropped_total", "queue_full", "span") > 20_000);
  });

  test("gets what waits when the plugin ends", () => {
    const started = start({ otlp: { ...OTLP, interval_ms: 60000 }, spans: ALL });
    make(started, [{}]);
    started.plugin.answer(1, ACCEPTED);
    make(started, [{}]);
    assert.equal(started.plugin.sent.length, 1);
    started.plugin.shutdown();
    assert.equal(started.plugin.sent.length, 2);
  });

  test("gets no request of a plugin that is thrown away", () => {
    const started = start({ otlp: { ...OTLP, interval_ms: 60000, max_batch: 1 }, spans: ALL });
    const { plugin, clock, vm } = started;
    const connection = plugin.connect();
    for (let id = 0; id < 3; id++) {
      connection.downstream(request({ id }));
      connection.upstream(response({ id }));
    }
    plugin.clusters.clear();
    clock.advance(SECOND);
    vm.tick();
    // The emulator throws where a plugin that is thrown away makes a request.
    plugin.shutdown();
    assert.equal(plugin.sent.length, 0);
  });
});

test("without telemetry nothing is asked of the host that was not before", () => {
  const vm = Vm.load(MODULE_UNDER_TEST);
  const plugin = vm.plugin({ config: "{}" });
  const connection = plugin.connect();
  connection.downstream(request());
  connection.upstream(response());
  vm.resetHostCalls();
  vm.tick();
  assert.equal(vm.hostCalls.proxy_get_current_time_nanoseconds, undefined);
  assert.equal(vm.hostCalls.proxy_http_call, undefined);
});
