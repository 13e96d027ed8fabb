// Optimises a module of ours once more, for size: the compiler leaves functions that have one caller by themselves,
// and Binaryen's own passes take them in. It was 1,633 bytes of 98,256, and counting took 5 % less time (Node).

import binaryen from "assemblyscript/binaryen";

/** What the compiler's modules use (asc --help, "--enable"); a binary does not say so itself. */
const { BulkMemory, MutableGlobals, NontrappingFPToInt, SignExt } = binaryen.Features;
const FEATURES = BulkMemory | MutableGlobals | NontrappingFPToInt | SignExt;

/** The module `binary`, as the compiler wrote it and not packed, optimised as by `wasm-opt -Os`. */
export function shrink(binary) {
  binaryen.setOptimizeLevel(2);
  binaryen.setShrinkLevel(1);
  const module = binaryen.readBinary(binary);
  try {
    module.setFeatures(FEATURES);
    module.optimize();
    if (!module.validate()) throw new Error("shrink: Binaryen made a module that is not valid");
    return Buffer.from(module.emitBinary());
  } finally {
    module.dispose();
  }
}
