// The parts of a demo: programs and Envoys that begin one after the other, and end together.

import { portInUse } from "./ports.ts";
import { startProcess, type ManagedProcess } from "./processes.ts";
import { fromRoot, ROOT } from "./repository.ts";

/** A program of demo/. */
export interface Program {
  /** How to call it in messages. */
  name: string;
  /** Its file, from demo/. */
  script: string;
  args?: string[];
  /** Added to the environment. */
  env?: Record<string, string>;
}

/** Starts a program of demo/, from the repository's root. */
export function startProgram({ name, script, args = [], env }: Program): ManagedProcess {
  const nodeArgs = [fromRoot("harness/run.mjs"), `demo/${script}`, ...args];
  return startProcess({ name, command: process.execPath, args: nodeArgs, cwd: ROOT, env });
}

/** How long a process that ended is missed before it starts again: time to see that it is gone. */
const REVIVE_MS = 2000;

/** What runs of a demo; `runParts` makes it. */
export class Parts {
  readonly #processes: ManagedProcess[] = [];
  #ending = false;

  /** Whether it was told to end, or one of the parts has ended. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Takes a process in. When it ends by itself, all of them end. */
  add(process: ManagedProcess): ManagedProcess {
    this.#processes.push(process);
    void process.ended.then((how) => {
      if (!this.#ending) this.#endAfter(process, how);
    });
    return process;
  }

  /** Starts a process, and again each time that it ends in good order, as Kubernetes would. */
  keep(start: () => ManagedProcess): ManagedProcess {
    const process = start();
    this.#processes.push(process);
    void process.ended.then((how) => {
      if (this.#ending) return;
      if (how !== "exit code 0") return this.#endAfter(process, how);
      this.#processes.splice(this.#processes.indexOf(process), 1);
      console.log(`${process.name} ended, and starts again`);
      this.keep(start);
    });
    return process;
  }

  /**
   * Starts a process, and again each time that it ends, however that comes about: a provider that is
   * killed comes back. Resolved once it is `ready`; one that ends before it was ends all of them.
   */
  async revive(
    start: () => ManagedProcess,
    ready: (process: ManagedProcess) => Promise<void>,
  ): Promise<void> {
    const process = start();
    this.#processes.push(process);
    await ready(process);
    void process.ended.then(async (how) => {
      if (this.#ending) return;
      this.#processes.splice(this.#processes.indexOf(process), 1);
      console.log(`${process.name} ended (${how}), and starts again`);
      await new Promise((resolve) => setTimeout(resolve, REVIVE_MS));
      if (this.#ending) return;
      await this.revive(start, ready).catch((error: Error) => {
        if (!this.#ending) console.error(error.message);
        return this.end(1);
      });
    });
  }

  /** Sends SIGKILL to the process of that name; false where none runs. */
  kill(name: string): boolean {
    return this.#processes.find((process) => process.name === name)?.kill("SIGKILL") ?? false;
  }

  /** Ends all parts, the last one first, and then this process with the exit code. */
  async end(code: number): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    // First who calls, then who passes on, then who answers.
    for (const part of [...this.#processes].reverse()) await part.stop().catch(console.error);
    process.exit(code);
  }

  #endAfter(process: ManagedProcess, how: string): void {
    console.error(`${process.name} ended (${how}); its last output:\n${process.lastLines()}`);
    void this.end(1);
  }
}

/**
 * Runs a demo until SIGINT, SIGTERM or SIGHUP, which end it with exit code 0, or until a part dies or
 * `start` rejects, which is exit code 1. What `start` resolves to is printed once all is up.
 */
export async function runParts(start: (parts: Parts) => Promise<string>): Promise<void> {
  const parts = new Parts();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => void parts.end(0));
  }
  try {
    const whatToTry = await start(parts);
    if (!parts.ending) console.log(whatToTry);
  } catch (error) {
    // A part that died was reported already, and ended whoever waited for it.
    if (!parts.ending) console.error(error instanceof Error ? error.message : error);
    await parts.end(1);
  }
}

/** Rejects where a port is in use, with a line for each of those that says who wants it. */
export async function refuseUsedPorts(wanted: [part: string, port: number][]): Promise<void> {
  const used: string[] = [];
  for (const [name, port] of wanted) {
    if (await portInUse(port)) used.push(`port ${port}, for ${name}, is in use`);
  }
  if (used.length > 0) throw new Error(used.join("\n"));
}
