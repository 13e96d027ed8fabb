// The stock istiod (pilot-discovery) beside the API server, with its real client: it reads its objects from
// the server, which asks it about Pods and Istio's objects, and it asks the server whose a token is.
//
// Installed as Istio's charts have it, but for one thing: there is no network in which the Service istiod
// has an address, so the webhooks name this machine's, by the charts' own settings for that.

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePorts } from "../../harness/ports.ts";
import type { ManagedProcess } from "../../harness/processes.ts";
import { answers } from "../../harness/readiness.ts";
import { istioCommand } from "../istio/lab/commands.ts";
import type { ApiServer } from "./api_server.ts";

const HOST = "127.0.0.1";
const NAMESPACE = "istio-system";
const READY_MS = 60_000;
const OUTPUT_BYTES = 64 * 1024 * 1024;
/** What of the installation the cluster needs while istiod itself is no Pod in it. */
const NOT_INSTALLED = "Deployment|HorizontalPodAutoscaler";
const WEBHOOKS = "/apis/admissionregistration.k8s.io/v1";
const INJECTOR = `${WEBHOOKS}/mutatingwebhookconfigurations/istio-sidecar-injector`;
const VALIDATOR = `${WEBHOOKS}/validatingwebhookconfigurations/istiod-default-validator`;

/** A running istiod; it ends with the API server. */
export interface Istiod {
  process: ManagedProcess;
  /** host:port of xDS and certificates, over TLS. */
  secureGrpc: string;
  /** Port of xDS on 127.0.0.1, without TLS. */
  grpcPort: number;
}

/** What istiod tells a stock Envoy, which lacks two filters of Istio's build. */
const FOR_STOCK_ENVOY = {
  PILOT_ENABLE_METADATA_EXCHANGE: "false",
  PILOT_ENABLE_ALPN_FILTER: "false",
};

/**
 * Installs Istio's default profile and starts istiod. When it resolves the server asks its webhooks.
 *
 * @param settings further ones of the installation, as istioctl's --set takes them
 */
export async function startIstiod(server: ApiServer, ...settings: string[]): Promise<Istiod> {
  type Five = [number, number, number, number, number];
  const [http, webhooks, grpcPort, secureGrpc, monitoring] = (await freePorts(5)) as Five;
  await install(server, `https://${HOST}:${webhooks}`, settings);
  const kubeconfig = await kubeconfigOf(server, "istiod");
  const args = ["discovery", "--kubeconfig", kubeconfig, "--domain", "cluster.local"];
  args.push("--httpAddr", `${HOST}:${http}`, "--httpsAddr", `${HOST}:${webhooks}`);
  args.push("--grpcAddr", `${HOST}:${grpcPort}`, "--secureGRPCAddr", `${HOST}:${secureGrpc}`);
  args.push("--monitoringAddr", `${HOST}:${monitoring}`, "--ctrlz_port", "0");
  const process = server.start("istiod", istioCommand("pilot-discovery"), args, {
    HOME: server.folder,
    KUBECONFIG: "",
    CLUSTER_ID: "Kubernetes",
    REVISION: "default",
    POD_NAME: "istiod-0",
    POD_NAMESPACE: NAMESPACE,
    SERVICE_ACCOUNT: "istiod",
    PILOT_CERT_PROVIDER: "istiod",
    // Its certificate is for this address too.
    ISTIOD_CUSTOM_HOST: HOST,
    ...FOR_STOCK_ENVOY,
  });
  const url = `http://${HOST}:${http}`;
  await process.waitUntil("ready", READY_MS, () => answers(`${url}/ready`));
  await process.waitUntil("asked", READY_MS, () => isAsked(server));
  return { process, secureGrpc: `${HOST}:${secureGrpc}`, grpcPort };
}

async function install(server: ApiServer, webhooks: string, further: string[]): Promise<void> {
  const settings = [
    ...further,
    "profile=default",
    "values.defaultRevision=default",
    `values.base.validationURL=${webhooks}/validate`,
    `values.istiodRemote.injectionURL=${webhooks}/inject`,
  ];
  const args = ["manifest", "generate", ...settings.flatMap((setting) => ["--set", setting])];
  const options = { maxBuffer: OUTPUT_BYTES, env: { HOME: server.folder, KUBECONFIG: "" } };
  const { stdout } = await promisify(execFile)(istioCommand("istioctl"), args, options);
  const kind = new RegExp(`^kind: (${NOT_INSTALLED})$`, "m");
  const file = join(server.folder, "istio.yaml");
  writeFileSync(
    file,
    stdout
      .split(/^---$/m)
      .filter((object) => !kind.test(object))
      .join("---"),
  );
  await server.kubectl("create", "namespace", NAMESPACE);
  await server.kubectl("apply", "--server-side", "-f", file);
}

/** A file for a client that is a ServiceAccount of Istio's namespace, with a token that the server makes. */
async function kubeconfigOf(server: ApiServer, account: string): Promise<string> {
  const token = (await server.kubectl("-n", NAMESPACE, "create", "token", account)).trim();
  const config = JSON.parse(
    await server.kubectl("config", "view", "--raw", "--flatten", "-o", "json"),
  );
  config.users[0].user = { token };
  const file = join(server.folder, `kubeconfig-${account}`);
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/**
 * Whether the server asks istiod about Pods and about Istio's objects, and needs its word: istiod writes both, and who
 * signed its certificate, into the configuration of its webhooks.
 */
export async function isAsked({ client }: ApiServer): Promise<boolean> {
  const [injector, validator] = [await client.get(INJECTOR), await client.get(VALIDATOR)];
  return [...injector.webhooks, ...validator.webhooks].every(
    ({ clientConfig, failurePolicy }) => clientConfig.caBundle && failurePolicy === "Fail",
  );
}
