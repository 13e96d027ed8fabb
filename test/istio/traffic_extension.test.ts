// What `npm run release` writes, used as it is: its image layout pushed to a registry and pulled from there
// by Istio's agent, because its TrafficExtensions say so. Only `url` is filled in.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { parseAllDocuments } from "yaml";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { ROOT } from "../../harness/repository.ts";
import { Expected } from "../e2e/envoy_series.ts";
import { callTimes } from "./lab/calling.ts";
import { istioCommand } from "./lab/commands.ts";
import { withoutMounts } from "./lab/deployments.ts";
import { namesWithWasm, stateOf } from "./lab/envoy_state.ts";
import { eventually } from "./lab/eventually.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { HOST } from "./lab/network.ts";
import { awaitSeries } from "./lab/series.ts";

const SUITE = { timeout: 240_000 };
/** lab/istio.yaml has it as a registry without TLS. */
const REGISTRY = `${HOST}:5000`;
const IMAGE = "dubbo-wasm-filter:0.1.0";
const BY_NAME = "user-provider:20880";
const BLUE = "user-provider-blue-0";
const USERS = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
const PUSH_MS = 30_000;
const CALLS = 10;

describe("a release's TrafficExtensions and image", SUITE, () => {
  let folder: string;
  let mesh: Mesh;
  let registry: ManagedProcess | undefined;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "release-"));
    await promisify(execFile)(process.execPath, ["--import", "tsx", "release/main.ts", folder], {
      cwd: ROOT,
    });
    const objects = await kustomized("manifests");
    mesh = await startMesh({ objects: objects.filter(({ kind }) => kind !== "EnvoyFilter") });
    registry = startProcess({
      name: "registry",
      command: istioCommand("registry"),
      args: ["-listen", REGISTRY, "-image", IMAGE, "-layout", join(folder, "image")],
    });
    for (const name of ["comsumer-blue", "user-provider-blue"]) {
      mesh.apply(withoutMounts(mesh.object("Deployment", name)));
    }
    await mesh.run("comsumer-blue", "user-provider-blue");
  });
  after(async () => {
    await mesh?.stop();
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a registry has the layout's image under the digest that the release says", async () => {
    await registry!.waitUntil("ready", PUSH_MS, () => /^sha256:\w+$/m.test(registry!.log));
    assert.equal(registry!.log, readFileSync(join(folder, "image.digest"), "utf8"));
  });

  test("pulled by the agents it counts on both sides", async () => {
    mesh.apply(...extensions());
    await mesh.istiod.settled();
    const [consumer, provider] = [mesh.pod("comsumer-blue"), mesh.pod("user-provider-blue")];
    for (const pod of [consumer, provider]) {
      await eventually(
        "the module is there",
        async () => namesWithWasm(await stateOf(pod)).length > 0,
      );
      assert.deepEqual((await stateOf(pod)).problems, []);
    }
    assert.deepEqual(
      await callTimes(consumer, { dubbo: BY_NAME }, CALLS),
      Array.from({ length: CALLS }, () => BLUE),
    );
    for (const [pod, side] of [
      [consumer, "consumer"],
      [provider, "provider"],
    ] as const) {
      const responses = { "OK success": CALLS };
      const calls = { twoway: CALLS, responses, requestBytes: 1, responseBytes: 1 };
      await awaitSeries(pod, new Expected(side).connections(1).calls(USERS, calls));
    }
    assert.deepEqual(mesh.istiod.problems(), []);
  });

  /** The release's TrafficExtensions with this registry filled in. */
  function extensions(): KubernetesObject[] {
    const text = readFileSync(join(folder, "traffic-extensions.yaml"), "utf8");
    return parseAllDocuments(text).map((document) => {
      const extension = document.toJS() as KubernetesObject;
      extension.spec.wasm.url = `oci://${REGISTRY}/${IMAGE}`;
      return extension;
    });
  }
});
