// Triple and gRPC through real Envoy: every kind of call and every ending, with exact series.

import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { after, before, describe, test } from "node:test";
import { status as Status } from "@grpc/grpc-js";
import { LIMIT, ours, startLab, until, type Lab } from "../envoy_setup.ts";
import { Expected, sumOf } from "../envoy_series.ts";
import { STREAMS, StreamClient } from "./peers.ts";
import { tripleCalls, triplePeers, type TriplePeers } from "./setup.ts";

/** Bytes of a message before its own. */
const PREFIX = 5;
const ONE = { requestBytes: PREFIX + 1 };
const V1 = PREFIX + 2;

describe("the HTTP filter", LIMIT, () => {
  let peers: TriplePeers;
  let lab: Lab;
  let client: StreamClient;

  before(async () => {
    peers = await triplePeers({ side: "consumer" });
    client = peers.client;
    lab = await startLab({ change: peers.change });
  });

  after(async () => {
    peers?.close();
    await lab?.stop();
  });

  const all = (...expected: Expected[]): Expected =>
    expected.reduce((sum, one) => sum.and(one), new Expected());

  test("counts a unary call, of gRPC and with tri-… of Triple", async () => {
    const metadata = { "tri-consumer-appname": "test" };
    assert.deepEqual(await client.call("Unary"), { code: Status.OK, answers: ["v1"] });
    await client.call("Unary", { metadata });
    const calls = { method: "Unary", call: "unary", ...ONE };
    const answers = { responses: { "OK success": 1 }, responseBytes: V1 };
    await lab.grown(
      all(
        tripleCalls({ ...calls, ...answers }),
        tripleCalls({ ...calls, ...answers, protocol: "tri" }),
      ),
    );
  });

  test("tells streams from unary calls", async () => {
    const send = ["abc", "", "x".repeat(100_000)];
    assert.equal((await client.call("Upload", { send })).code, Status.OK);
    assert.deepEqual((await client.call("Download")).answers, ["v1", "v1"]);
    assert.deepEqual((await client.call("Chat", { send })).answers, send);
    const bytes = send.reduce((sum, text) => sum + PREFIX + text.length, 0);
    const responses = { "OK success": 1 };
    await lab.grown(
      all(
        tripleCalls({
          ...{ method: "Upload", call: "client_stream", responses },
          ...{ requestBytes: bytes, responseBytes: V1 },
        }),
        tripleCalls({
          ...{ method: "Download", call: "server_stream", responses, ...ONE },
          responseBytes: 2 * V1,
        }),
        tripleCalls({
          ...{ method: "Chat", call: "bidi", responses },
          ...{ requestBytes: bytes, responseBytes: bytes },
        }),
      ),
    );
  });

  test("tells statuses: of headers alone, and of trailers behind messages", async () => {
    assert.equal((await client.call("Unary", { send: ["fail 5"] })).code, Status.NOT_FOUND);
    assert.equal((await client.call("Unary", { send: ["fail 2"] })).code, Status.UNKNOWN);
    assert.equal((await client.call("Download", { send: ["fail 9"] })).code, 9);
    await lab.grown(
      all(
        tripleCalls({
          ...{ method: "Unary", call: "unary", requestBytes: 2 * (PREFIX + 6) },
          responses: { "NOT_FOUND error": 1, "UNKNOWN exception": 1 },
        }),
        tripleCalls({
          ...{ method: "Download", call: "server_stream", requestBytes: PREFIX + 6 },
          ...{ responses: { "FAILED_PRECONDITION error": 1 }, responseBytes: 2 * V1 },
        }),
      ),
    );
  });

  test("a method that the server does not have is UNIMPLEMENTED", async () => {
    const code = await rawCall("/com.k8s.Test.Streams/Nothing", {});
    assert.equal(code["grpc-status"], "12");
    await lab.grown(
      tripleCalls({
        ...{ method: "Nothing", call: "unary", requestBytes: PREFIX + 3 },
        responses: { "UNIMPLEMENTED error": 1 },
      }),
    );
  });

  test("a call that its caller gives up is unanswered", async () => {
    const hanging = client.call("Unary", { send: ["hang"], cancelAfter: 0 });
    const second = client.call("Unary", { send: ["hang"], cancelAfter: 0 });
    const half = client.call("Download", { send: ["half"], cancelAfter: 1 });
    assert.equal((await hanging).code, Status.CANCELLED);
    assert.equal((await second).code, Status.CANCELLED);
    assert.equal((await half).code, Status.CANCELLED);
    await lab.grown(
      all(
        tripleCalls({
          ...{ method: "Unary", call: "unary", requestBytes: 2 * (PREFIX + 4) },
          unanswered: { remote: 2 },
        }),
        tripleCalls({
          ...{ method: "Download", call: "unary", requestBytes: PREFIX + 4 },
          unanswered: { remote: 1 },
        }),
      ),
    );
  });

  test("a call is active as long as it lasts; a caller that goes leaves it unanswered", async () => {
    const session = connect(`http://127.0.0.1:${peers.port}`);
    session.on("error", () => {});
    const stream = session.request(grpcHeaders(`/${STREAMS}/Unary`));
    stream.on("error", () => {});
    stream.end(messageOf("hang"));
    await until("the call arrives", async () => {
      return sumOf(ours(await lab.scrape()), "requests_active", { method: "Unary" }) === 1;
    });
    session.destroy();
    await lab.grown(
      tripleCalls({
        ...{ method: "Unary", call: "unary", requestBytes: PREFIX + 4 },
        unanswered: { remote: 1 },
      }),
    );
  });

  test("Envoy's answer to a timeout is one; in mid-answer there is none", async () => {
    const metadata = { short: "1" };
    const late = await client.call("Unary", { send: ["hang"], metadata });
    assert.equal(late.code, Status.UNAVAILABLE);
    const half = await client.call("Download", { send: ["half"], metadata });
    assert.notEqual(half.code, Status.OK);
    await lab.grown(
      all(
        tripleCalls({
          ...{ method: "Unary", call: "unary", requestBytes: PREFIX + 4 },
          responses: { "UNAVAILABLE error": 1 },
        }),
        tripleCalls({
          ...{ method: "Download", call: "unary", requestBytes: PREFIX + 4 },
          unanswered: { local: 1 },
        }),
      ),
    );
  });

  test("Envoy's answer to a server that is not there is UNAVAILABLE", async () => {
    const answer = await rawCall("/nobody.There/Call", {});
    assert.equal(answer["grpc-status"], "14");
    await lab.grown(
      tripleCalls({
        ...{ interface: "nobody.There", method: "Call", call: "unary" },
        ...{ requestBytes: PREFIX + 3, responses: { "UNAVAILABLE error": 1 } },
      }),
    );
  });

  test("Triple's plain HTTP form, over HTTP/1.1 too", async () => {
    const json = { "content-type": "application/json", "tri-service-version": "1.0.0" };
    assert.equal(await plainCall("/plain.User/Get", json, '["7"]'), 200);
    assert.equal(await plainCall("/plain.User/Get", { ...json, "x-answer": "403" }, "[]"), 403);
    const of = { interface: "plain.User", method: "Get", protocol: "tri", call: "unary" } as const;
    await lab.grown(
      tripleCalls({
        ...{ ...of, serialization: "json", requestBytes: 7, responseBytes: 20 },
        responses: { "OK success": 1, "PERMISSION_DENIED error": 1 },
      }),
    );
  });

  test("other HTTP is not counted", async () => {
    for (const [path, headers] of [
      ["/plain.User/Get", { "content-type": "application/json" }],
      ["/plain.User/Get", { "content-type": "text/plain", "tri-x": "1" }],
      ["/plain.html", {}],
      ["/plain.a/b/c", { "content-type": "application/grpc" }],
      ["/plain.User/", { "content-type": "application/grpc" }],
    ] as [string, Record<string, string>][]) {
      assert.equal(await plainCall(path, headers, "[]"), 200);
    }
    // Refused by Envoy itself, which only logs the stream.
    const bad = await plainCall("/plain.x/y", { "transfer-encoding": "nonsense" }, "").catch(
      () => 0,
    );
    assert.notEqual(bad, 200);
    await lab.stays();
  });

  test("nobody forges labels by a path", async () => {
    const forged = "x;.;dubbo_side=.=forged;.;dubbo_requests_total";
    await rawCall(`/plain.User/${forged}`, {});
    await rawCall("/plain.U%0a%22%7d/%2e%2e?method=x&y=/z/", {});
    const of = { call: "unary", requestBytes: PREFIX + 3, responseBytes: 10 };
    const responses = { "UNKNOWN unknown": 1 };
    await lab.grown(
      all(
        tripleCalls({
          ...{ ...of, interface: "plain.User", responses },
          method: "x_._dubbo_side_._forged_._dubbo_requests_total",
        }),
        tripleCalls({ ...of, interface: "plain.U_0a_22_7d", method: "_2e_2e", responses }),
      ),
    );
  });

  test("a server that dies leaves unanswered what it had begun to answer", async () => {
    let begun = 0;
    const calls = [1, 2, 3].map(() => client.call("Download", { send: ["half"] }, () => begun++));
    await until("three answers have begun", () => begun === 3);
    peers.v1.kill();
    for (const call of calls) assert.notEqual((await call).code, Status.OK);
    await lab.grown(
      tripleCalls({
        ...{ method: "Download", call: "unary", requestBytes: 3 * (PREFIX + 4) },
        unanswered: { local: 3 },
      }),
    );
  });

  /** Headers of a gRPC call over a connection of its own. */
  function grpcHeaders(path: string): Record<string, string> {
    return { ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers" };
  }

  /** Makes a call with any path; answers headers and trailers in one. */
  async function rawCall(
    path: string,
    headers: Record<string, string>,
  ): Promise<Record<string, unknown>> {
    const session = connect(`http://127.0.0.1:${peers.port}`);
    const stream = session.request({ ...grpcHeaders(path), ...headers });
    const answer: Record<string, unknown> = {};
    stream.on("response", (got) => Object.assign(answer, got));
    stream.on("trailers", (got) => Object.assign(answer, got));
    stream.resume();
    stream.end(messageOf("abc"));
    await new Promise((resolve, reject) => stream.on("close", resolve).on("error", reject));
    session.close();
    return answer;
  }

  /** A request over HTTP/1.1; answers the status. */
  function plainCall(path: string, headers: Record<string, string>, body: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port: peers.port, path, method: "POST", headers };
      const request = httpRequest(options, (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode!));
      });
      request.on("error", reject);
      request.end(body);
    });
  }
});

