/**
 * The host's plugin configuration into a plugin, or a line in Envoy's log that says why not.
 */
import { NodeMetadata } from "./config/node_metadata";
import { ConfigReader } from "./config/reader";
import { hashSeed, setPlugin } from "./contexts";
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
  setPlugin(rootId, new Plugin(settings, seed));
  setTickPeriod(FLUSH_PERIOD);
  return true;
}
