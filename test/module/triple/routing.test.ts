// The rules on headers: what they set and remove, what they match, and that the same call takes the
// same way in both protocols.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { request as dubboRequest } from "../../frames/frames.ts";
import { texts } from "../routing/frames.ts";
import { propertyPath } from "../../emulator/properties.ts";
import { counted, label, numbers, start } from "../routing/setup.ts";
import { HeaderMap, type Headers } from "../../emulator/http_stream.ts";
import type { Plugin } from "../../emulator/plugin.ts";
import { headersOf, startTriple, unary, type Request } from "./setup.ts";

/** The headers beyond those of `headersOf` that go on. */
function goesOn(plugin: Plugin, request: Request = {}, more: Headers = []): Headers {
  const stream = plugin.openStream();
  const headers = stream.request([...headersOf(request), ...more]);
  stream.end();
  const plain = headersOf({ ...request, headers: {} }).map(([name]) => name);
  return headers.filter(([name]) => !plain.includes(name));
}

const set = (...all: [string, string][]): object[] => all.map(([name, value]) => ({ name, value }));

describe("a rule", () => {
  test("sets and removes headers, whatever the case of its keys", () => {
    const attachments = { set: set(["Dubbo-Route", "v2"]), remove: ["Debug"] };
    const { vm, plugin } = startTriple({ routing: { rules: [{ name: "all", attachments }] } });
    assert.deepEqual(goesOn(plugin, { headers: { debug: "1", kept: "2" } }), [
      ["kept", "2"],
      ["dubbo-route", "v2"],
    ]);
    const twice: Headers = [
      ["dubbo-route", "a"],
      ["dubbo-route", "b"],
    ];
    assert.deepEqual(goesOn(plugin, {}, twice), [["dubbo-route", "v2"]]);
    assert.equal(counted(vm, "dubbo_routed_requests_total", 'dubbo_rule="all"'), 2);
    assert.equal(counted(vm, "dubbo_routed_requests_total", 'dubbo_protocol="grpc"'), 2);
  });

  test("is told by the protocol too", () => {
    const { vm, plugin } = startTriple({ routing: { rules: [{ name: "all" }] } });
    unary(plugin, { headers: { "tri-x": "" } });
    assert.equal(counted(vm, "dubbo_routed_requests_total", 'dubbo_protocol="tri"'), 1);
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 1);
  });

  test("matches interface, method, version, group, headers, side, source and labels", () => {
    const properties = {
      [propertyPath("source", "address")]: "10.1.2.3:5555",
      [label("app")]: "gateway",
    };
    const call = {
      path: "/com.k8s.User/GetUser",
      headers: { "tri-service-version": "1.2", "tri-service-group": "g", "end-user": "jason" },
    };
    for (const [match, isMet] of [
      [{ interface: { exact: "com.k8s.User" } }, true],
      [{ interface: { prefix: "com.k8s." }, method: { suffix: "User" } }, true],
      [{ interface: { exact: "com.k8s.Use" } }, false],
      [{ method: { exact: "getUser" } }, false],
      [{ version: { exact: "1.2" } }, true],
      [{ version: { exact: "0.0.0" } }, false],
      [{ group: { exact: "g" } }, true],
      [{ group: { exact: "" } }, false],
      [{ attachments: [{ name: "End-User", exact: "jason" }] }, true],
      [{ attachments: [{ name: "end-user", prefix: "Jas" }] }, false],
      [{ attachments: [{ name: "end-user", absent: true }] }, false],
      [{ attachments: [{ name: "group", exact: "g" }] }, true],
      [{ attachments: [{ name: "version", present: true }] }, true],
      [{ attachments: [{ name: "nothing", present: true }] }, false],
      [{ side: "consumer" }, true],
      [{ side: "provider" }, false],
      [{ source: { addresses: ["10.0.0.0/8"] } }, true],
      [{ source: { addresses: ["11.0.0.0/8"] } }, false],
      [{ source: { labels: [{ name: "app", exact: "gateway" }] } }, true],
      [{ source: { labels: [{ name: "app", exact: "x" }] } }, false],
    ] as const) {
      const { plugin, vm } = startTriple({ routing: { rules: [{ match }] } }, properties);
      unary(plugin, call);
      const taken = counted(vm, "dubbo_routed_requests_total");
      assert.equal(taken, isMet ? 1 : 0, JSON.stringify(match));
    }
  });

  test("matches the interface also where the path has a version behind it", () => {
    const match = { interface: { exact: "com.k8s.User" } };
    const { plugin, vm } = startTriple({ routing: { rules: [{ match }] } });
    unary(plugin, { path: "/blue/com.k8s.User:1.0/GetUser" });
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 1);
    assert.equal(counted(vm, "dubbo_requests_total", 'dubbo_interface="com.k8s.User"'), 1);
  });

  test("without tri-… the version is 0.0.0 and the group empty", () => {
    const match = { version: { exact: "0.0.0" }, group: { exact: "" } };
    const { plugin, vm } = startTriple({ routing: { rules: [{ match }] } });
    unary(plugin, { headers: { group: "g", version: "1" } });
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 1);
  });

  test("of a header that came twice looks at the last, as of an attachment", () => {
    const match = { attachments: [{ name: "end-user", exact: "jason" }] };
    const { plugin } = startTriple({
      routing: { rules: [{ match, attachments: { set: set(["r", "1"]) } }] },
    });
    const users = (...names: string[]): Headers => names.map((name) => ["end-user", name]);
    assert.equal(goesOn(plugin, {}, users("x", "jason")).length, 3);
    assert.equal(goesOn(plugin, {}, users("jason", "x")).length, 2);
  });

  test("sets group and version as the headers that Triple has for them", () => {
    const attachments = { set: set(["group", "canary"]), remove: ["version"] };
    const { plugin } = startTriple({ routing: { rules: [{ attachments }] } });
    const headers = { "tri-service-group": "g", "tri-service-version": "1", group: "x" };
    assert.deepEqual(goesOn(plugin, { headers }), [
      ["group", "x"],
      ["tri-service-group", "canary"],
    ]);
    const called = [{ name: "called", from_invocation: "group" }];
    const { plugin: telling } = startTriple({
      routing: { rules: [{ attachments: { set: called } }] },
    });
    assert.deepEqual(goesOn(telling, { headers: { "tri-service-group": "g" } }).at(-1), [
      "called",
      "g",
    ]);
    // Where there is no group nothing is set, and the caller's own goes away.
    assert.deepEqual(goesOn(telling, { headers: { called: "me" } }), []);
  });

  test("with a cluster is taken, and its cluster is nobody's here", () => {
    const { plugin, vm } = startTriple({ routing: { rules: [{ cluster: "x" }] } });
    assert.deepEqual(goesOn(plugin), []);
    assert.equal(counted(vm, "dubbo_routed_requests_total"), 1);
    assert.equal(counted(vm, "dubbo_misrouted_requests_total"), 0);
  });

  test("leaves out what cannot be a header, and counts it", () => {
    for (const [name, value] of [
      ["a:b", "v"],
      [":path", "/x/y"],
      ["host", "x"],
      ["Content-Length", "1"],
      ["transfer-encoding", "chunked"],
      ["a(b)", "v"],
      ["fine", "a\nb: c"],
      ["fine", "a\u0000"],
      ["fine", "\u007f"],
    ] as const) {
      const attachments = { set: set([name, value], ["other", "1"]) };
      const { vm, plugin } = startTriple({ routing: { rules: [{ attachments }] } });
      assert.deepEqual(goesOn(plugin), [["other", "1"]], name);
      assert.equal(
        counted(vm, "dubbo_unrewritten_requests_total", 'dubbo_reason="header"'),
        1,
        name,
      );
    }
    const good = { set: set(["x!#$%&'*+-.^_`|~9", "a\tb".replace("\t", " ") + "é"]) };
    const { vm, plugin } = startTriple({ routing: { rules: [{ attachments: good }] } });
    assert.equal(goesOn(plugin).length, 1);
    assert.equal(counted(vm, "dubbo_unrewritten_requests_total"), 0);
  });
});

