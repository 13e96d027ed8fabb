/**
 * What becomes of a request, as a value: request_routing.ts says it, the connection carries it out.
 */

/** What becomes of a request's bytes. */
export const enum Decision {
  /** They go on as they are. */
  KEEP,
  /** What was appended to the plugin's splice goes on in their place. */
  REWRITE,
  /** They must not go on, and nothing after them. */
  REFUSE,
}
