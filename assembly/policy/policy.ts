/**
 * One policy: what is asked of a call, and what it may do.
 */
import { Match } from "../rules/match";
import { Answer } from "./answer";
import { Concurrency } from "./concurrency";
import { Fault } from "./fault";
import { RateLimit } from "./rate_limit";
import { Kept } from "../wire/arena";

/** Which of its actions a policy has. */
export const enum PolicyKind {
  ALLOW,
  DENY,
  RATE_LIMIT,
  CONCURRENCY,
  FAULT,
}

/** A policy of `policies`. */
@unmanaged
@final
export class Policy extends Kept {
  next: Policy | null = null;
  match: Match = new Match();
  kind: PolicyKind = PolicyKind.DENY;
  /** The number of its name in the list of names. */
  index: u32 = 0;
  /** Whether calls are refused; else it is only counted which ones would be. */
  enforces: bool = true;
  /** What a refused call is answered. */
  answer: Answer = new Answer();
  rateLimit: RateLimit | null = null;
  concurrency: Concurrency | null = null;
  fault: Fault | null = null;

  /** Gives back what grew with traffic. */
  free(): void {
    const rateLimit = this.rateLimit;
    if (rateLimit) rateLimit.free();
  }
}
