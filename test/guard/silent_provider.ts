// A provider that reads and never answers, as a process of its own that can be killed or frozen:
//
//     node --import tsx test/guard/silent_provider.ts PORT BACKLOG
//
// It writes "listens" once, and "read" for each piece that it read.

import { createServer } from "node:net";

const [port, backlog] = process.argv.slice(2).map(Number);
const server = createServer((socket) => {
  socket.on("data", () => console.log("read"));
  socket.on("error", () => {});
});
server.listen({ port, host: "127.0.0.1", backlog }, () => console.log("listens"));
