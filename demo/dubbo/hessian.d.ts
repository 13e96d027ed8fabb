// The part of hessian.js that the demo calls; the package brings no types of its own.
declare module "hessian.js" {
  /** Writes Hessian 2 values one after the other; classes and references count on between them. */
  export class EncoderV2 {
    /** Writes any value; throws TypeError for what has no Hessian form (a bigint, say). */
    write(value: unknown): this;
    /** Everything written so far. */
    get(): Buffer;
  }

  /** Reads Hessian 2 values one after the other. */
  export class DecoderV2 {
    constructor(buffer: Buffer);
    /**
     * The next value; throws on bytes that are none. With types, every value but null is
     * `{ $class, $ }`, and an instance of a class named `…Exception` has an Error as its `$`.
     */
    read(withType?: boolean): unknown;
    /** Bytes read so far. */
    position(): number;
  }
}
