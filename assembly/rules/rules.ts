/**
 * A list of rules, each with its conditions, and which one holds for a call: the first whose conditions
 * it meets.
 *
 * `R` is an unmanaged class with the fields `match: Match` and `next: R | null`.
 */
import { Call } from "../call/call";
import { signatureOfCall } from "./match";
import { Kept } from "../wire/arena";

/** Rules in the order in which they are tried. */
@unmanaged
@final
export class Rules<R> extends Kept {
  first: R | null = null;
  /** The rule that `find` answered last. */
  found: R | null = null;
  /** Whether another rule might have held for the last call if its attachments had been read. */
  isUndecided: bool = false;
  private last: R | null = null;

  /** Adds a rule after the others. */
  add(rule: R): void {
    const last = this.last;
    if (last) last.next = rule;
    else this.first = rule;
    this.last = rule;
  }

  /**
   * The rule for `call`, or null.
   *
   * If its attachments were not read, no rule that asks about them holds, and `isUndecided` says
   * whether one might have.
   */
  find(call: Call): R | null {
    this.isUndecided = false;
    const found = this.findFrom(this.first, call);
    this.found = found;
    return found;
  }

  /** The first rule for `call` from `rule` on; `isUndecided` is only ever set. */
  findFrom(rule: R | null, call: Call): R | null {
    const signature = signatureOfCall(call);
    while (rule) {
      const match = rule.match;
      if (match.mayMeet(signature) && match.meetsHead(call)) {
        if (!match.asksAttachments) return rule;
        if (!call.attachmentsRead) this.isUndecided = true;
        else if (match.meetsAttachments(call)) return rule;
      }
      rule = rule.next;
    }
    return null;
  }
}
