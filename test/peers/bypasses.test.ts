// Ways past an authorization, and running providers: those that lead to what is forbidden do so without our filter,
// and with its policies none does.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { before, describe, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  BYPASS_ID,
  BYPASSES,
  HTTP_WAYS,
  NO_WRITES,
  ONLY_GET,
  plain,
  USERS,
} from "../frames/bypasses.ts";
import type { Bypass, HttpWay, Led } from "../frames/bypasses.ts";
import { splitFrames } from "../module/routing/frames.ts";
import { echoIn } from "./echo.ts";
import { goCommand } from "./go_build.ts";
import { startGoProvider, startGoUsers } from "./go_peers.ts";
import { startBetween, startProvider } from "./java_between.ts";
import { javaArguments } from "./java_build.ts";
import type { PeerProvider } from "./peer_process.ts";
import { startTripleEnvoy } from "./triple_between.ts";

const TEST = { timeout: 120_000 };
/** A JVM's first call takes a while on a busy machine. */
const ANSWER_MS = 10_000;
/** How long a way that leads nowhere may have been under way unseen. */
const SETTLE_MS = 300;
/** The id of a call behind the others: once it is answered, or the connection closed, they were read. */
const LAST_ID = 999;
const STATUS_OK = 20;
const EVENT = 0x20;
/** The first byte of hessian2 results that are exceptions. */
const EXCEPTIONS = [0x90, 0x93];

const providers: Record<Led, (t: TestContext) => Promise<PeerProvider>> = {
  "Dubbo Java 3.3.6": (t) => startProvider(t, { mark: "x" }),
  "dubbo-go": async (t) => {
    const provider = await startGoProvider();
    t.after(() => provider.stop());
    return provider;
  },
};

describe("ways past an authorization", () => {
  before(async () => {
    await javaArguments("Provider", "3.3.6");
    await goCommand("provider");
  });

  for (const [name, start] of Object.entries(providers) as [Led, (typeof providers)[Led]][]) {
    test(`at ${name}`, TEST, async (t) => {
      const provider = await start(t);
      for (const policies of [NO_WRITES, ONLY_GET]) {
        const { ports } = await startBetween(t, provider.port, { policies });
        for (const bypass of BYPASSES) {
          const answers = await send(ports.user, bypass);
          assert.equal(isForbidden(bypass, answers), false, bypass.name);
        }
      }
      await sleep(SETTLE_MS);
      assert.equal(await forbiddenCalls(provider), 0);

      // A way that leads nowhere by itself shows nothing.
      for (const bypass of BYPASSES.filter(({ leads }) => leads.includes(name))) {
        const before = await forbiddenCalls(provider);
        const answers = await send(provider.port, bypass);
        const deadline = Date.now() + ANSWER_MS;
        let isLed = false;
        while (!isLed && Date.now() < deadline) {
          isLed = isForbidden(bypass, answers) || (await forbiddenCalls(provider)) > before;
          if (!isLed) await sleep(20);
        }
        assert.ok(isLed, `${bypass.name} does not lead to ${name}`);
      }
    });
  }
});

/** A provider of Triple: its port, how many calls came that nobody may make, and what its methods take as JSON. */
interface TripleProvider {
  port: number;
  forbidden(): Promise<number>;
  json: unknown;
}

const tripleProviders: Record<Led, (t: TestContext) => Promise<TripleProvider>> = {
  "Dubbo Java 3.3.6": async (t) => {
    const provider = await startProvider(t, { mark: "x", protocol: "tri" });
    const json = [{ id: "A0", name: "x" }];
    return { port: provider.port, forbidden: () => forbiddenCalls(provider), json };
  },
  "dubbo-go": async (t) => {
    const { port, forbidden } = await startGoUsers(t);
    return { port, forbidden: async () => forbidden(), json: "A0" };
  },
};

