// Protected keys over HTTP and what running providers of Dubbo Java and dubbo-go make of a caller's headers and
// path: each way to a protected attachment leads there without our filter's `protected`, and with it nowhere.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { echoIn } from "./echo.ts";
import { goCommand } from "./go_build.ts";
import { startGoTripleProvider } from "./go_peers.ts";
import { startProvider } from "./java_between.ts";
import { javaArguments } from "./java_build.ts";
import { callRaw, GO_GRPC, JAVA_GRPC, JAVA_JSON } from "./raw_triple.ts";
import type { RawCall, RawForm } from "./raw_triple.ts";
import { startTripleEnvoy } from "./triple_between.ts";

const PROTECTED = ["dubbo-route", "group", "version", "remote.application"];
const TEST = { timeout: 120_000 };

/** A call by which a provider has the attachment `key` with this value, or in another case. */
type Way = [key: string, value: string, call: RawCall];

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const renamed = (json: string): RawCall => ({
  headers: [
    ["x", "v2"],
    ["tri-header-convert", json],
  ],
});

const JAVA_WAYS: Way[] = [
  ["dubbo-route", "v2", { headers: [["dubbo-route", "v2"]] }],
  ["dubbo-route", "v2", { headers: [["dubbo-route-bin", base64("v2")]] }],
  ["dubbo-route", "v2", renamed('{"x":"dubbo-route"}')],
  ["dubbo-route", "v2", renamed('{"x":"Dubbo-Route"}')],
  ["dubbo-route", "v2", renamed('{"x":"dubbo\\u002droute"}')],
  ["dubbo-route", "v2", renamed("%7B%22x%22%3A%22dubbo%2Droute%22%7D")],
  ["version", "2.0.0", { headers: [["version", "2.0.0"]] }],
  ["version", "v2", renamed('{"x":"version"}')],
  ["remote.application", "shop", { headers: [["tri-consumer-appname", "shop"]] }],
  [
    "dubbo-route",
    "v3",
    {
      headers: [
        ["dubbo-route", "v2"],
        ["dubbo-route", "v3"],
      ],
    },
  ],
  [
    "dubbo-route",
    "v2",
    {
      headers: [
        ["x-bin", base64("v2")],
        ["tri-header-convert", '{"x":"dubbo-route"}'],
      ],
    },
  ],
  [
    // The first of two counts.
    "dubbo-route",
    "v2",
    {
      headers: [
        ["x", "v2"],
        ["tri-header-convert", '{"x":"dubbo-route"}'],
        ["tri-header-convert", '{"x":"kept"}'],
      ],
    },
  ],
];

/** Calls that the service of group canary and version 2.0.0 serves, where the caller has his way. */
const SERVICE_WAYS: RawCall[] = [
  {
    headers: [
      ["tri-service-group", "canary"],
      ["tri-service-version", "2.0.0"],
    ],
  },
  { path: "/canary/com.k8s.User.UserProvider:2.0.0/GetUser" },
  {
    path: "/canary/com.k8s.User.UserProvider:2.0.0/GetUser",
    headers: [["tri-service-version", "9"]],
  },
];

/** dubbo-go makes each header an attachment. */
const GO_WAYS: Way[] = [
  ["dubbo-route", "v2", { headers: [["dubbo-route", "v2"]] }],
  ["group", "canary", { headers: [["group", "canary"]] }],
  ["version", "2.0.0", { headers: [["version", "2.0.0"]] }],
  ["remote.application", "shop", { headers: [["remote.application", "shop"]] }],
];

describe("protected keys over HTTP", () => {
  before(async () => {
    await javaArguments("Provider", "3.3.6");
    await goCommand("tripleprovider");
  });

  test("a provider of Dubbo Java never has them from a caller", TEST, async (t) => {
    const provider = await startProvider(t, { mark: "x", protocol: "tri" });
    const { port: open } = await startTripleEnvoy(t, provider.port, {});
    const routing = { protected: PROTECTED };
    const { port: guarded } = await startTripleEnvoy(t, provider.port, { routing });
    for (const form of [JAVA_GRPC, JAVA_JSON]) {
      for (const way of JAVA_WAYS) await leadsOnlyThrough(open, guarded, form, way);
    }
    for (const call of SERVICE_WAYS) {
      const what = JSON.stringify(call);
      assert.match((await served(open, JAVA_GRPC, call))[":service"]!, /^canary\//, what);
      assert.doesNotMatch((await served(guarded, JAVA_GRPC, call))[":service"]!, /canary/, what);
    }
  });

  test("a provider of dubbo-go never has them from a caller", TEST, async (t) => {
    const provider = await startGoTripleProvider(t);
    // It serves no call without them; without `protected` the caller's own group goes beside it.
    const set = [
      { name: "group", value: "blue" },
      { name: "version", value: "1.0.0" },
    ];
    const rules = [{ attachments: { set } }];
    const { port: open } = await startTripleEnvoy(t, provider, { routing: { rules } });
    const routing = { protected: PROTECTED, rules };
    const { port: guarded } = await startTripleEnvoy(t, provider, { routing });
    for (const way of GO_WAYS) await leadsOnlyThrough(open, guarded, GO_GRPC, way);
  });
});

/** The way leads to the attachment by way of the port `open`, and not by `guarded`. */
async function leadsOnlyThrough(
  open: number,
  guarded: number,
  form: RawForm,
  [key, value, call]: Way,
): Promise<void> {
  const what = `${form.contentType} ${JSON.stringify(call)}`;
  const lower = (echo: Record<string, string>): Map<string, string> =>
    new Map(Object.entries(echo).map(([name, text]) => [name.toLowerCase(), text]));
  assert.equal(lower(await served(open, form, call)).get(key), value, what);
  assert.equal(lower(await served(guarded, form, call)).has(key), false, what);
}

/** What the provider had of the call, which it must have answered. */
async function served(port: number, form: RawForm, call: RawCall): Promise<Record<string, string>> {
  const answer = await callRaw(port, form, call);
  const echo = echoIn(answer);
  assert.ok(echo, `${JSON.stringify(call)}: ${answer.toString("latin1")}`);
  return echo;
}
