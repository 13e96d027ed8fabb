// Random configurations of the plugin, all of them valid.

import type { Random } from "./random.ts";
import type { TelemetryConfig } from "./telemetry.ts";
import * as words from "./vocabulary.ts";

/** A condition on a text. */
export type TextCondition = { exact: string } | { prefix: string } | { suffix: string };

export type AttachmentCondition = { name: string } & (
  TextCondition | { present: true } | { absent: true }
);

export interface AttachmentSetting {
  name: string;
  value?: string;
  from_node?: string;
  from_invocation?: "interface" | "method" | "version" | "group";
}

export interface AttachmentChange {
  set?: AttachmentSetting[];
  remove?: string[];
}

export interface RuleConfig {
  name?: string;
  match?: {
    interface?: TextCondition;
    method?: TextCondition;
    version?: TextCondition;
    group?: TextCondition;
    side?: string;
    attachments?: AttachmentCondition[];
    source?: { addresses?: string[]; labels?: ({ name: string } & TextCondition)[] };
  };
  attachments?: AttachmentChange;
  split?: {
    hash_on?: { attachment: string };
    choices: { weight: number; attachments?: AttachmentChange }[];
  };
  cluster?: string;
}

export interface RoutingConfig {
  protected?: string[];
  max_rewrite_bytes?: number;
  filter_state?: boolean;
  rules?: RuleConfig[];
}

export interface PolicyConfig {
  name: string;
  match?: RuleConfig["match"];
  authorize?: "allow" | "deny";
  rate_limit?: { max_tokens: number; fill_interval: string; per?: string[] };
  concurrency?: { max_in_flight: number };
  fault?: {
    abort?: { percentage: number };
    delay?: { percentage: number; fixed_delay: (typeof DELAYS)[number] };
  };
  enforce?: boolean;
}

/** How long calls may be delayed. */
const DELAYS = ["1ms", "30ms", "0.5s"] as const;

/** Whether calls may be delayed. */
export function delays({ policies = [] }: PluginConfig): boolean {
  return policies.some(delaysCalls);
}

/** Whether the policy may have calls wait. */
export function delaysCalls({ fault, enforce }: PolicyConfig): boolean {
  return fault?.delay !== undefined && enforce !== false;
}

/** The part of a configuration that the fuzzer writes; docs/configuration.schema.json is all of it. */
export interface PluginConfig {
  side: "consumer" | "provider";
  max_body_bytes?: number;
  answer_on_upstream_close?: boolean;
  drop_upstream_events?: boolean;
  metrics: {
    enabled?: boolean;
    labels?: string[];
    max_series?: number;
    interfaces?: string[];
    duration_unit?: string;
    max_in_flight?: number;
  };
  routing?: RoutingConfig;
  telemetry?: TelemetryConfig;
  policies?: PolicyConfig[];
}

function textCondition(random: Random, from: readonly string[]): TextCondition {
  const text = random.pick(from);
  const length = random.below(text.length + 1);
  if (random.oneIn(3)) return { prefix: text.slice(0, length) };
  if (random.oneIn(3)) return { suffix: text.slice(length) };
  return { exact: text };
}

function attachmentCondition(random: Random): AttachmentCondition {
  const name = random.pick(words.KEYS);
  if (random.oneIn(3)) return { name, present: true };
  if (random.oneIn(3)) return { name, absent: true };
  return { name, ...textCondition(random, words.VALUES) };
}

function setting(random: Random): AttachmentSetting {
  const name = random.pick(words.KEYS);
  if (random.oneIn(4)) return { name, from_node: `LABELS.${random.pick(["version", "none"])}` };
  if (random.oneIn(3)) {
    const from = ["interface", "method", "version", "group"] as const;
    return { name, from_invocation: random.pick(from) };
  }
  return { name, value: random.oneIn(5) ? "größer 😀 中" : random.pick(words.VALUES) };
}

function change(random: Random): AttachmentChange {
  const set = Array.from({ length: random.below(3) }, () => setting(random));
  const remove = Array.from({ length: random.below(3) }, () => random.pick(words.KEYS));
  return { set, ...(remove.length > 0 ? { remove } : {}) };
}

/** Conditions on a call, or none. */
function conditions(random: Random): RuleConfig["match"] {
  const match: NonNullable<RuleConfig["match"]> = {};
  if (random.oneIn(3)) match.interface = textCondition(random, words.INTERFACES);
  if (random.oneIn(4)) match.method = textCondition(random, words.METHODS);
  if (random.oneIn(6)) match.version = textCondition(random, words.VERSIONS);
  if (random.oneIn(6)) match.group = textCondition(random, words.GROUPS);
  if (random.oneIn(8)) match.side = random.pick(["consumer", "provider"]);
  if (random.oneIn(3)) {
    match.attachments = Array.from({ length: random.between(1, 2) }, () =>
      attachmentCondition(random),
    );
  }
  if (random.oneIn(8)) match.source = { addresses: [words.NETWORK] };
  if (random.oneIn(8)) {
    const { name: label, value } = words.NODE_LABEL;
    match.source = { ...match.source, labels: [{ name: label, exact: random.pick([value, "x"]) }] };
  }
  return Object.keys(match).length === 0 ? undefined : match;
}

