// The demo's Dubbo codec: streams cut into frames, bodies that are odd or broken, and every
// hessian2 frame of a real peer as its description says.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { DubboFormatError } from "../../../demo/dubbo/errors.ts";
import { encodeFrame, FrameSplitter, type Frame } from "../../../demo/dubbo/frame.ts";
import * as message from "../../../demo/dubbo/message.ts";
import { Status } from "../../../demo/dubbo/protocol.ts";
import type { Services } from "../../../demo/dubbo/server_call.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { ECHO, eventually, LIMIT, peers, STRING } from "./peers.ts";

describe("bytes", LIMIT, () => {
  const args = ["7"];
  const invocation = {
    path: ECHO,
    serviceVersion: "",
    method: "echo",
    descriptor: STRING,
    args,
    attachments: { interface: ECHO },
  };

  test("a stream is cut into the same frames wherever it is split", () => {
    const frames = [
      message.encodeRequest(-1n, invocation, true),
      message.encodeHeartbeat(2n),
      message.encodeReadonly(3n),
      message.encodeValue(-9223372036854775808n, "x".repeat(300)),
    ];
    const stream = Buffer.concat(frames);
    for (let size = 1; size <= stream.length; size++) {
      const seen: Frame[] = [];
      const splitter = new FrameSplitter((frame) => seen.push(frame));
      for (let at = 0; at < stream.length; at += size) {
        splitter.push(stream.subarray(at, at + size));
      }
      assert.deepEqual(seen.map(encodeFrame), frames, `chunks of ${size} bytes`);
    }
  });

  test("a wrong magic and a body above the limit are refused, after the frames before", () => {
    const good = message.encodeHeartbeat(1n);
    const long = message.encodeValue(2n, "x".repeat(2000));
    for (const bad of [Buffer.from("GET / HTTP/1.1\r\n"), long]) {
      const seen: Frame[] = [];
      const splitter = new FrameSplitter((frame) => seen.push(frame), 1000);
      assert.throws(() => splitter.push(Buffer.concat([good, bad])), DubboFormatError);
      assert.equal(seen.length, 1);
    }
  });

  test("a server answers frames that arrive byte by byte or all at once", async (t) => {
    const services: Services = { [ECHO]: { echo: ({ args: [text] }) => text } };
    const { port } = await peers(t, services);
    const request = message.encodeRequest(-5n, invocation, true);
    for (const chunks of [[...request].map((byte) => Buffer.of(byte)), [request]]) {
      const [reply] = await exchange(t, port, chunks, 1);
      assert.equal(reply.id, -5n);
      const attachments = { dubbo: "2.0.2" };
      const expected = { type: "value", value: "7", attachments };
      assert.deepEqual(message.decodeResponse(reply), expected);
    }
    const twice = await exchange(t, port, [Buffer.concat([request, request])], 2);
    assert.equal(twice.length, 2);
  });

  test("bodies that cannot be read are bad requests; other heartbeats are answered", async (t) => {
    const { port } = await peers(t, {});
    const frame = { request: true, twoway: true, event: false, status: 0, id: 9n };
    const fastjson2 = { ...frame, serializationId: 23, body: Buffer.from("00000001af", "hex") };
    const truncated = { ...frame, serializationId: 2, body: Buffer.from([5, 0x32]) };
    const heartbeat = { ...fastjson2, event: true };
    const sent = [fastjson2, truncated, heartbeat].map(encodeFrame);
    const replies = await exchange(t, port, sent, 3);
    // Calls are answered when their handlers are done, heartbeats at once.
    const answer = replies.find((reply) => reply.event);
    assert.ok(answer);
    const expected = { ...heartbeat, request: false, twoway: false, status: Status.OK };
    assert.deepEqual(encodeFrame(answer), encodeFrame(expected));
    const failures = replies.filter((reply) => !reply.event).map(message.decodeResponse);
    assert.deepEqual(
      failures.map((reply) => reply.type === "failure" && reply.status),
      [40, 40],
    );
  });

  test("bytes after a body's end are borne", () => {
    for (const bytes of [message.encodeValue(1n, null), message.encodeException(1n, "x")]) {
      const [frame] = cut(bytes);
      const longer = { ...frame, body: Buffer.concat([frame.body, Buffer.from("4e", "hex")]) };
      assert.deepEqual(message.decodeResponse(longer), message.decodeResponse(frame));
    }
  });

  test("a descriptor says how many arguments there are", () => {
    assert.equal(message.parameterCount(""), 0);
    assert.equal(message.parameterCount("[[ILjava/util/Map;Z[B"), 4);
    assert.throws(() => message.parameterCount("Ljava/util/Map"), DubboFormatError);
  });
});

