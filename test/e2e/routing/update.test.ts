// Rules replaced while calls are under way, by a listener file that Envoy watches. Each set of rules
// writes its mark twice, at two places, besides the route: a call that was routed by a half-applied
// set would show marks of both.

import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../../harness/envoy_config.ts";
import { listenersOf, named } from "../../../harness/envoy_config.ts";
import { USERS } from "../../../demo/record.ts";
import type { Request } from "../../frames/frames.ts";
import { Caller } from "../envoy_caller.ts";
import { LIMIT, until } from "../envoy_setup.ts";
import { podOf, routingSeries, series, setRouting, startRoutedLab } from "./setup.ts";
import type { Received, RoutedLab } from "./setup.ts";

const LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener";
const CALLERS = 4;
/** Calls of one caller in one write. */
const BATCH = 25;
const BATCHES = 10;
/** Connections of the old rules outlive the test. */
const DRAIN = ["--drain-time-s", "600"];

type Attachments = Record<string, string>;

/** Rules with this mark: Jason's calls, SetUser's, and all others by a split, to two routes. */
function rulesOf(mark: string, jason: string, others: string): Json {
  const change = (route: string, more: Attachments = {}) => ({
    remove: ["debug"],
    set: Object.entries({ first: mark, "dubbo-route": route, ...more, last: mark }).map(
      ([name, value]) => ({ name, value }),
    ),
  });
  return {
    protected: ["dubbo-route", "first", "last"],
    rules: [
      {
        name: `${mark}-jason`,
        match: { attachments: [{ name: "end-user", exact: "jason" }] },
        attachments: change(jason, { who: `${mark}-jason` }),
      },
      {
        name: `${mark}-set`,
        match: { method: { prefix: "Set" } },
        attachments: change(others, { who: `${mark}-set` }),
      },
      {
        name: `${mark}-split`,
        split: {
          choices: [
            { weight: 50, attachments: change("v1", { who: `${mark}-split` }) },
            { weight: 50, attachments: change("v2", { who: `${mark}-split` }) },
          ],
        },
      },
    ],
  };
}

const OLD = rulesOf("old", "v2", "v1");
const NEW = rulesOf("new", "v1", "v2");

/** The call with this number: one of three kinds, with an attachment that is to go. */
function callOf(number: number): Request {
  const extraAttachments = { number: String(number), debug: "on", first: "forged" };
  if (number % 3 === 0) return { extraAttachments: { ...extraAttachments, "end-user": "jason" } };
  return { extraAttachments, ...(number % 3 === 1 && { method: USERS.set.method }) };
}

describe("rules replaced at run time", LIMIT, () => {
  const folder = mkdtempSync(join(tmpdir(), "lds-"));
  const file = join(folder, "lds.json");
  let routed: RoutedLab;
  let template: Json;
  let version = 0;

  before(async () => {
    routed = await startRoutedLab({
      args: DRAIN,
      change: (config) => {
        template = structuredClone(named(listenersOf(config), "dubbo", "listener"));
        const isGuard = ({ internal_listener }: Json) => internal_listener !== undefined;
        config.static_resources.listeners = listenersOf(config).filter(isGuard);
        config.node = { id: "test", cluster: "test" };
        config.dynamic_resources = { lds_config: { path_config_source: { path: file } } };
        put(OLD);
      },
    });
  });

  after(async () => {
    await routed?.stop();
    rmSync(folder, { recursive: true });
  });

  /** Makes these the rules of the only listener. Envoy looks when a file is moved to that name. */
  function put(routing: Json): void {
    const listener: Json = { "@type": LISTENER, ...structuredClone(template) };
    setRouting(listener, routing);
    writeFileSync(
      `${file}.new`,
      JSON.stringify({ version_info: `${++version}`, resources: [listener] }),
    );
    renameSync(`${file}.new`, file);
  }

  const updated = () => routed.lab.own("envoy_listener_manager_listener_in_place_updated");

  test("1,000 pipelined calls: none lost, each by one whole set of rules", async (t) => {
    const pods = new Map<number, string>();
    let next = 0;
    let replaced = false;
    let moved = 0;

    /** Makes one caller's calls, on a new connection as soon as the rules were replaced. */
    async function callAll(): Promise<void> {
      let caller = await Caller.dial(routed.lab.ports.dubbo);
      const callers = [caller];
      for (let batch = 0; batch < BATCHES; batch++) {
        // The file is written while the third batches are on their way.
        const numbers = Array.from({ length: BATCH }, () => next++);
        const asking = caller.ask(numbers.map(callOf));
        if (batch === 2 && version === 1) put(NEW);
        const asked = await asking;
        for (const [index, one] of asked.entries()) pods.set(numbers[index]!, podOf(one));
        if (batch === BATCHES / 2) {
          await until("the new rules", updated);
          replaced = true;
        }
        // Half of the callers stay on their connection, and so on the old rules.
        if (replaced && callers.length === 1 && moved++ < CALLERS / 2) {
          callers.push((caller = await Caller.dial(routed.lab.ports.dubbo)));
        }
      }
      for (const one of callers) one.close();
    }
    await Promise.all(Array.from({ length: CALLERS }, callAll));
    const count = CALLERS * BATCHES * BATCH;
    assert.equal(pods.size, count);

    const numbers = new Set<number>();
    const rules: Record<string, number> = {};
    for (const [pod, provider] of [
      ["user-v1", routed.v1],
      ["user-v2", routed.v2],
    ] as const) {
      for (const received of provider.take()) {
        const number = Number(received.attachments.number);
        assert.equal(numbers.has(number), false, `call ${number} came twice`);
        numbers.add(number);
        assert.equal(pods.get(number), pod);
        const rule = ruleOf(received, number, pod);
        rules[rule] = (rules[rule] ?? 0) + 1;
      }
    }
    assert.equal(numbers.size, count);
    t.diagnostic(JSON.stringify(rules));
    // Both sets were at work, all rules of them; what Envoy counts is what the providers saw.
    assert.equal(Object.keys(rules).length, 6);
    const counted = Object.entries(rules).map(
      ([rule, calls]) => [series("routed_requests_total", { rule }), calls] as const,
    );
    await routingSeries(routed.lab, Object.fromEntries(counted));
  });

  /** The rule by which a call was routed; all that it carries must be that rule's doing. */
  function ruleOf({ attachments }: Received, number: number, pod: string): string {
    const { first, last, who, debug, "dubbo-route": route } = attachments as Attachments;
    const kind = ["jason", "set", "split"][number % 3]!;
    assert.equal(who, `${first}-${kind}`, `call ${number}`);
    assert.deepEqual([last, debug, `user-${route}`], [first, undefined, pod], `call ${number}`);
    if (kind !== "split") assert.equal(pod === "user-v2", (kind === "jason") === (first === "old"));
    return who;
  }

  test("refused rules change nothing, and the log says why", async () => {
    put({ rules: [{ split: { choices: [{ weight: -1 }] } }] });
    const rejected = "envoy_listener_manager_lds_update_rejected";
    await until("the refusal", async () => (await routed.lab.own(rejected)) === 1);
    const why = "configuration refused: $.routing.rules[0].split.choices[0].weight is -1, expected";
    assert.ok(routed.lab.envoy.process.log.includes(why), routed.lab.envoy.process.lastLines());
    const caller = await Caller.dial(routed.lab.ports.dubbo);
    assert.deepEqual((await caller.ask([callOf(0), callOf(1)])).map(podOf), ["user-v1", "user-v2"]);
    caller.close();
  });
});
