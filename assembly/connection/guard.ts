/**
 * Answers in the provider's place: what a client is still owed when the server ends the connection.
 *
 * Two things make that possible. An answer that is not whole yet is held back, so that the client never
 * gets half of one; and after the last whole frame comes one response for each call that nobody will
 * answer any more:
 *
 *     whole frames │ the beginning of an answer      whole frames │ answers of ours │ end of stream
 *     ─────────────┴──────────────────────────       ─────────────┴─────────────────┴──────────────
 *      go on         → held until it is whole         go on         one for each call
 *
 * The host calls nothing when a connection is reset, so that is not answered here.
 */
import { dubboStatus } from "../call/statuses";
import { Direction, Outcome } from "../call/vocabulary";
import { bodyLengthOf, flagOf, HEADER_LENGTH, isEvent, isFrame } from "../dubbo/header";
import { SERVER_ERROR } from "../dubbo/tables";
import { appendEnd, BufferType, fetch, lastLength } from "../host/buffers";
import { InFlightList } from "../ledger/in_flight";
import { EndKind } from "../ledger/ledger";
import { Plugin } from "../plugin";
import { Answer } from "../policy/answer";
import { writeErrorResponse } from "../serialization/error_response";
import { Output } from "../wire/output";
import { endCall } from "./answers";
import { callbackTime } from "./callback_time";
import { Half } from "./half";
import { HeldFrame } from "./held_frame";
import { takeUnfinished } from "./requests";
import { RuledRequests } from "./ruled_requests";
import { Splice } from "./splice";

/** Answers are handed to the host in pieces of about this many bytes, however many there are. */
const PIECE: u32 = 4096;

/** What the caller reads, in ASCII; at most 47 characters, see error_response.ts. */
const SENTENCE: string = "upstream connection closed before the response";

/** Writes the answers; one in each plugin that guards. */
@unmanaged
@final
export class Guard {
  private output: Output = new Output();

  /**
   * Writes an answer to the request `id`, to go after everything that is there.
   *
   * @param serialization of the request
   * @param refusal what a policy says that refused it; null: that the server has ended
   * @returns its length in bytes, with its header
   */
  answer(id: u64, serialization: u8, refusal: Answer | null): u32 {
    const output = this.output;
    const before = output.length;
    if (refusal) refusal.write(output, id, serialization);
    else writeErrorResponse(output, id, serialization, SERVER_ERROR, SENTENCE);
    const length = output.length - before;
    if (output.length >= PIECE) this.flush();
    return length;
  }

  /** Hands what was written to the host; call it in `proxy_on_upstream_data` only. */
  flush(): void {
    const output = this.output;
    if (output.length != 0) appendEnd(BufferType.UPSTREAM_DATA, output.start, output.length);
    output.clear();
  }

  /** Gives everything back. */
  free(): void {
    this.output.free();
    heap.free(changetype<usize>(this));
  }
}

/**
 * Answers, in the server's place, all calls of the client that have no answer, and tells refused ones so;
 * call it in `proxy_on_upstream_data` only.
 *
 * @param half the client's, whose unfinished request is answered too
 * @param calls of the connection
 * @param ruled what the connection remembers of its requests, or null
 */
export function answerCalls(
  plugin: Plugin,
  guard: Guard,
  half: Half,
  calls: InFlightList,
  ruled: RuledRequests | null,
): void {
  const time = callbackTime();
  takeUnfinished(plugin, half, calls, ruled, time);
  const ending = plugin.ledger.ending;
  let call = calls.oldest;
  while (call) {
    const next = call.younger;
    if (call.direction == Direction.DOWNSTREAM) {
      const serialization = call.serialization;
      const refusal = ruled ? ruled.refusals.take(call.id) : null;
      const bytes = guard.answer(call.id, serialization, refusal);
      const kind = refusal ? EndKind.ANSWERED : EndKind.GUARDED;
      const status = refusal ? refusal.statusFor(serialization) : <u32>SERVER_ERROR;
      const outcome = refusal ? refusal.outcomeFor(serialization) : Outcome.ERROR;
      ending.answer(kind, dubboStatus(status), outcome, bytes, time);
      endCall(plugin, call, ending);
    }
    call = next;
  }
  guard.flush();
}

/**
 * Holds the unfinished frame at the end of a read back, and lets go what was held once it is whole.
 *
 * Where there is no room the frame goes on unheld, as without a guard. Call it in
 * `proxy_on_upstream_data` only.
 *
 * @param splice puts together what goes on
 * @param held what is held of the unfinished frame so far
 * @param size bytes of this read
 * @param unfinished bytes of the unfinished frame that have come, those of earlier reads too
 * @param maxDropped the longest body of a frame where events are to be dropped, of which there are some; else 0
 */
export function holdUnfinished(
  splice: Splice,
  held: HeldFrame,
  size: u32,
  unfinished: u32,
  maxDropped: u32,
): void {
  const type = BufferType.UPSTREAM_DATA;
  const isSameFrame = unfinished > size;
  if (maxDropped == 0) {
    if (held.length == 0 && (unfinished == 0 || isSameFrame)) return;
    if (unfinished == 0) return held.letGo(type);
  }
  const bytes = fetch(type, 0, size);
  // Bytes that were not shown cannot be held.
  if (lastLength() != size) return held.letGo(type);
  splice.begin(bytes, size);
  if (isSameFrame) {
    if (!held.append(bytes, size)) return held.letGo(type);
    splice.drop(size);
  } else {
    const whole = size - unfinished;
    if (maxDropped != 0 && held.append(bytes, whole)) {
      keepOthers(splice, held, maxDropped);
      splice.replace(whole);
    } else {
      splice.insert(held.start, held.length);
      splice.keep(whole);
    }
    held.clear();
    if (held.append(splice.at, unfinished)) splice.drop(unfinished);
  }
  splice.finish(type);
}

/**
 * Lets all that is held go on but events, up to where no frame begins that is whole. Answers to heartbeats are among
 * them: `dubbo_proxy` answers those of its clients itself, so it has asked for none.
 */
function keepOthers(splice: Splice, held: HeldFrame, maxBody: u32): void {
  let frame = held.start;
  let kept = frame;
  const end = frame + held.length;
  while (frame + HEADER_LENGTH <= end && isFrame(frame)) {
    const body = bodyLengthOf(frame);
    if (body > maxBody || body > <u32>(end - frame) - HEADER_LENGTH) break;
    const next = frame + HEADER_LENGTH + body;
    if (isEvent(flagOf(frame))) {
      splice.insert(kept, <u32>(frame - kept));
      kept = next;
    }
    frame = next;
  }
  splice.insert(kept, <u32>(end - kept));
}