for (const [name, start] of Object.entries(tripleProviders) as [
  Led,
  (typeof tripleProviders)[Led],
][]) {
  test(`ways past an authorization over HTTP, at ${name}`, TEST, async (t) => {
    const provider = await start(t);
    for (const policies of [NO_WRITES, ONLY_GET]) {
      const { port } = await startTripleEnvoy(t, provider.port, { policies });
      for (const way of HTTP_WAYS) {
        const isServed = await sendHttp(port, way, provider.json);
        // Headers that nobody takes for a group leave a call that may be made.
        if (way.leads.length > 0 || !way.path?.endsWith("/GetUser")) assert.ok(!isServed, way.name);
      }
    }
    await sleep(SETTLE_MS);
    assert.equal(await provider.forbidden(), 0);
    for (const way of HTTP_WAYS.filter(({ leads }) => leads.includes(name))) {
      const before = await provider.forbidden();
      assert.ok(await sendHttp(provider.port, way, provider.json), way.name);
      const deadline = Date.now() + ANSWER_MS;
      // What it prints may come after its answer.
      while ((await provider.forbidden()) === before && Date.now() < deadline) await sleep(5);
      assert.equal(await provider.forbidden(), before + 1, way.name);
    }
  });
}

/** google.protobuf.StringValue "A0", and what stands before a message in gRPC. */
const STRING_VALUE = [0x0a, 2, 0x41, 0x30];
const grpc = (message: Iterable<number>): Buffer => {
  const bytes = Buffer.from([...message]);
  return Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);
};

/** Makes the call over HTTP/2 with this argument; resolved with whether it was answered with a result. */
async function sendHttp(port: number, way: HttpWay, json: unknown): Promise<boolean> {
  const { method = "POST", path = `/${USERS}/SetUser`, contentType = "application/json" } = way;
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  try {
    const type = contentType === null ? {} : { "content-type": contentType };
    const stream = session.request({ ":method": method, ":path": path, ...type, ...way.headers });
    stream.setTimeout(ANSWER_MS, () => stream.destroy(new Error("no answer")));
    const text = Buffer.from(JSON.stringify(json));
    if (!contentType?.startsWith("application/grpc")) stream.end(text);
    else stream.end(grpc(contentType.endsWith("json") ? text : STRING_VALUE));
    let grpcStatus: unknown;
    stream.once("trailers", (trailers: IncomingHttpHeaders) => {
      grpcStatus = trailers["grpc-status"];
    });
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
    stream.resume();
    await once(stream, "close");
    const isGood = (headers["grpc-status"] ?? grpcStatus ?? "0") === "0";
    return Number(headers[":status"]) === 200 && isGood;
  } finally {
    session.destroy();
  }
}

/** How many calls the provider has served, or failed at, that nobody may make. */
async function forbiddenCalls(provider: PeerProvider): Promise<number> {
  const { calls } = await provider.report();
  const forbidden = calls.filter(
    ({ interface: service, method, target }) =>
      service !== USERS || (target ?? method) !== "GetUser",
  );
  return forbidden.reduce((sum, { sent }) => sum + sent, 0);
}

/** Whether what came back is the result of a call that nobody may make. */
function isForbidden({ name }: Bypass, answers: Uint8Array[]): boolean {
  const all = Buffer.concat(answers);
  if (echoIn(all)?.[":service"]?.startsWith("canary/") === true) return true;
  if (!name.startsWith("$echo")) return false;
  return answers.some((frame) => {
    const isOk = frame[3] === STATUS_OK && (frame[2]! & EVENT) === 0;
    return isOk && idOf(frame) === BYPASS_ID && !EXCEPTIONS.includes(frame[16]!);
  });
}

function idOf(frame: Uint8Array): number {
  return Number(Buffer.from(frame).readBigUInt64BE(4));
}

/** Sends the way's bytes and a call behind them; resolved with all answers up to that one's, or the end. */
async function send(port: number, { bytes, refused = [BYPASS_ID] }: Bypass): Promise<Uint8Array[]> {
  const socket = connect(port, "127.0.0.1");
  let came = Buffer.alloc(0);
  try {
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    await once(socket, "connect");
    socket.write(bytes);
    socket.write(plain(LAST_ID));
    for await (const chunk of socket) {
      came = Buffer.concat([came, chunk as Buffer]);
      const ids = whole(came).map(idOf);
      if (ids.includes(LAST_ID) && refused.every((id) => ids.includes(id))) break;
    }
  } catch {
    // Who sends such bytes may be cut off.
  } finally {
    socket.destroy();
  }
  return whole(came);
}

/** The frames of which all bytes are there. */
function whole(bytes: Buffer): Uint8Array[] {
  let end = 0;
  while (bytes.length - end >= 16 && bytes.readUInt16BE(end) === 0xdabb) {
    const next = end + 16 + bytes.readUInt32BE(end + 12);
    if (next > bytes.length) break;
    end = next;
  }
  return splitFrames(bytes.subarray(0, end));
}
