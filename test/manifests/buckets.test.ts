// The buckets of the duration are the same in Istio's annotations and in envoy-local.yaml. What Istio
// makes of the annotation, test/istio/injection_labels.test.ts has.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { parseAllDocuments } from "yaml";
import { readConfig, type Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";

const FOLDER = "manifests/mesh-demo";

test("every workload with our labels has the buckets of envoy-local.yaml", () => {
  const [{ match, buckets }]: Json[] = readConfig().stats_config.histogram_bucket_settings;
  const annotations: Json[] = readdirSync(fromRoot(FOLDER))
    .flatMap((file) => parseAllDocuments(readFileSync(fromRoot(FOLDER, file), "utf8")))
    .map((document) => document.toJS()?.spec?.template?.metadata?.annotations ?? {})
    .filter((all) => all["sidecar.istio.io/extraStatTags"] !== undefined);
  assert.ok(annotations.length > 0);
  for (const all of annotations) {
    const given = JSON.parse(all["sidecar.istio.io/statsHistogramBuckets"]);
    assert.deepEqual(given, { [match!.prefix]: buckets });
  }
});