describe("protected keys", () => {
  const routing = { protected: ["Dubbo-Route", "group"] };

  test("are removed from every request, also from what is no call", () => {
    const { plugin, vm } = startTriple({ routing });
    const headers = { "dubbo-route": "v2", "tri-service-group": "g", kept: "1" };
    const kept: Headers = [["kept", "1"]];
    for (const request of [
      {},
      { path: "/x" },
      { contentType: "application/json" },
      { contentType: "text/html" },
      { contentType: null, method: "GET", path: "/a/b/c" },
    ]) {
      const twice: Headers = [["dubbo-route", "again"]];
      assert.deepEqual(goesOn(plugin, { ...request, headers }, twice), kept);
    }
    // Of these only the first two were calls: the others are not counted.
    vm.tick();
    assert.equal(counted(vm, "dubbo_requests_total"), 2);
  });

  // Ways in which Dubbo Java (StreamUtils.toAttachments, RestProtocol) and dubbo-go make attachments.
  const others: Headers = [
    ["dubbo-route-bin", "djI="],
    ["group-bin", "Zw=="],
    ["tri-service-group-bin", "Zw=="],
    ["rest-service-group", "g"],
    ["group", "g"],
    ["tri-header-convert", '{"x":"Dubbo-Route"}'],
  ];

  test("are removed under every other name that makes them attachments", () => {
    for (const request of [{}, { contentType: "text/html" }]) {
      for (const other of others) {
        const { plugin } = startTriple({ routing });
        assert.deepEqual(goesOn(plugin, request, [other]), [], other[0]);
      }
      const { plugin } = startTriple({ routing });
      const allowed: Headers = [
        ["version", "1"],
        ["rest-service-version", "1"],
        ["kept-bin", "Zw=="],
        ["tri-header-convert", '{"x":"Kept"}'],
      ];
      assert.deepEqual(goesOn(plugin, request, allowed), allowed);
    }
  });

  test("are not to be had by renaming headers in a way that is not plain", () => {
    for (const value of [
      '{"x":"dubbo%2Droute"}',
      '{"x":"dubbo\\u002droute"}',
      '{"x":"DUBBO-ROUTE"}',
      '{"x":"é"}',
      '{"group":"y"}',
    ]) {
      const { plugin } = startTriple({ routing });
      assert.deepEqual(goesOn(plugin, {}, [["tri-header-convert", value]]), [], value);
    }
    const { plugin } = startTriple({ routing });
    const twice: Headers = [
      ["tri-header-convert", '{"x":"dubbo-route"}'],
      ["tri-header-convert", '{"x":"kept"}'],
    ];
    assert.deepEqual(goesOn(plugin, {}, twice), []);
  });

  test("group and version are not in the path of a gRPC call either", () => {
    for (const [keys, path, wanted] of [
      [["group", "version"], "/blue/a.B:1.0/m", "/a.B/m"],
      [["group", "version"], "/blue/B:1.0/m", "/B/m"],
      [["group", "version"], "/a.B:1/0/m", "/a.B/m"],
      [["group", "version"], "/x/blue/a.B/m?q", "/a.B/m?q"],
      [["group", "version"], "/a.B/m", "/a.B/m"],
      [["group", "version"], "/m", "/m"],
      [["group"], "/blue/a.B:1.0/m", "/a.B:1.0/m"],
      [["version"], "/blue/a.B:1.0/m", "/blue/a.B/m"],
      [["dubbo-route"], "/blue/a.B:1.0/m", "/blue/a.B:1.0/m"],
    ] as const) {
      const { plugin } = startTriple({ routing: { protected: keys } });
      const pathOf = (contentType: string): string => {
        const stream = plugin.openStream();
        const sent = stream.request(headersOf({ path, contentType }));
        stream.end();
        return new Map(sent).get(":path")!;
      };
      assert.equal(pathOf("application/grpc"), wanted, `${keys.join()} ${path}`);
      assert.equal(pathOf("application/json"), path);
    }
  });

  test("of an application take Triple's own header for it along", () => {
    const { plugin } = startTriple({ routing: { protected: ["remote.application"] } });
    assert.deepEqual(goesOn(plugin, {}, [["tri-consumer-appname", "shop"]]), []);
  });

  test("are not in trailers under other names either", () => {
    const { plugin } = startTriple({ routing });
    const stream = plugin.openStream();
    stream.request(headersOf());
    assert.deepEqual(stream.requestTrailers([...others, ["kept", "1"]]), [["kept", "1"]]);
  });

  test("and from a call's trailers", () => {
    const { plugin } = startTriple({ routing });
    const stream = plugin.openStream();
    stream.request(headersOf());
    assert.deepEqual(
      stream.requestTrailers([
        ["dubbo-route", "v2"],
        ["kept", "1"],
      ]),
      [["kept", "1"]],
    );
  });

  test("a request without them is not changed, so no route is chosen anew", () => {
    const { plugin } = startTriple({ routing });
    const stream = plugin.openStream();
    stream.request(headersOf());
    assert.equal((stream.maps[0] as HeaderMap).changes, 0);
  });
});

