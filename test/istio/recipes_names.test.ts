// Recipes of manifests/traffic about names and what stands behind them, asked for from inside of a
// pod; and settings as a file, which change without a restart.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "./lab/eventually.ts";
import { askInside, type InsideAnswer } from "./lab/inside.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import type { Mesh } from "./lab/mesh.ts";
import { askPoc, GATEWAY, hostOf, startPoc } from "./lab/poc.ts";
import type { Pod } from "./lab/pod.ts";
import { clusterOf, routesOf, withRecipe } from "./lab/recipe.ts";

const SUITE = { timeout: 240_000 };
const OUTSIDE = "poc-data.example.com";
const SETTINGS = "settings.properties";

describe("recipes for names, and settings", SUITE, () => {
  let mesh: Mesh;
  let gateway: Pod;

  before(async () => {
    mesh = await startPoc([GATEWAY, "poc-data-v1", "poc-captcha-v1"]);
    gateway = mesh.pod(GATEWAY);
  });
  after(() => mesh?.stop());

  test("service-entry: a host outside of the mesh, by a cluster and a route of its own", async (t) => {
    const data = await mesh.serve("poc-data", "poc-data-v1");
    t.after(() => data.close());
    assert.equal((await ask("poc-data", OUTSIDE)).status, 200, "it is reached without, too");
    const before = data.connections.length;
    await withRecipe(mesh, gateway, "service-entry", async () => {
      const { type } = await clusterOf(gateway, OUTSIDE);
      assert.equal(type, "STRICT_DNS");
      const [{ route }] = (await routesOf(gateway, OUTSIDE)) as [{ route: any }];
      assert.deepEqual([route.cluster, route.timeout], [`outbound|80||${OUTSIDE}`, "3s"]);
      const answer = await ask("poc-data", OUTSIDE);
      assert.equal(answer.status, 200, answer.body);
      const { service, headers } = JSON.parse(answer.body!);
      assert.deepEqual([service, headers.host], ["poc-data", OUTSIDE]);
      assert.equal(headers["x-forwarded-client-cert"], undefined, "no mTLS to outside");
      assert.equal(data.connections.length, before + 1, "dialled by what DNS says");
      const slow = await ask("poc-data", OUTSIDE, "/data?at=poc-data&delay=5000");
      assert.deepEqual([slow.status, slow.body], [504, "upstream request timeout"]);
    });
  });

  test("external-name: another name for a service", async () => {
    const [before] = await askInside(gateway, [
      { host: "poc-data-alias", port: 80, path: "/data" },
    ]);
    assert.match(before!.error ?? "", /ENOTFOUND/);
    await withRecipe(mesh, gateway, "external-name", async () => {
      const answer = await ask("poc-data-alias", "poc-data-alias");
      assert.equal(answer.status, 200, answer.body);
      const { service, headers } = JSON.parse(answer.body!);
      assert.deepEqual([service, headers.host], ["poc-data", "poc-data-alias"]);
      assert.match(headers["x-forwarded-client-cert"], /sa\/poc-gateway$/, "as poc-data itself");
    });
  });

  test("no-endpoints: 503 from Envoy; a name that nobody knows does not resolve", async () => {
    const [before] = await askInside(gateway, [{ host: "poc-nobody", port: 80, path: "/" }]);
    assert.match(before!.error ?? "", /ENOTFOUND/);
    await withRecipe(mesh, gateway, "no-endpoints", async () => {
      const answer = await ask("poc-nobody", "poc-nobody");
      assert.deepEqual([answer.status, answer.body], [503, "no healthy upstream"]);
      assert.ok(await clusterOf(gateway, hostOf("poc-nobody")));
    });
  });

  test("settings: an edited ConfigMap changes the answers of the process that runs", async () => {
    const [application] = mesh.pod("poc-captcha-v1").applications;
    const { pid } = application!;
    assert.equal((await captcha()).length, 6);
    const settings = mesh.object("ConfigMap", "poc-settings");
    const edited = (text: string): KubernetesObject => ({
      ...settings,
      data: { [SETTINGS]: text },
    });
    await mesh.apply(edited("captcha.length=4\ncaptcha.alphabet=AB\n"));
    await eventually("shorter", async () => /^[AB]{4}$/.test(await captcha()));
    await mesh.apply(edited("captcha.length=9\n"));
    await eventually("longer", async () => (await captcha()).length === 9);
    await mesh.apply(edited("not a setting\n"));
    await eventually("refused", async () => application!.log.includes("settings stay as they are"));
    assert.equal((await captcha()).length, 9);
    assert.deepEqual([application!.pid, application!.end], [pid, undefined], "the same process");
  });

  /** Asks at a name that DNS knows for any name. */
  async function ask(dialled: string, host: string, path = "/data"): Promise<InsideAnswer> {
    const question = { host: dialled, port: 80, path, headers: { host } };
    return (await askInside(gateway, [question]))[0]!;
  }

  async function captcha(): Promise<string> {
    const { status, service } = await askPoc(gateway, { path: "/captcha" });
    assert.equal(status, 200, JSON.stringify(service));
    return service.captcha;
  }
});
