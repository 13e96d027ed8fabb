// Envoy's discovery service with every message that goes through it, from the protos that
// @grpc/grpc-js-xds ships. An Any is made of an object with "@type" (protobufjs' wrapper).

import { loadPackageDefinition, type ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const PACKAGE = dirname(createRequire(import.meta.url).resolve("@grpc/grpc-js-xds/package.json"));
const FOLDERS = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"];
const FILES = [
  "envoy/service/discovery/v3/ads.proto",
  "envoy/config/cluster/v3/cluster.proto",
  "envoy/config/endpoint/v3/endpoint.proto",
  "envoy/extensions/filters/network/dubbo_proxy/v3/dubbo_proxy.proto",
  "envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream.proto",
  "envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer.proto",
];

/** envoy.service.discovery.v3.AggregatedDiscoveryService; field names as in the protos. */
export function aggregatedDiscoveryService(): ServiceDefinition {
  const definition = loadSync(FILES, {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    includeDirs: FOLDERS.map((folder) => join(PACKAGE, "deps", folder)),
  });
  const root = loadPackageDefinition(definition) as any;
  return root.envoy.service.discovery.v3.AggregatedDiscoveryService.service;
}