test("filter_state tells the names of the stream's call", () => {
  const { plugin } = startTriple({ routing: { filter_state: true } });
  const stream = plugin.openStream();
  stream.request(headersOf({ path: "/a.B/c;d", headers: { "tri-service-version": "2" } }));
  assert.deepEqual(Object.fromEntries(stream.filterState), {
    "wasm.dubbo.interface": "a.B",
    "wasm.dubbo.method": "c_d",
    "wasm.dubbo.version": "2",
    "wasm.dubbo.group": "",
  });
});

describe("the same call in both protocols", () => {
  const choice = (weight: number, value: string): object => ({
    weight,
    attachments: { set: set(["dubbo-route", value]) },
  });
  const routing = {
    protected: ["dubbo-route"],
    rules: [
      {
        name: "jason",
        match: {
          interface: { exact: "com.k8s.User.UserProvider" },
          attachments: [{ name: "end-user", exact: "jason" }],
        },
        attachments: { set: set(["dubbo-route", "v2"]) },
      },
      {
        name: "grouped",
        match: { group: { prefix: "blue" }, version: { exact: "2.0.0" } },
        attachments: { set: [{ name: "dubbo-route", from_invocation: "group" }] },
      },
      {
        name: "sticky",
        match: { interface: { prefix: "com.k8s." } },
        split: {
          hash_on: { attachment: "user-id" },
          choices: [choice(60, "v1"), choice(30, "v2"), choice(10, "v3")],
        },
      },
    ],
  };

  test("takes the same way, in one plugin too", () => {
    const next = numbers(7);
    const pick = <T>(...all: T[]): T => all[next() % all.length]!;
    const { vm, plugin, connection } = start(routing);
    const seen = new Set<string | undefined>();
    for (let id = 1; id <= 500; id++) {
      const path = pick("com.k8s.User.UserProvider", "com.k8s.Order.OrderProvider", "other.X");
      const group = pick("", "blue-1", "green");
      const version = pick("2.0.0", "1.0.0");
      const user = pick("jason", "eve");
      const own: Record<string, string> = {
        "user-id": String(next()),
        "end-user": user,
        "dubbo-route": "forged",
      };
      const asDubbo = connection.downstream(
        dubboRequest({
          id,
          path,
          version,
          extraAttachments: group === "" ? own : { ...own, group },
        }),
      );
      const headers: Record<string, string> = { ...own, "tri-service-version": version };
      if (group !== "") headers["tri-service-group"] = group;
      const stream = plugin.openStream();
      const sent = stream.request(headersOf({ path: `/${path}/GetUser`, headers }));
      stream.end();
      const route = sent.filter(([name]) => name === "dubbo-route").map(([, value]) => value);
      const inDubbo = texts(asDubbo)["dubbo-route"];
      assert.deepEqual(route, inDubbo === undefined ? [] : [inDubbo]);
      seen.add(route[0]);
    }
    assert.deepEqual([...seen].sort(), ["blue-1", "v1", "v2", "v3", undefined]);
    for (const rule of ["jason", "grouped", "sticky"]) {
      const of = (protocol: string): number =>
        counted(vm, "dubbo_routed_requests_total", `"${rule}"`, `protocol="${protocol}"`);
      assert.ok(of("dubbo") > 0);
      assert.equal(of("dubbo"), of("tri"), rule);
    }
  });
});
