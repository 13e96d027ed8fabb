// What happens to Envoy and to one of its providers while the soak goes on, over and over again.

import { setTimeout as sleep } from "node:timers/promises";
import {
  listenersOf,
  named,
  setPluginConfig,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { BYSTANDER, LISTENER } from "../faults/chains.ts";
import type { Stage } from "../faults/stage.ts";

/** Longer than any caller keeps its connection: connections of replaced listeners are not cut. */
export const DRAIN_SECONDS = 10;
/** So many names get series of their own. */
export const MAX_SERIES = 50;

const PAUSE_MS = 2000;
const FROZEN_MS = 500;

/** Every request to the healthy provider is rewritten on its way to dubbo_proxy. */
const ROUTING = {
  protected: ["dubbo-route"],
  rules: [{ name: "all", attachments: { set: [{ name: "dubbo-route", value: "v1" }] } }],
};

/** A span of each tenth call and a record of each that fails, by the smallest queue that there is. */
const TELEMETRY = {
  otlp: { cluster: "collector", interval_ms: 200, timeout_ms: 1000, max_queue_bytes: 65536 },
  spans: { sample: { percentage: 10 } },
  log: { when: { outcomes: ["error", "exception", "unanswered"] } },
};

/** What was done. */
export interface Troubles {
  reloads: number;
  kills: number;
  freezes: number;
}

/** Gives both plugins the soak's configuration; `generation` makes it another one. */
export function configure(config: Json, generation: number): void {
  for (const name of [LISTENER, BYSTANDER]) {
    const metrics = { max_series: MAX_SERIES, max_in_flight: 1000 + generation };
    const routing = name === BYSTANDER ? ROUTING : {};
    for (const plugin of wasmPlugins(named(listenersOf(config), name, "listener"))) {
      setPluginConfig(plugin, { metrics, routing, telemetry: TELEMETRY });
    }
  }
}

/** Makes trouble until `isDone` says so; at the end the provider is there. */
export async function makeTrouble(stage: Stage, isDone: () => boolean): Promise<Troubles> {
  const troubles: Troubles = { reloads: 0, kills: 0, freezes: 0 };
  const kinds = [
    async () => {
      const config = structuredClone(stage.config);
      configure(config, ++troubles.reloads % 2);
      stage.files.putListeners(listenersOf(config));
    },
    async () => {
      stage.provider.kill("SIGKILL");
      await stage.provider.ended;
      await stage.startProvider();
      troubles.kills++;
    },
    async () => {
      stage.provider.kill("SIGSTOP");
      await sleep(FROZEN_MS);
      stage.provider.kill("SIGCONT");
      troubles.freezes++;
    },
  ];
  for (let next = 0; !isDone(); next++) {
    await kinds[next % kinds.length]!();
    await sleep(PAUSE_MS);
  }
  return troubles;
}
