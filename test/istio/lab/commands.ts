// The programs that build.ts makes, and how to run one that ends by itself.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fromRoot } from "../../../harness/repository.ts";

/** Where build.ts puts them. */
export const ISTIO_BUILD = fromRoot("build", "istio");

/** Ours, Istio's and kustomize. */
export type IstioCommand =
  | "capture"
  | "bootstrap"
  | "registry"
  | "analyze"
  | "listeners"
  | "istioctl"
  | "pilot-agent"
  | "pilot-discovery"
  | "kustomize";

const RUN_MS = 60_000;
const OUTPUT_BYTES = 64 * 1024 * 1024;

/** Path of a program. Throws where it was not built. */
export function istioCommand(name: IstioCommand): string {
  return built(name);
}

/** Path of Istio's template of Envoy's bootstrap. Throws where it is not there. */
export function bootstrapTemplate(): string {
  return built("envoy_bootstrap.json");
}

/**
 * Runs a program to its end and gives its standard output; `env` is added to its environment.
 * Rejects where it takes longer than a minute or ends with another code than 0, with what it wrote
 * to its standard error.
 */
export async function output(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const options = { timeout: RUN_MS, maxBuffer: OUTPUT_BYTES, env: { ...process.env, ...env } };
  return (await promisify(execFile)(command, args, options)).stdout;
}

function built(file: string): string {
  const path = join(ISTIO_BUILD, file);
  if (!existsSync(path)) {
    throw new Error(`there is no ${path}; "node --import tsx test/istio/build.ts" makes it`);
  }
  return path;
}
