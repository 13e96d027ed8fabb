// A real server of Nacos' protocols, rnacos, on 127.0.0.1, and what a provider and an operator do there without
// Dubbo Java.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, portInUse } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { NacosConnection, type NacosModule } from "../../registry/nacos_connection.ts";
import type { Fields } from "../../registry/nacos_payload.ts";
import { RNACOS } from "./rnacos_build.ts";

const START_MS = 20_000;
const START_ATTEMPTS = 8;
const PUBLISH_ATTEMPTS = 20;
const PUBLISH_MS = 100;
/** Clients look for gRPC so far above the port of HTTP. */
const GRPC_OFFSET = 1000;

/** A server with a folder of its own; it can be killed and started again on its ports. */
export class NacosServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "rnacos-"));
  #process: ManagedProcess | undefined;

  private constructor(port: number) {
    this.port = port;
  }

  /** Starts one on free ports. */
  static async start(): Promise<NacosServer> {
    let port = await freePort();
    while (await portInUse(port + GRPC_OFFSET)) port = await freePort();
    // One rnacos in some takes configurations from its first moment on, says so, and never has them.
    for (let i = 0; i < START_ATTEMPTS; i++) {
      const server = new NacosServer(port);
      await server.restart();
      if (await server.#keepsConfigurations()) return server;
      await server.kill();
      await server.stop();
    }
    throw new Error("rnacos keeps no configuration");
  }

  async #keepsConfigurations(): Promise<boolean> {
    const url = `http://${this.address}/nacos/v1/cs/configs`;
    const name = { dataId: "probe", group: "probe" };
    await fetch(url, { method: "POST", body: new URLSearchParams({ ...name, content: "kept" }) });
    await sleep(PUBLISH_MS);
    return (await (await fetch(`${url}?${new URLSearchParams(name)}`)).text()) === "kept";
  }

  /** "127.0.0.1:<port>". */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it with what it has on disk: configurations, no instances. */
  async restart(): Promise<void> {
    const env = {
      RNACOS_SDK_HOST: "127.0.0.1",
      RNACOS_HTTP_PORT: `${this.port}`,
      RNACOS_GRPC_PORT: `${this.port + GRPC_OFFSET}`,
      // None.
      RNACOS_HTTP_CONSOLE_PORT: "0",
      RNACOS_DATA_DIR: join(this.#folder, "data"),
      RUST_LOG: "warn",
    };
    this.#process = startProcess({ name: "rnacos", command: RNACOS, env, cwd: this.#folder });
    const ports = [this.port, this.port + GRPC_OFFSET];
    await this.#process.waitUntil("ready", START_MS, async () => {
      return (await Promise.all(ports.map((port) => accepts(port)))).every(Boolean);
    });
  }

  /** How many instances a service has there. */
  async instances(service: string): Promise<number> {
    const query = new URLSearchParams({ serviceName: service });
    const response = await fetch(`http://${this.address}/nacos/v1/ns/instance/list?${query}`);
    return ((await response.json()) as { hosts: unknown[] }).hosts.length;
  }

  /** As by kill -9. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.ended;
  }

  /** Ends it and forgets what it had. */
  async stop(): Promise<void> {
    await this.#process?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What a provider registers. */
export interface Registration {
  /** Of Nacos: "providers:a.A::", or an application. */
  service: string;
  port: number;
  metadata?: Record<string, string>;
  weight?: number;
  namespace?: string;
  group?: string;
}

/** One provider, and an operator: a client that registers again with each connection, as Nacos' own do. */
export class NacosClient {
  readonly #naming: NacosConnection;
  readonly #config: NacosConnection;
  readonly #registered = new Map<string, Registration>();
  #connected: (() => void) | undefined;
  readonly #ready = new Promise<void>((resolve) => (this.#connected = resolve));

  private constructor(server: NacosServer) {
    let waiting = 2;
    const connect = (module: NacosModule, connected: () => void) =>
      new NacosConnection({
        servers: [server.address],
        namespace: "",
        module,
        connected: () => {
          connected();
          if (--waiting === 0) this.#connected!();
        },
        pushed: () => {},
        log: () => {},
      });
    this.#naming = connect("naming", () => {
      for (const one of this.#registered.values()) {
        // Where it fails there is another connection, and another try.
        this.#instance("registerInstance", one).catch(() => {});
      }
    });
    this.#config = connect("config", () => {});
  }

  /** Connects. */
  static async connect(server: NacosServer): Promise<NacosClient> {
    const client = new NacosClient(server);
    await client.#ready;
    return client;
  }

  /** Registers, until the client ends; without a connection, with the next one. */
  async register(one: Registration): Promise<void> {
    this.#registered.set(keyOf(one), one);
    if (!this.#naming.state.connected) return;
    await this.#instance("registerInstance", one);
  }

  /** Takes it back. */
  async unregister(one: Registration): Promise<void> {
    this.#registered.delete(keyOf(one));
    await this.#instance("deregisterInstance", one);
  }

  /** Has a configuration with this text. */
  async publish(dataId: string, content: string, group = "dubbo", tenant = ""): Promise<void> {
    // An rnacos that has just started may take one, say so, and not have it.
    for (let i = 0; i < PUBLISH_ATTEMPTS; i++) {
      await this.#config.request("ConfigPublishRequest", { dataId, group, tenant, content });
      await sleep(PUBLISH_MS);
      const there = await this.#config
        .request("ConfigQueryRequest", { dataId, group, tenant })
        .catch(() => undefined);
      if (there?.content === content) return;
    }
    throw new Error(`${dataId} could not be published`);
  }

  /** Has no such configuration any more. */
  async remove(dataId: string, group = "dubbo", tenant = ""): Promise<void> {
    await this.#config.request("ConfigRemoveRequest", { dataId, group, tenant });
  }

  /** Ends it, and what it registered. */
  close(): void {
    this.#naming.close();
    this.#config.close();
  }

  async #instance(type: string, one: Registration): Promise<Fields> {
    const { service, port, metadata = {}, weight = 1, namespace = "public" } = one;
    const instance = {
      ip: "127.0.0.1",
      port,
      weight,
      healthy: true,
      enabled: true,
      ephemeral: true,
      clusterName: "DEFAULT",
      metadata,
    };
    return this.#naming.request("InstanceRequest", {
      namespace,
      serviceName: service,
      groupName: one.group ?? "DEFAULT_GROUP",
      type,
      instance,
    });
  }
}

function keyOf({ service, port, namespace, group }: Registration): string {
  return [service, port, namespace, group].join(" ");
}
