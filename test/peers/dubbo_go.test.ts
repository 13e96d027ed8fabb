// Real dubbo-go peers, by themselves and through Envoy without our filter: what the consumer says
// it sent is what the providers say they received, call by call. The ground that the filter's own
// numbers are then held against.

import assert from "node:assert/strict";
import { before, describe, test, type TestContext } from "node:test";
import { startEnvoy, type EnvoyProcess } from "../../harness/envoy_process.ts";
import { freePorts } from "../../harness/ports.ts";
import { envoyBetween, type BetweenPorts } from "./envoy_between.ts";
import { goCommand } from "./go_build.ts";
import { runGoConsumer, startGoProvider } from "./go_peers.ts";
import { reportsOf, type PeerProvider } from "./peer_process.ts";
import { linesOf, totalSent, type CallLine, type Report } from "./report.ts";

const CALLS = 400;
const TEST = { timeout: 60_000 };

interface Providers {
  user: PeerProvider;
  order: PeerProvider;
}

describe("dubbo-go peers agree", () => {
  before(async () => void (await goCommand("consumer")));

  test("without anything between them", TEST, async (t) => {
    const { user, order } = await startProviders(t);
    const addresses = { user: user.address, order: order.address };
    await runGoConsumer({ ...addresses, calls: CALLS }, (report) => agree(report, user, order));
  });

  test("with heartbeats from both sides all the time", TEST, async (t) => {
    const { user, order } = await startProviders(t, "20ms");
    const addresses = { user: user.address, order: order.address };
    const options = { ...addresses, calls: CALLS, heartbeat: "20ms", seed: 2 };
    await runGoConsumer(options, (report) => agree(report, user, order));
  });

  test("through tcp_proxy", TEST, async (t) => {
    const { user, order } = await startProviders(t);
    const { ports } = await startBetween(t, user, order);
    const addresses = { user: `127.0.0.1:${ports.user}`, order: `127.0.0.1:${ports.order}` };
    const options = { ...addresses, calls: CALLS, parallel: 16, seed: 3 };
    await runGoConsumer(options, (report) => agree(report, user, order));
  });

  test("through dubbo_proxy, one-way calls aside", TEST, async (t) => {
    const { user, order } = await startProviders(t);
    const { envoy, ports } = await startBetween(t, user, order);
    const address = `127.0.0.1:${ports.dubbo}`;
    const options = { user: address, order: address, calls: CALLS, parallel: 16, seed: 4 };
    const sent = await runGoConsumer(options, (report) => agreeOnTwoway(report, user, order));
    const oneway = sent.calls.reduce((sum, line) => sum + line.oneway, 0);
    assert.equal(await dubboProxyStat(envoy, "request_oneway"), oneway);
    assert.equal(await dubboProxyStat(envoy, "request_twoway"), CALLS - oneway);
  });

  test("through dubbo_proxy, which answers the consumer's heartbeats itself", TEST, async (t) => {
    const { user, order } = await startProviders(t);
    const { envoy, ports } = await startBetween(t, user, order);
    const address = `127.0.0.1:${ports.dubbo}`;
    const options = { user: address, order: address, calls: CALLS, heartbeat: "20ms", seed: 5 };
    await runGoConsumer(options, (report) => agreeOnTwoway(report, user, order));
    assert.ok((await dubboProxyStat(envoy, "request_event")) > 0);
  });
});

/** Starts a provider for each service, as the demo has them. */
async function startProviders(t: TestContext, heartbeat?: string): Promise<Providers> {
  const start = async (service: "user" | "order") => {
    const provider = await startGoProvider({ services: [service], heartbeat });
    t.after(() => provider.stop());
    return provider;
  };
  return { user: await start("user"), order: await start("order") };
}

/** Starts an Envoy before the providers. */
async function startBetween(
  t: TestContext,
  user: PeerProvider,
  order: PeerProvider,
): Promise<{ envoy: EnvoyProcess; ports: BetweenPorts }> {
  const [admin, dubbo, userTcp, orderTcp] = await freePorts(4);
  const ports = { admin, dubbo, user: userTcp, order: orderTcp };
  const config = envoyBetween(ports, user.port, order.port);
  const envoy = await startEnvoy({ config, componentLogLevel: "dubbo:critical" });
  t.after(() => envoy.stop());
  return { envoy, ports };
}

/** One of dubbo_proxy's own counters. */
async function dubboProxyStat(envoy: EnvoyProcess, name: string): Promise<number> {
  const text = await envoy.get(`/stats?filter=^dubbo\\.between\\.${name}$`);
  return Number(text.split(":")[1]);
}

/** The providers together received exactly what the consumer sent, and nothing went wrong. */
async function agree(sent: Report, ...providers: PeerProvider[]): Promise<void> {
  assert.deepEqual(sent.failures, []);
  assert.equal(totalSent(sent), CALLS);
  const received = await reportsOf(CALLS, providers);
  assert.deepEqual(linesOf(...received), linesOf(sent));
}

/**
 * The same through dubbo_proxy, with one-way calls aside: it closes the upstream connection right
 * behind each, and a dubbo-go provider drops most requests whose connection is closed already.
 */
async function agreeOnTwoway(sent: Report, ...providers: PeerProvider[]): Promise<void> {
  assert.deepEqual(sent.failures, []);
  const lines = linesOf(sent).map(withoutOneway);
  const twoway = lines.reduce((sum, line) => sum + line.sent, 0);
  const received = linesOf(...(await reportsOf(twoway, providers)));
  assert.deepEqual(received.map(withoutOneway), lines);
}

function withoutOneway(line: CallLine): CallLine {
  const { oneway } = line;
  return { ...line, sent: line.sent - oneway, oneway: 0, marked: line.marked - oneway };
}
