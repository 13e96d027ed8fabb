// Providers that fail behind dubbo_proxy and the guard, in every way that test/guard knows: the caller
// gets status SERVER_ERROR in a body that it reads, Envoy lives on after he has left, and the answer is
// counted once. `npm run probe:guard` shows the same without the guard.

import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { localConfig, readConfig } from "../../../harness/envoy_config.ts";
import { startEnvoy } from "../../../harness/envoy_process.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { concat, request, response } from "../../frames/frames.ts";
import { hessianString } from "../../frames/hessian2.ts";
import { FAULTS, FaultyProvider, type Fault } from "../../guard/faulty_provider.ts";
import { callOnce } from "../../guard/guard_call.ts";
import { Caller, times } from "../envoy_caller.ts";
import { Expected } from "../envoy_series.ts";
import { Lab, labPorts, LIMIT, startLab, until } from "../envoy_setup.ts";
import { dial, Upstream } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const SENTENCE = "upstream connection closed before the response";
const SERVER_ERROR = 80;
const ERROR = { "SERVER_ERROR error": 1 };
/** Bytes of an answer of ours: a header, two bytes and the sentence. */
const ANSWER = 16 + 2 + SENTENCE.length;
const CALLS = 3;
const MIB = 1024 * 1024;
/** Longer than it took Envoy to abort, where it did. */
const AFTERMATH_MS = 150;

async function startGuarded(t: TestContext): Promise<Lab> {
  const lab = await startLab({ componentLogLevel: "dubbo:critical" });
  // Fails where Envoy has ended by itself.
  t.after(() => lab.stop());
  return lab;
}

/** The whole Envoy that docs/guard.md has to copy from, on free ports. */
async function startPage(t: TestContext): Promise<Lab> {
  const ports = await labPorts();
  const { dubbo, admin, user } = ports;
  const changes = { listeners: { dubbo }, clusters: { "user-provider": user }, admin };
  const config = localConfig(changes, fromRoot("docs/guard.yaml"));
  config.stats_config = readConfig().stats_config;
  const envoy = await startEnvoy({ config, componentLogLevel: "dubbo:critical" });
  const lab = new Lab(envoy, ports);
  t.after(() => lab.stop());
  return lab;
}

/** Calls that a provider fails get the guard's answer, and Envoy lives. */
async function answers(t: TestContext, lab: Lab, fault: Fault): Promise<void> {
  const provider = await FaultyProvider.start(fault, lab.ports.user);
  t.after(() => provider.stop());
  for (let id = 1; id <= CALLS; id++) {
    await provider.ready();
    const seen = await callOnce(lab.ports.dubbo, { id }, () => provider.fails());
    assert.deepEqual(seen, { status: SERVER_ERROR, message: SENTENCE, isClosed: false });
    await sleep(AFTERMATH_MS);
  }
  await lab.grown(
    new Expected()
      .connections(CALLS)
      .calls(GET, {
        twoway: CALLS,
        requestBytes: CALLS * request().length,
        responses: { "SERVER_ERROR error": CALLS },
        responseBytes: CALLS * ANSWER,
      })
      .add("guarded_requests_total", GET, CALLS),
  );
}

describe("behind the guard the provider", LIMIT, () => {
  for (const fault of Object.keys(FAULTS) as Fault[]) {
    test(FAULTS[fault], async (t) => answers(t, await startGuarded(t), fault));
  }
});

test("docs/guard.yaml guards as envoy-local.yaml does", LIMIT, async (t) => {
  await answers(t, await startPage(t), "rst");
});

describe("behind the guard", LIMIT, () => {
  test("50 calls of one write are answered, and the connection goes on", async (t) => {
    const lab = await startGuarded(t);
    const provider = await FaultyProvider.start("rst", lab.ports.user);
    const caller = await Caller.dial(lab.ports.dubbo);
    const asked = await caller.ask(times(50, { path: GET.interface, method: GET.method }));
    for (const { answer } of asked) assert.equal(answer.status, SERVER_ERROR);
    await provider.stop();

    const upstream = await Upstream.listen(lab.ports.user);
    t.after(() => upstream.close());
    const good = caller.ask([{ path: GET.interface, method: GET.method }]);
    await until("the provider's connection", () => upstream.ends.length === 1);
    const far = upstream.ends[0]!;
    await far.has(request().length);
    await far.write(response({ id: 51 }));
    const [last] = await good;
    assert.equal(last?.answer.status, 20);
    // An idle connection that the provider ends is no failure of a call.
    far.socket.end();
    await far.finished();
    caller.close();
    await lab.grown(
      new Expected()
        .connections(1)
        .calls(GET, {
          twoway: 51,
          requestBytes: 51 * request().length,
          responses: { "SERVER_ERROR error": 50, "OK success": 1 },
          responseBytes: 50 * ANSWER + response().length,
        })
        .add("guarded_requests_total", GET, 50),
    );
  });

  for (const reset of [false, true]) {
    const how = reset ? "resets" : "closes";
    test(`a provider that ${how} before it has read all of 1 MiB`, async (t) => {
      const lab = await startGuarded(t);
      const upstream = await Upstream.listen(lab.ports.user);
      t.after(() => upstream.close());
      const asked = request({ id: 1, args: [hessianString("x".repeat(MIB))] });
      const near = await dial(lab.ports.dubbo);
      void near.write(asked);
      await until("the provider's connection", () => upstream.ends.length === 1);
      const far = upstream.ends[0]!;
      far.socket.pause();
      if (reset) far.socket.resetAndDestroy();
      else far.socket.destroy();
      await near.has(ANSWER);
      assert.equal(near.received[3], SERVER_ERROR);
      assert.equal(near.length, ANSWER);
      near.socket.destroy();
      await lab.grown(
        new Expected()
          .connections(1)
          .calls(GET, {
            twoway: 1,
            requestBytes: asked.length,
            responses: ERROR,
            responseBytes: ANSWER,
          })
          .add("guarded_requests_total", GET, 1),
      );
    });
  }

  test("the caller leaves first: nothing is answered, nothing guarded", async (t) => {
    const lab = await startGuarded(t);
    const upstream = await Upstream.listen(lab.ports.user);
    t.after(() => upstream.close());
    const near = await dial(lab.ports.dubbo);
    await near.write(concat([request({ id: 1 }), request({ id: 2 })]));
    await until("both at the provider", () => {
      return upstream.ends.length === 2 && upstream.ends.every((far) => far.length > 0);
    });
    near.socket.destroy();
    for (const far of upstream.ends) await far.finished();
    for (const far of upstream.ends) far.socket.end();
    await lab.grown(
      new Expected().connections(1).calls(GET, {
        twoway: 2,
        requestBytes: 2 * request().length,
        unanswered: { remote: 2 },
      }),
    );
    await lab.stays();
  });
});
