// What envoy-local.yaml lets the module do: exactly what it needs, and Envoy holds it to that.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test, type TestContext } from "node:test";
import { readConfig, wasmFiles, wasmPlugins, type Json } from "../../../harness/envoy_config.ts";
import { request, response } from "../../frames/frames.ts";
import { Expected } from "../envoy_series.ts";
import { LIMIT, startLab, until, type Lab } from "../envoy_setup.ts";
import { pair, Upstream } from "../envoy_sockets.ts";

const GET = { interface: "com.k8s.User.UserProvider", method: "GetUser" };

describe("capability_restriction_config", LIMIT, () => {
  test("lists the module's imports and callbacks, all of them and nothing else", () => {
    const config = readConfig();
    const [file] = wasmFiles(config);
    const module = new WebAssembly.Module(readFileSync(file!));
    const imports = WebAssembly.Module.imports(module);
    assert.deepEqual(
      imports.filter(({ module, name }) => module !== "env" || !name.startsWith("proxy_")),
      [],
    );
    // Memory is not asked for by way of a capability.
    const callbacks = WebAssembly.Module.exports(module).filter(
      ({ name }) => name.startsWith("proxy_on_") && name !== "proxy_on_memory_allocate",
    );
    const needed = [...imports, ...callbacks].map(({ name }) => name).sort();
    const plugins = wasmPlugins(config);
    assert.equal(plugins.length, 10);
    for (const plugin of plugins)
      assert.deepEqual(Object.keys(capabilities(plugin)).sort(), needed);
  });

  test("with the whole list nothing is refused", async (t) => {
    const { lab, refused } = await callWithout(t);
    const calls = { twoway: 1, requestBytes: request().length };
    const answers = { responses: { "OK success": 1 }, responseBytes: response().length };
    await lab.grown(new Expected().connections(1).calls(GET, { ...calls, ...answers }));
    assert.deepEqual(refused(), []);
  });

  test("without proxy_on_downstream_data requests are not seen", async (t) => {
    const { lab, refused } = await callWithout(t, "proxy_on_downstream_data");
    await lab.grown(
      new Expected().connections(1).add("unmatched_responses_total", { direction: "upstream" }, 1),
    );
    // A callback that Envoy may not call is passed over in silence.
    assert.deepEqual(refused(), []);
  });

  test("without proxy_define_metric there are no metrics, and bytes still pass", async (t) => {
    const { lab, refused } = await callWithout(t, "proxy_define_metric");
    await until("the refusal", () => refused().length > 0);
    await lab.stays();
  });
});

/** Envoy after one call through dubbo_tcp, with one capability less. */
async function callWithout(
  t: TestContext,
  capability?: string,
): Promise<{ lab: Lab; refused: () => string[] }> {
  const lab = await startLab({
    change: (config) => {
      for (const plugin of wasmPlugins(config)) {
        if (capability === undefined) continue;
        assert.ok(capability in capabilities(plugin));
        delete capabilities(plugin)[capability];
      }
    },
  });
  t.after(() => lab.stop());
  const upstream = await Upstream.listen(lab.ports.user);
  t.after(() => upstream.close());
  const { near, far } = await pair(lab.ports.tcp, upstream);
  await near.writeInPieces(request(), request().length, far);
  await far.writeInPieces(response(), response().length, near);
  near.socket.end();
  far.socket.end();
  await near.finished();
  const words = `call to restricted proxy-wasm capability: ${capability ?? ""}`;
  const refused = () => lab.envoy.process.log.split("\n").filter((line) => line.includes(words));
  return { lab, refused };
}

function capabilities(plugin: Json): Json {
  return plugin.capability_restriction_config.allowed_capabilities;
}
