// The manifests before Istio's own tools, where every word is a failure but the one that Istio has for
// every EnvoyFilter; and broken copies that these tools are there to notice. What they cannot see is in
// test/manifests/.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import type { Json } from "../../harness/envoy_config.ts";
import { fromRoot } from "../../harness/repository.ts";
import { broken, readCaught, type Break, type CaughtBreak } from "../manifests/broken.ts";
import { CHECK_NAMES } from "../manifests/checker.ts";
import {
  KUSTOMIZATION,
  manifestFiles,
  ofKind,
  readManifests,
  workloadsOf,
  type Manifest,
} from "../manifests/manifest_files.ts";
import { manifestSets, type ManifestSet } from "../manifests/manifest_sets.ts";
import { gatewayCertificate } from "./lab/certificate.ts";
import {
  configMap,
  Istio,
  openIstio,
  podOf,
  STANDING,
  type Message,
  type Report,
} from "./istioctl.ts";

const LIMIT = { timeout: 600_000 };
/** What an installation's own tool reads, and no API server. */
const INSTALLATION = "IstioOperator";
/**
 * Two annotations that Istio calls deprecated, and goes on reading: their successors stand in the
 * annotation proxy.istio.io/config.
 */
const DEPRECATED =
  /^Annotation "sidecar\.istio\.io\/(extraStatTags|statsInclusionPrefixes)" has been/;

describe("Istio's tools", LIMIT, () => {
  let istio: Istio;
  const manifests = readManifests();
  /** Files with pods, by the workloads that they belong to. */
  const pods = new Map<string, string>();
  /** What a cluster has that is not in manifests/. */
  let around: string;

  before(async () => {
    istio = await openIstio();
    const injector = (await istio.installation()).filter(
      ({ kind, metadata }) =>
        kind === "MutatingWebhookConfiguration" ||
        (kind === "Service" && metadata.name === "istiod"),
    );
    const { secret } = gatewayCertificate();
    around = await istio.write("around.yaml", [...injector, secret]);
  });

  after(async () => istio?.close());

  /** Writes a set into files of the same names, in a folder of its own; gives their absolute paths. */
  async function written({ name, manifests }: ManifestSet): Promise<string[]> {
    const folder = basename(name, ".yaml");
    const files = new Map<string, Json[]>();
    for (const { file, object } of manifests) {
      // Of a generated ConfigMap only the keys are known here.
      if (object.kind === INSTALLATION || basename(file) === KUSTOMIZATION) continue;
      files.set(file, [...(files.get(file) ?? []), object]);
    }
    await mkdir(join(istio.folder, folder), { recursive: true });
    return Promise.all(
      [...files].map(([file, objects]) =>
        istio.write(join(folder, file.replaceAll("/", ".")), objects),
      ),
    );
  }

  /**
   * All that is to be said about a set's files, with the pods that its workloads would become, Istio's
   * injector, and the certificate that the README has its reader bring.
   */
  async function report(set: ManifestSet, files: string[]): Promise<Report> {
    return istio.analyze([...files, await podsOf(set), around]);
  }

  /** A file with the pods that a set's workloads become; most sets have the same. */
  async function podsOf({ manifests }: ManifestSet): Promise<string> {
    const workloads = workloadsOf(manifests).map(({ manifest }) => manifest.object);
    const key = JSON.stringify(workloads);
    const known = pods.get(key);
    if (known !== undefined) return known;
    const injected = (await istio.inject(workloads)).map(podOf);
    const file = await istio.write(`pods-${pods.size}.yaml`, injected);
    pods.set(key, file);
    return file;
  }

  test("istioctl validate has nothing against any file", async () => {
    const files = manifestFiles().filter((file) => basename(file) !== KUSTOMIZATION);
    assert.deepEqual(await istio.validate(files.map((file) => fromRoot(file))), []);
  });

  for (const { file, object } of ofKind(manifests, INSTALLATION)) {
    test(`${file}: istioctl makes of it what it says`, async () => {
      const installed = await istio.installation(fromRoot(file));
      const mesh: unknown = parse(configMap(installed, "istio").mesh);
      // All that it says is in the mesh's configuration, beside what else is there.
      assert.deepEqual(common(mesh, object.spec.meshConfig), object.spec.meshConfig);
    });
  }

  for (const set of manifestSets(manifests)) {
    test(`${set.name}: istioctl analyze has nothing against it, nor with its pods`, async () => {
      const files = await written(set);
      assert.deepEqual(unusual(await istio.analyzeOffline(files)), []);
      const { decode, analyze } = await report(set, files);
      assert.deepEqual(decode, []);
      assert.deepEqual(unusual(analyze), []);
    });
  }

  for (const edit of readCaught((by) => !CHECK_NAMES.includes(by))) {
    test(`broken: ${edit.name}, noticed by ${edit.caught.by}`, async () => {
      const set = manifestSets(broken(manifests, edit)).find((one) => holds(one, edit))!;
      assert.ok(
        (await told(set, edit)).some((line) => line.includes(edit.caught.says)),
        "not noticed",
      );
    });
  }

  async function told(set: ManifestSet, { caught }: CaughtBreak): Promise<string[]> {
    const files = await written(set);
    if (caught.by === "validate") return istio.validate(files);
    const { decode, analyze } = await report(set, files);
    if (caught.by === "decode") return decode.map(({ error }) => error);
    return analyze.filter(({ code }) => code === caught.by).map(({ message }) => message);
  }
});

function holds({ manifests }: ManifestSet, { file }: Break): boolean {
  return manifests.some((manifest: Manifest) => manifest.file === file);
}

/** Of an object the part whose keys another one has too; of anything else all. */
function common(all: unknown, wanted: unknown): unknown {
  if (typeof all !== "object" || all === null || Array.isArray(all)) return all;
  if (typeof wanted !== "object" || wanted === null) return all;
  const inner = Object.entries(all).filter(([key]) => key in wanted);
  return Object.fromEntries(
    inner.map(([key, value]) => [key, common(value, (wanted as Json)[key])]),
  );
}

function unusual(messages: readonly Message[]): string[] {
  return messages
    .filter(({ message }) => !message.includes(STANDING) && !DEPRECATED.test(message))
    .map(({ code, origin, message }) => `${code} ${origin}: ${message}`);
}
