// The same policies over HTTP: Envoy answers in gRPC's words, and the same call has the same verdict over both
// protocols.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { HTTP_WAYS, NO_WRITES as BYPASS_DENY, ONLY_GET, USERS } from "../../frames/bypasses.ts";
import { request } from "../../frames/frames.ts";
import { counted } from "../routing/setup.ts";
import { headersOf, message, startTriple, unary, type Request } from "../triple/setup.ts";
import { identity, startPolicies } from "./setup.ts";

const NO_WRITES = { name: "no-writes", match: { method: { exact: "set" } }, authorize: "deny" };
const COMSUMER = "spiffe://cluster.local/ns/mesh-demo/sa/comsumer";

test("a refused call is answered by Envoy, and is a call like others", () => {
  const { vm, plugin } = startTriple({ policies: [NO_WRITES] });
  const stream = plugin.openStream();
  stream.request(headersOf({ path: "/a.B/set" }));
  assert.deepEqual(stream.localResponse, {
    code: 403,
    grpcStatus: 7,
    text: "refused by policy no-writes",
  });
  stream.end();
  unary(plugin, { path: "/a.B/get" });
  const labels = ['dubbo_policy="no-writes"', 'dubbo_reason="denied"', 'dubbo_protocol="grpc"'];
  assert.equal(counted(vm, "dubbo_refused_requests_total", ...labels), 1);
  assert.equal(counted(vm, "dubbo_requests_total"), 2);
  assert.equal(counted(vm, "dubbo_responses_total", "PERMISSION_DENIED", "error"), 1);
  assert.equal(counted(vm, "dubbo_requests_active"), 0);
});

test("plain HTTP is answered with a status of HTTP's", () => {
  const limit = { name: "l", rate_limit: { max_tokens: 1, fill_interval: "1s" } };
  const { vm, plugin } = startTriple({ policies: [limit] });
  const plain: Request = { contentType: "application/json", headers: { "tri-x": "1" } };
  unary(plugin, plain);
  const stream = plugin.openStream();
  stream.request(headersOf(plain));
  assert.equal(stream.localResponse?.code, 429);
  stream.end();
  assert.equal(counted(vm, "dubbo_refused_requests_total", "rate_limited"), 1);
  assert.equal(counted(vm, "dubbo_limit_allowed_requests_total"), 1);
});

test("calls in flight take their places until they end", () => {
  const bulkhead = { name: "b", concurrency: { max_in_flight: 1 } };
  const { plugin } = startTriple({ policies: [bulkhead] });
  const first = plugin.openStream();
  first.request(headersOf());
  const second = plugin.openStream();
  second.request(headersOf());
  assert.equal(second.localResponse?.grpcStatus, 8);
  second.end();
  first.requestBody(message(1), true);
  first.end();
  const third = plugin.openStream();
  third.request(headersOf());
  assert.equal(third.localResponse, undefined);
});

test("what is no call is asked about by its path where calls are authorized, and by nothing else", () => {
  const answers = (policies: object[], request: Request): number | undefined => {
    const { plugin } = startTriple({ policies });
    const stream = plugin.openStream();
    stream.request(headersOf({ contentType: "text/html", method: "GET", ...request }));
    return stream.localResponse?.code;
  };
  assert.equal(answers([NO_WRITES], { path: "/a.B/set" }), 403);
  assert.equal(answers([NO_WRITES], { path: "/a.B/get" }), undefined);
  assert.equal(answers([NO_WRITES], { path: "/" }), undefined);
  assert.equal(answers([NO_WRITES], { path: "/images/a%20b.png" }), undefined);
  assert.equal(answers([{ ...NO_WRITES, enforce: false }], { path: "/a.B/set" }), undefined);
  const getters = { name: "g", match: { method: { exact: "get" } }, authorize: "allow" };
  assert.equal(answers([getters], { path: "/health" }), 403);
  assert.equal(answers([getters], { path: "/a.B/get" }), undefined);
  const limit = { name: "l", rate_limit: { max_tokens: 1, fill_interval: "1s" } };
  const { plugin } = startTriple({ policies: [limit] });
  for (let i = 0; i < 3; i++) {
    const stream = plugin.openStream();
    stream.request(headersOf({ contentType: "text/html" }));
    assert.equal(stream.localResponse, undefined);
    stream.end();
  }
});

test("what a name may have and is written as % is refused where calls are authorized", () => {
  const answer = (path: string): number | undefined => {
    const { plugin } = startTriple({ policies: [NO_WRITES] });
    const stream = plugin.openStream();
    stream.request(headersOf({ path }));
    return stream.localResponse?.code;
  };
  for (const escape of [
    "%24",
    "%5f",
    "%5F",
    "%7e",
    "%41",
    "%7a",
    "%30",
    "%2D",
    "%2e",
    "%2f",
    "%3a",
    "%4",
    "%zz",
  ]) {
    assert.equal(answer(`/a.B/g${escape}t`), 403, escape);
  }
  // Neither stands for what a name may have.
  for (const escape of ["%20", "%7B", "%c3%a4"])
    assert.equal(answer(`/a.B/g${escape}t`), undefined, escape);
});

test("what is no call and is refused is counted as one of which nothing is known", () => {
  const { vm, plugin } = startTriple({ policies: [NO_WRITES] });
  const stream = plugin.openStream();
  stream.request(headersOf({ path: "/a.B/set", contentType: "text/html" }));
  stream.end();
  const labels = ['dubbo_interface="_OTHER"', 'dubbo_reason="denied"', 'dubbo_protocol="tri"'];
  assert.equal(counted(vm, "dubbo_refused_requests_total", ...labels), 1);
  assert.equal(counted(vm, "dubbo_requests_total"), 1);
  assert.equal(counted(vm, "dubbo_responses_total"), 1);
  assert.equal(counted(vm, "dubbo_requests_active"), 0);
});

