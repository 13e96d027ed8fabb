/**
 * All policies of a plugin, and what they say of a call.
 *
 *     authorize     the first that a call meets decides; where any allows, what none allows is refused
 *     rate limits   each that a call meets must have a token
 *     faults        each that a call meets may be drawn; of delays the longest holds
 *     concurrency   each that a call meets must have a place; taken last, so that none has to be given back
 *
 * What is authorized must be what is served, and providers differ in what they go by: so a call is asked
 * about under every name that it may be served by, and each of them must be allowed and none denied.
 */
import { Call } from "../call/call";
import { Name } from "../call/names";
import { RefusalReason } from "../call/vocabulary";
import { Holds } from "../ledger/holds";
import { NameList } from "../metrics/name_list";
import { Match } from "../rules/match";
import { Rules } from "../rules/rules";
import { Kept, keptSpan } from "../wire/arena";
import { sameBytes } from "../wire/bytes";
import { hashU64 } from "../wire/hash";
import { Span } from "../wire/span";
import { Answer } from "./answer";
import { isMeant } from "./fault";
import { Policy, PolicyKind } from "./policy";
import { RefusalLog } from "./refusal_log";

/** The bit by which ASCII tells a small letter. */
const CASE: u8 = 0x20;

/** The other names by which a call may be served; those that are not known are empty. */
@unmanaged
@final
export class OtherNames extends Kept {
  /** The attachment `interface`, which providers without a path go by. */
  interfaceName: Span = keptSpan();
  /** The method of the head: `$invoke` where the call is generic. */
  method: Span = keptSpan();
  /** The context in front of the interface in a path, which Dubbo Java takes for the group. */
  group: Span = keptSpan();
  /** Whether a peer may read names that are not known. */
  areDoubtful: bool = false;

  /** Forgets them. */
  clear(): void {
    this.interfaceName.clear();
    this.method.clear();
    this.group.clear();
    this.areDoubtful = false;
  }
}

/** `policies` of a plugin's configuration. */
@unmanaged
@final
export class Policies extends Kept {
  /** Those that allow or deny, in order. */
  readonly authorizing: Rules<Policy> = new Rules<Policy>();
  /** All others, in order. */
  readonly limiting: Rules<Policy> = new Rules<Policy>();
  readonly names: NameList = new NameList();
  /** Whether there is one that allows, and one that is enforced. */
  allows: bool = false;
  allowsEnforced: bool = false;
  /** Whether one that allows or denies is enforced. */
  authorizes: bool = false;
  /** Whether what cannot be read is refused: one that allows or denies is enforced, or keys are protected. */
  mustRead: bool = false;
  /** Whether any asks for the client's address or certificate. */
  usesAddress: bool = false;
  usesPrincipal: bool = false;
  /** Whether any has a rate limit. */
  usesTime: bool = false;
  /** Whether any may have calls wait. */
  delays: bool = false;
  /** The number of the name under which calls are refused that no policy names. */
  defaultName: u32 = 0;
  /** What they are answered: those that none allows, and those that cannot be read. */
  readonly defaultAnswer: Answer;
  readonly unreadAnswer: Answer = new Answer();
  readonly others: OtherNames = new OtherNames();

  // What was found of the call that was asked about last.
  /** Why it is refused. */
  reason: RefusalReason = RefusalReason.DENIED;
  /** Under which policy's name. */
  policy: u32 = 0;
  answer: Answer;
  /** Why it would be refused if all policies were enforced, and under which name; -1 if it would not. */
  shadowReason: i32 = -1;
  shadowPolicy: u32 = 0;
  /** Places that the call has taken: a bit for each counter of concurrency. */
  holds: u32 = 0;
  /** Whether it was refused. */
  isRefused: bool = false;
  /** How many rate limits it has passed, and the last one of them. */
  limitPassed: i32 = -1;
  /** How long it waits, in ns, and because of which policy; and the one that would have it wait, or -1. */
  wait: u64 = 0;
  waitPolicy: u32 = 0;
  shadowWaitPolicy: i32 = -1;

  private log: RefusalLog = new RefusalLog();
  private random: u64;
  private asked: Call = new Call();

  /** @param seed for chance */
  constructor(seed: u64) {
    super();
    const answer = new Answer();
    this.random = hashU64(seed, 2);
    this.defaultAnswer = answer;
    this.answer = answer;
  }

  /** Whether there is none, and the rest is only for what cannot be read. */
  get isEmpty(): bool {
    return !this.authorizing.first && !this.limiting.first;
  }

