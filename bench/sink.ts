// A collector that takes whatever it gets and keeps nothing of it.

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

let started: Promise<number> | undefined;

/** Its port on 127.0.0.1. It runs as long as the process does, and does not keep it alive. */
export function sinkPort(): Promise<number> {
  started ??= start();
  return started;
}

async function start(): Promise<number> {
  const server = createServer((request, answer) => {
    request.resume().on("end", () => answer.writeHead(200).end());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return (server.address() as AddressInfo).port;
}
