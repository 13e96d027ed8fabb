// A caller of either provider, and what became of its calls, in the words of docs/faults.md.

import { DubboClient } from "../../demo/dubbo/client.ts";
import {
  DubboConnectionError,
  DubboStatusError,
  DubboTimeoutError,
  messageOf,
} from "../../demo/dubbo/errors.ts";
import { statusName } from "../../demo/dubbo/protocol.ts";
import type { Method } from "./methods.ts";

/** What became of one call. */
export type Outcome = string;

/** The outcome of a call that went well. */
export const ANSWERED: Outcome = "answered";
/** The outcome of a call whose connection ended before the answer. */
export const LOST: Outcome = "connection lost";
/** The outcome of a call that was lost, made again and answered. */
export const ANSWERED_LATER: Outcome = "answered when tried again";

/** A caller's own limit where it is part of the scene, and where it must not be. */
export const SHORT_MS = 500;
const PATIENCE_MS = 15_000;
/** Dubbo's consumers try a call that got lost twice more, unless told otherwise (`retries`). */
export const TRIES = 3;

/** A Dubbo client that dials when it calls, and again after it lost its connection. */
export class Client {
  readonly #client: DubboClient;
  readonly #interface: string;

  constructor(port: number, of: string) {
    this.#client = new DubboClient({ port, timeoutMs: PATIENCE_MS });
    this.#interface = of;
  }

  /** Makes one call. Never rejects: what went wrong is an outcome. */
  async call(method: Method, timeoutMs: number = PATIENCE_MS): Promise<Outcome> {
    try {
      await this.#client.invoke({
        interface: this.#interface,
        method,
        descriptor: "",
        args: [],
        timeoutMs,
      });
      return ANSWERED;
    } catch (error) {
      return outcomeOf(error);
    }
  }

  /** Makes one call as Dubbo's consumers do, again where it got lost. */
  async callAgain(method: Method): Promise<Outcome> {
    for (let tried = 1; ; tried++) {
      const outcome = await this.call(method);
      if (outcome === ANSWERED && tried > 1) return ANSWERED_LATER;
      if (outcome !== LOST || tried === TRIES) return outcome;
    }
  }

  /** Makes so many of the same calls at once, over one connection. */
  calls(count: number, method: Method, timeoutMs?: number): Promise<Outcome[]> {
    return Promise.all(Array.from({ length: count }, () => this.call(method, timeoutMs)));
  }

  /** Ends its connection. */
  close(): void {
    this.#client.close();
  }
}

/** Equal outcomes together, e.g. "2 × answered, connection closed". */
export function summary(outcomes: readonly Outcome[]): string {
  const counts = new Map<Outcome, number>();
  for (const one of outcomes) counts.set(one, (counts.get(one) ?? 0) + 1);
  const shown = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  return shown.map(([one, count]) => (count === 1 ? one : `${count} × ${one}`)).join(", ");
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof DubboStatusError) return `status ${statusName(error.status)}`;
  if (error instanceof DubboTimeoutError) return "its own timeout";
  if (!(error instanceof DubboConnectionError)) return messageOf(error);
  if (error.message.includes("ECONNREFUSED")) return "connection refused";
  // Whether Envoy ends or resets it is a matter of what it has read by then.
  const isLost = /ECONNRESET|EPIPE|closed the connection|is gone/.test(error.message);
  return isLost ? LOST : error.message;
}
