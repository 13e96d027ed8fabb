/**
 * The host's plugin configuration into a plugin, or a line in Envoy's log that says why not.
 */
import { NodeMetadata } from "./config/node_metadata";
import { ConfigReader } from "./config/reader";
import { callsInFlight, hashSeed, setPlugin } from "./contexts";
import { asciiOf } from "./host/ascii";
import { BufferType, fetch, lastLength } from "./host/buffers";
import { log, LogLevel } from "./host/log";
import { nodeMetadata } from "./host/properties";
import { readShared, writeShared } from "./host/shared_data";
import { setTickPeriod } from "./host/timer";
import { Plugin } from "./plugin";
import { Arena } from "./wire/arena";

/** Shared data under this key: it was said that `vm_config` is no place for a configuration. */
const WARNED_KEY = "vm_configuration";

/**
 * Makes the plugin of root context `rootId` from the `size` bytes of configuration that the host
 * holds; call it in `proxy_on_configure` only.
 *
 * @returns whether the configuration was accepted
 */
export function configure(rootId: u32, size: u32): bool {
  let bytes: usize = 0;
  if (size != 0) {
    bytes = fetch(BufferType.PLUGIN_CONFIGURATION, 0, size);
    if (bytes == 0) {
      log(LogLevel.ERROR, "dubbo: configuration refused: the host did not hand it over");
      return false;
    }
  }
  const reader = new ConfigReader();
  const seed = hashSeed();
  const node = new NodeMetadata(nodeMetadata);
  const arena = new Arena();
  arena.open();
  const settings = reader.read(bytes, bytes == 0 ? 0 : lastLength(), seed, node);
  const plugin = settings ? new Plugin(arena, settings, seed, callsInFlight()) : null;
  arena.close();
  if (!plugin) {
    arena.free();
    log(LogLevel.ERROR, "dubbo: configuration refused: " + reader.error);
    return false;
  }
  setPlugin(rootId, plugin);
  setTickPeriod(plugin.tickPeriod);
  return true;
}

/**
 * A configuration of `size` bytes stands in `vm_config`, one level too deep: the VM has none of its own, and
 * the plugin runs with defaults.
 *
 * Said once for all root contexts and workers with the same `vm_id`: Envoy starts a first VM before those of its
 * workers.
 */
export function warnOfVmConfiguration(size: u32): void {
  if (size == 0) return;
  const key = asciiOf(WARNED_KEY);
  if (readShared(key, WARNED_KEY.length) != 0) return;
  writeShared(key, WARNED_KEY.length, key, 1);
  log(
    LogLevel.WARN,
    "dubbo: vm_config.configuration is not read; the filter's configuration belongs beside vm_config, not into it",
  );
}
