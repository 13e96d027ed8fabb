// A request that takes Envoy down by itself, and does not where the filter stands in front of dubbo_proxy
// with protected keys: what the filter cannot read does not go on.
//
// Envoy's Hessian decoder makes room for all fields that a class definition announces, 2^31-1 here, and
// aborts the process. It decodes a request's values where a route asks for `headers`. Seen without our
// filter, too, on Envoy 1.36.4, 1.39.3 and 1.40.0; found by the mutations of test/fuzz.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { DubboServer } from "../../../demo/dubbo/server.ts";
import { listenersOf, named, wasmPlugins } from "../../../harness/envoy_config.ts";
import { concat, hex, request } from "../../frames/frames.ts";
import { hessianMap, hessianString } from "../../frames/hessian2.ts";
import { Caller } from "../envoy_caller.ts";
import { sumOf } from "../envoy_series.ts";
import { LIMIT, startLab, struct, until, type Lab } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";
import { echoProvider } from "./callers.ts";

/** `C` name count(2^31-1), and no more. */
const CLASS = concat([hex("43"), hessianString("a"), hex("497fffffff")]);
const OBJECT = "Ljava/lang/Object;";

const REQUESTS: Record<string, Uint8Array> = {
  "among the attachments": request({ attachments: { k: CLASS } }),
  "as an argument": request({ desc: OBJECT, args: [CLASS] }),
  "within an argument": request({ desc: OBJECT, args: [hessianMap({ k: CLASS })] }),
};

describe(
  "a class of 2,147,483,647 fields, in front of dubbo_proxy with protected keys",
  LIMIT,
  () => {
    let lab: Lab;
    let provider: DubboServer;

    before(async () => {
      lab = await startLab({
        change: (config) => {
          const [plugin] = wasmPlugins(named(listenersOf(config), "dubbo", "listener"));
          plugin!.configuration = struct({ routing: { protected: ["dubbo-route"] } });
        },
      });
      provider = echoProvider();
      await provider.listen(lab.ports.user);
    });

    after(async () => {
      await lab?.stop();
      await provider?.close();
    });

    for (const [i, [where, bytes]] of Object.entries(REQUESTS).entries()) {
      test(`${where}: the call is refused, and others go on`, async () => {
        const end = await dial(lab.ports.dubbo);
        await end.write(bytes);
        await until("the refusal", () => end.length > 0);
        assert.match(end.received.toString("latin1"), /refused because it cannot be read/);
        end.socket.destroy();
        const caller = await Caller.dial(lab.ports.dubbo);
        await caller.ask([{}]);
        caller.close();
        const refused = { policy: "default", reason: "unreadable" };
        await until("it is counted", async () => {
          const { values } = await lab.scrape();
          return sumOf(values, "refused_requests_total", refused) === i + 1;
        });
      });
    }
  },
);
