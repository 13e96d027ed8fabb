// A proxy-wasm context: what the module knows by a number. A plugin is a root context, a
// connection or an HTTP stream a stream context below it.

import type { Connection } from "./connection.ts";
import type { HttpStream } from "./http_stream.ts";
import type { Plugin } from "./plugin.ts";
import type { Properties } from "./properties.ts";

/** What the host functions need to know of the context on whose behalf they are called. */
export interface HostContext {
  readonly id: number;
  /** The plugin itself, or that of the connection or stream. */
  readonly plugin: Plugin;
  /** Null for a root context and for an HTTP stream. */
  readonly connection: Connection | null;
  /** Null for anything else than an HTTP stream. */
  readonly stream: HttpStream | null;
  readonly properties: Properties;
}
