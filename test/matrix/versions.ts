// The versions of Envoy that the end-to-end tests run on, and in what each differs from the newest one
// that is supported in full. What is said here is what tests hold Envoy to; they are named beside it.

/** One version. */
export interface Version {
  version: string;
  /** What is different with it, for the list, a sentence; "" for nothing. */
  differs: string;
  /** Its PyPI wheel cannot run Wasm: the tests cannot be run, and that is what is tested. */
  isWithoutV8?: boolean;
}

const NO_EARLY_DATA =
  "It has no connection mode, and loses one-way calls behind the guard: its `tcp_proxy` does not know " +
  "`max_early_data_bytes` and `upstream_connect_mode` (docs/routing.md, docs/guard.md)";
const ONE_PLUGIN =
  "Plugins that differ only in their listener's direction share one `side: auto`: give them different " +
  "names (test/e2e/filter/listeners.test.ts). It warns that `capability_restriction_config` is " +
  "deprecated. The guard needs a runtime key (docs/guard.md)";

/** All of them, oldest first. */
export const VERSIONS: readonly Version[] = [
  { version: "1.36.4", differs: NO_EARLY_DATA },
  { version: "1.37.0", differs: "" },
  { version: "1.38.2", differs: "" },
  {
    version: "1.38.3",
    differs:
      "Its PyPI wheel is built without V8, so without Wasm; other builds of it were not tested",
    isWithoutV8: true,
  },
  { version: "1.39.3", differs: "" },
  { version: "1.40.0", differs: ONE_PLUGIN },
];
