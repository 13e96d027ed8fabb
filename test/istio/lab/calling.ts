// Calls that are made all the time from inside of a pod, while something else happens; see caller.ts.

import type { ManagedProcess } from "../../../harness/processes.ts";
import { fromRoot, ROOT } from "../../../harness/repository.ts";
import { deploymentOf } from "./kubernetes.ts";
import type { Pod } from "./pod.ts";

/** How to call. */
export interface CallingOptions {
  /** host:port, as the pod sees it. */
  dubbo: string;
  /** Each call over a connection of its own. */
  fresh?: boolean;
  /** Sends users instead of asking for them. */
  set?: boolean;
}

/** A process that calls; `startCalling` makes them. */
export class Calling {
  readonly #process: ManagedProcess;

  constructor(process: ManagedProcess) {
    this.#process = process;
  }

  /** The Deployment whose pod has answered each call so far, or "failed" and why. */
  get outcomes(): string[] {
    // What follows the last line's end is not complete.
    return this.#process.log.split("\n").slice(0, -1).map(outcomeOf);
  }

  /** The calls that were not answered. */
  get failures(): string[] {
    return this.outcomes.filter((outcome) => outcome.startsWith("failed"));
  }

  /** Resolved once this is true of the outcomes. Rejects after the time. */
  async until(what: string, ms: number, holds: (outcomes: string[]) => boolean): Promise<void> {
    await this.#process.waitUntil(what, ms, () => holds(this.outcomes));
  }

  /** Ends it, after the call that is under way; gives the outcomes of all calls. */
  async stop(): Promise<string[]> {
    await this.#process.stop();
    return this.outcomes;
  }
}

/** Starts to call. The caller has to stop it. */
export function startCalling(pod: Pod, options: CallingOptions): Calling {
  return new Calling(pod.start(program(pod, argumentsOf(options))));
}

/** Makes so many calls, one after another, and gives their outcomes. */
export async function callTimes(
  pod: Pod,
  options: CallingOptions,
  count: number,
): Promise<string[]> {
  const args = [...argumentsOf(options), "--count", String(count)];
  return (await pod.run(program(pod, args))).trim().split("\n").map(outcomeOf);
}

function outcomeOf(line: string): string {
  return line.startsWith("failed") ? line : deploymentOf(line);
}

function argumentsOf({ dubbo, fresh, set }: CallingOptions): string[] {
  return ["--dubbo", dubbo, ...(fresh ? ["--fresh"] : []), ...(set ? ["--set"] : [])];
}

function program(pod: Pod, args: string[]) {
  const file = fromRoot("test", "istio", "lab", "caller.ts");
  const command = [process.execPath, "--import", "tsx", file, ...args];
  return { name: `caller in ${pod.object.metadata.name}`, command, cwd: ROOT };
}
