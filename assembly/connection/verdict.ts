/**
 * What becomes of a frame, as values: requests.ts and answers.ts say it, framing.ts carries it out.
 */

/** What is done with a frame of which the header is there, or a part of it. */
export const enum Mode {
  /** It goes on as it comes, and is read in passing. */
  OBSERVE,
  /** It is held back until it is whole; then there is a verdict on it. */
  HOLD,
  /** Its bytes go nowhere as they come; after them, what goes on in its place is written. */
  DROP,
  /** Nothing of the connection goes on any more. */
  CUT_OFF,
}

/** What becomes of a frame that is there as a whole. */
export const enum Verdict {
  /** It goes on as it is. */
  KEEP,
  /** What was written to the splice goes on in its place. */
  REPLACE,
  /** It goes nowhere. */
  DROP,
  /** It must not go on, and nothing after it. */
  CUT_OFF,
}
