// What Dubbo's providers register in Nacos at application level:
//
//   service        <application>; its instances have the metadata of application_instance.ts
//   configuration  data id <application>, group <revision>: the metadata of a revision, where it is remote
//
// All applications are read, so the configurations of group "mapping", which tell a consumer whose
// application it needs, are not asked for.

import { ApplicationMetadata } from "./application_metadata.ts";
import { Applications } from "./applications.ts";
import type { Directory } from "./directory.ts";
import type { NacosConfigs } from "./nacos_configs.ts";
import type { Host, Told } from "./nacos_services.ts";
import { weighed } from "./nacos_weight.ts";

/** Who reads them. */
export interface ApplicationsOptions {
  /** The registry's name, for the directory's places. */
  place: string;
  log: (line: string) => void;
  /** Lets the first full list wait for this too. */
  hold: (until: Promise<unknown>) => void;
}

/** Takes the applications of one Nacos. */
export class NacosApplications {
  readonly #all: Applications;

  constructor(directory: Directory, configs: NacosConfigs, options: ApplicationsOptions) {
    const { place: name, log, hold } = options;
    const metadata = new ApplicationMetadata(async ({ application, revision }) => {
      const text = await configs.read({ dataId: application, group: revision });
      if (text === undefined) throw new Error(`metadata ${application} ${revision} is not there`);
      return text;
    });
    this.#all = new Applications(directory, metadata, { name, log, hold });
  }

  /** Instances and interfaces that could not be read, as they are now. */
  get unreadable(): number {
    return this.#all.unreadable;
  }

  /** What takes the instances of a service; undefined for one that is no application. */
  wanted(application: string): Told | undefined {
    // The interface level's, and those of its consumers and rules.
    if (application.includes(":")) return undefined;
    let known = new Map<string, string>();
    return (hosts) => {
      const named = new Map(hosts.map((host) => [`${host.ip}:${host.port}`, host]));
      this.#all.list(application, named.keys());
      const before = known;
      known = new Map();
      for (const [name, host] of named) {
        const text = JSON.stringify(host);
        known.set(name, text);
        if (before.get(name) !== text) this.#say(application, name, host);
      }
    };
  }

  #say(application: string, name: string, host: Host): void {
    const { ip: address, port, metadata } = host;
    const text = JSON.stringify({ address, port, payload: { metadata } });
    this.#all.say(application, name, text, (one) => weighed(one, host));
  }
}
