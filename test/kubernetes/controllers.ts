// The real kube-controller-manager: it makes ReplicaSets of Deployments and Pods of those, endpoints of
// Services, a ServiceAccount "default" and the API server's certificate in each namespace, and deletes
// what belongs to something deleted.

import { freePort } from "../../harness/ports.ts";
import { kubernetesCommand } from "./commands.ts";
import type { ApiServer } from "./api_server.ts";

const READY_MS = 60_000;
/** What it makes first, in the namespace that is always there. */
const DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default";

/** Starts it beside the API server, with which it ends. At work when it resolves. */
export async function startControllers(server: ApiServer): Promise<void> {
  const controllers = server.start(
    "kube-controller-manager",
    kubernetesCommand("kube-controller-manager"),
    [
      `--kubeconfig=${server.kubeconfig}`,
      "--bind-address=127.0.0.1",
      `--secure-port=${await freePort()}`,
      `--cert-dir=${server.folder}/controllers`,
      `--service-account-private-key-file=${server.accountKeyFile}`,
      `--root-ca-file=${server.caFile}`,
      // Nodes send no heartbeats here: to this one they would be lost, and their Pods with them.
      "--controllers=*,-node-lifecycle-controller",
      // Else a dozen Deployments at once have to wait for each other.
      "--kube-api-qps=500",
      "--kube-api-burst=1000",
      // There is no second one.
      "--leader-elect=false",
    ],
  );
  await controllers.waitUntil("ready", READY_MS, () => server.client.get(DEFAULT_ACCOUNT));
}
