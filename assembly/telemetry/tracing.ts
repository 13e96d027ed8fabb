/**
 * Which calls are recorded, and where in their trace they stand.
 *
 * The caller's context stands in attachments, or in headers over HTTP, under the keys of W3C, B3 and
 * SkyWalking, in any case of letters. What the caller says of sampling is obeyed; a call without a context,
 * or whose caller leaves it open, is drawn.
 */
import { AttachmentQuery, WantedAttachment } from "../dubbo/attachments";
import { AttachmentChange } from "../dubbo/attachment_change";
import { hashU64 } from "../wire/hash";
import { Propagation } from "./propagation";
import { TelemetrySettings, WHOLE } from "./settings";
import { takeTracedCall, TracedCall } from "./traced_call";
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
export class Tracing {
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

  /**
   * @param query asks for the callers' contexts from now on
   * @param seed for chance and ids
   */
  constructor(settings: TelemetrySettings, query: AttachmentQuery, seed: u64) {
    this.settings = settings;
    this.random = hashU64(seed, 3);
    this.traceparent = query.wantText("traceparent");
    this.b3 = query.wantText("b3");
    this.b3TraceId = query.wantText("x-b3-traceid");
    this.b3SpanId = query.wantText("x-b3-spanid");
    this.b3Sampled = query.wantText("x-b3-sampled");
    this.b3Flags = query.wantText("x-b3-flags");
    this.sw8 = query.wantText("sw8");
    if (settings.propagates) this.propagation = new Propagation(query);
  }

  /** What puts our context in the place of the caller's in the call that was begun last, or null. */
  get change(): AttachmentChange | null {
    const propagation = this.propagation;
    return propagation && propagation.hasContext ? propagation.change : null;
  }

  /**
   * The call whose attachments or headers were just read, if it is to be recorded.
   *
   * @param time in ns since 1970
   */
  begin(time: u64): TracedCall | null {
    const propagation = this.propagation;
    if (propagation) propagation.clear();
    const context = this.context;
    this.readContext();
    let isSampled = context.sampling == Sampling.SAMPLED;
    if (context.sampling == Sampling.OPEN) {
      isSampled = <u32>(this.draw() % WHOLE) < this.settings.samplePerWhole;
    }
    if (!isSampled) return null;
    if (!context.hasTrace) {
      context.traceHigh = this.draw();
      context.traceLow = this.draw() | 1;
      context.spanId = 0;
    }
    const traced = takeTracedCall(context, this.draw() | 1, time);
    if (traced && propagation) propagation.write(traced, context);
    return traced;
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

  /** Gives everything back. */
  free(): void {
    const propagation = this.propagation;
    if (propagation) propagation.free();
    heap.free(changetype<usize>(this.context));
    heap.free(changetype<usize>(this));
  }
}
