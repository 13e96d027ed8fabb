// Clients that leave, behind dubbo_proxy and the guard: a provider that never answers keeps no connection
// of theirs, and what a one-way call carries comes although its connection ends right behind it.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { request } from "../../frames/frames.ts";
import { hessianString } from "../../frames/hessian2.ts";
import { envoySince, LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";
import { dial, Upstream } from "../envoy_sockets.ts";

const CALLERS = 30;
const ONEWAYS = 20;
const LONG = 512 * 1024;

async function start(t: TestContext): Promise<{ lab: Lab; upstream: Upstream }> {
  const lab = await startLab({ componentLogLevel: "dubbo:critical" });
  // Fails where Envoy has ended by itself.
  t.after(() => lab.stop());
  const upstream = await Upstream.listen(lab.ports.user);
  t.after(() => upstream.close());
  return { lab, upstream };
}

/** What Envoy shows of its connections to a cluster that are open. */
function open(lab: Lab, cluster: string): Promise<number> {
  return lab.own(`envoy_cluster_upstream_cx_active{envoy_cluster_name="${cluster}"}`);
}

describe("behind the guard, of clients that leave in mid-call", LIMIT, () => {
  for (const reset of [false, true]) {
    const how = reset ? "a reset" : "an end";
    test(`with ${how} a provider that never answers keeps nothing`, async (t) => {
      const { lab, upstream } = await start(t);
      const callers = await Promise.all(
        Array.from({ length: CALLERS }, () => dial(lab.ports.dubbo)),
      );
      for (const [id, caller] of callers.entries()) await caller.write(request({ id }));
      await until("the calls", () => {
        return upstream.ends.length === CALLERS && upstream.ends.every((far) => far.length > 0);
      });
      for (const { socket } of callers) {
        if (reset) socket.resetAndDestroy();
        else socket.destroy();
      }
      for (const cluster of ["guard-user-provider", "dial-user-provider", "user-provider"]) {
        await until(
          `${cluster} without a connection`,
          async () => (await open(lab, cluster)) === 0,
        );
      }
      await until("their end", () => upstream.ends.every((far) => far.ended));
    });
  }
});

// Older versions dial by way of a listener filter, which takes such an end for a client that left.
const EARLY_DATA = envoySince("1.37");

describe("behind the guard a one-way call", { ...LIMIT, skip: !EARLY_DATA && "it is lost" }, () => {
  for (const [what, args] of [
    ["arrives", []],
    ["of 512 KiB arrives", [hessianString("x".repeat(LONG))]],
  ] as const) {
    test(what, async (t) => {
      const { lab, upstream } = await start(t);
      const caller = await dial(lab.ports.dubbo);
      t.after(() => caller.socket.destroy());
      const call = request({ id: 1, twoway: false, args: [...args] });
      for (let id = 0; id < ONEWAYS; id++) {
        await caller.write(call);
        await until(`call ${id}`, () => arrived(upstream) === (id + 1) * call.length);
      }
      assert.equal(upstream.ends.length, ONEWAYS);
    });
  }
});

function arrived(upstream: Upstream): number {
  return upstream.ends.reduce((sum, far) => sum + far.length, 0);
}
