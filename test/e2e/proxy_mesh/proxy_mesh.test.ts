// The proxy-mesh of demo/proxy_mesh with real Envoys and the health check of manifests/proxy-mesh: a
// provider that is not well, or about to go, gets no more calls, and none fails for it. No retries.

import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { GrpcClient } from "../../../demo/grpc/client.ts";
import { MESHER } from "../../../demo/grpc/services.ts";
import { named } from "../../../harness/envoy_config.ts";
import type { EnvoyProcess } from "../../../harness/envoy_process.ts";
import { freePorts } from "../../../harness/ports.ts";
import type { ManagedProcess } from "../../../harness/processes.ts";
import { accepts } from "../../../harness/readiness.ts";
import {
  CLUSTER,
  healthCheckPatch,
  providerName,
  startInbound,
  startOutbound,
  startProvider,
  type Ports,
} from "../../../demo/proxy_mesh/topology.ts";
import { startLoad, type Load } from "../call_load.ts";
import { faultsByPort, stat } from "../envoy_upstreams.ts";

const LIMIT = { timeout: 240_000 };
const READY_MS = 30_000;
// The longest time between two checks is 16 s: 10 s on the edge, 1 s and 50 % of jitter.
const CHECKED_MS = 60_000;
const LOAD_MS = 60_000;
const CALLERS = 4;
const SOME = 60;
// The machine has other things to do.
const PAUSE_MS = 5;
const TIMEOUT_MS = 30_000;

describe("proxy-mesh", LIMIT, () => {
  let ports: Ports;
  let outbound: EnvoyProcess;
  let client: GrpcClient;
  const providers: ManagedProcess[] = [];
  const inbounds: EnvoyProcess[] = [];

  before(async () => {
    const [a, b, c, d, e, f, g, h, i, j] = (await freePorts(10)) as number[] & { length: 10 };
    ports = {
      outbound: a!,
      admin: b!,
      inbounds: [c!, d!],
      inboundAdmins: [e!, f!],
      providers: [g!, h!],
      providerAdmins: [i!, j!],
    };
    for (const copy of [0, 1]) await startInstance(copy);
    outbound = await startOutbound(ports);
    client = new GrpcClient({ address: `127.0.0.1:${ports.outbound}`, timeoutMs: TIMEOUT_MS });
    for (const copy of [0, 1]) await isIn(copy);
  }, LIMIT);

  after(async () => {
    client?.close();
    await outbound?.stop();
    for (const inbound of inbounds) await inbound.stop();
    for (const provider of providers) await provider.stop();
  });

  // A provider and the Envoy beside it, in the place of those that ran there before.
  async function startInstance(copy: number): Promise<void> {
    const provider = startProvider(ports, copy);
    providers[copy] = provider;
    await provider.waitUntil("ready", READY_MS, () => accepts(ports.providers[copy]!));
    inbounds[copy] = await startInbound(ports, copy);
  }

  function startCalls(t: TestContext): Load {
    const { SayHello } = MESHER.methods;
    return startLoad(t, {
      callers: CALLERS,
      pauseMs: PAUSE_MS,
      call: async (number) => {
        const { message } = await client.call(SayHello, { name: `${number}` });
        return /this is (.*)\.$/.exec(message)?.[1] ?? message;
      },
    });
  }

  async function isIn(copy: number): Promise<void> {
    const is = async () => (await faults(copy))?.length === 0;
    await outbound.process.waitUntil(`using ${providerName(copy)}`, CHECKED_MS, is);
  }

  async function isOut(copy: number): Promise<void> {
    const is = async () => (await faults(copy))?.includes("failed_active_health_check");
    await outbound.process.waitUntil(`without ${providerName(copy)}`, CHECKED_MS, is);
  }

  async function faults(copy: number): Promise<string[] | undefined> {
    return (await faultsByPort(outbound, CLUSTER)).get(ports.inbounds[copy]!);
  }

  function checks(what: string): Promise<number> {
    return stat(outbound, `cluster.${CLUSTER}.health_check.${what}`);
  }

  async function say(copy: number, status: string): Promise<void> {
    const url = `http://127.0.0.1:${ports.providerAdmins[copy]}/health?status=${status}`;
    assert.equal((await fetch(url, { method: "POST" })).status, 200);
  }

  test("Envoy has the manifest's health check, and nothing else", async () => {
    const dump = JSON.parse(await outbound.get("/config_dump?resource=static_clusters"));
    const clusters = dump.configs.map(({ cluster }: { cluster: object }) => cluster);
    assert.deepEqual(Object.keys(healthCheckPatch()), ["health_checks"]);
    const { health_checks } = named(clusters, CLUSTER, "cluster");
    assert.deepEqual(health_checks, healthCheckPatch().health_checks);
  });

  test("calls go to both providers", async (t) => {
    const load = startCalls(t);
    await load.answeredBy(["provider-1", "provider-2"], SOME, LOAD_MS);
    await load.stop();
  });

  test("NOT_SERVING takes a provider out with the first check, SERVING brings it back", async (t) => {
    const load = startCalls(t);
    await load.more(SOME, LOAD_MS);
    const failures = await checks("failure");
    await say(0, "NOT_SERVING");
    await isOut(0);
    assert.equal(await checks("failure"), failures + 1);
    await load.answeredBy(["provider-2"], SOME, LOAD_MS);

    await say(0, "SERVING");
    await isIn(0);
    await load.answeredBy(["provider-1", "provider-2"], SOME, LOAD_MS);
    await load.stop();
  });

  test("/healthcheck/fail takes an instance out at once, /healthcheck/ok brings it back", async (t) => {
    const load = startCalls(t);
    await load.more(SOME, LOAD_MS);
    await inbounds[1]!.post("/healthcheck/fail");
    await isOut(1);
    await load.answeredBy(["provider-1"], SOME, LOAD_MS);

    await inbounds[1]!.post("/healthcheck/ok");
    await isIn(1);
    await load.answeredBy(["provider-1", "provider-2"], SOME, LOAD_MS);
    await load.stop();
  });

  test("fail, drain, end, and a new one in its place: not one call fails", async (t) => {
    const load = startCalls(t);
    await load.more(SOME, LOAD_MS);
    await inbounds[0]!.post("/healthcheck/fail");
    await isOut(0);
    await inbounds[0]!.post("/drain_listeners?graceful");
    const closed = async () => !(await accepts(ports.inbounds[0]!));
    await inbounds[0]!.process.waitUntil("drained", READY_MS, closed);
    assert.equal(await providers[0]!.stop(), "exit code 0");
    assert.equal(await inbounds[0]!.stop(), "exit code 0");
    await load.answeredBy(["provider-2"], SOME, LOAD_MS);

    await startInstance(0);
    await isIn(0);
    await load.answeredBy(["provider-1", "provider-2"], SOME, LOAD_MS);
    await load.stop();
  });
});
