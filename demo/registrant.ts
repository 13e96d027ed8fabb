// One provider's session with ZooKeeper, as Dubbo Java has one: what it registers goes with it.

import zookeeper, { type Client, type ZooKeeperError } from "node-zookeeper-client";

/** Short, so that a session's end is soon seen. */
const SESSION_MS = 4000;

/** One provider's session: it registers URLs as Dubbo does. */
export class Registrant {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** Opens a session with the server at host:port. */
  static async connect(address: string): Promise<Registrant> {
    const client = zookeeper.createClient(address, { sessionTimeout: SESSION_MS });
    const connected = new Promise((resolve) => client.once("connected", resolve));
    client.connect();
    await connected;
    return new Registrant(client);
  }

  /**
   * Registers, until the session ends. What a session of before has left is put in order first, as Dubbo
   * does it (CuratorZookeeperClient.createEphemeral).
   */
  async register(url: string): Promise<void> {
    const [folder, node] = nodeOf(url);
    await called((done) => this.#client.mkdirp(folder, done));
    await this.remove(node).catch(ignoreMissing);
    const { EPHEMERAL } = zookeeper.CreateMode;
    await called((done) => this.#client.create(node, null, EPHEMERAL, done));
  }

  /** Takes it back. */
  async unregister(url: string): Promise<void> {
    await this.remove(nodeOf(url)[1]);
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

function ignoreMissing(error: ZooKeeperError): void {
  if (error.getCode() !== zookeeper.Exception.NO_NODE) throw error;
}

function called(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error ? reject(error) : resolve()));
  });
}
