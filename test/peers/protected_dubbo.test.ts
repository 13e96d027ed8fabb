// Protected keys in the Dubbo protocol and what running providers read of a caller's frames: each way to a
// protected attachment leads there without our filter's `protected`, and with it nowhere.

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { before, describe, test, type TestContext } from "node:test";
import { jsonb } from "../frames/fastjson2.ts";
import { concat, request, type Value } from "../frames/frames.ts";
import { hessian2, hessianString } from "../frames/hessian2.ts";
import { ECHO_ID, echoIn } from "./echo.ts";
import { goCommand } from "./go_build.ts";
import { startGoProvider } from "./go_peers.ts";
import { startBetween, startProvider } from "./java_between.ts";
import { javaArguments, type JavaRelease } from "./java_build.ts";
import type { PeerProvider } from "./peer_process.ts";

const TEST = { timeout: 120_000 };
/** A JVM's first call takes a while on a busy machine. */
const ANSWER_MS = 10_000;
const USERS = "com.k8s.User.UserProvider";
const KEY = "dubbo-route";
const HEADER_BYTES = 16;

const bytes = (...all: number[]): Uint8Array => Uint8Array.from(all);
const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
/** A hessian2 map with the entries that a provider needs, and these, as they are; `begin` begins it. */
const map = (begin: Uint8Array, ...entries: Uint8Array[]): Uint8Array =>
  concat([
    begin,
    ...[
      ["path", USERS],
      ["interface", USERS],
    ]
      .flat()
      .map(hessianString),
    ...entries,
    bytes(0x5a),
  ]);
const entry = (key: string, value: Value): Uint8Array =>
  concat([hessianString(key), hessian2(value)]);
const untyped = (...entries: Uint8Array[]): Uint8Array => map(bytes(0x48), ...entries);

/** A call that is answered with the attachments, of which all behind the argument are given. */
function call(attachments: Uint8Array, serialization = "hessian2"): Uint8Array {
  const head = ["2.0.2", USERS, "0.0.0", "GetUser", "Ljava/lang/String;", ECHO_ID];
  const encode = serialization === "hessian2" ? hessianString : jsonbValue;
  return request({ serialization, body: concat([...head.map(encode), attachments]) });
}

/** fastjson2 has its length in front of each value. */
function jsonbValue(value: Value | Uint8Array): Uint8Array {
  const body = value instanceof Uint8Array ? value : jsonb(value);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, body.length);
  return concat([length, body]);
}

const object = (...entries: Uint8Array[]): Uint8Array =>
  concat([bytes(0xa6), jsonb("path"), jsonb(USERS), ...entries, bytes(0xa5)]);

/** Frames by which a provider has the attachment, in whatever case. */
type Ways = Record<string, Uint8Array>;

/** All that dubbo-go reads too. */
const HESSIAN2: Ways = {
  plain: call(untyped(entry(KEY, "v2"))),
  "another case": call(untyped(entry("Dubbo-Route", "v2"))),
  twice: call(untyped(entry(KEY, "v1"), entry(KEY, "v2"))),
  "in pieces": call(
    untyped(concat([bytes(0x52, 0, 5), ascii("dubbo"), bytes(6), ascii("-route"), hessian2("v2")])),
  ),
};
/** Dubbo Java 2 shows texts only. */
const OBJECTS: Ways = { "a number": call(untyped(entry(KEY, 7))) };
/** Of Dubbo Java 3 beside. */
const JAVA: Ways = {
  "in more bytes": call(
    untyped(concat([bytes(KEY.length, 0xc1, 0xa4), ascii("ubbo-route"), hessian2("v2")])),
  ),
  "a map": call(untyped(entry(KEY, { a: "b" }))),
  bytes: call(untyped(concat([hessianString(KEY), bytes(0x22, 1, 2)]))),
  "in a typed map": call(
    map(concat([bytes(0x4d), hessianString("java.util.TreeMap")]), entry(KEY, "v2")),
  ),
  fastjson2: call(jsonbValue(object(jsonb(KEY), jsonb("v2"))), "fastjson2"),
  "fastjson2 in UTF-16": call(
    jsonbValue(
      object(
        concat([bytes(0x7d, KEY.length * 2), Buffer.from(KEY, "utf16le").swap16()]),
        jsonb("v2"),
      ),
    ),
    "fastjson2",
  ),
};