test("no way over HTTP leads past what is denied or not allowed", () => {
  for (const policies of [BYPASS_DENY, ONLY_GET]) {
    for (const { name, headers = {}, leads, ...way } of HTTP_WAYS) {
      // Nobody takes those headers for a group: it is a call that may be made.
      if (leads.length === 0 && way.path?.endsWith("/GetUser")) continue;
      const { plugin } = startTriple({ policies });
      const stream = plugin.openStream();
      const path = `/${USERS}/SetUser`;
      const sent = headersOf({ path, contentType: "application/json", ...way });
      for (const [key, values] of Object.entries(headers)) {
        for (const value of [values].flat()) sent.push([key, value]);
      }
      stream.request(sent);
      assert.equal(stream.localResponse?.code, 403, name);
    }
  }
});

test("a header twice that is asked for is refused where calls are authorized, and else takes the last", () => {
  const match = { attachments: [{ name: "user-id", exact: "guest" }] };
  const guests = { name: "d", match, authorize: "deny" };
  const noisy = { name: "d", match: { application: { exact: "noisy" } }, authorize: "deny" };
  const twice = (name: string, ...values: string[]): [string, string][] =>
    values.map((value) => [name, value]);
  for (const [policy, headers, expected] of [
    [guests, twice("user-id", "guest", "jason"), 403],
    [guests, twice("user-id", "jason"), undefined],
    [guests, twice("other", "a", "b"), undefined],
    [noisy, twice("tri-consumer-appname", "noisy", "calm"), 403],
    [noisy, twice("tri-consumer-appname", "calm"), undefined],
    [{ ...guests, enforce: false }, twice("user-id", "guest", "jason"), undefined],
  ] as const) {
    const { plugin } = startTriple({ policies: [policy] });
    const stream = plugin.openStream();
    stream.request([...headersOf(), ...headers]);
    assert.equal(stream.localResponse?.code, expected, JSON.stringify(headers));
  }
});

test("docs/policies.md has all ways over HTTP, and where they lead", () => {
  const page = readFileSync(new URL("../../../docs/policies.md", import.meta.url), "utf8");
  const [, table = ""] = page.split("way over HTTP");
  const rows = table.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  for (const { name, leads } of HTTP_WAYS) {
    const row = rows.find((cells) => cells[1] === name);
    assert.equal(row?.[2], leads.join(", "), name);
  }
});

test("the group in front of the interface, and the version behind it, are names by which it is served", () => {
  const path = `/canary/${USERS}:2.0.0/GetUser`;
  for (const [name, expected] of [
    ["canary", 403],
    ["blue", undefined],
  ] as const) {
    const deny = { name: "d", match: { group: { exact: name } }, authorize: "deny" };
    const { plugin } = startTriple({ policies: [deny] });
    const stream = plugin.openStream();
    stream.request(headersOf({ path: path.replace(":2.0.0", "") }));
    assert.equal(stream.localResponse?.code, expected, name);
    const versioned = plugin.openStream();
    versioned.request(headersOf({ path }));
    assert.equal(versioned.localResponse?.code, 403);
  }
});

describe("the same call has the same verdict over both protocols", () => {
  const exact = (text: string): object => ({ exact: text });
  const policies: [string, object[]][] = [
    ["by method", [{ name: "p", match: { method: exact("get") }, authorize: "deny" }]],
    ["by interface", [{ name: "p", match: { interface: { prefix: "a." } }, authorize: "allow" }]],
    ["by version", [{ name: "p", match: { version: exact("1.0") }, authorize: "allow" }]],
    ["by group", [{ name: "p", match: { group: exact("g") }, authorize: "deny" }]],
    ["by application", [{ name: "p", match: { application: exact("shop") }, authorize: "deny" }]],
    [
      "by identity",
      [{ name: "p", match: { source: { principals: [exact(COMSUMER)] } }, authorize: "allow" }],
    ],
    [
      "by namespace",
      [{ name: "p", match: { source: { namespaces: [exact("x")] } }, authorize: "allow" }],
    ],
    ["by side", [{ name: "p", match: { side: "consumer" }, authorize: "deny" }]],
  ];
  const calls = [
    { path: "a.B", method: "get", version: "1.0", group: "g", application: "shop" },
    { path: "a.B", method: "set", version: "2.0", group: "h", application: "other" },
    { path: "c.D", method: "get", version: "0.0.0", group: "", application: "" },
  ];
  for (const [what, list] of policies) {
    test(what, () => {
      for (const { path, method, version, group, application } of calls) {
        const properties = identity(COMSUMER);
        const { connection } = startPolicies(list, { properties });
        const attachments: Record<string, string> = { path, version };
        if (group !== "") attachments.group = group;
        if (application !== "") attachments["remote.application"] = application;
        connection.downstream(request({ path, method, version, attachments }));
        const isRefused = connection.toUpstream[2] === 0xe2;
        const { plugin } = startTriple({ side: "provider", policies: list }, properties);
        const stream = plugin.openStream();
        const headers: Record<string, string> = { "tri-service-version": version };
        if (group !== "") headers["tri-service-group"] = group;
        if (application !== "") headers["tri-consumer-appname"] = application;
        stream.request(headersOf({ path: `/${path}/${method}`, headers }));
        assert.equal(stream.localResponse !== undefined, isRefused, `${path} ${method}`);
      }
    });
  }
});
