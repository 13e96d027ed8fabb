// The filter where Istio's mutual TLS and authorization are real: certificates from istiod's own
// authority, by way of each pod's agent.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DubboClient } from "../../demo/dubbo/client.ts";
import { USERS as SERVICE } from "../../demo/record.ts";
import { Expected } from "../e2e/envoy_series.ts";
import { callTimes } from "./lab/calling.ts";
import { stateOf } from "./lab/envoy_state.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { awaitSeries } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
const BY_NAME = "user-provider:20880";
const BLUE = "user-provider-blue";
const USERS = { interface: SERVICE.interface, method: SERVICE.get.method };
const CALLS = 10;

/** Nothing but mutual TLS is let in. */
const STRICT: KubernetesObject = {
  apiVersion: "security.istio.io/v1",
  kind: "PeerAuthentication",
  metadata: { name: "strict", namespace: "mesh-demo" },
  spec: { mtls: { mode: "STRICT" } },
};

/** The consumer may not, whoever else may. */
const DENY: KubernetesObject = {
  apiVersion: "security.istio.io/v1",
  kind: "AuthorizationPolicy",
  metadata: { name: "deny", namespace: "mesh-demo" },
  spec: {
    selector: { matchLabels: { app: "user-provider" } },
    action: "DENY",
    rules: [
      {
        from: [{ source: { principals: ["cluster.local/ns/mesh-demo/sa/comsumer"] } }],
        to: [{ operation: { ports: ["20880"] } }],
      },
    ],
  },
};

describe("the filter and mutual TLS", SUITE, () => {
  let mesh: Mesh;
  /** What the provider's sidecar has counted so far. */
  const atProvider = new Expected("provider");

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    await mesh.run("comsumer-blue", "user-provider-blue");
  });
  after(() => mesh?.stop());

  test("plain connections are let in and counted, as PERMISSIVE is the default", async () => {
    assert.equal(await callFromOutside(), "OK");
    atProvider.and(callsOverOneConnection(1));
    await awaitSeries(mesh.pod("user-provider-blue"), atProvider);
  });

  test("with STRICT the sidecars' own connections are, and plain ones are not", async () => {
    await mesh.apply(STRICT);
    await mesh.istiod.settled();
    const outcomes = await callTimes(mesh.pod("comsumer-blue"), { dubbo: BY_NAME }, CALLS);
    assert.deepEqual(
      outcomes,
      Array.from({ length: CALLS }, () => BLUE),
    );
    assert.notEqual(await callFromOutside(), "OK");
    atProvider.and(callsOverOneConnection(CALLS));
    await awaitSeries(mesh.pod("user-provider-blue"), atProvider);
    assert.deepEqual((await stateOf(mesh.pod("user-provider-blue"))).problems, []);
  });

  test("of what an AuthorizationPolicy refuses the connections are counted, and no call", async () => {
    await mesh.apply(DENY);
    await mesh.istiod.settled();
    const outcomes = await callTimes(mesh.pod("comsumer-blue"), { dubbo: BY_NAME }, 3);
    for (const outcome of outcomes) assert.match(outcome, /^failed/);
    // Envoy's RBAC filter refuses with the first bytes, so that the filter behind it sees none.
    atProvider.connections(outcomes.length).unused("local", outcomes.length);
    await awaitSeries(mesh.pod("user-provider-blue"), atProvider);
    await mesh.remove(DENY);
    await mesh.istiod.settled();
    assert.deepEqual(await callTimes(mesh.pod("comsumer-blue"), { dubbo: BY_NAME }, 1), [BLUE]);
    atProvider.and(callsOverOneConnection(1));
    await awaitSeries(mesh.pod("user-provider-blue"), atProvider);
  });

  /** A call from outside of the mesh, without a sidecar: "OK", or what went wrong. */
  async function callFromOutside(): Promise<string> {
    const { address } = mesh.pod("user-provider-blue");
    const client = new DubboClient({ host: address, port: 20880, timeoutMs: 2000 });
    const { method, descriptor } = SERVICE.get;
    try {
      await client.call({ interface: SERVICE.interface, method, descriptor, args: ["1"] });
      return "OK";
    } catch (error) {
      return String(error);
    } finally {
      client.close();
    }
  }
});

function callsOverOneConnection(count: number): Expected {
  const responses = { "OK success": count };
  const calls = { twoway: count, responses, requestBytes: 1, responseBytes: 1 };
  return new Expected("provider").connections(1).calls(USERS, calls);
}
