// What operators say of providers without these knowing: overrides of weight and disabled
// (configurators), and tags.

import type { InstanceMatch } from "./address_pattern.ts";
import { DEFAULT_WEIGHT, type Instance } from "./instance.ts";

/** Where an override stands; a later one of these wins (RegistryDirectory.overrideDirectoryUrl). */
export const OVERRIDE_LEVELS = ["url", "application", "service"] as const;

/** One configurator. */
export interface Override {
  kind: "override";
  level: (typeof OVERRIDE_LEVELS)[number];
  /** Full name of the interface that it is for; "" for all of an application's. */
  interface: string;
  /** The application that it is for; "" for all. */
  application: string;
  matches: InstanceMatch;
  /** It names an address, and so wins over one that does not. */
  specific: boolean;
  /** Of two that are equal in all else the higher one wins. */
  priority: number;
  /** Only where the provider itself says nothing (absent://). */
  absent: boolean;
  weight: number | undefined;
  disabled: boolean | undefined;
}

/** The tag of some providers of an application; it wins over the provider's own. */
export interface TagRule {
  kind: "tag";
  application: string;
  interface: "";
  matches: InstanceMatch;
  tag: string;
}

export type Rule = Override | TagRule;

/** All rules; a reader tells, per place where it reads, all that are there now. */
export class Rules {
  readonly #places = new Map<string, Rule[]>();
  #byKey = new Map<string, Rule[]>();

  /** How many there are. */
  get count(): number {
    let sum = 0;
    for (const rules of this.#places.values()) sum += rules.length;
    return sum;
  }

  /** All rules of one place, instead of those before. */
  set(place: string, rules: Rule[]): void {
    this.#places.set(place, rules);
    this.#byKey = new Map();
    for (const rule of [...this.#places.values()].flat().sort(byPrecedence)) {
      const key = keyOf(rule);
      const others = this.#byKey.get(key);
      if (others) others.push(rule);
      else this.#byKey.set(key, [rule]);
    }
  }

  /** What becomes of an instance. */
  apply(one: Instance): Instance {
    if (this.#byKey.size === 0) return one;
    const all = [
      ...(this.#byKey.get(`i ${one.interface}`) ?? []),
      ...(one.application === "" ? [] : (this.#byKey.get(`a ${one.application}`) ?? [])),
    ];
    if (all.length > 1) all.sort(byPrecedence);
    return all.filter((rule) => rule.matches(one)).reduce(applied, one);
  }
}

function applied(one: Instance, rule: Rule): Instance {
  if (rule.kind === "tag") return { ...one, tag: rule.tag };
  const { weight, disabled, absent } = rule;
  const isOwnWeight = absent && one.weight !== DEFAULT_WEIGHT;
  return {
    ...one,
    weight: weight === undefined || isOwnWeight ? one.weight : weight,
    disabled: disabled === undefined || (absent && one.disabled) ? one.disabled : disabled,
  };
}

function keyOf(rule: Rule): string {
  return rule.interface === "" ? `a ${rule.application}` : `i ${rule.interface}`;
}

// What is applied later wins.
function byPrecedence(a: Rule, b: Rule): number {
  if (a.kind === "tag" || b.kind === "tag")
    return Number(a.kind === "tag") - Number(b.kind === "tag");
  return (
    OVERRIDE_LEVELS.indexOf(a.level) - OVERRIDE_LEVELS.indexOf(b.level) ||
    Number(a.specific) - Number(b.specific) ||
    a.priority - b.priority
  );
}
