// Requests with attachments set and removed: everything else stays byte for byte, however the stream
// was cut, and what needs no change is not touched.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decodeRequest } from "../../../demo/dubbo/message.ts";
import { FrameSplitter } from "../../../demo/dubbo/frame.ts";
import { concat, fixture, fixtureIndex, heartbeat, readonly } from "../../frames/frames.ts";
import { response } from "../../frames/frames.ts";
import { FASTJSON2, HESSIAN2, shown, splitFrames, take } from "./frames.ts";
import { hold, REMOVED, RULE, SET } from "./held.ts";
import { sendCut, start } from "./setup.ts";

const all = fixtureIndex().filter(({ kind }) => /^(oneway-)?request$/.test(kind));
const rewritable = all.filter(
  ({ serializationId: id, direction }) =>
    (id === HESSIAN2 || id === FASTJSON2) && direction === "downstream",
);

function decoded(frame: Uint8Array): ReturnType<typeof decodeRequest> {
  const found: ReturnType<typeof decodeRequest>[] = [];
  // What hessian.js cannot read throws.
  new FrameSplitter((each) => found.push(decodeRequest(each)), 1 << 24).push(Buffer.from(frame));
  return found[0]!;
}

describe("captured requests", () => {
  test("are rewritten, and only their attachments", () => {
    assert.ok(rewritable.length > 80, String(rewritable.length));
    let removed = 0;
    for (const { file } of rewritable) {
      const { vm, connection } = start({ ...RULE, max_rewrite_bytes: 16777216 });
      const before = fixture(file);
      vm.resetHostCalls();
      connection.downstream(before);
      assert.equal(vm.hostCalls["proxy_set_buffer_bytes"], 1, file);
      assert.doesNotThrow(() => hold(before, connection.toUpstream), file);
      if (take(before).entries.some(({ key }) => key === REMOVED)) removed++;
    }
    assert.ok(removed > 50, String(removed));
  });

  test("in hessian2 mean the same to hessian.js", () => {
    let compared = 0;
    for (const { file, serializationId } of rewritable) {
      if (serializationId !== HESSIAN2) continue;
      const { connection } = start({ ...RULE, max_rewrite_bytes: 16777216 });
      const before = fixture(file);
      let was: ReturnType<typeof decodeRequest>;
      try {
        was = decoded(before);
      } catch {
        continue; // A value that hessian.js does not know.
      }
      connection.downstream(before);
      const is = decoded(connection.toUpstream);
      const { [REMOVED]: _, ...kept } = was.attachments;
      assert.deepEqual(is, { ...was, attachments: { ...kept, ...SET } }, file);
      compared++;
    }
    assert.ok(compared > 40, String(compared));
  });

  test("come out the same at every split and byte by byte", () => {
    const some = [HESSIAN2, FASTJSON2].flatMap((id) =>
      rewritable.filter((each) => each.serializationId === id && each.bodyBytes < 400).slice(0, 4),
    );
    assert.equal(some.length, 8);
    for (const { file } of some) {
      const bytes = fixture(file);
      const whole = start(RULE);
      whole.connection.downstream(bytes);
      const expected = shown(whole.connection.toUpstream);
      const { plugin } = start(RULE);
      const cut = (places: number[]): void => {
        const connection = plugin.connect();
        sendCut(connection, bytes, places);
        assert.equal(shown(connection.toUpstream), expected, `${file} ${places}`);
      };
      const places = Array.from({ length: bytes.length - 1 }, (_, i) => i + 1);
      for (const place of places) cut([place]);
      cut(places);
    }
  });

  test("ten in one read are replaced at once, at whatever split", () => {
    const ten = rewritable.filter(({ bodyBytes }) => bodyBytes < 400).slice(0, 7);
    const bytes = concat([
      ...ten.map(({ file }) => fixture(file)),
      heartbeat({ id: 99 }),
      response({ id: 5 }),
      fixture(ten[0]!.file),
    ]);
    const { vm, plugin, connection } = start(RULE);
    vm.resetHostCalls();
    connection.downstream(bytes);
    assert.equal(vm.hostCalls["proxy_set_buffer_bytes"], 1);
    assert.equal(vm.hostCalls["proxy_get_buffer_bytes"], 1);
    const frames = splitFrames(connection.toUpstream);
    splitFrames(bytes).forEach((before, i) => {
      if (i === 7 || i === 8) assert.equal(shown(frames[i]!), shown(before));
      else hold(before, frames[i]!);
    });
    for (let place = 1; place < bytes.length; place += 7) {
      const other = plugin.connect();
      sendCut(other, bytes, [place, place + 3]);
      assert.equal(shown(other.toUpstream), shown(connection.toUpstream), String(place));
    }
  });

  test("of the server, answers and events are not touched", () => {
    const { vm, connection } = start(RULE);
    const others = fixtureIndex().filter(
      ({ direction, kind }) => direction === "upstream" || /heartbeat|event|response/.test(kind),
    );
    vm.resetHostCalls();
    let sent = 0;
    for (const { file, direction } of others) {
      const bytes = fixture(file);
      const out =
        direction === "upstream" ? connection.upstream(bytes) : connection.downstream(bytes);
      assert.equal(shown(out), shown(bytes), file);
      sent++;
    }
    connection.downstream(concat([heartbeat(), readonly(), response()]));
    assert.ok(sent > 80);
    assert.equal(vm.hostCalls["proxy_set_buffer_bytes"], undefined);
  });

  test("that no rule changes are not replaced", () => {
    for (const routing of [
      { rules: [{ match: { method: { exact: "none" } }, ...first(RULE) }] },
      { rules: [{ attachments: { remove: ["not-there"] } }], protected: ["nor-this"] },
      { rules: [{ name: "counts only" }] },
    ]) {
      const { vm, connection } = start(routing);
      const bytes = concat(
        rewritable.filter(({ bodyBytes }) => bodyBytes < 2000).map(({ file }) => fixture(file)),
      );
      vm.resetHostCalls();
      connection.downstream(bytes);
      assert.equal(vm.hostCalls["proxy_set_buffer_bytes"], undefined);
      assert.equal(shown(connection.toUpstream), shown(bytes));
    }
  });
});

function first(routing: object): object {
  return (routing as { rules: object[] }).rules[0]!;
}
