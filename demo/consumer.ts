// The consumer: an HTTP gateway (see gateway.ts) whose calls to every interface go over one Dubbo
// connection to the local Envoy, which finds the provider.
//
// Options: --port, --host, --dubbo host:port, --timeout ms, --version-label; or in the environment
// PORT, HOST, DUBBO, TIMEOUT_MS, VERSION_LABEL.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { DubboClient } from "./dubbo/client.ts";
import { gateway } from "./gateway.ts";
import { podFromEnvironment } from "./pod.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.PORT || "8090" },
    host: { type: "string", default: process.env.HOST || "127.0.0.1" },
    dubbo: { type: "string", default: process.env.DUBBO || "127.0.0.1:20880" },
    timeout: { type: "string", default: process.env.TIMEOUT_MS || "3000" },
    "version-label": { type: "string", default: process.env.VERSION_LABEL || "v1" },
  },
});
const label = values["version-label"];
const [, dubboHost, dubboPort] = /^(.+):(\d+)$/.exec(values.dubbo) ?? [];
if (dubboHost === undefined) throw new Error(`--dubbo is not host:port: ${values.dubbo}`);

const client = new DubboClient({
  host: dubboHost,
  port: Number(dubboPort),
  timeoutMs: Number(values.timeout),
  application: "consumer",
});
const server = createServer(gateway(client, podFromEnvironment("consumer", label), label));
server.listen(Number(values.port), values.host, () => {
  console.log(`consumer on http://${values.host}:${values.port} calls dubbo://${values.dubbo}`);
});

const end = () => {
  client.close();
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.once("SIGTERM", end);
process.once("SIGINT", end);
