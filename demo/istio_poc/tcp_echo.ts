// A TCP service in versions, for what a mesh does with connections: what comes in goes out again,
// each line with the version and the pod before it.
//
// Options: --port, --host, --version-label; or in the environment PORT, HOST, VERSION_LABEL.

import { createServer, type Socket } from "node:net";
import { parseArgs } from "node:util";

const GRACE_MS = 2000;
// What a client chooses does not grow this process without bound.
const MAX_LINE_CHARS = 64 * 1024;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: process.env.PORT || "9000" },
    host: { type: "string", default: process.env.HOST || "127.0.0.1" },
    "version-label": { type: "string", default: process.env.VERSION_LABEL || "v1" },
  },
});
const label = values["version-label"];
const pod = process.env.POD_NAME || `poc-tcp-echo-${label}`;

const open = new Set<Socket>();
const server = createServer((socket) => {
  open.add(socket);
  socket.once("close", () => open.delete(socket));
  // A client that resets its connection has ended, no more.
  socket.on("error", () => socket.destroy());
  let rest = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) socket.write(`${label} ${pod} ${line}\n`);
    if (rest.length > MAX_LINE_CHARS) socket.destroy();
  });
});
server.listen(Number(values.port), values.host, () => {
  console.log(`${pod} on ${values.host}:${values.port}`);
});

const end = () => {
  server.close(() => process.exit(0));
  setTimeout(() => open.forEach((socket) => socket.destroy()), GRACE_MS);
};
process.once("SIGTERM", end);
process.once("SIGINT", end);
