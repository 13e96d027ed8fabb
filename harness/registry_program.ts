// `npm run registry`'s program as a process, on free ports.

import { freePorts } from "./ports.ts";
import { startProcess, type ManagedProcess } from "./processes.ts";
import { fromRoot, ROOT } from "./repository.ts";

/** The program, which may not be ready yet; its owner has to stop it. */
export interface RegistryProgram {
  process: ManagedProcess;
  /** Port on 127.0.0.1 where Envoys ask. */
  ads: number;
  /** Where its metrics and its readiness are, e.g. "http://127.0.0.1:21234". */
  url: string;
}

/** @param options of the program, besides where it serves */
export async function startRegistryProgram(...options: string[]): Promise<RegistryProgram> {
  const [ads, http] = (await freePorts(2)) as [number, number];
  const args = [fromRoot("harness/run.mjs"), "registry/main.ts", ...options];
  args.push("--ads", `127.0.0.1:${ads}`, "--http", `127.0.0.1:${http}`);
  const command = process.execPath;
  const started = startProcess({ name: "registry", command, args, cwd: ROOT });
  return { process: started, ads, url: `http://127.0.0.1:${http}` };
}
