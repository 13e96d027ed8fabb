// A real Kubernetes API server with its etcd, on 127.0.0.1 and free ports: no root, no network.
//
// Where this stops: nothing runs the objects that it has. controllers.ts makes Pods of Deployments,
// pods.ts says that they are ready; ../istio/lab/kubelet.ts runs them.

import { execFile } from "node:child_process";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Json } from "../../harness/envoy_config.ts";
import { freePorts } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { ROOT } from "../../harness/repository.ts";
import { ApiClient } from "./api.ts";
import { istioCrds, KUBERNETES_BUILD, kubernetesCommand } from "./commands.ts";

const HOST = "127.0.0.1";
const KUBECONFIG = "kubeconfig";
/** Whom its ServiceAccounts' tokens come from, and Services' addresses; kind has the same. */
const ISSUER = "https://kubernetes.default.svc.cluster.local";
const SERVICE_ADDRESSES = "10.96.0.0/16";
/** Four seconds on an idle machine. */
const READY_MS = 120_000;
const LOOK_MS = 100;
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** kubectl may have to wait for a rollout. */
const KUBECTL_MS = 120_000;
const OUTPUT_BYTES = 64 * 1024 * 1024;

/** A running API server; `startApiServer` makes them. */
export class ApiServer {
  /** E.g. "https://127.0.0.1:21443". */
  readonly url: string;
  /** Bearer token of an administrator. */
  readonly token: string;
  /** File with the certificate of who signed the server's. */
  readonly caFile: string;
  /** File for kubectl and for clients that read the same: the administrator's. */
  readonly kubeconfig: string;
  /** File of the key by which ServiceAccounts' tokens are signed. */
  readonly accountKeyFile: string;
  /** Its files, gone when it stops. */
  readonly folder: string;
  readonly #parts: ManagedProcess[] = [];
  #client: ApiClient | undefined;

  constructor(folder: string, url: string, token: string) {
    this.folder = folder;
    this.url = url;
    this.token = token;
    // It signs one for itself, and puts it here.
    this.caFile = join(folder, "apiserver.crt");
    this.kubeconfig = join(folder, KUBECONFIG);
    this.accountKeyFile = join(folder, "accounts.key");
  }

  /** The server that another process has started, by its folder; what `close` ends is this side only. */
  static attach(folder: string): ApiServer {
    const config = JSON.parse(readFileSync(join(folder, KUBECONFIG), "utf8")) as Json;
    return new ApiServer(folder, config.clusters[0].cluster.server, config.users[0].user.token);
  }

  /** Requests as the administrator. */
  get client(): ApiClient {
    const { url, token } = this;
    this.#client ??= new ApiClient({ url, token, ca: readFileSync(this.caFile, "utf8") });
    return this.#client;
  }

  /** Whether it is ready for requests. Rejects while it does not answer. */
  async isReady(): Promise<unknown> {
    try {
      return await this.client.get("/readyz");
    } catch (error) {
      // Where its certificate was read before all of it was written, the next client has the whole.
      this.#client?.close();
      this.#client = undefined;
      throw error;
    }
  }

