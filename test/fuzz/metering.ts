// The module with a meter in it: a copy of the release module that counts its own work.
//
// Every turn of a loop and every call of a function counts one, every 16 bytes copied, filled or handed
// over by the host another. Nothing in WebAssembly can take long without one of these. So work is a
// number that is the same on every machine, and a loop that never ends is a trap and not a hang.

import binaryen from "assemblyscript/binaryen";

/** Export that answers the work since it was last asked. */
export const TAKE_WORK = "take_work";

/** Work in one callback that no input justifies: the meter traps there. */
const MOST_WORK = 1 << 28;

const add = (amount: string): string => `(global.set $work (i32.add (global.get $work) ${amount}))`;
const STEP = add("(i32.const 1)");
const GUARD = `(if (i32.gt_u (global.get $work) (i32.const ${MOST_WORK})) (then (unreachable)))`;
const sixteenths = (size: string): string => add(`(i32.shr_u (local.get ${size}) (i32.const 4))`);

const bulk = (operation: string): string => `
  (func $metered_${operation} (param $to i32) (param $from i32) (param $size i32)
    ${sixteenths("$size")}
    (memory.${operation} (local.get $to) (local.get $from) (local.get $size)))`;

const ADDITIONS = `
  (global $work (mut i32) (i32.const 0))
  (func $take_work (export "${TAKE_WORK}") (result i32) (local $all i32)
    (local.set $all (global.get $work))
    (global.set $work (i32.const 0))
    (local.get $all))
  ${bulk("copy")}
  ${bulk("fill")}
`;

/** The module's text, one instruction or head to a line, with the meter in it. */
function withMeter(text: string): string {
  const malloc = /\(export "malloc" \(func (\$\S+)\)\)/.exec(text)?.[1];
  if (malloc === undefined) throw new Error("no export malloc in the module");
  const lines: string[] = [];
  // What the function whose locals are being read begins with.
  let beginning = "";
  let isAdded = false;
  for (const line of text.split("\n")) {
    const name = /^ \(func (\$\S+)/.exec(line)?.[1];
    if (beginning !== "" && !line.startsWith("  (local ")) {
      lines.push(beginning);
      beginning = "";
    }
    // What is used must stand in front of its use.
    if (name !== undefined && !isAdded) lines.push(ADDITIONS);
    if (name !== undefined) isAdded = true;
    if (name !== undefined) beginning = name === malloc ? STEP + sixteenths("$0") : STEP;
    const changed = line
      .replace("(memory.copy", "(call $metered_copy")
      .replace("(memory.fill", "(call $metered_fill");
    lines.push(/^ *\(loop [^()]*(\(result \S+\))?$/.test(line) ? line + STEP + GUARD : changed);
  }
  return lines.join("\n");
}

/** The module with a meter. Takes about two seconds. */
export function meter(wasm: Uint8Array): Uint8Array {
  const module = binaryen.readBinary(wasm);
  const text = module.emitText();
  module.dispose();
  const changed = binaryen.parseText(withMeter(text));
  changed.setFeatures(binaryen.Features.All);
  const bytes = changed.emitBinary();
  changed.dispose();
  return bytes;
}
