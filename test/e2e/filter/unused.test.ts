// Connections that end before a byte: all that is seen of calls to a provider that was killed, behind
// tcp_proxy.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startProgram } from "../../../harness/parts.ts";
import { accepts } from "../../../harness/readiness.ts";
import { request } from "../../frames/frames.ts";
import { Expected } from "../envoy_series.ts";
import { LIMIT, startLab, type Lab } from "../envoy_setup.ts";
import { dial } from "../envoy_sockets.ts";

const CALLS = 10;

describe("connections that end before a byte", LIMIT, () => {
  let lab: Lab;

  before(async () => (lab = await startLab()));
  after(async () => lab?.stop());

  test("ten calls after a provider's kill -9: ten connections, closed by Envoy, and no call", async () => {
    const args = ["--port", `${lab.ports.user}`];
    const provider = startProgram({ name: "provider", script: "user_provider.ts", args });
    await provider.waitUntil("ready", 20_000, () => accepts(lab.ports.user));
    provider.kill("SIGKILL");
    await provider.ended;
    for (let id = 1; id <= CALLS; id++) {
      const near = await dial(lab.ports.tcp);
      await near.write(request({ id })).catch(() => undefined);
      await near.finished();
      assert.equal(near.length, 0);
      near.socket.destroy();
    }
    await lab.grown(new Expected().connections(CALLS).unused("local", CALLS));
  });

  test("a client that only connects and leaves is told from that", async () => {
    const near = await dial(lab.ports.dubbo);
    await lab.grown(new Expected().connections(1, 1));
    near.socket.destroy();
    await lab.grown(new Expected().closed(1).unused("remote", 1));
  });
});
