// Configuration replaced while Envoy runs, by a file that it watches: calls go on over an old
// connection and over new ones, and nothing is lost or counted twice.
//
// A change of the plugin's configuration replaces the listener's filter chain. Connections keep the
// old chain, and so the old plugin, until Envoy's drain time is up; then Envoy closes them.

import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../../harness/envoy_config.ts";
import { request, response } from "../../frames/frames.ts";
import { Expected, type Calls } from "../envoy_series.ts";
import { addListener, LIMIT, ours, startLab, struct, until, type Lab } from "../envoy_setup.ts";
import { pair, Upstream, type End } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };
/** The same call under the labels of the second configuration. */
const RENAMED = { method: "GetUser", version: "0.0.0" };
const FIRST = struct({ metrics: { labels: ["interface", "method"] } });
const SECOND = struct({ metrics: { labels: ["method", "version"], max_series: 7 } });
const REFUSED = struct({ metrics: { labels: ["nothing"] } });
const LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener";
// Long enough for the calls in between, on a busy machine too.
const DRAIN_SECONDS = 3;

describe("configuration replaced at run time", LIMIT, () => {
  const folder = mkdtempSync(join(tmpdir(), "lds-"));
  const file = join(folder, "lds.json");
  let lab: Lab;
  let upstream: Upstream;
  let listener: (configuration: Json) => Json;
  let version = 0;

  before(async () => {
    lab = await startLab({
      args: ["--drain-time-s", String(DRAIN_SECONDS), "--drain-strategy", "immediate"],
      change: (config, ports) => {
        const template: Json = structuredClone(config);
        listener = (configuration) => addListener(template, "lds", ports.tcp, configuration);
        config.static_resources.listeners = [];
        config.node = { id: "test", cluster: "test" };
        config.dynamic_resources = { lds_config: { path_config_source: { path: file } } };
        put(listener(FIRST));
      },
    });
    upstream = await Upstream.listen(lab.ports.user);
  });

  after(async () => {
    await lab?.stop();
    await upstream?.close();
    rmSync(folder, { recursive: true });
  });

  /** Makes these the listeners. Envoy looks when a file is moved to that name. */
  function put(...listeners: Json[]): void {
    const resources = listeners.map((one) => ({ "@type": LISTENER, ...one }));
    const whole = { version_info: String(++version), resources };
    writeFileSync(`${file}.new`, JSON.stringify(whole));
    renameSync(`${file}.new`, file);
  }

  async function reached(name: string, value: number): Promise<void> {
    const key = `envoy_listener_manager_${name}`;
    await until(`${key} is ${value}`, async () => (await lab.own(key)) === value);
  }

  /** So many calls one after the other, each answered. */
  async function call({ near, far }: { near: End; far: End }, count: number): Promise<Calls> {
    const [asked, answered] = [request({ id: 1 }), response({ id: 1 })];
    for (let made = 0; made < count; made++) {
      await near.writeInPieces(asked, asked.length, far);
      await far.writeInPieces(answered, answered.length, near);
    }
    return {
      twoway: count,
      requestBytes: count * asked.length,
      responses: { "OK success": count },
      responseBytes: count * answered.length,
    };
  }

  test("an old connection keeps its plugin, a new one has the new; both are counted", async () => {
    const old = await pair(lab.ports.tcp, upstream);
    await lab.grown(new Expected().connections(1, 1).calls(GET, await call(old, 10)));

    // Calls go on while the configuration changes.
    let replaced = false;
    const going = (async () => {
      let calls = 0;
      while (!replaced) calls += (await call(old, 1)).twoway!;
      return calls;
    })();
    put(listener(SECOND));
    await reached("listener_in_place_updated", 1);
    replaced = true;
    const { length } = request();
    const calls = await going;
    const between = {
      twoway: calls,
      requestBytes: calls * length,
      responses: { "OK success": calls },
      responseBytes: calls * response().length,
    };

    const fresh = await pair(lab.ports.tcp, upstream);
    const expected = new Expected().connections(1, 1).calls(GET, between);
    expected.calls(GET, await call(old, 20)).calls(RENAMED, await call(fresh, 30));
    // Nobody will answer this one.
    await old.near.writeInPieces(request({ id: 2 }), length, old.far);
    expected.calls(GET, { twoway: 1, active: 1, requestBytes: length });
    assert.equal(old.near.ended, false, "the drain time is too short for this machine");
    await lab.grown(expected);

    // Envoy ends the old connection; the last of its counters arrive, its gauges go back.
    await old.near.finished();
    const { near, far } = old;
    near.socket.destroy();
    far.socket.destroy();
    const ended = new Expected().closed(1).add("requests_active", GET, -1);
    await lab.grown(ended.calls(GET, { requestBytes: 0, unanswered: { local: 1 } }));
    await reached("total_filter_chains_draining", 0);
    await lab.grown(new Expected().calls(RENAMED, await call(fresh, 5)));
    fresh.near.socket.end();
    fresh.far.socket.end();
    await lab.grown(new Expected().closed(1));
    await lab.stays();
  });

  test("a refused configuration changes nothing, and the log says why", async () => {
    put(listener(REFUSED));
    await reached("lds_update_rejected", 1);
    const why = "configuration refused: $.metrics.labels[0] is";
    assert.ok(lab.envoy.process.log.includes(why), lab.envoy.process.lastLines());
    const one = await pair(lab.ports.tcp, upstream);
    const expected = new Expected().connections(1).calls(RENAMED, await call(one, 3));
    one.near.socket.end();
    one.far.socket.end();
    await lab.grown(expected);
  });

  test("counters live as long as a plugin does: without listeners they are gone", async () => {
    const last = await pair(lab.ports.tcp, upstream);
    await lab.grown(new Expected().connections(1, 1).calls(RENAMED, await call(last, 4)));
    put();
    await reached("listener_removed", 1);
    // Until the drain time is up the connection is served and counted as before.
    await lab.grown(new Expected().calls(RENAMED, await call(last, 4)));
    await last.near.finished();
    last.near.socket.destroy();
    last.far.socket.destroy();
    await until("the end of all series", async () => ours(await lab.scrape()).size === 0);
  });
});
