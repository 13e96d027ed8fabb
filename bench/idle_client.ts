// Opens connections that make one call each and then stay: a process of its own (peer.ts).

import { connect, type Socket } from "node:net";
import { requestRing } from "./frames.ts";
import { answerQuestions } from "./peer.ts";
import { SHAPES } from "./shapes.ts";

/** Open so many more connections to the port; 0 closes all. */
export interface IdleQuestion {
  port: number;
  connections: number;
}

/** What all connections that are open have sent and received. */
export interface IdleReply {
  connections: number;
  requestBytes: number;
  responseBytes: number;
}

/** How many are opened at once: no more than the backlog of a listener. */
const AT_ONCE = 100;

const { bytes, offsets } = requestRing(SHAPES[0]!);
const request = bytes.subarray(0, offsets[1]);
const open = new Set<Socket>();

/** Resolved with the connection once its call was answered. */
function callOnce(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(request));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed from the other side")));
    socket.once("data", () => resolve(socket));
  });
}

async function answer({ port, connections }: IdleQuestion): Promise<IdleReply> {
  for (let left = connections; left > 0; left -= AT_ONCE) {
    const calls = Array.from({ length: Math.min(left, AT_ONCE) }, () => callOnce(port));
    for (const socket of await Promise.all(calls)) open.add(socket);
  }
  const sum = { connections: open.size, requestBytes: 0, responseBytes: 0 };
  for (const socket of open) {
    sum.requestBytes += socket.bytesWritten;
    sum.responseBytes += socket.bytesRead;
  }
  if (connections === 0) {
    for (const socket of open) socket.end();
    open.clear();
  }
  return sum;
}

answerQuestions(answer);
