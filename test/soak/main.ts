// `npm run soak [-- --minutes 15]`: mixed load with churn, reloads and faults on one real Envoy, and at
// the end the question whether anything has grown or was counted wrong.
//
//   callers ──> [filter, tcp_proxy] ────────────> a provider that is killed and frozen
//           ──> [filter, rules, dubbo_proxy] ───> a provider that is not
//                  └── spans, records of failed calls ──> a collector with moods
//
// Exit code 1 where memory, descriptors or series were still growing in the last third, a gauge is not
// back at 0, or a counter is not what the callers did. Ends with "# pass N" and "# fail N".

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { addCluster } from "../../harness/envoy_config.ts";
import { ours } from "../e2e/envoy_setup.ts";
import { sumOf } from "../e2e/envoy_series.ts";
import { imbalance, total } from "../faults/counts.ts";
import { HEALTHY } from "../faults/methods.ts";
import { Stage } from "../faults/stage.ts";
import { MoodyCollector } from "./collector.ts";
import { runLoad, type Tally } from "./load.ts";
import { compare, openDescriptors, residentKib, TOLERANCES, type Sample } from "./samples.ts";
import { configure, DRAIN_SECONDS, makeTrouble } from "./trouble.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "15" } } });
const MINUTES = Number(values.minutes);
const SAMPLE_MS = 1000;
/** Two of the filter's flushes and some. */
const QUIET_MS = 1500;

if (!(MINUTES > 0 && MINUTES <= 24 * 60)) throw new Error(`--minutes ${values.minutes}`);
let passed = 0;
let failed = 0;

const collector = await MoodyCollector.start();
const stage = await Stage.set("tcp_proxy", {
  bystanderChain: "dubbo_proxy",
  concurrency: 2,
  drainSeconds: DRAIN_SECONDS,
  change: (config) => {
    addCluster(config, "collector", collector.port);
    configure(config, 0);
  },
});
try {
  await soak();
} finally {
  const end = await stage.stop();
  collector.stop();
  check("Envoy ends well", end === "exit code 0", end);
}
console.log(`# pass ${passed}\n# fail ${failed}`);
process.exitCode = failed === 0 ? 0 : 1;

async function soak(): Promise<void> {
  const until = Date.now() + MINUTES * 60_000;
  const isDone = () => Date.now() >= until || stage.envoy.process.end !== undefined;
  const samples: Sample[] = [];
  const [tally, troubles] = await Promise.all([
    runLoad(stage, isDone),
    makeTrouble(stage, isDone),
    sampleUntil(isDone, samples),
  ]);
  const others = Object.fromEntries(tally.others);
  console.log(`in ${MINUTES} minutes: ${JSON.stringify({ ...tally, others, ...troubles })}`);
  for (const { what, second, last, isFlat } of compare(samples)) {
    const { part, besides, unit } = TOLERANCES[what];
    const [from, to] = [second, last].map((value) => `${Math.round(value)}${unit}`);
    const allowed = `allowed: ${100 * part} % and ${besides}${unit} more`;
    check(`${what} flat`, isFlat, `${from}, then ${to}; ${allowed}`);
  }
  await counters(tally);
}

async function sampleUntil(isDone: () => boolean, samples: Sample[]): Promise<void> {
  const pid = stage.envoy.process.pid!;
  while (!isDone()) {
    await sleep(SAMPLE_MS);
    const memory = JSON.parse(await stage.envoy.get("/memory")) as { allocated: string };
    samples.push({
      rss: residentKib(pid),
      allocated: Number(memory.allocated) / 1024,
      descriptors: openDescriptors(pid),
      series: ours({ values: await stage.values(), histograms: new Map() }).size,
    });
  }
}

/** That gauges are back and every call is where it belongs. */
async function counters(tally: Tally): Promise<void> {
  await sleep(QUIET_MS);
  const scrape = await stage.values();
  for (const gauge of ["connections_active", "requests_active"]) {
    check(`${gauge} is 0`, sumOf(scrape, gauge) === 0, `${sumOf(scrape, gauge)}`);
  }
  const healthy = await stage.counts(HEALTHY);
  const { healthyCalls, healthyAnswered, floodCalls, garbage } = tally;
  check("the healthy provider's calls were all answered", healthyAnswered === healthyCalls);
  check("… and counted", healthy.requests === healthyCalls, `${healthy.requests}`);
  check("… as answered", healthy.responses["OK success"] === healthyCalls);
  const routed = sumOf(scrape, "routed_requests_total");
  check("… and rewritten", routed === healthyCalls + floodCalls, `${routed}`);

  const faulty = await stage.counts();
  const ok = faulty.responses["OK success"] ?? 0;
  check("the other provider's calls are all accounted for", imbalance(faulty) === 0);
  // What no provider was there for is not seen; an answer may be seen that gets lost behind us.
  check("… none is seen that was not made", faulty.requests <= tally.faultyCalls);
  check("… and no answer missed", ok >= tally.faultyAnswered, `${ok} of ${tally.faultyAnswered}`);
  const unanswered = total(faulty.unanswered);
  check("… and there was trouble", unanswered > 0, `${unanswered} unanswered`);

  // With protected attachments nothing is passed on that cannot be read.
  const refused = sumOf(scrape, "refused_connections_total");
  const seen = `${refused} connections of ${garbage}`;
  check("what is no Dubbo is refused, where attachments are protected", refused === garbage, seen);
  const told = sumOf(scrape, "telemetry_exported_total");
  check("spans and records were taken", told > 0, `${told} in ${collector.requests} requests`);
  const lost = sumOf(scrape, "telemetry_dropped_total");
  check("… and lost while their collector was in no mood", lost > 0, `${lost}`);
  const flooded = sumOf(scrape, "requests_total", { interface: "_OTHER" });
  check("names beyond max_series have one series", flooded > 0, `${flooded} calls`);
}

function check(what: string, isGood: boolean, detail: string = ""): void {
  if (isGood) passed++;
  else failed++;
  console.log(`${isGood ? "ok" : "not ok"} - ${what}${detail && `: ${detail}`}`);
}
