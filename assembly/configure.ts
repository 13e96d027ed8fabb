/**
 * The host's plugin configuration into a plugin, or a line in Envoy's log that says why not.
 */
import { NodeMetadata } from "./config/node_metadata";
import { ConfigReader } from "./config/reader";
import { callsInFlight, hashSeed, setPlugin } from "./contexts";
import { BufferType, fetch, lastLength } from "./host/buffers";
import { log, LogLevel } from "./host/log";
import { nodeMetadata } from "./host/properties";
import { setTickPeriod } from "./host/timer";
import { FLUSH_PERIOD, Plugin } from "./plugin";

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
  const settings = reader.read(bytes, bytes == 0 ? 0 : lastLength(), seed, node);
  if (!settings) {
    log(LogLevel.ERROR, "dubbo: configuration refused: " + reader.error);
    return false;
  }
  setPlugin(rootId, new Plugin(settings, seed, callsInFlight()));
  setTickPeriod(FLUSH_PERIOD);
  return true;
}

/**
 * A configuration of `size` bytes stands in `vm_config`, one level too deep: the VM has none of its own, and
 * the plugin runs with defaults.
 */
export function warnOfVmConfiguration(size: u32): void {
  if (size == 0) return;
  log(
    LogLevel.WARN,
    "dubbo: vm_config.configuration is not read; the filter's configuration belongs beside vm_config, not into it",
  );
}
