// Configurations of a Nacos, as they change.
//
//   ConfigBatchListenRequest       which of these are others than the client knows, by MD5; and tell me
//   ← ConfigChangeNotifyRequest    one is another
//   ConfigQueryRequest             what it says
//
// What was never there is told to nobody.

import { KnownList, type EmptyProtection } from "./empty_protection.ts";
import { NacosError, type NacosConnection } from "./nacos_connection.ts";
import type { Fields } from "./nacos_payload.ts";

/** The name of a configuration. */
export interface ConfigName {
  dataId: string;
  group: string;
}

interface Watch extends ConfigName {
  told: (text: string | undefined) => void;
  known: KnownList;
  /** Of what was told last; "" where it is not there. */
  md5: string;
  /** By this connection. */
  isListened: boolean;
}

/** Nacos' word for a configuration that is not there. */
const NOT_FOUND = 300;
const AT_ONCE = 500;
const RETRY_MS = 1000;

/** It asks while there is a connection. */
export class NacosConfigs {
  readonly #connection: NacosConnection;
  readonly #tenant: string;
  readonly #protection: EmptyProtection;
  readonly #log: (line: string) => void;
  readonly #watches = new Map<string, Watch>();
  #retry: NodeJS.Timeout | undefined;

  /** @param tenant the namespace; "" for the one without a name */
  constructor(
    connection: NacosConnection,
    tenant: string,
    protection: EmptyProtection,
    log: (line: string) => void,
  ) {
    this.#connection = connection;
    this.#tenant = tenant;
    this.#protection = protection;
    this.#log = log;
  }

  /** What it says now; undefined where it is not there. */
  async read(name: ConfigName): Promise<string | undefined> {
    return (await this.#query(name))?.text;
  }

  /** Tells what it says whenever that is another; undefined where it is not there any more. */
  watch(name: ConfigName, told: (text: string | undefined) => void): void {
    const known = new KnownList();
    this.#watches.set(keyOf(name), { ...name, told, known, md5: "", isListened: false });
  }

  /** Listens to those that are new; resolved when all that is there has been told, or failed. */
  async listen(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      const unheard = [...this.#watches.values()].filter((one) => !one.isListened);
      for (let i = 0; i < unheard.length; i += AT_ONCE) {
        await this.#listenTo(unheard.slice(i, i + AT_ONCE));
      }
    } catch (error) {
      this.#failed(error as Error);
    }
  }

  /** There is a new connection, which listens to nothing. */
  connected(): void {
    for (const one of this.#watches.values()) one.isListened = false;
    void this.listen();
  }

  /** The server has pushed a ConfigChangeNotifyRequest. */
  pushed(fields: Fields): void {
    const one = this.#watches.get(keyOf(fields as unknown as ConfigName));
    if (one === undefined) return;
    this.#ask(one).catch((error) => {
      one.isListened = false;
      this.#failed(error);
    });
  }

  /** Asks no more. */
  close(): void {
    clearTimeout(this.#retry);
  }

  async #listenTo(some: Watch[]): Promise<void> {
    const tenant = this.#tenant;
    const response = await this.#connection.request("ConfigBatchListenRequest", {
      listen: true,
      configListenContexts: some.map(({ dataId, group, md5 }) => ({ dataId, group, tenant, md5 })),
    });
    for (const one of some) one.isListened = true;
    const changed = (response.changedConfigs ?? []) as ConfigName[];
    const others = changed.flatMap((name) => this.#watches.get(keyOf(name)) ?? []);
    try {
      await Promise.all(others.map((one) => this.#ask(one)));
    } catch (error) {
      for (const one of others) one.isListened = false;
      throw error;
    }
  }

  async #ask(one: Watch): Promise<void> {
    const found = await this.#query(one);
    const again = () => {
      one.isListened = false;
      void this.listen();
    };
    const what = `rule ${one.dataId}`;
    if (!this.#protection.believes(what, found === undefined ? 0 : 1, one.known, again)) return;
    one.md5 = found?.md5 ?? "";
    one.told(found?.text);
  }

  async #query(name: ConfigName): Promise<{ text: string; md5: string } | undefined> {
    const { dataId, group } = name;
    try {
      const what = { dataId, group, tenant: this.#tenant };
      const { content, md5 } = await this.#connection.request("ConfigQueryRequest", what);
      return { text: String(content), md5: String(md5) };
    } catch (error) {
      if (error instanceof NacosError && error.code === NOT_FOUND) return undefined;
      throw error;
    }
  }

  // A connection that is lost has been told of, and the next one listens again.
  #failed(error: Error): void {
    if (!this.#connection.state.connected) return;
    this.#log(`nacos: ${error.message}; again in a second`);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.listen(), RETRY_MS);
  }
}

function keyOf({ dataId, group }: ConfigName): string {
  return `${group} ${dataId}`;
}
