// What rules make of a request's attachments, worked out from the configuration apart from the module,
// as docs/routing.md says it.

import type { Taken } from "../module/routing/frames.ts";
import { FASTJSON2 } from "../module/routing/frames.ts";
import { HessianReader } from "../module/routing/hessian.ts";
import { JsonbReader } from "../module/routing/jsonb.ts";
import type * as config from "./configurations.ts";
import { IN_NETWORK, NODE_LABEL } from "./vocabulary.ts";

/** A call as rules see it. */
interface Call {
  interface: string;
  method: string;
  version: string;
  group: string | null;
  application: string | null;
  attachments: Map<string, string | null>;
}

/** What is done to attachments: keys in lower case. */
export interface Change {
  /** Values by key; null for any text, or none. */
  set: Map<string, string | null>;
  dropped: Set<string>;
}

/** Where the call comes from. */
export interface Origin {
  side: string;
  address: string;
}

const lower = (key: string): string => key.toLowerCase();

/** As a provider trims a generic call's method: all up to the space. */
function trimmed(text: string | null): string | undefined {
  return text?.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "");
}

/** The method that is really called, and how many bytes of the arguments say so. */
export interface RealMethod {
  method: string;
  end: number;
}

/** The method that is really called: of a generic call its first argument. */
export function realMethod(taken: Taken): RealMethod {
  const method = taken.names[3] ?? "";
  if (method !== "$invoke" && method !== "$invokeAsync") return { method, end: 0 };
  const isFastjson2 = (taken.header[2]! & 0x1f) === FASTJSON2;
  const reader = isFastjson2 ? new JsonbReader(taken.args, 4) : new HessianReader(taken.args);
  return { method: trimmed(reader.string()) ?? method, end: reader.at };
}

function callOf(taken: Taken): Call {
  const attachments = new Map<string, string | null>();
  // Peers tell keys apart by case; what rules ask for they must not.
  const exact = new Map<string, string | null>();
  for (const { key, text } of taken.entries) {
    if (key === null) continue;
    attachments.set(lower(key), text);
    exact.set(key, text);
  }
  const [, path, version] = taken.names;
  const served = exact.get("path") || path || "";
  const isInterface = served.includes(".") && !served.includes("/");
  return {
    interface: (isInterface ? "" : attachments.get("interface")) || served,
    method: realMethod(taken).method,
    version: exact.get("version") || version || "0.0.0",
    group: exact.get("group") ?? null,
    application: attachments.get("remote.application") ?? null,
    attachments,
  };
}

function meets(condition: config.TextCondition | undefined, text: string | null): boolean {
  if (condition === undefined) return true;
  if (text === null) return false;
  if ("exact" in condition) return text === condition.exact;
  if ("prefix" in condition) return text.startsWith(condition.prefix);
  return text.endsWith(condition.suffix);
}

function attachmentMeets(condition: config.AttachmentCondition, call: Call): boolean {
  const key = lower(condition.name);
  if ("present" in condition) return call.attachments.has(key);
  if ("absent" in condition) return !call.attachments.has(key);
  return meets(condition, call.attachments.get(key) ?? null);
}

function isForThisNode({ match }: Pick<config.RuleConfig, "match">): boolean {
  return (match?.source?.labels ?? []).every((label) =>
    meets(label, label.name === NODE_LABEL.name ? NODE_LABEL.value : ""),
  );
}

function ruleMeets(
  { match }: Pick<config.RuleConfig, "match">,
  call: Call,
  origin: Origin,
): boolean {
  if (match === undefined) return true;
  if (match.side !== undefined && match.side !== origin.side) return false;
  if (match.source?.addresses !== undefined && !IN_NETWORK.includes(origin.address)) return false;
  return (
    meets(match.interface, call.interface) &&
    meets(match.method, call.method) &&
    meets(match.version, call.version) &&
    meets(match.group, call.group ?? "") &&
    (match.attachments ?? []).every((one) => attachmentMeets(one, call))
  );
}

function valueOf(setting: config.AttachmentSetting, call: Call | null): string | null | undefined {
  if (setting.value !== undefined) return setting.value;
  if (setting.from_node !== undefined) {
    return setting.from_node === `LABELS.${NODE_LABEL.name}` ? NODE_LABEL.value : undefined;
  }
  if (call === null) return null;
  return call[setting.from_invocation!] ?? undefined;
}

