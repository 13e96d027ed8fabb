/**
 * One rule: conditions on a call, and what is done with a call that meets them all.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { WantedAttachment } from "../dubbo/attachments";
import { Side } from "../metrics/names";
import { Series } from "../metrics/series";
import { hashBytes } from "../wire/hash";
import { Span } from "../wire/span";
import { AddressMatch } from "./address_match";
import { Choice } from "./split";
import { TextMatch, UNSIGNED } from "./text_match";

/** A condition on one attachment. */
@unmanaged
@final
export class AttachmentMatch {
  next: AttachmentMatch | null = null;
  /** What the query finds under the key; the query's own. */
  wanted: WantedAttachment;
  /** The condition on its value; null: only on whether it is there. */
  text: TextMatch | null = null;
  /** Whether it must be there. */
  mustBePresent: bool = true;

  constructor(wanted: WantedAttachment) {
    this.wanted = wanted;
  }

  matches(): bool {
    const text = this.text;
    if (!text) return (this.wanted.found != 0) == this.mustBePresent;
    // A value that is no string matches nothing but `present`.
    return this.wanted.value.start != 0 && text.matches(this.wanted.value);
  }

  free(): void {
    const text = this.text;
    if (text) text.free();
    heap.free(changetype<usize>(this));
  }
}

/** What a rule is asked about. */
@unmanaged
@final
export class RoutedCall {
  interfaceName: Span = new Span();
  method: Span = new Span();
  version: Span = new Span();
  group: Span = new Span();
  side: Side = Side.CONSUMER;
  /** Sixteen bytes: the client's address; 0 if it is not known. */
  address: usize = 0;

  /** A hash of the four names. */
  hash(): u64 {
    let hash = hashBytes(1, this.interfaceName.start, this.interfaceName.length);
    hash = hashBytes(hash, this.method.start, this.method.length);
    hash = hashBytes(hash, this.version.start, this.version.length);
    return hashBytes(hash, this.group.start, this.group.length);
  }

  /** One of the four names, in the order of the fields. */
  part(index: i32): Span {
    if (index == 0) return this.interfaceName;
    if (index == 1) return this.method;
    return index == 2 ? this.version : this.group;
  }

  /** Gives everything back. */
  free(): void {
    heap.free(changetype<usize>(this.interfaceName));
    heap.free(changetype<usize>(this.method));
    heap.free(changetype<usize>(this.version));
    heap.free(changetype<usize>(this.group));
    heap.free(changetype<usize>(this));
  }
}


@unmanaged
@final
export class Rule {
  next: Rule | null = null;
  /** That of every interface that can meet the rule, or `UNSIGNED`: most rules need no further look. */
  signature: u32 = UNSIGNED;
  /** Where calls that took the rule are counted. */
  series: Series;
  interfaceName: TextMatch | null = null;
  method: TextMatch | null = null;
  version: TextMatch | null = null;
  group: TextMatch | null = null;
  attachments: AttachmentMatch | null = null;
  /** Networks of which the client's address must lie in one; null: any. */
  networks: AddressMatch | null = null;
  /** The side that the call must have, or -1. */
  side: i32 = -1;
  /** What is changed in every request that takes the rule. */
  change: AttachmentChange = new AttachmentChange();
  /** The first of weighted choices, or null. */
  choices: Choice | null = null;
  totalWeight: u32 = 0;
  /** The attachment whose value decides the choice; null: chance does. */
  hashOn: WantedAttachment | null = null;
  /** The cluster of a connection whose first request takes the rule; null: none. */
  cluster: Span | null = null;

  constructor(series: Series) {
    this.series = series;
  }

  /** Whether any condition is on an attachment; the group is one. */
  get asksAttachments(): bool {
    return this.attachments !== null || this.group !== null;
  }

  /** Whether the call meets the conditions on what its head and its connection say. */
  matchesHead(call: RoutedCall): bool {
    if (this.side >= 0 && this.side != call.side) return false;
    if (!meets(this.interfaceName, call.interfaceName)) return false;
    if (!meets(this.method, call.method)) return false;
    if (!meets(this.version, call.version)) return false;
    let network = this.networks;
    if (!network) return true;
    if (call.address == 0) return false;
    while (network) {
      if (network.matches(call.address)) return true;
      network = network.next;
    }
    return false;
  }

  /** Whether the call meets the conditions on its attachments, of which the group is one. */
  matchesAttachments(call: RoutedCall): bool {
    if (!meets(this.group, call.group)) return false;
    let attachment = this.attachments;
    while (attachment) {
      if (!attachment.matches()) return false;
      attachment = attachment.next;
    }
    return true;
  }

  /** Gives everything back. */
  free(): void {
    freeText(this.interfaceName);
    freeText(this.method);
    freeText(this.version);
    freeText(this.group);
    let attachment = this.attachments;
    while (attachment) {
      const next = attachment.next;
      attachment.free();
      attachment = next;
    }
    let network = this.networks;
    while (network) {
      const next = network.next;
      heap.free(changetype<usize>(network));
      network = next;
    }
    let choice = this.choices;
    while (choice) {
      const next = choice.next;
      choice.free();
      choice = next;
    }
    const cluster = this.cluster;
    if (cluster) {
      heap.free(cluster.start);
      heap.free(changetype<usize>(cluster));
    }
    this.change.free();
    this.series.free();
    heap.free(changetype<usize>(this));
  }
}

function meets(condition: TextMatch | null, text: Span): bool {
  return condition ? condition.matches(text) : true;
}

function freeText(condition: TextMatch | null): void {
  if (condition) condition.free();
}
