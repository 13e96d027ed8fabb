// The cluster that all meshes of a run share: API server, controllers, DNS, and Istio installed on it. istiod
// is a Pod of its Deployment, on a node of its own.
//
// run_tests.ts starts one for all test files, and names its folder in LAB_CLUSTER. A file that is run by itself
// starts its own.

import { startControllers } from "../../kubernetes/controllers.ts";
import { startApiServer, ApiServer } from "../../kubernetes/api_server.ts";
import { isAsked } from "../../kubernetes/istiod.ts";
import { ClusterDns } from "./cluster_dns.ts";
import { install, ISTIO_NAMESPACE } from "./installation.ts";
import { Istiod, LOG_OF_ISTIOD } from "./istiod.ts";
import { startKubelet, type Kubelet } from "./kubelet.ts";
import { serveService, type ServedService } from "./kube_proxy.ts";
import { addAddress, API_SERVER, closeNetwork, openNetwork } from "./network.ts";
import { schedule } from "./scheduler.ts";

const NODE = "control-plane";
const ISTIOD = { namespace: ISTIO_NAMESPACE, name: "istiod" };
const ASKED_MS = 60_000;

/** A cluster with Istio; `startControlPlane` makes them. */
export class ControlPlane {
  readonly server: ApiServer;
  #dns: ClusterDns | undefined;
  #kubelet: Kubelet | undefined;
  #service: ServedService | undefined;

  constructor(server: ApiServer) {
    this.server = server;
  }

  /** The one that this process is to use, or undefined where it has to start its own. */
  static attach(): ControlPlane | undefined {
    const folder = process.env.LAB_CLUSTER;
    return folder === undefined ? undefined : new ControlPlane(ApiServer.attach(folder));
  }

  /** Its istiod, as seen from now on. */
  istiod(): Istiod {
    return new Istiod(this.server);
  }

  /** Starts what it consists of, in the order in which one needs the other. */
  async start(): Promise<void> {
    const { server } = this;
    await server.defineIstio();
    await startControllers(server);
    this.#dns = await ClusterDns.start(server);
    await install(server);
    this.#kubelet = await startKubelet(server, NODE, { logs: { discovery: LOG_OF_ISTIOD } });
    const pod = await this.#kubelet.running(await schedule(server, ISTIOD, NODE));
    this.#service = await serveService(server, ISTIOD, [pod]);
    const [container] = pod.applications;
    await container!.waitUntil("asked by the API server", ASKED_MS, () => isAsked(server));
  }

  /** Leaves it, where another process has started it; else ends all of it. */
  async stop(): Promise<void> {
    if (process.env.LAB_CLUSTER !== undefined) return this.server.close();
    this.#service?.close();
    await this.#kubelet?.stop();
    this.#dns?.close();
    await this.server.stop();
    await closeNetwork();
  }
}

/** Starts a cluster, in the network namespace that ../private makes, and installs Istio on it. */
export async function startControlPlane(): Promise<ControlPlane> {
  await openNetwork();
  await addAddress(API_SERVER);
  const plane = new ControlPlane(await startApiServer(`${API_SERVER}:443`));
  try {
    await plane.start();
    return plane;
  } catch (error) {
    await plane.stop();
    throw error;
  }
}