function messageOf(text: string): Buffer {
  const head = Buffer.alloc(PREFIX);
  head.writeUInt32BE(text.length, 1);
  return Buffer.concat([head, Buffer.from(text)]);
}

describe("many calls at once", LIMIT, () => {
  for (const concurrency of [1, 2]) {
    test(`none is lost or counted twice, ${concurrency} workers`, async (t) => {
      const peers = await triplePeers({ side: "consumer" });
      t.after(() => peers.close());
      const lab = await startLab({ change: peers.change, concurrency });
      t.after(() => lab.stop());
      const clients = [1, 2, 3, 4].map(() => new StreamClient(peers.port));
      t.after(() => clients.forEach((one) => one.close()));
      const COUNT = 400;
      const calls = Array.from({ length: COUNT }, (_, index) => {
        const client = clients[index % 4]!;
        if (index % 10 === 0) return client.call("Unary", { send: ["hang"], cancelAfter: 0 });
        if (index % 10 === 1) return client.call("Download", { send: ["half"], cancelAfter: 1 });
        if (index % 10 === 2) return client.call("Chat", { send: ["a", "b", "c"] });
        if (index % 10 === 3) return client.call("Unary", { send: ["fail 7"] });
        return client.call(index % 2 === 0 ? "Upload" : "Unary");
      });
      const ended = await Promise.all(calls);
      const failed = ended.filter(({ code }) => code === Status.UNAVAILABLE);
      assert.deepEqual(failed, []);
      let values = new Map<string, number>();
      await until("all calls are counted", async () => {
        values = ours(await lab.scrape());
        return sumOf(values, "requests_total") === COUNT;
      });
      assert.equal(sumOf(values, "requests_active"), 0);
      const unanswered = sumOf(values, "unanswered_requests_total");
      const responses = sumOf(values, "responses_total");
      assert.equal(responses + unanswered, COUNT);
      assert.equal(unanswered, COUNT / 5);
      const denied = { status: "PERMISSION_DENIED", outcome: "error" };
      assert.equal(sumOf(values, "responses_total", denied), COUNT / 10);
      assert.equal(sumOf(values, "responses_total", { outcome: "success" }), (COUNT * 7) / 10);
    });
  }
});
