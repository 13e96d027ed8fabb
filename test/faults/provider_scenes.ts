// Faults of a provider, or of its client, in mid-call. The provider comes back in the end, and then the
// same client is answered again.

import { setTimeout as sleep } from "node:timers/promises";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { fromRoot } from "../../harness/repository.ts";
import { ANSWERED, SHORT_MS, summary, type Outcome } from "./client.ts";
import type { Method } from "./methods.ts";
import type { Scene, Sight } from "./scene.ts";
import type { Stage } from "./stage.ts";

const READY_MS = 30_000;
/** How long an end that Envoy meets in mid-call may take to bring it down. */
const AFTERMATH_MS = 300;
/** Longer than Envoy takes to close what it closes by itself. */
const KEPT_MS = 6000;

/** All of them. */
export const PROVIDER_SCENES: readonly Scene[] = [
  {
    name: "provider killed (kill -9) in mid-call",
    aborts: ["dubbo_proxy"],
    play: async (stage) => {
      const calls = stage.client.calls(3, "keepSilent");
      await stage.providerHas(3, "keepSilent");
      stage.mark();
      stage.provider.kill("SIGKILL");
      const outcomes = await over(stage, calls);
      await stage.provider.ended;
      await stage.startProvider();
      return thenAnswered(stage, summary(outcomes));
    },
  },
  {
    name: "provider frozen (SIGSTOP), and thawed",
    play: async (stage) => {
      stage.provider.kill("SIGSTOP");
      stage.mark();
      const outcomes = await over(stage, stage.client.calls(3, "answer", SHORT_MS));
      stage.provider.kill("SIGCONT");
      return thenAnswered(stage, summary(outcomes));
    },
  },
  {
    name: "provider restarted in good order",
    play: async (stage) => {
      const calls = stage.client.calls(3, "answerSlowly");
      await stage.providerHas(3, "answerSlowly");
      stage.mark();
      const stopped = stage.provider.stop();
      const outcomes = await over(stage, calls);
      await stopped;
      await stage.startProvider();
      return thenAnswered(stage, summary(outcomes));
    },
  },
  {
    name: "provider refuses connections",
    play: async (stage) => {
      stage.provider.kill("SIGKILL");
      await stage.provider.ended;
      // Envoy has seen it too: a call that races with the end of the connection it is put on is another
      // fault, and behind the guard one that can take dubbo_proxy down.
      await sleep(AFTERMATH_MS);
      stage.mark();
      const outcomes = await over(stage, stage.newClient().calls(3, "answer"));
      await stage.startProvider();
      return thenAnswered(stage, summary(outcomes));
    },
  },
  {
    name: "provider slow for some calls",
    play: async (stage) => {
      stage.mark();
      const slow = stage.client.calls(2, "answerSlowly");
      let isOver = false;
      void slow.then(() => (isOver = true));
      const quick = await stage.client.calls(3, "answer");
      const order = isOver ? "the slow ones hold up the others" : "the slow ones hold up nobody";
      const outcomes = [...quick, ...(await over(stage, slow))];
      return { sees: `${summary(outcomes)}; ${order}` };
    },
  },
  ...cut("closes in mid-call (FIN)", "close"),
  ...cut("resets in mid-call (RST)", "reset"),
  ...cut("closes in mid-answer (FIN)", "answerHalfAndClose"),
  ...cut("resets in mid-answer (RST)", "answerHalfAndReset"),
  {
    name: "client killed (kill -9) in mid-call",
    play: async (stage) => {
      const caller = await startSilentCaller(stage);
      stage.mark();
      caller.kill("SIGKILL");
      await stage.until("their end", async () => (await stage.counts()).active === 0);
      stage.over();
      return thenAnswered(stage, "(gone)");
    },
  },
  {
    name: "client killed (kill -9) while the provider hangs (SIGSTOP)",
    play: async (stage) => {
      const before = await stage.providerConnections();
      const caller = await startSilentCaller(stage);
      stage.provider.kill("SIGSTOP");
      stage.mark();
      caller.kill("SIGKILL");
      const kept = await stage.connectionsAbove(before, KEPT_MS);
      if (kept === 0) {
        await stage.until("their end", async () => (await stage.counts()).active === 0);
      }
      stage.over();
      stage.provider.kill("SIGCONT");
      const sight = await thenAnswered(stage, "(gone)");
      const what = kept === 0 ? "no connection" : "its connection until the provider goes on";
      return { ...sight, envoy: `lives, keeps ${what}` };
    },
  },
];

/** One of three calls of a connection is cut off; the two others would be answered later. */
function cut(name: string, method: Method): Scene[] {
  const play = async (stage: Stage): Promise<Sight> => {
    const others = stage.client.calls(2, "answerSlowly");
    await stage.providerHas(2, "answerSlowly");
    stage.mark();
    const [outcome] = await over(stage, stage.client.calls(1, method));
    const sees = `${outcome}; the others: ${summary(await others)}`;
    return thenAnswered(stage, sees);
  };
  return [{ name: `provider ${name}`, aborts: ["dubbo_proxy"], play }];
}

/** A client of its own process, with three calls in flight that nobody will answer. */
async function startSilentCaller(stage: Stage): Promise<ManagedProcess> {
  const script = fromRoot("test/faults/silent_caller.ts");
  const args = ["--import", "tsx", script, String(stage.ports.listener), "3"];
  const caller = startProcess({ name: "caller", command: process.execPath, args });
  await caller.waitUntil("waiting", READY_MS, () => caller.log.includes("waits"));
  await stage.providerHas(3, "keepSilent");
  await stage.until("the calls in flight", async () => (await stage.counts()).active === 3);
  return caller;
}

async function over(stage: Stage, calls: Promise<Outcome[]>): Promise<Outcome[]> {
  const outcomes = await calls;
  stage.over();
  return outcomes;
}

/** Another call of the same client: what could be answered then has to be. */
async function thenAnswered(stage: Stage, sees: string): Promise<Sight> {
  await sleep(AFTERMATH_MS);
  const outcome = await stage.client.call("answer");
  return { sees: outcome === ANSWERED ? sees : `${sees}; afterwards: ${outcome}` };
}
