// A Dubbo server and client of the demo on a free port, for tests of either.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { DubboClient, type Call, type ClientOptions } from "../../../demo/dubbo/client.ts";
import type { ConnectionOptions } from "../../../demo/dubbo/connection.ts";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import type { Services } from "../../../demo/dubbo/server_call.ts";

/** Time of a test or suite in ms. */
export const LIMIT = { timeout: 8000 };

/** The interface that these tests call. */
export const ECHO = "com.k8s.Test.EchoService";

/** Descriptor of one String. */
export const STRING = "Ljava/lang/String;";

/** A call of `echo(String)`. */
export function echo(text: string, more: Partial<Call> = {}): Call {
  return { interface: ECHO, method: "echo", descriptor: STRING, args: [text], ...more };
}

/** A server with these services and a client of it, both gone when the test ends. */
export async function peers(
  t: TestContext,
  services: Services,
  clientOptions: Partial<ClientOptions> = {},
  serverOptions: ConnectionOptions = {},
): Promise<{ server: DubboServer; client: DubboClient; port: number }> {
  const server = new DubboServer(services, serverOptions);
  const port = await server.listen();
  const client = new DubboClient({ port, timeoutMs: 2000, ...clientOptions });
  t.after(async () => {
    client.close();
    await server.close();
  });
  return { server, client, port };
}

/** Resolved once the condition holds; rejects after two seconds. */
export async function eventually(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 2000;
  while (!condition()) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await sleep(5);
  }
}
