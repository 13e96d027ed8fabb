// The filter with one fault put in: it traps when a connection's first bytes are the word TRAP. Until
// then it is the filter, compiled from the same source, and so also serves as another version of it.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { main } from "assemblyscript/asc";
import { fromRoot } from "../../harness/repository.ts";

/** What makes the module trap. */
export const TRAP = "TRAP";

/** Beside the filter's own, so that imports are found; it exists in the compiler's memory alone. */
const ENTRY = "assembly/trapping.ts";
const CALLBACK = "proxy_on_downstream_data";

let compiled: Promise<string> | undefined;

/** Compiles it, the first time that it is asked for. Gives its path. */
export function trappingModule(): Promise<string> {
  return (compiled ??= compile());
}

async function compile(): Promise<string> {
  const binary = readFileSync(fromRoot("build/dubbo.wasm"));
  const callbacks = WebAssembly.Module.exports(new WebAssembly.Module(binary))
    .filter(({ name, kind }) => kind === "function" && name !== CALLBACK)
    .map(({ name }) => name);
  const word = Buffer.from(TRAP).readUInt32LE();
  const source = `
    import { ${CALLBACK} as callback } from "./index";
    import { BufferType, fetch } from "./host/buffers";
    export { ${callbacks.join(", ")} } from "./index";
    export function ${CALLBACK}(id: u32, size: u32, end: u32): u32 {
      const bytes = size < 4 ? 0 : fetch(BufferType.DOWNSTREAM_DATA, 0, 4);
      if (bytes != 0 && load<u32>(bytes) == ${word}) unreachable();
      return callback(id, size, end);
    }`;
  const folder = fromRoot("build/faults");
  mkdirSync(folder, { recursive: true });
  const file = fromRoot(folder, "trapping.wasm");
  const { error, stderr } = await main([ENTRY, "--target", "release", "--outFile", file], {
    readFile: (name) => (name === ENTRY ? source : textOf(name)),
    writeFile: (name, contents) => writeFileSync(fromRoot(name), contents),
  });
  if (error !== null) throw new Error(`${error.message}\n${stderr.toString()}`);
  return file;
}

function textOf(name: string): string | null {
  try {
    return readFileSync(fromRoot(name), "utf8");
  } catch {
    return null;
  }
}
