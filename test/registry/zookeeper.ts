// A real ZooKeeper server on 127.0.0.1, and what a provider does there without Dubbo Java.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import zookeeper, { type Client } from "node-zookeeper-client";
import { freePort } from "../../harness/ports.ts";
import { startProcess, type ManagedProcess } from "../../harness/processes.ts";
import { accepts } from "../../harness/readiness.ts";
import { registryJars } from "./jars.ts";

const START_MS = 30_000;
/** Short, so that a session's end is soon seen; the server's own least is two of its ticks. */
const TICK_MS = 500;
const SESSION_MS = 4000;

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
    const server = new ZooKeeperServer(await freePort(), await registryJars("zookeeper"));
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
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** One provider's session: it registers URLs as Dubbo does. */
export class Registrant {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Opens a session. */
  static async connect(server: ZooKeeperServer): Promise<Registrant> {
    const client = zookeeper.createClient(server.address, { sessionTimeout: SESSION_MS });
    const connected = new Promise((resolve) => client.once("connected", resolve));
    client.connect();
    await connected;
    return new Registrant(client);
  }

  /** Registers, until the session ends. */
  async register(url: string): Promise<void> {
    const [folder, node] = nodeOf(url);
    await called((done) => this.#client.mkdirp(folder, done));
    const { EPHEMERAL } = zookeeper.CreateMode;
    await called((done) => this.#client.create(node, null, EPHEMERAL, done));
  }

  /** Takes it back. */
  async unregister(url: string): Promise<void> {
    await called((done) => this.#client.remove(nodeOf(url)[1], done));
  }

  /** Has a node with this text. */
  async put(path: string, text: string): Promise<void> {
    await called((done) => this.#client.mkdirp(path, done));
    await called((done) => this.#client.setData(path, Buffer.from(text), done));
  }

  /** Has no such node any more. */
  async remove(path: string): Promise<void> {
    await called((done) => this.#client.remove(path, done));
  }

  /** Ends the session, and all that it registered. */
  close(): void {
    this.#client.close();
  }
}

function nodeOf(url: string): [folder: string, node: string] {
  const folder = `/dubbo/${new URL(url).pathname.slice(1)}/providers`;
  return [folder, `${folder}/${encodeURIComponent(url)}`];
}

function called(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });
}
