// A pod that runs: what its specification says, after injection, done by real processes in its own
// namespaces. The init container's traffic capture, Istio's agent and Envoy, and the application.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findEnvoy } from "../../../harness/envoy_binary.ts";
import type { Json } from "../../../harness/envoy_config.ts";
import type { ManagedProcess } from "../../../harness/processes.ts";
import { answers } from "../../../harness/readiness.ts";
import { ROOT } from "../../../harness/repository.ts";
import { bootstrapTemplate, istioCommand } from "./commands.ts";
import { environmentOf, expanded } from "./environment.ts";
import { sidecarsIn, type KubernetesObject, type PodObject } from "./kubernetes.ts";
import { API_SERVER } from "./network.ts";
import { openSandbox, type ContainerProcess, type Mount, type Sandbox } from "./sandbox.ts";
import type { Tokens } from "./tokens.ts";
import { makeVolumes } from "./volumes.ts";

/** What a pod needs to know of the cluster around it. */
export interface Surroundings {
  /** For files of the pod. */
  folder: string;
  /** Where ConfigMaps are looked up. */
  objects: readonly KubernetesObject[];
  /** Of its ServiceAccount. */
  tokens: Tokens;
  /** The file that is /etc/resolv.conf in the pod. */
  resolver: string;
  /** By container: what runs instead of its own program, with its environment. */
  programs: Record<string, string[]>;
  /** By container: the file that its output goes to, as well as into its log. */
  logs: Record<string, string>;
}

const PROXY = "istio-proxy";
/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const KUBERNETES_SERVICE = {
  KUBERNETES_SERVICE_HOST: API_SERVER,
  KUBERNETES_SERVICE_PORT: "443",
};
const AGENT = "/usr/local/bin/pilot-agent";
const DISCOVERY = "/usr/local/bin/pilot-discovery";
const READY_MS = 60_000;
const PROBE_PERIOD_MS = 250;
const SCRAPE_MS = 10_000;

/** A pod; `startPod` makes them. */
export class Pod {
  readonly object: PodObject;
  /** Its sidecar: agent and Envoy in one log. Absent where none was injected. */
  readonly proxy: ManagedProcess | undefined;
  /** Its own containers. */
  readonly applications: ManagedProcess[];
  /** The hooks that have run before its containers were ended. */
  readonly hooks: ManagedProcess[] = [];
  readonly #sandbox: Sandbox;
  readonly #around: Surroundings;

  constructor(
    object: PodObject,
    sandbox: Sandbox,
    proxy: ManagedProcess | undefined,
    applications: ManagedProcess[],
    around: Surroundings,
  ) {
    this.object = object;
    this.#around = around;
    this.proxy = proxy;
    this.applications = applications;
    this.#sandbox = sandbox;
  }

  /** Its name, which ends with what its ReplicaSet has drawn for it. */
  get name(): string {
    return this.object.metadata.name;
  }

  /** Its address. */
  get address(): string {
    return this.object.status.podIP;
  }

