// "From nothing to labelled series" of manifests/README.md with its own commands, and what that page says of another
// module: its Pods replace those that run, under load, and `rollout undo` brings the first back.
//
// Not run of that page: what makes the cluster (`istioctl install`, the images). lab/control_plane.ts has
// what comes of it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";
import { printed } from "../kubernetes/readme.ts";
import { startCalling } from "./lab/calling.ts";
import { kustomized } from "./lab/manifests.ts";
import { startMesh, type Mesh } from "./lab/mesh.ts";

const SUITE = { timeout: 400_000 };
const PAGE = "manifests/README.md";
const CALLS = 20;
const BLUE = "user-provider-blue";
const CONSUMER = "comsumer-blue";
const CALLED_MS = 30_000;
/** A section that says nothing, https://webassembly.github.io/spec/core/binary/modules.html: id 0, size, name. */
const CUSTOM_SECTION = Uint8Array.of(0, 2, 1, 0x78);
const MODULE = "/var/local/dubbo/dubbo.wasm";

describe("from nothing to labelled series", SUITE, () => {
  let mesh: Mesh;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "first-steps-"));
    mesh = await startMesh({ objects: [] });
  });
  after(async () => {
    await mesh?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("the demo is applied, and every Deployment of it becomes available", async () => {
    const told = await mesh.shell(printed(PAGE, "kubectl apply -k manifests"));
    assert.match(told, /^envoyfilter\S*\/local-dubbo-listener created$/m);
    mesh.adopt(...(await kustomized("manifests")));
    const deployments = mesh.all("Deployment").map(({ metadata }) => metadata.name);
    await mesh.run(...deployments, "istio-ingressgateway");
    await mesh.shell(
      printed(
        PAGE,
        "kubectl -n mesh-demo wait --for=condition=Available deployment --all --timeout=5m",
      ),
    );
  });

  test("twenty calls through the ingress gateway are answered", async () => {
    const forward = printed(
      PAGE,
      "kubectl -n istio-system port-forward service/istio-ingressgateway 8080:80 >/dev/null &",
    );
    const ask = printed(
      PAGE,
      "for i in $(seq 20); do curl -s -H 'Host: td.mesh.symcn.com' 'localhost:8080/GetUserDubbo?id=7'; done",
    );
    const waited =
      "for i in $(seq 100); do curl -s -o /dev/null localhost:8080 && break; sleep 0.1; done";
    // A caller types more slowly than a shell reads, and closes the terminal in the end.
    const text = await mesh.shell([forward, "forward=$!", waited, ask, "kill $forward"].join("\n"));
    const answers = text.match(/"podName":"user-provider-(blue|green)-/g) ?? [];
    assert.equal(answers.length, CALLS, text);
  });

  test("the sidecars of both sides show them, with labels", async () => {
    const shown = await Promise.all(
      [CONSUMER, "user-provider-green"].map((name) =>
        mesh.shell(
          printed(
            PAGE,
            `kubectl -n mesh-demo exec deploy/${name} -c istio-proxy -- pilot-agent request GET stats/prometheus | grep ^dubbo_requests_total`,
          ),
        ),
      ),
    );
    for (const [i, side] of ["consumer", "provider"].entries()) {
      const labels = `dubbo_interface="com.k8s.User.UserProvider",dubbo_method="GetUser"`;
      assert.match(
        shown[i]!,
        new RegExp(`^dubbo_requests_total{.*${labels}.*dubbo_side="${side}"`, "m"),
      );
    }
  });

  test("another module replaces a Pod that runs: no call fails, and the new one has it", async (t) => {
    const manifests = join(folder, "manifests");
    cpSync(fromRoot("manifests"), manifests, { recursive: true });
    appendFileSync(join(manifests, "dubbo.wasm"), CUSTOM_SECTION);
    const calls = startCalling(mesh.pod(CONSUMER), { dubbo: "user-provider:20880", fresh: true });
    t.after(() => calls.stop());
    await calls.until("answered", CALLED_MS, ({ length }) => length > CALLS);
    await mesh.kubectl("apply", "-k", manifests);
    await replaced();
    assert.equal(await moduleIn(BLUE), checksum(join(manifests, "dubbo.wasm")));
    const { length: before } = calls.outcomes;
    await calls.until("answered still", CALLED_MS, ({ length }) => length > before + CALLS);
    await calls.stop();
    assert.deepEqual(calls.failures, []);
  });

  test("`rollout undo` brings the first one back, in new Pods", async () => {
    const undo = "kubectl -n mesh-demo rollout undo deployment -l dubbo-filter=enabled";
    await mesh.shell(printed(PAGE, undo));
    await replaced();
    assert.equal(await moduleIn(BLUE), checksum(fromRoot("manifests", "dubbo.wasm")));
    // The page says of old modules: delete what no ReplicaSet names; here all ends.
    const label = "app.kubernetes.io/name=dubbo-wasm";
    await mesh.kubectl("-n", "mesh-demo", "delete", "configmap", "-l", label);
  });

  /** There is room for one more Pod of the blue provider; the controllers end the one before. */
  async function replaced(): Promise<void> {
    const before = mesh.pod(BLUE);
    await mesh.run(BLUE);
    assert.notEqual(mesh.pod(BLUE).name, before.name);
    await mesh.kubectl(
      "-n",
      "mesh-demo",
      "rollout",
      "status",
      `deployment/${BLUE}`,
      "--timeout=60s",
    );
    await mesh.kubectl(
      "-n",
      "mesh-demo",
      "wait",
      "--for=delete",
      `pod/${before.name}`,
      "--timeout=60s",
    );
  }

  /** SHA-256 of what a Pod's sidecar has mounted. */
  async function moduleIn(deployment: string): Promise<string> {
    const { name } = mesh.pod(deployment);
    const exec = ["-n", "mesh-demo", "exec", name, "-c", "istio-proxy", "--", "sha256sum", MODULE];
    return (await mesh.kubectl(...exec)).split(" ")[0]!;
  }
});

function checksum(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
