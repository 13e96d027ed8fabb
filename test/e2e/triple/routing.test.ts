// One configuration, two protocols: the committed rules before dubbo_proxy and before an HTTP router,
// in one VM. The same call takes the same way in both.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { status as Status } from "@grpc/grpc-js";
import { USERS } from "../../../demo/record.ts";
import { Caller } from "../envoy_caller.ts";
import { sumOf } from "../envoy_series.ts";
import { LIMIT, ours, until } from "../envoy_setup.ts";
import { podOf, startRoutedLab, type RoutedLab } from "../routing/setup.ts";
import { triplePeers, type TriplePeers } from "./setup.ts";

const choice = (weight: number, value: string) => ({
  weight,
  attachments: { set: [{ name: "dubbo-route", value }] },
});

/** For both filters. Calls of the two interfaces are the same but for their protocol. */
const ROUTING = {
  protected: ["dubbo-route"],
  rules: [
    {
      name: "jason",
      match: { attachments: [{ name: "end-user", exact: "jason" }] },
      attachments: {
        set: [
          { name: "dubbo-route", value: "v2" },
          { name: "called-method", from_invocation: "method" },
          { name: "not:a-header", value: "x" },
        ],
        remove: ["debug"],
      },
    },
    {
      name: "blue",
      match: { group: { exact: "blue" }, version: { prefix: "2." } },
      attachments: { set: [{ name: "dubbo-route", value: "v2" }] },
    },
    {
      name: "sticky",
      split: { hash_on: { attachment: "user-id" }, choices: [choice(50, "v1"), choice(50, "v2")] },
    },
  ],
};

describe("the same rules", LIMIT, () => {
  let peers: TriplePeers;
  let routed: RoutedLab;
  let caller: Caller;

  before(async () => {
    peers = await triplePeers({ side: "consumer", routing: ROUTING });
    routed = await startRoutedLab({ routing: { dubbo: ROUTING }, change: peers.change });
    caller = await Caller.dial(routed.lab.ports.dubbo);
  });

  after(async () => {
    caller?.close();
    peers?.close();
    await routed?.stop();
  });

  /** Which version each protocol's call reaches. */
  async function ways(
    attachments: Record<string, string>,
    version = "0.0.0",
    group?: string,
  ): Promise<[dubbo: string, triple: string]> {
    const extraAttachments = group === undefined ? attachments : { ...attachments, group };
    const call = { path: USERS.interface, version, extraAttachments };
    const [asked] = await caller.ask([call]);
    const metadata: Record<string, string> = { ...attachments, "tri-service-version": version };
    if (group !== undefined) metadata["tri-service-group"] = group;
    const ended = await peers.client.call("Unary", { metadata });
    assert.equal(ended.code, Status.OK);
    return [podOf(asked!).replace("user-", ""), ended.answers[0]!];
  }

  test("a rule on an attachment and one on a header are one", async () => {
    assert.deepEqual(await ways({ "end-user": "jason", debug: "1" }), ["v2", "v2"]);
    const headers = peers.v2.received.pop()!;
    assert.equal(headers["dubbo-route"], "v2");
    assert.equal(headers["called-method"], "Unary");
    assert.equal(headers.debug, undefined);
    const { attachments } = routed.v2.take().pop()!;
    assert.equal(attachments["dubbo-route"], "v2");
    assert.equal(attachments["called-method"], "GetUser");
    assert.equal(attachments.debug, undefined);
    // This key cannot be a header's; the call goes on without, and somebody is told.
    assert.equal(attachments["not:a-header"], "x");
    await until("it is counted", async () => {
      const values = ours(await routed.lab.scrape());
      const labels = { reason: "header", protocol: "tri" };
      return sumOf(values, "unrewritten_requests_total", labels) === 1;
    });
  });

  test("version and group are tri-service-version and tri-service-group", async () => {
    assert.deepEqual(await ways({}, "2.1", "blue"), ["v2", "v2"]);
  });

  test("a user meets the same version in both protocols", async () => {
    const seen = new Set<string>();
    for (let user = 0; user < 60; user++) {
      const [dubbo, triple] = await ways({ "user-id": `user ${user}` });
      assert.equal(dubbo, triple, `user ${user}`);
      seen.add(dubbo);
    }
    assert.deepEqual([...seen].sort(), ["v1", "v2"]);
  });

  test("what a caller says of the protected key counts in neither", async () => {
    // Of these users one goes to each version, whatever he says.
    const seen: string[] = [];
    for (const user of ["user 0", "user 1", "user 2", "user 3", "user 4", "user 5"]) {
      const [free] = await ways({ "user-id": user });
      for (const said of ["v1", "v2", "v3"]) {
        const forged = await ways({ "user-id": user, "dubbo-route": said });
        assert.deepEqual(forged, [free, free]);
      }
      seen.push(free);
    }
    assert.equal(new Set(seen).size, 2);
  });

  test("both count per rule, each under its protocol", async () => {
    const rule = (name: string, protocol: string) => async () => {
      const values = ours(await routed.lab.scrape());
      return sumOf(values, "routed_requests_total", { rule: name, protocol });
    };
    for (const [name, count] of [
      ["jason", 1],
      ["blue", 1],
      ["sticky", 60 + 24],
    ] as const) {
      for (const protocol of ["dubbo", "tri"]) {
        await until(`${name} ${protocol}`, async () => (await rule(name, protocol)()) === count);
      }
    }
  });

  test("a stream is routed by its first headers", async () => {
    const metadata = { "end-user": "jason" };
    const { answers } = await peers.client.call("Download", { metadata });
    assert.deepEqual(answers, ["v2", "v2"]);
    assert.equal(peers.v2.received.at(-1)!["called-method"], "Download");
  });
});
