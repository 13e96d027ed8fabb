// Clients that mean harm, or do not know what they do: each kind connects to a port, does its worst in
// bounded time, and is gone.

import { setTimeout as sleep } from "node:timers/promises";
import { readCorpus, type Corpus } from "../../fuzz/corpus.ts";
import { mutate } from "../../fuzz/mutations.ts";
import type { Random } from "../../fuzz/random.ts";
import { concat, frame, heartbeat, request, response } from "../../frames/frames.ts";
import type { End } from "../envoy_sockets.ts";

/** What one client does on its connection; it need not close it. */
export type Deed = (end: End, random: Random) => Promise<void> | void;

const MEBIBYTE = 1024 * 1024;
/** Time in ms for which a client looks at what comes back. */
const PATIENCE_MS = 200;

let corpus: Corpus | undefined;

/** Mutated frames as this side sends them, one after the other. */
export function mutated(
  random: Random,
  side: "downstream" | "upstream",
  count: number,
): Uint8Array {
  corpus ??= readCorpus();
  const seeds = corpus[side];
  return concat(
    Array.from({ length: count }, () => mutate(random, random.pick(seeds), random.pick(seeds))),
  );
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function part(random: Random): Uint8Array {
  const whole = request({ id: 1 });
  return whole.subarray(0, random.between(1, whole.length - 1));
}

/** Names that would forge labels, break lines or end texts, if they were written as they come. */
export const FORGING_NAMES: readonly string[] = [
  "a;.;dubbo_status=.=OK",
  "dubbo_side=.=provider;.;",
  ";.;;.;dubbo_requests_total",
  'x",dubbo_side="provider"} 9\nforged_total{a="',
  "# TYPE forged_total counter\nforged_total 1\n",
  "back\\slash\\",
  "nul\0tab\t\x7f",
  "dots..",
  "中😀\ud800",
  "x".repeat(5000),
  "",
];

/** Interfaces in the flood, over all clients that take part in it. */
export const FLOOD = 10_000;
const FLOOD_OF_ONE = 500;
let flooded = 0;

/** What any listener must bear. */
export const CLIENT_DEEDS: Record<string, Deed> = {
  garbage: (end, random) => end.write(noise(random, random.between(1, 65_536))),
  "garbage behind a good frame": (end, random) =>
    end.write(concat([request({ id: 1 }), noise(random, 3000), request({ id: 2 })])),
  "a part of a frame": (end, random) => end.write(part(random)),
  "a reset within a frame": async (end, random) => {
    await end.write(part(random));
    end.socket.resetAndDestroy();
  },
  "a reset in mid-call": async (end) => {
    await end.write(concat([request({ id: 1 }), request({ id: 2 })]));
    end.socket.resetAndDestroy();
  },
  "an absurd length": (end, random) => {
    const length = random.pick([0xffffffff, 0x80000000, 0x7fffffff, 8 * MEBIBYTE + 1]);
    return end.write(concat([frame({ flag: 0xc2, length }, noise(random, 5000)), request()]));
  },
  "a byte a second": async (end) => {
    const bytes = request({ id: 1 });
    for (let at = 0; at < 5; at++) {
      await end.write(bytes.subarray(at, at + 1));
      await sleep(1000);
    }
  },
  "single bytes": async (end) => {
    for (const byte of request({ id: 1 })) await end.write(Uint8Array.of(byte));
  },
  "half closed": async (end) => {
    end.socket.end(request({ id: 1 }));
    await sleep(PATIENCE_MS);
  },
  "responses sent by a client": (end, random) =>
    end.write(
      concat(Array.from({ length: 20 }, (_, id) => response({ id, status: random.below(256) }))),
    ),
  "an id used again and again": async (end) => {
    await end.write(concat(Array.from({ length: 50 }, () => request({ id: 7 }))));
    await sleep(PATIENCE_MS);
  },
  "label-forging names": async (end) => {
    const calls = FORGING_NAMES.flatMap((name, id) => [
      request({ id: 2 * id, path: name, method: name }),
      request({ id: 2 * id + 1, extraAttachments: { interface: name, group: name }, method: name }),
    ]);
    await end.write(concat(calls));
    await sleep(PATIENCE_MS);
  },
  "heartbeats and what looks like them": (end, random) =>
    end.write(
      concat(Array.from({ length: 20 }, (_, id) => heartbeat({ id, body: noise(random, id) }))),
    ),
  silence: () => sleep(PATIENCE_MS),
  nothing: () => {},
};

/**
 * Deeds that cost time or memory: a few clients do each of them, on listeners with tcp_proxy. In front of
 * dubbo_proxy mutated frames and odd attachments can abort Envoy by themselves, see abort.test.ts.
 */
export const COSTLY_DEEDS: Record<string, Deed> = {
  "mutated frames": async (end, random) => {
    const bytes = mutated(random, "downstream", 60);
    for (let at = 0; at < bytes.length && !end.closed;) {
      const size = random.oneIn(3) ? random.between(1, 50) : 5000;
      await end.write(bytes.subarray(at, at + size));
      at += size;
    }
    await sleep(PATIENCE_MS);
  },
  "trace contexts of every kind": async (end, random) => {
    const contexts = [
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-d",
      "1-dHJhY2U=-c2VnbWVudA==-3-c3Zj-aQ==-L2E=-MTI3LjAuMC4xOjg=",
      ...FORGING_NAMES,
      "0".repeat(3000),
    ];
    const keys = ["traceparent", "TRACEPARENT", "b3", "X-B3-TraceId", "X-B3-SpanId", "sw8"];
    const calls = contexts.map((value, id) => {
      const extraAttachments = Object.fromEntries(
        keys.filter(() => random.oneIn(2)).map((key) => [key, value]),
      );
      return request({ id, extraAttachments });
    });
    await end.write(concat(calls));
    await sleep(PATIENCE_MS);
  },
  "names without end": async (end) => {
    const first = flooded;
    flooded += FLOOD_OF_ONE;
    const calls = Array.from({ length: FLOOD_OF_ONE }, (_, i) =>
      request({ id: i, path: `flood.Interface${(first + i) % FLOOD}`, twoway: i % 4 === 0 }),
    );
    await end.write(concat(calls));
    await sleep(PATIENCE_MS);
  },
};

let huge: Uint8Array | undefined;

/** Two requests with bodies of 8 MiB: one just below what the filter reads, one just above. */
function hugeRequests(): Uint8Array {
  if (huge !== undefined) return huge;
  const body = new Uint8Array(8 * MEBIBYTE);
  body.set(request({ args: [] }).subarray(16));
  const whole = frame({ flag: 0x82, id: 1 }, body);
  return (huge = concat([
    whole,
    request({ id: 2 }),
    frame({ flag: 0x82, length: body.length + 1 }, body),
  ]));
}

/** The deed that costs most. */
export const bodiesOf8MiB: Deed = async (end) => {
  await end.write(hugeRequests());
  await sleep(PATIENCE_MS);
};
