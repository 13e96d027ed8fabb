// Hostile clients before policies: a provider of their own that knows what never should have come to it, and a
// client that holds each answer against what it asked.

import { FrameSplitter, type Frame } from "../../../demo/dubbo/frame.ts";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import type { Random } from "../../fuzz/random.ts";
import { concat, frame, request, type Request } from "../../frames/frames.ts";
import type { Deed } from "./clients.ts";

/** No SetUser, and one call in ten waits. */
export const POLICIES = [
  { name: "no-writes", match: { method: { exact: "SetUser" } }, authorize: "deny" },
  { name: "slow", fault: { delay: { percentage: 10, fixed_delay: "20ms" } } },
];
const INTERFACE = "com.k8s.User.UserProvider";
const MAX_BODY = 64 * 1024 * 1024;
const CALLS = 30;
/** Far more than the calls take; a machine with too much to do is no failure. */
const PATIENCE_MS = 60_000;
const STATUS_OK = 20;

/** What came of the calls before policies. */
export class Policed {
  readonly provider: DubboServer;
  /** Calls of SetUser that came to the provider. */
  forbidden = 0;
  /** Calls, allowed and refused, of which the answers are as they must be. */
  answered = 0;
  refused = 0;
  /** What went wrong, in words. */
  readonly wrong: string[] = [];

  constructor() {
    const SetUser = (): null => {
      this.forbidden++;
      return null;
    };
    const services = {
      [INTERFACE]: { GetUser: ({ args }: { args: unknown[] }) => args[0], SetUser },
    };
    this.provider = new DubboServer(services, { maxBodyBytes: MAX_BODY });
  }

  /** Allowed and forbidden calls, in pieces of any length; garbage behind them ends the connection. */
  readonly ask: Deed = async (end, random) => {
    const name = `policed-${random.word()}`;
    const calls = Array.from({ length: CALLS }, (_, id) => callOf(id, name, random));
    const answers = new Map<number, Frame>();
    const all = new Promise<void>((resolve, reject) => {
      const splitter = new FrameSplitter((got) => {
        answers.set(Number(got.id), got);
        if (answers.size === CALLS) resolve();
      }, MAX_BODY);
      end.socket.on("data", (chunk: Buffer) => splitter.push(chunk));
      end.socket.once("close", () => reject(new Error("closed")));
      setTimeout(() => reject(new Error("no answers")), PATIENCE_MS).unref();
    });
    const bytes = concat(calls.map(({ bytes: own }) => own));
    for (let at = 0; at < bytes.length;) {
      const size = random.oneIn(2) ? random.between(1, 40) : random.between(1, 2000);
      await end.write(bytes.subarray(at, at + size));
      at += size;
    }
    try {
      await all;
    } catch (error) {
      this.wrong.push(`${name}: ${String(error)} after ${answers.size} answers`);
      return;
    }
    for (const [id, { isForbidden, text }] of calls.entries()) {
      const { status, body } = answers.get(id)!;
      const expected = isForbidden ? "refused by policy no-writes" : text;
      if (status !== STATUS_OK || !Buffer.from(body).includes(expected)) {
        this.wrong.push(`${text}: answered ${status} ${Buffer.from(body).toString("latin1")}`);
      } else if (isForbidden) this.refused++;
      else this.answered++;
    }
    await end.write(
      concat([
        frame({ flag: 0xc2, length: 0xffffffff }, new Uint8Array(9)),
        callOf(1, name, random).bytes,
      ]),
    );
  };
}

interface Call {
  bytes: Uint8Array;
  text: string;
  isForbidden: boolean;
}

/** A call of GetUser or SetUser with a text of its own, in any of the ways in which a call may be written. */
function callOf(id: number, name: string, random: Random): Call {
  const isForbidden = random.oneIn(3);
  const text = `${name}-${id}`;
  const call: Request = { id, method: isForbidden ? "SetUser" : "GetUser", args: [text] };
  // The demo's provider reads hessian2 only.
  if (isForbidden && random.oneIn(3)) call.serialization = "fastjson2";
  if (random.oneIn(4)) call.extraAttachments = { padding: "x".repeat(random.below(3000)) };
  return { bytes: request(call), text, isForbidden };
}
