// One call through the listener with dubbo_proxy, and what its caller gets to see.

import { setTimeout as sleep } from "node:timers/promises";
import type { Json } from "../../harness/envoy_config.ts";
import { listenersOf, named } from "../../harness/envoy_config.ts";
import { FrameSplitter, type Frame } from "../../demo/dubbo/frame.ts";
import { decodeResponse } from "../../demo/dubbo/message.ts";
import { request, type Request } from "../frames/frames.ts";
import { dial } from "../e2e/envoy_sockets.ts";

/** What a caller sees of one call. */
export interface Seen {
  /** The answer's status; undefined where none came. */
  status?: number;
  /** The text in the answer's body, where there is one and nothing else before it. */
  message?: string;
  /** Whether the connection ended before an answer. */
  isClosed: boolean;
}

/** A caller's own timeout, longer than any of Envoy's here. */
const PATIENCE_MS = 8000;
const POLL_MS = 5;

/** Makes one call on a connection of its own and leaves, as a client does that is done. */
export async function callOnce(port: number, call: Request, sent?: () => unknown): Promise<Seen> {
  const end = await dial(port);
  let answer: Frame | undefined;
  const splitter = new FrameSplitter((frame) => (answer ??= frame));
  end.socket.on("data", (chunk: Buffer) => splitter.push(chunk));
  await end.write(request(call));
  await sent?.();
  const deadline = Date.now() + PATIENCE_MS;
  while (answer === undefined && !end.ended && Date.now() < deadline) await sleep(POLL_MS);
  const isClosed = answer === undefined && end.ended;
  end.socket.destroy();
  if (answer === undefined) return { isClosed };
  return { status: answer.status, message: messageOf(answer), isClosed };
}

/** The same configuration with dubbo_proxy dialling the providers itself. */
export function withoutGuard(config: Json): void {
  const proxies = named(listenersOf(config), "dubbo", "listener").filter_chains[0].filters;
  const { route_config } = proxies.at(-1).typed_config.multiple_route_config;
  for (const { routes } of route_config) {
    for (const { route } of routes) route.cluster = route.cluster.replace(/^guard-/, "");
  }
}

// dubbo_proxy's own replies have a number before the text, which peers do not expect.
function messageOf(answer: Frame): string | undefined {
  try {
    const reply = decodeResponse(answer);
    if (reply.type === "failure" && answer.body[0]! < 0x80) return reply.message;
  } catch {
    // As unreadable as the other.
  }
  return undefined;
}
