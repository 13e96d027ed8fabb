/**
 * A stream of bytes into Dubbo frames, resumable at any byte; one reader for each direction.
 *
 *     feed(bytes) → next(): NEED_BYTES | HEAD | FRAME_END | FOREIGN | TOO_LARGE
 *
 * Of a frame the reader offers the header and the first bytes of the body (its head); the rest is
 * passed by its length and never looked at, or up to its tail, if that is asked for. A head that ends inside the bytes at hand is kept in a
 * carry of the reader's own, because the host does not show bytes twice. A kept head is offered
 * again only when it has doubled or is complete, so that a peer which sends single bytes costs no
 * more than a constant number of looks at each of them.
 *
 * A frame all of whose bytes are at hand, as almost every small one is, needs none of that: `takeWhole`
 * goes past it at once.
 *
 * The header is described in header.ts. The reader does not know what a body says, and after FOREIGN
 * or TOO_LARGE it must not be used again: where later frames begin is unknown.
 */
import {
  bodyLengthOf,
  flagOf,
  HEADER_LENGTH,
  isEvent,
  isFrame,
  isRequest,
  mayBeFrame,
} from "./header";
import { giveHeldRoom, takeHeldRoom } from "../wire/held_room";
import { enlarge, roomFor } from "../wire/room";

/** What `FrameReader.next` found. */
export const enum Step {
  /** All bytes at hand are used up; feed more. */
  NEED_BYTES,
  /** A header and the first bytes of its body: answer with `accept` or `keep`. */
  HEAD,
  /** The frame's last byte has passed. */
  FRAME_END,
  /** The next two bytes are not Dubbo's magic number. */
  FOREIGN,
  /** The header states a body that is longer than allowed. */
  TOO_LARGE,
}

const enum State {
  HEADER,
  HEAD,
  REST,
  /** Between the head and the tail that was asked for. */
  GAP,
  TAIL,
}

/**
 * The most bytes of a request's head that are offered: five names of ordinary length need 150 to 250, a
 * descriptor of 255 long class names fits.
 */
const HEAD_WINDOW: u32 = 32 * 1024;
/** Bytes that tell a result's kind or an event's in every serialization; 14 is the longest seen. */
export const SHORT_WINDOW: u32 = 16;
/**
 * The bytes at a body's end that are offered as its tail: four times the longest attachments that known_heads.ts
 * remembers. All of them are kept and searched for each long request. Baggage alone may be longer (8 KiB in W3C's
 * Baggage); a context in front of it is missed.
 */
export const TAIL_WINDOW: u32 = 4096;
/** Room of a first carry in bytes: most heads (150 to 250) fit without a second block. */
const FIRST_CARRY: u32 = 256;

// What a reader was fed and what it offers, of the one reader that is in use: an idle connection must
// not pay for them.
let cursor: usize = 0;
let limit: usize = 0;
let offered: usize = 0;
let offeredLength: u32 = 0;

/** Reads the frames of one direction of one connection. */
@unmanaged
export class FrameReader {
  // The header's sixteen bytes: two fields, so that they lie inside the object.
  private header0: u64 = 0;
  private header1: u64 = 0;
  // Bytes of the body that were neither passed nor put into the carry.
  private rest: u32 = 0;
  private carry: usize = 0;
  private carryLength: u32 = 0;
  private carryRoom: u32 = 0;
  private nextOffer: u32 = 0;
  private state: u8 = <u8>State.HEADER;
  private headerLength: u8 = 0;
  /** Whether the offered bytes are all that will ever be offered of this body. */
  bodyComplete: bool = false;
  /** Whether bytes of the head are missing because there was no room to keep them. */
  isStarved: bool = false;
  /** Whether a whole frame has passed: what comes then is no longer a first impression. */
  hadFrames: bool = false;

  /** Where the offered bytes of the body lie; good until `accept`, `keep` or the next `feed`. */
  @inline
  get body(): usize {
    return offered;
  }

  /** How many bytes of the body are offered. */
  @inline
  get bodyLength(): u32 {
    return offeredLength;
  }

  /** The address of the current frame's header, from HEAD to FRAME_END. */
  @inline
  get header(): usize {
    return changetype<usize>(this) + offsetof<FrameReader>("header0");
  }

