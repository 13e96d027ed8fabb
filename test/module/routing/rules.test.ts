// Which rule a call takes: conditions on the call and on its attachments, and what is counted.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { hex, request, type Request } from "../../frames/frames.ts";
import { counted, start } from "./setup.ts";
import { meets, taken } from "./taken.ts";

test("the first rule that is met is taken", () => {
  const rules = [
    { match: { method: { exact: "Set" } } },
    { match: { method: { prefix: "Get" } } },
    { match: { method: { exact: "GetUser" } } },
    {},
  ];
  assert.equal(taken(rules, { method: "Set" }), "r0");
  assert.equal(taken(rules, { method: "GetUser" }), "r1");
  assert.equal(taken(rules, { method: "x" }), "r3");
  assert.equal(taken(rules.slice(0, 3), { method: "x" }), "");
  assert.equal(taken([], {}), "");
});

describe("conditions on texts", () => {
  const parts: [string, (text: string) => Request][] = [
    ["interface", (text) => ({ path: text })],
    ["method", (text) => ({ method: text })],
    ["version", (text) => ({ version: text })],
    ["group", (text) => ({ extraAttachments: { group: text } })],
  ];
  for (const [part, call] of parts) {
    test(part, () => {
      const is = (condition: object, text: string): boolean =>
        meets({ [part]: condition }, call(text));
      assert.ok(is({ exact: "a.Bc" }, "a.Bc"));
      assert.ok(!is({ exact: "a.Bc" }, "a.Bcd") && !is({ exact: "a.Bc" }, "a.bc"));
      assert.ok(!is({ exact: "a.Bc" }, "a.B"));
      assert.ok(is({ prefix: "a." }, "a.Bc") && is({ prefix: "a." }, "a."));
      assert.ok(!is({ prefix: "a." }, "ba.") && !is({ prefix: "a." }, "a"));
      assert.ok(is({ suffix: ".Bc" }, "a.Bc") && !is({ suffix: ".Bc" }, "a.Bcd"));
      assert.ok(!is({ suffix: ".Bc" }, "Bc"));
    });
  }

  // Rules are told apart by an interface's length and last four bytes before anything else is compared.
  test("interfaces of one length and end are told apart, and short ones", () => {
    const names = [
      "a.First.Users",
      "b.First.Users",
      "a.Other.Users",
      "User",
      "Usen",
      "abc",
      "abd",
      "a",
    ];
    const rules = names.map((exact) => ({ match: { interface: { exact } } }));
    names.forEach((path, i) => assert.equal(taken(rules, { path }), `r${i}`));
    for (const path of ["c.First.Users", "Use", "", "ab", "a.First.Users2"]) {
      assert.equal(taken(rules, { path }), "", path);
    }
  });

  test("a group that is not there is empty, an unset version 0.0.0", () => {
    assert.ok(meets({ group: { exact: "" } }, {}));
    assert.ok(!meets({ group: { exact: "x" } }, {}));
    assert.ok(meets({ version: { exact: "0.0.0" } }, { version: "" }));
    assert.ok(meets({ version: { exact: "0.0.0" } }, { version: null }));
  });

  test("the interface is the attachment, the path where there is none", () => {
    const call = { path: "UserProvider", attachments: { interface: "com.k8s.User" } };
    assert.ok(meets({ interface: { exact: "com.k8s.User" } }, call));
    assert.ok(meets({ interface: { exact: "P" } }, { path: "P", attachments: {} }));
  });

  test("all conditions must be met", () => {
    const match = { interface: { prefix: "com." }, method: { exact: "GetUser" } };
    assert.ok(meets(match, {}));
    assert.ok(!meets(match, { method: "x" }) && !meets(match, { path: "x" }));
  });

  test("a generic call is its real method", () => {
    const desc = "Ljava/lang/String;[Ljava/lang/String;[Ljava/lang/Object;";
    for (const method of ["$invoke", "$invokeAsync"]) {
      for (const serialization of ["hessian2", "fastjson2"]) {
        const args = ["GetUser", null, null];
        const call = { method, desc, args, serialization };
        assert.ok(meets({ method: { exact: "GetUser" } }, call));
        assert.ok(!meets({ method: { exact: method } }, call));
      }
    }
  });
});

