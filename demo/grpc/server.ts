// A gRPC server with the standard health service, in clear text.

import {
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { Health } from "./health.ts";
import { HEALTH, type Service } from "./services.ts";

/** A service and what answers its methods. */
export interface Served {
  service: Service<unknown>;
  handlers: UntypedServiceImplementation;
}

/** Serves gRPC services. */
export class GrpcServer {
  /** The whole server's health and that of each service, all SERVING to begin with. */
  readonly health: Health;
  readonly #server = new Server();

  /** Listens nowhere yet. */
  constructor(served: Served[]) {
    this.health = new Health(served.map(({ service }) => service.name));
    const all = [...served, { service: HEALTH, handlers: this.health.handlers }];
    for (const { service, handlers } of all) {
      this.#server.addService(service.methods as ServiceDefinition, handlers);
    }
  }

  /** Starts to listen and gives the port, a free one for 0. Rejects where it cannot be had. */
  listen(port: number = 0, host: string = "127.0.0.1"): Promise<number> {
    return new Promise((resolve, reject) => {
      const insecure = ServerCredentials.createInsecure();
      const address = host.includes(":") ? `[${host}]` : host;
      this.#server.bindAsync(`${address}:${port}`, insecure, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  /**
   * As a server goes: it says NOT_SERVING to who watches its health and GOAWAY to its clients, and
   * ends once the calls in flight are answered, or after `graceMs`.
   */
  shutdown(graceMs: number): Promise<void> {
    this.health.shutdown();
    return new Promise((resolve) => {
      const late = setTimeout(() => this.#server.forceShutdown(), graceMs);
      this.#server.tryShutdown(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }
}
