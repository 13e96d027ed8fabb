// A proxy-wasm context: what the module knows by a number. A plugin is a root context, a
// connection a stream context below it.

import type { Connection } from "./connection.ts";
import type { Plugin } from "./plugin.ts";
import type { Properties } from "./properties.ts";

/** What the host functions need to know of the context on whose behalf they are called. */
export interface HostContext {
  readonly id: number;
  /** The plugin itself, or the connection's plugin. */
  readonly plugin: Plugin;
  /** Null for a root context. */
  readonly connection: Connection | null;
  readonly properties: Properties;
}
