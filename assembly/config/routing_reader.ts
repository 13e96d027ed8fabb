/**
 * The `routing` part of a plugin's configuration.
 *
 * Conditions on the proxy's own node are decided here, once: a rule for another workload is checked and
 * then left out.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { nodeMetadata } from "../host/properties";
import { Series } from "../metrics/series";
import { AddressMatch, networkBits, parseNetwork } from "../routing/address_match";
import { DEFAULT_MAX_REWRITE_BYTES, Routing } from "../routing/routing";
import { isHeader } from "../routing/header_name";
import { AttachmentMatch, Rule } from "../routing/rule";
import { Choice } from "../routing/split";
import { MatchKind, TextMatch } from "../routing/text_match";
import { Span } from "../wire/span";
import { Checker, item, under } from "./checker";
import { JsonType, JsonValue } from "./json";

/** Rules are tried one after the other for each call. */
const MOST_RULES: i32 = 1000;
/** Conditions, keys, networks and choices in one list. */
const MOST_ITEMS: i32 = 100;
const LONGEST_NAME: i32 = 200;
/** Values of attachments that rules set. */
const LONGEST_VALUE: i32 = 1024;
const MOST_WEIGHT: u32 = 100000;
/** A frame that is held in the module; Dubbo's own limit is 8 MiB. */
const MOST_REWRITE_BYTES: u32 = 16 * 1024 * 1024;
const LEAST_REWRITE_BYTES: u32 = 1024;

/** Reads the `routing` part; see reader.ts for the rest. */
export class RoutingReader {
  constructor(
    private checker: Checker,
    private routing: Routing,
  ) {}

  /** Reads `value` at `$.routing` into the routing; errors go to the checker. */
  read(value: JsonValue): void {
    const checker = this.checker;
    const path = under("$", "routing");
    const keys = ["protected", "max_rewrite_bytes", "filter_state", "rules"];
    if (!checker.object(path, value, keys)) return;
    const routing = this.routing;
    const protectedPath = under(path, "protected");
    const protectedKeys = checker.list(protectedPath, value.member("protected"), MOST_ITEMS);
    for (let i = 0; i < protectedKeys.length; i++) {
      this.readDrop(item(protectedPath, i), protectedKeys[i], routing.protectedKeys);
    }
    if (protectedKeys.length != 0) routing.usesAttachments = true;
    routing.maxRewriteBytes = checker.integer(
      under(path, "max_rewrite_bytes"),
      value.member("max_rewrite_bytes"),
      LEAST_REWRITE_BYTES,
      MOST_REWRITE_BYTES,
      DEFAULT_MAX_REWRITE_BYTES,
    );
    routing.filterState = checker.flag(
      under(path, "filter_state"),
      value.member("filter_state"),
      false,
    );
    // The group, and the interface that was called, are attachments.
    if (routing.filterState) routing.usesAttachments = true;
    const rules = checker.list(under(path, "rules"), value.member("rules"), MOST_RULES);
    for (let i = 0; i < rules.length; i++)
      this.readRule(item(under(path, "rules"), i), rules[i], i);
  }

  private readRule(path: string, value: JsonValue, index: i32): void {
    const checker = this.checker;
    if (!checker.object(path, value, ["name", "match", "attachments", "split", "cluster"])) return;
    const given = value.member("name");
    const name = given ? checker.name(under(path, "name"), given, LONGEST_NAME) : index.toString();
    const rule = new Rule(Series.ofRule(name));
    const routing = this.routing;
    const usedAttachments = routing.usesAttachments;
    const rewrote = routing.rewrites;
    const match = value.member("match");
    const isForUs = match ? this.readMatch(under(path, "match"), match, rule) : true;
    const attachments = value.member("attachments");
    if (attachments) this.readChange(under(path, "attachments"), attachments, rule.change);
    const split = value.member("split");
    if (split) this.readSplit(under(path, "split"), split, rule);
    const cluster = value.member("cluster");
    if (cluster) {
      const span = copyText(checker.name(under(path, "cluster"), cluster, LONGEST_NAME));
      rule.cluster = span;
    }
    if (!isForUs || checker.error.length != 0) {
      // A rule that no call can meet costs nothing.
      routing.usesAttachments = usedAttachments;
      routing.rewrites = rewrote;
      rule.free();
      return;
    }
    if (rule.cluster) routing.choosesCluster = true;
    if (rule.networks) routing.usesAddress = true;
    routing.add(rule);
  }

