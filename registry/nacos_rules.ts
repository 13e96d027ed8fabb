// What operators say of providers in Nacos, as configurations of one group ("dubbo" unless set):
//
//   <interface>:<version>:<group>.configurators        YAML: rule_yaml.ts
//   <application>.configurators, <application>.tag-router
//
// Nacos 2 lists no configurations to its clients, so those are listened to that could be there: of each service
// and application that is known.

import type { Directory } from "./directory.ts";
import type { NacosConfigs } from "./nacos_configs.ts";
import { rulesOfYaml } from "./rule_yaml.ts";
import { serviceParts } from "./service_key.ts";

/** Where they are. */
export interface RulesOptions {
  /** The registry's name, for the directory's places. */
  place: string;
  /** Of the configurations. */
  group: string;
  log: (line: string) => void;
}

/** The rules of one Nacos. */
export class NacosRules {
  readonly #directory: Directory;
  readonly #configs: NacosConfigs;
  readonly #options: RulesOptions;
  readonly #watched = new Set<string>();
  readonly #unreadable = new Set<string>();

  constructor(directory: Directory, configs: NacosConfigs, options: RulesOptions) {
    this.#directory = directory;
    this.#configs = configs;
    this.#options = options;
    directory.onChange(() => void this.look());
  }

  /** Rules that could not be read, as they are now. */
  get unreadable(): number {
    return this.#unreadable.size;
  }

  /** Listens to the rules of what is new in the directory; resolved when these have been told. */
  async look(): Promise<void> {
    const before = this.#watched.size;
    for (const [key, instances] of this.#directory.services()) {
      const { interface: name, version, group } = serviceParts(key);
      this.#watch(`${name}:${version}:${group}.configurators`);
      for (const { application } of instances) {
        if (application === "") continue;
        this.#watch(`${application}.configurators`);
        this.#watch(`${application}.tag-router`);
      }
    }
    if (this.#watched.size > before) await this.#configs.listen();
  }

  #watch(dataId: string): void {
    if (this.#watched.has(dataId)) return;
    this.#watched.add(dataId);
    const { place, group, log } = this.#options;
    this.#configs.watch({ dataId, group }, (text = "") => {
      this.#unreadable.delete(dataId);
      let rules: ReturnType<typeof rulesOfYaml> = [];
      try {
        rules = rulesOfYaml(dataId, text);
      } catch (error) {
        this.#unreadable.add(dataId);
        log(`rule ${dataId} is left out: ${(error as Error).message}`);
      }
      this.#directory.setRules(`${place} ${dataId}`, rules);
    });
  }
}
