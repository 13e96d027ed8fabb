// Reads all that one group of a namespace of Nacos knows of Dubbo's providers, at the levels that are asked for,
// and the operators' rules. As Nacos' own clients it has a connection for services and one for
// configurations.

import type { Directory } from "./directory.ts";
import { EmptyProtection } from "./empty_protection.ts";
import { namingNamespace, type NacosAddress } from "./nacos_address.ts";
import { NacosApplications } from "./nacos_applications.ts";
import { NacosConfigs } from "./nacos_configs.ts";
import { NacosConnection, type NacosModule } from "./nacos_connection.ts";
import { NacosInterfaces } from "./nacos_interfaces.ts";
import type { Fields } from "./nacos_payload.ts";
import { NacosRules } from "./nacos_rules.ts";
import { NacosServices } from "./nacos_services.ts";
import type { Reader, ReaderState, RegisterMode } from "./reader.ts";
import { Settled } from "./settled.ts";

/** Where to read, and what. */
export interface NacosOptions {
  address: NacosAddress;
  registerMode: RegisterMode;
  /** How long to wait before the list of services is asked for again, in ms. */
  pollMs: number;
  /** For how long after a new connection an empty list is not believed, in ms. */
  emptyProtectionMs: number;
  log: (line: string) => void;
}

/** What takes what one connection hears. */
interface Part {
  connected(): void;
  pushed(fields: Fields): void;
  close(): void;
}

/** One Nacos; it reads from its construction to `close`. */
export class NacosReader implements Reader {
  readonly #connections: NacosConnection[] = [];
  readonly #protections: EmptyProtection[] = [];
  readonly #parts: Part[] = [];
  readonly #levels: (NacosInterfaces | NacosApplications)[] = [];
  readonly #rules: NacosRules;
  /** Resolved when all that was there has been read once. */
  readonly listed: Promise<void>;

  constructor(directory: Directory, options: NacosOptions) {
    const { address, registerMode, log, pollMs } = options;
    const { servers, namespace, group, configGroup } = address;
    const place = `nacos ${servers.join()} ${namespace} ${group}`;
    const settled = new Settled();
    const configs = this.#part(
      options,
      "config",
      "ConfigChangeNotifyRequest",
      (connection, protection) => new NacosConfigs(connection, namespace, protection, log),
    );
    this.#rules = new NacosRules(directory, configs, { place, group: configGroup, log });
    if (registerMode !== "instance") {
      this.#levels.push(new NacosInterfaces(directory, place, log));
    }
    if (registerMode !== "interface") {
      const hold = (until: Promise<unknown>) => settled.hold(until);
      this.#levels.push(new NacosApplications(directory, configs, { place, log, hold }));
    }
    const services = this.#part(
      options,
      "naming",
      "NotifySubscriberRequest",
      (connection, protection) => {
        const wanted = (name: string) =>
          this.#levels.map((level) => level.wanted(name)).find((told) => told !== undefined);
        const common = { group, pollMs, protection, log, wanted };
        return new NacosServices(connection, { namespace: namingNamespace(address), ...common });
      },
    );
    settled.hold(services.listed);
    this.listed = settled.done.then(() => this.#rules.look());
  }

  get state(): ReaderState {
    const states = this.#connections.map((one) => one.state);
    return {
      connected: Number(states.every((one) => one.connected)),
      connections: Math.max(...states.map((one) => one.connections)),
      // A client of Nacos has no session that outlives its connection.
      expired: 0,
      emptyListsKept: this.#protections.reduce((sum, { kept }) => sum + kept, 0),
      unreadable: this.#levels.reduce((sum, level) => sum + level.unreadable, 0),
      unreadableRules: this.#rules.unreadable,
    };
  }

  /** Ends its connections. What was read stays in the directory. */
  close(): void {
    for (const one of [...this.#parts, ...this.#protections, ...this.#connections]) one.close();
  }

  #part<T extends Part>(
    options: NacosOptions,
    module: NacosModule,
    push: string,
    make: (connection: NacosConnection, protection: EmptyProtection) => T,
  ): T {
    const { address, log } = options;
    const protection = new EmptyProtection(options.emptyProtectionMs, log);
    const connection: NacosConnection = new NacosConnection({
      servers: address.servers,
      namespace: module === "naming" ? namingNamespace(address) : address.namespace,
      module,
      log,
      connected: () => {
        protection.connected();
        part.connected();
      },
      pushed: (type, fields) => {
        if (type === push) part.pushed(fields);
      },
    });
    const part: T = make(connection, protection);
    this.#connections.push(connection);
    this.#protections.push(protection);
    this.#parts.push(part);
    return part;
  }
}
