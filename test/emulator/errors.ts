// The two ways in which a module under test can fail the emulator, each with what led to it.

import { hexOf } from "./hex.ts";

/** How much of the offending input an error message shows, in bytes. */
const SHOWN_INPUT = 512;

/** The module did what Envoy refuses, leaves undefined, or what this project forbids itself. */
export class HostError extends Error {
  override name = "HostError";
}

/** The module trapped (or a host function threw) inside a callback; `cause` is the first error. */
export class Trap extends Error {
  override name = "Trap";
  /** The export that was running. */
  readonly callback: string;
  /** The whole buffer that a data callback was offered; empty for other callbacks. */
  readonly input: Uint8Array;

  constructor(callback: string, contextId: number, input: Uint8Array, cause: unknown) {
    const shown = hexOf(input.subarray(0, SHOWN_INPUT));
    const rest = input.length > SHOWN_INPUT ? ` … (${input.length} bytes)` : "";
    const told = input.length === 0 ? "" : `\ninput: ${shown}${rest}`;
    super(`${callback} of context ${contextId}: ${String(cause)}${told}`, { cause });
    this.callback = callback;
    this.input = input;
  }
}
