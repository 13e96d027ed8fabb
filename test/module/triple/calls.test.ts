// Calls over HTTP and what is counted of them: every kind and ending, exact series.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ResponseFlag, type Headers } from "../../emulator/http_stream.ts";
import {
  ANSWER,
  headersOf,
  message,
  messages,
  series,
  seriesOf,
  startTriple,
  trailersOnly,
  unary,
  type Request,
} from "./setup.ts";

/** The series of one call that was answered. */
function answered(options: {
  labels?: Record<string, string>;
  call?: string;
  serialization?: string;
  status?: string;
  outcome?: string;
  sent?: number;
  got?: number;
}): Record<string, number> {
  const { labels = {}, call = "unary", serialization = "protobuf" } = options;
  const { status = "OK", outcome = "success", sent = 15, got = 25 } = options;
  const expected: [string, number][] = [
    [series("request_bytes_total", labels), sent],
    [series("request_duration_milliseconds", labels), 1],
    [series("requests_active", labels), 0],
    [series("requests_total", { ...labels, call, serialization }), 1],
    [series("response_bytes_total", labels), got],
    [series("responses_total", { ...labels, status, outcome }), 1],
  ];
  return sorted(expected);
}

function sorted(entries: [string, number][]): Record<string, number> {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("a call", () => {
  test("is counted once, with its bytes and its time", () => {
    const { vm, plugin, clock } = startTriple();
    const stream = plugin.openStream();
    stream.request(headersOf());
    clock.advanceMilliseconds(5);
    stream.requestBody(message(10), true);
    clock.advanceMilliseconds(20);
    stream.response(ANSWER);
    stream.responseBody(message(20));
    clock.advanceMilliseconds(15);
    stream.responseTrailers([["grpc-status", "0"]]);
    // The end of the response is the call's, not that of the stream.
    clock.advanceMilliseconds(1000);
    stream.end();
    assert.deepEqual(seriesOf(vm), answered({}));
    const duration = vm.metrics().get(series("request_duration_milliseconds"));
    assert.deepEqual(duration, { count: 1, sum: 40, values: [40] });
  });

  test("is active from its headers to the end of its response, and a request from then on", () => {
    const { vm, plugin } = startTriple();
    const stream = plugin.openStream();
    stream.request(headersOf());
    stream.requestBody(message(1), true);
    assert.deepEqual(seriesOf(vm), { [series("requests_active")]: 1 });
    stream.response(ANSWER);
    stream.responseTrailers([["grpc-status", "0"]]);
    const ended = seriesOf(vm);
    assert.deepEqual(ended, answered({ sent: 6, got: 0 }));
    stream.end();
    assert.deepEqual(seriesOf(vm), ended);
  });

  test("is tri with any header tri-…, with the service's version and group", () => {
    const labels = { protocol: "tri", version: "1.2", group: "g" };
    const config = { metrics: { labels: ["interface", "method", "version", "group"] } };
    const { vm, plugin } = startTriple(config);
    const headers = { "tri-service-version": "1.2", "tri-service-group": "g" };
    unary(plugin, { headers, contentType: "application/grpc+proto" });
    assert.deepEqual(seriesOf(vm), answered({ labels }));

    const other = startTriple(config);
    // `group` and `version` are no headers of Triple's.
    unary(other.plugin, { headers: { "tri-consumer-appname": "x", group: "h", version: "7" } });
    const none = { protocol: "tri", version: "0.0.0" };
    assert.deepEqual(seriesOf(other.vm), answered({ labels: none }));
  });

  test("has nothing of the one before it", () => {
    const config = { metrics: { labels: ["interface", "method", "version", "group"] } };
    const { vm, plugin } = startTriple(config);
    const headers = { "tri-service-version": "1.2", "tri-service-group": "g" };
    unary(plugin, { headers, contentType: "application/json" });
    unary(plugin, { contentType: null });
    unary(plugin);
    const names = { interface: "a.B", method: "c" };
    const requests = Object.keys(seriesOf(vm)).filter((key) => key.includes("requests_total"));
    const all = [
      series("requests_total", {
        ...{ ...names, version: "0.0.0" },
        ...{ call: "unary", serialization: "protobuf" },
      }),
      series("requests_total", {
        ...{ ...names, protocol: "tri", version: "1.2", group: "g" },
        ...{ call: "unary", serialization: "json" },
      }),
    ];
    assert.deepEqual(requests.sort(), all.sort());
  });

  test("stands beside the same names in the Dubbo protocol and in another VM's side", () => {
    const { vm, plugin } = startTriple({ side: "provider" });
    unary(plugin, { headers: { "tri-x": "" } });
    unary(plugin);
    const tri = answered({ labels: { protocol: "tri", side: "provider" } });
    const grpc = answered({ labels: { side: "provider" } });
    assert.deepEqual(seriesOf(vm), sorted([...Object.entries(tri), ...Object.entries(grpc)]));
  });
});

describe("messages tell the kind of call", () => {
  const many = messages(3, 0, 5000);
  for (const [call, sent, got] of [
    ["unary", message(7), message(0)],
    ["client_stream", many, message(9)],
    ["server_stream", message(9), many],
    ["bidi", many, many],
    ["unary", new Uint8Array(0), new Uint8Array(0)],
    ["server_stream", message(0), messages(0, 0)],
  ] as const) {
    for (const size of [1, 2, 3, 5, 7, 4096, 100_000]) {
      test(`${call} of ${sent.length} and ${got.length} bytes, ${size} at a time`, () => {
        const { vm, plugin } = startTriple();
        const stream = plugin.openStream();
        stream.request(headersOf());
        for (let at = 0; at < sent.length; at += size) {
          stream.requestBody(sent.subarray(at, at + size), at + size >= sent.length);
        }
        stream.response(ANSWER);
        for (let at = 0; at < got.length; at += size) {
          stream.responseBody(got.subarray(at, at + size));
        }
        stream.responseTrailers([["grpc-status", "0"]]);
        stream.end();
        assert.deepEqual(seriesOf(vm), answered({ call, sent: sent.length, got: got.length }));
      });
    }
  }

  test("a length near 2^32 is one message", () => {
    const { vm, plugin } = startTriple();
    const huge = new Uint8Array(100_000);
    huge.fill(0xff, 1, 5);
    unary(plugin, {}, "0", huge);
    assert.deepEqual(seriesOf(vm), answered({ sent: 100_000 }));
  });

  test("of gRPC-Web nothing is told that is not known", () => {
    const { vm, plugin } = startTriple();
    const stream = plugin.openStream();
    stream.request(headersOf({ contentType: "application/grpc-web-text" }));
    stream.requestBody(message(10), true);
    stream.response(ANSWER);
    stream.responseBody(messages(1, 1, 1), true);
    stream.end();
    const expected = { call: "unknown", serialization: "unknown", got: 18 };
    assert.deepEqual(
      seriesOf(vm),
      answered({ ...expected, status: "UNKNOWN", outcome: "unknown" }),
    );
  });
});

describe("an answer", () => {
  const NAMES = [
    ...["OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"],
    ...["ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"],
    ...["ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"],
    ...["UNAUTHENTICATED"],
  ];
  const outcomeOf = (status: string): string =>
    status === "OK" ? "success" : status === "UNKNOWN" ? "exception" : "error";

  test("has the status of its trailers, by name", () => {
    NAMES.forEach((status, number) => {
      const { vm, plugin } = startTriple();
      unary(plugin, {}, String(number));
      assert.deepEqual(seriesOf(vm), answered({ status, outcome: outcomeOf(status) }));
    });
  });

  test("that Dubbo Java gives for what a service throws is an exception, though its status is OK", () => {
    for (const [headers, outcome] of [
      [{ "tri-service-version": "1" }, "exception"],
      // Nobody but Triple's providers sends such a header.
      [{}, "success"],
    ] as const) {
      const { vm, plugin } = startTriple();
      const stream = plugin.openStream();
      stream.request(headersOf({ headers: { ...headers } }));
      stream.requestBody(message(1), true);
      stream.response([...ANSWER, ["tri-exception-code", "3"]]);
      stream.responseBody(message(1));
      stream.responseTrailers([["grpc-status", "0"]]);
      stream.end();
      const protocol = outcome === "exception" ? "tri" : "grpc";
      const labels = { protocol };
      assert.deepEqual(seriesOf(vm), answered({ status: "OK", outcome, sent: 6, got: 6, labels }));
    }
  });

  test("has UNKNOWN for a status that is none", () => {
    for (const status of ["17", "99", "-1", "x", "000", " 0", "4294967296"]) {
      const { vm, plugin } = startTriple();
      unary(plugin, {}, status);
      const expected = { status: "UNKNOWN", outcome: "exception" };
      assert.deepEqual(seriesOf(vm), answered(expected), status);
    }
  });

  test("has the status of headers that are all there is", () => {
    const { vm, plugin } = startTriple();
    const stream = plugin.openStream();
    stream.request(headersOf());
    stream.requestBody(message(10), true);
    // As Envoy's own answer to a reset: `response.code` is 503 there.
    stream.response(trailersOnly("14"), true, 503);
    stream.end(ResponseFlag.upstreamReset);
    const expected = { status: "UNAVAILABLE", outcome: "error", got: 0 };
    assert.deepEqual(seriesOf(vm), answered(expected));
  });

  test("without a gRPC status has the one of its HTTP status", () => {
    for (const [code, status, outcome] of [
      [400, "INTERNAL", "error"],
      [401, "UNAUTHENTICATED", "error"],
      [403, "PERMISSION_DENIED", "error"],
      [404, "UNIMPLEMENTED", "error"],
      [429, "UNAVAILABLE", "error"],
      [502, "UNAVAILABLE", "error"],
      [503, "UNAVAILABLE", "error"],
      [504, "UNAVAILABLE", "error"],
      [500, "UNKNOWN", "error"],
      [302, "UNKNOWN", "error"],
      [200, "UNKNOWN", "unknown"],
    ] as const) {
      for (const end of ["headers", "body", "trailers"]) {
        const { vm, plugin } = startTriple();
        const stream = plugin.openStream();
        stream.request(headersOf());
        stream.requestBody(message(10), true);
        stream.response([[":status", String(code)]], end === "headers");
        if (end === "body") stream.responseBody(message(20), true);
        if (end === "trailers") stream.responseTrailers([["x", "y"]]);
        stream.end();
        const got = end === "body" ? 25 : 0;
        assert.deepEqual(seriesOf(vm), answered({ status, outcome, got }), `${code} ${end}`);
      }
    }
  });

  test("before the request's end is one", () => {
    const { vm, plugin } = startTriple();
    const stream = plugin.openStream();
    stream.request(headersOf());
    stream.response(trailersOnly("12"), true);
    stream.requestBody(message(10), true);
    stream.end();
    const expected = { status: "UNIMPLEMENTED", outcome: "error", sent: 0, got: 0 };
    assert.deepEqual(seriesOf(vm), answered(expected));
  });
});

describe("a stream that ends without the end of a response", () => {
  for (const [what, flags, closed_by] of [
    ["the client reset it", ResponseFlag.clientReset, "remote"],
    ["the client went", ResponseFlag.clientDisconnected, "remote"],
    ["the server reset it", ResponseFlag.upstreamReset, "local"],
    ["its time was over", ResponseFlag.upstreamTimeout, "local"],
    ["nobody says why", ResponseFlag.none, "unknown"],
  ] as const) {
    test(`is unanswered: ${what}`, () => {
      for (const begun of [false, true]) {
        const { vm, plugin } = startTriple();
        const stream = plugin.openStream();
        stream.request(headersOf());
        stream.requestBody(messages(1, 1));
        if (begun) stream.response(ANSWER);
        if (begun) stream.responseBody(message(3));
        stream.end(flags);
        const call = "client_stream";
        assert.deepEqual(
          seriesOf(vm),
          sorted([
            [series("request_bytes_total"), 12],
            [series("requests_active"), 0],
            [series("requests_total", { call, serialization: "protobuf" }), 1],
            [series("unanswered_requests_total", { closed_by }), 1],
          ]),
        );
      }
    });
  }
});

describe("Triple's plain HTTP form", () => {
  const tri = { headers: { "tri-service-version": "1.0.0" } };

  test("is a unary call with the HTTP status's meaning", () => {
    for (const [contentType, serialization, code, status, outcome] of [
      ["application/json", "json", 200, "OK", "success"],
      ["application/json; charset=utf-8", "json", 204, "OK", "success"],
      ["application/json;charset=utf-8", "json", 404, "UNIMPLEMENTED", "error"],
      ["application/proto", "protobuf", 200, "OK", "success"],
      ["application/proto", "protobuf", 500, "UNKNOWN", "error"],
      ["application/hessian2", "hessian2", 200, "OK", "success"],
      ["application/msgpack", "msgpack", 200, "OK", "success"],
      ["application/triple+wrapper", "unknown", 200, "OK", "success"],
    ] as const) {
      const { vm, plugin } = startTriple();
      const stream = plugin.openStream();
      stream.request(headersOf({ contentType, ...tri }));
      // Nothing in it is a message's length.
      stream.requestBody(new Uint8Array(100), true);
      stream.response([[":status", String(code)]]);
      stream.responseBody(new Uint8Array(50), true);
      stream.end();
      const expected = { status, outcome, serialization, sent: 100, got: 50 };
      const labels = { protocol: "tri" };
      assert.deepEqual(seriesOf(vm), answered({ ...expected, labels }), contentType);
    }
  });
});

test("dubbo-go's clients say triple-protocol-version in place of tri-…", () => {
  const { vm, plugin } = startTriple();
  const headers = { "triple-protocol-version": "1.0.0" };
  unary(plugin, { contentType: "application/json", headers }, "0", new Uint8Array(4));
  assert.equal(seriesOf(vm)[series("requests_active", { protocol: "tri" })], 0);
});

test("an interface behind a context path is called by its name", () => {
  const { vm, plugin } = startTriple();
  unary(plugin, { path: "/shop/v1/a.B/c" });
  assert.equal(seriesOf(vm)[series("requests_active")], 0);
});

test("gRPC's content type may name hessian2", () => {
  const { vm, plugin } = startTriple();
  unary(plugin, { contentType: "application/grpc+hessian2" });
  const labels = { call: "unary", serialization: "hessian2" };
  assert.equal(seriesOf(vm)[series("requests_total", labels)], 1);
});

describe("other HTTP passes uncounted and as it is", () => {
  const others: [string, Request][] = [
    ["a page", { method: "GET", path: "/a.B/c", contentType: null }],
    ["JSON without tri-…", { contentType: "application/json" }],
    ["tri-… with GET", { method: "GET", contentType: null, headers: { "tri-x": "1" } }],
    [
      "tri-… with JSON and PUT",
      { method: "PUT", contentType: "application/json", headers: { "tri-x": "" } },
    ],
    ["tri-… and a form", { contentType: "application/x", headers: { "tri-x": "" } }],
    ["almost gRPC", { contentType: "application/grp" }],
    ["text", { contentType: "text/application/grpc" }],
    ["an empty type", { contentType: "" }],
  ];
  for (const path of [
    ...["", "/", "//", "/a", "/a/", "//c", "/a/b/c", "/a//", "a.B/c", "*", "/?/x", "/a?/c"],
    ...["/a.B/?c", "/a.B//c", "//a.B/c"],
  ]) {
    others.push([`gRPC to ${JSON.stringify(path)}`, { path }]);
  }
  for (const [what, request] of others) {
    test(what, () => {
      const { vm, plugin } = startTriple();
      const stream = plugin.openStream();
      const headers = headersOf(request);
      assert.deepEqual(stream.request([...headers]), headers);
      stream.requestBody(message(1), true);
      stream.requestTrailers([["x", "y"]]);
      stream.response(ANSWER);
      stream.responseBody(message(1));
      stream.responseTrailers([["grpc-status", "0"]]);
      stream.end();
      assert.deepEqual(seriesOf(vm), {});
    });
  }

  test("a stream that Envoy only logs", () => {
    const { vm, plugin } = startTriple();
    plugin.openStream().end();
    assert.deepEqual(seriesOf(vm), {});
  });
});

describe("names come from peers", () => {
  const counted = (path: string, config: object = {}): string[] => {
    const { vm, plugin } = startTriple(config);
    unary(plugin, { path });
    return Object.keys(seriesOf(vm)).filter((key) => key.startsWith("dubbo_responses_total"));
  };
  const one = (interfaceName: string, method: string): string[] => [
    series("responses_total", {
      interface: interfaceName,
      method,
      status: "OK",
      outcome: "success",
    }),
  ];

  test("a query is not a part of them, and nothing is decoded", () => {
    assert.deepEqual(counted("/a.B/c?d=/e/f"), one("a.B", "c"));
    // Dubbo Java serves both.
    assert.deepEqual(counted("/a.B/c/"), one("a.B", "c"));
    assert.deepEqual(counted("/a/b/?c"), one("a", "b"));
    assert.deepEqual(counted("/a.B/c%2Fd%00"), one("a.B", "c_2Fd_00"));
  });

  test("no label is forged and no line is broken", () => {
    const forged = ';.;dubbo_method=.=x;.;"}\\';
    assert.deepEqual(counted(`/a.B/${forged}`), one("a.B", "_._dubbo_method_._x_.____"));
    assert.deepEqual(counted("/\u00e9\u00ff/m."), one("__", "m_"));
  });

  test("long ones are cut", () => {
    const long = "x".repeat(60_000);
    assert.deepEqual(counted(`/${long}/${long}`), one(long.slice(0, 200), long.slice(0, 200)));
  });

  test("max_series bounds them", () => {
    const config = { metrics: { max_series: 3 } };
    const { vm, plugin } = startTriple(config);
    for (let i = 0; i < 1000; i++) unary(plugin, { path: `/a.B/m${i}` });
    const all = seriesOf(vm);
    const requests = Object.entries(all).filter(([key]) => key.startsWith("dubbo_requests_total"));
    const labels = { call: "unary", serialization: "protobuf" };
    assert.deepEqual(Object.fromEntries(requests), {
      ...Object.fromEntries(
        [0, 1, 2].map((i) => [series("requests_total", { method: `m${i}`, ...labels }), 1]),
      ),
      [series("requests_total", { interface: "_OTHER", method: "_OTHER", ...labels })]: 997,
    });
  });

  test("only allowed interfaces have series of their own", () => {
    const config = { metrics: { interfaces: ["a.B"] } };
    assert.deepEqual(counted("/a.B/c", config), one("a.B", "c"));
    assert.deepEqual(counted("/a.C/c", config), one("_OTHER", "_OTHER"));
  });
});

describe("cost", () => {
  test("a call makes few host calls, and other HTTP one", () => {
    const { vm, plugin } = startTriple();
    for (let i = 0; i < 3; i++) unary(plugin);
    vm.tick();
    vm.resetHostCalls();
    unary(plugin);
    assert.deepEqual(vm.hostCalls, {
      proxy_get_header_map_value: 2,
      proxy_get_header_map_pairs: 1,
      proxy_get_current_time_nanoseconds: 2,
      proxy_get_buffer_bytes: 2,
    });
    vm.resetHostCalls();
    const stream = plugin.openStream();
    stream.request(headersOf({ contentType: "text/html" }));
    stream.requestBody(new Uint8Array(1000), true);
    stream.response([[":status", "200"]]);
    stream.responseBody(new Uint8Array(1000), true);
    stream.end();
    assert.deepEqual(vm.hostCalls, { proxy_get_header_map_value: 1 });
  });

  test("after the second message of a stream nothing is fetched any more", () => {
    const { vm, plugin } = startTriple();
    const stream = plugin.openStream();
    stream.request(headersOf());
    vm.resetHostCalls();
    for (let i = 0; i < 1000; i++) stream.requestBody(message(10));
    assert.deepEqual(vm.hostCalls, { proxy_get_buffer_bytes: 2 });
  });

  test("100,000 calls of all endings leave memory as it was", () => {
    const { vm, plugin } = startTriple();
    const round = (): void => {
      const open = Array.from({ length: 20 }, () => plugin.openStream());
      for (const stream of open) stream.request(headersOf());
      open.forEach((stream, index) => {
        if (index % 3 === 0) stream.requestBody(messages(1, 2, 3));
        if (index % 2 === 0) stream.response(trailersOnly("0"), true);
        stream.end(index % 4);
      });
      for (let i = 0; i < 20; i++) unary(plugin, { path: `/a.B/m${i}` });
      vm.tick();
    };
    for (let i = 0; i < 50; i++) round();
    const before = vm.memoryBytes();
    for (let i = 0; i < 2500; i++) round();
    assert.equal(vm.memoryBytes(), before);
  });
});

test("a plugin that was replaced counts its streams to their end", () => {
  const { vm, plugin } = startTriple();
  const stream = plugin.openStream();
  stream.request(headersOf());
  stream.requestBody(message(10), true);
  plugin.shutdown();
  const headers: Headers = [...ANSWER];
  stream.response(headers);
  stream.responseBody(message(20));
  stream.responseTrailers([["grpc-status", "0"]]);
  stream.end();
  assert.deepEqual(seriesOf(vm), answered({}));
});
