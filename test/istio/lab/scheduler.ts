// Puts Pods on nodes: those, and only those, that a test wants to have. All others stay Pending, as in a cluster
// that has no room for them.

import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../../harness/envoy_config.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";

/** Whose Pod is meant. */
export interface DeploymentName {
  /** "default" unless given. */
  namespace?: string;
  name: string;
}

const REVISION = "deployment.kubernetes.io/revision";
const HASH = "pod-template-hash";
const MADE_MS = 60_000;
const LOOK_MS = 100;

/** Pods that are being bound in this process: two calls at once must not meet the same. */
const taken = new Set<string>();

/**
 * Binds one more Pod of a Deployment to a node, one of its newest template; gives its uid. Rejects where
 * kube-controller-manager does not make one in a minute.
 */
export async function schedule(
  server: ApiServer,
  { namespace = "default", name }: DeploymentName,
  node: string,
  before: (uid: string) => void = () => {},
): Promise<string> {
  const deadline = Date.now() + MADE_MS;
  for (;;) {
    const { pod, why } = await waitingPod(server, namespace, name);
    if (pod !== undefined) {
      const { uid } = pod.metadata;
      taken.add(uid);
      before(uid);
      await bind(server, pod, node);
      return uid;
    }
    if (Date.now() > deadline) throw new Error(`${name} has no Pod that waits: ${why}`);
    await sleep(LOOK_MS);
  }
}

async function waitingPod(
  { client }: ApiServer,
  namespace: string,
  name: string,
): Promise<{ pod?: Json; why?: string }> {
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const deployment = await client.get(`${apps}/deployments/${name}`);
  const { metadata, status } = deployment;
  if (status.observedGeneration !== metadata.generation) return { why: "not seen yet" };
  const sets: Json[] = (await client.get(`${apps}/replicasets`)).items;
  const newest = sets.find(
    (set) =>
      set.metadata.ownerReferences?.some(({ uid }: Json) => uid === metadata.uid) &&
      set.metadata.annotations?.[REVISION] === metadata.annotations?.[REVISION],
  );
  if (newest === undefined) return { why: "no ReplicaSet" };
  const label = encodeURIComponent(`${HASH}=${newest.metadata.labels[HASH]}`);
  const pods: Json[] = (
    await client.get(`/api/v1/namespaces/${namespace}/pods?labelSelector=${label}`)
  ).items;
  const pod = pods.find(
    (one) =>
      one.spec.nodeName === undefined &&
      one.metadata.deletionTimestamp === undefined &&
      one.metadata.ownerReferences?.some(({ uid }: Json) => uid === newest.metadata.uid) &&
      !taken.has(one.metadata.uid),
  );
  // Why none was made stands there.
  return { pod, why: JSON.stringify(newest.status) };
}

async function bind({ client }: ApiServer, { metadata }: Json, node: string): Promise<void> {
  const { namespace, name } = metadata;
  await client.create(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { namespace, name },
    target: { apiVersion: "v1", kind: "Node", name: node },
  });
}
