/**
 * The rules of a plugin: which one a call takes, and what follows from it.
 *
 * Rules are made from the configuration; later only their side is set, once a connection tells it, and
 * the changes of one call are chained. What else is here belongs to the request that was read last, or
 * to the callback that runs.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { WantedAttachment } from "../dubbo/attachments";
import { Side } from "../call/vocabulary";
import { Rules } from "../rules/rules";
import { Kept } from "../wire/arena";
import { hashU64 } from "../wire/hash";
import { Output } from "../wire/output";
import { RoutingRule } from "./routing_rule";
import { Choice, drawnChoice, stickyChoice } from "./split";

/** A call's frame with its header: 1 MiB. */
export const DEFAULT_MAX_REWRITE_BYTES: u32 = 1024 * 1024;

/** `routing` of a plugin's configuration. */
@unmanaged
@final
export class Routing extends Kept {
  rules: Rules<RoutingRule> = new Rules<RoutingRule>();
  /** Drops the protected keys. */
  protectedKeys: AttachmentChange = new AttachmentChange();
  /** Drops the headers by which a provider would find a protected key under another name. */
  protectedHeaders: AttachmentChange = new AttachmentChange();
  /** The header that gives headers other names as attachments; null where no key is protected. */
  renames: WantedAttachment | null = null;
  /** The longest frame in bytes that is held until it is whole and rewritten. */
  maxRewriteBytes: u32 = DEFAULT_MAX_REWRITE_BYTES;
  /** Whether the last request's names become filter state. */
  filterState: bool = false;
  /** Whether any rule asks about or changes attachments, or a key is protected. */
  usesAttachments: bool = false;
  /** Whether any rule changes attachments, or a key is protected. */
  rewrites: bool = false;
  /** Whether each call must be read: policies allow or deny, or keys are protected. */
  mustRead: bool = false;
  /** Whether any rule chooses the connection's cluster. */
  choosesCluster: bool = false;
  /** Whether any rule asks for the client's address. */
  usesAddress: bool = false;
  /** Whether any rule asks for the identity in the client's certificate. */
  usesPrincipal: bool = false;
  /** Whether any connection was shown bytes before its cluster was chosen. */
  earlyDataComes: bool = false;
  /** Where messages to the host are written. */
  message: Output = new Output();
  private random: u64;

  /** @param seed for chance */
  constructor(seed: u64) {
    super();
    this.random = seed;
  }

  /** Whether there are keys that only the filter may set. */
  get hasProtectedKeys(): bool {
    return !this.protectedKeys.isEmpty;
  }

  /** Whether what is not known to be Dubbo's must not go on. */
  get isStrict(): bool {
    return this.mustRead;
  }

  /** Says on which side the proxy stands. */
  setSide(side: Side): void {
    let rule = this.rules.first;
    while (rule) {
      rule.series.side = side;
      rule = rule.next;
    }
  }

  /**
   * All changes for a call that took `rule`, one after the other.
   *
   * @param last what is changed in every call, after all rules; null: nothing
   */
  changeFor(rule: RoutingRule | null, last: AttachmentChange | null): AttachmentChange {
    const first = this.protectedKeys;
    first.next = last;
    if (!rule) return first;
    const change = rule.change;
    first.next = change;
    const choice = this.choiceOf(rule);
    change.next = last;
    if (!choice) return first;
    change.next = choice.change;
    choice.change.next = last;
    return first;
  }

  private choiceOf(rule: RoutingRule): Choice | null {
    const choices = rule.choices;
    if (!choices) return null;
    const hashOn = rule.hashOn;
    if (hashOn && hashOn.value.start != 0) return stickyChoice(choices, hashOn.value);
    this.random = hashU64(this.random, 1);
    return drawnChoice(choices, rule.totalWeight, this.random >> 16);
  }

  /** Gives back what grew with traffic. */
  free(): void {
    let rule = this.rules.first;
    while (rule) {
      rule.series.free();
      rule = rule.next;
    }
    this.message.free();
  }
}
