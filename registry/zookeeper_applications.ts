// Reads what Dubbo's providers register in ZooKeeper at application level:
//
//   /services/<application>/<address>:<port>      ephemeral; JSON: application_instance.ts
//
// All applications are read, so /<root>/mapping/<interface>, which tells a consumer whose application it
// needs, is not asked.

import { applicationInstance, instancesOf } from "./application_instance.ts";
import { ApplicationMetadata } from "./application_metadata.ts";
import { APPLICATION_LEVEL, type Directory } from "./directory.ts";
import type { Instance } from "./instance.ts";
import { KnownList, type Watch, type ZooKeeperSession } from "./zookeeper_session.ts";

/** So long the program waits for the metadata of a provider that does not answer before it serves. */
const PATIENCE_MS = 5000;

/** One process of an application. */
interface Process {
  watch: Watch;
  instances: Instance[];
  /** How many of its interfaces, or all of it, could not be read. */
  unreadable: number;
  /** Counts what its node said: what was asked for an older saying is of no use. */
  sayings: number;
}

/** All applications of one ensemble. */
export class ZooKeeperApplications {
  readonly #directory: Directory;
  readonly #session: ZooKeeperSession;
  readonly #metadata: ApplicationMetadata;
  readonly #services: string;
  readonly #applications = new Map<string, Map<string, Process>>();

  /**
   * @param root the node above "metadata", without slashes; Dubbo's own is "dubbo"
   * @param services the node above the applications, without slashes; Dubbo's own is "services"
   */
  constructor(directory: Directory, session: ZooKeeperSession, root: string, services: string) {
    this.#directory = directory;
    this.#session = session;
    this.#metadata = new ApplicationMetadata(session, root);
    this.#services = services;
    session.children(`/${services}`, (names) => names?.forEach((name) => this.#add(name)));
  }

  /** Nodes and interfaces that could not be read, as they are now. */
  get unreadable(): number {
    let sum = 0;
    for (const processes of this.#applications.values()) {
      for (const { unreadable } of processes.values()) sum += unreadable;
    }
    return sum;
  }

  #add(application: string): void {
    if (this.#applications.has(application)) return;
    const processes = new Map<string, Process>();
    this.#applications.set(application, processes);
    const path = `/${this.#services}/${application}`;
    const known = new KnownList();
    const watch: Watch = this.#session.children(path, (nodes = []) => {
      if (this.#session.believes(application, nodes.length, known, watch)) {
        this.#take(application, processes, nodes);
      }
    });
  }

  #take(application: string, processes: Map<string, Process>, nodes: string[]): void {
    const now = new Set(nodes);
    for (const [node, { watch }] of processes) {
      if (now.has(node)) continue;
      watch.close();
      processes.delete(node);
    }
    for (const node of nodes) {
      if (processes.has(node)) continue;
      const one: Process = { watch: undefined!, instances: [], unreadable: 0, sayings: 0 };
      processes.set(node, one);
      const path = `/${this.#services}/${application}/${node}`;
      one.watch = this.#session.data(path, (text) => {
        // Where it is gone the list says so too.
        if (text === undefined) return;
        this.#session.hold(patiently(this.#read(application, processes, node, text)));
      });
    }
    this.#tell(application, processes);
  }

  async #read(
    application: string,
    processes: Map<string, Process>,
    node: string,
    text: string,
  ): Promise<void> {
    const process = processes.get(node);
    if (process === undefined) return;
    const saying = ++process.sayings;
    const isNeeded = () => processes.get(node) === process && process.sayings === saying;
    const leftOut = (why: string) => {
      this.#session.log(`${application} ${node}: left out: ${why}`);
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
            })
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
    const at = `zookeeper ${this.#session.servers} application ${application}`;
    this.#directory.set(at, instances, APPLICATION_LEVEL);
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
