// Reads what Dubbo's providers register in ZooKeeper at application level:
//
//   /services/<application>/<address>:<port>      ephemeral; JSON: application_instance.ts
//
// All applications are read, so /<root>/mapping/<interface>, which tells a consumer whose application it
// needs, is not asked.

import { Applications } from "./applications.ts";
import { ApplicationMetadata } from "./application_metadata.ts";
import type { Directory } from "./directory.ts";
import { KnownList } from "./empty_protection.ts";
import type { Watch, ZooKeeperSession } from "./zookeeper_session.ts";

/** All applications of one ensemble. */
export class ZooKeeperApplications {
  readonly #session: ZooKeeperSession;
  readonly #all: Applications;
  readonly #services: string;
  readonly #applications = new Set<string>();

  /**
   * @param root the node above "metadata", without slashes; Dubbo's own is "dubbo"
   * @param services the node above the applications, without slashes; Dubbo's own is "services"
   */
  constructor(directory: Directory, session: ZooKeeperSession, root: string, services: string) {
    this.#session = session;
    this.#services = services;
    const metadata = new ApplicationMetadata(async ({ application, revision }) => {
      const path = `/${root}/metadata/${application}/${revision}`;
      // dubbo-go 3.3.2 leaves "metadata" out (metadata/report/zookeeper/report.go).
      const text =
        (await session.read(path)) ?? (await session.read(`/${root}/${application}/${revision}`));
      if (text === undefined) throw new Error(`${path} is not there`);
      return text;
    });
    this.#all = new Applications(directory, metadata, {
      name: `zookeeper ${session.servers}`,
      log: (line) => session.log(line),
      hold: (until) => session.hold(until),
    });
    session.children(`/${services}`, (names) => names?.forEach((name) => this.#add(name)));
  }

  /** Nodes and interfaces that could not be read, as they are now. */
  get unreadable(): number {
    return this.#all.unreadable;
  }

  #add(application: string): void {
    if (this.#applications.has(application)) return;
    this.#applications.add(application);
    const path = `/${this.#services}/${application}`;
    const known = new KnownList();
    const watches = new Map<string, Watch>();
    const list: Watch = this.#session.children(path, (nodes = []) => {
      if (!this.#session.believes(application, nodes.length, known, list)) return;
      for (const [node, watch] of watches) {
        if (nodes.includes(node)) continue;
        watch.close();
        watches.delete(node);
      }
      this.#all.list(application, nodes);
      for (const node of nodes) {
        if (watches.has(node)) continue;
        const watch = this.#session.data(`${path}/${node}`, (text) => {
          // Where it is gone the list says so too.
          if (text !== undefined) this.#all.say(application, node, text);
        });
        watches.set(node, watch);
      }
    });
  }
}
