// The filter traps, on purpose, under each failure policy. A trap takes down its VM, which is that of
// all connections of a worker; what the filter knew by then is lost with it.

import { setTimeout as sleep } from "node:timers/promises";
import { wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { dial } from "../e2e/envoy_sockets.ts";
import { summary } from "./client.ts";
import type { Scene } from "./scene.ts";
import { TRAP, trappingModule } from "./trapping_module.ts";

/**
 * Envoy makes no new VM within a second of the last one, or somewhat more, as it adds up to half of it
 * by chance (`reload_config.backoff`).
 */
const BACKOFF_MS = 2500;

/** All of them, with the module compiled now. */
export async function trapScenes(): Promise<readonly Scene[]> {
  const module = await trappingModule();
  return ["FAIL_OPEN", "FAIL_CLOSED", "FAIL_RELOAD"].map((policy) => scene(policy, module));
}

function scene(policy: string, module: string): Scene {
  return {
    name: `the filter traps under ${policy}`,
    isTrap: true,
    options: {
      change: (config: Json) => {
        for (const plugin of wasmPlugins(config)) {
          plugin.failure_policy = policy;
          plugin.vm_config.code.local.filename = module;
        }
      },
    },
    play: async (stage) => {
      const calls = stage.client.calls(2, "answerSlowly");
      await stage.providerHas(2, "answerSlowly");
      // Told to Envoy by now: what a VM has not told is lost with it.
      await stage.until("the calls in flight", async () => (await stage.counts()).active === 2);
      const end = await dial(stage.ports.listener);
      stage.mark();
      await end.write(Buffer.from(TRAP));
      await stage.envoy.process.waitUntil("trapped", 10_000, () =>
        stage.envoy.process.log.includes("unreachable"),
      );
      const inFlight = summary(await calls);
      stage.over();
      await sleep(BACKOFF_MS);
      const later = await stage.newClient().call("answer");
      end.socket.destroy();
      return { sees: `in flight: ${inFlight}; new calls: ${later}` };
    },
  };
}
