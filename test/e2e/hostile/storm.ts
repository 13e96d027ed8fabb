// Hostile clients and providers by the hundred on one Envoy with one worker, beside callers that behave.
//
//   hostile clients ──> dubbo (dubbo_proxy), tcp, rewriting, protecting ──> a provider that behaves
//   the same        ──> policed ───────────────────────────────────────────> a provider that is never to be written to
//   good callers    ──> the same five
//   plain clients   ──> hostile (tcp_proxy) ──────────────────────────────> hostile providers
//
// All but policed tell every call: to a collector that takes it, one that is slow, noisy or dead, and to Envoy's log.
//
// Hostile providers stay behind tcp_proxy: what dubbo_proxy does when a provider closes in mid-call is
// Envoy's defect, and test/guard's subject.

import { setTimeout as sleep } from "node:timers/promises";
import {
  clustersOf,
  listenersOf,
  named,
  wasmPlugins,
  type Json,
} from "../../../harness/envoy_config.ts";
import { freePorts } from "../../../harness/ports.ts";
import { Random } from "../../fuzz/random.ts";
import { concat, request } from "../../frames/frames.ts";
import { addListener, labPorts, startLab, struct, type Lab } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";
import { Callers, echoProvider } from "./callers.ts";
import { Collectors, DEAD, NOISY, SLOW, TAKES, tellsAll } from "./collectors.ts";
import { bodiesOf8MiB, CLIENT_DEEDS, COSTLY_DEEDS, type Deed } from "./clients.ts";
import { Policed, POLICIES } from "./policed.ts";
import { HostileProvider, TREATMENT_COUNT } from "./providers.ts";

/** Sets of names that get series of their own. */
export const MOST_SERIES = 60;

/** How much there is of everything. */
export interface StormSize {
  /** Clients that do each deed of `CLIENT_DEEDS` on each of the five listeners. */
  each: number;
  /** Clients that ask before policies, and look at each answer. */
  asking: number;
  /** Clients that do each deed of `COSTLY_DEEDS`. */
  costly: number;
  /** Clients that send bodies of 8 MiB. */
  huge: number;
  /** Connections that get each treatment of a hostile provider. */
  treated: number;
}

/** What came of a storm. */
export interface Storm {
  lab: Lab;
  /** Each of the listeners tells all of its calls to one of them. */
  collectors: Collectors;
  /** Hostile clients, and connections to hostile providers. */
  clients: number;
  treated: number;
  /** Calls of good callers that were answered, and what was lost. */
  answered: number;
  lost: string[];
  /** What came of the calls before policies. */
  policed: Policed;
  /** Ends everything; rejects where Envoy had ended by itself. */
  stop(): Promise<void>;
}

const METRICS = { labels: ["interface", "method"], max_series: MOST_SERIES };
const RULES = [
  {
    name: "all",
    attachments: { set: [{ name: "dubbo-route", value: "v1" }], remove: ["timeout"] },
  },
];

/** Hostile clients at a time. */
const AT_ONCE = 24;
/** Time in ms for which a client waits for what a hostile provider does. */
const PATIENCE_MS = 600;

function addClusterOf(config: Json, listener: Json, name: string, port: number): void {
  const cluster: Json = structuredClone(named(clustersOf(config), "user-provider", "cluster"));
  cluster.name = cluster.load_assignment.cluster_name = name;
  const [locality] = cluster.load_assignment.endpoints;
  locality.lb_endpoints[0].endpoint.address.socket_address.port_value = port;
  clustersOf(config).push(cluster);
  listener.filter_chains[0].filters[1].typed_config.cluster = name;
}

/** One client's life: dials, does the deed, closes. What goes wrong is what it wants. */
async function beHostile(port: number, deed: Deed, random: Random): Promise<void> {
  try {
    const end = await dial(port);
    const gone = new Promise<void>((resolve) => end.socket.once("close", () => resolve()));
    await Promise.race([deed(end, random), gone]);
    end.socket.destroy();
    await gone;
  } catch {
    // Refused or reset: no matter.
  }
}

