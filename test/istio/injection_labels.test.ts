// Labels in Istio: with the statistics' configuration that Istio's own template gives a sidecar of the
// demo, a real Envoy cuts just our labels out of the names of real metrics, as it does with our own
// envoy-local.yaml. Istio is told the labels by annotations, or by the mesh's configuration.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readConfig, wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import type { Exposition } from "../e2e/envoy_exposition.ts";
import { difference, sumOf } from "../e2e/envoy_series.ts";
import { ours, startLab, struct, until, type Lab, type Ports } from "../e2e/envoy_setup.ts";
import { dial, pair, Upstream } from "../e2e/envoy_sockets.ts";
import { concat, heartbeat, request, response, type Request } from "../frames/frames.ts";
import { ourLabels } from "../manifests/stat_tags.ts";
import { wasmFilesOf } from "../manifests/wasm_mounts.ts";
import { selectedBy } from "../manifests/selectors.ts";
import { workloadsOf } from "../manifests/manifest_files.ts";
import { bootstrapOf } from "./bootstrap.ts";
import { openIstio, type Istio } from "./istioctl.ts";

const LIMIT = { timeout: 180_000 };
const ANNOTATION = "sidecar.istio.io/extraStatTags";
/**
 * With all labels that are off by default, a rule, a policy that only counts, and spans for which there is
 * no collector: every label occurs.
 */
const CONFIGURATION = {
  metrics: { labels: ["interface", "method", "version", "group", "application"] },
  routing: { rules: [{ name: "all", attachments: { set: [{ name: "seen", value: "yes" }] } }] },
  policies: [{ name: "nobody", authorize: "deny", enforce: false }],
  telemetry: { otlp: { cluster: "nowhere" }, spans: { sample: { percentage: 100 } } },
};
const CALL: Request = {
  version: "1.0.0",
  extraAttachments: { group: "blue", "remote.application": "shop" },
};
/** dubbo_proxy's own counter, which Istio keeps back unless it is told not to. */
const OWN = "envoy_dubbo_dubbo_incomming_stats_request";

describe("labels in Istio", LIMIT, () => {
  let istio: Istio;
  let injected: Json[];

  before(async () => {
    istio = await openIstio();
    injected = await istio.inject(await istio.kustomize(fromRoot("manifests")));
  });

  after(async () => istio?.close());

  test("of the annotations Istio makes the regexes and buckets of envoy-local.yaml, for all workloads", async () => {
    const filtered = filteredOf(injected);
    assert.ok(filtered.length > 0);
    const { stats_tags, histogram_bucket_settings } = readConfig().stats_config;
    for (const workload of filtered) {
      const { stats_config } = await bootstrapOf(workload);
      assert.deepEqual(ourTags(stats_config), stats_tags);
      assert.deepEqual(stats_config.histogram_bucket_settings, histogram_bucket_settings);
    }
  });

  test("of the mesh's configuration in stat-tags.yaml it makes the same", async () => {
    const workload: Json = structuredClone(filteredOf(injected)[0]!);
    delete workload.spec.template.metadata.annotations[ANNOTATION];
    assert.deepEqual(ourTags((await bootstrapOf(workload)).stats_config), []);
    // As it was before the injection: of what is injected only the sidecar's environment matters.
    const original = (await istio.kustomize(fromRoot("manifests"))).find(
      ({ kind, metadata }) => kind === "Deployment" && metadata.name === workload.metadata.name,
    );
    delete original!.spec.template.metadata.annotations[ANNOTATION];
    const [again] = await istio.inject([original!], fromRoot("manifests", "stat-tags.yaml"));
    const { stats_config } = await bootstrapOf(again!);
    assert.deepEqual(ourTags(stats_config), readConfig().stats_config.stats_tags);
  });

  test("Envoy shows the same series as with envoy-local.yaml, and every label", async () => {
    const consumer = filteredOf(injected).find(
      ({ spec }) => spec.template.metadata.labels.app === "comsumer",
    );
    const { stats_config } = await bootstrapOf(consumer!);
    const expected = await talked(readConfig().stats_config);
    const found = await talked(stats_config);
    assert.deepEqual(difference(ours(found), ours(expected)), []);
    const keys = [...ours(found).keys()].join();
    for (const label of ourLabels()) assert.ok(keys.includes(`${label}="`), label);
    // What a scrape has beside them: dubbo_proxy's own counters.
    assert.ok(
      [...found.values.keys()].some((key) => key.startsWith(OWN)),
      OWN,
    );
  });

  test("Istio's own regexes may add a label, and leave ours as they are", async () => {
    const { stats_config } = await bootstrapOf(filteredOf(injected)[0]!);
    const call = { path: "com.example.cache.CacheService", method: "Get" };
    const scrape = await talked(stats_config, async ({ tcp }, upstream) => {
      const { near, far } = await pair(tcp, upstream);
      await near.write(request({ ...call, twoway: false }));
      await far.has(request({ ...call, twoway: false }).length);
      near.socket.destroy();
      return { connections: 1, answers: 0 };
    });
    const [key] = [...ours(scrape).keys()].filter((one) => one.startsWith("dubbo_requests_total"));
    const names = `dubbo_interface="${call.path}",dubbo_method="${call.method}"`;
    assert.ok(key!.startsWith(`dubbo_requests_total{cache="CacheService;",`), key);
    assert.ok(key!.includes(names), key);
  });
});

