// What the demo and the tests share for ports, processes, configurations and times.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import * as configs from "../../../harness/envoy_config.ts";
import { freePorts, portInUse } from "../../../harness/ports.ts";
import { startProcess } from "../../../harness/processes.ts";
import { accepts } from "../../../harness/readiness.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { localTime } from "../../../demo/record.ts";
import { eventually, LIMIT } from "./peers.ts";

describe("ports and processes", LIMIT, () => {
  const node = process.execPath;

  test("ports in use are told from free ones", async () => {
    const ports = await freePorts(5);
    assert.equal(new Set(ports).size, 5);
    const server = new DubboServer({});
    await server.listen(ports[0]);
    assert.equal(await portInUse(ports[0]), true);
    assert.equal(await accepts(ports[0]), true);
    await server.close();
    assert.equal(await portInUse(ports[0]), false);
    assert.equal(await accepts(ports[0]), false);
  });

  test("output is kept, and an early end is told with it", async () => {
    const args = ["-e", "console.log('one'); console.error('two'); process.exit(3)"];
    const child = startProcess({ name: "short", command: node, args });
    const ready = child.waitUntil("ready", 5000, () => false);
    await assert.rejects(ready, /short ended \(exit code 3\) before ready.*\none\ntwo/s);
    assert.equal(await child.stop(), "exit code 3");
  });

  test("a command that does not exist ends at once", async () => {
    const child = startProcess({ name: "none", command: "/nonexistent/command" });
    assert.match(await child.ended, /ENOENT/);
    assert.match(await child.stop(), /ENOENT/);
  });

  test("a child that minds no SIGTERM is killed, with its own children", async () => {
    const script = `
      process.on("SIGTERM", () => {});
      const { pid } = require("node:child_process").spawn("sleep", ["60"], { stdio: "inherit" });
      console.log("child " + pid);
      setInterval(() => {}, 1000);`;
    const child = startProcess({ name: "stubborn", command: node, args: ["-e", script] });
    after(() => child.stop());
    await child.waitUntil("ready", 3000, () => /child \d+\n/.test(child.log));
    const pid = Number(/child (\d+)/.exec(child.log)?.[1]);
    assert.equal(await child.stop(200), "SIGKILL");
    await eventually("the grandchild's end", () => !alive(pid));
  });

  for (const how of ["process.exit(4)", "throw new Error('x')", "process.kill(process.pid)"]) {
    test(`children end with their parent: ${how}`, async () => {
      const module = fromRoot("harness/processes.ts");
      const script = `
        import { startProcess } from ${JSON.stringify(module)};
        const child = startProcess({ name: "sleep", command: "sleep", args: ["60"] });
        console.log("child " + child.pid + ".");
        setTimeout(() => { ${how} }, 50);`;
      const args = ["--import", "tsx", "--input-type=module", "-e", script];
      const parent = startProcess({ name: "parent", command: node, args, cwd: fromRoot() });
      await parent.ended;
      const pid = Number(/child (\d+)\./.exec(parent.log)?.[1]);
      assert.ok(pid > 0, parent.log);
      await eventually("the child's end", () => !alive(pid));
    });
  }
});

const CONFIG = `
plugin: &plugin
  vm_config: { code: { local: { filename: build/dubbo.wasm } } }
static_resources:
  listeners:
    - name: dubbo
      address: { socket_address: { address: 127.0.0.1, port_value: 20880 } }
      filter_chains: [{ filters: [{ typed_config: { config: *plugin } }] }]
    - name: dubbo_tcp
      address: { socket_address: { address: 127.0.0.1, port_value: 20881 } }
  clusters:
    - name: user-provider
      load_assignment:
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 20000 } } }
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 19000 } } }
`;

describe("configurations", LIMIT, () => {
  const folder = mkdtempSync(join(tmpdir(), "config-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "envoy.yaml");
  writeFileSync(file, CONFIG);

  test("a copy has other ports, another module and a plugin configuration", () => {
    const changes = { listeners: { dubbo: 1 }, clusters: { "user-provider": 2 }, admin: 3 };
    const wasm = "/tmp/other.wasm";
    const config = configs.localConfig({ ...changes, wasm, pluginConfig: { a: 1 } }, file);
    assert.deepEqual(configs.listenerEndpoints(config), [
      { name: "dubbo", host: "127.0.0.1", port: 1 },
      { name: "dubbo_tcp", host: "127.0.0.1", port: 20881 },
    ]);
    assert.equal(configs.clusterEndpoint(config, "user-provider").port, 2);
    assert.equal(configs.adminEndpoint(config).port, 3);
    assert.deepEqual(configs.wasmFiles(config), [wasm]);
    const values = configs.wasmPlugins(config).map((plugin) => plugin.configuration.value);
    assert.deepEqual(values, ['{"a":1}', '{"a":1}']);
  });

  test("without changes it is the file", () => {
    const config = configs.localConfig({}, file);
    assert.deepEqual(config, configs.readConfig(file));
    assert.deepEqual(configs.wasmFiles(config), [fromRoot("build/dubbo.wasm")]);
  });

  test("a name that is not in the file is an error", () => {
    assert.throws(() => configs.localConfig({ listeners: { nope: 1 } }, file), {
      message: "no listener nope, only dubbo, dubbo_tcp",
    });
    assert.throws(() => configs.localConfig({ clusters: { nope: 1 } }, file), /no cluster nope/);
  });
});

test("a moment is written with its offset", () => {
  const text = localTime(new Date(1587882532224));
  assert.match(text, /^2020-04-2\dT\d\d:\d\d:52\.224[+-]\d\d:\d\d$/);
  assert.equal(Date.parse(text), 1587882532224);
});

function alive(pid: number): boolean {
  try {
    // A zombie that nobody reaps is dead enough.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
