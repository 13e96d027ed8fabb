/**
 * The caller's context written anew, so that what follows belongs to our span.
 *
 *     traceparent                                       always
 *     b3                                                where the caller wrote it
 *     X-B3-TraceId, -SpanId, -ParentSpanId, -Sampled    where the caller wrote them, each by itself
 *
 * `sw8` goes on as it is: it names a segment and a place in it. Our span is in no segment of SkyWalking's,
 * so an agent that took it for a parent would hang on nothing (docs/telemetry.md, "SkyWalking").
 * Source of the formats: w3.org/TR/trace-context and github.com/openzipkin/b3-propagation.
 */
import { AttachmentChange, SetAttachment } from "../dubbo/attachment_change";
import { AttachmentQuery, WantedAttachment } from "../dubbo/attachments";
import { Kept, keptCopy, keptSpan } from "../wire/arena";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import {
  TraceContext,
  writeB3,
  writeB3TraceId,
  writeHex64,
  writeTraceparent,
} from "./trace_context";
import { NotedCall } from "./noted_call";

/** Room for all values at once: 55 + 51 + 32 + 16 + 16 + 1 characters. */
const ROOM: u32 = 171;

/** One key that is written anew. */
@unmanaged
@final
class PropagatedKey extends Kept {
  readonly wanted: WantedAttachment;
  private set: SetAttachment;
  private value: Span;
  /** The key as Brave spells it, as long as the one in lower case. */
  private spelling: usize;

  /** @param spelling the key, as it is written if the caller did not write it in lower case */
  constructor(spelling: string, query: AttachmentQuery, change: AttachmentChange) {
    super();
    const wanted = query.wantText(spelling);
    const encoded = String.UTF8.encode(spelling);
    const bytes = keptCopy(changetype<usize>(encoded), wanted.keyLength);
    const value = keptSpan();
    this.wanted = wanted;
    this.value = value;
    this.spelling = bytes;
    this.set = change.set(wanted, bytes, wanted.keyLength, value);
  }

  /** Whether the caller wrote it. */
  @inline
  get isThere(): bool {
    return this.wanted.found != 0;
  }

  /** Gives it what was appended to `out` since there were `from` bytes. */
  fill(out: Output, from: u32): void {
    const set = this.set;
    // Readers of attachments mind the case, so the caller's is kept.
    const isLower = this.wanted.exact.start != 0;
    memory.copy(set.key.start, isLower ? this.wanted.key : this.spelling, set.key.length);
    this.value.set(out.start + from, out.length - from);
  }

  /** Leaves the key as it is. */
  clear(): void {
    this.value.clear();
  }
}

/** Writes contexts; one in each plugin that propagates. */
@unmanaged
@final
export class Propagation extends Kept {
  /** Puts our context in the place of the caller's; nothing while there is none. */
  readonly change: AttachmentChange;
  /** Whether there is one. */
  hasContext: bool = false;
  private traceparent: PropagatedKey;
  private b3: PropagatedKey;
  private traceId: PropagatedKey;
  private spanId: PropagatedKey;
  private parentId: PropagatedKey;
  private sampled: PropagatedKey;
  private out: Output = new Output();

  /** @param query asks for the callers' keys from now on */
  constructor(query: AttachmentQuery) {
    super();
    const change = new AttachmentChange();
    this.change = change;
    this.traceparent = new PropagatedKey("traceparent", query, change);
    this.b3 = new PropagatedKey("b3", query, change);
    this.traceId = new PropagatedKey("X-B3-TraceId", query, change);
    this.spanId = new PropagatedKey("X-B3-SpanId", query, change);
    this.parentId = new PropagatedKey("X-B3-ParentSpanId", query, change);
    this.sampled = new PropagatedKey("X-B3-Sampled", query, change);
    // From now on no value moves.
    this.out.reserve(ROOM);
  }

  /** There is no context of ours. */
  clear(): void {
    this.hasContext = false;
    this.traceparent.clear();
    this.b3.clear();
    this.traceId.clear();
    this.spanId.clear();
    this.parentId.clear();
    this.sampled.clear();
  }

  /** Writes that of `traced`, whose caller's was `context`. */
  write(traced: NotedCall, context: TraceContext): void {
    const out = this.out;
    const high = traced.traceHigh;
    const low = traced.traceLow;
    const span = traced.spanId;
    out.clear();
    this.hasContext = true;
    writeTraceparent(out, high, low, span, true);
    this.traceparent.fill(out, 0);
    let from = out.length;
    if (this.b3.isThere) {
      writeB3(out, high, low, span, context.isDebug);
      this.b3.fill(out, from);
      from = out.length;
    }
    if (this.traceId.isThere) {
      writeB3TraceId(out, high, low);
      this.traceId.fill(out, from);
      from = out.length;
    }
    if (this.spanId.isThere) {
      writeHex64(out, span);
      this.spanId.fill(out, from);
      from = out.length;
    }
    if (this.parentId.isThere && traced.parentId != 0) {
      writeHex64(out, traced.parentId);
      this.parentId.fill(out, from);
      from = out.length;
    }
    if (this.sampled.isThere) {
      out.writeU8(0x31);
      this.sampled.fill(out, from);
    }
  }

  /** Gives back what grew. */
  free(): void {
    this.out.free();
  }
}
