// What the caller asks of the faulty provider: the words that both ends of a fault have in common.

/** What a call asks for. */
export type Method =
  /** The answer at once. */
  | "answer"
  /** The answer after `SLOW_MS`. */
  | "answerSlowly"
  /** No answer ever. */
  | "keepSilent"
  /** The end of the connection (FIN), or its reset, in place of an answer. */
  | "close"
  | "reset"
  /** The same in the middle of the answer. */
  | "answerHalfAndClose"
  | "answerHalfAndReset";

/** Interface that the faulty provider serves, and that of the healthy one beside it. */
export const FAULTY = "com.k8s.Fault.FaultyProvider";
export const HEALTHY = "com.k8s.Fault.HealthyProvider";
/** How long a slow answer takes: longer than anything that happens meanwhile. */
export const SLOW_MS = 1000;
/** How long half an answer stands alone. */
export const HALF_MS = 50;
