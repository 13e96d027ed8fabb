// The commands of docs/policies.md, as a reader types them: the demo's gateway, the committed
// envoy-local.yaml, and curl.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { DubboClient } from "../../../demo/dubbo/client.ts";
import { DubboServer } from "../../../demo/dubbo/server.ts";
import { gateway } from "../../../demo/gateway.ts";
import { podFromEnvironment } from "../../../demo/pod.ts";
import { recordHandlers } from "../../../demo/provider.ts";
import { USERS } from "../../../demo/record.ts";
import { freePorts } from "../../../harness/ports.ts";
import { fromRoot } from "../../../harness/repository.ts";
import { LIMIT, startLab, type Lab } from "../envoy_setup.ts";
import { asCommitted } from "../routing/setup.ts";

const COMMAND = /^(\S.*?) +# (.+)$/gm;
const section = /\n## Try it\n([\s\S]*?)\n## /.exec(
  readFileSync(fromRoot("docs/policies.md"), "utf8"),
)![1]!;
const commands = [...section.matchAll(COMMAND)].map(([, command, expected]) => ({
  command: command!,
  expected: expected!,
}));

describe("docs/policies.md: try it", LIMIT, () => {
  let lab: Lab;
  let client: DubboClient;
  let http: Server;
  let httpPort: number;
  const servers: DubboServer[] = [];

  before(async () => {
    const ports = (await freePorts(3)) as [number, number, number];
    httpPort = ports[2];
    lab = await startLab({
      componentLogLevel: "dubbo:critical",
      change: (config) => asCommitted(config, ports[0], ports[1]),
    });
    for (const port of [lab.ports.user, ports[1]]) {
      servers.push(new DubboServer(recordHandlers(USERS, podFromEnvironment("user", "v1"))));
      await servers.at(-1)!.listen(port);
    }
    client = new DubboClient({ port: lab.ports.dubbo, application: "consumer" });
    http = createServer(gateway(client, podFromEnvironment("consumer", "v1"), "v1"));
    http.listen(httpPort, "127.0.0.1");
    await once(http, "listening");
  });

  after(async () => {
    http?.close();
    http?.closeAllConnections();
    client?.close();
    await lab?.stop();
    for (const server of servers) await server.close();
  });

  test("each command says what stands behind it", async () => {
    assert.equal(commands.length, 6);
    for (const { command, expected } of commands) {
      const here = command
        .replaceAll("localhost:8090", `127.0.0.1:${httpPort}`)
        .replaceAll("localhost:19000", `127.0.0.1:${lab.ports.admin}`);
      const { stdout } = await promisify(execFile)("sh", ["-c", here]);
      assert.ok(stdout.includes(expected), `${command}\n${stdout}`);
      if (expected === '"success":true') assert.doesNotMatch(stdout, /"success":false/, command);
    }
  });
});
