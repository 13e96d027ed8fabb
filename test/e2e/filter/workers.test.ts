// Two workers, each with a VM of its own, and a provider of the demo behind dubbo_tcp: sums over both
// are exact, max_series holds for both together, and no call writes to Envoy's log.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { USERS } from "../../../demo/record.ts";
import { freePort } from "../../../harness/ports.ts";
import type { Request } from "../../frames/frames.ts";
import { bytesOf, Caller, times } from "../envoy_caller.ts";
import { Expected, sumOf } from "../envoy_series.ts";
import { addListener, LIMIT, startLab, struct, until, type Lab } from "../envoy_setup.ts";

// The kernel deals connections out by chance: that one worker gets all 24 happens once in 8 million.
const CONNECTIONS = 24;
const CALLS = 50;
const MOST = 20;
const GET = { interface: USERS.interface, method: "GetUser" };
const SET = { interface: USERS.interface, method: "SetUser" };

describe("two workers", LIMIT, () => {
  let lab: Lab;
  let server: DubboServer;
  let few: number;

  before(async () => {
    few = await freePort();
    lab = await startLab({
      concurrency: 2,
      // What a module writes, from this level on, is shown as "wasm log".
      componentLogLevel: "wasm:debug",
      change: (config) => {
        addListener(config, "few", few, struct({ metrics: { max_series: MOST } }));
      },
    });
    server = new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1")));
    await server.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await server?.close();
  });

  async function dialAll(port: number): Promise<Caller[]> {
    return Promise.all(times(CONNECTIONS, port).map((each) => Caller.dial(each)));
  }

  test("calls over many connections add up", async () => {
    const callers = await dialAll(lab.ports.tcp);
    await lab.grown(new Expected().connections(CONNECTIONS, CONNECTIONS));
    const get: Request = { ...USERS.get, path: USERS.interface };
    const set: Request = { ...get, method: "SetUser", args: [{ id: "7", name: "seven" }] };
    const both = times(CALLS, [get, set]).flat();
    const asked = (await Promise.all(callers.map((caller) => caller.ask(both)))).flat();
    const responses = { "OK success": CONNECTIONS * CALLS };
    const twoway = CONNECTIONS * CALLS;
    const every = (first: number) => bytesOf(asked.filter((_, index) => index % 2 === first));
    const { values } = await lab.grown(
      new Expected()
        .calls(GET, { twoway, responses, ...every(0) })
        .calls(SET, { twoway, responses, ...every(1) }),
    );
    const accepted = [0, 1].map((worker) => {
      const address = `127.0.0.1_${lab.ports.tcp}`;
      const labels = `envoy_listener_address="${address}",envoy_worker_id="${worker}"`;
      return values.get(`envoy_listener_worker_downstream_cx_total{${labels}}`) ?? 0;
    });
    assert.equal(accepted[0]! + accepted[1]!, CONNECTIONS);
    assert.ok(accepted[0]! > 0 && accepted[1]! > 0, `by worker: ${accepted}`);
    for (const caller of callers) caller.close();
    await lab.grown(new Expected().closed(CONNECTIONS));
    await lab.stays();
  });

  test("none of 2,400 calls was logged", () => {
    assert.equal(server.counts.twoway, 2 * CONNECTIONS * CALLS);
    // The level works: Envoy's own lines are there.
    assert.match(lab.envoy.process.log, /\[debug\]\[wasm\]/);
    const lines = lab.envoy.process.log.split("\n");
    assert.deepEqual(
      lines.filter((line) => line.includes("wasm log")),
      [],
    );
  });

  test("max_series holds for both workers together", async () => {
    const before = await lab.scrape();
    const callers = await dialAll(few);
    const names = times(CONNECTIONS, 0).map((_, caller) =>
      times(10, 0).map((_, index) => ({ path: `flood.From${caller}.Interface${index}` })),
    );
    await Promise.all(callers.map((caller, index) => caller.ask(names[index]!)));
    for (const caller of callers) caller.close();
    const total = CONNECTIONS * 10;
    let values = before.values;
    await until("all of them", async () => {
      ({ values } = await lab.scrape());
      const grown = (metric: string) => sumOf(values, metric) - sumOf(before.values, metric);
      return grown("responses_total") === total && grown("connections_total") === CONNECTIONS;
    });
    const shown = names
      .flat()
      .filter(({ path }) => sumOf(values, "requests_total", { interface: path }) > 0);
    assert.equal(shown.length, MOST);
    const others = sumOf(values, "requests_total", { interface: "_OTHER" });
    assert.equal(others, total - MOST);
  });
});