describe("protected keys in the Dubbo protocol", () => {
  before(async () => {
    await javaArguments("Provider", "3.3.6");
    await goCommand("provider");
  });

  const releases: [JavaRelease, Ways][] = [
    ["3.3.6", { ...HESSIAN2, ...OBJECTS, ...JAVA }],
    ["2.7.23", HESSIAN2],
    ["2.6.12", HESSIAN2],
  ];
  for (const [release, ways] of releases) {
    test(`a provider of Dubbo Java ${release} never has them from a caller`, TEST, async (t) => {
      await leadNowhere(t, await startProvider(t, { mark: "x", release }), ways);
    });
  }

  test("a provider of dubbo-go never has them from a caller", TEST, async (t) => {
    const provider = await startGoProvider();
    t.after(() => provider.stop());
    await leadNowhere(t, provider, { ...HESSIAN2, ...OBJECTS });
  });

  test(
    "group, version and path: over the head's they are nobody's, but the head stays",
    TEST,
    async (t) => {
      const provider = await startProvider(t, { mark: "x" });
      const routing = { protected: ["group", "version", "path"] };
      const { ports: guarded } = await startBetween(t, provider.port, { routing });
      const { ports: open } = await startBetween(t, provider.port, {});
      const versions = { protected: ["version", "path"] };
      const { ports: byHead } = await startBetween(t, provider.port, { routing: versions });
      const set = [{ name: "version", value: "2.0.0" }];
      const ruled = { ...versions, rules: [{ attachments: { set } }] };
      const { ports: byRule } = await startBetween(t, provider.port, { routing: ruled });

      const canary = { group: "canary", version: "2.0.0" };
      const forged = request({ args: [ECHO_ID], extraAttachments: canary });
      assert.equal((await served(open.user, forged))?.[":service"], `canary/${USERS}:2.0.0`);
      assert.equal((await served(guarded.user, forged))?.[":service"], USERS);
      // The head's version is the attachment to a provider that has no other; a rule gives it one.
      const { group } = canary;
      const inHead = (version: string): Uint8Array =>
        request({ version, args: [ECHO_ID], extraAttachments: { group } });
      assert.equal((await served(byHead.user, inHead("2.0.0")))?.version, "2.0.0");
      assert.equal((await served(byHead.user, inHead("0.0.0")))?.[":service"], undefined);
      assert.equal((await served(byRule.user, inHead("0.0.0")))?.version, "2.0.0");
    },
  );
});

/** Each way leads to the attachment, and with our filter's `protected` to none. */
async function leadNowhere(t: TestContext, provider: PeerProvider, ways: Ways): Promise<void> {
  const { ports: open } = await startBetween(t, provider.port, {});
  const { ports: guarded } = await startBetween(t, provider.port, {
    routing: { protected: [KEY] },
  });
  for (const [name, frame] of Object.entries(ways)) {
    const has = (echo: Record<string, string>): boolean =>
      Object.keys(echo).some((key) => key.toLowerCase() === KEY);
    const without = await served(open.user, frame);
    assert.ok(without && has(without), `${name}: ${JSON.stringify(without)}`);
    // Where the filter cannot be sure the connection is closed.
    const echo = await served(guarded.user, frame);
    if (echo) assert.equal(has(echo), false, name);
  }
}

/** What the provider had of the call; null where it did not answer with that. */
async function served(port: number, frame: Uint8Array): Promise<Record<string, string> | null> {
  const socket = connect(port, "127.0.0.1");
  try {
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error("no answer")));
    await once(socket, "connect");
    socket.write(frame);
    let answer = Buffer.alloc(0);
    for await (const chunk of socket) {
      answer = Buffer.concat([answer, chunk as Buffer]);
      if (answer.length < HEADER_BYTES) continue;
      if (answer.length >= HEADER_BYTES + answer.readUInt32BE(12)) break;
    }
    return echoIn(answer);
  } finally {
    socket.destroy();
  }
}
