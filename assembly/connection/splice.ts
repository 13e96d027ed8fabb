/**
 * What goes on of the bytes of one read, put together, in either direction.
 *
 *     read from Envoy:   kept ... │ dropped │ kept ... │ replaced │ kept ... │ withheld
 *                        ─────────┴─────────┴──────────┴──────────┴──────────┴─────────
 *     goes on:           kept ...           kept ...     written    kept ...
 *
 * Bytes that are kept are not copied as long as they need not move: all that changed is handed to Envoy
 * with one replacement of the read's beginning, and with none where nothing has changed.
 */
import { BufferType, replaceStart } from "../host/buffers";
import { Output } from "../wire/output";

/** Reads are put together in a buffer that keeps at most this many bytes of room. */
const KEPT_ROOM: u32 = 256 * 1024;

/** One in each plugin: reads are taken in one after the other. */
@unmanaged
@final
export class Splice {
  /** What goes on, up to `copied`. */
  readonly out: Output = new Output();
  private start: usize = 0;
  private end: usize = 0;
  /** Bytes before it are in `out`, or go nowhere; those from here to `at` are kept. */
  private copied: usize = 0;
  /** How much there was in `out` when it was opened. */
  private mark: u32 = 0;
  /** How much of `out` goes on before what is written since it was opened. */
  opened: u32 = 0;
  /** Where the bytes lie that are not decided on. */
  at: usize = 0;

  /** A read begins: the `size` bytes at `start`, of which none is decided on. */
  begin(start: usize, size: u32): void {
    this.start = start;
    this.end = start + size;
    this.copied = start;
    this.at = start;
    this.out.clear();
  }

  /** How many bytes are not decided on. */
  @inline
  get left(): u32 {
    return <u32>(this.end - this.at);
  }

  /** The next `length` bytes go on. */
  @inline
  keep(length: u32): void {
    this.at += length;
  }

  /**
   * Something goes on in the place of the next bytes: write it to what this answers, and then call
   * `replace`, or `cancel`.
   */
  open(): Output {
    const out = this.out;
    this.mark = out.length;
    out.write(this.copied, <u32>(this.at - this.copied));
    this.opened = out.length;
    return out;
  }

  /** Nothing is written after all since `open`. */
  cancel(): void {
    this.out.cut(this.mark);
  }

  /** What was written since `open` goes on in the place of the next `length` bytes. */
  replace(length: u32): void {
    this.at += length;
    this.copied = this.at;
  }

  /** The next `length` bytes go nowhere. */
  drop(length: u32): void {
    this.open();
    this.replace(length);
  }

  /** The `length` bytes at `bytes`, of an earlier read, go on before the next ones. */
  insert(bytes: usize, length: u32): void {
    this.open().write(bytes, length);
    this.replace(0);
  }

  /**
   * Tells Envoy what goes on of the read that is shown as `type`; what is not decided on does.
   *
   * @returns how many bytes go on
   */
  finish(type: BufferType): u32 {
    const out = this.out;
    const copied = this.copied;
    const goesOn = out.length + <u32>(this.end - copied);
    if (copied != this.start || out.length != 0) {
      replaceStart(type, <u32>(copied - this.start), out.start, out.length);
    }
    this.forget();
    return goesOn;
  }

  /** Forgets what was put together: Envoy is told in another way what goes on. */
  forget(): void {
    const out = this.out;
    out.clear();
    out.shrink(KEPT_ROOM);
  }

  /** Gives everything back. */
  free(): void {
    this.out.free();
    heap.free(changetype<usize>(this));
  }
}
