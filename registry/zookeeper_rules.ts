// Reads what operators say of providers in ZooKeeper:
//
//   /<root>/config/dubbo/<interface>:<version>:<group>.configurators      YAML: rule_yaml.ts
//   /<root>/config/dubbo/<application>.configurators, <application>.tag-router
//   /<root>/<interface>/configurators/<percent-encoded override:// URL>   override_url.ts

import type { Directory } from "./directory.ts";
import { KnownList } from "./empty_protection.ts";
import { overrideOfUrl } from "./override_url.ts";
import { isRuleNode, rulesOfYaml } from "./rule_yaml.ts";
import type { Rule } from "./rules.ts";
import { NOT_INTERFACES } from "./zookeeper_interfaces.ts";
import type { Watch, ZooKeeperSession } from "./zookeeper_session.ts";

/** All rules of one ensemble. */
export class ZooKeeperRules {
  readonly #directory: Directory;
  readonly #session: ZooKeeperSession;
  readonly #root: string;
  readonly #nodes = new Map<string, Watch>();
  readonly #interfaces = new Set<string>();
  /** How many rules could not be read, by place. */
  readonly #unreadable = new Map<string, number>();

  /** @param root the node above the interfaces and "config", without slashes */
  constructor(directory: Directory, session: ZooKeeperSession, root: string) {
    this.#directory = directory;
    this.#session = session;
    this.#root = root;
    const path = `/${root}/config/dubbo`;
    const known = new KnownList();
    const watch: Watch = session.children(path, (names = []) => {
      const nodes = names.filter(isRuleNode);
      if (session.believes("rules", nodes.length, known, watch)) this.#take(path, nodes);
    });
    session.children(`/${root}`, (names) => names?.forEach((name) => this.#addInterface(name)));
  }

  /** Rules that could not be read, as they are now. */
  get unreadable(): number {
    return [...this.#unreadable.values()].reduce((sum, count) => sum + count, 0);
  }

  #take(path: string, nodes: string[]): void {
    for (const [node, watch] of this.#nodes) {
      if (nodes.includes(node)) continue;
      watch.close();
      this.#nodes.delete(node);
      this.#tell(node, [], () => []);
    }
    for (const node of nodes) {
      if (this.#nodes.has(node)) continue;
      const watch = this.#session.data(`${path}/${node}`, (text) => {
        // Where it is gone the list says so too.
        if (text !== undefined) this.#tell(node, [text], (it) => rulesOfYaml(node, it));
      });
      this.#nodes.set(node, watch);
    }
  }

  #addInterface(name: string): void {
    if (NOT_INTERFACES.has(name) || this.#interfaces.has(name)) return;
    this.#interfaces.add(name);
    const known = new KnownList();
    let told = 0;
    const watch: Watch = this.#session.children(
      `/${this.#root}/${name}/configurators`,
      (urls = []) => {
        if (!this.#session.believes(`overrides of ${name}`, urls.length, known, watch)) return;
        if (urls.length === 0 && told === 0) return;
        told = urls.length;
        this.#tell(`${name}/configurators`, urls, (url) =>
          [overrideOfUrl(url)].flatMap((it) => it ?? []),
        );
      },
    );
  }

  #tell(place: string, texts: string[], read: (text: string) => Rule[]): void {
    let unreadable = 0;
    const rules = texts.flatMap((text) => {
      try {
        return read(text);
      } catch (error) {
        unreadable++;
        this.#session.log(`rule ${place} is left out: ${(error as Error).message}`);
        return [];
      }
    });
    this.#unreadable.set(place, unreadable);
    this.#directory.setRules(`zookeeper ${this.#session.servers} ${place}`, rules);
  }
}
