// One client connection under a plugin: offers bytes as Envoy's connection does and keeps what
// goes through. `size` in a data callback is the whole buffer, not what is new; what the module
// lets through (Continue) is gone from the buffer, what it holds (StopIteration) is offered again.

import { Action, Peer } from "./abi.ts";
import type { HostContext } from "./context.ts";
import type { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import { concat } from "./hex.ts";
import type { Plugin } from "./plugin.ts";
import { Properties, type PropertyValues } from "./properties.ts";

const EMPTY = new Uint8Array(0);

/** Envoy's default `per_connection_buffer_limit_bytes`. */
const BUFFER_LIMIT = 1024 * 1024;

export interface ConnectionOptions {
  properties?: PropertyValues;
  /** Bytes the module may hold back; from there on Envoy reads no more and the client waits. */
  bufferLimit?: number;
  /** False: `toUpstream` and `toDownstream` stay empty. For runs of millions of bytes. */
  collect?: boolean;
}

/** One direction of a connection: the buffer that is offered, and what has left it. */
class Direction {
  buffer: Uint8Array = EMPTY;
  ended = false;
  #forwarded: Uint8Array[] = [];

  append(bytes: Uint8Array): void {
    this.buffer = this.buffer.length === 0 ? bytes : concat([this.buffer, bytes]);
  }

  /** Empties the buffer and returns what was in it. */
  take(collect: boolean): Uint8Array {
    const taken = this.buffer;
    this.buffer = EMPTY;
    if (collect && taken.length > 0) this.#forwarded.push(taken);
    return taken;
  }

  get forwarded(): Uint8Array {
    if (this.#forwarded.length === 0) return EMPTY;
    if (this.#forwarded.length > 1) this.#forwarded = [concat(this.#forwarded)];
    return this.#forwarded[0]!;
  }
}

/** A connection; made by `Plugin.connect`. The bytes handed to it must not change afterwards. */
export class Connection implements HostContext {
  readonly id: number;
  readonly plugin: Plugin;
  readonly connection: Connection = this;
  readonly stream = null;
  readonly properties: Properties;
  /** What `proxy_on_new_connection` returned, see `Action`. */
  readonly newConnectionAction: number;
  /** Objects that the module set by `set_envoy_filter_state`, and `wasm.<path>` properties. */
  readonly filterState = new Map<string, string>();
  /** For the host functions: bytes on their way from the client, from the server. */
  readonly fromDownstream = new Direction();
  readonly fromUpstream = new Direction();

  /** Whether the module let the connection go on after it had stopped it. */
  continued = false;
  /** Whether the module has closed the connection itself. */
  closedFromInside = false;

  /** Whether the last callback has stopped it: then its bytes are open to the module in other callbacks too. */
  stopped: boolean;
  #wentOn: Uint8Array[] = [];

  readonly #vm: Vm;
  readonly #bufferLimit: number;
  readonly #collect: boolean;
  #closed = false;

  constructor(vm: Vm, plugin: Plugin, options: ConnectionOptions) {
    this.#vm = vm;
    this.plugin = plugin;
    this.properties = new Properties(options.properties ?? {}, plugin.properties);
    this.#bufferLimit = options.bufferLimit ?? BUFFER_LIMIT;
    this.#collect = options.collect ?? true;
    this.id = vm.addContext(this);
    vm.call(this, "proxy_on_context_create", EMPTY, plugin.id);
    this.newConnectionAction = this.#action("proxy_on_new_connection", EMPTY);
    this.stopped = this.newConnectionAction === Action.StopIteration;
  }

  /** Everything that has gone on to the server. */
  get toUpstream(): Uint8Array {
    return this.fromDownstream.forwarded;
  }

  /** Everything that has gone back to the client. */
  get toDownstream(): Uint8Array {
    return this.fromUpstream.forwarded;
  }

  /** Bytes of the client that the module holds back. */
  get heldBytes(): number {
    return this.fromDownstream.buffer.length;
  }

  /** The client sent `bytes`, and with `end` its FIN. Returns what goes on to the server now. */
  downstream(bytes: Uint8Array, end = false): Uint8Array {
    const from = this.fromDownstream;
    this.#append(from, bytes, end);
    this.#wentOn = [];
    const action = this.#action("proxy_on_downstream_data", from.buffer, end);
    this.stopped = action !== Action.Continue;
    if (!this.stopped) this.#wentOn.push(from.take(this.#collect));
    const wentOn = this.#wentOn.length === 1 ? this.#wentOn[0]! : concat(this.#wentOn);
    if (!this.stopped) return wentOn;
    if (from.buffer.length >= this.#bufferLimit) {
      throw new HostError(
        `${from.buffer.length} bytes held in a buffer of ${this.#bufferLimit}: Envoy reads no more`,
      );
    }
    return wentOn;
  }

  /** For the host: the module lets go on what is there, once the callback has returned. */
  goOn(): void {
    if (this.#vm.callback !== "proxy_on_downstream_data" && !this.stopped) {
      throw new HostError("proxy_continue_stream of a connection that is not stopped");
    }
    this.continued = true;
    this.#vm.afterCall(() => {
      if (!this.#closed) this.#wentOn.push(this.fromDownstream.take(this.#collect));
    });
  }

  /** The server sent `bytes`, and with `end` its FIN. Returns what goes back to the client now. */
  upstream(bytes: Uint8Array, end = false): Uint8Array {
    const from = this.fromUpstream;
    this.#append(from, bytes, end);
    const action = this.#action("proxy_on_upstream_data", from.buffer, end);
    if (action !== Action.Continue) {
      throw new HostError("StopIteration for upstream data: nothing in Envoy can resume it");
    }
    const taken = from.take(this.#collect);
    if (end) this.#vm.call(this, "proxy_on_upstream_connection_close", EMPTY, Peer.unknown);
    return taken;
  }

  /** Closes the connection, as Envoy itself (`local`) or the client (`remote`) may. */
  close(by: "local" | "remote"): void {
    this.#mustBeOpen();
    this.#vm.call(this, "proxy_on_downstream_connection_close", EMPTY, Peer[by]);
    this.end();
  }

  /** The module closes the connection: it is told so at once, and the context ends afterwards. */
  closeFromInside(): void {
    if (this.closedFromInside) throw new HostError("proxy_close_stream for the second time");
    this.closedFromInside = true;
    this.#vm.reenter(this, "proxy_on_downstream_connection_close", Peer.local);
    this.#vm.afterCall(() => this.end());
  }

  /** Ends the context without a close callback, as when Envoy drops the filter. */
  end(): void {
    this.#mustBeOpen();
    // Envoy does not wait for a connection whatever proxy_on_done says.
    this.#vm.call(this, "proxy_on_done", EMPTY);
    this.#vm.call(this, "proxy_on_log", EMPTY);
    this.#vm.call(this, "proxy_on_delete", EMPTY);
    this.#closed = true;
    this.#vm.removeContext(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  #append(from: Direction, bytes: Uint8Array, end: boolean): void {
    this.#mustBeOpen();
    if (from.ended) throw new Error("bytes after the end of stream: a fault of the test");
    if (bytes.length === 0 && !end) {
      throw new Error("no bytes and no end of stream: Envoy makes no such callback");
    }
    from.ended = end;
    from.append(bytes);
  }

  #action(callback: string, buffer: Uint8Array, end = false): number {
    const action = this.#vm.call(this, callback, buffer, buffer.length, end ? 1 : 0);
    if (action !== Action.Continue && action !== Action.StopIteration) {
      throw new HostError(`${callback} returned ${action}, which is no action`);
    }
    return action;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new HostError(`context ${this.id} has been deleted`);
  }
}
