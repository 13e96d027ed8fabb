// A Service's address that somebody answers at. Sidecars call pods by their own addresses, but what
// they let pass goes to the Service's, as does what they look up by DNS, and so does the API server where it asks
// istiod. kube-proxy then chooses a pod for each connection; so does this, one after another, which kube-proxy
// called its userspace mode.

import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { Json } from "../../../harness/envoy_config.ts";
import type { ApiServer } from "../../kubernetes/api_server.ts";
import { addAddress } from "./network.ts";
import type { Pod } from "./pod.ts";
import type { DeploymentName } from "./scheduler.ts";

/** A Service's address, being served; `serveService` makes them. */
export class ServedService {
  readonly address: string;
  /** For each connection so far the name of the pod that has got it. */
  readonly connections: string[] = [];
  readonly #pods: readonly Pod[];
  readonly #servers: Server[] = [];
  readonly #open = new Set<Socket>();

  constructor(address: string, pods: readonly Pod[]) {
    this.address = address;
    this.#pods = pods;
  }

  /** Takes connections at this port, and passes them on to another one of a pod. */
  async listen(port: number, targetPort: string | number): Promise<void> {
    const server = createServer((socket) => {
      const pod = this.#pods[this.connections.length % this.#pods.length]!;
      this.connections.push(pod.object.metadata.name);
      this.#join(socket, connect(portOf(pod, targetPort), pod.address));
    });
    this.#servers.push(server);
    server.listen(port, this.address);
    await once(server, "listening");
  }

  /** Ends all connections; new ones are taken as before. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** Ends it. */
  close(): void {
    for (const server of this.#servers) server.close();
    this.cut();
  }

  #join(socket: Socket, onward: Socket): void {
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      this.#open.add(one);
      one.on("error", () => other.destroy());
      one.once("close", () => {
        this.#open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

/** Serves the address of a Service, with these pods behind all its ports. The caller has to close it. */
export async function serveService(
  { client }: ApiServer,
  { namespace, name }: DeploymentName,
  pods: readonly Pod[],
): Promise<ServedService> {
  const { spec } = await client.get(`/api/v1/namespaces/${namespace}/services/${name}`);
  await addAddress(spec.clusterIP);
  const served = new ServedService(spec.clusterIP, pods);
  for (const { port, targetPort } of spec.ports as Json[]) await served.listen(port, targetPort);
  return served;
}

// A port's name is that of a container's port.
function portOf({ object }: Pod, target: string | number): number {
  if (typeof target === "number") return target;
  const ports: Json[] = object.spec.containers.flatMap(({ ports = [] }: Json) => ports);
  return ports.find(({ name }) => name === target)!.containerPort;
}
