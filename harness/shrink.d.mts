/** The module, as the compiler wrote it and not packed, optimised once more for size. */
export function shrink(binary: Uint8Array): Buffer;