  /**
   * Whether the call may go on.
   *
   * @param call with its attachments read, if they could be
   * @param isSure whether it is known what a provider will read
   * @param unsureReason why not
   * @param holds where places in flight are taken
   * @param time in ns, if there are rate limits
   * @returns whether it is refused; then `reason`, `policy` and `answer` say why and how
   */
  refuses(call: Call, isSure: bool, unsureReason: RefusalReason, holds: Holds, time: u64): bool {
    this.forget();
    if (!isSure) {
      if (this.mustRead) return this.refuseUnread(unsureReason);
      if (this.authorizing.first) this.shadow(unsureReason, this.defaultName);
    } else if (this.authorizing.first && this.denies(call)) {
      return true;
    }
    return this.isLimited(call, holds, time);
  }

  /**
   * Whether an HTTP request that is no call must not go on: who would be served by its path is not known to be
   * allowed. Limits and faults are for calls.
   *
   * @param call with the names that its path has
   */
  deniesPath(call: Call): bool {
    this.forget();
    return this.denies(call);
  }

  /** Nothing was found of a call. */
  forget(): void {
    this.isRefused = false;
    this.shadowReason = -1;
    this.holds = 0;
    this.limitPassed = -1;
    this.wait = 0;
    this.shadowWaitPolicy = -1;
  }

  /** Whether there is anything to count of the call. */
  get hasFound(): bool {
    if (this.isRefused || this.shadowReason >= 0 || this.limitPassed >= 0) return true;
    return this.wait != 0 || this.shadowWaitPolicy >= 0;
  }

  /** The name to tell beside the call: of the policy that refused or delayed it or would have, or of a limit. */
  get named(): Span | null {
    if (this.isRefused) return this.names.name(this.policy);
    if (this.shadowReason >= 0) return this.names.name(this.shadowPolicy);
    if (this.wait != 0) return this.names.name(this.waitPolicy);
    return this.limitPassed >= 0 ? this.names.name(<u32>this.limitPassed) : null;
  }

  /** Another tick has passed: what was refused is told in Envoy's log. */
  onTick(): void {
    this.log.onTick(this.names);
  }

  /** The call that took places is not followed: they are given back. */
  giveBack(holds: Holds): void {
    holds.release(this.holds);
    this.holds = 0;
  }

  /** The call cannot be read, for this reason; true. */
  refuseUnread(reason: RefusalReason): bool {
    return this.refuse(reason, this.defaultName, this.unreadAnswer);
  }

  private refuse(reason: RefusalReason, policy: u32, answer: Answer): bool {
    this.isRefused = true;
    this.wait = 0;
    this.reason = reason;
    this.policy = policy;
    this.answer = answer;
    this.log.note(policy, reason);
    return true;
  }

  private delay(policy: Policy, wait: u64): void {
    if (!policy.enforces) {
      this.shadowWaitPolicy = <i32>policy.index;
    } else if (wait > this.wait) {
      this.wait = wait;
      this.waitPolicy = policy.index;
    }
  }

  private shadow(reason: RefusalReason, policy: u32): void {
    if (this.shadowReason >= 0) return;
    this.shadowReason = <i32>(reason as u32);
    this.shadowPolicy = policy;
  }

  /** Asks under each set of names; `call` is as it was afterwards. */
  private isAuthorized(call: Call): bool {
    const asked = this.asked;
    const others = this.others;
    asked.copy(call);
    if (!this.isAllowed(asked)) return false;
    const interfaces: u32 = 3;
    const methods: u32 = 2;
    const versions: u32 = 2;
    for (let i: u32 = 0; i < interfaces; i++) {
      const interfaceName =
        i == 0 ? call.name(Name.INTERFACE) : i == 1 ? call.path : others.interfaceName;
      if (i != 0 && !isAnother(interfaceName, call.name(Name.INTERFACE))) continue;
      for (let m: u32 = 0; m < methods; m++) {
        const method = m == 0 ? call.name(Name.METHOD) : others.method;
        if (m != 0 && !isAnother(method, call.name(Name.METHOD))) continue;
        for (let v: u32 = 0; v < versions; v++) {
          const version = v == 0 ? call.name(Name.VERSION) : call.headVersion;
          if (v != 0 && !isAnother(version, call.name(Name.VERSION))) continue;
          asked.name(Name.INTERFACE).point(interfaceName);
          asked.name(Name.METHOD).point(method);
          asked.name(Name.VERSION).point(version);
          asked.name(Name.GROUP).point(call.name(Name.GROUP));
          if (i + m + v != 0 && !this.isAllowed(asked)) return false;
          if (!isAnother(others.group, call.name(Name.GROUP))) continue;
          asked.name(Name.GROUP).point(others.group);
          if (!this.isAllowed(asked)) return false;
        }
      }
    }
    return true;
  }

