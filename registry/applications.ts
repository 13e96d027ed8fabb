// Processes of applications, as a registry tells of them one by one, and the interfaces that each serves,
// once its metadata is known.

import { applicationInstance, instancesOf } from "./application_instance.ts";
import type { ApplicationMetadata } from "./application_metadata.ts";
import { APPLICATION_LEVEL, type Directory } from "./directory.ts";
import type { Instance } from "./instance.ts";

/** So long the program waits for the metadata of a provider that does not answer before it serves. */
const PATIENCE_MS = 5000;

/** One process of an application. */
interface Process {
  instances: Instance[];
  /** How many of its interfaces, or all of it, could not be read. */
  unreadable: number;
  /** Counts what was said of it: what was asked for an older saying is of no use. */
  sayings: number;
}

/** The registry that tells of them. */
export interface Teller {
  /** Its name, for the directory's places. */
  name: string;
  log(line: string): void;
  /** Lets the first full list wait for this too. */
  hold(until: Promise<unknown>): void;
}

/** What becomes of an instance. */
type Finish = (one: Instance) => Instance | undefined;

/** All applications of one registry. */
export class Applications {
  readonly #directory: Directory;
  readonly #metadata: ApplicationMetadata;
  readonly #teller: Teller;
  readonly #applications = new Map<string, Map<string, Process>>();

  constructor(directory: Directory, metadata: ApplicationMetadata, teller: Teller) {
    this.#directory = directory;
    this.#metadata = metadata;
    this.#teller = teller;
  }

  /** What could not be read, as it is now. */
  get unreadable(): number {
    let sum = 0;
    for (const processes of this.#applications.values()) {
      for (const { unreadable } of processes.values()) sum += unreadable;
    }
    return sum;
  }

  /** These processes there are; of those that are new nothing is known yet. */
  list(application: string, names: Iterable<string>): void {
    const processes = this.#processes(application);
    const now = new Set(names);
    for (const name of processes.keys()) if (!now.has(name)) processes.delete(name);
    for (const name of now) {
      if (!processes.has(name)) processes.set(name, { instances: [], unreadable: 0, sayings: 0 });
    }
    this.#tell(application, processes);
  }

  /**
   * What one of those says of itself: application_instance.ts.
   *
   * @param finish what the registry itself says of each of its instances; undefined for one nobody calls
   */
  say(application: string, name: string, text: string, finish: Finish = (one) => one): void {
    this.#teller.hold(patiently(this.#read(application, name, text, finish)));
  }

  #processes(application: string): Map<string, Process> {
    let processes = this.#applications.get(application);
    if (processes === undefined) {
      processes = new Map();
      this.#applications.set(application, processes);
    }
    return processes;
  }

  async #read(application: string, name: string, text: string, finish: Finish): Promise<void> {
    const processes = this.#processes(application);
    const process = processes.get(name);
    if (process === undefined) return;
    const saying = ++process.sayings;
    const isNeeded = () => processes.get(name) === process && process.sayings === saying;
    const leftOut = (why: string) => {
      this.#teller.log(`${application} ${name}: left out: ${why}`);
    };
    try {
      const one = applicationInstance(application, text);
      const services =
        one &&
        (await this.#metadata.services(one, isNeeded, (why) => {
          process.unreadable = 1;
          leftOut(why);
        }));
      if (!isNeeded()) return;
      process.unreadable = 0;
      process.instances =
        one && services
          ? instancesOf(one, services, (why) => {
              process.unreadable++;
              leftOut(why);
            }).flatMap((its) => finish(its) ?? [])
          : [];
    } catch (error) {
      process.unreadable = 1;
      process.instances = [];
      leftOut((error as Error).message);
    }
    this.#tell(application, processes);
  }

  #tell(application: string, processes: Map<string, Process>): void {
    const instances = [...processes.values()].flatMap((one) => one.instances);
    this.#directory.set(
      `${this.#teller.name} application ${application}`,
      instances,
      APPLICATION_LEVEL,
    );
  }
}

function patiently(work: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    void work.finally(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