  /** Whether calls through this proxy can meet the conditions at all. */
  private readMatch(path: string, value: JsonValue, rule: Rule): bool {
    const checker = this.checker;
    const keys = ["interface", "method", "version", "group", "attachments", "source", "side"];
    if (!checker.object(path, value, keys)) return false;
    const interfaceName = this.readText(under(path, "interface"), value.member("interface"));
    rule.interfaceName = interfaceName;
    if (interfaceName) rule.signature = interfaceName.signature;
    rule.method = this.readText(under(path, "method"), value.member("method"));
    rule.version = this.readText(under(path, "version"), value.member("version"));
    rule.group = this.readText(under(path, "group"), value.member("group"));
    // The group is an attachment too.
    if (rule.group) this.routing.usesAttachments = true;
    const sides = ["consumer", "provider"];
    rule.side = checker.choice(under(path, "side"), value.member("side"), sides, -1);
    const list = under(path, "attachments");
    const attachments = checker.list(list, value.member("attachments"), MOST_ITEMS);
    for (let i = 0; i < attachments.length; i++) {
      this.readAttachmentMatch(item(list, i), attachments[i], rule);
    }
    const source = value.member("source");
    return source ? this.readSource(under(path, "source"), source, rule) : true;
  }

  private readSource(path: string, value: JsonValue, rule: Rule): bool {
    const checker = this.checker;
    if (!checker.object(path, value, ["labels", "addresses"])) return false;
    const networks = checker.list(under(path, "addresses"), value.member("addresses"), MOST_ITEMS);
    for (let i = 0; i < networks.length; i++) {
      const text = networks[i].type == JsonType.STRING ? networks[i].text : "";
      const address = parseNetwork(text);
      if (address == 0) {
        checker.refuse(item(under(path, "addresses"), i), networks[i], "an address or a network");
        return false;
      }
      const network = new AddressMatch(address, networkBits);
      network.next = rule.networks;
      rule.networks = network;
    }
    const labels = checker.list(under(path, "labels"), value.member("labels"), MOST_ITEMS);
    let isForUs = true;
    for (let i = 0; i < labels.length; i++) {
      const at = item(under(path, "labels"), i);
      if (!checker.object(at, labels[i], ["name", "exact", "prefix", "suffix"])) return false;
      const name = labels[i].member("name");
      if (!name) checker.refuse(at, labels[i], "an object with a name");
      else {
        const label = checker.name(under(at, "name"), name, LONGEST_NAME);
        const condition = this.readCondition(at, labels[i]);
        const span = copyText(nodeMetadata("LABELS." + label));
        if (condition && !condition.matches(span)) isForUs = false;
        if (condition) condition.free();
        freeText(span);
      }
    }
    return isForUs;
  }

  private readAttachmentMatch(path: string, value: JsonValue, rule: Rule): void {
    const checker = this.checker;
    const keys = ["name", "exact", "prefix", "suffix", "present", "absent"];
    if (!checker.object(path, value, keys)) return;
    const name = value.member("name");
    if (!name) return checker.refuse(path, value, "an object with a name");
    const key = checker.key(under(path, "name"), name);
    if (checker.error.length != 0) return;
    const match = new AttachmentMatch(this.routing.query.wantText(key));
    match.next = rule.attachments;
    rule.attachments = match;
    this.routing.usesAttachments = true;
    const present = value.member("present");
    const absent = value.member("absent");
    if (!present && !absent) {
      match.text = this.readCondition(path, value);
      return;
    }
    const isAbsent = checker.flag(under(path, "absent"), absent, false);
    const isPresent = checker.flag(under(path, "present"), present, false);
    if (value.keys.length != 2 || isAbsent == isPresent) {
      checker.refuse(path, value, "one of exact, prefix, suffix, present: true, absent: true");
    }
    match.mustBePresent = isPresent;
  }

  private readText(path: string, value: JsonValue | null): TextMatch | null {
    if (!value) return null;
    if (!this.checker.object(path, value, ["exact", "prefix", "suffix"])) return null;
    return this.readCondition(path, value);
  }

  /** Reads the one of `exact`, `prefix` and `suffix` that the object at `path` must have. */
  private readCondition(path: string, value: JsonValue): TextMatch | null {
    const kinds = ["exact", "prefix", "suffix"];
    let found = -1;
    let count = 0;
    for (let i = 0; i < kinds.length; i++) {
      if (!value.member(kinds[i])) continue;
      found = i;
      count++;
    }
    if (count != 1) {
      this.checker.refuse(path, value, "an object with one of exact, prefix, suffix");
      return null;
    }
    const text = value.member(kinds[found])!;
    if (text.type != JsonType.STRING || text.text.length > LONGEST_VALUE) {
      const expected = "a string of at most " + LONGEST_VALUE.toString() + " characters";
      this.checker.refuse(under(path, kinds[found]), text, expected);
      return null;
    }
    const bytes = String.UTF8.encode(text.text);
    return new TextMatch(<MatchKind>found, changetype<usize>(bytes), bytes.byteLength);
  }

