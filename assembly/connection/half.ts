/**
 * One direction of a connection: its frames, and what was understood of the frame that is passing.
 */
import { FrameReader } from "../dubbo/frame_reader";
import { Direction, EventLabel, Outcome, Reason } from "../call/vocabulary";
import { dropTracedCall, TracedCall } from "../telemetry/traced_call";
import { Series } from "../metrics/series";

/** One of the two directions. */
@unmanaged
@final
export class Half extends FrameReader {
  /** The series of the call whose request is passing. */
  series: Series | null = null;
  /** The trace of the call whose request is passing, if it is recorded. */
  trace: TracedCall | null = null;
  // Words of call/vocabulary.ts in one byte each: every connection has two of these.
  /** Who sends the bytes of this half: a `Direction`. */
  direction: u8;
  /** The outcome of the response that is passing: an `Outcome`. */
  outcome: u8 = <u8>Outcome.UNKNOWN;
  /** What the event that is passing says: an `EventLabel`. */
  event: u8 = <u8>EventLabel.OTHER;
  /** What is wrong with the frame that is passing, if `hasFault`: a `Reason`. */
  fault: u8 = 0;
  hasFault: bool = false;
  /** Whether the frame that is passing is at hand as a whole, and nothing of it has gone on. */
  isHeld: bool = false;
  /** Whether the frame that is passing goes nowhere. */
  isDropped: bool = false;
  /** Whether the frames before were large, so that most of the next bytes will not be looked at. */
  expectsLarge: bool = false;

  constructor(direction: Direction) {
    super();
    this.direction = <u8>direction;
  }

  /** Gives everything back. */
  free(): void {
    this.releaseCarry();
    const trace = this.trace;
    if (trace) dropTracedCall(trace);
    heap.free(changetype<usize>(this));
  }

  /** Notes what is wrong with the frame, to be counted when it has passed. */
  setFault(fault: Reason): void {
    this.fault = <u8>fault;
    this.hasFault = true;
  }
}
