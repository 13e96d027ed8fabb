/**
 * One direction of a connection: its frames, and what was understood of the frame that is passing.
 */
import { FrameReader } from "../dubbo/frame_reader";
import { Direction, EventLabel, Outcome, Reason } from "../call/vocabulary";
import { dropNotedCall, NotedCall } from "../telemetry/noted_call";
import { dropThrown, Thrown } from "../telemetry/thrown";
import { Series } from "../metrics/series";

/** In place of a fault. */
export const NO_FAULT: u8 = 0xff;

/** One of the two directions. */
@unmanaged
@final
export class Half extends FrameReader {
  // Words of call/vocabulary.ts in one byte each, where the reader's own bytes end: every connection has
  // two of these.
  /** Who sends the bytes of this half: a `Direction`. */
  direction: u8;
  /** The outcome of the response that is passing: an `Outcome`. */
  outcome: u8 = <u8>Outcome.UNKNOWN;
  /** What the event that is passing says: an `EventLabel`. */
  event: u8 = <u8>EventLabel.OTHER;
  /** What is wrong with the frame that is passing: a `Reason`, or `NO_FAULT`. */
  fault: u8 = NO_FAULT;
  /** Whether the attachments of the request that is passing name another path than its head. */
  isPathOverruled: bool = false;
  /** Whether the frame that is passing goes nowhere. */
  isDropped: bool = false;
  /** Whether the frames before were large, so that most of the next bytes will not be looked at. */
  expectsLarge: bool = false;
  /** The series of the call whose request is passing. */
  series: Series | null = null;
  /** What is noted for telemetry of the call whose request is passing, or null. */
  noted: NotedCall | null = null;
  /** The class of the exception in the answer that is passing, or null. */
  thrown: Thrown | null = null;

  constructor(direction: Direction) {
    super();
    this.direction = <u8>direction;
  }

  /** Gives everything back. */
  free(): void {
    this.releaseCarry();
    const noted = this.noted;
    if (noted) dropNotedCall(noted);
    const thrown = this.thrown;
    if (thrown) dropThrown(thrown);
    heap.free(changetype<usize>(this));
  }

  /** Notes what is wrong with the frame, to be counted when it has passed. */
  setFault(fault: Reason): void {
    this.fault = <u8>fault;
  }
}