/** Everything that Envoy shows with these statistics' configuration once the traffic is counted. */
async function talked(stats_config: Json, traffic: typeof talk = talk): Promise<Exposition> {
  const lab = await startLab({
    change: (config) => {
      config.stats_config = stats_config;
      for (const plugin of wasmPlugins(config)) plugin.configuration = struct(CONFIGURATION);
    },
  });
  const upstream = await Upstream.listen(lab.ports.user);
  try {
    return await counted(lab, await traffic(lab.ports, upstream));
  } finally {
    await upstream.close();
    await lab.stop();
  }
}

/** How many connections there were, and how many calls had an answer. */
interface Traffic {
  connections: number;
  answers: number;
}

/** Traffic of which each metric and each label comes. */
async function talk({ dubbo, tcp }: Ports, upstream: Upstream): Promise<Traffic> {
  const { near, far } = await pair(tcp, upstream);
  const calls = [{ id: 1 }, { id: 2, twoway: false }, { id: 3 }];
  const sent = concat([...calls.map((call) => request({ ...CALL, ...call })), heartbeat()]);
  await near.writeInPieces(sent, sent.length, far);
  // Nobody has asked for the second one.
  const answers = concat([response({ id: 1 }), response({ id: 99 })]);
  await far.writeInPieces(answers, answers.length, near);
  // The third call stays without an answer.
  near.socket.end();
  await far.finished();
  far.socket.end();
  await near.finished();

  const second = await pair(tcp, upstream);
  await second.near.write(concat([request(CALL), new Uint8Array(64)]));
  await second.far.has(request(CALL).length + 64);
  second.near.socket.destroy();

  const count = upstream.ends.length;
  const third = await dial(dubbo);
  await third.write(request(CALL));
  await until("dubbo_proxy's connection", () => upstream.ends.length > count);
  await upstream.ends[count]!.has(request(CALL).length);
  await upstream.ends[count]!.write(response());
  await third.has(response().length);
  third.socket.destroy();
  return { connections: 3, answers: 2 };
}

/** The metrics once all of the traffic is in them, or as they are when that does not come true. */
async function counted(lab: Lab, traffic: Traffic): Promise<Exposition> {
  let scrape = await lab.scrape();
  const sum = (metric: string) => sumOf(scrape.values, metric);
  const whole = async () => {
    scrape = await lab.scrape();
    const { connections, answers } = traffic;
    const closed = sum("connections_total") === connections && sum("connections_active") === 0;
    return closed && sum("request_duration_milliseconds") === answers;
  };
  // What is missing then is what the test tells.
  await until("all is counted", whole).catch(() => {});
  return scrape;
}

function filteredOf(objects: readonly Json[]): Json[] {
  const manifests = objects.map((object) => ({ file: "", object }));
  const workloads = workloadsOf(manifests);
  const selected = wasmFilesOf(manifests).flatMap(({ manifest }) =>
    selectedBy(manifest, workloads),
  );
  return [...new Set(selected)].map(({ manifest }) => manifest.object);
}

function ourTags({ stats_tags }: Json): Json[] {
  const labels = ourLabels();
  return stats_tags.filter(({ tag_name }: Json) => labels.includes(tag_name));
}
