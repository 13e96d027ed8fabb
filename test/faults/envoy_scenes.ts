// What an operator does to Envoy while calls are under way: endpoints taken away, listeners drained,
// configuration replaced again and again, another build of the filter.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  clustersOf,
  listenersOf,
  named,
  setPluginConfig,
  wasmPlugins,
  type Json,
} from "../../harness/envoy_config.ts";
import { accepts } from "../../harness/readiness.ts";
import { FAULTY_CLUSTER, LISTENER, type Chain } from "./chains.ts";
import { ANSWERED, ANSWERED_LATER, Client, LOST, summary, TRIES } from "./client.ts";
import type { Outcome } from "./client.ts";
import { FAULTY } from "./methods.ts";
import type { Scene, Sight } from "./scene.ts";
import type { Stage } from "./stage.ts";
import { trappingModule } from "./trapping_module.ts";

const REPLACEMENTS = 100;
const LOAD_CALLERS = 4;
/** Calls on one connection, which the next then follows. */
const LOAD_CALLS = 10;
const LOAD_PAUSE_MS = 20;
/** Time for what is under way on connections of old listeners. */
const DRAIN_SECONDS = 3;

/**
 * Chains that close a connection of a listener that drains after an answer, whatever else is under way
 * on it: Dubbo has no word for "no more calls here" that Envoy would send. Its consumers try again, as
 * the load does, but at this pace the next connection may drain too.
 */
const CLOSE_WHILE_DRAINING: readonly Chain[] = ["generic_proxy"];

/** All of them. */
export const ENVOY_SCENES: readonly Scene[] = [
  {
    name: "upstream cluster emptied, and filled again",
    play: async (stage) => {
      const { endpoints } = clusterOf(stage).load_assignment;
      const calls = stage.client.calls(2, "answerSlowly");
      await stage.providerHas(2, "answerSlowly");
      stage.files.putEndpoints(FAULTY_CLUSTER, []);
      await members(stage, 0);
      stage.mark();
      const [refused] = await stage.newClient().calls(1, "answer");
      stage.over();
      const inFlight = summary(await calls);
      stage.files.putEndpoints(FAULTY_CLUSTER, endpoints);
      await members(stage, 1);
      assert.equal(await stage.newClient().call("answer"), ANSWERED);
      return { sees: `new calls: ${refused}; in flight: ${inFlight}` };
    },
  },
  {
    name: "Envoy drained (`/drain_listeners?graceful`)",
    options: { drainSeconds: DRAIN_SECONDS },
    play: async (stage) => {
      const calls = stage.client.calls(2, "answerSlowly");
      await stage.providerHas(2, "answerSlowly");
      await stage.stopBystander();
      stage.mark();
      await stage.envoy.post("/drain_listeners?graceful");
      const meanwhile = await stage.newClient().call("answer");
      const inFlight = summary(await calls);
      await stage.until("the end of listening", async () => !(await accepts(stage.ports.listener)));
      stage.over();
      const later = await stage.newClient().call("answer");
      return {
        sees: `in flight: ${inFlight}; new ones at first: ${meanwhile}; later: ${later}`,
        envoy: "lives, stops listening when the drain time is up",
      };
    },
  },
  {
    name: `configuration replaced ${REPLACEMENTS} times under load`,
    options: { drainSeconds: DRAIN_SECONDS },
    play: async (stage) => {
      stage.mark();
      const outcomes = await underLoad(stage, async () => {
        for (let count = 1; count <= REPLACEMENTS; count++) {
          replace(stage, (plugin) => setPluginConfig(plugin, { metrics: { max_series: count } }));
          await stage.reached("listener_in_place_updated", count);
        }
      });
      stage.over();
      return allAnswered(stage, outcomes);
    },
  },
  {
    name: "the module replaced by another build under load",
    options: { drainSeconds: DRAIN_SECONDS },
    play: async (stage) => {
      const filename = await trappingModule();
      const active = "envoy_wasm_envoy_wasm_runtime_v8_active";
      const before = (await stage.values()).get(active)!;
      stage.mark();
      const outcomes = await underLoad(stage, async () => {
        replace(stage, (plugin) => (plugin.vm_config.code.local.filename = filename));
        await stage.reached("listener_in_place_updated", 1);
        stage.over();
        assert.ok((await stage.values()).get(active)! > before, "no VM of the other build");
        await sleep(DRAIN_SECONDS * 1000);
      });
      return allAnswered(stage, outcomes);
    },
  },
];

/** Puts the faulty provider's listener anew, with its plugin changed. */
function replace(stage: Stage, change: (plugin: Json) => void): void {
  const listeners = listenersOf(structuredClone(stage.config));
  for (const plugin of wasmPlugins(named(listeners, LISTENER, "listener"))) change(plugin);
  stage.files.putListeners(listeners);
}

/** What became of calls that some callers made while the work was done, on ever new connections. */
async function underLoad(stage: Stage, work: () => Promise<void>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  let isDone = false;
  const callers = Array.from({ length: LOAD_CALLERS }, async () => {
    while (!isDone) {
      const client = new Client(stage.ports.listener, FAULTY);
      const calls = Array.from({ length: LOAD_CALLS }, () => client.callAgain("answer"));
      outcomes.push(...(await Promise.all(calls)));
      client.close();
      await sleep(LOAD_PAUSE_MS);
    }
  });
  await work().finally(() => (isDone = true));
  await Promise.all(callers);
  return outcomes;
}

/** That each call was answered and counted, and that nothing of the old listeners is left. */
async function allAnswered(stage: Stage, outcomes: Outcome[]): Promise<Sight> {
  const once = outcomes.filter((one) => one === ANSWERED).length;
  const again = outcomes.filter((one) => one === ANSWERED_LATER).length;
  const lost = outcomes.filter((one) => one === LOST).length;
  const mayClose = CLOSE_WHILE_DRAINING.includes(stage.chain);
  assert.equal(once + (mayClose ? again + lost : 0), outcomes.length, summary(outcomes));
  // The client's first call is one more. What was tried again may have been counted each time.
  const least = 1 + once + again;
  const most = least + again * (TRIES - 1) + lost * TRIES;
  await stage.until(`${least} to ${most} calls counted`, async () => {
    const { requests, responses } = await stage.counts();
    return requests >= least && requests <= most && responses["OK success"] === requests;
  });
  await stage.reached("total_filter_chains_draining", 0);
  const sees = "every call of the load: answered";
  const metrics = "each call counted once, as answered";
  if (!mayClose) return { sees, metrics };
  return {
    sees: `${sees}, but for those on draining connections that Envoy closed in mid-call`,
    metrics: "each call that came through counted, as answered",
  };
}

async function members(stage: Stage, count: number): Promise<void> {
  const key = `envoy_cluster_membership_total{envoy_cluster_name="${FAULTY_CLUSTER}"}`;
  await stage.until(`${count} endpoints`, async () => (await stage.values()).get(key) === count);
}

function clusterOf(stage: Stage): Json {
  return named(clustersOf(stage.config), FAULTY_CLUSTER, "cluster");
}
