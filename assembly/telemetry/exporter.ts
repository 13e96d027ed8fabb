/**
 * Sends what waits in a queue to a collector, one request at a time.
 *
 *               enough waits, or long enough             2xx, or given up
 *        IDLE ──────────────────────────────→ SENDING ───────────────────→ IDLE
 *                                               │  ↑
 *                     429, 502, 503, 504        ↓  │ its time has come
 *                                              RETRY
 *
 * As OTLP wants it: these four answers say "again", after `Retry-After` where there is one, else after a
 * pause that doubles; every other answer and none in time say "never", and the records are dropped. A
 * collector that is dead costs a request each `MOST_PAUSE` and the queue's bytes.
 * Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Response".
 */
import { sendRequest } from "../host/http_call";
import { Kept, keptSpan } from "../wire/arena";
import { Output } from "../wire/output";
import { Span } from "../wire/span";
import { ExportQueue } from "./export_queue";
import { writeRequest } from "./otlp";

const enum ExportState {
  IDLE,
  SENDING,
  RETRY,
}

/** What became of a request; label `dubbo_reason` of what was dropped, but for `ACCEPTED`. */
export const enum ExportResult {
  /** The collector took all of it, or some. */
  ACCEPTED,
  /** It will be sent again. */
  AGAIN,
  /** No answer came in time. */
  TIMEOUT,
  /** The collector does not want it, or did not want it often enough. */
  FAILED,
}

/** How often a batch is sent at most. */
const MOST_ATTEMPTS: u32 = 4;
/** The first pause before a batch is sent again, in ns; each further one is twice as long … */
const FIRST_PAUSE: u64 = 1_000_000_000;
/** … up to this. A collector that asks for a longer one is asked again then. */
const MOST_PAUSE: u64 = 60_000_000_000;
const SECOND: u64 = 1_000_000_000;

/** Where to, and how much at once; whole numbers in the units that are named. */
@unmanaged
@final
export class ExportSettings extends Kept {
  cluster: Span = keptSpan();
  /** As the host takes them, with the path of this kind of record. */
  headers: Span = keptSpan();
  /** The fields of `Resource` and of `InstrumentationScope`. */
  resource: Span = keptSpan();
  scope: Span = keptSpan();
  timeoutMs: u32 = 0;
  /** How long records wait at most before they are sent, in ns. */
  interval: u64 = 0;
  maxBatch: u32 = 0;
  maxQueueBytes: u32 = 0;
}

/** The records of one kind and their way out. */
@unmanaged
@final
export class Exporter {
  readonly queue: ExportQueue;
  private settings: ExportSettings;
  private state: ExportState = ExportState.IDLE;
  private token: i64 = -1;
  private attempts: u32 = 0;
  /** When the batch was sent last, or may be sent again, in ns since 1970. */
  private since: u64 = 0;
  private pause: u64 = 0;

  constructor(settings: ExportSettings) {
    this.settings = settings;
    this.queue = new ExportQueue(settings.maxQueueBytes);
  }

  /** Whether the answer with this number is this exporter's. */
  awaits(token: u32): bool {
    return this.state == ExportState.SENDING && this.token == <i64>token;
  }

  /**
   * Time has passed; call it in the root context only.
   *
   * @param time in ns since 1970; it may be set back
   * @param body room for a request, used and emptied
   * @param isLast whether there will be no other chance: what waits is sent at once
   * @returns how many records had to be given up, because not even a request could be made
   */
  onTick(time: u64, body: Output, isLast: bool): u32 {
    if (this.state == ExportState.SENDING) return 0;
    const queue = this.queue;
    if (this.state == ExportState.IDLE && queue.count == 0) {
      this.since = time;
      return 0;
    }
    // A clock that was set back is as if the time had come.
    const waited = time < this.since ? U64.MAX_VALUE : time - this.since;
    if (this.state == ExportState.RETRY) {
      if (waited < this.pause && !isLast) return 0;
    } else {
      if (waited < this.settings.interval && queue.count < this.settings.maxBatch && !isLast)
        return 0;
      queue.take(this.settings.maxBatch);
      this.attempts = 0;
    }
    return this.send(time, body);
  }

  /**
   * The collector's answer, or that there is none.
   *
   * @param status of HTTP; 0: no answer came
   * @param retryAfter seconds that the collector asks for; 0 where it does not
   */
  onAnswer(status: u32, retryAfter: u32, time: u64): ExportResult {
    this.state = ExportState.IDLE;
    this.since = time;
    if (status >= 200 && status < 300) return ExportResult.ACCEPTED;
    const isTransient = status == 429 || (status >= 502 && status <= 504);
    if (isTransient && this.attempts < MOST_ATTEMPTS) {
      this.state = ExportState.RETRY;
      const own = FIRST_PAUSE << (this.attempts - 1);
      this.pause = min<u64>(max<u64>(<u64>retryAfter * SECOND, own), MOST_PAUSE);
      return ExportResult.AGAIN;
    }
    return status == 0 ? ExportResult.TIMEOUT : ExportResult.FAILED;
  }

  /** Lets go of the batch that was sent; answers how many records it had. */
  drop(): u32 {
    const count = this.queue.sentCount;
    this.queue.drop();
    return count;
  }

  private send(time: u64, body: Output): u32 {
    const settings = this.settings;
    const queue = this.queue;
    const resource = settings.resource;
    const scope = settings.scope;
    body.clear();
    writeRequest(
      body,
      resource.start,
      resource.length,
      scope.start,
      scope.length,
      queue.records.start,
      queue.sentLength,
    );
    this.token = sendRequest(
      settings.cluster,
      settings.headers,
      body.start,
      body.length,
      settings.timeoutMs,
    );
    body.clear();
    this.since = time;
    if (this.token < 0) {
      this.state = ExportState.IDLE;
      return this.drop();
    }
    this.attempts++;
    this.state = ExportState.SENDING;
    return 0;
  }

  /** Gives everything back but the settings. */
  free(): void {
    this.queue.free();
    heap.free(changetype<usize>(this));
  }
}
