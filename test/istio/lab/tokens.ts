// Tokens of a Pod's ServiceAccount, as the API server issues them to a kubelet.
// https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken

import type { Json } from "../../../harness/envoy_config.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";
import type { PodObject } from "./kubernetes.ts";

/** By audience; "" is the API server itself. */
export type Tokens = Map<string, string>;

/** One token, bound to the Pod, for each audience that its volumes ask for. */
export async function tokensOf({ client }: ApiServer, pod: PodObject): Promise<Tokens> {
  const { namespace, name, uid } = pod.metadata;
  const account = pod.spec.serviceAccountName;
  const tokens: Tokens = new Map();
  for (const { projected } of (pod.spec.volumes ?? []) as Json[]) {
    for (const { serviceAccountToken } of (projected?.sources ?? []) as Json[]) {
      const audience: string = serviceAccountToken?.audience ?? "";
      if (serviceAccountToken === undefined || tokens.has(audience)) continue;
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
      const { status } = await client.create(path, {
        spec: {
          audiences: audience === "" ? [] : [audience],
          expirationSeconds: serviceAccountToken.expirationSeconds,
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
        },
      });
      tokens.set(audience, status.token);
    }
  }
  return tokens;
}
