/**
 * One plugin instance's configuration, checked and in the form that the filter uses it in.
 *
 * reader.ts makes it from JSON; docs/configuration.schema.json says the same to people and tools.
 */
import { Call } from "../call/call";
import { bitOf, Name } from "../call/names";
import { AttachmentQuery } from "../dubbo/attachments";
import { MetricsSettings } from "../metrics/settings";
import { NameSet } from "../metrics/name_set";
import { Policies } from "../policy/policies";
import { TelemetrySettings } from "../telemetry/settings";
import { Routing } from "../routing/routing";
import { Kept } from "../wire/arena";

/** `side`: which side of a call the proxy stands on. */
export const enum SideSetting {
  /** From the listener's direction: inbound is provider, everything else consumer. */
  AUTO,
  CONSUMER,
  PROVIDER,
}

/** Dubbo's own default payload limit: 8 MiB. */
export const DEFAULT_MAX_BODY_BYTES: u32 = 8 * 1024 * 1024;
/** Far above what one connection of a Dubbo consumer has in flight (its thread pool's size, 200). */
export const DEFAULT_MAX_IN_FLIGHT: u32 = 4096;

/** A plugin's configuration. */
@unmanaged
@final
export class Settings extends Kept {
  side: SideSetting = SideSetting.AUTO;
  /** The longest body in bytes that is taken for Dubbo. */
  maxBodyBytes: u32 = DEFAULT_MAX_BODY_BYTES;
  /** The most calls that are followed at once on one connection. */
  maxInFlight: u32 = DEFAULT_MAX_IN_FLIGHT;
  /** Whether calls are answered when the server ends its connection. */
  answersOnUpstreamClose: bool = false;
  /** Whether the events that the server sends go nowhere; only where `answersOnUpstreamClose` is on. */
  dropsUpstreamEvents: bool = false;
  /** Whether the server's connection is closed when the client has left. */
  closesOnDownstreamClose: bool = false;
  metrics: MetricsSettings;
  /** What calls are routed by, or null. */
  routing: Routing | null = null;
  /** What calls are refused by, or null. */
  policies: Policies | null = null;
  /** What is told of calls outside, or null. */
  telemetry: TelemetrySettings | null = null;
  /** Everything that anybody asks of attachments. */
  query: AttachmentQuery = new AttachmentQuery();
  /** The call that is being read: rules may set attachments to its names. */
  call: Call = new Call();

  /** @param seed for the hashes of names */
  constructor(seed: u64) {
    super();
    this.metrics = new MetricsSettings(new NameSet(seed));
    this.metrics.labels = bitOf(Name.INTERFACE) | bitOf(Name.METHOD);
  }

  /** Whether there are attachments that only the filter may set. */
  get hasProtectedKeys(): bool {
    const routing = this.routing;
    return routing !== null && routing.hasProtectedKeys;
  }

  /** Policies need whole requests, as rewriting does: everything of routing but rules of its own. */
  holdForPolicies(seed: u64): void {
    const policies = this.policies;
    if (!policies) return;
    if (this.hasProtectedKeys) policies.mustRead = true;
    if (policies.isEmpty && !policies.mustRead) {
      this.policies = null;
      return;
    }
    const routing = this.rewriting(seed);
    routing.mustRead = policies.mustRead;
    if (policies.usesAddress) routing.usesAddress = true;
    if (policies.usesPrincipal) routing.usesPrincipal = true;
  }

  /** Routing that rewrites, with no rules of its own where the configuration has none. */
  rewriting(seed: u64): Routing {
    let routing = this.routing;
    if (!routing) {
      routing = new Routing(seed);
      this.routing = routing;
    }
    routing.rewrites = true;
    routing.usesAttachments = true;
    return routing;
  }

  /** Gives back what grew: all else is the arena's. */
  free(): void {
    this.metrics.interfaces.free();
    const routing = this.routing;
    if (routing) routing.free();
    const policies = this.policies;
    if (policies) policies.free();
  }
}
