// A Dubbo provider that answers every call with the same bytes under the call's id: a process of its
// own, asked for its port and for how many calls it has seen (peer.ts).

import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { HEAD_BYTES, Status } from "../demo/dubbo/protocol.ts";
import { ID_OFFSET, responseFrame } from "./frames.ts";
import { FrameScanner } from "./frame_scanner.ts";
import { answerQuestions } from "./peer.ts";

/**
 * `listen` is answered with the port, `calls` with the number of calls so far. From `hold` on, calls are
 * answered when so many of them are there, of one connection at a time.
 */
export type ProviderQuestion = "listen" | "calls" | { hold: number };

/** Answers that are written at once at most, and calls that may be held. */
const BATCH = 4096;

const response = responseFrame();
if (response[3] !== Status.OK) throw new Error("the answer is not one of status OK");
let answers = newAnswers();
let pending = 0;
let calls = 0;
let hold = 1;

function newAnswers(): Buffer {
  return Buffer.concat(Array.from({ length: BATCH }, () => response));
}

function accept(socket: Socket): void {
  const scanner = new FrameScanner((bytes, start) => {
    const at = pending * response.length + ID_OFFSET;
    bytes.copy(answers, at, start + ID_OFFSET, start + HEAD_BYTES - 4);
    calls++;
    if (++pending === BATCH) flush(socket);
  });
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    scanner.push(chunk, chunk.length);
    if (pending >= hold) flush(socket);
  });
}

function flush(socket: Socket): void {
  if (pending === 0) return;
  socket.write(answers.subarray(0, pending * response.length));
  pending = 0;
  // What the kernel has not taken yet must not change.
  if (socket.writableLength > 0) answers = newAnswers();
}

async function listen(): Promise<number> {
  const server = createServer(accept);
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

answerQuestions<ProviderQuestion, number>((question) => (question === "listen" ? listen() : calls));
