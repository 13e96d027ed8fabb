// How the program is doing, over HTTP: /metrics in Prometheus' text format, /healthz (it runs) and
// /readyz (the registry was read once and Envoys are served; it stays so while the registry is away).

import { createServer, type Server } from "node:http";
import type { AdsState } from "./ads_writer.ts";
import type { Directory } from "./directory.ts";
import type { IstioState } from "./istio_writer.ts";
import type { ReaderState } from "./reader.ts";

/** What is told. */
export interface State {
  ready: boolean;
  directory: Directory;
  reader: ReaderState;
  ads: AdsState;
  /** Undefined where no API server is written to. */
  istio: IstioState | undefined;
}

/** Listens on host:port; rejects where that cannot be. */
export async function serveState(address: string, state: () => State): Promise<Server> {
  const server = createServer((request, response) => {
    const now = state();
    const answer = (status: number, text: string) => {
      response.writeHead(status, { "content-type": "text/plain; version=0.0.4" }).end(text);
    };
    if (request.url === "/healthz") answer(200, "ok\n");
    else if (request.url === "/readyz") answer(now.ready ? 200 : 503, now.ready ? "ok\n" : "no\n");
    else if (request.url === "/metrics") answer(200, exposition(now));
    else answer(404, "there are /metrics, /healthz and /readyz\n");
  });
  const [host, port] = address.split(":") as [string, string];
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(port), host, resolve);
  });
  return server;
}

function exposition({ directory, reader, ads, istio }: State): string {
  const services = directory.services();
  const instances = [...services.values()].reduce((sum, all) => sum + all.length, 0);
  const rows: [name: string, type: "gauge" | "counter", value: number, help: string][] = [
    ["services", "gauge", services.size, "services that are or were registered"],
    ["instances", "gauge", instances, "instances of all services"],
    ["connected", "gauge", reader.connected, "registries with which there is a session"],
    ["connections_total", "counter", reader.connections, "connections to registries"],
    ["sessions_expired_total", "counter", reader.expired, "sessions that a registry ended"],
    ["unreadable", "gauge", reader.unreadable, "registered nodes that are no provider's"],
    ["rules", "gauge", directory.rules, "overrides and tags of operators"],
    ["unreadable_rules", "gauge", reader.unreadableRules, "rules that could not be read"],
    ["empty_lists_kept_total", "counter", reader.emptyListsKept, "empty lists not believed"],
    ["ads_streams", "gauge", ads.streams, "Envoys that are served"],
    ["ads_responses_total", "counter", ads.responses, "responses to Envoys"],
    ["ads_resources_total", "counter", ads.resources, "resources in these"],
    ["ads_refusals_total", "counter", ads.refusals, "responses that an Envoy refused"],
  ];
  if (istio !== undefined) {
    rows.push(
      ["istio_leader", "gauge", istio.leader, "1 in the copy that writes ServiceEntries"],
      [
        "istio_entries",
        "gauge",
        istio.entries,
        "ServiceEntries that are there, as the writer knows",
      ],
      ["istio_applied_total", "counter", istio.applied, "ServiceEntries applied"],
      ["istio_removed_total", "counter", istio.removed, "ServiceEntries removed"],
      ["istio_failures_total", "counter", istio.failures, "times that the API server refused"],
    );
  }
  const lines = rows.map(([name, type, value, help]) => {
    const full = `dubbo_registry_${name}`;
    return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${full} ${value}\n`;
  });
  return lines.join("");
}
