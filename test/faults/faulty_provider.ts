// A Dubbo provider as a process of its own, that can be killed, frozen and ended:
//
//     node --import tsx test/faults/faulty_provider.ts PORT
//
// What it does to a call is the method's name; hessian2 only. It writes "listens" once, and "got METHOD"
// for each call. At SIGTERM it goes in good order, as Dubbo Java does: READONLY, no new connections, the
// answers that are still owed, the end.

import { createServer, type Socket } from "node:net";
import { FrameSplitter, type Frame } from "../../demo/dubbo/frame.ts";
import { decodeRequest, encodeReadonly, encodeValue } from "../../demo/dubbo/message.ts";
import { HALF_MS, SLOW_MS, type Method } from "./methods.ts";

/** So much of an answer comes, within its body. */
const HALF_BYTES = 60;
/** Longer than half of it. */
const VALUE = "x".repeat(2 * HALF_BYTES);

/** What is done about a call of each method. */
const METHODS: Record<Method, (socket: Socket, frame: Frame) => void> = {
  answer,
  answerSlowly: (socket, frame) => {
    owed++;
    setTimeout(() => {
      answer(socket, frame);
      owed--;
    }, SLOW_MS);
  },
  keepSilent: () => {},
  close: (socket) => socket.end(),
  reset: (socket) => void socket.resetAndDestroy(),
  answerHalfAndClose: (socket, frame) => half(socket, frame, () => socket.end()),
  answerHalfAndReset: (socket, frame) => half(socket, frame, () => socket.resetAndDestroy()),
};

const sockets = new Set<Socket>();
let owed = 0;

const server = createServer((socket) => {
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
  const splitter = new FrameSplitter((frame) => serve(socket, frame));
  socket.on("data", (chunk: Buffer) => {
    try {
      splitter.push(chunk);
    } catch {
      // No Dubbo.
      socket.destroy();
    }
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listens"));

process.once("SIGTERM", () => {
  server.close(() => process.exit(0));
  for (const socket of sockets) socket.write(encodeReadonly(1n));
  setInterval(() => {
    if (owed === 0) for (const socket of sockets) socket.end();
  }, HALF_MS);
});

function serve(socket: Socket, frame: Frame): void {
  if (!frame.request || frame.event) return;
  const method = decodeRequest(frame).method as Method;
  console.log(`got ${method}`);
  METHODS[method](socket, frame);
}

function answer(socket: Socket, frame: Frame): void {
  if (frame.twoway) socket.write(encodeValue(frame.id, VALUE));
}

// The half goes out by itself, so that it is read before the end is.
function half(socket: Socket, frame: Frame, end: () => unknown): void {
  socket.write(encodeValue(frame.id, VALUE).subarray(0, HALF_BYTES));
  setTimeout(end, HALF_MS);
}
