// The docker-compose files of demo/front_proxy, read as docker compose reads them (there is none here):
// what they mount is what the local runner starts, and Envoy's addresses are those of their services.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { clusterFile } from "../../../demo/front_proxy/topology.ts";
import {
  adminEndpoint,
  clusterEndpoint,
  clusterEndpoints,
  listenerEndpoints,
  named,
  readConfig,
  type Json,
} from "../../../harness/envoy_config.ts";
import { ENVOY_VERSION } from "../../../harness/envoy_binary.ts";
import { fromRoot } from "../../../harness/repository.ts";

const FOLDER = "demo/front_proxy";
const read = (file: string): Json => readConfig(fromRoot(FOLDER, file));
const base = read("docker-compose.yaml");
const more = read("docker-compose.sidecars.yaml");

/** What is mounted in a service, by the path inside: later files win. */
function mounts(service: string, files: Json[]): Map<string, string> {
  const all: string[] = files.flatMap((file) => file.services[service]?.volumes ?? []);
  return new Map(all.map((one) => one.split(":")).map(([from, to]) => [to!, from!]));
}

for (const [name, files] of [
  ["alone", [base]],
  ["with sidecars", [base, more]],
] as const) {
  describe(`docker compose, the front proxy ${name}`, () => {
    const sidecars = files.length > 1;

    test("the front Envoy has its files, its ports and the version of the tests", () => {
      const { image, ports } = base.services.front;
      assert.equal(image, `envoyproxy/envoy:v${ENVOY_VERSION}`);
      assert.deepEqual(ports, ["9000:80", "127.0.0.1:8001:8001"]);
      const front = read("front.yaml");
      assert.deepEqual(listenerEndpoints(front), [{ name: "front", host: "0.0.0.0", port: 80 }]);
      assert.deepEqual(adminEndpoint(front), { name: "admin", host: "0.0.0.0", port: 8001 });

      const { path } = front.dynamic_resources.cds_config.path_config_source;
      assert.deepEqual(
        mounts("front", [...files]),
        new Map([
          ["/etc/envoy/envoy.yaml", "./front.yaml"],
          [path, `./${clusterFile(sidecars)}`],
        ]),
      );
    });

    test("its cluster is the services, on the ports where they listen", () => {
      const cluster: Json = named(read(clusterFile(sidecars)).resources, "echo", "cluster");
      const port = sidecars ? listenerEndpoints(read("sidecar.yaml"))[0]!.port : echoPort();
      const services = sidecars ? ["sidecar-1", "sidecar-2"] : ["echo-1", "echo-2"];
      const expected = services.map((host) => ({ name: "echo", host, port }));
      assert.deepEqual(clusterEndpoints(cluster), expected);
      for (const service of services) {
        assert.ok(
          files.some((file) => service in file.services),
          `there is no ${service}`,
        );
      }
    });

    test("every copy is echo, from the demo's image", () => {
      for (const copy of ["echo-1", "echo-2"]) {
        const { build, command, environment } = base.services[copy];
        assert.ok(existsSync(fromRoot(FOLDER, build.context, build.dockerfile)));
        assert.ok(existsSync(fromRoot(FOLDER, build.context, command[0])));
        assert.equal(environment.POD_NAME, copy);
        assert.equal(environment.PORT, String(echoPort()));
      }
    });
  });
}

test("a copy lives in the network of its sidecar, and only there", () => {
  for (const number of [1, 2]) {
    const { network_mode, environment } = more.services[`echo-${number}`];
    assert.equal(network_mode, `service:sidecar-${number}`);
    const { host, port } = clusterEndpoint(read("sidecar.yaml"), "echo");
    assert.deepEqual([environment.HOST, echoPort()], [host, port]);
    const { image } = more.services[`sidecar-${number}`];
    assert.equal(image, base.services.front.image);
    const own = mounts(`sidecar-${number}`, [more]);
    assert.deepEqual(own, new Map([["/etc/envoy/envoy.yaml", "./sidecar.yaml"]]));
  }
});

function echoPort(): number {
  return Number(base.services["echo-1"].environment.PORT);
}
