// Who may call what: the first policy that a call meets decides, under each name that a provider may go by.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { request, type Request } from "../../frames/frames.ts";
import { counted } from "../routing/setup.ts";
import { identity, startPolicies } from "./setup.ts";

const HEARTBEAT = 17;
const GENERIC = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;";
const COMSUMER = "spiffe://cluster.local/ns/mesh-demo/sa/comsumer";

/** Whether the call goes on as it is; else it went on as a heartbeat. */
function passes(policies: object[], call: Request, principal?: string, rest: object = {}): boolean {
  const properties = principal === undefined ? {} : identity(principal);
  const { connection } = startPolicies(policies, { properties, rest });
  const bytes = request(call);
  connection.downstream(bytes);
  const went = connection.toUpstream;
  if (went.length === HEARTBEAT && went[2] === 0xe2) return false;
  assert.deepEqual(went, bytes);
  return true;
}

const deny = (match: object): object => ({ name: "deny", match, authorize: "deny" });
const allow = (match: object): object => ({ name: "allow", match, authorize: "allow" });
const exact = (text: string): object => ({ exact: text });

describe("in order", () => {
  const users = { path: "a.User" };

  test("without any that allows, what none denies is allowed", () => {
    assert.ok(passes([deny({ method: exact("x") })], users));
    assert.ok(!passes([deny({ interface: exact("a.User") })], users));
  });

  test("with one that allows, what none allows is denied", () => {
    assert.ok(passes([allow({ interface: exact("a.User") })], users));
    assert.ok(!passes([allow({ interface: exact("a.Order") })], users));
  });

  test("the first that is met decides", () => {
    const all = {};
    assert.ok(passes([allow(all), deny(all)], users));
    assert.ok(!passes([deny(all), allow(all)], users));
    assert.ok(passes([deny({ method: exact("SetUser") }), allow(all)], users));
  });

  test("shadow ones decide nothing", () => {
    const shadow = { ...deny({}), enforce: false };
    assert.ok(passes([shadow], users));
    assert.ok(passes([{ ...allow({ method: exact("x") }), enforce: false }], users));
    const { vm, connection } = startPolicies([
      { ...allow({ method: exact("x") }), enforce: false },
    ]);
    connection.downstream(request());
    assert.equal(counted(vm, "dubbo_shadow_refused_requests_total", "not_allowed"), 1);
  });
});

describe("by identity", () => {
  const gateway = allow({ source: { principals: [exact(COMSUMER)] } });

  test("of the certificate, whole, by its beginning or end", () => {
    assert.ok(passes([gateway], {}, COMSUMER));
    assert.ok(!passes([gateway], {}, `${COMSUMER}2`));
    assert.ok(!passes([gateway], {}));
    const domain = { source: { principals: [{ prefix: "spiffe://cluster.local/" }] } };
    assert.ok(passes([allow(domain)], {}, COMSUMER));
    assert.ok(!passes([allow(domain)], {}, "spiffe://other/ns/mesh-demo/sa/comsumer"));
  });

  test("of its namespace", () => {
    const inside = allow({ source: { namespaces: [exact("mesh-demo")] } });
    assert.ok(passes([inside], {}, COMSUMER));
    for (const other of [
      "spiffe://cluster.local/ns/mesh-demo2/sa/comsumer",
      "spiffe://cluster.local/ns/other/sa/mesh-demo",
      "spiffe://mesh-demo/ns/other/sa/x",
      "spiffe://cluster.local/ns/mesh-demo",
      "https://cluster.local/ns/mesh-demo/sa/x",
      "spiffe://cluster.local/x/ns/mesh-demo/sa/x",
    ]) {
      assert.ok(!passes([inside], {}, other), other);
    }
  });

  test("never of an attachment", () => {
    const attachments = { principal: COMSUMER, "remote.application": "comsumer" };
    assert.ok(!passes([gateway], { extraAttachments: attachments }));
  });
});

