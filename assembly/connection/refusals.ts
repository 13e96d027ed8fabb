/**
 * Requests that went on as heartbeats, and wait for the heartbeat's answer to be told that they are
 * refused.
 *
 *     client          filter                     server
 *       │ request 7 →   │ heartbeat 7 →            │
 *       │               │          ← its answer 7  │
 *       │ ← refusal 7   │                          │
 *
 * So the refusal comes in its turn, no other call of the connection is disturbed, and no business code
 * runs: a provider answers a heartbeat below its threads, `dubbo_proxy` by itself (tried with Dubbo Java
 * 3.3.6 and 3.2.19 and dubbo-go 3.3.2, Envoy 1.39.3).
 */
import { bodyLengthOf, flagOf, isEvent, isRequest, MAGIC_HIGH, MAGIC_LOW } from "../dubbo/header";
import { Answer } from "../policy/answer";
import { Output } from "../wire/output";

/** Request, twoway, event, hessian2; and its body, null. */
const HEARTBEAT_FLAG: u32 = 0xe2;
const HEARTBEAT_BODY: u32 = 0x4e;
/** The longest body of an answer to a heartbeat: no peer sends more than 16 bytes. */
const LONGEST_BODY: u32 = 64;
/** Refusals that wait on one connection; as many as calls may be in flight by default. */
const MOST_WAITING: u32 = 4096;

/** One request that is refused. */
@unmanaged
@final
export class Refused {
  next: Refused | null = null;
  id: u64 = 0;
  serialization: u8 = 0;
  answer: Answer;

  constructor(answer: Answer) {
    this.answer = answer;
  }
}

/** Refused ones that are not in use, of all connections of the VM. */
let unused: Refused | null = null;

/** Those of one connection, oldest first. */
@unmanaged
@final
export class Refusals {
  private first: Refused | null = null;
  private last: Refused | null = null;
  private count: u32 = 0;

  /** Whether any waits. */
  @inline
  get isWaiting(): bool {
    return this.count != 0;
  }

  /** Notes that request `id`, written in `serialization`, is refused; false if there are too many. */
  add(id: u64, serialization: u8, answer: Answer): bool {
    if (this.count == MOST_WAITING) return false;
    let refused = unused;
    if (refused) unused = refused.next;
    else refused = new Refused(answer);
    refused.id = id;
    refused.serialization = serialization;
    refused.answer = answer;
    refused.next = null;
    const last = this.last;
    if (last) last.next = refused;
    else this.first = refused;
    this.last = refused;
    this.count++;
    return true;
  }

  /** The oldest request to which the frame with this header may be the heartbeat's answer; or null. */
  find(header: usize, id: u64): Refused | null {
    const flag = flagOf(header);
    if (isRequest(flag) || !isEvent(flag) || bodyLengthOf(header) > LONGEST_BODY) return null;
    let refused = this.first;
    while (refused) {
      if (refused.id == id) return refused;
      refused = refused.next;
    }
    return null;
  }

  /** What the oldest request `id` is to be told, if it is refused; it is then forgotten. */
  take(id: u64): Answer | null {
    let refused = this.first;
    while (refused && refused.id != id) refused = refused.next;
    if (!refused) return null;
    this.remove(refused);
    return refused.answer;
  }

  /** Forgets one that was answered. */
  remove(refused: Refused): void {
    let before: Refused | null = null;
    let at = this.first;
    while (at && at != refused) {
      before = at;
      at = at.next;
    }
    if (before) before.next = refused.next;
    else this.first = refused.next;
    if (this.last == refused) this.last = before;
    refused.next = unused;
    unused = refused;
    this.count--;
  }

  /** Gives everything back. */
  free(): void {
    let refused = this.first;
    while (refused) {
      const next = refused.next;
      refused.next = unused;
      unused = refused;
      refused = next;
    }
    heap.free(changetype<usize>(this));
  }
}

/** Appends the heartbeat that goes on in the place of request `id`. */
export function writeHeartbeat(out: Output, id: u64): void {
  out.writeU8(MAGIC_HIGH);
  out.writeU8(MAGIC_LOW);
  out.writeU8(HEARTBEAT_FLAG);
  out.writeU8(0);
  out.writeU32(<u32>(id >> 32));
  out.writeU32(<u32>id);
  out.writeU32(1);
  out.writeU8(HEARTBEAT_BODY);
}
