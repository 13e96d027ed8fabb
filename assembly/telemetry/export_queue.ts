/**
 * Records that wait to be sent: a bounded run of bytes, oldest first.
 *
 *     │ being sent: `sentLength` bytes │ waiting                      │ room up to `maxBytes`
 *     │ tag length record │ tag length …                              │
 *
 * A record is field 2 of its scope, see otlp.ts. What does not fit is not taken: the oldest calls of a
 * burst are told and the newest dropped, so that nothing has to be moved while traffic flows.
 */
import { Output } from "../wire/output";
import { SCOPE_RECORD } from "./otlp";
import { beginMessage, endMessage, loadNestedLength, NESTED_LENGTH_BYTES } from "./protobuf";

/** Bytes in front of a record: its tag and its length. */
const RECORD_HEAD: u32 = 1 + NESTED_LENGTH_BYTES;
/** A block that has grown in a burst is given back down to this many bytes once it is empty. */
const KEPT_ROOM: u32 = 64 * 1024;

/** Records that wait, of one kind. */
@unmanaged
@final
export class ExportQueue {
  /** The bytes of all records. */
  readonly records: Output = new Output();
  /** Number of records. */
  count: u32 = 0;
  /** How many bytes and records of the front are being sent. */
  sentLength: u32 = 0;
  sentCount: u32 = 0;
  private maxBytes: u32;
  private began: u32 = 0;

  /** @param maxBytes all records together take at most */
  constructor(maxBytes: u32) {
    this.maxBytes = maxBytes;
  }

  /** Begins a record, whose fields are written into `records`; `end` must follow. */
  begin(): void {
    this.began = beginMessage(this.records, SCOPE_RECORD);
  }

  /** Ends the record; false, and it is gone, if there is no room for it. */
  end(): bool {
    const records = this.records;
    endMessage(records, this.began);
    if (records.length > this.maxBytes) {
      records.cut(this.began - RECORD_HEAD);
      return false;
    }
    this.count++;
    return true;
  }

  /** Takes at most `most` records of the front to be sent; `sentLength` and `sentCount` say how many. */
  take(most: u32): void {
    const start = this.records.start;
    const taken = min<u32>(most, this.count);
    let length: u32 = 0;
    for (let i: u32 = 0; i < taken; i++) {
      length += RECORD_HEAD + loadNestedLength(start + length + 1);
    }
    this.sentLength = length;
    this.sentCount = taken;
  }

  /** Lets go of what was taken, because it has arrived or is given up. */
  drop(): void {
    const records = this.records;
    const left = records.length - this.sentLength;
    if (left != 0) memory.copy(records.start, records.start + this.sentLength, left);
    records.cut(left);
    this.count -= this.sentCount;
    this.sentLength = 0;
    this.sentCount = 0;
    if (left == 0) records.shrink(KEPT_ROOM);
  }

  /** Gives everything back. */
  free(): void {
    this.records.free();
    heap.free(changetype<usize>(this));
  }
}
