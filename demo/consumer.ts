// The consumer: an HTTP gateway (see gateway.ts). Its calls to every interface go over one Dubbo
// connection to the local Envoy, which finds the provider; or, where services are dialled by name,
// over one connection to each.
//
// Options: --port, --host, --timeout ms, --version-label; where to call, each as host:port: --dubbo,
// --user-dubbo and --order-dubbo (as --dubbo unless given), --grpc (grpc_server.ts), --user-http
// (user_http.ts). Or in the environment: PORT, HOST, TIMEOUT_MS, VERSION_LABEL, DUBBO, USER_DUBBO,
// ORDER_DUBBO, GRPC, USER_HTTP.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { DubboClient } from "./dubbo/client.ts";
import { gateway, type DubboCaller } from "./gateway.ts";
import { GrpcClient } from "./grpc/client.ts";
import { podFromEnvironment } from "./pod.ts";
import { ORDERS } from "./record.ts";
import { grpcUsers, httpUsers } from "./user_sources.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.PORT || "8090" },
    host: { type: "string", default: process.env.HOST || "127.0.0.1" },
    dubbo: { type: "string", default: process.env.DUBBO || "127.0.0.1:20880" },
    "user-dubbo": { type: "string", default: process.env.USER_DUBBO },
    "order-dubbo": { type: "string", default: process.env.ORDER_DUBBO },
    grpc: { type: "string", default: process.env.GRPC || "127.0.0.1:50000" },
    "user-http": { type: "string", default: process.env.USER_HTTP || "127.0.0.1:8091" },
    timeout: { type: "string", default: process.env.TIMEOUT_MS || "3000" },
    "version-label": { type: "string", default: process.env.VERSION_LABEL || "v1" },
  },
});
const label = values["version-label"];
const timeoutMs = Number(values.timeout);

// By address: interfaces at one address share a connection.
const dubbo = new Map<string, DubboClient>();
const users = dubboClient(values["user-dubbo"] || values.dubbo);
const orders = dubboClient(values["order-dubbo"] || values.dubbo);
const caller: DubboCaller = {
  call: (call) => (call.interface === ORDERS.interface ? orders : users).call(call),
};
const grpc = new GrpcClient({ address: values.grpc, timeoutMs });
const server = createServer(
  gateway(caller, podFromEnvironment("consumer", label), label, {
    "/usergrpc": grpcUsers(grpc),
    "/userhttp": httpUsers(values["user-http"], timeoutMs),
  }),
);
server.listen(Number(values.port), values.host, () => {
  const called = [...dubbo.keys()].map((address) => `dubbo://${address}`);
  called.push(`grpc://${values.grpc}`, `http://${values["user-http"]}`);
  console.log(`consumer on http://${values.host}:${values.port} calls ${called.join(" ")}`);
});

const end = () => {
  for (const client of dubbo.values()) client.close();
  grpc.close();
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.once("SIGTERM", end);
process.once("SIGINT", end);

function dubboClient(address: string): DubboClient {
  const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? [];
  if (host === undefined) throw new Error(`not host:port: ${address}`);
  const client =
    dubbo.get(address) ??
    new DubboClient({ host, port: Number(port), timeoutMs, application: "consumer" });
  dubbo.set(address, client);
  return client;
}
