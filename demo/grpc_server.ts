// grpc-server: meshgrpc.Mesher and the user service over gRPC on port 50000, with gRPC's health
// service, until SIGTERM or SIGINT.
//
// Options: --port, --host, --admin-port (probes and the switch of grpc/admin.ts; none unless given),
// --version-label; or in the environment PORT, HOST, ADMIN_PORT, VERSION_LABEL.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { healthAdmin } from "./grpc/admin.ts";
import { unary } from "./grpc/handlers.ts";
import { GrpcServer } from "./grpc/server.ts";
import { MESHER, USER_PROVIDER, type HelloRequest } from "./grpc/services.ts";
import { userHandlers } from "./grpc/user.ts";
import { podFromEnvironment } from "./pod.ts";
import { RecordStore } from "./record_store.ts";

const GRACE_MS = 2000;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.PORT || "50000" },
    host: { type: "string", default: process.env.HOST || "127.0.0.1" },
    "admin-port": { type: "string", default: process.env.ADMIN_PORT },
    "version-label": { type: "string", default: process.env.VERSION_LABEL || "v1" },
  },
});
const pod = podFromEnvironment("grpc", values["version-label"]);
const greet = ({ name }: HelloRequest) => ({ message: `Hello ${name}, this is ${pod.podName}.` });
const server = new GrpcServer([
  { service: MESHER, handlers: { SayHello: unary(greet) } },
  {
    service: USER_PROVIDER,
    handlers: userHandlers(new RecordStore("grpc-server", "user", pod)),
  },
]);
const port = await server.listen(Number(values.port), values.host);
console.log(`grpc-server (${pod.podName}) on ${values.host}:${port}`);
if (values["admin-port"]) {
  createServer(healthAdmin(server.health)).listen(Number(values["admin-port"]), values.host);
}

const end = () => void server.shutdown(GRACE_MS).then(() => process.exit(0));
process.once("SIGTERM", end);
process.once("SIGINT", end);