describe("frames of Dubbo Java and dubbo-go", LIMIT, () => {
  const text = readFileSync(fromRoot("test/fixtures/frames/index.json"), "utf8");
  // Ids have 64 bits: as numbers they would lose some.
  const index: any[] = JSON.parse(text.replace(/("(?:id|requestId)": )(-?\d+)/g, '$1"$2"'));
  const hessian2 = index.filter((entry) => [2, "hessian2"].includes(entry.serialization));

  test("there are some", () => assert.ok(hessian2.length > 150));

  for (const entry of hessian2) {
    test(entry.file, () => {
      const frames = cut(readFileSync(fromRoot("test/fixtures/frames", entry.file)));
      assert.equal(frames.length, 1);
      const [frame] = frames;
      assert.equal(frame.id, BigInt(entry.id ?? entry.requestId));
      assert.equal(frame.body.length, entry.body_bytes ?? entry.bodyLen);
      assert.equal(frame.request, entry.dir === "c2s" || entry.kind === "event-request");
      assert.equal(encodeFrame(frame)[2], Number(entry.flag ?? entry.flags));
      if (frame.event) assert.equal(message.isReadonly(frame), entry.kind === "event-request");
      else if (frame.request) checkRequest(entry, frame);
      else checkResponse(entry, frame);
    });
  }
});

function checkRequest(entry: any, frame: Frame): void {
  const invocation = message.decodeRequest(frame);
  assert.equal(invocation.dubboVersion, entry.dubbo_version ?? entry.dubboVersion);
  assert.equal(invocation.path, entry.path);
  assert.equal(invocation.serviceVersion, entry.version);
  assert.equal(invocation.method, entry.method);
  assert.equal(invocation.descriptor, entry.desc ?? entry.argTypes);
  assert.equal(invocation.args.length, entry.args.length);
  for (const [index, argument] of invocation.args.entries()) {
    checkValue(entry.args[index], argument);
  }
  checkAttachments(entry, invocation.attachments);
}

function checkResponse(entry: any, frame: Frame): void {
  assert.equal(frame.status, entry.status);
  const reply = message.decodeResponse(frame);
  if (reply.type === "failure") {
    // The index cuts long messages: "…(5086 chars)".
    const [start] = entry.error_message.split(/\.\.\.\(\d+ chars\)$/);
    assert.ok(reply.message.startsWith(start), reply.message);
    return;
  }
  const kind = entry.response_type ?? entry.responseType;
  assert.equal(reply.type === "exception", kind === 0 || kind === 3);
  checkAttachments(entry, reply.attachments);
  if (reply.type === "value") {
    if (kind === 2 || kind === 5) assert.equal(reply.value, null);
    else checkValue(entry.value, reply.value);
  } else if (entry.exception !== undefined) {
    assert.equal(reply.exception.className, entry.exception);
  } else {
    const type = entry.value.$go.replace("*java_exception.", "java.lang.");
    assert.equal(reply.exception.className, type);
    assert.equal(reply.exception.message, entry.value.v.DetailMessage);
  }
}

// Java's index names a value's type and shows simple ones; Go's shows the value.
function checkValue(described: unknown, value: unknown): void {
  if (described === null || described === "null") return assert.equal(value, null);
  if (typeof described === "object") {
    const { _class, ...fields } = (described as { v: Record<string, unknown> }).v;
    return assert.deepEqual(JSON.parse(JSON.stringify(value)), fields);
  }
  const words = String(described);
  const [, size] = /^\S+ size (\d+)$/.exec(words) ?? /^\w+\[(\d+)\]$/.exec(words) ?? [];
  if (size !== undefined) return assert.equal(Object.keys(value as object).length, Number(size));
  const [, shown] = /^(?!Color )[A-Z][a-z]+ (.*)$/su.exec(words) ?? [];
  if (shown === undefined) return;
  // Long ones are cut: "…(5086 chars)".
  const [start, cut] = shown.split(/\.\.\.(?=\(\d+ chars\)$)/);
  if (cut === undefined) assert.equal(String(value), shown);
  else assert.ok(String(value).startsWith(start));
}

function checkAttachments(entry: any, attachments: message.Attachments): void {
  const described: Record<string, unknown> = entry.attachments ?? {};
  assert.deepEqual(Object.keys(attachments).sort(), Object.keys(described).sort());
  for (const [key, value] of Object.entries(attachments)) {
    if (typeof value === "string") assert.equal(value, described[key], key);
  }
}

function cut(stream: Buffer): Frame[] {
  const frames: Frame[] = [];
  new FrameSplitter((frame) => frames.push(frame)).push(stream);
  return frames;
}

async function exchange(
  t: TestContext,
  port: number,
  chunks: Buffer[],
  answers: number,
): Promise<Frame[]> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  t.after(() => socket.destroy());
  const frames: Frame[] = [];
  const splitter = new FrameSplitter((frame) => frames.push(frame));
  socket.on("data", (chunk: Buffer) => splitter.push(chunk));
  for (const chunk of chunks) {
    await new Promise((resolve) => socket.write(chunk, resolve));
    await new Promise(setImmediate);
  }
  await eventually("the answers", () => frames.length >= answers);
  return frames;
}
