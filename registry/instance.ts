// The model: one provider's promise to serve one interface, whichever registry told of it.

/** What a provider said when it registered. */
export interface Instance {
  /** Full name of the interface. */
  interface: string;
  /** "" where the provider has none. */
  group: string;
  /** "" where the provider has none; Dubbo Java's word for that, "0.0.0", is "" here too. */
  version: string;
  application: string;
  /** An IP address: Envoy's endpoint discovery takes no names. */
  address: string;
  port: number;
  /** "dubbo", "tri", … */
  protocol: string;
  /** Dubbo's weight: 100 unless set; 0 asks for no calls. */
  weight: number;
  /** When it started, in ms since 1970; 0 where it did not say. */
  startedAt: number;
  /** For how long after its start it takes less than its weight, in ms. */
  warmUpMs: number;
  /** "" where it has none. */
  tag: string;
  zone: string;
  /** It asks for no new calls, but answers what it has. */
  disabled: boolean;
}

/** Dubbo's own (Constants.DEFAULT_WEIGHT, DEFAULT_WARMUP). */
export const DEFAULT_WEIGHT = 100;
export const DEFAULT_WARM_UP_MS = 10 * 60_000;
/** Envoy's endpoints take a weight of 32 bits, and the sum of them too: 10,000 of these fit. */
export const MAX_WEIGHT = 400_000;

/** Dubbo's name of a service: `group/interface:version`, without the parts that are not there. */
export function serviceKey(one: Pick<Instance, "interface" | "group" | "version">): string {
  const group = one.group === "" ? "" : `${one.group}/`;
  const version = one.version === "" ? "" : `:${one.version}`;
  return group + one.interface + version;
}

/**
 * The weight at a time, in ms since 1970: while it warms up, the part of its weight that its age is of
 * the whole time, at least 1 (AbstractLoadBalance.calculateWarmupWeight). A start in the future, by
 * another machine's clock, is one just now.
 */
export function weightAt(one: Instance, now: number): number {
  if (one.weight <= 0) return 0;
  if (!warmsUpAt(one, now)) return one.weight;
  const age = Math.max(now - one.startedAt, 1);
  return Math.min(Math.max(Math.floor((age * one.weight) / one.warmUpMs), 1), one.weight);
}

/** Whether the weight still grows at a time, in ms since 1970. */
export function warmsUpAt(one: Instance, now: number): boolean {
  return one.startedAt > 0 && one.warmUpMs > 0 && now - one.startedAt < one.warmUpMs;
}
