// The real istiod (../istiod/istiod-lab) and the files that it watches.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../../harness/envoy_config.ts";
import { startProcess, type ManagedProcess } from "../../../harness/processes.ts";
import { answers } from "../../../harness/readiness.ts";
import { istioCommand } from "./commands.ts";
import { isIstio, type KubernetesObject } from "./kubernetes.ts";
import { HOST } from "./network.ts";

/** Kinds of Kubernetes' own that istiod reads. */
const OWN_KINDS = [
  "Namespace",
  "Node",
  "Service",
  "ServiceAccount",
  "Secret",
  "EndpointSlice",
  "Pod",
];
/** Its ServiceEntries come with those: istiod allocates their addresses in what it takes for a cluster. */
const KINDS = [...OWN_KINDS, "ServiceEntry"];
const READY_MS = 60_000;
const SETTLED_MS = 30_000;
/** It looks for changes each 100 ms, and gathers them for another 100 ms. */
const QUIET_MS = 400;
const DEBUG_MS = 5000;
/** As somebody of istiod's own namespace, see ../istiod/istiod-lab/tokens.go. */
const TOKEN = { authorization: "Bearer system:serviceaccount:istio-system:lab" };
const HTTP = `${HOST}:18080`;
/**
 * What istiod writes into its log about objects it cannot read, and proxies that refuse one. Nothing that
 * base64 could be: there are certificates in the log.
 */
const PROBLEM = /Failed to parse|failure during|ACK ERROR/;

/** Files in istiod's folder; all of Istio's objects stand in one, so that they change at once. */
const CONFIG = "config";
const ISTIO_OBJECTS = join(CONFIG, "istio.yaml");
const OTHER_OBJECTS = "objects.yaml";
const ROOT_CERT = "root-cert.pem";

/** Whether istiod reads such an object. */
export function isRead(object: KubernetesObject): boolean {
  return isIstio(object) || KINDS.includes(object.kind);
}

/** A running istiod; `startIstiod` makes them. */
export class Istiod {
  readonly process: ManagedProcess;
  readonly #folder: string;
  #pushesBefore = -1;

  constructor(process: ManagedProcess, folder: string) {
    this.process = process;
    this.#folder = folder;
  }

  /** Gives it these objects instead of those before. Proxies hear of it within a second. */
  write(objects: readonly KubernetesObject[]): void {
    const pushes = this.#pushes;
    if (writeObjects(this.#folder, objects)) this.#pushesBefore = pushes;
  }

  /**
   * Resolved once all proxies have accepted or refused what follows from the last `write`. Rejects
   * where that does not come true in half a minute.
   */
  async settled(): Promise<void> {
    await this.process.waitUntil("settled", SETTLED_MS, async () => {
      const pushes = this.#pushes;
      if (pushes <= this.#pushesBefore) return false;
      await sleep(QUIET_MS);
      return pushes === this.#pushes && (await allHeard());
    });
  }

  /**
   * The ConfigMap by which istiod tells each namespace its authority's certificate, for those who
   * have to know before they can ask.
   */
  rootCert(namespace: string): KubernetesObject {
    const data = { [ROOT_CERT]: readFileSync(join(this.#folder, ROOT_CERT), "utf8") };
    const metadata = { name: "istio-ca-root-cert", namespace };
    return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
  }

  /** Lines of its log that say that an object is not understood, or was refused by a proxy. */
  problems(): string[] {
    return this.process.log.split("\n").filter((line) => PROBLEM.test(line));
  }

  /** Ends it. */
  async stop(): Promise<void> {
    await this.process.stop();
  }

  // How often it has set out to tell its proxies of changes.
  get #pushes(): number {
    return this.process.log.split("Push debounce stable").length - 1;
  }
}

/** Starts istiod on the lab's network with these objects; its files are put into `folder`. */
export async function startIstiod(
  folder: string,
  meshFile: string,
  objects: readonly KubernetesObject[],
): Promise<Istiod> {
  mkdirSync(join(folder, CONFIG));
  writeObjects(folder, objects);
  const args = ["-config", join(folder, CONFIG), "-k8s", join(folder, OTHER_OBJECTS)];
  args.push("-mesh", meshFile, "-grpc", `${HOST}:15012`, "-http", HTTP);
  args.push("-root-cert", join(folder, ROOT_CERT));
  const process = startProcess({
    name: "istiod",
    command: istioCommand("istiod-lab"),
    args,
    cwd: folder,
    env: {
      HOME: folder,
      KUBECONFIG: "",
      CLUSTER_ID: "Kubernetes",
      POD_NAME: "istiod-lab",
      POD_NAMESPACE: "istio-system",
      PILOT_ENABLE_AMBIENT: "false",
      // Filters that only Istio's own build of Envoy has.
      PILOT_ENABLE_METADATA_EXCHANGE: "false",
      PILOT_ENABLE_ALPN_FILTER: "false",
    },
  });
  try {
    await process.waitUntil("ready", READY_MS, () => answers(`http://${HTTP}/ready`));
  } catch (error) {
    await process.stop();
    throw error;
  }
  return new Istiod(process, folder);
}

// Whether each proxy has answered to the last that it was sent, of each kind.
async function allHeard(): Promise<boolean> {
  const signal = AbortSignal.timeout(DEBUG_MS);
  const response = await fetch(`http://${HTTP}/debug/syncz`, { signal, headers: TOKEN });
  const proxies = (await response.json()) as { resources?: Record<string, Json> }[];
  const resources = proxies.flatMap(({ resources = {} }) => Object.values(resources));
  return resources.every(({ sent, acked, lastError }) => sent === acked || Boolean(lastError));
}

// True where that makes a difference.
function writeObjects(folder: string, objects: readonly KubernetesObject[]): boolean {
  const istio = objects.filter((object) => isIstio(object) && !KINDS.includes(object.kind));
  const others = objects.filter(({ kind }) => KINDS.includes(kind));
  return [replace(folder, ISTIO_OBJECTS, istio), replace(folder, OTHER_OBJECTS, others)].some(
    (changed) => changed,
  );
}

// Whole or not at all: istiod reads whenever it sees a change.
function replace(folder: string, file: string, objects: readonly KubernetesObject[]): boolean {
  const path = join(folder, file);
  // Documents without a line's end in them: to istiod this is YAML.
  const text = objects.map((object) => JSON.stringify(object)).join("\n---\n");
  if (existsSync(path) && readFileSync(path, "utf8") === text) return false;
  const made = join(folder, "new");
  writeFileSync(made, text);
  renameSync(made, path);
  return true;
}
