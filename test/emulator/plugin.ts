// One plugin instance: a root context with its configuration. Several may live in one VM.

import type { LogLine, Vm } from "./emulator.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import type { HostContext } from "./context.ts";
import { HostError } from "./errors.ts";
import { HeaderMap, HttpStream, type Headers } from "./http_stream.ts";
import { Properties, type PropertyValues } from "./properties.ts";

const EMPTY = new Uint8Array(0);

export interface PluginOptions {
  /** The plugin's configuration, the string that the module reads. */
  config?: string;
  rootId?: string;
  name?: string;
  properties?: PropertyValues;
}

/** A request of the module's own. */
export interface SentRequest {
  cluster: string;
  headers: Headers;
  body: Uint8Array;
  timeout: number;
}

/** A plugin; made by `Vm.plugin`. */
export class Plugin implements HostContext {
  readonly id: number;
  readonly plugin: Plugin = this;
  readonly connection = null;
  readonly stream = null;
  readonly properties: Properties;
  readonly configuration: Uint8Array;
  /** What the module logged when it refused to start with this configuration. */
  readonly refused: readonly LogLine[] | undefined;
  /** As asked for by `proxy_set_tick_period_milliseconds`; 0 for no ticks. */
  tickMilliseconds = 0;
  /** The module answered `proxy_on_done` with false and has not called `proxy_done` yet. */
  awaitsDone = false;

  /** The clusters that there are; requests to others are refused. */
  readonly clusters = new Set<string>();
  /** Requests that the module has made; the first has token 1. */
  readonly sent: SentRequest[] = [];
  /** Headers of the answer that is open, for the host functions. */
  answerHeaders?: HeaderMap;

  readonly #vm: Vm;
  #deleted = false;

  constructor(vm: Vm, options: PluginOptions) {
    this.#vm = vm;
    this.configuration = new TextEncoder().encode(options.config ?? "");
    const rootId = options.rootId ?? "dubbo";
    const own = { plugin_name: options.name ?? rootId, plugin_root_id: rootId };
    this.properties = new Properties({ ...own, ...options.properties }, vm.properties);
    this.id = vm.addContext(this);
    const logged = vm.logs.length;
    vm.call(this, "proxy_on_context_create", EMPTY, 0);
    const accepted =
      vm.call(this, "proxy_on_vm_start", EMPTY, vm.configuration.length) !== 0 &&
      vm.call(this, "proxy_on_configure", EMPTY, this.configuration.length) !== 0;
    this.refused = accepted ? undefined : vm.logs.slice(logged);
  }

  /** A client connects to the listener that has this plugin. */
  connect(options: ConnectionOptions = {}): Connection {
    this.#mustServe();
    return new Connection(this.#vm, this, options);
  }

  /** A request begins in the HTTP connection manager that has this plugin; send its headers next. */
  openStream(properties: PropertyValues = {}): HttpStream {
    this.#mustServe();
    return new HttpStream(this.#vm, this, properties);
  }

  /** The request with this token is answered, or null: no answer came in time. */
  answer(token: number, headers: Headers | null): void {
    const callback = "proxy_on_http_call_response";
    this.answerHeaders = headers === null ? undefined : new HeaderMap(callback, headers);
    this.#vm.call(this, callback, EMPTY, token, headers?.length ?? 0);
    this.answerHeaders = undefined;
  }

  #mustServe(): void {
    if (this.refused !== undefined || this.#deleted) {
      throw new HostError(`plugin ${this.id} takes no connections: refused or shut down`);
    }
  }

  /** Its listener is gone: `proxy_on_done`, then `proxy_on_delete` unless the module asks to wait. */
  shutdown(): void {
    this.tickMilliseconds = 0;
    this.awaitsDone = this.#vm.call(this, "proxy_on_done", EMPTY) === 0;
    if (!this.awaitsDone) this.delete();
  }

  /** For the host: the module has said `proxy_done`, or had nothing to wait for. */
  delete(): void {
    this.awaitsDone = false;
    this.#vm.call(this, "proxy_on_delete", EMPTY);
    this.#deleted = true;
    this.#vm.removeContext(this);
  }
}
