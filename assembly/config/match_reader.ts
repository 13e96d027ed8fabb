/**
 * The part `match` of a rule or a policy.
 *
 * Conditions on the proxy's own node are decided here, once: a rule for another workload is checked and
 * then left out.
 */
import { NAME_COUNT, NAME_WORDS } from "../call/names";
import { AttachmentQuery } from "../dubbo/attachments";
import { networkOf } from "../rules/address_match";
import { AttachmentMatch } from "../rules/attachment_match";
import { Match } from "../rules/match";
import { PrincipalMatch } from "../rules/principal_match";
import { MatchKind, TextMatch } from "../rules/text_match";
import { Checker } from "./checker";
import { JsonType, JsonValue } from "./json";
import { NodeMetadata } from "./node_metadata";
import { copyText } from "./texts";

/** Conditions, keys, networks and choices in one list. */
export const MOST_ITEMS: i32 = 100;
/** Characters of names. */
export const LONGEST_NAME: i32 = 200;
/** Characters of values that rules ask for or set. */
export const LONGEST_VALUE: i32 = 1024;

/** Reads conditions; errors go to the checker. */
export class MatchReader {
  constructor(
    private checker: Checker,
    private query: AttachmentQuery,
    private node: NodeMetadata,
  ) {}

  /** Reads `value` into `match`; answers whether calls through this proxy can meet it at all. */
  read(value: JsonValue, match: Match): bool {
    const checker = this.checker;
    const names = NAME_WORDS.split(" ");
    if (!checker.object(value, names.concat(["attachments", "source", "side"]))) return false;
    for (let name = 0; name < (NAME_COUNT as i32); name++) {
      const text = this.readText(value.member(names[name]));
      if (text) match.ask(name, text);
    }
    const sides = ["consumer", "provider"];
    match.side = checker.choice(value.member("side"), sides, -1);
    const attachments = checker.list(value.member("attachments"), MOST_ITEMS);
    for (let i = 0; i < attachments.length; i++) {
      this.readAttachment(attachments[i], match);
    }
    const source = value.member("source");
    return source ? this.readSource(source, match) : true;
  }

  private readSource(value: JsonValue, match: Match): bool {
    const checker = this.checker;
    const keys = ["labels", "addresses", "ip_blocks", "principals", "namespaces"];
    if (!checker.object(value, keys)) return false;
    // Istio's word for the same.
    const blocks = ["addresses", "ip_blocks"];
    for (let i = 0; i < blocks.length; i++) {
      if (!this.readNetworks(value.member(blocks[i]), match)) return false;
    }
    this.readPrincipals(value.member("principals"), match, false);
    this.readPrincipals(value.member("namespaces"), match, true);
    const labels = checker.list(value.member("labels"), MOST_ITEMS);
    let isForUs = true;
    for (let i = 0; i < labels.length; i++) {
      if (!checker.object(labels[i], ["name", "exact", "prefix", "suffix"])) return false;
      const name = labels[i].member("name");
      if (!name) {
        checker.refuse(labels[i], "an object with a name");
        continue;
      }
      const label = checker.name(name, LONGEST_NAME);
      const condition = this.readCondition(labels[i]);
      if (!condition) continue;
      const own = copyText(this.node.text("LABELS." + label));
      if (!condition.matches(own)) isForUs = false;
    }
    return isForUs;
  }

  private readNetworks(value: JsonValue | null, match: Match): bool {
    const networks = this.checker.list(value, MOST_ITEMS);
    for (let i = 0; i < networks.length; i++) {
      const text = networks[i].type == JsonType.STRING ? networks[i].text : "";
      const network = networkOf(text);
      if (!network) {
        this.checker.refuse(networks[i], "an address or a network");
        return false;
      }
      network.next = match.networks;
      match.networks = network;
    }
    return true;
  }

  private readPrincipals(value: JsonValue | null, match: Match, isNamespace: bool): void {
    const conditions = this.checker.list(value, MOST_ITEMS);
    for (let i = 0; i < conditions.length; i++) {
      const text = this.readText(conditions[i]);
      if (!text) return;
      const condition = new PrincipalMatch(text, isNamespace);
      condition.next = match.principals;
      match.principals = condition;
    }
  }

  private readAttachment(value: JsonValue, match: Match): void {
    const checker = this.checker;
    const keys = ["name", "exact", "prefix", "suffix", "present", "absent"];
    if (!checker.object(value, keys)) return;
    const name = value.member("name");
    if (!name) return checker.refuse(value, "an object with a name");
    const key = checker.key(name);
    if (checker.error.length != 0) return;
    const condition = new AttachmentMatch(this.query.wantText(key));
    condition.next = match.attachments;
    match.attachments = condition;
    const present = value.member("present");
    const absent = value.member("absent");
    if (!present && !absent) {
      condition.text = this.readCondition(value);
      return;
    }
    const isAbsent = checker.flag(absent, false);
    const isPresent = checker.flag(present, false);
    if (value.keys.length != 2 || isAbsent == isPresent) {
      checker.refuse(value, "one of exact, prefix, suffix, present: true, absent: true");
    }
    condition.mustBePresent = isPresent;
  }

  private readText(value: JsonValue | null): TextMatch | null {
    if (!value) return null;
    if (!this.checker.object(value, ["exact", "prefix", "suffix"])) return null;
    return this.readCondition(value);
  }

  /** Reads the one of `exact`, `prefix` and `suffix` that the object `value` must have. */
  readCondition(value: JsonValue): TextMatch | null {
    const kinds = ["exact", "prefix", "suffix"];
    let found = -1;
    let count = 0;
    for (let i = 0; i < kinds.length; i++) {
      if (!value.member(kinds[i])) continue;
      found = i;
      count++;
    }
    if (count != 1) {
      this.checker.refuse(value, "an object with one of exact, prefix, suffix");
      return null;
    }
    const text = value.member(kinds[found])!;
    if (text.type != JsonType.STRING || text.text.length > LONGEST_VALUE) {
      const expected = "a string of at most " + LONGEST_VALUE.toString() + " characters";
      this.checker.refuse(text, expected);
      return null;
    }
    const bytes = String.UTF8.encode(text.text);
    return new TextMatch(<MatchKind>found, changetype<usize>(bytes), bytes.byteLength);
  }
}