  private readSplit(path: string, value: JsonValue, rule: Rule): void {
    const checker = this.checker;
    if (!checker.object(path, value, ["hash_on", "choices"])) return;
    const hashOn = value.member("hash_on");
    if (hashOn) {
      if (!checker.object(under(path, "hash_on"), hashOn, ["attachment"])) return;
      const name = hashOn.member("attachment");
      if (!name)
        return checker.refuse(under(path, "hash_on"), hashOn, "an object with an attachment");
      const key = checker.key(under(under(path, "hash_on"), "attachment"), name);
      if (checker.error.length != 0) return;
      rule.hashOn = this.routing.query.wantText(key);
      this.routing.usesAttachments = true;
    }
    const list = under(path, "choices");
    const choices = checker.list(list, value.member("choices"), MOST_ITEMS);
    let last: Choice | null = null;
    for (let i = 0; i < choices.length; i++) {
      const at = item(list, i);
      if (!checker.object(at, choices[i], ["weight", "attachments"])) return;
      const given = choices[i].member("weight");
      if (!given) return checker.refuse(at, choices[i], "an object with a weight");
      const weight = checker.integer(under(at, "weight"), given, 0, MOST_WEIGHT, 0);
      const choice = new Choice(i, weight);
      rule.totalWeight += weight;
      if (last) last.next = choice;
      else rule.choices = choice;
      last = choice;
      const attachments = choices[i].member("attachments");
      if (attachments) this.readChange(under(at, "attachments"), attachments, choice.change);
    }
    if (rule.totalWeight == 0) checker.refuse(path, value, "choices with a weight above 0");
  }

  private readChange(path: string, value: JsonValue, change: AttachmentChange): void {
    const checker = this.checker;
    if (!checker.object(path, value, ["set", "remove"])) return;
    this.routing.usesAttachments = true;
    const removed = checker.list(under(path, "remove"), value.member("remove"), MOST_ITEMS);
    for (let i = 0; i < removed.length; i++) {
      this.readDrop(item(under(path, "remove"), i), removed[i], change);
    }
    const sets = checker.list(under(path, "set"), value.member("set"), MOST_ITEMS);
    for (let i = 0; i < sets.length; i++)
      this.readSet(item(under(path, "set"), i), sets[i], change);
  }

  private readDrop(path: string, value: JsonValue, change: AttachmentChange): void {
    const key = this.checker.key(path, value);
    if (this.checker.error.length != 0) return;
    change.drop(this.routing.query.wantText(key));
    this.routing.rewrites = true;
  }

  private readSet(path: string, value: JsonValue, change: AttachmentChange): void {
    const checker = this.checker;
    if (!checker.object(path, value, ["name", "value", "from_node", "from_invocation"])) return;
    const name = value.member("name");
    if (!name || value.keys.length != 2) {
      const expected = "an object with a name and one of value, from_node, from_invocation";
      return checker.refuse(path, value, expected);
    }
    const key = checker.key(under(path, "name"), name);
    const text = value.member("value");
    const node = value.member("from_node");
    const part = value.member("from_invocation");
    const routing = this.routing;
    let span: Span;
    let isOwn = true;
    if (text) {
      span = copyText(checker.name(under(path, "value"), text, LONGEST_VALUE));
    } else if (node) {
      span = copyText(nodeMetadata(checker.name(under(path, "from_node"), node, LONGEST_NAME)));
    } else {
      const parts = ["interface", "method", "version", "group"];
      span = routing.call.part(checker.choice(under(path, "from_invocation"), part, parts, 0));
      isOwn = false;
    }
    if (checker.error.length != 0) {
      if (isOwn) freeText(span);
      return;
    }
    const bytes = String.UTF8.encode(key);
    const start = changetype<usize>(bytes);
    const wanted = routing.query.wantText(key);
    change.set(wanted, start, bytes.byteLength, span, isOwn);
    // What comes from the invocation came in headers. Another key may stand for it there, but a good one.
    change.sets!.isHeader = isOwn
      ? isHeader(wanted.key, wanted.keyLength, span)
      : isHeader(wanted.key, wanted.keyLength, new Span());
    routing.rewrites = true;
  }
}

/** A span of its own with `text` in UTF-8; without bytes where the text is empty. */
function copyText(text: string): Span {
  const span = new Span();
  if (text.length == 0) return span;
  const bytes = String.UTF8.encode(text);
  const copy = heap.alloc(bytes.byteLength);
  memory.copy(copy, changetype<usize>(bytes), bytes.byteLength);
  span.set(copy, bytes.byteLength);
  return span;
}

function freeText(span: Span): void {
  if (span.start != 0) heap.free(span.start);
  heap.free(changetype<usize>(span));
}
