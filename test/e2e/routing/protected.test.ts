// Protected attachments before dubbo_proxy: a caller who writes `dubbo-route` in any way there is does
// not choose the provider. Each way is first tried without protection, where it must work: else the
// test would show nothing.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { listenersOf, named } from "../../../harness/envoy_config.ts";
import { freePort } from "../../../harness/ports.ts";
import { USERS } from "../../../demo/record.ts";
import { concat, type Request } from "../../frames/frames.ts";
import { hessian2, hessianString } from "../../frames/hessian2.ts";
import { Caller, times } from "../envoy_caller.ts";
import { envoySince, LIMIT } from "../envoy_setup.ts";
import { podOf, routingSeries, series, setRouting, startRoutedLab } from "./setup.ts";
import type { RoutedLab } from "./setup.ts";

const KEY = "dubbo-route";
const JASON: [string, string] = ["end-user", "jason"];
const toV2 = { set: [{ name: KEY, value: "v2" }] };
const rules = [
  {
    name: "jason",
    match: { attachments: [{ name: "end-user", exact: "jason" }] },
    attachments: toV2,
  },
];

type Entry = [key: string | Uint8Array, value: string | number | boolean | Uint8Array];

const bytes = (...numbers: number[]) => Uint8Array.of(...numbers);
const ascii = (text: string) => Buffer.from(text, "latin1");

/** A request whose attachments are these, in their order. */
function attached(entries: Entry[], head: Uint8Array = bytes(0x48)): Request {
  const { interface: path, get } = USERS;
  const values = ["2.0.2", path, "0.0.0", get.method, get.descriptor, "A0"].map((one) =>
    hessian2(one),
  );
  const own: Entry[] = [["path", path], ["interface", path], ...entries];
  const pairs = own.flat().map((one) => hessian2(one));
  return { body: concat([...values, head, ...pairs, bytes(0x5a)]) };
}

/** What a caller may write to be taken for v2, and where that leads without protection. */
const SPOOFS: [
  how: string,
  entries: Entry[],
  unprotected: "user-v1" | "user-v2",
  head?: Uint8Array,
][] = [
  ["as it is", [[KEY, "v2"]], "user-v2"],
  ["in upper case", [["DUBBO-ROUTE", "v2"]], "user-v2"],
  // The first of them counts; of two spellings, the last.
  [
    "twice",
    [
      [KEY, "v2"],
      [KEY, "v1"],
    ],
    "user-v2",
  ],
  [
    "twice, in two spellings",
    [
      [KEY, "v1"],
      ["Dubbo-Route", "v2"],
    ],
    // Which of the two dubbo_proxy takes; the caller can have either by their order.
    envoySince("1.39") ? "user-v2" : "user-v1",
  ],
  ["in the long form of a string", [[concat([bytes(0x53, 0, 11), ascii(KEY)]), "v2"]], "user-v2"],
  [
    "in chunks",
    [[concat([bytes(0x52, 0, 6), ascii("dubbo-"), bytes(5), ascii("route")]), "v2"]],
    "user-v2",
  ],
  // dubbo_proxy takes nothing of these for a header; a provider would.
  ["with a value that is no string", [[KEY, true]], "user-v1"],
  [
    "as another string than Envoy's",
    [[concat([bytes(11, 0xc1, 0xa4), ascii("ubbo-route")]), "v2"]],
    "user-v1",
  ],
  [
    "in a typed map",
    [[KEY, "v2"]],
    "user-v1",
    concat([bytes(0x4d), hessianString("java.util.HashMap")]),
  ],
];

describe("protected attachments", LIMIT, () => {
  let routed: RoutedLab;
  let openPort: number;

  before(async () => {
    openPort = await freePort();
    routed = await startRoutedLab({
      routing: { dubbo: { protected: [KEY], rules } },
      change: (config) => {
        const open = structuredClone(named(listenersOf(config), "dubbo", "listener"));
        open.name = "open";
        open.address.socket_address.port_value = openPort;
        setRouting(open, undefined);
        listenersOf(config).push(open);
      },
    });
  });

  after(() => routed?.stop());

  /** Makes the call; gives who answered, and the body that it had got. */
  async function call(port: number, sent: Request): Promise<{ pod: string; body: string }> {
    const caller = await Caller.dial(port);
    const [asked] = await caller.ask([sent]);
    caller.close();
    const received = [...routed.v1.take(), ...routed.v2.take()];
    assert.equal(received.length, 1);
    return { pod: podOf(asked!), body: received[0]!.frame.body.toString("latin1") };
  }

  let jasons = 0;
  for (const [how, entries, unprotected, head] of SPOOFS) {
    test(`written ${how}`, async () => {
      const spoof = attached(entries, head);
      assert.equal((await call(openPort, spoof)).pod, unprotected, "without protection");

      const { pod, body } = await call(routed.lab.ports.dubbo, spoof);
      assert.equal(pod, "user-v1");
      // All that is left is what was not the caller's to write: nothing.
      const clean = Buffer.from(attached([]).body!).toString("latin1");
      assert.equal(body, clean);

      // Where a rule sets the key, it is there once, with the rule's value.
      const jason = await call(routed.lab.ports.dubbo, attached([...entries, JASON], head));
      jasons++;
      const expected = Buffer.from(attached([JASON, [KEY, "v2"]]).body!).toString("latin1");
      assert.deepEqual([jason.pod, jason.body], ["user-v2", expected]);
      await routingSeries(routed.lab, {
        [series("routed_requests_total", { rule: "jason" })]: jasons,
      });
    });
  }

  test("spoofed in the midst of others, nobody else is changed", async () => {
    const caller = await Caller.dial(routed.lab.ports.dubbo);
    const calls = times(25, [attached([]), attached([[KEY, "v2"]]), attached([JASON])]).flat();
    const pods = (await caller.ask(calls)).map(podOf);
    caller.close();
    assert.deepEqual(pods, times(25, ["user-v1", "user-v1", "user-v2"]).flat());
    routed.v1.take();
    routed.v2.take();
  });
});
