// What a handler of DubboServer is called with, and how a request finds its handler.

import type { DubboConnection } from "./connection.ts";
import type { Attachments, Invocation } from "./message.ts";

/** One call as its handler sees it. */
export interface IncomingCall {
  /** Full name of the interface that was found. */
  interface: string;
  method: string;
  descriptor: string;
  /** As hessian.js reads them: a Java object is a plain object of its fields. */
  args: unknown[];
  attachments: Attachments;
  serviceVersion: string | null;
  /** Nobody waits for an answer. */
  oneway: boolean;
  /** What to send beside the value; the handler may add to it. */
  responseAttachments: Attachments;
  /** Where the call came from, e.g. to destroy it in mid-call. */
  connection: DubboConnection;
}

/**
 * Answers calls of one method: returns the value (a Java object by `pojo`; null or nothing for
 * none) or a promise of it. What it throws reaches the caller as an exception of class
 * java.lang.RuntimeException; a DubboException as one of its class; a DubboStatusError as that
 * status.
 */
export type Handler = (call: IncomingCall) => unknown;

/** Handlers by interface (full name), then by method. */
export type Services = Record<string, Record<string, Handler>>;

/** The handler of an invocation, with the interface under which it was found. */
export function findHandler(
  services: Services,
  invocation: Invocation,
): { interface: string; handler: Handler } | undefined {
  const { attachments, path, method } = invocation;
  // A path may be another name than the interface's; then only the attachment says which it is.
  for (const name of [attachments.interface, attachments.path, path]) {
    if (typeof name !== "string" || !Object.hasOwn(services, name)) continue;
    const methods = services[name];
    if (method !== null && Object.hasOwn(methods, method)) {
      return { interface: name, handler: methods[method] };
    }
    // Every Dubbo service answers this one, with its argument.
    if (method === "$echo") return { interface: name, handler: (call) => call.args[0] };
  }
  return undefined;
}
