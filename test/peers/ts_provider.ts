// The demo's TypeScript provider with what dubbo-go's consumer asks for beyond the demo, and with a
// report like the Go provider's.

import { setTimeout as sleep } from "node:timers/promises";
import { DubboException } from "../../demo/dubbo/errors.ts";
import { DubboServer } from "../../demo/dubbo/server.ts";
import type { Handler, IncomingCall, Services } from "../../demo/dubbo/server_call.ts";
import { podFromEnvironment } from "../../demo/pod.ts";
import { recordHandlers } from "../../demo/provider.ts";
import { ORDERS, USERS } from "../../demo/record.ts";
import type { CallLine, Counts, Report, Reporter } from "./report.ts";

/** The consumer's attachment; see MarkKey in dubbo-go/peers/model.go. */
const MARK = "x-interop";

type Outcome = "ok" | "nulls" | "exceptions";

/** A running TypeScript provider of both interfaces; `startTsProvider` makes them. */
export class TsProvider implements Reporter {
  readonly server: DubboServer;
  readonly #lines = new Map<string, CallLine>();

  constructor() {
    const services: Services = {};
    for (const service of [USERS, ORDERS]) {
      const pod = podFromEnvironment(service.type, "v1");
      const methods = recordHandlers(service, pod)[service.interface];
      methods[service.get.method] = withSpecialIds(methods[service.get.method]);
      methods.$invoke = (call) => methods[String(call.args[0])](generic(call));
      methods.$echo = (call) => call.args[0];
      methods.LoseOrder = () => {
        // As dubbo-go answers a method that it does not have; left alone it would be BAD_REQUEST.
        throw new DubboException("java.lang.NoSuchMethodException", "LoseOrder");
      };
      services[service.interface] = this.#counted(methods);
    }
    this.server = new DubboServer(services);
  }

  /** What it received so far. */
  async report(): Promise<Report> {
    const calls = [...this.#lines.values()];
    return { peer: "provider", release: "demo", calls, failures: [] };
  }

  #counted(methods: Record<string, Handler>): Record<string, Handler> {
    const counted = (handler: Handler) => async (call: IncomingCall) => {
      try {
        const value = await handler(call);
        this.#count(call, value === null ? "nulls" : "ok");
        return value;
      } catch (error) {
        this.#count(call, "exceptions");
        throw error;
      }
    };
    const entries = Object.entries(methods);
    return Object.fromEntries(entries.map(([name, handler]) => [name, counted(handler)]));
  }

  #count(call: IncomingCall, outcome: Outcome): void {
    const key = keyOf(call);
    const name = JSON.stringify(key);
    const line = this.#lines.get(name) ?? { ...key, ...nothingYet() };
    this.#lines.set(name, line);
    line.sent++;
    line[call.oneway ? "oneway" : outcome]++;
    if (call.attachments[MARK] !== undefined) line.marked++;
  }
}

/** Starts one on a free port; resolved with it and the port. */
export async function startTsProvider(): Promise<{ provider: TsProvider; port: number }> {
  const provider = new TsProvider();
  return { provider, port: await provider.server.listen() };
}

// The ids with a meaning in dubbo-go/peers/model.go.
function withSpecialIds(handler: Handler): Handler {
  return async (call) => {
    const id = String(call.args[0]);
    if (id === "null") return null;
    if (id === "error") throw new DubboException("java.lang.IllegalStateException", "as asked");
    if (id.startsWith("slow-")) await sleep(Number(id.slice("slow-".length)));
    return handler(call);
  };
}

// The call that a generic call asks for.
function generic(call: IncomingCall): IncomingCall {
  const [method, , args] = call.args;
  return { ...call, method: String(method), args: args as unknown[] };
}

// Written as the Go peers write it: what is empty is left out.
function keyOf(call: IncomingCall): Pick<CallLine, "interface" | "method"> {
  const { version, group } = call.attachments;
  return {
    interface: call.interface,
    method: call.method,
    ...(call.method === "$invoke" && { target: String(call.args[0]) }),
    ...(typeof version === "string" && version !== "" && { version }),
    ...(typeof group === "string" && group !== "" && { group }),
  };
}

function nothingYet(): Counts {
  return { sent: 0, oneway: 0, ok: 0, nulls: 0, exceptions: 0, errors: 0, marked: 0 };
}
