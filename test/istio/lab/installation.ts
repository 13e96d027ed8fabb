// Istio on a cluster, as `istioctl install` puts it there: what its charts make of the default profile and the
// lab's settings.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromRoot } from "../../../harness/repository.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";
import { openIstio } from "../istioctl.ts";
import type { KubernetesObject } from "./kubernetes.ts";

export const ISTIO_NAMESPACE = "istio-system";
const OPERATOR = "test/istio/lab/istio.yaml";
/** Nothing here measures what Pods use. */
const NOT_INSTALLED = "HorizontalPodAutoscaler";

/**
 * Installs Istio with the lab's settings, and these IstioOperators on top: files named from the repository's root.
 * Where it is there with the same ones already, nothing happens; with others it is changed, and istiod
 * goes by the new ones soon. True where it was changed.
 */
export async function install(
  server: ApiServer,
  operators: readonly string[] = [],
): Promise<boolean> {
  const files = [OPERATOR, ...operators];
  const note = join(server.folder, "installed");
  if (existsSync(note) && readFileSync(note, "utf8") === files.join()) return false;
  const istio = await openIstio();
  try {
    const all = (await istio.installation(
      ...files.map((file) => fromRoot(file)),
    )) as KubernetesObject[];
    const objects = all.filter(({ kind }) => kind !== NOT_INSTALLED);
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: ISTIO_NAMESPACE } };
    const file = await istio.write("installation.yaml", [namespace, ...objects]);
    await server.kubectl("apply", "--server-side", "--force-conflicts", "-f", file);
  } finally {
    await istio.close();
  }
  writeFileSync(note, files.join());
  return true;
}
