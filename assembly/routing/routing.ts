/**
 * The rules of a plugin: which one a call takes, and what follows from it.
 *
 * Everything here was made from the configuration and is only read while traffic flows, but for what
 * the query found in the request that was read last.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { AttachmentQuery } from "../dubbo/attachments";
import { Side } from "../metrics/names";
import { hashU64 } from "../wire/hash";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { Choice, drawnChoice, stickyChoice } from "./split";
import { RoutedCall, Rule } from "./rule";
import { signatureOf, UNSIGNED } from "./text_match";

/** A call's frame with its header: 1 MiB. */
export const DEFAULT_MAX_REWRITE_BYTES: u32 = 1024 * 1024;


@unmanaged
@final
export class Routing {
  /** Everything that rules, splits and protected keys ask of attachments. */
  query: AttachmentQuery = new AttachmentQuery();
  /** Drops the protected keys. */
  protectedKeys: AttachmentChange = new AttachmentChange();
  /** The longest frame in bytes that is held until it is whole and rewritten. */
  maxRewriteBytes: u32 = DEFAULT_MAX_REWRITE_BYTES;
  /** Whether the last request's names become filter state. */
  filterState: bool = false;
  rules: Rule | null = null;
  /** Whether any rule asks about or changes attachments, or a key is protected. */
  usesAttachments: bool = false;
  /** Whether any rule changes attachments, or a key is protected. */
  rewrites: bool = false;
  /** Whether any rule chooses the connection's cluster. */
  choosesCluster: bool = false;
  /** Whether any rule asks for the client's address. */
  usesAddress: bool = false;
  /** Whether any connection was shown bytes before its cluster was chosen. */
  earlyDataComes: bool = false;
  /** The call that is asked about; values that come from the invocation are its spans. */
  call: RoutedCall = new RoutedCall();
  /** Whether the last call might have met another rule if its attachments had been read. */
  isUndecided: bool = false;
  /** Where messages to the host are written. */
  output: Output = new Output();
  /** Where all that goes on in one callback is put together, changed frames among it. */
  read: Output = new Output();
  /** What goes on as it is before the frame that is being decided on, and is not in `read` yet. */
  before: Span = new Span();
  private random: u64;
  private last: Rule | null = null;

  /** @param seed for chance */
  constructor(seed: u64) {
    this.random = seed;
  }

  /** Whether there are keys that only the filter may set. */
  get hasProtectedKeys(): bool {
    return !this.protectedKeys.isEmpty;
  }

  /** Says on which side the proxy stands. */
  setSide(side: Side): void {
    this.call.side = side;
    let rule = this.rules;
    while (rule) {
      rule.series.side = side;
      rule = rule.next;
    }
  }

  /** Adds a rule behind the others. */
  add(rule: Rule): void {
    const last = this.last;
    if (last) last.next = rule;
    else this.rules = rule;
    this.last = rule;
  }

  /**
   * The first rule whose conditions the call in `call` meets, or null.
   *
   * @param attachmentsRead whether the query was filled; if not, no rule that asks it is met, and
   *   `isUndecided` says whether one might have been
   */
  ruleFor(attachmentsRead: bool): Rule | null {
    const call = this.call;
    this.isUndecided = false;
    const signature = signatureOf(call.interfaceName.start, call.interfaceName.length);
    let rule = this.rules;
    while (rule) {
      const isPossible = rule.signature == UNSIGNED || rule.signature == signature;
      if (isPossible && rule.matchesHead(call)) {
        if (!rule.asksAttachments) return rule;
        if (!attachmentsRead) this.isUndecided = true;
        else if (rule.matchesAttachments(call)) return rule;
      }
      rule = rule.next;
    }
    return null;
  }

  /** All changes for a call that took `rule`, one behind the other. */
  changeFor(rule: Rule | null): AttachmentChange {
    const first = this.protectedKeys;
    first.next = null;
    if (!rule) return first;
    const change = rule.change;
    first.next = change;
    const choice = this.choiceOf(rule);
    change.next = choice ? choice.change : null;
    return first;
  }

  private choiceOf(rule: Rule): Choice | null {
    const choices = rule.choices;
    if (!choices) return null;
    const hashOn = rule.hashOn;
    if (hashOn && hashOn.value.start != 0) return stickyChoice(choices, hashOn.value);
    this.random = hashU64(this.random, 1);
    return drawnChoice(choices, rule.totalWeight, this.random >> 16);
  }

  /** Gives everything back. */
  free(): void {
    let rule = this.rules;
    while (rule) {
      const next = rule.next;
      rule.free();
      rule = next;
    }
    this.protectedKeys.free();
    this.query.free();
    this.call.free();
    this.output.free();
    this.read.free();
    heap.free(changetype<usize>(this.before));
    heap.free(changetype<usize>(this));
  }
}
