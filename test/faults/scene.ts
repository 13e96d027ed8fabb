// What a scene is: one fault, played on a stage, and what was seen of it.

import type { Chain } from "./chains.ts";
import type { Stage, StageOptions } from "./stage.ts";

/** What was seen of one fault. */
export interface Sight {
  /** What became of the caller's calls. */
  sees: string;
  /** What the metrics say; the counts of the interface unless given. */
  metrics?: string;
  /** What Envoy did; "lives" unless given. */
  envoy?: string;
}

/** One fault. */
export interface Scene {
  name: string;
  options?: StageOptions;
  /** Lets it happen. The client has made one call, and callers of a healthy provider are at work. */
  play(stage: Stage): Promise<Sight>;
  /** Chains in which Envoy itself is known to abort. */
  aborts?: readonly Chain[];
  /** The filter is gone: gauges stay as they were, and calls to the healthy provider may be lost. */
  isTrap?: boolean;
}
