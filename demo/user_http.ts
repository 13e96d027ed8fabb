// user-http: the user service over plain HTTP on port 8091, until SIGTERM or SIGINT.
//
//   GET /user?id=   the user as JSON, as it stands in the gateway's answers
//
// Options: --port, --host, --version-label; or in the environment PORT, HOST, VERSION_LABEL.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { podFromEnvironment } from "./pod.ts";
import { toJson } from "./record.ts";
import { RecordStore } from "./record_store.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.PORT || "8091" },
    host: { type: "string", default: process.env.HOST || "127.0.0.1" },
    "version-label": { type: "string", default: process.env.VERSION_LABEL || "v1" },
  },
});
const pod = podFromEnvironment("userhttp", values["version-label"]);
const store = new RecordStore("user-http", "user", pod);
const server = createServer((request, response) => {
  const [path, query] = (request.url ?? "/").split("?", 2);
  const found = request.method === "GET" && path === "/user";
  const id = new URLSearchParams(query).get("id") ?? "1";
  const body = found ? toJson(store.get(id)) : { error: "There is only GET /user?id=." };
  response.writeHead(found ? 200 : 404, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
});
server.listen(Number(values.port), values.host, () => {
  console.log(`user-http (${pod.podName}) on http://${values.host}:${values.port}`);
});

const end = () => {
  // Those that are idle; a request that is being answered is waited for.
  server.close(() => process.exit(0));
  server.closeIdleConnections();
};
process.once("SIGTERM", end);
process.once("SIGINT", end);
