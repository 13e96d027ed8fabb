/** The module with its data packed; as it is where that has been done. */
export function pack(module: Buffer): Buffer;
