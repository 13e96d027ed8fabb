// What operators' rules say, as URLs and as YAML, and what becomes of instances.

import assert from "node:assert/strict";
import { test } from "node:test";
import { addressPattern } from "../../registry/address_pattern.ts";
import type { Instance } from "../../registry/instance.ts";
import { overrideOfUrl } from "../../registry/override_url.ts";
import { instanceOf } from "../../registry/provider_url.ts";
import { rulesOfYaml } from "../../registry/rule_yaml.ts";
import { Rules, type Rule } from "../../registry/rules.ts";

const ONE = instanceOf(encodeURIComponent("dubbo://192.0.2.7:20880/a.A?application=order"))!;
const BLUE = { ...ONE, group: "blue", version: "1.0.0" };

function url(text: string): Rule[] {
  const override = overrideOfUrl(encodeURIComponent(text));
  return override === undefined ? [] : [override];
}

function weights(rules: Rule[], ...instances: Instance[]): number[] {
  const all = new Rules();
  all.set("test", rules);
  return instances.map((one) => all.apply(one).weight);
}

for (const [pattern, expected] of [
  ["192.0.2.7:20880", true],
  ["192.0.2.7:20881", false],
  ["192.0.2.7", true],
  ["192.0.2.70", false],
  ["0.0.0.0", true],
  ["0.0.0.0:20880", true],
  ["*:1", false],
  ["192.0.2.*", true],
  ["192.0.*.8", false],
  ["192.0.2.0/24", true],
  ["198.51.100.0/24:20880", false],
] as const) {
  test(`address ${pattern} ${expected ? "is" : "is not"} 192.0.2.7:20880`, () => {
    assert.equal(addressPattern(pattern)(ONE), expected);
  });
}

test("addresses of IPv6 with and without a port; names are none", () => {
  const six = { ...ONE, address: "2001:db8::1" };
  assert.ok(addressPattern("[2001:db8::1]:20880")(six));
  assert.ok(addressPattern("2001:db8::1")(six));
  assert.ok(addressPattern("2001:db8::/32")(six));
  assert.ok(!addressPattern("[2001:db8::2]:20880")(six));
  assert.throws(() => addressPattern("order.example"), /names no address/);
});

test("overrides as URLs: host, port, group and version decide", () => {
  for (const [text, expected] of [
    ["override://0.0.0.0/a.A?weight=7", [7, 100]],
    ["override://0.0.0.0/a.A?weight=7&group=*&version=*", [7, 7]],
    ["override://0.0.0.0/a.A?weight=7&group=blue&version=1.0.0", [100, 7]],
    ["override://192.0.2.7:20880/a.A?weight=7", [7, 100]],
    ["override://192.0.2.8:20880/a.A?weight=7", [100, 100]],
    ["override://192.0.2.7/a.A?weight=7", [100, 100]],
    ["override://0.0.0.0/a.A?weight=7&enabled=false", [100, 100]],
    ["override://0.0.0.0/a.A?weight=7&application=order", [7, 100]],
    ["override://0.0.0.0/a.A?weight=7&application=user", [100, 100]],
    ["override://0.0.0.0/a.B?weight=7", [100, 100]],
    ["override://0.0.0.0/a.A?timeout=7", [100, 100]],
    ["absent://0.0.0.0/a.A?weight=7", [7, 100]],
    ["empty://0.0.0.0/a.A?weight=7", [100, 100]],
  ] as const) {
    assert.deepEqual(weights(url(text), ONE, BLUE), expected, text);
  }
  assert.deepEqual(weights(url("absent://0.0.0.0/a.A?weight=7"), { ...ONE, weight: 50 }), [50]);
});

test("the more specific override wins, then the higher priority, then the application's, the service's", () => {
  const any = url("override://0.0.0.0/a.A?weight=1&priority=9");
  const more = url("override://0.0.0.0/a.A?weight=2&priority=10");
  const its = url("override://192.0.2.7:20880/a.A?weight=3");
  const application = yaml("order.configurators", "{scope: application, configs: [W]}", 4);
  const service = yaml("a.A::.configurators", "{scope: service, configs: [W]}", 5);
  for (const [rules, expected] of [
    [[any, more], 2],
    [[its, more, any], 3],
    [[application, its], 4],
    [[service, application, any], 5],
  ] as const) {
    assert.deepEqual(weights(rules.flat(), ONE), [expected]);
    assert.deepEqual(weights([...rules].reverse().flat(), ONE), [expected]);
  }
});

