// Well-behaved callers, one call after the other for as long as a storm lasts: they may lose none.

import { DubboClient } from "../../../demo/dubbo/client.ts";
import { DubboServer } from "../../../demo/dubbo/server.ts";

const INTERFACE = "com.k8s.User.UserProvider";
/** Far more than a call takes; a machine with too much to do is no failure. */
const CALL_MS = 60_000;
/** Larger than all that a hostile client sends: a provider that closes in mid-call aborts dubbo_proxy. */
const MAX_BODY = 64 * 1024 * 1024;

/** A provider that answers `GetUser` with its argument. It has to be told where to listen. */
export function echoProvider(): DubboServer {
  return new DubboServer(
    { [INTERFACE]: { GetUser: ({ args }) => args[0] } },
    { maxBodyBytes: MAX_BODY },
  );
}

/** Callers over some ports. */
export class Callers {
  /** Calls that were answered as they should be. */
  answered = 0;
  /** What went wrong, in words. */
  readonly lost: string[] = [];
  readonly #clients: DubboClient[];
  readonly #runs: Promise<void>[];
  #isOver = false;

  constructor(ports: readonly number[]) {
    this.#clients = ports.map(
      (port) => new DubboClient({ port, timeoutMs: CALL_MS, heartbeatMs: 0 }),
    );
    for (const [i, client] of this.#clients.entries()) {
      client.on("closed", (reason) => {
        if (!this.#isOver) this.lost.push(`the connection to ${ports[i]} was closed: ${reason}`);
      });
    }
    this.#runs = this.#clients.map((client, i) => this.#run(client, ports[i]!));
  }

  /** Ends the calls, and then the connections. */
  async finish(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#runs);
    for (const client of this.#clients) client.close();
  }

  async #run(client: DubboClient, port: number): Promise<void> {
    for (let i = 0; !this.#isOver; i++) {
      const asked = `${port} ${i}`;
      try {
        const value = await client.call({
          interface: INTERFACE,
          method: "GetUser",
          descriptor: "Ljava/lang/String;",
          args: [asked],
        });
        if (value === asked) this.answered++;
        else this.lost.push(`${asked}: answered ${JSON.stringify(value)}`);
      } catch (error) {
        this.lost.push(`${asked}: ${String(error)}`);
      }
    }
  }
}