/** One to four policies, some of which refuse nothing. */
export function randomPolicies(random: Random): PolicyConfig[] {
  return Array.from({ length: random.between(1, 4) }, (_, i) => {
    const match = conditions(random);
    const made: PolicyConfig = { name: `p${i}`, ...(match && { match }) };
    if (random.oneIn(2)) made.authorize = random.oneIn(2) ? "allow" : "deny";
    else if (random.oneIn(3)) made.concurrency = { max_in_flight: random.between(1, 4) };
    else if (random.oneIn(2)) {
      const percentage = random.pick([1, 50, 100]);
      const delay = { percentage, fixed_delay: random.pick(DELAYS) };
      made.fault = random.oneIn(2) ? { delay } : { abort: { percentage } };
      if (random.oneIn(4)) made.fault = { abort: { percentage: 1 }, delay };
    } else {
      const per = random.some(["interface", "method", "version", "group", "application"], 2);
      const limit = { max_tokens: random.between(1, 5), fill_interval: "1s" };
      made.rate_limit = { ...limit, ...(per.length > 0 && { per }) };
    }
    if (random.oneIn(5)) made.enforce = false;
    return made;
  });
}

function rule(random: Random, name: string): RuleConfig {
  const match = conditions(random);
  const made: RuleConfig = { name, ...(match && { match }) };
  if (!random.oneIn(4)) made.attachments = change(random);
  if (random.oneIn(3)) {
    made.split = {
      ...(random.oneIn(2) ? { hash_on: { attachment: random.pick(words.KEYS) } } : {}),
      choices: Array.from({ length: random.between(1, 3) }, () => ({
        weight: random.between(1, 100),
        ...(random.oneIn(3) ? {} : { attachments: change(random) }),
      })),
    };
  }
  return made;
}

function routing(random: Random): RoutingConfig {
  const made: RoutingConfig = {
    rules: Array.from({ length: random.below(4) }, (_, i) => rule(random, `r${i}`)),
  };
  if (random.oneIn(3)) made.protected = random.some(words.KEYS, 3);
  if (random.oneIn(3)) made.filter_state = true;
  if (random.oneIn(4)) made.max_rewrite_bytes = random.between(1024, 4096);
  if (random.oneIn(4)) for (const each of made.rules!) each.cluster = random.pick(["a", "b"]);
  return made;
}

/**
 * A valid configuration; about half of them route.
 *
 * @param before a configuration of the same VM: often the names are shown, and bounded, as there
 */
export function randomConfig(random: Random, before?: PluginConfig): PluginConfig {
  const config: PluginConfig = { side: random.pick(["consumer", "provider"]), metrics: {} };
  const { metrics } = config;
  if (random.oneIn(2)) {
    metrics.labels = random.some(["interface", "method", "version", "group"], 2);
  }
  if (random.oneIn(3)) metrics.max_series = random.between(1, 12);
  if (random.oneIn(6)) metrics.interfaces = [...words.INTERFACES.slice(0, random.between(1, 3))];
  if (random.oneIn(4)) metrics.duration_unit = "microseconds";
  if (random.oneIn(3)) metrics.max_in_flight = random.between(1, 6);
  if (random.oneIn(5)) config.max_body_bytes = random.between(60, 3000);
  if (random.oneIn(2)) config.routing = routing(random);
  if (random.oneIn(3)) config.answer_on_upstream_close = true;
  // By what is drawn already: a seed of planted.ts goes on finding its bug.
  if (metrics.max_in_flight !== undefined) config.drop_upstream_events = true;
  if (random.oneIn(12)) metrics.enabled = false;
  if (before !== undefined && !random.oneIn(3)) config.metrics = { ...before.metrics };
  return config;
}

const DEFAULT_LABELS: readonly string[] = ["interface", "method"];
const DEFAULT_MAX_SERIES = 1000;

/** Those configurations that have a scope in common share one `max_series`. */
export interface NameScope {
  key: string;
  /** The most sets of names that may be seen. */
  most: number;
}

/** The scope of a configuration's names; see assembly/metrics/admission.ts. */
export function nameScope({ metrics }: PluginConfig): NameScope {
  const { labels = DEFAULT_LABELS, max_series = DEFAULT_MAX_SERIES, interfaces = [] } = metrics;
  // Without labels calls that get no names of their own look, on both sides, as if they had none.
  const others = labels.length === 0 ? 2 : 0;
  return { key: JSON.stringify([labels, max_series, interfaces]), most: max_series + others };
}
