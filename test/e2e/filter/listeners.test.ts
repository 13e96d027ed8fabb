// Several listeners with plugin configurations of their own, all in the one VM of `vm_id`: each
// counts under its labels, side and unit, and none sees the others.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { listenersOf, wasmPlugins, type Json } from "../../../harness/envoy_config.ts";
import { freePorts } from "../../../harness/ports.ts";
import { request, response, type Request } from "../../frames/frames.ts";
import { Expected, type Calls } from "../envoy_series.ts";
import { addListener, envoySince, LIMIT, startLab, struct, text } from "../envoy_setup.ts";
import type { Lab } from "../envoy_setup.ts";
import { pair, Upstream } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
/** A request with everything that can be a label. */
const FULL: Request = { version: "1.2.3", extraAttachments: { group: "blue" } };
const ALL = { ...GET, version: "1.2.3", group: "blue" };
const COMMITTED = struct({ side: "auto", metrics: { labels: ["interface", "method"] } });
const CONFIGURATION = {
  side: "provider",
  metrics: { labels: ["interface", "method", "version", "group"], duration_unit: "microseconds" },
};

/** Listeners by name: direction, and configuration as Envoy has it, undefined for no field. */
const LISTENERS: Record<string, { direction?: string; configuration?: Json }> = {
  // The committed configuration under other directions.
  inbound: { direction: "INBOUND", configuration: COMMITTED },
  outbound: { direction: "OUTBOUND", configuration: COMMITTED },
  unspecified: { configuration: COMMITTED },
  empty: { direction: "INBOUND" },
  empty_struct: { direction: "INBOUND", configuration: struct({}) },
  struct: { direction: "OUTBOUND", configuration: struct(CONFIGURATION) },
  string: { direction: "OUTBOUND", configuration: text(CONFIGURATION) },
  method_only: {
    direction: "INBOUND",
    configuration: struct({
      side: "consumer",
      metrics: { labels: ["method"], interfaces: ["not.This"] },
    }),
  },
};

describe("several plugins in one VM", LIMIT, () => {
  let lab: Lab;
  let upstream: Upstream;
  const ports = new Map<string, number>();

  before(async () => {
    const free = await freePorts(Object.keys(LISTENERS).length);
    lab = await startLab({
      change: (config) => {
        Object.entries(LISTENERS).forEach(([name, { direction, configuration }], index) => {
          ports.set(name, free[index]!);
          const listener = addListener(config, name, free[index]!, configuration);
          // Envoy 1.40 and newer makes one of plugins that are alike in all but the direction.
          for (const plugin of wasmPlugins(listener)) plugin.name = name;
          delete listener.traffic_direction;
          if (direction !== undefined) listener.traffic_direction = direction;
        });
      },
    });
    upstream = await Upstream.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await upstream?.close();
  });

  /** Two calls through the listener; what of them is known without names. */
  async function callThrough(name: string, call: Request): Promise<Calls> {
    const { near, far } = await pair(ports.get(name)!, upstream);
    for (const id of [1, 2]) {
      const [asked, answered] = [request({ ...call, id }), response({ id })];
      await near.writeInPieces(asked, asked.length, far);
      await far.writeInPieces(answered, answered.length, near);
    }
    near.socket.end();
    far.socket.end();
    return {
      twoway: 2,
      requestBytes: far.length,
      responses: { "OK success": 2 },
      responseBytes: near.length,
    };
  }

  test("they all are in one VM per thread", async () => {
    // The one that Envoy loads first and copies, the main thread's and the worker's; and as many for the
    // guard, which has a VM of its own.
    assert.equal(await lab.own("envoy_wasm_envoy_wasm_runtime_v8_active"), 6);
  });

  test("side: auto is the provider on an inbound listener", async () => {
    const calls = await callThrough("inbound", FULL);
    await lab.grown(new Expected("provider").connections(1).calls(GET, calls));
  });

  test("… the consumer on an outbound one with the same configuration", async () => {
    const calls = await callThrough("outbound", FULL);
    await lab.grown(new Expected("consumer").connections(1).calls(GET, calls));
  });

  test("… and on one that says no direction", async () => {
    const calls = await callThrough("unspecified", FULL);
    await lab.grown(new Expected("consumer").connections(1).calls(GET, calls));
  });

  for (const name of ["empty", "empty_struct"]) {
    test(`no configuration means all defaults (${name})`, async () => {
      const calls = await callThrough(name, FULL);
      await lab.grown(new Expected("provider").connections(1).calls(GET, calls));
    });
  }

  for (const name of ["struct", "string"]) {
    test(`all four labels, microseconds and a fixed side, written as a ${name}`, async () => {
      const calls = await callThrough(name, FULL);
      await lab.grown(new Expected("provider", "microseconds").connections(1).calls(ALL, calls));
    });
  }

  test("with labels from the attachments the interface is the one that they name", async () => {
    const calls = await callThrough("struct", { ...FULL, path: "alias", attachments: ALL });
    const plain = await callThrough("struct", { version: null });
    await lab.grown(
      new Expected("provider", "microseconds")
        .connections(2)
        .calls(ALL, calls)
        .calls({ ...GET, version: "0.0.0" }, plain),
    );
  });

  test("one label alone; interfaces outside the allow-list are others", async () => {
    const other = await callThrough("method_only", FULL);
    const allowed = await callThrough("method_only", { path: "not.This", method: "Set" });
    await lab.grown(
      new Expected("consumer")
        .connections(2)
        .calls({ method: "_OTHER" }, other)
        .calls({ method: "Set" }, allowed),
    );
    await lab.stays();
  });
});

describe("plugins that differ in nothing but their listeners' direction", () => {
  test("Envoy 1.40 makes one of them, older ones two", LIMIT, async (t) => {
    const [inbound, outbound] = await freePorts(2);
    const lab = await startLab({
      change: (config) => {
        const made = [inbound!, outbound!].map((port) =>
          addListener(config, `alike-${port}`, port, COMMITTED),
        );
        made[0]!.traffic_direction = "INBOUND";
        // No third one like them.
        config.static_resources.listeners = listenersOf(config).filter(
          ({ name }) => name !== "dubbo" && name !== "dubbo_tcp",
        );
      },
    });
    t.after(() => lab.stop());
    const upstream = await Upstream.listen(lab.ports.user);
    t.after(() => upstream.close());
    for (const port of [inbound!, outbound!]) {
      const { near, far } = await pair(port, upstream);
      near.socket.end();
      await far.finished();
      far.socket.end();
    }
    const ended = (side: "consumer" | "provider", count: number) =>
      new Expected(side).connections(count).unused("remote", count);
    const both = envoySince("1.40")
      ? ended("provider", 2)
      : ended("provider", 1).and(ended("consumer", 1));
    await lab.grown(both);
  });
});