/** What these changes, of which later ones have the last word, come to; null: for a call not known. */
function changeOf(changes: (config.AttachmentChange | undefined)[], call: Call | null): Change {
  const change: Change = { set: new Map(), dropped: new Set() };
  for (const one of changes) {
    for (const key of one?.remove ?? []) change.dropped.add(lower(key));
    for (const setting of one?.set ?? []) {
      const value = valueOf(setting, call);
      change.dropped.add(lower(setting.name));
      if (value !== undefined) change.set.set(lower(setting.name), value);
    }
  }
  return change;
}

function changesOfRule(
  routing: config.RoutingConfig,
  rule: config.RuleConfig | undefined,
  call: Call | null,
): Change[] {
  const common: config.AttachmentChange = { remove: routing.protected ?? [] };
  const choices = rule?.split?.choices ?? [undefined];
  return choices.map((choice) => changeOf([common, rule?.attachments, choice?.attachments], call));
}

/** Whether nothing can become of any request but what it was. */
export function neverRewrites(routing: config.RoutingConfig | undefined): boolean {
  if (routing === undefined) return true;
  const rules = (routing.rules ?? []).filter(isForThisNode);
  const changes = rules.flatMap((rule) => changesOfRule(routing, rule, null));
  return [...changes, ...changesOfRule(routing, undefined, null)].every(
    ({ dropped }) => dropped.size === 0,
  );
}

/** What must become of a request of which every peer reads the same: one change for each choice. */
export function changesFor(routing: config.RoutingConfig, taken: Taken, origin: Origin): Change[] {
  const call = callOf(taken);
  const rules = (routing.rules ?? []).filter(isForThisNode);
  const rule = rules.find((one) => ruleMeets(one, call, origin));
  return changesOfRule(routing, rule, call);
}

/** What may become of a request of which nobody knows what it says to the filter. */
export function possibleChanges(routing: config.RoutingConfig): Change[] {
  const rules = (routing.rules ?? []).filter(isForThisNode);
  return [undefined, ...rules].flatMap((rule) => changesOfRule(routing, rule, null));
}

/** Whether any of the policies asks about calls of this node, which are then held until they are whole. */
export function areAsked(policies: readonly config.PolicyConfig[]): boolean {
  return policies.some(isForThisNode);
}

function authorizesHere(one: config.PolicyConfig): boolean {
  return one.authorize !== undefined && one.enforce !== false && isForThisNode(one);
}

/** Whether anything of the policies may refuse a call for what it is. */
export function authorizes(policies: readonly config.PolicyConfig[]): boolean {
  return policies.some(authorizesHere);
}

/** Whether any limit, or a fault, may refuse the call. */
export function isLimited(
  policies: readonly config.PolicyConfig[],
  taken: Taken,
  origin: Origin,
): boolean {
  const call = callOf(taken);
  return policies.some(
    (one) =>
      one.authorize === undefined &&
      one.enforce !== false &&
      (one.fault === undefined || one.fault.abort !== undefined) &&
      isForThisNode(one) &&
      ruleMeets(one, call, origin),
  );
}

/** Whether the policies refuse the call under any of the names that it may be served by. */
export function isRefused(
  policies: readonly config.PolicyConfig[],
  taken: Taken,
  origin: Origin,
): boolean {
  const enforced = policies.filter(authorizesHere);
  const call = callOf(taken);
  const [, path, version, method] = taken.names;
  const named = taken.entries.filter(({ key }) => key === "interface").at(-1)?.text;
  const other = (names: (string | null | undefined)[]): string[] =>
    names.filter((name): name is string => typeof name === "string" && name !== "");
  for (const served of [call.interface, ...other([path, named])]) {
    for (const one of [call.method, ...other([method])]) {
      for (const at of [call.version, ...other([version || "0.0.0"])]) {
        const asked = { ...call, interface: served, method: one, version: at };
        if (isRefusedAs(enforced, asked, origin)) return true;
      }
    }
  }
  return false;
}

function isRefusedAs(
  enforced: readonly config.PolicyConfig[],
  call: Call,
  origin: Origin,
): boolean {
  const turned = { ...call, method: otherCase(call.method) };
  for (const one of enforced) {
    const isDenied = one.authorize === "deny";
    const isTurned = isDenied && one.match?.method !== undefined && turned.method !== call.method;
    if (ruleMeets(one, call, origin) || (isTurned && ruleMeets(one, turned, origin))) {
      return isDenied;
    }
  }
  return enforced.some(({ authorize }) => authorize === "allow");
}

/** The name with its first letter in the other case: dubbo-go serves the same method. */
function otherCase(method: string): string {
  const first = method.slice(0, 1);
  if (!/[A-Za-z]/.test(first)) return method;
  const small = first.toLowerCase();
  return (first === small ? first.toUpperCase() : small) + method.slice(1);
}
