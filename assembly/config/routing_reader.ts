/**
 * The `routing` part of a plugin's configuration.
 */
import { NAME_WORDS } from "../call/names";
import { AttachmentChange } from "../dubbo/attachment_change";
import { Series } from "../metrics/series";
import { isHeader } from "../routing/header_name";
import { DEFAULT_MAX_REWRITE_BYTES, Routing } from "../routing/routing";
import { RoutingRule } from "../routing/routing_rule";
import { Choice } from "../routing/split";
import { keptSpan } from "../wire/arena";
import { sameAscii } from "../wire/bytes";
import { Span } from "../wire/span";
import { Checker } from "./checker";
import { JsonValue } from "./json";
import { LONGEST_NAME, LONGEST_VALUE, MatchReader, MOST_ITEMS } from "./match_reader";
import { NodeMetadata } from "./node_metadata";
import { Settings } from "./settings";
import { copyText } from "./texts";

/** Rules are tried one after the other for each call. */
const MOST_RULES: i32 = 1000;
const MOST_WEIGHT: u32 = 100000;
/** A frame that is held in the module; Dubbo's own limit is 8 MiB. */
const MOST_REWRITE_BYTES: u32 = 16 * 1024 * 1024;
const LEAST_REWRITE_BYTES: u32 = 1024;

/** Reads the `routing` part; see reader.ts for the rest. */
export class RoutingReader {
  constructor(
    private checker: Checker,
    private settings: Settings,
    private matches: MatchReader,
    private node: NodeMetadata,
  ) {}

  /** Reads `value` at `$.routing` into `routing`; errors go to the checker. */
  read(value: JsonValue, routing: Routing): void {
    const checker = this.checker;
    const keys = ["protected", "max_rewrite_bytes", "filter_state", "rules"];
    if (!checker.object(value, keys)) return;
    const protectedKeys = checker.list(value.member("protected"), MOST_ITEMS);
    for (let i = 0; i < protectedKeys.length; i++) {
      this.readDrop(protectedKeys[i], routing.protectedKeys);
      if (checker.error.length == 0) this.protectHeaders(protectedKeys[i].text, routing);
    }
    routing.rewrites = protectedKeys.length != 0;
    routing.maxRewriteBytes = checker.integer(
      value.member("max_rewrite_bytes"),
      LEAST_REWRITE_BYTES,
      MOST_REWRITE_BYTES,
      DEFAULT_MAX_REWRITE_BYTES,
    );
    routing.filterState = checker.flag(value.member("filter_state"), false);
    // The group, and the interface that was called, are attachments.
    routing.usesAttachments = routing.rewrites || routing.filterState;
    const rules = checker.list(value.member("rules"), MOST_RULES);
    for (let i = 0; i < rules.length; i++) {
      this.readRule(rules[i], i, routing);
    }
  }

  /**
   * Other headers out of which Dubbo Java's providers make the attachment `key` (StreamUtils.toAttachments
   * and RestProtocol of 3.3): its bytes in base64, and Triple's own names.
   */
  private protectHeaders(key: string, routing: Routing): void {
    const query = this.settings.query;
    const change = routing.protectedHeaders;
    change.drop(query.wantText(key + "-bin"));
    const wanted = query.wantText(key);
    const names = ["group", "version"];
    for (let i = 0; i < names.length; i++) {
      if (!sameAscii(wanted.key, wanted.keyLength, names[i])) continue;
      change.drop(query.wantText("rest-service-" + names[i]));
      change.drop(query.wantText("tri-service-" + names[i] + "-bin"));
    }
    if (sameAscii(wanted.key, wanted.keyLength, "remote.application")) {
      change.drop(query.wantText("tri-consumer-appname"));
    }
    routing.renames = query.wantText("tri-header-convert");
  }

