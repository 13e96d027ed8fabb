/**
 * Which calls are recorded, and where in their trace they stand.
 *
 * The caller's context stands in attachments, or in headers over HTTP, under the keys of W3C, B3 and
 * SkyWalking, in any case of letters. What the caller says of sampling is obeyed; a call without a context,
 * or whose caller leaves it open, is drawn.
 */
import { AttachmentQuery, WantedAttachment } from "../dubbo/attachments";
import { AttachmentChange } from "../dubbo/attachment_change";
import { Kept } from "../wire/arena";
import { hashU64 } from "../wire/hash";
import { Propagation } from "./propagation";
import { TelemetrySettings, WHOLE } from "./settings";
import { NotedCall } from "./noted_call";
import {
  readB3,
  readB3Ids,
  readB3Sampled,
  readSw8,
  readTraceparent,
  Sampling,
  TraceContext,
} from "./trace_context";

/** Reads contexts and draws samples; one in each plugin that makes spans. */
@unmanaged
@final
export class Tracing extends Kept {
  /** What passes our context on, or null. */
  private propagation: Propagation | null = null;
  private settings: TelemetrySettings;
  private traceparent: WantedAttachment;
  private b3: WantedAttachment;
  private b3TraceId: WantedAttachment;
  private b3SpanId: WantedAttachment;
  private b3Sampled: WantedAttachment;
  private b3Flags: WantedAttachment;
  private sw8: WantedAttachment;
  private context: TraceContext = new TraceContext();
  private random: u64;
  /** Whether chance has spoken on the next call already, and what it said. */
  private isDrawn: bool = false;
  private hasLuck: bool = false;

  /**
   * @param query asks for the callers' contexts from now on
   * @param seed for chance and ids
   */
  constructor(settings: TelemetrySettings, query: AttachmentQuery, seed: u64) {
    super();
    this.settings = settings;
    this.random = hashU64(seed, 3);
    this.traceparent = wantContext(query, "traceparent");
    this.b3 = wantContext(query, "b3");
    this.b3TraceId = wantContext(query, "x-b3-traceid");
    this.b3SpanId = wantContext(query, "x-b3-spanid");
    this.b3Sampled = wantContext(query, "x-b3-sampled");
    this.b3Flags = wantContext(query, "x-b3-flags");
    this.sw8 = wantContext(query, "sw8");
    if (settings.propagates) this.propagation = new Propagation(query);
  }

  /** What puts our context in the place of the caller's in the call that was begun last, or null. */
  get change(): AttachmentChange | null {
    const propagation = this.propagation;
    return propagation && propagation.hasContext ? propagation.change : null;
  }

  /** No call of a context of ours has begun. */
  clear(): void {
    const propagation = this.propagation;
    if (propagation) propagation.clear();
  }

  /** Whether chance wants the next call; asked again, it says the same until that call has begun or passed. */
  isLucky(): bool {
    if (!this.isDrawn) {
      this.random = hashU64(this.random, 1);
      this.hasLuck = ((this.random >> 32) * WHOLE) >> 32 < this.settings.samplePerWhole;
      this.isDrawn = true;
    }
    return this.hasLuck;
  }

  /** The next call passes without being recorded. */
  @inline
  pass(): void {
    this.isDrawn = false;
  }

  /** Whether the attachments that were read last have any key of a context. */
  get hasContext(): bool {
    const found =
      this.traceparent.found |
      this.b3.found |
      this.b3TraceId.found |
      this.b3Sampled.found |
      this.b3Flags.found |
      this.sw8.found;
    return found != 0;
  }

  /**
   * Decides on the call whose attachments or headers were just read, and gives it its place if it is recorded.
   *
   * @param isUnlucky whether chance has spoken on it before, and does not want it
   */
  begin(noted: NotedCall, isUnlucky: bool): void {
    const propagation = this.propagation;
    const context = this.context;
    this.readContext();
    const isLucky = !isUnlucky && this.isLucky();
    if (!isUnlucky) this.pass();
    const isOpen = context.sampling == Sampling.OPEN;
    if (isOpen ? !isLucky : context.sampling != Sampling.SAMPLED) return;
    if (!context.hasTrace) {
      context.traceHigh = this.draw();
      context.traceLow = this.draw() | 1;
      context.spanId = 0;
    }
    noted.trace(context, this.draw() | 1);
    if (propagation) propagation.write(noted, context);
  }

  private readContext(): void {
    const context = this.context;
    context.clear();
    const traceparent = this.traceparent.value;
    if (readTraceparent(traceparent.start, traceparent.length, context)) return;
    const b3 = this.b3.value;
    if (b3.length != 0 && readB3(b3.start, b3.length, context)) return;
    const trace = this.b3TraceId.value;
    const span = this.b3SpanId.value;
    if (trace.length != 0) {
      readB3Ids(trace.start, trace.length, span.start, span.length, context);
    }
    const sampled = this.b3Sampled.value;
    context.sampling = readB3Sampled(sampled.start, sampled.length);
    const flags = this.b3Flags.value;
    if (flags.length == 1 && load<u8>(flags.start) == 0x31) {
      context.sampling = Sampling.SAMPLED;
      context.isDebug = true;
    }
    if (context.hasTrace) return;
    const sw8 = this.sw8.value;
    if (sw8.length != 0) readSw8(sw8.start, sw8.length, context);
  }

  private draw(): u64 {
    this.random = hashU64(this.random, 1);
    return hashU64(this.random, 7);
  }

  /** Gives back what grew. */
  free(): void {
    const propagation = this.propagation;
    if (propagation) propagation.free();
  }
}

function wantContext(query: AttachmentQuery, key: string): WantedAttachment {
  const wanted = query.wantText(key);
  wanted.takesLists = true;
  return wanted;
}
