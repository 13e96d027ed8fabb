// docs/istio-workload.yaml, the patch for a workload of the reader's own, says what the demo's workloads say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";

test("a workload of one's own gets the labels, buckets and mount of the demo's", () => {
  const { template } = readConfig(fromRoot("docs", "istio-workload.yaml")).spec;
  const demo = readConfig(fromRoot("manifests", "mesh-demo", "user-provider-blue.yaml")).spec
    .template;
  assert.deepEqual(template.metadata.labels, { "dubbo-filter": "enabled" });
  assert.equal(demo.metadata.labels["dubbo-filter"], "enabled");
  // The rest of the demo's annotations is about the demo's own end.
  const { "proxy.istio.io/config": _, ...annotations } = demo.metadata.annotations;
  assert.deepEqual(template.metadata.annotations, annotations);
  const mounted = demo.spec.volumes.filter(({ name }: { name: string }) => name === "dubbo-wasm");
  assert.deepEqual(template.spec.volumes, mounted);
});
