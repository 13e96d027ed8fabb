/**
 * One direction of a connection: its frames, and what was understood of the frame that is passing.
 */
import { FrameReader } from "../dubbo/frame_reader";
import { Direction, EventLabel, Outcome, Reason } from "../metrics/names";
import { Series } from "../metrics/series";


@unmanaged
@final
export class Half extends FrameReader {
  /** Who sends the bytes of this half. */
  direction: Direction;
  /** The outcome of the response that is passing. */
  outcome: Outcome = Outcome.UNKNOWN;
  /** The series of the call whose request is passing. */
  series: Series | null = null;
  /** What the event that is passing says. */
  event: EventLabel = EventLabel.OTHER;
  /** What is wrong with the frame that is passing, if `hasFault`. */
  fault: Reason = Reason.MALFORMED_REQUEST;
  hasFault: bool = false;
  /** Whether the frames before were large, so that most of the next bytes will not be looked at. */
  expectsLarge: bool = false;

  constructor(direction: Direction) {
    super();
    this.direction = direction;
  }

  /** Notes what is wrong with the frame, to be counted when it has passed. */
  setFault(fault: Reason): void {
    this.fault = fault;
    this.hasFault = true;
  }
}
