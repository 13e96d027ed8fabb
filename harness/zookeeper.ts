// A real ZooKeeper server on 127.0.0.1: its jars, which Maven fetches, and a process of Java's.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mavenJars } from "./maven_jars.ts";
import { freePort } from "./ports.ts";
import { startProcess, type ManagedProcess } from "./processes.ts";
import { accepts } from "./readiness.ts";
import { fromRoot } from "./repository.ts";

const START_MS = 30_000;
/** Short, so that a session's end is soon seen; the server's own least is two of its ticks. */
const TICK_MS = 500;

/** The jars of ZooKeeper and of the client that Dubbo Java takes, as a class path. */
export function zooKeeperJars(): Promise<string> {
  return mavenJars(
    fromRoot("harness", "zookeeper", "pom.xml"),
    fromRoot("build", "registry", "lib"),
  );
}

/** A server with a folder of its own; it can be killed and started again on its port. */
export class ZooKeeperServer {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), "zookeeper-"));
  readonly #jars: string;
  #process: ManagedProcess | undefined;

  private constructor(port: number, jars: string) {
    this.port = port;
    this.#jars = jars;
  }

  /** Starts one on a free port. */
  static async start(): Promise<ZooKeeperServer> {
    const server = new ZooKeeperServer(await freePort(), await zooKeeperJars());
    await server.restart();
    return server;
  }

  /** "127.0.0.1:<port>". */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts it with what it has on disk. */
  async restart(): Promise<void> {
    const config = join(this.#folder, "zoo.cfg");
    const lines = [`tickTime=${TICK_MS}`, `dataDir=${join(this.#folder, "data")}`];
    lines.push(`clientPort=${this.port}`, "clientPortAddress=127.0.0.1", "maxClientCnxns=0");
    lines.push("admin.enableServer=false");
    writeFileSync(config, lines.join("\n") + "\n");
    const main = "org.apache.zookeeper.server.ZooKeeperServerMain";
    const args = ["-XX:TieredStopAtLevel=1", "-cp", this.#jars, main, config];
    this.#process = startProcess({ name: "zookeeper", command: "java", args });
    await this.#process.waitUntil("ready", START_MS, () => accepts(this.port));
  }

  /** What runs now; undefined before the first start. */
  get process(): ManagedProcess | undefined {
    return this.#process;
  }

  /** As by kill -9: its sessions go on when it comes back in time. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.ended;
  }

  /** Forgets what it had; it must be killed before. */
  wipe(): void {
    rmSync(join(this.#folder, "data"), { recursive: true, force: true });
  }

  /** Ends it and forgets what it had. */
  async stop(): Promise<void> {
    await this.#process?.stop();
    this.removeFolder();
  }

  /** Forgets all that it had; its process must have ended. */
  removeFolder(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
