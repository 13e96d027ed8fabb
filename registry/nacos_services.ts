// The services of one group of a Nacos, and who serves each, as it changes.
//
//   ServiceListRequest          their names, page by page; asked again each second, for Nacos 2 pushes none
//   SubscribeServiceRequest     one service's instances, and from then on each change of these
//   ← NotifySubscriberRequest   a change: all of its instances
//
// A service that is gone from the list stays subscribed to, as its providers may come again.

import { KnownList, type EmptyProtection } from "./empty_protection.ts";
import type { NacosConnection } from "./nacos_connection.ts";
import type { Fields } from "./nacos_payload.ts";

/** An instance of a service, as Nacos has it. */
export interface Host {
  ip: string;
  port: number;
  /** Of Nacos' own: 1 unless an operator has set another. */
  weight: number;
  metadata: Record<string, string>;
}

/** What to read, and how. */
export interface ServicesOptions {
  namespace: string;
  group: string;
  /** How long to wait before the list is asked for again, in ms. */
  pollMs: number;
  protection: EmptyProtection;
  log: (line: string) => void;
  /** What a service's instances are told to; undefined for one that nobody wants. */
  wanted: (name: string) => Told | undefined;
}

/** Gets all instances of a service whenever there are others, those left out that nobody is to call. */
export type Told = (hosts: Host[]) => void;

interface Subscription {
  name: string;
  told: Told;
  known: KnownList;
  /** By this connection. */
  isAsked: boolean;
  /** The server's time of what was told last: an answer and a push may overtake each other. */
  at: number;
}

const PAGE = 500;
/** So many are asked for at once. */
const AT_ONCE = 50;

/** It asks from `connected` on. */
export class NacosServices {
  readonly #connection: NacosConnection;
  readonly #options: ServicesOptions;
  readonly #all = new Map<string, Subscription>();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #listed: (() => void) | undefined;
  /** Resolved when all that there was has been told once. */
  readonly listed = new Promise<void>((resolve) => (this.#listed = resolve));

  constructor(connection: NacosConnection, options: ServicesOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** There is a new connection, which knows of no subscription. */
  connected(): void {
    for (const one of this.#all.values()) {
      one.isAsked = false;
      one.at = 0;
    }
    void this.#look();
  }

  /** The server has pushed a NotifySubscriberRequest. */
  pushed(fields: Fields): void {
    this.#take(fields.serviceInfo as Fields | null);
  }

  /** Asks no more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      for (const name of await this.#names()) this.#add(name);
      const unasked = [...this.#all.values()].filter((one) => !one.isAsked);
      for (let i = 0; i < unasked.length; i += AT_ONCE) {
        await Promise.all(unasked.slice(i, i + AT_ONCE).map((one) => this.#subscribe(one)));
      }
      this.#listed?.();
    } catch (error) {
      // A connection that is lost has been told of, and the next one asks again.
      if (!this.#connection.state.connected || this.#isClosed) return;
      this.#options.log(`nacos: ${(error as Error).message}; again soon`);
    }
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), this.#options.pollMs);
  }

  async #names(): Promise<Set<string>> {
    const { namespace, group: groupName } = this.#options;
    const names = new Set<string>();
    for (let pageNo = 1; ; pageNo++) {
      const page = { namespace, groupName, serviceName: "", pageNo, pageSize: PAGE, selector: "" };
      const response = await this.#connection.request("ServiceListRequest", page);
      const some = (response.serviceNames ?? []) as string[];
      for (const name of some) names.add(plainName(name));
      if (some.length === 0 || pageNo * PAGE >= Number(response.count)) return names;
    }
  }

  #add(name: string): void {
    if (this.#all.has(name)) return;
    const told = this.#options.wanted(name);
    if (told === undefined) return;
    this.#all.set(name, { name, told, known: new KnownList(), isAsked: false, at: 0 });
  }

  async #subscribe(one: Subscription): Promise<void> {
    const { namespace, group: groupName } = this.#options;
    const what = { namespace, groupName, serviceName: one.name, subscribe: true, clusters: "" };
    const response = await this.#connection.request("SubscribeServiceRequest", what);
    one.isAsked = true;
    this.#take(response.serviceInfo as Fields | null);
  }

  #take(info: Fields | null | undefined): void {
    const one = this.#all.get(plainName(String(info?.name)));
    const at = Number(info?.lastRefTime ?? 0);
    if (one === undefined || at < one.at) return;
    one.at = at;
    const hosts = ((info!.hosts ?? []) as Fields[]).flatMap(hostOf);
    const { protection } = this.#options;
    const again = () => {
      one.isAsked = false;
      void this.#look();
    };
    if (protection.believes(one.name, hosts.length, one.known, again)) one.told(hosts);
  }
}

// Nacos itself leaves those out that are not healthy, unless there would be too few.
function hostOf({ ip, port, weight, enabled, healthy, metadata }: Fields): Host[] {
  if (enabled === false || healthy === false) return [];
  const texts = (metadata ?? {}) as Record<string, string>;
  return [{ ip: String(ip), port: Number(port), weight: Number(weight ?? 1), metadata: texts }];
}

// Some servers put the group before it.
function plainName(name: string): string {
  return name.slice(name.lastIndexOf("@") + 1);
}
