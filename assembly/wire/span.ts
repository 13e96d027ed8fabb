/**
 * A run of bytes that somebody else owns: where it starts and how long it is.
 *
 * Parsers answer with spans into the bytes they were given; a span is good as long as those bytes
 * stay where they are, which is until the next read from the host.
 */
@unmanaged
export class Span {
  /** Address of the first byte; 0 means that there is no value (a null on the wire). */
  start: usize = 0;
  /** Number of bytes. */
  length: u32 = 0;

  /** Points the span at `length` bytes from `start` on. */
  @inline
  set(start: usize, length: u32): void {
    this.start = start;
    this.length = length;
  }

  /** Points the span at the bytes of another one. */
  @inline
  point(to: Span): void {
    this.set(to.start, to.length);
  }

  /** Makes the span say "no value". */
  @inline
  clear(): void {
    this.start = 0;
    this.length = 0;
  }
}
