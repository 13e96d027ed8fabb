// The cluster's DNS: answers for Services' names, and says of all others that there is no such name.
//
//   header   id 2, flags 2, then the counts of questions, answers, authorities, additionals, 2 each
//   question name (labels of length and text, then 0), type 2, class 2
//   answer   name (here a pointer to the question's, or labels), type, class, ttl 4, length 2, data
// https://www.rfc-editor.org/rfc/rfc1035#section-4

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** What a name stands for. */
export interface DnsRecord {
  addresses?: string[];
  /** Another name; its addresses are given along where the cluster knows it. */
  alias?: string;
}

/** Finds what a name (lower case, no dot at its end) stands for. */
export type Lookup = (name: string) => DnsRecord | undefined;

const PORT = 53;
const HEADER_BYTES = 12;
const TYPE_A = 1;
const TYPE_CNAME = 5;
const CLASS_IN = 1;
/** An answer to a question, from somebody who can and may answer. */
const RESPONSE_FLAGS = 0x8580;
const NO_SUCH_NAME = 3;
/** Seconds; what a Service stands for may change in a test. */
const TTL = 1;
/** Names that stand for each other in a circle are no endless answer. */
const MOST_ALIASES = 8;

/** Serves DNS over UDP on this address. The caller has to close the socket. */
export async function serveDns(address: string, lookup: Lookup): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.on("message", (query, { port, address: asker }) => {
    if (query.length > HEADER_BYTES) socket.send(answer(query, lookup), port, asker);
  });
  socket.bind(PORT, address);
  await once(socket, "listening");
  return socket;
}

function answer(query: Buffer, lookup: Lookup): Buffer {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at]!; length > 0 && at < query.length; length = query[at]!) {
    labels.push(query.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  const name = labels.join(".").toLowerCase();
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(HEADER_BYTES, at + 5);
  const record = lookup(name);
  const answers = record === undefined ? [] : resources(name, type, lookup);
  const header = Buffer.alloc(HEADER_BYTES);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(RESPONSE_FLAGS | (record === undefined ? NO_SUCH_NAME : 0), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(answers.length, 6);
  return Buffer.concat([header, question, ...answers]);
}

function resources(name: string, type: number, lookup: Lookup): Buffer[] {
  const found: Buffer[] = [];
  let record = lookup(name);
  for (let i = 0; i < MOST_ALIASES && record?.alias !== undefined; i++) {
    found.push(resource(name, TYPE_CNAME, encoded(record.alias)));
    name = record.alias;
    record = lookup(name);
  }
  if (type !== TYPE_A) return found;
  const addresses = (record?.addresses ?? []).map((address) =>
    resource(name, TYPE_A, Buffer.from(address.split(".").map(Number))),
  );
  return [...found, ...addresses];
}

function resource(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(TTL, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([encoded(name), fixed, data]);
}

function encoded(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    const bytes = Buffer.from(label, "latin1");
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  return Buffer.concat([...labels, Buffer.from([0])]);
}
