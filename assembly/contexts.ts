/**
 * Which context id of the host means what: plugins (root contexts), connections and HTTP calls of one VM.
 */
import { Callback, noteCallback, noteCallDone, noteConnectionDone, noteContext } from "./callbacks";
import { Plugin } from "./plugin";
import { InFlightTable } from "./ledger/in_flight";
import { Connection } from "./connection/connection";
import { isRefused, readCall } from "./http/call_start";
import { HttpCall } from "./http/http_call";
import { HttpRequest } from "./http/http_request";
import { now } from "./host/clock";
import { beginOver, nextOver } from "./policy/delay";
import { HashTable } from "./wire/hash_table";

/** What becomes of an HTTP request when its headers have come. */
export const enum Start {
  GOES_ON,
  /** Envoy answers it. */
  REFUSED,
  /** It waits. */
  DELAYED,
}

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
  httpCalls: HashTable<HttpCall> = new HashTable<HttpCall>();
  /** Calls that have ended, for the next ones. */
  unusedCall: HttpCall | null = null;
  /** The request that is being read; one at a time. */
  request: HttpRequest = new HttpRequest();
  /** The context that was made last, if it is no root context, and its root. */
  pendingId: u32 = 0;
  pendingRoot: u32 = 0;
  calls: InFlightTable;
  /** For all hashes of the VM: peers must not know it. */
  seed: u64;

  constructor(seed: u64) {
    this.seed = seed;
    this.calls = new InFlightTable(seed);
  }
}

let instance: usize = 0;

function contexts(): Contexts {
  if (instance == 0) instance = changetype<usize>(new Contexts(now()));
  return changetype<Contexts>(instance);
}

/** The VM's calls in flight over TCP. */
export function callsInFlight(): InFlightTable {
  return contexts().calls;
}

/** The VM's seed for hashes. */
export function hashSeed(): u64 {
  return contexts().seed;
}

/**
 * The host has made context `id`: a root context, or a connection or HTTP stream of the plugin at
 * `rootId`. Which of the two, it says by the next callback, which follows at once.
 */
export function createContext(id: u32, rootId: u32): void {
  const all = contexts();
  if (rootId == 0) {
    all.roots.insert(new Root(id));
    return;
  }
  all.pendingId = id;
  all.pendingRoot = rootId;
  noteContext(all.seed);
}

/** Context `id`, which was made last, is a connection; null where its plugin has no configuration. */
export function startConnection(id: u32): Connection | null {
  const all = contexts();
  noteCallback(Callback.CLAIM);
  const plugin = pendingPlugin(id);
  if (!plugin) return null;
  const connection = new Connection(id, plugin);
  all.connections.insert(connection);
  return connection;
}

/**
 * Context `id`, which was made last, is an HTTP stream whose request's headers are open.
 *
 * @returns what Envoy does with it, see `Start`
 */
export function startStream(id: u32): Start {
  noteCallback(Callback.CLAIM);
  const plugin = pendingPlugin(id);
  if (!plugin) return Start.GOES_ON;
  const all = contexts();
  const request = all.request;
  const series = readCall(plugin, request);
  if (!series) return Start.GOES_ON;
  const unused = all.unusedCall;
  const call = unused ? unused : new HttpCall(plugin, series);
  if (unused) all.unusedCall = unused.hashNext;
  call.start(id, plugin, series, request);
  all.httpCalls.insert(call);
  if (isRefused) return Start.REFUSED;
  return call.isDelayed ? Start.DELAYED : Start.GOES_ON;
}

/** Lets what was delayed long enough go on; call it in the tick of root context `rootId`. */
export function endDelays(rootId: u32): void {
  if (!beginOver()) return;
  const time = now();
  let id = nextOver(time);
  while (id != 0) {
    const connection = connectionOf(id);
    const call = httpCallOf(id);
    if (connection) connection.goOn(rootId, time);
    else if (call) call.goOn(rootId);
    id = nextOver(time);
  }
}

/** The call of the HTTP stream with context `id`, or null: not every stream is one. */
export function httpCallOf(id: u32): HttpCall | null {
  return contexts().httpCalls.only(id);
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
  return contexts().connections.only(id);
}

/** Context `id` has done its work: a connection or call is counted to its end, a plugin flushed. */
export function endContext(id: u32): void {
  if (endStream(id)) return;
  const plugin = pluginOf(id);
  if (plugin) plugin.onDone();
}

/** Counts the connection or call with context `id` to its end; false where there is none. */
function endStream(id: u32): bool {
  noteCallback(Callback.DONE);
  const connection = connectionOf(id);
  if (connection) {
    noteConnectionDone();
    contexts().connections.remove(connection);
    connection.end();
    return true;
  }
  const call = httpCallOf(id);
  if (call) {
    noteCallDone();
    const all = contexts();
    all.httpCalls.remove(call);
    call.end();
    call.hashNext = all.unusedCall;
    all.unusedCall = call;
    return true;
  }
  return false;
}

/** The host has thrown context `id` away. */
export function deleteContext(id: u32): void {
  endStream(id);
  // Of a plugin nothing is sent any more: the host would take it back with the context.
  const root = rootOf(id);
  if (!root) return;
  contexts().roots.remove(root);
  const plugin = root.plugin;
  if (plugin) plugin.retire();
  heap.free(changetype<usize>(root));
}

/** The plugin of the context that was made last, if that is `id` and its plugin has a configuration. */
function pendingPlugin(id: u32): Plugin | null {
  const all = contexts();
  return all.pendingId == id ? pluginOf(all.pendingRoot) : null;
}

function rootOf(id: u32): Root | null {
  return contexts().roots.only(id);
}
