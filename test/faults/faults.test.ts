// Every fault in every chain, on real Envoy: what the caller sees, what the metrics say, what Envoy
// does. The table is printed at the end and held against docs/faults.md; UPDATE_DOCS=1 in the
// environment writes it there.
//
// Whatever happens: who calls a healthy provider meanwhile loses nothing, every request is accounted
// for, gauges go back to 0, and Envoy lives and ends well. The exceptions are named: a trap takes the
// filter away, and dubbo_proxy is known to take Envoy down when a provider's connection ends in mid-call.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ENVOY_VERSION, findEnvoy, versionOf } from "../../harness/envoy_binary.ts";
import { CHAINS, type Chain } from "./chains.ts";
import { ANSWERED } from "./client.ts";
import { imbalance, inWords } from "./counts.ts";
import { ENVOY_SCENES } from "./envoy_scenes.ts";
import { HEALTHY } from "./methods.ts";
import { PROVIDER_SCENES } from "./provider_scenes.ts";
import type { Scene } from "./scene.ts";
import { Stage } from "./stage.ts";
import { documented, expectedInDocument, listed, updateDocument, type Row } from "./table.ts";
import { trapScenes } from "./trap_scenes.ts";

const LIMIT = { timeout: 120_000 };
const SUITE = { timeout: 30 * 60_000 };
/** Two of the filter's flushes and some: all that is to be counted is counted by then. */
const QUIET_MS = 1200;
/** How a process ends that aborts, or that runs into what it has freed. */
const ABORTED = /^SIG(ABRT|SEGV)$/;

const scenes = [...PROVIDER_SCENES, ...ENVOY_SCENES, ...(await trapScenes())];
const version = await versionOf(await findEnvoy());
const rows: Row[] = [];

describe(`faults, Envoy ${version}`, SUITE, () => {
  for (const scene of scenes) {
    for (const chain of CHAINS) {
      test(`${scene.name}: ${chain}`, LIMIT, async () => {
        const stage = await Stage.set(chain, scene.options);
        try {
          rows.push(await play(scene, chain, stage));
        } finally {
          await stage.stop();
        }
      });
    }
  }

  test("docs/faults.md says the same", async (t) => {
    assert.equal(rows.length, scenes.length * CHAINS.length, "not all was seen");
    if (process.env.UPDATE_DOCS !== undefined) await updateDocument(rows);
    if (version === ENVOY_VERSION) assert.deepEqual(documented(), expectedInDocument(rows));
    else t.diagnostic(`the document is about Envoy ${ENVOY_VERSION}, this is ${version}`);
  });

  after(() => console.log(`\nEnvoy ${version}:\n\n${listed(rows)}\n`));
});

async function play(scene: Scene, chain: Chain, stage: Stage): Promise<Row> {
  stage.startBystander();
  assert.equal(await stage.client.call("answer"), ANSWERED);
  const sight = await scene.play(stage);
  await stage.stopBystander();

  assert.equal(stage.envoy.process.end, undefined, stage.envoy.process.lastLines());
  const aborts = scene.aborts?.includes(chain) ?? false;
  if (!scene.isTrap) {
    assert.deepEqual([...new Set(stage.bystander)], [ANSWERED], "calls to a healthy provider");
    await stage.until("no call in flight", async () => (await stage.counts()).active === 0);
  }
  // The end of its connections would end Envoy too.
  if (aborts) await sleep(QUIET_MS);
  else await allGone(scene, stage);
  const counts = await stage.counts();
  assert.equal(imbalance(counts), 0, inWords(counts));

  stage.closeClients();
  const end = await (aborts ? stage.envoy.process.ended : stage.stop());
  if (aborts) assert.match(end, ABORTED, "Envoy lives: take the chain off `aborts`");
  else assert.equal(end, "exit code 0", stage.envoy.process.lastLines());
  return {
    fault: scene.name,
    chain,
    sees: sight.sees,
    took: stage.took,
    metrics: sight.metrics ?? inWords(counts),
    envoy: aborts ? "**dies when the client disconnects**" : (sight.envoy ?? "lives"),
  };
}

/** All clients leave: gauges go back, and the healthy provider's calls were counted one by one. */
async function allGone(scene: Scene, stage: Stage): Promise<void> {
  stage.closeClients();
  if (scene.isTrap) return sleep(QUIET_MS);
  await stage.until("no open connection", async () => (await stage.openConnections()) === 0);
  const made = stage.bystander.length;
  await stage.until(`${made} calls of the healthy provider`, async () => {
    const { requests, responses, active } = await stage.counts(HEALTHY);
    return requests === made && responses["OK success"] === made && active === 0;
  });
}
