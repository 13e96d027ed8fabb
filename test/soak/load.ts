// Who calls while the soak goes on: well-behaved callers, callers that come and go in the midst of
// trouble, names by the hundred, and bytes that are not Dubbo. Each tells how often it did what.

import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Caller } from "../e2e/envoy_caller.ts";
import { dial } from "../e2e/envoy_sockets.ts";
import { ANSWERED, Client, type Outcome } from "../faults/client.ts";
import { FAULTY, HEALTHY } from "../faults/methods.ts";
import type { Stage } from "../faults/stage.ts";

/** What all callers did. */
export interface Tally {
  /** Calls to the healthy provider, and how many were answered. */
  healthyCalls: number;
  healthyAnswered: number;
  /** The same for the provider in trouble; calls that their client gave up are among the calls. */
  faultyCalls: number;
  faultyAnswered: number;
  /** Calls under names of their own, all answered, and connections that spoke something else. */
  floodCalls: number;
  garbage: number;
  /** What became of calls that were not answered. */
  others: Map<Outcome, number>;
}

const CALLERS = 3;
/** Calls at once; a connection then makes some more, one by one, and goes. */
const BURST = 8;
const PAUSE_MS = 10;
const LOST_PAUSE_MS = 200;
/** One caller in so many leaves without waiting for its answers. */
const RUDE_ONE_IN = 4;
const FLOOD_NAMES = 200;
const GARBAGE_BYTES = 300;
const GARBAGE_PAUSE_MS = 250;

/** Starts all callers. Resolved, once `isDone` says so and they have finished, with what they did. */
export async function runLoad(stage: Stage, isDone: () => boolean): Promise<Tally> {
  const tally: Tally = {
    healthyCalls: 0,
    healthyAnswered: 0,
    faultyCalls: 0,
    faultyAnswered: 0,
    floodCalls: 0,
    garbage: 0,
    others: new Map(),
  };
  const loops: (() => Promise<void>)[] = [
    ...Array.from({ length: CALLERS }, () => () => callHealthy(stage, tally)),
    ...Array.from({ length: CALLERS }, (_, index) => () => callFaulty(stage, tally, index)),
    () => sendGarbage(stage, tally),
  ];
  // The names that are looked at in the end come before those that take all other series.
  await callHealthy(stage, tally);
  await callFaulty(stage, tally, CALLERS);
  await flood(stage, tally);
  await Promise.all(
    loops.map(async (loop) => {
      while (!isDone()) await loop();
    }),
  );
  return tally;
}

/** One connection of a well-behaved caller. */
async function callHealthy({ ports }: Stage, tally: Tally): Promise<void> {
  const client = new Client(ports.bystander, HEALTHY);
  const outcomes = await client.calls(BURST, "answer");
  for (let made = 0; made < BURST; made++) {
    outcomes.push(await client.call("answer"));
    await sleep(PAUSE_MS);
  }
  client.close();
  tally.healthyCalls += outcomes.length;
  tally.healthyAnswered += count(outcomes, tally);
}

/** One connection to the provider in trouble. */
async function callFaulty({ ports }: Stage, tally: Tally, number: number): Promise<void> {
  const client = new Client(ports.listener, FAULTY);
  const calls = [client.calls(BURST, "answer"), client.calls(2, "answerSlowly")];
  if (number === 0 && Math.floor(tally.faultyCalls / BURST) % RUDE_ONE_IN === 0) {
    await sleep(PAUSE_MS);
    client.close();
  }
  const outcomes = (await Promise.all(calls)).flat();
  client.close();
  tally.faultyCalls += outcomes.length;
  const answered = count(outcomes, tally);
  tally.faultyAnswered += answered;
  // While the provider is away it is not asked all the time.
  await sleep(answered > 0 ? PAUSE_MS : LOST_PAUSE_MS);
}

/** More names than get series of their own, in the beginning: what they cost is then there to stay. */
async function flood({ ports }: Stage, tally: Tally): Promise<void> {
  const caller = await Caller.dial(ports.bystander);
  for (let name = 0; name < FLOOD_NAMES; name++) {
    await caller.ask([{ path: `flood.Interface${name}`, method: "answer" }]);
    tally.floodCalls++;
  }
  caller.close();
}

async function sendGarbage({ ports }: Stage, tally: Tally): Promise<void> {
  const end = await dial(ports.bystander);
  // No magic by chance either.
  await end.write(Buffer.concat([Buffer.from("GARBAGE"), randomBytes(GARBAGE_BYTES)]));
  await sleep(GARBAGE_PAUSE_MS);
  end.socket.destroy();
  tally.garbage++;
}

function count(outcomes: Outcome[], { others }: Tally): number {
  for (const one of outcomes) {
    if (one !== ANSWERED) others.set(one, (others.get(one) ?? 0) + 1);
  }
  return outcomes.filter((one) => one === ANSWERED).length;
}
