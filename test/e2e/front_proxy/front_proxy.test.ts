// The front proxy of demo/front_proxy in both ways, with real Envoys: the copies in turn, WebSockets,
// which HTTP is spoken between whom, and a copy that goes and comes back under load.

import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import {
  startEcho,
  startFront,
  startSidecar,
  type Ports,
} from "../../../demo/front_proxy/topology.ts";
import type { EnvoyProcess } from "../../../harness/envoy_process.ts";
import { freePorts } from "../../../harness/ports.ts";
import type { ManagedProcess } from "../../../harness/processes.ts";
import { answers } from "../../../harness/readiness.ts";
import { startLoad } from "../call_load.ts";
import { faultsByPort, stat } from "../envoy_upstreams.ts";

const LIMIT = { timeout: 300_000 };
const READY_MS = 30_000;
const LOAD_MS = 200_000;
const CALLERS = 8;
const REQUESTS = 5000;

for (const sidecars of [false, true]) {
  describe(sidecars ? "front proxy with sidecars" : "front proxy alone", LIMIT, () => {
    let ports: Ports;
    let front: EnvoyProcess;
    let url: string;
    const besides: EnvoyProcess[] = [];
    const copies: ManagedProcess[] = [];

    before(async () => {
      const [a, b, c, d, e, f, g, h] = (await freePorts(8)) as number[] & { length: 8 };
      ports = {
        front: a!,
        admin: b!,
        echoes: [c!, d!],
        sidecars: [e!, f!],
        sidecarAdmins: [g!, h!],
      };
      url = `http://127.0.0.1:${ports.front}`;
      for (const copy of [0, 1]) {
        await startCopy(copy);
        if (sidecars) besides.push(await startSidecar(ports, copy));
      }
      front = await startFront(ports, sidecars);
      for (const copy of [0, 1]) await isBack(copy);
    }, LIMIT);

    after(async () => {
      await front?.stop();
      for (const sidecar of besides) await sidecar.stop();
      await Promise.all(copies.map((copy) => copy.stop()));
    });

    async function startCopy(copy: number): Promise<void> {
      const echo = startEcho(ports, copy);
      copies[copy] = echo;
      const ready = () => answers(`http://127.0.0.1:${ports.echoes[copy]}/ready`);
      await echo.waitUntil("ready", READY_MS, ready);
    }

    // What the front Envoy finds wrong with a copy: with its sidecar, where there is one.
    async function faults(copy: number): Promise<string[] | undefined> {
      const port = (sidecars ? ports.sidecars : ports.echoes)[copy]!;
      return (await faultsByPort(front, "echo")).get(port);
    }

    async function isBack(copy: number): Promise<void> {
      const healthy = async () => (await faults(copy))?.length === 0;
      await front.process.waitUntil(`sure of echo-${copy + 1}`, READY_MS, healthy);
    }

    // An open WebSocket, and the copy that it is with.
    async function webSocket(path = "/ws"): Promise<{ socket: WebSocket; pod: unknown }> {
      const socket = new WebSocket(`ws://127.0.0.1:${ports.front}${path}`);
      const [[response]] = await Promise.all([once(socket, "upgrade"), once(socket, "open")]);
      return { socket, pod: response.headers["x-pod-name"] };
    }

    async function messageBack(socket: WebSocket, sent: string | Buffer) {
      const back = once(socket, "message");
      socket.send(sent);
      const [data, binary] = (await back) as [Buffer, boolean];
      return { data, binary };
    }

    async function close(socket: WebSocket): Promise<void> {
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = once(socket, "close");
      socket.close();
      await closed;
    }

    // One request in ten writes, for which only those retries are allowed that repeat nothing.
    async function request(number: number): Promise<string> {
      const body = number % 10 === 0 ? JSON.stringify({ number }) : undefined;
      const response = body
        ? await fetch(`${url}/echo`, { method: "POST", body })
        : await fetch(`${url}/load/${number}`);
      const text = await response.text();
      assert.equal(response.status, 200, `${body ? "POST" : "GET"}: ${response.status} ${text}`);
      if (body) assert.equal(text.trim(), body);
      return response.headers.get("x-pod-name") ?? "nobody";
    }

    test("GET gives the request's headers, POST /echo its body", async () => {
      const got = await fetch(`${url}/any/path`, { headers: { "x-mine": "1" } });
      const headers = (await got.json()) as Record<string, string>;
      assert.deepEqual([got.status, headers["x-mine"]], [200, "1"]);
      assert.match(headers["x-request-id"]!, /^[0-9a-f-]{36}$/);

      const post = (body: string) => fetch(`${url}/echo`, { method: "POST", body });
      const body = { text: "中😀", list: [1, null, { deep: true }] };
      assert.deepEqual(await (await post(JSON.stringify(body))).json(), body);
      assert.equal((await post("{")).status, 400);
      assert.equal((await post(JSON.stringify("x".repeat(1024 * 1024)))).status, 413);
      assert.equal((await fetch(url, { method: "DELETE" })).status, 404);
    });

    test("the copies answer in turn", async () => {
      const pods: string[] = [];
      for (let number = 0; number < 20; number++) pods.push(await request(number));
      const [first, second] = pods[0] === "echo-1" ? ["echo-1", "echo-2"] : ["echo-2", "echo-1"];
      assert.deepEqual(
        pods,
        pods.map((_, index) => (index % 2 === 0 ? first : second)),
      );
    });

    test("a WebSocket's messages come back, through every Envoy on the way", async () => {
      const sockets = [await webSocket(), await webSocket()];
      assert.deepEqual(sockets.map(({ pod }) => pod).sort(), ["echo-1", "echo-2"]);
      for (const { socket } of sockets) {
        const text = await messageBack(socket, "中😀");
        assert.deepEqual([text.data.toString(), text.binary], ["中😀", false]);
        const bytes = Buffer.alloc(200_000, "binary");
        const binary = await messageBack(socket, bytes);
        assert.ok(binary.binary && binary.data.equals(bytes));
      }
      assert.equal(await stat(front, "http.front.downstream_cx_upgrades_active"), 2);
      for (const sidecar of besides) {
        assert.equal(await stat(sidecar, "http.sidecar.downstream_cx_upgrades_active"), 1);
      }
      for (const { socket } of sockets) await close(socket);
      const none = async () =>
        (await stat(front, "http.front.downstream_cx_upgrades_active")) === 0;
      await front.process.waitUntil("without WebSockets", READY_MS, none);
    });

    test("no other path becomes a WebSocket", async () => {
      await assert.rejects(webSocket("/other"), /Unexpected server response: 403/);
    });

    // After the WebSockets above: they went over these connections too.
    test(`${sidecars ? "HTTP/2" : "HTTP/1.1"} from the front, HTTP/1.1 at both ends`, async () => {
      const [http1, http2] = await Promise.all([
        stat(front, "cluster.echo.upstream_cx_http1_total"),
        stat(front, "cluster.echo.upstream_cx_http2_total"),
      ]);
      if (sidecars) assert.ok(http1 === 0 && http2 >= 2, `${http1} and ${http2}`);
      else assert.ok(http1 >= 2 && http2 === 0, `${http1} and ${http2}`);
      assert.equal(await stat(front, "http.front.downstream_cx_http2_total"), 0);
      for (const sidecar of besides) {
        assert.equal(await stat(sidecar, "http.sidecar.downstream_cx_http1_total"), 0);
        assert.ok((await stat(sidecar, "http.sidecar.downstream_cx_http2_total")) >= 1);
        assert.ok((await stat(sidecar, "cluster.echo.upstream_cx_http1_total")) >= 1);
        assert.equal(await stat(sidecar, "cluster.echo.upstream_cx_http2_total"), 0);
      }
    });

    test(`${REQUESTS} requests while a copy restarts: none fails`, async (t) => {
      const sockets = [await webSocket(), await webSocket()];
      const { socket } = sockets.find(({ pod }) => pod === "echo-1")!;
      const ended = once(socket, "close");

      const load = startLoad(t, { callers: CALLERS, call: request });
      await load.more(REQUESTS / 5, LOAD_MS);
      copies[0]!.kill("SIGTERM");
      assert.equal(await copies[0]!.ended, "exit code 0");
      assert.equal((await ended)[0], 1001);
      await load.answeredBy(["echo-2"], REQUESTS / 5, LOAD_MS);

      await startCopy(0);
      await isBack(0);
      await load.answeredBy(["echo-1", "echo-2"], REQUESTS / 5, LOAD_MS);
      await load.more(Math.max(0, REQUESTS - load.answers.length), LOAD_MS);
      await load.stop();
      for (const one of sockets) await close(one.socket);
    });

    test("a copy that is killed costs no GET", async (t) => {
      const load = startLoad(t, { callers: CALLERS, call: (number) => request(10 * number + 1) });
      await load.more(REQUESTS / 10, LOAD_MS);
      copies[1]!.kill("SIGKILL");
      await copies[1]!.ended;
      await load.more(REQUESTS / 10, LOAD_MS);
      await startCopy(1);
      await isBack(1);
      await load.more(REQUESTS / 10, LOAD_MS);
      await load.stop();
    });
  });
}