  /** Runs kubectl as the administrator, in the repository's root; gives its standard output. */
  async kubectl(...args: string[]): Promise<string> {
    return (await promisify(execFile)(kubernetesCommand("kubectl"), args, this.#options())).stdout;
  }

  /** Runs a line of a shell in which `kubectl` is the administrator's; gives its standard output. */
  async shell(line: string): Promise<string> {
    return (await promisify(execFile)("sh", ["-c", line], this.#options())).stdout;
  }

  /** Makes Istio's kinds known, from the CustomResourceDefinitions in its own charts. */
  async defineIstio(): Promise<void> {
    // The server's side keeps no copy of them in an annotation, which they are too large for.
    await this.kubectl("apply", "--server-side", "-f", istioCrds());
    // Not kubectl's wait: it fails at one that has no condition yet.
    const deadline = Date.now() + READY_MS;
    while (!(await this.#areEstablished())) {
      if (Date.now() > deadline) throw new Error(`not all kinds are served in ${READY_MS} ms`);
      await sleep(LOOK_MS);
    }
  }

  async #areEstablished(): Promise<boolean> {
    const { items } = await this.client.get(DEFINITIONS);
    return (items as Json[]).every(({ status }) =>
      status?.conditions?.some((one: Json) => one.type === "Established" && one.status === "True"),
    );
  }

  /** Starts a program that ends with the server, before it. */
  start(
    name: string,
    command: string,
    args: string[],
    env = {},
    cwd: string = this.folder,
  ): ManagedProcess {
    const part = startProcess({ name, command, args, cwd, env });
    this.#parts.push(part);
    return part;
  }

  /** Closes the connections of `client`. */
  close(): void {
    this.#client?.close();
    this.#client = undefined;
  }

  /** Ends everything it started, the latest first, and removes its files. */
  async stop(): Promise<void> {
    this.close();
    for (const part of this.#parts.reverse()) await part.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #options() {
    const path = [KUBERNETES_BUILD, process.env.PATH].join(delimiter);
    // kubectl caches in its home what the server knows.
    const env = { ...process.env, PATH: path, HOME: this.folder, KUBECONFIG: this.kubeconfig };
    return { cwd: ROOT, env, timeout: KUBECTL_MS, maxBuffer: OUTPUT_BYTES };
  }
}

/**
 * Starts an API server with nothing in it but what Kubernetes brings along. Ready when it resolves.
 *
 * @param address where it listens, as host:port; a free port of 127.0.0.1 unless given
 */
export async function startApiServer(address?: string): Promise<ApiServer> {
  const [port, etcdPort, peerPort] = (await freePorts(3)) as [number, number, number];
  const url = `https://${address ?? `${HOST}:${port}`}`;
  const server = new ApiServer(mkdtempSync(join(tmpdir(), "kubernetes-")), url, randomUUID());
  try {
    writeFiles(server);
    startEtcd(server, etcdPort, peerPort);
    const process = startServer(server, etcdPort);
    await process.waitUntil("ready", READY_MS, () => server.isReady());
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function writeFiles({ folder, url, token, caFile, kubeconfig, accountKeyFile }: ApiServer): void {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(accountKeyFile, privateKey.export({ type: "pkcs8", format: "pem" }));
  // Token, name, id, groups: https://kubernetes.io/docs/reference/access-authn-authz/authentication/
  writeFileSync(join(folder, "tokens.csv"), `${token},administrator,1,system:masters\n`);
  const name = "lab";
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server: url, "certificate-authority": caFile } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
}

function startEtcd(server: ApiServer, port: number, peerPort: number): ManagedProcess {
  const clients = `http://${HOST}:${port}`;
  const peers = `http://${HOST}:${peerPort}`;
  return server.start("etcd", kubernetesCommand("etcd"), [
    "--data-dir=etcd",
    `--listen-client-urls=${clients}`,
    `--advertise-client-urls=${clients}`,
    `--listen-peer-urls=${peers}`,
    `--initial-advertise-peer-urls=${peers}`,
    `--initial-cluster=default=${peers}`,
    // What it holds ends with the test.
    "--unsafe-no-fsync",
  ]);
}

function startServer(server: ApiServer, etcdPort: number): ManagedProcess {
  const { hostname, port } = new URL(server.url);
  return server.start("kube-apiserver", kubernetesCommand("kube-apiserver"), [
    `--etcd-servers=http://${HOST}:${etcdPort}`,
    `--bind-address=${hostname}`,
    `--advertise-address=${hostname}`,
    // A URL leaves out the port that it would have anyhow.
    `--secure-port=${port === "" ? 443 : port}`,
    `--cert-dir=${server.folder}`,
    "--token-auth-file=tokens.csv",
    "--authorization-mode=RBAC",
    `--service-account-issuer=${ISSUER}`,
    `--service-account-key-file=${server.accountKeyFile}`,
    `--service-account-signing-key-file=${server.accountKeyFile}`,
    `--service-cluster-ip-range=${SERVICE_ADDRESSES}`,
    // The library that commands/streams is made of speaks SPDY; so the server translates for it.
    "--feature-gates=ExtendWebSocketsToKubelet=false",
    // Endpoints of the Service "kubernetes" may not be on the loopback.
    "--endpoint-reconciler-type=none",
  ]);
}
