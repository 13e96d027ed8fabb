// Recipes of manifests/traffic that say which pod of a service a call goes to. Two pods each of two
// versions of poc-service; what Envoy holds and who answers are both looked at.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { assertLikely, counted, likely } from "./lab/chance.ts";
import { eventually } from "./lab/eventually.ts";
import { askInside, useSourceAddress } from "./lab/inside.ts";
import type { Mesh } from "./lab/mesh.ts";
import { askPoc, GATEWAY, POC_SERVICE, podsOf, startPoc, type PocQuestion } from "./lab/poc.ts";
import type { Pod } from "./lab/pod.ts";
import { clusterOf, inFlight, withRecipe } from "./lab/recipe.ts";

const SUITE = { timeout: 240_000 };
const [ONE, TWO] = ["poc-service-v1", "poc-service-v2"] as const;
const CALLS = 200;
/** Different keys: that all of them meet the same of four pods by chance is one case in 4^15. */
const NAMES = Array.from({ length: 16 }, (_, i) => `name-${i}`);
/** The same for addresses: one case in 4^9. */
const MOST_ADDRESSES = 10;
/** Asked from inside of a pod. */
const SERVICE = { host: "poc-service", port: 80, path: "/service" };

describe("recipes for load balancing", SUITE, () => {
  let mesh: Mesh;
  let gateway: Pod;
  /** Names of the pods. */
  let v1: string[];
  let v2: string[];
  let all: string[];

  before(async () => {
    // Both replicas of both versions.
    mesh = await startPoc([GATEWAY, ONE, ONE, TWO, TWO, "poc-data-v1"]);
    gateway = mesh.pod(GATEWAY);
    [v1, v2] = [namesOf(ONE), namesOf(TWO)];
    all = [...v1, ...v2].sort();
  });
  after(() => mesh?.stop());

  test("lb-round-robin: each pod as often as any other", async () => {
    await withRecipe(mesh, gateway, "lb-round-robin", async () => {
      assert.equal(await policy(), "ROUND_ROBIN");
      const met = counted(await podsOf(gateway, 80));
      assert.deepEqual(Object.keys(met).sort(), all);
      // Each of the sidecar's two workers takes its own turns, and may stop anywhere in them.
      for (const [pod, count] of Object.entries(met)) {
        assert.ok(Math.abs(count - 20) <= 2, `${pod} ${count} times`);
      }
    });
  });

  test("lb-random: all pods, and in no order", async () => {
    await withRecipe(mesh, gateway, "lb-random", async () => {
      assert.equal(await policy(), "RANDOM");
      const pods = await podsOf(gateway, 80);
      assert.deepEqual(Object.keys(counted(pods)).sort(), all);
      const twice = pods.filter((pod, i) => pod === pods[i - 1]).length;
      // By chance one in four; in turns none would be.
      assertLikely(twice, pods.length - 1, 1 / 4);
    });
  });

  test("lb-least-request: a busy pod gets fewer", async () => {
    await withRecipe(mesh, gateway, "lb-least-request", async () => {
      assert.equal(await policy(), "LEAST_REQUEST");
      let calling = true;
      const busy = mesh.pod(TWO).name;
      // Each asks again and again, and comes to rest at that pod. Not all for the same time, so that
      // it is never idle.
      const keepers = [1700, 2100, 2600, 3200].map(async (delay) => {
        while (calling) await askPoc(gateway, { path: `/service?at=${busy}&delay=${delay}` });
      });
      try {
        const pod = mesh.pod(TWO);
        await eventually("the pod is busy", async () => (await inFlight(gateway, pod)) >= 3);
        const met = counted(await podsOf(gateway, CALLS));
        // Only if both of the two that it chooses between are this one, which is one case in 16;
        // some more, for the moments when it is not the busiest. Else it would be one in four.
        const { most } = likely(CALLS, 1 / 10);
        assert.ok((met[busy] ?? 0) <= most, `${met[busy]} of ${CALLS}, at most ${most}`);
        assert.deepEqual(Object.keys({ [busy]: 0, ...met }).sort(), all);
      } finally {
        calling = false;
        await Promise.all(keepers);
      }
    });
  });

  test("lb-passthrough: to the Service's own address; a pod for each connection", async (t) => {
    const service = await mesh.serve("poc-service", ONE, TWO);
    t.after(() => service.close());
    await withRecipe(mesh, gateway, "lb-passthrough", async () => {
      const { type, lb_policy } = await clusterOf(gateway, POC_SERVICE);
      assert.deepEqual(
        { type, lb_policy },
        { type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" },
      );
      for (const pod of [ONE, TWO, ONE].map((name) => mesh.pod(name).name)) {
        await eventually(`a connection to ${pod}`, async () => {
          service.cut();
          return (await askPoc(gateway)).pod === pod;
        });
        const met = counted(await podsOf(gateway, 20));
        assert.deepEqual(met, { [pod]: 20 });
      }
      const { service: answer } = await askPoc(gateway);
      const certificate = answer.headers["x-forwarded-client-cert"];
      assert.match(certificate, /;URI=.*\/sa\/poc-gateway$/, "mTLS: all pods have sidecars");
    });
  });

  test("lb-hash-header: the same pod for the same value of end-user", async () => {
    await withRecipe(mesh, gateway, "lb-hash-header", async () => {
      assert.equal(await policy(), "RING_HASH");
      const pods = await podsByName((name) => ({ headers: { "end-user": name } }));
      assert.ok(new Set(pods.values()).size > 1, "different values, different pods");
      const without = new Set(await podsOf(gateway, 60));
      assert.deepEqual([...without].sort(), all, "without the header to any pod");
    });
  });

  test("lb-hash-cookie: Envoy gives a cookie, and who sends it back stays with its pod", async () => {
    await withRecipe(mesh, gateway, "lb-hash-cookie", async () => {
      assert.equal(await policy(), "RING_HASH");
      const { headers, pod } = await askPoc(gateway);
      const cookie = cookieIn(headers["set-cookie"]);
      const again = await askPoc(gateway, { headers: { cookie } });
      assert.equal(again.headers["set-cookie"], undefined, "it has one already");
      assert.deepEqual(counted(await podsOf(gateway, 10, { headers: { cookie } })), { [pod]: 10 });
      const pods = await podsByName((name) => ({ headers: { cookie: `poc-service=${name}` } }));
      assert.ok(new Set(pods.values()).size > 1, "different cookies, different pods");
      // Envoy makes a cookie of its caller's connection, here one for each question.
      const answers = await askInside(
        gateway,
        NAMES.map(() => SERVICE),
      );
      const given = answers.map(({ headers }) => cookieIn(headers?.["set-cookie"]));
      assert.equal(new Set(given).size, NAMES.length);
    });
  });

  test("lb-per-subset: version 1 in turns, version 2 by end-user", async () => {
    await withRecipe(mesh, gateway, "lb-per-subset", async () => {
      assert.equal(await policy("v1"), "ROUND_ROBIN");
      assert.equal(await policy("v2"), "RING_HASH");
      const met = new Set<string>();
      for (const name of NAMES) {
        // That not one of them goes to version 2 is one case in 2^20.
        const pods = await podsOf(gateway, 20, { headers: { "end-user": name } });
        const one = pods.filter((pod) => v1.includes(pod));
        assert.ok(Math.abs(one.filter((pod) => pod === v1[0]).length - one.length / 2) <= 2);
        const two = [...new Set(pods.filter((pod) => v2.includes(pod)))];
        assert.equal(two.length, 1, `one pod of version 2 for ${name}: ${two}`);
        met.add(two[0]!);
      }
      assert.deepEqual([...met].sort(), v2);
    });
  });

  // The last one: the gateway's pod keeps the addresses.
  test("lb-hash-source-address: the same pod for the same address", async () => {
    await withRecipe(mesh, gateway, "lb-hash-source-address", async () => {
      assert.equal(await policy(), "RING_HASH");
      assert.equal(new Set(await podsOf(gateway, 40)).size, 1);
      const met = new Set<string>();
      for (let i = 0; i < MOST_ADDRESSES && met.size < 2; i++) {
        await useSourceAddress(gateway, `10.244.0.${230 + i}`);
        const answers = await askInside(gateway, Array(10).fill(SERVICE));
        const pods = new Set(answers.map(({ body }) => JSON.parse(body!).podName as string));
        assert.equal(pods.size, 1, `one pod for one address: ${[...pods]}`);
        met.add([...pods][0]!);
      }
      assert.ok(met.size > 1, `different addresses, different pods: ${[...met]}`);
    });
  });

  function namesOf(deployment: string): string[] {
    return mesh
      .pods(deployment)
      .map(({ name }) => name)
      .sort();
  }

  /** The load balancing of a cluster; what stands nowhere is Envoy's default. */
  async function policy(subset?: string): Promise<string> {
    return (await clusterOf(gateway, POC_SERVICE, 80, subset)).lb_policy ?? "ROUND_ROBIN";
  }

  /** The one pod that has answered all calls with a key, for each of NAMES. */
  async function podsByName(question: (name: string) => PocQuestion): Promise<Map<string, string>> {
    const pods = new Map<string, string>();
    for (let i = 0; i < 4; i++) {
      for (const name of NAMES) {
        const { pod } = await askPoc(gateway, question(name));
        assert.equal(pods.get(name) ?? pod, pod, `always the same for ${name}`);
        pods.set(name, pod);
      }
    }
    return pods;
  }
});

/** The cookie of an answer as it is to be sent back. Throws where it is not as the recipe says. */
function cookieIn(setCookie: string[] | undefined): string {
  const [, cookie] =
    /^(poc-service="?\w+"?); Max-Age=3600; Path=\/; HttpOnly$/.exec(setCookie?.[0] ?? "") ?? [];
  assert.ok(cookie, `set-cookie: ${setCookie}`);
  return cookie;
}