function yaml(name: string, text: string, weight: number): Rule[] {
  return rulesOfYaml(name, text.replace("W", `{parameters: {weight: ${weight}}}`));
}

test("configurators as YAML: scope, side, addresses and matches decide", () => {
  const service = (rest: string) =>
    rulesOfYaml(
      "a.A:1.0.0:blue.configurators",
      `{scope: service, configs: [{${rest} parameters: {weight: 7}}]}`,
    );
  const application = (rest: string) =>
    rulesOfYaml(
      "order.configurators",
      `{scope: application, configs: [{${rest} parameters: {weight: 7}}]}`,
    );
  for (const [rules, expected] of [
    [service(""), [100, 7]],
    [service("side: consumer,"), [100, 7]],
    [service("enabled: false,"), [100, 100]],
    [service("addresses: ['192.0.2.7:20880'],"), [100, 7]],
    [service("addresses: ['192.0.2.8:20880'],"), [100, 100]],
    [service("match: {address: {wildcard: '192.0.2.*'}},"), [100, 7]],
    [service("match: {param: [{key: group, value: {exact: green}}]},"), [100, 100]],
    [application(""), [7, 7]],
    [application("side: consumer,"), [100, 100]],
    [application("services: ['a.B'],"), [100, 100]],
    [application("services: ['a.A:1.0.0:blue'],"), [100, 7]],
    [application("match: {service: {oneof: [{prefix: a.}]}},"), [7, 7]],
    [application("match: {service: {oneof: [{wildcard: 'a.*B'}]}},"), [100, 100]],
    [rulesOfYaml("user.configurators", "{configs: [{parameters: {weight: 7}}]}"), [100, 100]],
    [rulesOfYaml("order.configurators", ""), [100, 100]],
  ] as const) {
    assert.deepEqual(weights(rules, ONE, BLUE), expected);
  }
});

test("disabled, and a tag for some of an application's instances", () => {
  const rules = new Rules();
  rules.set("urls", url("override://192.0.2.7:20880/a.A?disabled=true"));
  rules.set(
    "tags",
    rulesOfYaml("order.tag-router", "{tags: [{name: gray, addresses: ['192.0.2.7:20880']}]}"),
  );
  const other = { ...ONE, port: 1, tag: "own" };
  assert.deepEqual(
    [ONE, other].map((one) => [rules.apply(one).disabled, rules.apply(one).tag]),
    [
      [true, "gray"],
      [false, "own"],
    ],
  );
  rules.set("urls", []);
  assert.equal(rules.apply(ONE).disabled, false);
});

for (const [what, name, text, message] of [
  ["a weight", "a.A::.configurators", "{configs: [{parameters: {weight: x}}]}", /weight "x" is no/],
  [
    "a weight too great",
    "o.configurators",
    "{configs: [{parameters: {weight: 400001}}]}",
    /weight/,
  ],
  ["disabled", "o.configurators", "{configs: [{parameters: {disabled: 1}}]}", /disabled 1 is/],
  ["no YAML", "o.configurators", "{configs: [", /./],
  ["a tag's match", "o.tag-router", "{tags: [{name: g, match: []}]}", /matches parameters/],
  ["an address", "o.tag-router", "{tags: [{name: g, addresses: [host]}]}", /names no address/],
] as const) {
  test(`refused: ${what}`, () => assert.throws(() => rulesOfYaml(name, text), message));
}

for (const [what, text, message] of [
  ["another protocol", "dubbo://0.0.0.0/a.A?weight=1", /it is no override/],
  ["no interface", "override://0.0.0.0/?weight=1", /names no interface/],
  ["a negative weight", "override://0.0.0.0/a.A?weight=-1", /weight "-1" is no whole number/],
] as const) {
  test(`refused as a URL: ${what}`, () => assert.throws(() => url(text), message));
}