  /** What `kubectl exec` and `kubectl port-forward` need to know of it; see ../../kubernetes/commands/streams. */
  get access(): { pid: number; containers: Record<string, string[]> } {
    const containers: Json[] = [...this.object.spec.containers, ...sidecarsIn(this.object)];
    const prefixes = containers.map((container) => {
      const { env, user, cwd } = processOf(this.object, container, this.#around);
      return [container.name, this.#sandbox.prefix({ env, user, cwd })];
    });
    return { pid: this.#sandbox.pid, containers: Object.fromEntries(prefixes) };
  }

  /** Starts a process beside its containers, as `kubectl exec` does it. The caller has to stop it. */
  start(process: ContainerProcess): ManagedProcess {
    return this.#sandbox.start(process);
  }

  /** Runs a process to its end, and gives its standard output. */
  async run(process: ContainerProcess): Promise<string> {
    return this.#sandbox.run(process);
  }

  /** What Envoy's admin interface answers, e.g. to GET config_dump. */
  async admin(path: string, method: "GET" | "POST" = "GET"): Promise<string> {
    const command = [AGENT, "request", method, path];
    return this.#sandbox.run({ name: "pilot-agent request", command });
  }

  /** All metrics of its Envoy, at the port where Istio has them for Prometheus. */
  async prometheus(): Promise<string> {
    const url = `http://${this.address}:15090/stats/prometheus`;
    const response = await fetch(url, { signal: AbortSignal.timeout(SCRAPE_MS) });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return response.text();
  }

  /** Ends all of it, the application first. */
  async stop(): Promise<void> {
    await Promise.all(this.applications.map((one) => one.stop()));
    // Not with SIGTERM: the agent would drain for five seconds.
    await this.proxy?.stop(0);
    await this.#sandbox.close();
  }

  /**
   * Ends all of it as the kubelet does where a Pod is deleted: all hooks at once, then SIGTERM to the
   * applications, and to the sidecar once they have ended. What is left after the grace, in ms, is killed.
   * https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
   */
  async terminate(graceMs: number): Promise<void> {
    const late = sleep(graceMs, undefined, { ref: false });
    const containers: Json[] = [...this.object.spec.containers, ...sidecarsIn(this.object)];
    const processes = [...this.applications, this.proxy].filter((one) => one !== undefined);
    const hooks = new Map(
      containers.map((container) => [container.name as string, this.#beforeEnd(container, late)]),
    );
    const ended = async (process: ManagedProcess) => {
      await hooks.get(process.name.split(" ")[0]!);
      terminate(process);
      await Promise.race([process.ended, late]);
    };
    await Promise.all(this.applications.map(ended));
    if (this.proxy !== undefined) await ended(this.proxy);
    await Promise.all(processes.map((process) => process.stop(0)));
    await this.#sandbox.close();
  }

  /** What a container's hook has written, which is nothing where all goes well; for as long as there is grace. */
  async #beforeEnd({ name, lifecycle }: Json, late: Promise<void>): Promise<void> {
    const command: string[] | undefined = lifecycle?.preStop?.exec?.command;
    if (command === undefined) return;
    const hook = this.start({ name: `preStop of ${name}`, command, cwd: "/" });
    this.hooks.push(hook);
    await Promise.race([hook.ended, late]);
    await hook.stop();
  }
}

/** Where the volumes of a pod stand as folders. `folder` is that of all pods. */
export function volumesFolder(folder: string, { metadata }: PodObject): string {
  return join(folder, metadata.name, "volumes");
}

/** Starts a pod and waits until its sidecar and its containers are ready. */
export async function startPod(object: PodObject, around: Surroundings): Promise<Pod> {
  const { name } = object.metadata;
  const folder = join(around.folder, name);
  const volumes = volumesFolder(around.folder, object);
  mkdirSync(volumes, { recursive: true });
  const mounts = makeVolumes(object, volumes, around);
  mounts.push({ from: around.resolver, to: "/etc/resolv.conf" }, ...(await images()));
  const sandbox = await openSandbox(name, object.status.podIP, folder, mounts);
  const started: ManagedProcess[] = [];
  const run = (container: Json) => {
    const process = sandbox.start(processOf(object, container, around));
    started.push(process);
    return process;
  };
  try {
    const { initContainers = [], containers } = object.spec as { [list: string]: Json[] };
    let proxy: ManagedProcess | undefined;
    for (const container of initContainers) {
      if (container.restartPolicy === "Always") {
        // The next container is started once this one is.
        proxy = run(container);
        await ready(proxy, object, container);
      } else {
        await capture(sandbox, container, environmentOf(object, container, around.objects));
      }
    }
    // A gateway's Pod has no other.
    const gateway = containers!.find(({ name }) => name === PROXY);
    if (gateway !== undefined) {
      proxy = run(gateway);
      await ready(proxy, object, gateway);
    }
    const applications = containers!.filter((container) => container !== gateway);
    const processes = applications.map(run);
    await Promise.all(processes.map((process, i) => ready(process, object, applications[i]!)));
    return new Pod(object, sandbox, proxy, processes, around);
  } catch (error) {
    await Promise.all(started.map((process) => process.stop(0)));
    await sandbox.close();
    const logs = started.map((process) => `${process.name}:\n${process.lastLines(8)}`);
    throw new Error([String(error), ...logs].join("\n"), { cause: error });
  }
}

// Only what is needed of Istio's images: Envoy is upstream's here.
async function images(): Promise<Mount[]> {
  return [
    { from: istioCommand("pilot-discovery"), to: DISCOVERY },
    { from: istioCommand("pilot-agent"), to: AGENT },
    { from: await findEnvoy(), to: "/usr/local/bin/envoy" },
    { from: bootstrapTemplate(), to: "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json" },
  ];
}

async function capture(
  sandbox: Sandbox,
  { name, args = [] }: Json,
  env: Record<string, string>,
): Promise<void> {
  if (name !== "istio-init") throw new Error(`the init container ${name} is not known`);
  await sandbox.run({ name, command: [istioCommand("capture"), ...args], env });
}

function processOf(pod: PodObject, container: Json, around: Surroundings): ContainerProcess {
  const env = environmentOf(pod, container, around.objects);
  const { entrypoint, cwd } = imageOf(container.image);
  const command: string[] = container.command ?? entrypoint;
  const args: string[] = container.args ?? [];
  const own = [...command, ...args].map((text) => expanded(text, env));
  const given = around.programs[container.name] ?? own;
  return {
    name: `${container.name} of ${pod.metadata.name}`,
    command: piped(given, container, around.logs),
    env: { HOME: "/tmp", ...KUBERNETES_SERVICE, ...env },
    user: (container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser) as number,
    cwd,
  };
}

// Envoy opens /dev/stdout for its access log, which it cannot where that is a socket, as Node makes it.
function piped(command: string[], { name }: Json, logs: Record<string, string>): string[] {
  const file = logs[name];
  if (file !== undefined) return ["sh", "-c", '"$@" 2>&1 | tee "$0"', file, ...command];
  return name === PROXY ? ["sh", "-c", '"$@" 2>&1 | cat', "sh", ...command] : command;
}

// The container's first process alone, as the kubelet does it; a shell around it only passes its output on.
function terminate({ pid }: ManagedProcess): void {
  try {
    const commandOf = (one: string | number) => readFileSync(`/proc/${one}/comm`, "utf8").trim();
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    const first = commandOf(pid!) === "sh" ? children[0] : pid;
    process.kill(Number(first), "SIGTERM");
  } catch {
    // It has ended by itself.
  }
}

// What the images' Dockerfiles say.
function imageOf(image: string): { entrypoint: string[]; cwd: string } {
  if (/\/proxyv2:/.test(image)) return { entrypoint: [AGENT], cwd: "/" };
  if (/\/pilot:/.test(image)) return { entrypoint: [DISCOVERY], cwd: "/" };
  if (!image.includes("dubbo-mesh-demo:")) throw new Error(`the image ${image} is not known`);
  return { entrypoint: [process.execPath, "--import", "tsx"], cwd: ROOT };
}

// By the probe that the injector wrote: Istio's agent asks the application.
async function ready(process: ManagedProcess, pod: PodObject, container: Json): Promise<void> {
  const probe: Json | undefined = container.readinessProbe?.httpGet;
  if (probe === undefined) throw new Error(`${process.name} has no readiness probe over HTTP`);
  const url = `http://${pod.status.podIP}:${probe.port}${probe.path}`;
  await process.waitUntil("ready", READY_MS, async () => {
    // The agent writes a line for each time that it has to say no.
    await sleep(PROBE_PERIOD_MS);
    return answers(url);
  });
}
