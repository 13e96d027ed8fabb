// The filter with policies in the emulator: what the tests of policies start from.

import type { Connection } from "../../emulator/connection.ts";
import { propertyPath, type PropertyValues } from "../../emulator/properties.ts";
import { Vm, type VmOptions } from "../../emulator/emulator.ts";
import { MODULE_UNDER_TEST, type Setup } from "../routing/setup.ts";
import { heartbeat, Flag } from "../../frames/frames.ts";

/** Starts the filter with these policies, as the provider's side unless `rest` says otherwise. */
export function startPolicies(
  policies: object[],
  options: VmOptions & { rest?: object; properties?: PropertyValues } = {},
): Setup {
  const { rest, properties, ...vmOptions } = options;
  const vm = Vm.load(MODULE_UNDER_TEST, vmOptions);
  const config = JSON.stringify({ side: "provider", ...rest, policies });
  const plugin = vm.plugin({ config, properties: properties ?? {} });
  if (plugin.refused !== undefined) throw new Error(plugin.refused[0]!.message);
  return { vm, plugin, connection: plugin.connect() };
}

/** Properties of a connection whose client has shown this identity. */
export function identity(principal: string): PropertyValues {
  return { [propertyPath("connection", "uri_san_peer_certificate")]: principal };
}

/** The heartbeat that stands in for request `id`. */
export function standIn(id: number | bigint): Uint8Array {
  return heartbeat({ id });
}

/** What a provider answers to it. */
export function beatAnswer(id: number | bigint): Uint8Array {
  const answer = heartbeat({ id });
  answer[2] = Flag.event | 2;
  answer[3] = 20;
  return answer;
}

/** What comes to the client when the server sends `bytes`, cut before each of `places`. */
export function answered(
  connection: Connection,
  bytes: Uint8Array,
  places: number[] = [],
): Uint8Array {
  const before = connection.toDownstream.length;
  let from = 0;
  for (const place of [...places, bytes.length]) {
    if (place > from) connection.upstream(bytes.subarray(from, place));
    from = place;
  }
  return connection.toDownstream.subarray(before);
}
