// The import object of a module: the host functions of host.ts, each counting its calls.

import type { Vm } from "./emulator.ts";
import { HostError } from "./errors.ts";
import { hostFunctions } from "./host.ts";

/** Links a VM's module to its host functions and counts how often each is called. */
export class HostCalls {
  readonly imports: WebAssembly.ModuleImports = {};
  readonly #counts = new Map<string, { calls: number }>();

  /** Refuses a module that imports anything but the `allowed` functions of `env`. */
  constructor(vm: Vm, module: WebAssembly.Module, allowed: readonly string[]) {
    const functions = hostFunctions(vm);
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      if (from !== "env" || !allowed.includes(name)) {
        throw new HostError(`the module imports ${from}.${name}, which it is not allowed`);
      }
      const host = functions[name] as ((...args: unknown[]) => number) | undefined;
      if (host === undefined) throw new HostError(`${name} is not emulated`);
      const count = { calls: 0 };
      this.#counts.set(name, count);
      // Ten parameters are the most that a host function has; a rest parameter would cost an array.
      this.imports[name] = (
        a: unknown,
        b: unknown,
        c: unknown,
        d: unknown,
        e: unknown,
        f: unknown,
        g: unknown,
        h: unknown,
        i: unknown,
        j: unknown,
      ) => {
        count.calls++;
        if (!vm.mayCallHost) {
          throw new HostError(`${name} called in ${vm.callback || "the start function"}`);
        }
        return host(a, b, c, d, e, f, g, h, i, j);
      };
    }
  }

  /** Calls by function since the last reset; a function that was not called is not in it. */
  read(): Record<string, number> {
    const read: Record<string, number> = {};
    for (const [name, { calls }] of this.#counts) if (calls > 0) read[name] = calls;
    return read;
  }

  reset(): void {
    for (const count of this.#counts.values()) count.calls = 0;
  }
}