describe("what is authorized is what is served", () => {
  const onlyUsers = [allow({ interface: exact("a.User") })];
  const noOrders = [deny({ interface: exact("a.Order") })];
  const noSecrets = [deny({ method: exact("secret") })];

  const bypasses: [string, object[], Request][] = [
    ["the attachment path", onlyUsers, { path: "a.User", extraAttachments: { path: "a.Order" } }],
    [
      "the attachment path, denied",
      noOrders,
      { path: "a.User", extraAttachments: { path: "a.Order" } },
    ],
    [
      "the head behind an allowed attachment path",
      onlyUsers,
      { path: "a.Order", extraAttachments: { path: "a.User" } },
    ],
    [
      "the attachment interface, by which dubbo-go goes",
      onlyUsers,
      { path: "a.User", attachments: { interface: "a.Order" } },
    ],
    [
      "the attachment interface, denied",
      noOrders,
      { path: "a.User", attachments: { interface: "a.Order" } },
    ],
    [
      "the version of an attachment",
      [allow({ version: exact("1.0") })],
      { version: "1.0", extraAttachments: { version: "2.0" } },
    ],
    [
      "the version of the head",
      [allow({ version: exact("1.0") })],
      { version: "2.0", extraAttachments: { version: "1.0" } },
    ],
    [
      "a generic call",
      noSecrets,
      { method: "$invoke", desc: GENERIC, args: ["secret", null, null] },
    ],
    [
      "an asynchronous generic call",
      noSecrets,
      { method: "$invokeAsync", desc: GENERIC, args: ["secret", null, null] },
    ],
    [
      "a generic call of an allowed method where $invoke is not",
      [allow({ method: exact("GetUser") })],
      { method: "$invoke", desc: GENERIC, args: ["GetUser", null, null] },
    ],
    [
      "$echo where only methods are allowed",
      [allow({ method: exact("GetUser") })],
      { method: "$echo" },
    ],
    ["a method that is not a text", noSecrets, { method: 5 }],
    ["a path that is null", onlyUsers, { path: null, attachments: null }],
    ["a method in fastjson2", noSecrets, { method: "secret", serialization: "fastjson2" }],
    ["another serialization", noSecrets, { serialization: "java", body: Uint8Array.of(1) }],
    ["a body that ends early", noSecrets, { body: Uint8Array.of(5, 0x32, 0x2e, 0x30) }],
    ["a body of nothing", noSecrets, { body: new Uint8Array(0) }],
    ["a long chunked method", noSecrets, { body: chunkedMethod() }],
    ["a descriptor that is none", noSecrets, { desc: "x", args: [] }],
    ["an unknown code among the arguments", noSecrets, { args: [Uint8Array.of(0x40)] }],
  ];

  for (const [what, policies, call] of bypasses) {
    test(`no way past by ${what}`, () => assert.ok(!passes(policies, call)));
  }

  test("and a plain call passes", () => {
    const user = { path: "a.User" };
    for (const policies of [onlyUsers, noOrders, noSecrets]) assert.ok(passes(policies, user));
    const generic = { ...user, method: "$invoke", desc: GENERIC, args: ["GetUser", null, null] };
    assert.ok(passes([...noSecrets, ...onlyUsers], generic));
  });

  test("a key in capitals is no attachment that a provider obeys", () => {
    const attachments = { Path: "a.Order", interface: "a.User" };
    assert.ok(passes(onlyUsers, { path: "a.User", attachments }));
  });
});

/** A head whose method comes in two pieces: `sec` and `ret`. */
function chunkedMethod(): Uint8Array {
  const text = (word: string): number[] => [word.length, ...Buffer.from(word)];
  const pieces = [0x52, 0, 3, ...Buffer.from("sec"), 3, ...Buffer.from("ret")];
  const head = [...text("2.0.2"), ...text("a.User"), ...text("0.0.0"), ...pieces, 0];
  return Uint8Array.from([...head, 0x48, 0x5a]);
}

describe("a method with its first letter in the other case", () => {
  const get = { method: "GetUser" };

  test("is denied with it, in its turn", () => {
    const small = { method: "getUser" };
    assert.ok(!passes([deny({ method: exact("getUser") }), allow({})], get));
    assert.ok(!passes([deny({ method: { prefix: "get" } })], get));
    assert.ok(
      passes([allow({ method: exact("GetUser") }), deny({ method: { prefix: "get" } })], get),
    );
    assert.ok(passes([allow({ method: exact("GetUser") }), deny({})], get));
    assert.ok(!passes([deny({ method: exact("GetUser") })], small));
    assert.ok(passes([deny({ method: exact("gEtUser") })], small));
  });

  test("is not allowed by it", () => {
    assert.ok(!passes([allow({ method: exact("getUser") })], get));
  });
});

test("a group is the one that a provider finds under the key in small letters", () => {
  const blue = { group: exact("blue") };
  assert.ok(passes([allow(blue)], { extraAttachments: { group: "blue" } }));
  assert.ok(!passes([allow(blue)], { extraAttachments: { Group: "blue" } }));
  const both = { extraAttachments: { group: "blue", Group: "x" } };
  assert.ok(!passes([allow(blue)], both));
  assert.ok(!passes([deny({ method: exact("x") })], both));
});

test("the keys of names are asked for whatever labels and policies name, any other by what names it", () => {
  const inTwoCases = (key: string, value: string): Request => {
    const capital = key[0]!.toUpperCase() + key.slice(1);
    return { path: "a.User", extraAttachments: { [key]: value, [capital]: value } };
  };
  const rest = { metrics: { labels: [] } };
  const other = deny({ method: exact("x") });
  for (const key of ["path", "interface", "version", "group", "remote.application"]) {
    assert.ok(passes([other], { path: "a.User", extraAttachments: { [key]: "a.User" } }), key);
    assert.ok(!passes([other], inTwoCases(key, "a.User"), undefined, rest), key);
  }
  const tenant = inTwoCases("tenant", "blue");
  assert.ok(passes([other], tenant, undefined, rest));
  assert.ok(
    !passes([deny({ attachments: [{ name: "tenant", exact: "red" }] })], tenant, undefined, rest),
  );
});
