// Policies by who calls, with certificates from istiod's own authority: manifests/traffic's
// dubbo-authorization, first without refusing anything, then in force.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { DubboClient } from "../../demo/dubbo/client.ts";
import { messageOf } from "../../demo/dubbo/errors.ts";
import { USERS as SERVICE } from "../../demo/record.ts";
import type { Json } from "../../harness/envoy_config.ts";
import { Expected, sumOf } from "../e2e/envoy_series.ts";
import { callTimes } from "./lab/calling.ts";
import { stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import { assertLikely } from "./lab/chance.ts";
import { ask } from "./lab/gateway.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import type { Pod } from "./lab/pod.ts";
import { withRecipe } from "./lab/recipe.ts";
import { awaitSeries, seriesOf } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
const RECIPE = "dubbo-authorization";
const BY_NAME = { dubbo: "user-provider:20880" };
const SET = { ...BY_NAME, set: true };
const BLUE = "user-provider-blue";
const GET_USER = { interface: SERVICE.interface, method: SERVICE.get.method };
const SET_USER = { interface: SERVICE.interface, method: SERVICE.set.method };
/** Of what no policy allows. */
const NOT_ALLOWED = { policy: "default", reason: "not_allowed" };
/** Of dubbo-rate-limit, whose calls come faster than ten a second. */
const TOKENS = 20;
const LIMITED_CALLS = 200;
const FAULTY_CALLS = 200;
/** What its caller is told. */
const TOLD = /not allowed by policy/;

describe("policies by the caller's certificate", SUITE, () => {
  let mesh: Mesh;
  let provider: Pod;
  /** Whom the policy allows to read. */
  let consumer: Pod;
  /** A workload with a sidecar and a certificate, and a ServiceAccount that no policy names. */
  let other: Pod;
  /** What the provider's sidecar has counted so far. */
  const atProvider = new Expected("provider");

  before(async () => {
    mesh = await startMesh({ objects: await kustomized("manifests") });
    await mesh.run("user-provider-blue", "comsumer-blue", "grpc-server-blue");
    provider = mesh.pod("user-provider-blue");
    consumer = mesh.pod("comsumer-blue");
    other = mesh.pod("grpc-server-blue");
  });
  after(() => mesh?.stop());

  test("not in force, they refuse nothing and count what they would refuse", async () => {
    const body = async () => {
      assert.deepEqual(await callTimes(consumer, BY_NAME, 3), [BLUE, BLUE, BLUE]);
      assert.deepEqual(await callTimes(consumer, SET, 2), [BLUE, BLUE]);
      assert.deepEqual(await callTimes(other, BY_NAME, 2), [BLUE, BLUE]);
      assert.equal(await callWithoutCertificate(), "OK");
      atProvider
        .connections(4)
        .and(answered(GET_USER, 6))
        .and(answered(SET_USER, 2))
        .add("shadow_refused_requests_total", { ...GET_USER, ...NOT_ALLOWED }, 3)
        .add("shadow_refused_requests_total", { ...SET_USER, ...NOT_ALLOWED }, 2);
      await awaitSeries(provider, atProvider);
    };
    await withRecipe(mesh, provider, RECIPE, body, notInForce);
  });

  test("in force, the consumer may read and nothing else, and nobody else may call", async () => {
    await withRecipe(mesh, provider, RECIPE, async () => {
      assert.deepEqual(await callTimes(consumer, BY_NAME, 3), [BLUE, BLUE, BLUE]);
      assertRefused(await callTimes(consumer, SET, 2), 2);
      assertRefused(await callTimes(other, BY_NAME, 2), 2);
      assertRefused(await callTimes(other, SET, 1), 1);
      assert.match(await callWithoutCertificate(), TOLD);
      atProvider
        .connections(5)
        .and(answered(GET_USER, 3))
        .and(refused(GET_USER, 3))
        .and(refused(SET_USER, 3));
      await awaitSeries(provider, atProvider);
    });
  });

  test("dubbo-rate-limit: as many calls as there are tokens, and then ten a second", async () => {
    await withRecipe(mesh, provider, "dubbo-rate-limit", async () => {
      const outcomes = await callTimes(consumer, BY_NAME, LIMITED_CALLS);
      const refused = outcomes.filter((outcome) => outcome !== BLUE);
      assert.ok(outcomes.length - refused.length >= TOKENS, `${outcomes}`);
      assert.ok(refused.length > 0, "more calls than tokens in that time");
      for (const outcome of refused) assert.match(outcome, /refused by policy calm/);
      const limited = { ...GET_USER, policy: "calm" };
      await eventually("counted", async () => {
        const series = await seriesOf(provider);
        const reasons = { ...limited, reason: "rate_limited" };
        return (
          sumOf(series, "refused_requests_total", reasons) === refused.length &&
          sumOf(series, "limit_allowed_requests_total", limited) ===
            outcomes.length - refused.length
        );
      });
    });
  });

  test("dubbo-fault: half of the calls that set a user fail, and no other", async () => {
    await withRecipe(mesh, provider, "dubbo-fault", async () => {
      const outcomes = await callTimes(consumer, SET, FAULTY_CALLS);
      const failed = outcomes.filter((outcome) => !/^user-provider-/.test(outcome));
      for (const outcome of failed) assert.match(outcome, /refused by policy chaos/);
      assertLikely(failed.length, FAULTY_CALLS, 0.5);
      assert.deepEqual(new Set(await callTimes(consumer, BY_NAME, 20)), new Set([BLUE]));
    });
  });

  test("in force, they are so for calls over the local listener", async () => {
    // Some of these calls are for version 2.
    const both = [provider, ...(await mesh.run("user-provider-green"))];
    await withRecipe(mesh, provider, RECIPE, async () => {
      const before = await countedBy(both);
      assert.match((await ask(consumer, "/GetUserDubbo?id=1")).deployment, /^user-provider-/);
      await assert.rejects(ask(consumer, "/SetUserDubbo?id=1&name=x"), TOLD);
      // Refused, and the connection goes on.
      assert.match((await ask(consumer, "/GetUserDubbo?id=1")).deployment, /^user-provider-/);
      // dubbo_proxy has connections as it needs them; of the calls all are counted.
      const expected = [before[0]! + 3, before[1]! + 3, before[2]! + 1];
      await eventually("counted", async () => isDeepStrictEqual(await countedBy(both), expected));
    });
  });

  test("the filter's chain is as before when the policies are taken away", async () => {
    const [outcome] = await callTimes(consumer, SET, 1);
    assert.match(outcome!, /^user-provider-/);
    const { problems } = await stateOf(provider);
    assert.deepEqual(problems, []);
  });

  /** A call from outside of the mesh, in plain text: "OK", or what went wrong. */
  async function callWithoutCertificate(): Promise<string> {
    const client = new DubboClient({ host: provider.address, port: 20880 });
    const { method, descriptor } = SERVICE.get;
    try {
      await client.call({ interface: SERVICE.interface, method, descriptor, args: ["1"] });
      return "OK";
    } catch (error) {
      return messageOf(error);
    } finally {
      client.close();
    }
  }
});

function assertRefused(outcomes: string[], count: number): void {
  assert.equal(outcomes.length, count);
  for (const outcome of outcomes) assert.match(outcome, TOLD);
}

/** As manifests/traffic/README.md has it. */
function notInForce([filter]: KubernetesObject[]): void {
  const [patch] = filter!.spec.configPatches as [Json];
  const { value } = patch.patch.value.typed_config.config.configuration;
  for (const policy of value.policies as Json[]) policy.enforce = false;
}

/** Requests, responses and refused requests in the sidecars of these pods. */
async function countedBy(pods: Pod[]): Promise<number[]> {
  const all = await Promise.all(pods.map(seriesOf));
  const metrics = ["requests_total", "responses_total", "refused_requests_total"];
  return metrics.map((metric) => all.reduce((sum, series) => sum + sumOf(series, metric), 0));
}

function answered(names: typeof GET_USER, count: number): Expected {
  return calls(names, count, "OK success");
}

/** Calls whose callers get an exception, in the provider's place. */
function refused(names: typeof GET_USER, count: number): Expected {
  const reasons = { ...names, ...NOT_ALLOWED };
  return calls(names, count, "OK exception").add("refused_requests_total", reasons, count);
}

function calls(names: typeof GET_USER, count: number, outcome: string): Expected {
  const responses = { [outcome]: count };
  const one = { twoway: count, responses, requestBytes: 1, responseBytes: 1 };
  return new Expected("provider").calls(names, one);
}
