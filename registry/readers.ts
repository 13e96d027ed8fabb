// All registries that the options name, read at once as if they were one.

import type { Directory } from "./directory.ts";
import { nacosAddress } from "./nacos_address.ts";
import { NacosReader } from "./nacos_reader.ts";
import type { Options } from "./options.ts";
import type { Reader, ReaderState } from "./reader.ts";
import { ZooKeeperReader } from "./zookeeper_reader.ts";

/** How Dubbo, too, separates registries. */
const REGISTRIES = "|";

/** A reader of all of them: one for each ensemble of ZooKeeper and each Nacos. */
export function readers(
  directory: Directory,
  options: Options,
  log: (line: string) => void,
): Reader {
  const common = {
    registerMode: options.register_mode,
    emptyProtectionMs: options.empty_protection_ms,
    log,
  };
  const all: Reader[] = [];
  for (const servers of parts(options.zookeeper, REGISTRIES)) {
    const { root, services, session_timeout_ms: sessionTimeoutMs } = options;
    const where = { servers, root, services, sessionTimeoutMs };
    all.push(new ZooKeeperReader(directory, { ...where, ...common }));
  }
  for (const text of parts(options.nacos, REGISTRIES)) {
    const where = { address: nacosAddress(text), pollMs: options.nacos_poll_ms };
    all.push(new NacosReader(directory, { ...where, ...common }));
  }
  return {
    listed: Promise.all(all.map((one) => one.listed)).then(() => undefined),
    get state() {
      return all.map((one) => one.state).reduce(added);
    },
    close: () => all.forEach((one) => one.close()),
  };
}

function added(a: ReaderState, b: ReaderState): ReaderState {
  return {
    connected: a.connected + b.connected,
    connections: a.connections + b.connections,
    expired: a.expired + b.expired,
    emptyListsKept: a.emptyListsKept + b.emptyListsKept,
    unreadable: a.unreadable + b.unreadable,
    unreadableRules: a.unreadableRules + b.unreadableRules,
  };
}

function parts(text: string, separator: string): string[] {
  return text === "" ? [] : text.split(separator);
}
