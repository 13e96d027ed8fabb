// What others count the same calls with: Envoy's access logger of statistics, and native code (native/count.c).

import { execFileSync } from "node:child_process";
import type { Json } from "../harness/envoy_config.ts";
import { isAtLeast } from "../harness/envoy_binary.ts";
import { fromRoot } from "../harness/repository.ts";

const TYPES = "type.googleapis.com/envoy.extensions";

/** The versions of Envoy that have the logger, and the one whose ABI native/count.c was written for. */
const LOGGER_SINCE = "1.37";
const NATIVE_FOR = /^1\.39\./;

/** Why a chain cannot be measured on this machine, by its name; empty where all can. */
export type Missing = Record<string, string>;

/** Whether Envoy has the access logger of statistics; else it is told in `missing`. */
export function hasLogger(envoy: string, missing: Missing): boolean {
  if (isAtLeast(envoy, LOGGER_SINCE)) return true;
  missing.generic_logger = `Envoy ${envoy} has no stats logger, ${LOGGER_SINCE} does`;
  return false;
}

/**
 * Compiles native/count.c into `folder` for this Envoy; answers the shared library, undefined where that
 * cannot be, which is told in `missing`.
 */
export function nativeModule(folder: string, envoy: string, missing: Missing): string | undefined {
  if (!NATIVE_FOR.test(envoy)) {
    missing.native = `bench/native/count.c is for Envoy 1.39, not ${envoy}`;
    return undefined;
  }
  const file = fromRoot(folder, "libdubbo_count.so");
  const flags = ["-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden"];
  try {
    execFileSync("cc", [...flags, "-o", file, fromRoot("bench/native/count.c")], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    return file;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    missing.native = "there is no C compiler (cc)";
    return undefined;
  }
}

/** The filter that calls a dynamic module. */
export function nativeFilter(filename: string): Json {
  return {
    name: "envoy.filters.network.dynamic_modules",
    typed_config: {
      "@type": `${TYPES}.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter`,
      dynamic_module_config: { module: { local: { filename } } },
      filter_name: "count",
    },
  };
}

/** An access log of generic_proxy that counts calls and their durations by what the filter counts them by. */
export function statsLogger(prefix: string): Json {
  const tags = [
    { name: "interface", value_format: "%PATH%" },
    { name: "method", value_format: "%METHOD%" },
    { name: "code", value_format: "%GENERIC_RESPONSE_CODE%" },
  ];
  return {
    name: "envoy.access_loggers.stats",
    typed_config: {
      "@type": `${TYPES}.access_loggers.stats.v3.Config`,
      stat_prefix: prefix,
      counters: [{ stat: { name: "calls", tags }, value_fixed: 1 }],
      histograms: [
        { stat: { name: "duration", tags }, unit: "Milliseconds", value_format: "%DURATION%" },
      ],
    },
  };
}
