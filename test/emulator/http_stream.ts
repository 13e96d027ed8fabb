// One HTTP stream under a plugin: a request and its response, as Envoy shows them to an HTTP filter
// (measured on 1.39.3): `size` in a body callback is what is new, a map of headers is open in its own
// callback only, names are lower case, and a change of a request's headers makes Envoy choose the
// route again. At the end it calls log, done and delete, in this order.

import { Action, STOP_ALL_ITERATION_AND_WATERMARK } from "./abi.ts";
import type { HostContext } from "./context.ts";
import type { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import type { Plugin } from "./plugin.ts";
import { Properties, propertyPath, type PropertyValues } from "./properties.ts";

const EMPTY = new Uint8Array(0);
const NAME = /^:?[a-z0-9!#$%&'*+.^_`|~-]+$/;
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Names and values in the order of their coming; a name may come twice. */
export type Headers = [name: string, value: string][];

/** What the module told Envoy to answer. */
export interface LocalResponse {
  code: number;
  grpcStatus: number;
  text: string;
}

/** Which bits Envoy sets in its response flags where a stream ends early (stream_info.h). */
export const ResponseFlag = {
  none: 0,
  upstreamTimeout: 1 << 2,
  upstreamReset: 1 << 6,
  clientDisconnected: 1 << 14,
  clientReset: 1 << 28,
} as const;

/** A map of headers that may be open to the module. */
export class HeaderMap {
  #headers: Headers;
  /** The callback in which it is open. */
  readonly callback: string;
  /** How often the module changed it. */
  changes = 0;

  constructor(callback: string, headers: Headers) {
    for (const [name, value] of headers) checkHeader(name, value, "a fault of the test");
    this.callback = callback;
    this.#headers = headers;
  }

  /** All of them, in order. */
  get headers(): Headers {
    return this.#headers;
  }

  /** The first value, as Envoy's `getHeaderMapValue` has it. */
  get(name: string): string | undefined {
    return this.#headers.find(([key]) => key === name.toLowerCase())?.[1];
  }

  /** Takes out all of a name, and puts one in at the end. */
  replace(name: string, value: string): void {
    checkHeader(name, value, "Envoy fails the call, or the server reads another header");
    this.remove(name);
    this.#headers.push([name.toLowerCase(), value]);
  }

  remove(name: string): void {
    this.changes++;
    this.#headers = this.#headers.filter(([key]) => key !== name.toLowerCase());
  }
}

function checkHeader(name: string, value: string, why: string): void {
  const isGood = NAME.test(name.toLowerCase()) && !CONTROL.test(value);
  if (!isGood) throw new HostError(`header ${JSON.stringify([name, value])}: ${why}`);
}

/** A stream; made by `Plugin.openStream`. The callbacks may be run in any order that Envoy may have. */
export class HttpStream implements HostContext {
  /** 0 until Envoy makes the context, which it does right before the first callback. */
  id = 0;
  readonly plugin: Plugin;
  readonly connection = null;
  readonly stream: HttpStream = this;
  readonly properties: Properties;
  /** `wasm.<path>` properties. */
  readonly filterState = new Map<string, string>();
  /** For the host functions: the maps by `proxy_map_type_t`, as far as they came. */
  readonly maps: (HeaderMap | undefined)[] = [];
  /** For the host functions: the body that is open. */
  /** What the module told Envoy to answer, if it did. */
  localResponse?: LocalResponse;
  body: Uint8Array = EMPTY;
  /** Whether the module has the request wait. */
  stopped = false;
  /** What comes of the request meanwhile. */
  #waiting: (() => void)[] = [];
  readonly #vm: Vm;
  #ended = false;

  constructor(vm: Vm, plugin: Plugin, properties: PropertyValues) {
    this.#vm = vm;
    this.plugin = plugin;
    this.properties = new Properties(properties, plugin.properties);
  }

  /** The client sent its headers; answers those that go on to the server. */
  request(headers: Headers, end = false): Headers {
    this.#create();
    const isGrpc = headers.some(
      ([name, value]) => name === "content-type" && value.startsWith("application/grpc"),
    );
    const goesOn = this.#headers(0, "proxy_on_request_headers", headers, end);
    if (this.localResponse !== undefined) this.#answer(this.localResponse, isGrpc);
    return goesOn;
  }

  /** Envoy answers itself, once the callback has returned; its own answer passes the filter too. */
  #answer({ code, grpcStatus, text }: LocalResponse, isGrpc: boolean): void {
    if (!isGrpc) {
      this.response([[":status", String(code)]]);
      return this.responseBody(Buffer.from(text, "latin1"), true);
    }
    const headers: Headers = [
      [":status", "200"],
      ["content-type", "application/grpc"],
      ["grpc-status", String(grpcStatus)],
      ["grpc-message", text],
    ];
    this.response(headers, true, code);
  }

  /** The client sent some of the body. */
  requestBody(bytes: Uint8Array, end = false): void {
    if (this.stopped) this.#waiting.push(() => this.requestBody(bytes, end));
    else this.#body("proxy_on_request_body", bytes, end);
  }

  /** For the host: the module lets the request go on, once the callback has returned. */
  goOn(): void {
    if (!this.stopped) throw new HostError("proxy_continue_stream of a request that does not wait");
    this.#vm.afterCall(() => {
      this.stopped = false;
      for (const show of this.#waiting.splice(0)) show();
    });
  }

  /** The client sent trailers; answers those that go on, none while the request waits. */
  requestTrailers(trailers: Headers): Headers {
    if (this.stopped) {
      this.#waiting.push(() => this.requestTrailers(trailers));
      return [];
    }
    return this.#headers(1, "proxy_on_request_trailers", trailers, false);
  }

  /** The server, or Envoy in its place, sent headers. `code` is not `:status` in a gRPC local reply. */
  response(headers: Headers, end = false, code?: number): void {
    const status = headers.find(([name]) => name === ":status")?.[1];
    if (status === undefined) throw new Error("a response without :status: a fault of the test");
    this.properties.set(propertyPath("response", "code"), code ?? Number(status));
    this.#headers(2, "proxy_on_response_headers", headers, end);
  }

  /** The server sent some of the body. */
  responseBody(bytes: Uint8Array, end = false): void {
    this.#body("proxy_on_response_body", bytes, end);
  }

  /** The server sent trailers, which end the response. */
  responseTrailers(trailers: Headers): void {
    this.#headers(3, "proxy_on_response_trailers", trailers, false);
  }

  /** The stream has ended, with these `ResponseFlag` bits. */
  end(flags: number = ResponseFlag.none): void {
    // A request that never came to the filter is logged all the same.
    if (this.id === 0) this.#create();
    this.#mustBeOpen();
    this.properties.set(propertyPath("response", "flags"), flags);
    for (const callback of ["proxy_on_log", "proxy_on_done", "proxy_on_delete"]) {
      this.#vm.call(this, callback, EMPTY);
    }
    this.#ended = true;
    this.#vm.removeContext(this);
  }

  #create(): void {
    if (this.id !== 0) throw new Error("a second request in one stream: a fault of the test");
    this.id = this.#vm.addContext(this);
    this.#vm.call(this, "proxy_on_context_create", EMPTY, this.plugin.id);
  }

  #headers(type: number, callback: string, headers: Headers, end: boolean): Headers {
    this.#mustBeOpen();
    const map = new HeaderMap(callback, headers);
    this.maps[type] = map;
    this.#run(callback, EMPTY, headers.length, end ? 1 : 0);
    return map.headers;
  }

  #body(callback: string, bytes: Uint8Array, end: boolean): void {
    this.#mustBeOpen();
    if (bytes.length === 0 && !end) throw new Error("an empty body: a fault of the test");
    this.body = bytes;
    this.#run(callback, bytes, bytes.length, end ? 1 : 0);
    this.body = EMPTY;
  }

  #run(callback: string, input: Uint8Array, a: number, b: number): void {
    const action = this.#vm.call(this, callback, input, a, b);
    if (action === STOP_ALL_ITERATION_AND_WATERMARK && callback === "proxy_on_request_headers") {
      if (this.localResponse !== undefined) throw new HostError("an answered request waits");
      this.stopped = true;
      return;
    }
    // The filter only looks, and changes headers where they are: else it waits only where Envoy answers.
    const expected =
      this.localResponse !== undefined && callback === "proxy_on_request_headers"
        ? Action.StopIteration
        : Action.Continue;
    if (action !== expected) throw new HostError(`${callback} returned ${action}`);
  }

  #mustBeOpen(): void {
    if (this.id === 0) throw new Error("no request yet: a fault of the test");
    if (this.#ended) throw new HostError(`context ${this.id} has been deleted`);
  }
}
