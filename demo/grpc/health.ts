// The state of health of a gRPC server, as grpc.health.v1.Health tells it. The package
// grpc-health-check is not used: it brings an older @grpc/proto-loader beside ours, for this little.

import { status as Status, type ServerWritableStream } from "@grpc/grpc-js";
import { StatusError, unary } from "./handlers.ts";
import type { HealthCheckRequest, HealthCheckResponse, ServingStatus } from "./services.ts";

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

/** Keeps a status for the whole server (under the name "") and for each of its services. */
export class Health {
  /** For `GrpcServer`. */
  readonly handlers = {
    Check: unary(({ service }: HealthCheckRequest): HealthCheckResponse => {
      const status = this.#statuses.get(service);
      if (status === undefined) throw new StatusError(Status.NOT_FOUND, `no service ${service}`);
      return { status };
    }),
    Watch: (call: Watcher): void => this.#watch(call),
  };

  readonly #statuses = new Map<string, ServingStatus>();
  readonly #watchers = new Set<Watcher>();

  /** The whole server and these services are SERVING. */
  constructor(services: string[]) {
    for (const service of ["", ...services]) this.#statuses.set(service, "SERVING");
  }

  /** Sets one service, or the whole server with all its services, and tells who watches. */
  set(status: ServingStatus, service?: string): void {
    const changed = service === undefined ? [...this.#statuses.keys()] : [service];
    for (const name of changed) {
      if (this.#statuses.get(name) === status) continue;
      this.#statuses.set(name, status);
      for (const watcher of this.#watchers) {
        if (watcher.request.service === name) watcher.write({ status });
      }
    }
  }

  /** The status of a service, of the whole server for ""; undefined for one that is not known. */
  get(service: string): ServingStatus | undefined {
    return this.#statuses.get(service);
  }

  /** All statuses, by the name of the service. */
  all(): Record<string, ServingStatus> {
    return Object.fromEntries(this.#statuses);
  }

  /** Everything is NOT_SERVING, and whoever watches is told so and let go. */
  shutdown(): void {
    this.set("NOT_SERVING");
    for (const watcher of this.#watchers) watcher.end();
    this.#watchers.clear();
  }

  #watch(call: Watcher): void {
    this.#watchers.add(call);
    call.once("cancelled", () => this.#watchers.delete(call));
    call.write({ status: this.#statuses.get(call.request.service) ?? "SERVICE_UNKNOWN" });
  }
}
