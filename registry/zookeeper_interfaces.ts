// Reads what Dubbo's providers register in ZooKeeper at interface level:
//
//   /<root>/<interface>/providers/<percent-encoded URL>      ephemeral: gone with the provider's session

import { INTERFACE_LEVEL, type Directory } from "./directory.ts";
import { KnownList } from "./empty_protection.ts";
import type { Instance } from "./instance.ts";
import { instanceOf } from "./provider_url.ts";
import type { Watch, ZooKeeperSession } from "./zookeeper_session.ts";

/** Nodes below the root that are no interfaces: the application level's and the rules'. */
export const NOT_INTERFACES = new Set(["config", "mapping", "metadata"]);

/** All interfaces of one ensemble. */
export class ZooKeeperInterfaces {
  readonly #directory: Directory;
  readonly #session: ZooKeeperSession;
  readonly #root: string;
  /** How many nodes of each interface are no provider's URL, as listed last. */
  readonly #places = new Map<string, number>();

  /** @param root the node above the interfaces, without slashes; Dubbo's own is "dubbo" */
  constructor(directory: Directory, session: ZooKeeperSession, root: string) {
    this.#directory = directory;
    this.#session = session;
    this.#root = root;
    session.children(`/${root}`, (names) => names?.forEach((name) => this.#add(name)));
  }

  /** Nodes that are no provider's URL, as listed last. */
  get unreadable(): number {
    return [...this.#places.values()].reduce((sum, count) => sum + count, 0);
  }

  #add(name: string): void {
    if (NOT_INTERFACES.has(name) || this.#places.has(name)) return;
    this.#places.set(name, 0);
    const known = new KnownList();
    const watch: Watch = this.#session.children(
      `/${this.#root}/${name}/providers`,
      (nodes = []) => {
        if (this.#session.believes(name, nodes.length, known, watch)) {
          this.#take(name, nodes);
        }
      },
    );
  }

  #take(name: string, nodes: string[]): void {
    const instances: Instance[] = [];
    let unreadable = 0;
    for (const node of nodes) {
      try {
        const one = instanceOf(node);
        if (one !== undefined) instances.push(one);
      } catch (error) {
        unreadable++;
        this.#session.log(`${name}: a provider is left out: ${(error as Error).message}`);
      }
    }
    this.#places.set(name, unreadable);
    const at = `zookeeper ${this.#session.servers} interface ${name}`;
    this.#directory.set(at, instances, INTERFACE_LEVEL);
  }
}
