/**
 * Which context id of the host means what: plugins (root contexts) and connections of one VM.
 */
import { Plugin } from "./plugin";
import { CallTable } from "./stream/calls";
import { Connection } from "./stream/connection";
import { RoutedConnection } from "./stream/routed_connection";
import { now } from "./host/clock";
import { HashTable } from "./wire/hash_table";

/** A root context; it has a plugin once its configuration was accepted. */
@unmanaged
@final
class Root {
  hash: u32;
  hashNext: Root | null = null;
  plugin: Plugin | null = null;

  constructor(id: u32) {
    this.hash = id;
  }
}

/** All contexts of the VM. */
@unmanaged
@final
class Contexts {
  roots: HashTable<Root> = new HashTable<Root>();
  connections: HashTable<Connection> = new HashTable<Connection>();
  calls: CallTable;
  /** For all hashes of the VM: peers must not know it. */
  seed: u64;

  constructor(seed: u64) {
    this.seed = seed;
    this.calls = new CallTable(seed);
  }
}

let instance: usize = 0;

function contexts(): Contexts {
  if (instance == 0) instance = changetype<usize>(new Contexts(now()));
  return changetype<Contexts>(instance);
}

/** The VM's seed for hashes. */
export function hashSeed(): u64 {
  return contexts().seed;
}

/** The host has made context `id`: a root context, or a connection of the plugin at `rootId`. */
export function createContext(id: u32, rootId: u32): void {
  const all = contexts();
  if (rootId == 0) {
    all.roots.insert(new Root(id));
    return;
  }
  const root = rootOf(rootId);
  const plugin = root ? root.plugin : null;
  if (!plugin) return;
  const routing = plugin.config.routing;
  if (routing) all.connections.insert(new RoutedConnection(id, plugin, all.calls, routing));
  else all.connections.insert(new Connection(id, plugin, all.calls));
}

/** Gives root context `id` a plugin, in place of the one it had. */
export function setPlugin(id: u32, plugin: Plugin): void {
  const root = rootOf(id);
  if (!root) return;
  const before = root.plugin;
  root.plugin = plugin;
  if (before) before.retire();
}

/** The plugin of root context `id`, or null. */
export function pluginOf(id: u32): Plugin | null {
  const root = rootOf(id);
  return root ? root.plugin : null;
}

/** The connection with context `id`, or null: of a plugin without configuration there are none. */
export function connectionOf(id: u32): Connection | null {
  let connection = contexts().connections.first(id);
  while (connection) {
    if (connection.contextId == id) return connection;
    connection = connection.hashNext;
  }
  return null;
}

/** Context `id` has done its work: a connection is counted to its end, a plugin flushed. */
export function endContext(id: u32): void {
  const connection = connectionOf(id);
  if (connection) {
    contexts().connections.remove(connection);
    const routed = connection.asRouted;
    if (routed != 0) changetype<RoutedConnection>(routed).endRouted();
    connection.end();
    return;
  }
  const plugin = pluginOf(id);
  if (plugin) plugin.flush();
}

/** The host has thrown context `id` away. */
export function deleteContext(id: u32): void {
  endContext(id);
  const root = rootOf(id);
  if (!root) return;
  contexts().roots.remove(root);
  const plugin = root.plugin;
  if (plugin) plugin.retire();
  heap.free(changetype<usize>(root));
}

function rootOf(id: u32): Root | null {
  let root = contexts().roots.first(id);
  while (root) {
    if (root.hash == id) return root;
    root = root.hashNext;
  }
  return null;
}
