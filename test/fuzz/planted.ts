// The module with a bug planted in it, to see that the fuzzer finds it.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { main } from "assemblyscript/asc";
import { fromRoot } from "../../harness/repository.ts";

/** A bug: in this file of assembly/ this text, which stands there once, becomes that. */
export interface Plant {
  what: string;
  file: string;
  from: string;
  to: string;
  /** What the fuzzer must say. */
  told: RegExp;
  /** Where the bug shows in few cases of the usual seed: one that meets such a case early. */
  seed?: number;
}

/** One for each kind of property: what is parsed, what is counted, what is shown, what is let through. */
export const PLANTS: readonly Plant[] = [
  {
    what: "values are nested without a limit",
    file: "serialization/hessian2/skip.ts",
    from: "if (depth == MAX_DEPTH)",
    to: "if (false)",
    // What lies behind the stack is overwritten: a trap or a wrong answer, as the memory is laid out.
    told: /Trap|WrongRead|WrongBytes/,
    seed: 107,
  },
  {
    what: "a gauge is not taken back",
    file: "ledger/ledger.ts",
    from: "recorder.addInline(series, cellKey(Metric.REQUESTS_ACTIVE, 0, 0, protocol), -1);",
    to: "",
    told: /WrongMetrics/,
  },
  {
    what: "names are shown with a semicolon",
    file: "call/cleaned.ts",
    from: "return byte == 0x5f ||",
    to: "return byte == 0x3b || byte == 0x5f ||",
    told: /unclean value/,
  },
  {
    what: "keys are known in one case only",
    file: "dubbo/attachment_key.ts",
    from: "return unit >= 0x41 && unit <= 0x5a ? unit | 0x20 : unit;",
    to: "return unit;",
    told: /WrongBytes/,
  },
  {
    what: "max_series does not hold for those who come later",
    file: "metrics/admission.ts",
    from: "if (admitted >= this.limit) {",
    to: "if (false) {",
    told: /sets of names/,
  },
  {
    what: "a call is authorized by one of its names alone",
    file: "policy/policies.ts",
    from: "if (i + m + v != 0 && !this.isAllowed(asked)) return false;",
    to: "",
    told: /a call went on that the policies refuse/,
  },
  {
    what: "a key with a type in front of it is let through",
    file: "serialization/jsonb/attachments.ts",
    from: "code == SYMBOL || code == TYPED ||",
    to: "code == SYMBOL ||",
    told: /a key that may be any/,
  },
];

/** Compiles the module with the plant, not optimised. Throws where the text is not there any more. */
export async function compilePlanted({ what, file, from, to }: Plant): Promise<Uint8Array> {
  const path = fromRoot("assembly", file);
  const source = readFileSync(path, "utf8");
  if (source.split(from).length !== 2) {
    throw new Error(
      `"${what}" cannot be planted: change its text in planted.ts to what ${file} says`,
    );
  }
  let binary: Uint8Array | undefined;
  let isPlanted = false;
  const { error, stderr } = await main(
    ["assembly/index.ts", "--config", "none", "--outFile", "planted.wasm"].concat([
      "--runtime",
      "minimal",
      "--use",
      "abort=",
      "--noAssert",
      "-O1",
    ]),
    {
      readFile: (name, base) => {
        const at = resolve(base, name);
        if (at === path) {
          isPlanted = true;
          return source.replace(from, to);
        }
        try {
          return readFileSync(at, "utf8");
        } catch {
          return null;
        }
      },
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binary === undefined) throw new Error(`${error}\n${stderr.toString()}`);
  if (!isPlanted) throw new Error(`the compiler did not ask for ${path}`);
  return binary;
}