  private readRule(value: JsonValue, index: i32, routing: Routing): void {
    const checker = this.checker;
    if (!checker.object(value, ["name", "match", "attachments", "split", "cluster"])) return;
    const given = value.member("name");
    const name = given ? checker.name(given, LONGEST_NAME) : index.toString();
    const rule = new RoutingRule(Series.ofRule(copyText(name)));
    const match = value.member("match");
    const isForUs = match ? this.matches.read(match, rule.match) : true;
    const attachments = value.member("attachments");
    if (attachments) this.readChange(attachments, rule.change);
    const split = value.member("split");
    if (split) this.readSplit(split, rule);
    const cluster = value.member("cluster");
    if (cluster) {
      rule.cluster = copyText(checker.name(cluster, LONGEST_NAME));
    }
    if (!isForUs || checker.error.length != 0) {
      // A rule that no call can meet costs nothing.
      rule.series.free();
      return;
    }
    if (rule.rewrites) routing.rewrites = true;
    if (rule.rewrites || rule.hashOn || rule.match.asksAttachments) routing.usesAttachments = true;
    if (rule.cluster) routing.choosesCluster = true;
    if (rule.match.networks) routing.usesAddress = true;
    if (rule.match.principals) routing.usesPrincipal = true;
    routing.rules.add(rule);
  }

  private readSplit(value: JsonValue, rule: RoutingRule): void {
    const checker = this.checker;
    if (!checker.object(value, ["hash_on", "choices"])) return;
    const hashOn = value.member("hash_on");
    if (hashOn) {
      if (!checker.object(hashOn, ["attachment"])) return;
      const name = hashOn.member("attachment");
      if (!name) return checker.refuse(hashOn, "an object with an attachment");
      const key = checker.key(name);
      if (checker.error.length != 0) return;
      rule.hashOn = this.settings.query.wantText(key);
    }
    const choices = checker.list(value.member("choices"), MOST_ITEMS);
    let last: Choice | null = null;
    for (let i = 0; i < choices.length; i++) {
      if (!checker.object(choices[i], ["weight", "attachments"])) return;
      const given = choices[i].member("weight");
      if (!given) return checker.refuse(choices[i], "an object with a weight");
      const weight = checker.integer(given, 0, MOST_WEIGHT, 0);
      const choice = new Choice(i, weight);
      rule.totalWeight += weight;
      if (last) last.next = choice;
      else rule.choices = choice;
      last = choice;
      const attachments = choices[i].member("attachments");
      if (attachments) this.readChange(attachments, choice.change);
    }
    if (rule.totalWeight == 0) checker.refuse(value, "choices with a weight above 0");
  }

  private readChange(value: JsonValue, change: AttachmentChange): void {
    const checker = this.checker;
    if (!checker.object(value, ["set", "remove"])) return;
    const removed = checker.list(value.member("remove"), MOST_ITEMS);
    for (let i = 0; i < removed.length; i++) {
      this.readDrop(removed[i], change);
    }
    const sets = checker.list(value.member("set"), MOST_ITEMS);
    for (let i = 0; i < sets.length; i++) this.readSet(sets[i], change);
  }

  private readDrop(value: JsonValue, change: AttachmentChange): void {
    const key = this.checker.key(value);
    if (this.checker.error.length != 0) return;
    change.drop(this.settings.query.wantText(key));
  }

  private readSet(value: JsonValue, change: AttachmentChange): void {
    const checker = this.checker;
    if (!checker.object(value, ["name", "value", "from_node", "from_invocation"])) return;
    const name = value.member("name");
    if (!name || value.keys.length != 2) {
      const expected = "an object with a name and one of value, from_node, from_invocation";
      return checker.refuse(value, expected);
    }
    const key = checker.key(name);
    const text = value.member("value");
    const node = value.member("from_node");
    const part = value.member("from_invocation");
    let span: Span;
    if (text) {
      span = copyText(checker.name(text, LONGEST_VALUE));
    } else if (node) {
      span = copyText(this.node.text(checker.name(node, LONGEST_NAME)));
    } else {
      const names = NAME_WORDS.split(" ");
      const index = checker.choice(part, names, 0);
      span = this.settings.call.name(index);
    }
    if (checker.error.length != 0) return;
    const bytes = String.UTF8.encode(key);
    const start = changetype<usize>(bytes);
    const wanted = this.settings.query.wantText(key);
    change.set(wanted, start, bytes.byteLength, span);
    // What comes from the invocation came in headers. Another key may stand for it there, but a good one.
    change.sets!.isHeader = isHeader(
      wanted.key,
      wanted.keyLength,
      text || node ? span : keptSpan(),
    );
  }
}
