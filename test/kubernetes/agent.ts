// The stock agent of Istio as it is in a Pod, without an Envoy. It shows istiod the token of a ServiceAccount
// and gets a certificate for it, or does not.

import { mkdirSync, mkdtempSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { dirname, join } from "node:path";
import { freePort } from "../../harness/ports.ts";
import { istioCommand } from "../istio/lab/commands.ts";
import type { ApiServer } from "./api_server.ts";
import type { Istiod } from "./istiod.ts";

/** Whose agent it is, and the token that it shows. */
export interface AgentOptions {
  namespace: string;
  account: string;
  pod: string;
  token: string;
}

const ANSWERED_MS = 60_000;
const REFUSAL = /code = Unauthenticated/;
const CERTIFICATES = "certificates";

/** Whom istiod certifies an agent to be, e.g. "URI:spiffe://…"; undefined where it refuses the token. */
export async function certified(
  server: ApiServer,
  { secureGrpc }: Istiod,
  { namespace, account, pod, token }: AgentOptions,
): Promise<string | undefined> {
  const folder = mkdtempSync(join(server.folder, "agent-"));
  // istiod itself tells each namespace who signs for it.
  const root = await server.client.get(
    `/api/v1/namespaces/${namespace}/configmaps/istio-ca-root-cert`,
  );
  write(folder, "var/run/secrets/istio/root-cert.pem", root.data["root-cert.pem"]);
  write(folder, "var/run/secrets/tokens/istio-token", token);
  mkdirSync(join(folder, CERTIFICATES));
  const domain = `${namespace}.svc.cluster.local`;
  const agent = server.start(
    "agent",
    istioCommand("pilot-agent"),
    ["proxy", "sidecar", "--domain", domain],
    {
      HOME: folder,
      DISABLE_ENVOY: "true",
      OUTPUT_CERTS: CERTIFICATES,
      CA_ADDR: secureGrpc,
      // Else it looks for a cloud's metadata.
      CLOUD_PLATFORM: "none",
      POD_NAME: pod,
      POD_NAMESPACE: namespace,
      SERVICE_ACCOUNT: account,
      INSTANCE_IP: "127.0.0.1",
      ISTIO_META_CLUSTER_ID: "Kubernetes",
      PROXY_CONFIG: JSON.stringify({ discoveryAddress: secureGrpc, statusPort: await freePort() }),
    },
    folder,
  );
  const file = join(folder, CERTIFICATES, "cert-chain.pem");
  try {
    await agent.waitUntil(
      "answered",
      ANSWERED_MS,
      () => existsSync(file) || REFUSAL.test(agent.log),
    );
  } finally {
    await agent.stop();
  }
  if (!existsSync(file)) return undefined;
  return new X509Certificate(readFileSync(file)).subjectAltName;
}

function write(folder: string, path: string, text: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
