// TCP ports on 127.0.0.1: which are in use, and free ones for a test.

import { createServer } from "node:net";

// Below the range from which Linux takes the ports of outgoing connections (32768 and up), which
// could take one between our look and its use; above the ports that the demo has for its own.
const FIRST = 21_000;
const COUNT = 11_000;
const ATTEMPTS = 200;
/** The last ports that were given out here, oldest first: what asks twice for one Envoy gets others. */
const given = new Set<number>();
const REMEMBERED = 1000;

/** Whether something listens on the port already, on this address or on all. */
export async function portInUse(port: number, host: string = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(true);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(false)));
  });
}

/**
 * So many different ports that nothing listens on now, and none that was given out here lately. They are
 * not reserved: they are chosen at random so that processes which choose at the same time hardly ever
 * meet.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt++) {
    if (attempt === ATTEMPTS + count) throw new Error(`no ${count} free ports on 127.0.0.1`);
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (given.has(port) || (await portInUse(port))) continue;
    ports.add(port);
    given.add(port);
    if (given.size > REMEMBERED) given.delete(given.values().next().value!);
  }
  return [...ports];
}

/** A port that nothing listens on now; see `freePorts`. */
export async function freePort(): Promise<number> {
  return (await freePorts(1))[0];
}
