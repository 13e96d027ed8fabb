// Child processes whose output is kept and that never outlive their parent.
//
// Each child leads a process group of its own: Ctrl-C in a terminal reaches only the parent, which
// then decides how to stop them, and a stop reaches a child's children too.

import { spawn, type ChildProcess } from "node:child_process";

/** What to start. */
export interface ProcessOptions {
  /** How to call it in messages. */
  name: string;
  command: string;
  args?: string[];
  cwd?: string;
  /** Added to the parent's environment. */
  env?: Record<string, string>;
}

const LOG_CHARS = 4 * 1024 * 1024;
const TERM_MS = 5000;
const KILL_MS = 2000;
const POLL_MS = 50;
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

const running = new Set<ManagedProcess>();
let guarded = false;

/** A child process; `startProcess` makes them. */
export class ManagedProcess {
  readonly name: string;
  /** Resolved with how it ended, e.g. "exit code 1", once it has; never rejects. */
  readonly ended: Promise<string>;

  readonly #child: ChildProcess;
  #log = "";
  #end: string | undefined;

  constructor(options: ProcessOptions) {
    this.name = options.name;
    this.#child = spawn(options.command, options.args ?? [], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#log += text;
        // The oldest goes first: what a long run ends with is what one wants to see. Not at each
        // chunk, since each cut copies all of it.
        if (this.#log.length > 2 * LOG_CHARS) this.#log = this.#log.slice(-LOG_CHARS);
      });
    }
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#end ??= how;
        running.delete(this);
        resolve(this.#end);
      };
      this.#child.once("error", (error) => end(error.message));
      // Not "exit": only now all output has been read.
      this.#child.once("close", (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  /** Undefined where it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** How it ended; undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Its standard output and error so far; of a long one only the end, at least 4 Mi characters. */
  get log(): string {
    return this.#log;
  }

  /** The last lines of its output. */
  lastLines(count: number = 20): string {
    return this.#log.trimEnd().split("\n").slice(-count).join("\n");
  }

  /** Sends a signal to it and its children; false where they are gone. */
  kill(signal: NodeJS.Signals): boolean {
    if (this.pid === undefined) return false;
    try {
      return process.kill(-this.pid, signal);
    } catch {
      return false;
    }
  }

  /**
   * Resolved once the probe says yes. Rejects after `ms`, or as soon as the process has ended, with
   * the last lines of its output; a probe that throws says no.
   */
  async waitUntil(what: string, ms: number, probe: () => unknown): Promise<void> {
    const deadline = Date.now() + ms;
    let failure = "";
    for (;;) {
      if (this.#end !== undefined) throw this.#error(`ended (${this.#end}) before ${what}`);
      try {
        if (await probe()) return;
        failure = "";
      } catch (error) {
        failure = ` (${String(error)})`;
      }
      if (Date.now() >= deadline) throw this.#error(`was not ${what} in ${ms} ms${failure}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** SIGTERM, and SIGKILL where that does not end it in `termMs`. Resolved with how it ended. */
  async stop(termMs: number = TERM_MS): Promise<string> {
    for (const [signal, ms] of [
      ["SIGTERM", termMs],
      ["SIGKILL", KILL_MS],
    ] as const) {
      // Its group's number may be another's by now once it has ended.
      if (this.#end !== undefined) break;
      this.kill(signal);
      await this.#endedWithin(ms);
    }
    if (this.#end === undefined) throw this.#error("could not be stopped");
    return this.#end;
  }

  async #endedWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, ms)));
    await Promise.race([this.ended, late]);
    clearTimeout(timer);
  }

  #error(what: string): Error {
    return new Error(`${this.name} ${what}; its last output:\n${this.lastLines()}`);
  }
}

/** Starts a child process. It is killed when this process ends, however that comes about. */
export function startProcess(options: ProcessOptions): ManagedProcess {
  guard();
  const child = new ManagedProcess(options);
  if (child.pid !== undefined) running.add(child);
  return child;
}

// Of the ways to end only SIGKILL cannot be caught.
function guard(): void {
  if (guarded) return;
  guarded = true;
  const killAll = () => {
    for (const child of running) child.kill("SIGKILL");
  };
  process.on("exit", killAll);
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      // Who has a handler of their own ends the process in their own way, and "exit" follows.
      if (process.listenerCount(signal) === 1) process.exit(128 + number);
    });
  }
}
