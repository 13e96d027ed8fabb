// The few things that the program asks of a Kubernetes API server: its own ServiceEntries and one Lease, in
// one namespace. As whom is what a Pod's ServiceAccount says, or KUBECONFIG, as with kubectl.
//
// Kubernetes' client is a large one, and is loaded by who needs it alone.

import type { ApiException } from "@kubernetes/client-node";
import { OWNER, type KubernetesObject } from "./istio_resources.ts";
import type { Lease, LeaseStore } from "./lease.ts";

/** By this name the API server knows whose each field is. */
export const FIELD_MANAGER = "dubbo-registry";
/** Name of the Lease; it is there before the program, which need not be allowed to create any. */
export const LEASE_NAME = "dubbo-registry";

const ENTRIES = { group: "networking.istio.io", version: "v1", plural: "serviceentries" };
const LEASES = { group: "coordination.k8s.io", version: "v1", plural: "leases" };
const PAGE = 500;
const NOT_FOUND = 404;

type Client = typeof import("@kubernetes/client-node");
type Objects = InstanceType<Client["CustomObjectsApi"]>;

/** One namespace of one API server. */
export class KubernetesApi implements LeaseStore {
  readonly #client: Client;
  readonly #api: Objects;
  readonly #namespace: string;

  /** Rejects where neither a Pod nor KUBECONFIG says where the API server is. */
  static async load(namespace: string): Promise<KubernetesApi> {
    return new KubernetesApi(await import("@kubernetes/client-node"), namespace);
  }

  private constructor(client: Client, namespace: string) {
    const config = new client.KubeConfig();
    config.loadFromDefault();
    this.#client = client;
    this.#api = config.makeApiClient(client.CustomObjectsApi);
    this.#namespace = namespace;
  }

  /** All ServiceEntries with the program's label. */
  async entries(): Promise<KubernetesObject[]> {
    const labelSelector = Object.entries(OWNER)
      .map(([key, value]) => `${key}=${value}`)
      .join(",");
    const all: KubernetesObject[] = [];
    for (let next: string | undefined; ;) {
      const page = await said(
        this.#api.listNamespacedCustomObject({
          ...ENTRIES,
          namespace: this.#namespace,
          labelSelector,
          limit: PAGE,
          ...(next !== undefined && { _continue: next }),
        }),
      );
      all.push(...(page.items as KubernetesObject[]));
      next = page.metadata?.continue as string | undefined;
      if (next === undefined || next === "") return all;
    }
  }

  /** Has a ServiceEntry be so, by server-side apply; fields that others took are the program's again. */
  async apply(entry: KubernetesObject): Promise<void> {
    const { PatchStrategy, setHeaderOptions } = this.#client;
    await said(
      this.#api.patchNamespacedCustomObject(
        {
          ...ENTRIES,
          namespace: this.#namespace,
          name: entry.metadata.name,
          body: entry,
          fieldManager: FIELD_MANAGER,
          force: true,
        },
        setHeaderOptions("Content-Type", PatchStrategy.ServerSideApply),
      ),
    );
  }

  /** Has no such ServiceEntry, whether there was one or not. */
  async remove(name: string): Promise<void> {
    try {
      await this.#api.deleteNamespacedCustomObject({
        ...ENTRIES,
        namespace: this.#namespace,
        name,
      });
    } catch (error) {
      if ((error as Partial<ApiException<unknown>>).code !== NOT_FOUND) throw plain(error);
    }
  }

  async read(): Promise<Lease> {
    const { metadata, spec } = await said(
      this.#api.getNamespacedCustomObject({ ...LEASES, ...this.#lease }),
    );
    return { version: String(metadata.resourceVersion), spec: spec ?? {} };
  }

  async replace({ version, spec }: Lease): Promise<void> {
    const { name, namespace } = this.#lease;
    const metadata = { name, namespace, resourceVersion: version };
    const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    await said(this.#api.replaceNamespacedCustomObject({ ...LEASES, ...this.#lease, body }));
  }

  get #lease(): { name: string; namespace: string } {
    return { name: LEASE_NAME, namespace: this.#namespace };
  }
}

// Of any kind, as JSON.
async function said(answer: Promise<unknown>): Promise<any> {
  try {
    return await answer;
  } catch (error) {
    throw plain(error);
  }
}

// The client's own message is of many lines, with all headers.
function plain(thrown: unknown): Error {
  const error = thrown as Error & Partial<ApiException<unknown>>;
  if (typeof error.code !== "number") return error;
  let message = String(error.body);
  try {
    const body: any = typeof error.body === "string" ? JSON.parse(error.body) : error.body;
    message = body.message ?? message;
  } catch {
    // It is no JSON, and said as it is.
  }
  return new Error(`API server: ${error.code} ${message}`, { cause: error });
}
