/**
 * The part `match` of a rule or a policy.
 *
 * Conditions on the proxy's own node are decided here, once: a rule for another workload is checked and
 * then left out.
 */
import { NAME_COUNT, NAME_WORDS } from "../call/names";
import { AttachmentQuery } from "../dubbo/attachments";
import { AddressMatch, networkBits, parseNetwork } from "../rules/address_match";
import { AttachmentMatch } from "../rules/attachment_match";
import { Match } from "../rules/match";
import { PrincipalMatch } from "../rules/principal_match";
import { MatchKind, TextMatch } from "../rules/text_match";
import { Checker, item, under } from "./checker";
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

  /** Reads `value` at `path` into `match`; answers whether calls through this proxy can meet it at all. */
  read(path: string, value: JsonValue, match: Match): bool {
    const checker = this.checker;
    const names = NAME_WORDS.split(" ");
    if (!checker.object(path, value, names.concat(["attachments", "source", "side"]))) return false;
    for (let name = 0; name < (NAME_COUNT as i32); name++) {
      const text = this.readText(under(path, names[name]), value.member(names[name]));
      if (text) match.ask(name, text);
    }
    const sides = ["consumer", "provider"];
    match.side = checker.choice(under(path, "side"), value.member("side"), sides, -1);
    const list = under(path, "attachments");
    const attachments = checker.list(list, value.member("attachments"), MOST_ITEMS);
    for (let i = 0; i < attachments.length; i++) {
      this.readAttachment(item(list, i), attachments[i], match);
    }
    const source = value.member("source");
    return source ? this.readSource(under(path, "source"), source, match) : true;
  }

  private readSource(path: string, value: JsonValue, match: Match): bool {
    const checker = this.checker;
    const keys = ["labels", "addresses", "ip_blocks", "principals", "namespaces"];
    if (!checker.object(path, value, keys)) return false;
    // Istio's word for the same.
    const blocks = ["addresses", "ip_blocks"];
    for (let i = 0; i < blocks.length; i++) {
      if (!this.readNetworks(under(path, blocks[i]), value.member(blocks[i]), match)) return false;
    }
    this.readPrincipals(under(path, "principals"), value.member("principals"), match, false);
    this.readPrincipals(under(path, "namespaces"), value.member("namespaces"), match, true);
    const labels = checker.list(under(path, "labels"), value.member("labels"), MOST_ITEMS);
    let isForUs = true;
    for (let i = 0; i < labels.length; i++) {
      const at = item(under(path, "labels"), i);
      if (!checker.object(at, labels[i], ["name", "exact", "prefix", "suffix"])) return false;
      const name = labels[i].member("name");
      if (!name) {
        checker.refuse(at, labels[i], "an object with a name");
        continue;
      }
      const label = checker.name(under(at, "name"), name, LONGEST_NAME);
      const condition = this.readCondition(at, labels[i]);
      if (!condition) continue;
      const own = copyText(this.node.text("LABELS." + label));
      if (!condition.matches(own)) isForUs = false;
    }
    return isForUs;
  }

  private readNetworks(path: string, value: JsonValue | null, match: Match): bool {
    const networks = this.checker.list(path, value, MOST_ITEMS);
    for (let i = 0; i < networks.length; i++) {
      const text = networks[i].type == JsonType.STRING ? networks[i].text : "";
      const address = parseNetwork(text);
      if (address == 0) {
        this.checker.refuse(item(path, i), networks[i], "an address or a network");
        return false;
      }
      const network = new AddressMatch(address, networkBits);
      network.next = match.networks;
      match.networks = network;
    }
    return true;
  }

  private readPrincipals(
    path: string,
    value: JsonValue | null,
    match: Match,
    isNamespace: bool,
  ): void {
    const conditions = this.checker.list(path, value, MOST_ITEMS);
    for (let i = 0; i < conditions.length; i++) {
      const text = this.readText(item(path, i), conditions[i]);
      if (!text) return;
      const condition = new PrincipalMatch(text, isNamespace);
      condition.next = match.principals;
      match.principals = condition;
    }
  }

  private readAttachment(path: string, value: JsonValue, match: Match): void {
    const checker = this.checker;
    const keys = ["name", "exact", "prefix", "suffix", "present", "absent"];
    if (!checker.object(path, value, keys)) return;
    const name = value.member("name");
    if (!name) return checker.refuse(path, value, "an object with a name");
    const key = checker.key(under(path, "name"), name);
    if (checker.error.length != 0) return;
    const condition = new AttachmentMatch(this.query.wantText(key));
    condition.next = match.attachments;
    match.attachments = condition;
    const present = value.member("present");
    const absent = value.member("absent");
    if (!present && !absent) {
      condition.text = this.readCondition(path, value);
      return;
    }
    const isAbsent = checker.flag(under(path, "absent"), absent, false);
    const isPresent = checker.flag(under(path, "present"), present, false);
    if (value.keys.length != 2 || isAbsent == isPresent) {
      checker.refuse(path, value, "one of exact, prefix, suffix, present: true, absent: true");
    }
    condition.mustBePresent = isPresent;
  }

  private readText(path: string, value: JsonValue | null): TextMatch | null {
    if (!value) return null;
    if (!this.checker.object(path, value, ["exact", "prefix", "suffix"])) return null;
    return this.readCondition(path, value);
  }

  /** Reads the one of `exact`, `prefix` and `suffix` that the object at `path` must have. */
  readCondition(path: string, value: JsonValue): TextMatch | null {
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
}
