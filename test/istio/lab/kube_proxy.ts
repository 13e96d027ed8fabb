// A Service's address that somebody answers at. Sidecars call pods by their own addresses, but what
// they let pass goes to the Service's, as does what they look up by DNS. kube-proxy then chooses a pod
// for each connection; so does this, one after another, which kube-proxy calls its userspace mode.

import { connect, createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import type { Mesh } from "./mesh.ts";
import { addAddress } from "./network.ts";
import type { Pod } from "./pod.ts";

/** A Service's address, being served; `serveService` makes them. */
export class ServedService {
  readonly address: string;
  /** For each connection so far the name of the pod that has got it. */
  readonly connections: string[] = [];
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(address: string, pods: readonly Pod[], targetPort: number) {
    this.address = address;
    this.#server = createServer((socket) => {
      const pod = pods[this.connections.length % pods.length]!;
      this.connections.push(pod.object.metadata.name);
      const onward = connect(targetPort, pod.address);
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
    });
  }

  /** Takes connections at this port. */
  async listen(port: number): Promise<void> {
    this.#server.listen(port, this.address);
    await once(this.#server, "listening");
  }

  /** Ends all connections; new ones are taken as before. */
  cut(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** Ends it. */
  close(): void {
    this.#server.close();
    this.cut();
  }
}

/**
 * Serves the address of a Service of the mesh: its first port, with the pods of these Deployments
 * behind it, each at `targetPort`. The caller has to close it.
 */
export async function serveService(
  mesh: Mesh,
  service: string,
  targetPort: number,
  ...deployments: string[]
): Promise<ServedService> {
  const { spec } = mesh.object("Service", service);
  const pods = deployments.map((name) => mesh.pod(name));
  await addAddress(spec.clusterIP);
  const served = new ServedService(spec.clusterIP, pods, targetPort);
  await served.listen(spec.ports[0].port);
  return served;
}
