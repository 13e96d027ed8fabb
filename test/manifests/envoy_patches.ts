// Whether Envoy takes what EnvoyFilters patch in: each patch becomes a bootstrap of its own, which a
// real Envoy reads with `--mode validate`. That is strict: an unknown field, a wrong type URL, a
// missing required field and a bad regex are refused, all of which Istio's tools let pass.
//
// Each patch stands in the least around it that Envoy needs, with our own .wasm in the place of the
// file that it names. Where it ends up in Istio's listeners is not looked at here.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findEnvoy } from "../../harness/envoy_binary.ts";
import { wasmPlugins, type Json } from "../../harness/envoy_config.ts";
import { fromRoot, ROOT } from "../../harness/repository.ts";
import { clustersNamed } from "./clusters.ts";
import { finding, type Finding } from "./findings.ts";
import { ofKind, type Manifest } from "./manifest_files.ts";
import { changedFilter, changesFilter, changesTcpProxy } from "./merged_filters.ts";

const WASM = fromRoot("build", "dubbo.wasm");
const VALIDATE_MS = 60_000;
const TYPES = "type.googleapis.com/envoy.extensions.filters";
const HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/** Findings for patches of EnvoyFilters that Envoy refuses, in Envoy's words. */
export async function checkPatches(manifests: readonly Manifest[]): Promise<Finding[]> {
  const envoy = await findEnvoy();
  const findings: Finding[] = [];
  for (const manifest of ofKind(manifests, "EnvoyFilter")) {
    for (const [index, patch] of manifest.object.spec.configPatches.entries()) {
      const path = `spec.configPatches[${index}].patch.value`;
      const bootstrap = bootstrapOf(patch);
      const refusal =
        bootstrap === undefined
          ? `no check here for ${patch.applyTo} ${patch.patch.operation}`
          : await refusalBy(envoy, bootstrap);
      if (refusal === undefined) continue;
      findings.push(finding("envoy", manifest, path, nameIn(patch.patch.value), refusal));
    }
  }
  return findings;
}

/** What Envoy says against a bootstrap; undefined where it takes it. */
export async function refusalBy(envoy: string, bootstrap: Json): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "manifests-"));
  try {
    const file = join(folder, "envoy.json");
    await writeFile(file, JSON.stringify(bootstrap));
    const args = ["--mode", "validate", "--log-level", "error", "-c", file];
    await promisify(execFile)(envoy, args, { cwd: ROOT, timeout: VALIDATE_MS });
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    if (!stderr) throw error;
    return stderr.trim().replaceAll(folder, "").replace(/ +/g, " ");
  } finally {
    await rm(folder, { recursive: true });
  }
}

function bootstrapOf(change: Json): Json | undefined {
  const { applyTo, patch } = change;
  const isChanged = changesFilter(change);
  const value: Json = isChanged ? changedFilter(change) : structuredClone(patch.value);
  for (const plugin of wasmPlugins(value)) {
    if (plugin.vm_config.code?.local) plugin.vm_config.code.local.filename = WASM;
  }
  const names = new Set(clustersNamed(value).map(({ name }) => name));
  const clusters = [...names].map((name) => ({ name, connect_timeout: "1s" }));
  if (changesTcpProxy(change)) return resources([listener([tcpProxy(value)])], clusters);
  const inserted = isChanged || String(patch.operation).startsWith("INSERT_");
  switch (applyTo) {
    case "LISTENER":
      return patch.operation === "ADD" ? resources([value], clusters) : undefined;
    case "NETWORK_FILTER":
      return inserted ? resources([listener([value, tcpProxy()])], clusters) : undefined;
    case "HTTP_FILTER":
      return inserted ? resources([listener([httpConnections(value)])], clusters) : undefined;
    case "CLUSTER":
      return resources([], [{ ...cluster(), ...value }]);
    default:
      return undefined;
  }
}

// Istio's bootstrap has it too.
const INTERNAL_LISTENER = {
  name: "envoy.bootstrap.internal_listener",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.bootstrap.internal_listener.v3.InternalListener",
  },
};

function resources(listeners: Json[], clusters: Json[]): Json {
  return { bootstrap_extensions: [INTERNAL_LISTENER], static_resources: { listeners, clusters } };
}

function listener(filters: Json[]): Json {
  const address = { socket_address: { address: "127.0.0.1", port_value: 0 } };
  return { name: "patched", address, filter_chains: [{ filters }] };
}

// HTTP/2, which Istio gives to the clusters of gRPC ports: health checks by gRPC need it.
function cluster(): Json {
  const protocol = {
    "@type": `type.googleapis.com/${HTTP}`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  const typed_extension_protocol_options = { [HTTP]: protocol };
  return { name: "patched", connect_timeout: "1s", typed_extension_protocol_options };
}

function tcpProxy({ typed_config: changes = {} }: Json = {}): Json {
  const typed_config = {
    "@type": `${TYPES}.network.tcp_proxy.v3.TcpProxy`,
    stat_prefix: "patched",
    cluster: "PassthroughCluster",
    ...changes,
  };
  return { name: "envoy.filters.network.tcp_proxy", typed_config };
}

function httpConnections(filter: Json): Json {
  const router = {
    name: "envoy.filters.http.router",
    typed_config: { "@type": `${TYPES}.http.router.v3.Router` },
  };
  const typed_config = {
    "@type": `${TYPES}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: "patched",
    route_config: { name: "patched" },
    http_filters: [filter, router],
  };
  return { name: "envoy.filters.network.http_connection_manager", typed_config };
}

function nameIn(value: Json): unknown {
  return value.name ?? value;
}