describe("conditions on attachments", () => {
  for (const serialization of ["hessian2", "fastjson2"]) {
    const has = (condition: object, value?: Request["extraAttachments"]): boolean =>
      meets(
        { attachments: [{ name: "End-User", ...condition }] },
        { serialization, extraAttachments: value },
      );

    test(`${serialization}: exact, prefix, suffix, present, absent`, () => {
      const jason = { "end-user": "jason" };
      assert.ok(has({ exact: "jason" }, jason) && has({ exact: "jason" }, { "END-USER": "jason" }));
      assert.ok(!has({ exact: "jaso" }, jason) && !has({ exact: "jason" }));
      assert.ok(has({ prefix: "ja" }, jason) && !has({ prefix: "as" }, jason));
      assert.ok(has({ suffix: "on" }, jason) && !has({ suffix: "so" }, jason));
      assert.ok(has({ present: true }, jason) && !has({ present: true }));
      assert.ok(has({ absent: true }) && !has({ absent: true }, jason));
      assert.ok(has({ exact: "" }, { "end-user": "" }) && !has({ exact: "" }));
    });

    test(`${serialization}: a value that is no string is present, and equals nothing`, () => {
      for (const value of [5, true, null, { a: "b" }]) {
        assert.ok(has({ present: true }, { "end-user": value }));
        assert.ok(!has({ absent: true }, { "end-user": value }));
        assert.ok(!has({ exact: "5" }, { "end-user": value }));
        assert.ok(!has({ prefix: "" }, { "end-user": value }));
      }
    });

    test(`${serialization}: of a key that stands twice the last value counts`, () => {
      const twice = { "end-user": "jason", "End-User": "eve" };
      assert.ok(has({ exact: "eve" }, twice) && !has({ exact: "jason" }, twice));
      const gone = { "end-user": "jason", "End-User": 5 };
      assert.ok(!has({ exact: "jason" }, gone));
    });
  }

  test("several must all be met", () => {
    const match = {
      attachments: [
        { name: "a", exact: "1" },
        { name: "b", absent: true },
      ],
    };
    assert.ok(meets(match, { extraAttachments: { a: "1" } }));
    assert.ok(!meets(match, { extraAttachments: { a: "1", b: "2" } }));
  });

  test("that were not read are not met, nor is a group", () => {
    for (const match of [
      { attachments: [{ name: "a", absent: true }] },
      { group: { exact: "" } },
      { group: { prefix: "" } },
    ]) {
      const { vm, connection } = start({
        max_rewrite_bytes: 1024,
        rules: [{ name: "asks", match }, { name: "rest" }],
      });
      connection.downstream(request({ args: ["x".repeat(100_000)] }));
      connection.downstream(request());
      assert.equal(counted(vm, "dubbo_routed_requests_total", '"rest"'), 1);
      assert.equal(counted(vm, "dubbo_routed_requests_total", '"asks"'), 1);
    }
  });
});

test("rules are counted by name, by number where they have none", () => {
  const rules = [
    { match: { method: { exact: "A" } } },
    { name: "named", match: { method: { exact: "B" } } },
    { name: 'ü";.', match: { method: { exact: "C" } } },
    { match: { method: { exact: "D" } } },
  ];
  const { vm, connection } = start({ rules });
  for (const method of ["A", "B", "B", "C", "D", "E"]) connection.downstream(request({ method }));
  const count = (name: string): number =>
    counted(vm, "dubbo_routed_requests_total", `dubbo_rule="${name}"`);
  assert.deepEqual([count("0"), count("named"), count("3")], [1, 2, 1]);
  assert.equal(counted(vm, "dubbo_routed_requests_total"), 5);
  assert.equal(counted(vm, "dubbo_routed_requests_total", 'dubbo_side="consumer"'), 5);
});

test("a head alone takes no rule that asks for more", () => {
  const { vm, connection } = start({ rules: [{ name: "all" }] });
  connection.downstream(request({ body: hex("053030") }));
  assert.equal(counted(vm, "dubbo_routed_requests_total"), 0);
});
