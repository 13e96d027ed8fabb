// Real dubbo-go registers itself at both levels, in a real ZooKeeper and in rnacos, and a consumer without a
// registry calls it by way of a real Envoy.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { USERS } from "../../demo/record.ts";
import { launchGoRegistered, startGoRegistered } from "../peers/go_peers.ts";
import { endpoints } from "./java.ts";
import { startNacosStage, startStage, until, type ProgramStage } from "./stage.ts";

const TEST = { timeout: 120_000 };
const LEVELS = ["interface", "service"] as const;
const CALL = { interface: USERS.interface, method: "GetUser", descriptor: "Ljava/lang/String;" };

const STAGES: Record<string, (t: TestContext) => Promise<[ProgramStage, address: string]>> = {
  zookeeper: async (t) => {
    const stage = await startStage(t);
    return [stage, stage.zooKeeper.address];
  },
  nacos: async (t) => {
    const stage = await startNacosStage(t, "");
    return [stage, stage.nacos.address];
  },
};

for (const [kind, start] of Object.entries(STAGES)) {
  test(`dubbo-go 3.3.2 at both levels in ${kind}, for as long as it lives`, TEST, async (t) => {
    const [stage, address] = await start(t);
    const providers = await Promise.all(
      LEVELS.map((level) => startGoRegistered(t, `${kind}://${address}`, level)),
    );
    const ports = providers.map(({ port }) => `${port}`).sort();
    await until("both are known", async () => {
      return (await endpoints(stage)).get(CALL.interface)?.sort().join() === ports.join();
    });
    const getUser = () => stage.client.call({ ...CALL, args: ["7"] });
    // Routes follow the endpoints.
    await until("one is called", async () => Boolean(await getUser()));
    for (let i = 0; i < 20; i++) await getUser();
    const text = await stage.envoy.get(`/clusters?filter=${CALL.interface}`);
    for (const port of ports) {
      assert.ok(Number(new RegExp(`:${port}::cx_total::(\\d+)`).exec(text)?.[1]) > 0, port);
    }
    assert.equal((await stage.metrics()).get("dubbo_registry_unreadable"), 0);
    for (const { process } of providers) await process.stop();
    const mortal = await launchGoRegistered(t, `${kind}://${address}`, "interface", "-lifetime=1s");
    assert.equal(await mortal.process.ended, "exit code 0", mortal.process.log);
    await until("nobody is left", async () => !(await endpoints(stage)).has(CALL.interface));
  });
}