  /** Whether those that allow or deny refuse the call, also for names of which a peer may read others. */
  private denies(call: Call): bool {
    if (!this.others.areDoubtful) return !this.isAuthorized(call);
    if (this.authorizes) return this.refuseUnread(RefusalReason.UNREADABLE);
    this.shadow(RefusalReason.UNREADABLE, this.defaultName);
    return false;
  }

  private isAllowed(call: Call): bool {
    let policy = this.authorizing.first;
    let isAllowed = false;
    let isShadowAllowed = false;
    while (policy) {
      const isDeny = policy.kind == PolicyKind.DENY;
      const match = policy.match;
      if (!match.meets(call) && !(isDeny && isMetInOtherCase(match, call))) {
        policy = policy.next;
        continue;
      }
      if (isDeny) {
        if (policy.enforces) {
          this.refuse(RefusalReason.DENIED, policy.index, policy.answer);
          return false;
        }
        if (!isShadowAllowed) this.shadow(RefusalReason.DENIED, policy.index);
      } else {
        isShadowAllowed = true;
        if (policy.enforces) {
          isAllowed = true;
          break;
        }
      }
      policy = policy.next;
    }
    if (isAllowed) return true;
    if (this.allowsEnforced) {
      this.refuse(RefusalReason.NOT_ALLOWED, this.defaultName, this.defaultAnswer);
      return false;
    }
    if (this.allows && !isShadowAllowed) this.shadow(RefusalReason.NOT_ALLOWED, this.defaultName);
    return true;
  }

  private isLimited(call: Call, holds: Holds, time: u64): bool {
    const policies = this.limiting;
    let policy = policies.findFrom(policies.first, call);
    let bulkhead = false;
    while (policy) {
      const limit = policy.rateLimit;
      const fault = policy.fault;
      if (policy.concurrency) bulkhead = true;
      if (limit) {
        if (limit.take(call, time)) this.limitPassed = <i32>policy.index;
        else if (this.refusesBy(policy, RefusalReason.RATE_LIMITED)) return true;
      } else if (fault) {
        this.random = hashU64(this.random, 1);
        if (isMeant(fault.abort, this.random >> 16) && this.refusesBy(policy, RefusalReason.FAULT))
          return true;
        this.random = hashU64(this.random, 1);
        if (isMeant(fault.delay, this.random >> 16)) this.delay(policy, fault.wait);
      }
      policy = policies.findFrom(policy.next, call);
    }
    return bulkhead && this.isCrowded(call, holds);
  }

  private isCrowded(call: Call, holds: Holds): bool {
    const policies = this.limiting;
    let policy = policies.findFrom(policies.first, call);
    while (policy) {
      const concurrency = policy.concurrency;
      if (concurrency) {
        if (concurrency.take(holds)) this.holds |= 1 << concurrency.hold;
        else if (this.refusesBy(policy, RefusalReason.IN_FLIGHT)) {
          this.giveBack(holds);
          return true;
        }
      }
      policy = policies.findFrom(policy.next, call);
    }
    return false;
  }

  private refusesBy(policy: Policy, reason: RefusalReason): bool {
    if (policy.enforces) return this.refuse(reason, policy.index, policy.answer);
    this.shadow(reason, policy.index);
    return false;
  }

  /** Gives back what grew with traffic. */
  free(): void {
    let policy = this.limiting.first;
    while (policy) {
      policy.free();
      policy = policy.next;
    }
  }
}

/**
 * Whether the call meets the conditions if its method's first letter has the other case: by either name
 * providers run one method, dubbo-go's always, Dubbo Java's over Triple.
 */
function isMetInOtherCase(match: Match, call: Call): bool {
  const method = call.name(Name.METHOD);
  if (!match.asks(Name.METHOD) || method.length == 0) return false;
  const first = load<u8>(method.start);
  const letter = first | CASE;
  if (letter < 0x61 || letter > 0x7a) return false;
  // In the bytes themselves, for as long as they are compared.
  store<u8>(method.start, first ^ CASE);
  const isMet = match.meets(call);
  store<u8>(method.start, first);
  return isMet;
}

/** Whether `name` is known and not the same as `usual`. */
function isAnother(name: Span, usual: Span): bool {
  if (name.length == 0) return false;
  return name.length != usual.length || !sameBytes(name.start, usual.start, name.length);
}