  /** How many bytes of the current body may be passed without being fed. */
  @inline
  get passable(): u32 {
    if (this.state == State.REST) return this.rest;
    return this.state == State.GAP ? this.rest - TAIL_WINDOW : 0;
  }

  /** Whether what is or will be offered is a body's tail. */
  @inline
  get isAtTail(): bool {
    return this.state == State.TAIL;
  }

  /** Whether the stream stands inside a frame: if it ended now, a frame would be cut off. */
  @inline
  get insideFrame(): bool {
    return this.state != State.HEADER || this.headerLength != 0;
  }

  /** How many bytes of the current frame, its header included, have passed or are kept. */
  get frameLength(): u32 {
    return this.hasHeader
      ? HEADER_LENGTH + bodyLengthOf(this.header) - this.rest
      : this.headerLength;
  }

  /** How many bytes of the current frame's header, or else of its body, are yet to come. */
  get missing(): u32 {
    return this.hasHeader ? this.rest : HEADER_LENGTH - this.headerLength;
  }

  /** Whether the header of a frame has passed, and the frame's last byte has not. */
  get hasHeader(): bool {
    return this.state != State.HEADER;
  }

  /**
   * Hands the reader `length` new bytes at `bytes`; all bytes that any reader was fed before must be
   * used up.
   */
  @inline
  feed(bytes: usize, length: u32): void {
    cursor = bytes;
    limit = bytes + length;
  }

  /** Passes `length` bytes that are not fed, at most `passable`; then `next` says what follows. */
  pass(length: u32): void {
    this.rest -= length;
    cursor = limit;
  }

  /**
   * Goes past the next frame if all of it is at hand, and offers its body as `next` would, but for the
   * header: that lies where it was fed and not at `header`.
   *
   * @param maxBody, requestWindow, answerWindow as for `next`
   * @returns the address of the frame's header; 0 where `next` must be asked
   */
  @inline
  takeWhole(maxBody: u32, requestWindow: u32, answerWindow: u32): usize {
    if (this.state != State.HEADER || this.headerLength != 0) return 0;
    const at = cursor;
    const left = <u32>(limit - at);
    if (left < HEADER_LENGTH || !isFrame(at)) return 0;
    const length = bodyLengthOf(at);
    if (length > maxBody || length > left - HEADER_LENGTH) return 0;
    offered = at + HEADER_LENGTH;
    const window = headWindow(flagOf(at), length, requestWindow, answerWindow);
    offeredLength = min<u32>(length, window);
    this.bodyComplete = true;
    this.isStarved = false;
    this.hadFrames = true;
    cursor = at + HEADER_LENGTH + length;
    return at;
  }

  /**
   * Goes on to the next thing in the stream.
   *
   * @param maxBody the longest body in bytes that a header may state
   * @param requestWindow the longest body of a request that is offered whole, for the attachments at
   *   its end; of a longer one only a head of `HEAD_WINDOW` is
   * @param answerWindow how many bytes of an answer's body are offered
   */
  next(maxBody: u32, requestWindow: u32, answerWindow: u32 = SHORT_WINDOW): Step {
    if (this.state == State.HEADER) {
      const step = this.readHeader();
      if (step != Step.HEAD) return step;
      this.rest = bodyLengthOf(this.header);
      if (this.rest > maxBody) return Step.TOO_LARGE;
      this.state = <u8>State.HEAD;
      this.nextOffer = 0;
      this.isStarved = false;
    }
    if (this.state == State.GAP) {
      const passed = min<u32>(this.rest - TAIL_WINDOW, <u32>(limit - cursor));
      cursor += passed;
      this.rest -= passed;
      if (this.rest != TAIL_WINDOW) return Step.NEED_BYTES;
      this.state = <u8>State.TAIL;
    }
    if (this.state != State.REST) return this.offerHead(requestWindow, answerWindow);
    const passed = min<u32>(this.rest, <u32>(limit - cursor));
    cursor += passed;
    this.rest -= passed;
    if (this.rest != 0) return Step.NEED_BYTES;
    this.state = <u8>State.HEADER;
    this.headerLength = 0;
    this.hadFrames = true;
    return Step.FRAME_END;
  }

