// Behind the guard (docs/guard.md) an endpoint is not a provider's address but a listener inside Envoy, which is
// told the address, and dials it in the end: docs/discovery.yaml has the listeners.
//
// The address goes from the endpoint's metadata, by envoy.transport_sockets.internal_upstream, to the dynamic
// metadata of the connection that the listener takes.

import type { Endpoint, Resource } from "./envoy_resources.ts";

/** The namespace of the metadata that has the provider's address, under "address". */
const PROVIDER = "dubbo.provider";
const EXTENSIONS = "type.googleapis.com/envoy.extensions.transport_sockets";

/** What a cluster has besides, so that its endpoints' addresses go along. */
export const PASS_PROVIDER: Resource = {
  transport_socket: {
    name: "envoy.transport_sockets.internal_upstream",
    typed_config: {
      "@type": `${EXTENSIONS}.internal_upstream.v3.InternalUpstreamTransport`,
      passthrough_metadata: [{ kind: { host: {} }, name: PROVIDER }],
      transport_socket: {
        name: "envoy.transport_sockets.raw_buffer",
        typed_config: { "@type": `${EXTENSIONS}.raw_buffer.v3.RawBuffer` },
      },
    },
  },
};

/** The endpoint that leads through the guard's listener of that name to the one that is given. */
export function guarded(one: Endpoint, listener: string): Resource {
  const { address, port_value } = one.endpoint.address.socket_address;
  const provider = address.includes(":")
    ? `[${address}]:${port_value}`
    : `${address}:${port_value}`;
  const internal = { server_listener_name: listener, endpoint_id: provider };
  return {
    ...one,
    endpoint: { address: { envoy_internal_address: internal } },
    metadata: {
      filter_metadata: {
        ...one.metadata.filter_metadata,
        [PROVIDER]: { fields: { address: { stringValue: provider } } },
      },
    },
  };
}
