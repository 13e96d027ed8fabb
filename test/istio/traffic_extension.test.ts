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
import type { ManagedProcess } from "../../harness/processes.ts";
import { ROOT } from "../../harness/repository.ts";
import { withoutMounts } from "./lab/deployments.ts";
import type { KubernetesObject } from "./lab/kubernetes.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";
import { assertCountsOnBothSides, IMAGE_URL, served, startRegistry } from "./lab/wasm_image.ts";

const SUITE = { timeout: 240_000 };
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
    registry = startRegistry("-layout", join(folder, "image"));
    for (const name of ["comsumer-blue", "user-provider-blue"]) {
      await mesh.apply(withoutMounts(mesh.object("Deployment", name)));
    }
    await mesh.run("comsumer-blue", "user-provider-blue");
  });
  after(async () => {
    await mesh?.stop();
    await registry?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("a registry has the layout's image under the digest that the release says", async () => {
    await served(registry!);
    assert.equal(registry!.log, readFileSync(join(folder, "image.digest"), "utf8"));
  });

  test("pulled by the agents it counts on both sides", async () => {
    await mesh.apply(...extensions());
    await assertCountsOnBothSides(mesh, CALLS);
  });

  /** The release's TrafficExtensions with this registry filled in. */
  function extensions(): KubernetesObject[] {
    const text = readFileSync(join(folder, "traffic-extensions.yaml"), "utf8");
    return parseAllDocuments(text).map((document) => {
      const extension = document.toJS() as KubernetesObject;
      extension.spec.wasm.url = IMAGE_URL;
      return extension;
    });
  }
});