  /** Offers what there is of a head that is kept, or nothing: no more of it is awaited. */
  offerKept(): void {
    offered = this.carry;
    offeredLength = this.carryLength;
    this.bodyComplete = true;
  }

  /** Ends the look at the head: what remains of the frame is passed. */
  accept(): void {
    this.state = <u8>State.REST;
    this.releaseCarry();
  }

  /**
   * Passes the offered head, and asks for the body's tail: its last `TAIL_WINDOW` bytes are offered next, as a head is.
   *
   * @returns false where some of them were passed, or are kept already: nothing has changed then
   */
  skipToTail(): bool {
    if (this.state != State.HEAD || this.rest < TAIL_WINDOW) return false;
    this.releaseCarry();
    this.state = <u8>State.GAP;
    return true;
  }

  /**
   * Asks for more bytes of an offered head that is not complete.
   *
   * @returns false when what is held in all may not grow any more: accept the head as unreadable
   */
  keep(): bool {
    if (this.carryLength == 0 && !this.append(<u32>(limit - cursor))) {
      this.isStarved = true;
      return false;
    }
    this.nextOffer = this.carryLength * 2;
    return true;
  }

  /** Gives the carry back; the reader may not be used afterwards. */
  releaseCarry(): void {
    if (this.carry == 0) return;
    heap.free(this.carry);
    giveHeldRoom(this.carryRoom);
    this.carry = 0;
    this.carryLength = 0;
    this.carryRoom = 0;
  }

  private readHeader(): Step {
    const available = <u32>(limit - cursor);
    const have: u32 = this.headerLength;
    const take = min<u32>(HEADER_LENGTH - have, available);
    const header = this.header;
    memory.copy(header + have, cursor, take);
    cursor += take;
    this.headerLength = <u8>(have + take);
    // The first byte alone tells foreign traffic: a peer that speaks first and then waits (as in a
    // TLS handshake) must not be taken for an unfinished header.
    if (!mayBeFrame(header, have + take)) return Step.FOREIGN;
    return have + take < HEADER_LENGTH ? Step.NEED_BYTES : Step.HEAD;
  }

  private offerHead(requestWindow: u32, answerWindow: u32): Step {
    const length = bodyLengthOf(this.header);
    const most = headWindow(flagOf(this.header), length, requestWindow, answerWindow);
    const window = this.state == State.TAIL ? TAIL_WINDOW : min<u32>(length, most);
    const available = min<u32>(this.rest, <u32>(limit - cursor));
    if (this.carryLength == 0) {
      if (available == 0 && window != 0) return Step.NEED_BYTES;
      offered = cursor;
      offeredLength = min<u32>(available, window);
    } else {
      const take = min<u32>(window - this.carryLength, available);
      const grown = this.append(take);
      if (grown && this.carryLength < window && this.carryLength < this.nextOffer) {
        return Step.NEED_BYTES;
      }
      offered = this.carry;
      offeredLength = this.carryLength;
      if (!grown) {
        // Out of room for good: what is there is all that will be offered.
        this.bodyComplete = true;
        this.isStarved = true;
        return Step.HEAD;
      }
    }
    this.bodyComplete = offeredLength == window;
    return Step.HEAD;
  }

  /** Moves `length` bytes from the cursor into the carry; false if there is no room for them. */
  private append(length: u32): bool {
    const needed = this.carryLength + length;
    if (needed > this.carryRoom) {
      const room = roomFor(needed, this.carryRoom, FIRST_CARRY);
      if (!takeHeldRoom(this.carryRoom, room)) return false;
      this.carry = enlarge(this.carry, this.carryLength, room);
      this.carryRoom = room;
    }
    memory.copy(this.carry + this.carryLength, cursor, length);
    this.carryLength = needed;
    cursor += length;
    this.rest -= length;
    return true;
  }
}

/** The most bytes that are offered of a body with this `flag` and `length`. */
// @ts-ignore: decorator
@inline
function headWindow(flag: u8, length: u32, requestWindow: u32, answerWindow: u32): u32 {
  if (isEvent(flag)) return SHORT_WINDOW;
  if (!isRequest(flag)) return answerWindow;
  return length <= requestWindow ? length : HEAD_WINDOW;
}
