// What Istio's own injector makes of the pods: that the sidecar has the .wasm where the EnvoyFilters
// look for it, and that annotations are such that they do what they are there for. A misspelt one does
// nothing and nobody says so. The manifests come from kustomize, as they go into a cluster.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { places } from "../manifests/findings.ts";
import {
  ofKind,
  readKustomizations,
  workloadsOf,
  type Manifest,
} from "../manifests/manifest_files.ts";
import { selectedBy } from "../manifests/selectors.ts";
import { wasmFilesOf } from "../manifests/wasm_mounts.ts";
import { Istio, openIstio } from "./istioctl.ts";

const LIMIT = { timeout: 120_000 };
const WASM = fromRoot("build", "dubbo.wasm");
const MOUNT = "sidecar.istio.io/userVolumeMount";

const PROXY_CONFIG = "proxy.istio.io/config";
const LOG_LEVEL = "sidecar.istio.io/componentLogLevel";
/** Istio's own, which the annotation replaces. */
const DEFAULT_LOG_LEVEL = "misc:error";

/** Those that are applied by themselves, not as a part of another. */
const kustomizations = readKustomizations();
const parts = kustomizations.flatMap(({ file, object }) =>
  object.resources.map((resource: string) => join(dirname(file), resource, basename(file))),
);

for (const { file } of kustomizations.filter(({ file }) => !parts.includes(file))) {
  describe(`injection into what ${file} makes`, LIMIT, () => {
    let istio: Istio;
    let made: Manifest[];
    let injected: Manifest[];

    const asManifests = (objects: Json[]) => objects.map((object) => ({ file, object }));

    before(async () => {
      istio = await openIstio();
      made = asManifests(await istio.kustomize(fromRoot(dirname(file))));
      injected = asManifests(await istio.inject(made.map(({ object }) => object)));
    });

    after(async () => istio?.close());

    test("every workload gets a sidecar", () => {
      const workloads = workloadsOf(injected);
      assert.ok(workloads.length > 0);
      for (const { manifest } of workloads) assert.ok(sidecarOf(manifest.object));
    });

    test("just the workloads that load a .wasm file have it, and it is ours", () => {
      const workloads = workloadsOf(injected);
      const loading = new Set(
        wasmFilesOf(injected).flatMap(({ manifest, file }) => {
          const selected = selectedBy(manifest, workloads);
          for (const { manifest } of selected) {
            assert.deepEqual(readMounted(manifest.object, file, injected), readFileSync(WASM));
          }
          return selected;
        }),
      );
      const others = workloads.filter((workload) => !loading.has(workload));
      for (const { annotations } of others) assert.equal(annotations[MOUNT], undefined);
    });

    test("annotations do what they are there for", () => {
      for (const { manifest, annotations } of workloadsOf(injected)) {
        const { args, env } = sidecarOf(manifest.object);
        const level = annotations[LOG_LEVEL] ?? DEFAULT_LOG_LEVEL;
        assert.ok(args.includes(`--proxyComponentLogLevel=${level}`), level);
        const config: Json = parse(annotations[PROXY_CONFIG] ?? "{}");
        const given: Json = parse(env.find(({ name }: Json) => name === "PROXY_CONFIG").value);
        for (const [key, value] of Object.entries(config)) assert.deepEqual(given[key], value, key);
      }
    });

    test("where dubbo_proxy runs it keeps quiet about routes, and all else speaks as ever", () => {
      const routing = ofKind(injected, "EnvoyFilter").filter(({ object }) =>
        [...places(object)].some(({ value }) => value === "envoy.filters.network.dubbo_proxy"),
      );
      for (const { annotations } of routing.flatMap((one) =>
        selectedBy(one, workloadsOf(injected)),
      )) {
        assert.equal(annotations[LOG_LEVEL], `${DEFAULT_LOG_LEVEL},dubbo:critical`);
      }
    });
  });
}

test(
  "without the annotation, or with a misspelt one, the sidecar has no .wasm",
  LIMIT,
  async () => {
    const istio = await openIstio();
    try {
      const made = await istio.kustomize(fromRoot("manifests"));
      const filtered = made.find((object) => object.spec?.template?.metadata.annotations?.[MOUNT]);
      const { annotations } = filtered!.spec.template.metadata;
      annotations["sidecar.istio.io/userVolumeMounts"] = annotations[MOUNT];
      delete annotations[MOUNT];
      const [injected] = await istio.inject([filtered!]);
      const objects = made.map((object) => ({ file: "", object }));
      const { file } = wasmFilesOf(objects)[0]!;
      assert.equal(readMounted(injected!, file, objects), undefined);
    } finally {
      await istio.close();
    }
  },
);

/** What istio-proxy reads at a path; undefined where nothing is mounted. Throws where a name is nobody's. */
function readMounted(
  { spec, metadata }: Json,
  file: string,
  objects: readonly Manifest[],
): Buffer | undefined {
  const mounts: Json[] = sidecarOf({ spec }).volumeMounts;
  const mount = mounts.find(({ mountPath }) => mountPath === dirname(file));
  if (mount === undefined) return undefined;
  const volumes: Json[] = spec.template.spec.volumes;
  const { configMap } = volumes.find(({ name }) => name === mount.name)!;
  const found = objects.find(
    ({ object }) =>
      object.kind === "ConfigMap" &&
      object.metadata.name === configMap.name &&
      object.metadata.namespace === metadata.namespace,
  );
  assert.ok(found, `no ConfigMap ${configMap.name} in ${metadata.namespace}`);
  return Buffer.from(found.object.binaryData[basename(file)], "base64");
}

/** The sidecar: a container, or an init container that stays. */
function sidecarOf({ spec }: Json): Json {
  const { containers, initContainers = [] } = spec.template.spec;
  return [...containers, ...initContainers].find(({ name }: Json) => name === "istio-proxy");
}
