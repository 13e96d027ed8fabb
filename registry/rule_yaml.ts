// Rules of Dubbo 3 as YAML, in /<root>/config/dubbo/<key>.configurators and <application>.tag-router:
//
//   configVersion: v3.0                          force: false
//   scope: service          # or application     enabled: true
//   key: a.A:1.0.0:blue     # or the application key: order
//   enabled: true                                tags:
//   configs:                                       - name: gray
//     - addresses: ["192.0.2.1:20880"]               addresses: ["192.0.2.1:20880"]
//       side: provider
//       parameters: { weight: 20, disabled: false }
//
// Formats as in Dubbo's ConfigParser, ConfigItem, ConditionMatch and TagRuleParser.

import { parse } from "yaml";
import { addressPattern, type InstanceMatch } from "./address_pattern.ts";
import type { Instance } from "./instance.ts";
import { disabledOf, weightOf } from "./override_values.ts";
import type { Override, Rule, TagRule } from "./rules.ts";

const CONFIGURATORS = ".configurators";
const TAG_ROUTER = ".tag-router";
const NOT_ONLY_ANY = (text: string) => !["0.0.0.0", "*"].includes(text);

/** Whether a node has rules that are read. */
export function isRuleNode(name: string): boolean {
  return name.endsWith(CONFIGURATORS) || name.endsWith(TAG_ROUTER);
}

/**
 * The rules of one node; of configurators those that say something of weight or disabled.
 *
 * @throws Error with what is wrong; then none of the node's rules holds
 */
export function rulesOfYaml(name: string, text: string): Rule[] {
  // A rule's text comes empty before it comes whole.
  if (text.trim() === "") return [];
  const rule = object(parse(text));
  if (rule.enabled === false) return [];
  if (name.endsWith(TAG_ROUTER)) return tagRules(name.slice(0, -TAG_ROUTER.length), rule);
  return list(rule.configs).flatMap((config) =>
    override(name.slice(0, -CONFIGURATORS.length), rule, object(config)),
  );
}

function tagRules(application: string, rule: Record<string, unknown>): TagRule[] {
  return list(rule.tags).map((entry) => {
    const { name, addresses, match } = object(entry);
    if (typeof name !== "string" || name === "") throw new Error("a tag has no name");
    if (match !== undefined) throw new Error(`tag ${name} matches parameters, which are not read`);
    return { kind: "tag", application, interface: "", tag: name, matches: anyOf(addresses, []) };
  });
}

function override(
  key: string,
  rule: Record<string, unknown>,
  config: Record<string, unknown>,
): Override[] {
  if (config.enabled === false) return [];
  const isService = rule.scope === "service";
  // Those of one application's own calls are not the providers'.
  if (!isService && config.side === "consumer") return [];
  const parameters = object(config.parameters);
  const [weight, disabled] = [weightOf(parameters.weight), disabledOf(parameters.disabled)];
  if (weight === undefined && disabled === undefined) return [];
  const [name = "", version = "", group = ""] = isService ? key.split(":") : [];
  const isKey = (one: Instance) =>
    one.interface === name && one.version === noVersion(version) && one.group === group;
  const services = list(config.services)
    .map(String)
    .filter((one) => one !== "*");
  const isNamed = (one: Instance) =>
    services.length === 0 ||
    services.some((text) => text === one.interface || text === colonKey(one));
  const addresses = [...list(config.addresses), ...list(config.providerAddresses)].map(String);
  const isAddress = anyOf(addresses, ["0.0.0.0"]);
  const isMatch = condition(config.match);
  return [
    {
      kind: "override",
      level: isService ? "service" : "application",
      interface: name,
      application: isService ? "" : key,
      matches: (one) => (isService ? isKey(one) : isNamed(one)) && isAddress(one) && isMatch(one),
      specific: addresses.some(NOT_ONLY_ANY),
      priority: Number(rule.priority) || 0,
      absent: false,
      weight,
      disabled,
    },
  ];
}

// ConditionMatch of 3.x: each part that is there must fit.
function condition(value: unknown): InstanceMatch {
  const { address, providerAddress, service, app, param } = object(value);
  const all: InstanceMatch[] = [];
  for (const part of [address, providerAddress]) {
    if (part === undefined) continue;
    const { wildcard, cidr, exact } = object(part);
    all.push(addressPattern(String(wildcard ?? cidr ?? exact)));
  }
  if (service !== undefined) {
    const is = oneOf(service);
    all.push((one) => is(one.interface) || is(colonKey(one)));
  }
  if (app !== undefined) {
    const is = oneOf(app);
    all.push((one) => is(one.application));
  }
  for (const entry of list(param)) {
    const { key, value: wanted } = object(entry);
    const read = PARAMETERS[String(key)];
    if (read === undefined) throw new Error(`it matches parameter ${key}, which is not read`);
    const is = stringMatch(wanted);
    all.push((one) => is(read(one)));
  }
  return (one) => all.every((matches) => matches(one));
}

const PARAMETERS: Record<string, (one: Instance) => string> = {
  application: (one) => one.application,
  group: (one) => one.group,
  version: (one) => one.version,
  "dubbo.tag": (one) => one.tag,
  zone: (one) => one.zone,
};

function oneOf(value: unknown): (text: string) => boolean {
  const all = list(object(value).oneof).map(stringMatch);
  return (text) => all.some((is) => is(text));
}

// StringMatch. A regular expression from outside may take for ever, so it is not taken.
function stringMatch(value: unknown): (text: string) => boolean {
  const { exact, prefix, wildcard, empty, noempty } = object(value);
  if (exact !== undefined) return (text) => text === String(exact);
  if (prefix !== undefined) return (text) => text.startsWith(String(prefix));
  if (wildcard === "*") return () => true;
  if (wildcard !== undefined) {
    const [start, end, ...more] = String(wildcard).split("*") as [string, string | undefined];
    if (more.length > 0) throw new Error(`${JSON.stringify(wildcard)} has more than one *`);
    if (end === undefined) return (text) => text === start;
    return (text) =>
      text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
  }
  if (empty !== undefined) return (text) => text === "";
  if (noempty !== undefined) return (text) => text !== "";
  throw new Error(`${JSON.stringify(value)} is no match that is read`);
}

function anyOf(addresses: unknown, otherwise: string[]): InstanceMatch {
  const named = list(addresses).map(String);
  const all = (named.length === 0 ? otherwise : named).map(addressPattern);
  return (one) => all.some((matches) => matches(one));
}

function colonKey(one: Instance): string {
  return `${one.interface}:${one.version}:${one.group}`;
}

function noVersion(version: string): string {
  return version === "0.0.0" ? "" : version;
}

function object(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