/** A client that does nothing wrong, and whose provider does. */
const beTreated: Deed = async (end) => {
  await end.write(concat([request({ id: 1 }), request({ id: 2 }), request({ id: 3 })]));
  await sleep(PATIENCE_MS);
};

/** Runs all of them, `AT_ONCE` at a time. */
async function runAll(lives: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...lives];
  const work = async (): Promise<void> => {
    for (let life = left.shift(); life !== undefined; life = left.shift()) await life();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Starts Envoy and the storm on it; resolved when the storm is over and Envoy still runs, or not. */
export async function storm({ each, asking, costly, huge, treated }: StormSize): Promise<Storm> {
  const ports = await labPorts();
  const [rewriting, protecting, hostile, behind, policing, written] = (await freePorts(6)) as [
    ...[number, number, number, number, number, number],
  ];
  const collectors = await Collectors.listen();
  const addCollectors = await collectors.clusters();
  const lab = await startLab(
    {
      componentLogLevel: "wasm:info",
      change: (config) => {
        addCollectors(config);
        const configured = (telemetry: object, rest: object = {}): Json =>
          struct({ metrics: METRICS, telemetry, ...rest });
        for (const [name, collector] of [
          ["dubbo", TAKES],
          ["dubbo_tcp", DEAD],
        ] as const) {
          for (const plugin of wasmPlugins(named(listenersOf(config), name, "listener"))) {
            plugin.configuration = configured(tellsAll(collector, name === "dubbo"));
          }
        }
        const rules = { routing: { rules: RULES } };
        addListener(config, "rewriting", rewriting, configured(tellsAll(SLOW, true), rules));
        const routing = { protected: ["dubbo-route"], rules: RULES, filter_state: true };
        const protects = configured(tellsAll(NOISY, true), { routing });
        addListener(config, "protecting", protecting, protects);
        const telemetry = { ...tellsAll(TAKES, false), log: { to: "envoy" } };
        const listener = addListener(config, "hostile", hostile, configured(telemetry));
        addClusterOf(config, listener, "hostile", behind);
        const policed = struct({ metrics: METRICS, policies: POLICIES });
        const before = addListener(config, "policed", policing, policed);
        addClusterOf(config, before, "policed", written);
      },
    },
    ports,
  );
  const provider = echoProvider();
  await provider.listen(lab.ports.user);
  const hostileProvider = await HostileProvider.listen(behind);
  const policed = new Policed();
  await policed.provider.listen(written);
  const ruled = [rewriting, protecting, policing];
  const callers = new Callers([ports.dubbo, ports.tcp, ...ruled]);

  const random = new Random(1);
  const lives: (() => Promise<void>)[] = [];
  const add = (port: number, deed: Deed): void => {
    const own = new Random(random.word());
    lives.push(() => beHostile(port, deed, own));
  };
  for (let i = 0; i < each; i++) {
    for (const port of [ports.dubbo, ports.tcp, ...ruled]) {
      for (const deed of Object.values(CLIENT_DEEDS)) add(port, deed);
    }
  }
  for (let i = 0; i < costly; i++) {
    for (const deed of Object.values(COSTLY_DEEDS)) {
      add([ports.tcp, ...ruled][i % 4]!, deed);
    }
  }
  for (let i = 0; i < huge; i++) add([ports.tcp, ...ruled][i % 4]!, bodiesOf8MiB);
  for (let i = 0; i < asking; i++) add(policing, policed.ask);
  const clients = lives.length;
  for (let i = 0; i < treated * TREATMENT_COUNT; i++) add(hostile, beTreated);
  lives.sort(() => random.below(3) - 1);
  await runAll(lives);
  await callers.finish();

  return {
    ...{ lab, collectors, clients, answered: callers.answered, lost: callers.lost },
    policed,
    treated: hostileProvider.connections,
    stop: async () => {
      await provider.close();
      await policed.provider.close();
      await hostileProvider.close();
      await lab.stop();
      await collectors.close();
    },
  };
}
