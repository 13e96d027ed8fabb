/**
 * One HTTP stream that is a call: its messages, its answer, and what is counted of it.
 *
 * A call in flight is counted as active from its first headers on, and as a request at its end: only
 * then it can be told whether more than one message went to and fro. What Envoy answers in the server's
 * place, such as UNAVAILABLE after a reset, is an answer; a stream that ends without the end of a
 * response is unanswered.
 */
import { BufferType } from "../host/buffers";
import { now } from "../host/clock";
import { HeaderMap, headerValue } from "../host/headers";
import { responseCode, responseFlags } from "../host/properties";
import { continueRequest } from "../host/stream";
import { CallKind, ClosedBy, Outcome, Protocol } from "../call/vocabulary";
import { InFlight } from "../ledger/in_flight";
import { EndKind, Ending } from "../ledger/ledger";
import { Series } from "../metrics/series";
import { Plugin } from "../plugin";
import { Delay } from "../policy/delay";
import { Span } from "../wire/span";
import { GRPC_OK, GRPC_UNKNOWN, parseGrpcStatus, statusOfHttp } from "./grpc_status";
import { protectTrailers } from "./header_routing";
import { startedNotes } from "./call_start";
import { Form, HttpRequest } from "./http_request";
import { MessageCounter } from "./message_counter";

/** Bits of Envoy's response flags for a client that went: `DC` and `DR` (stream_info.h). */
const CLIENT_WENT: u64 = (1 << 14) | (1 << 28);

const VALUE = memory.data(16);

/** One call; used again for another when it has ended. */
@unmanaged
@final
export class HttpCall {
  /** For the table of contexts: the host's number of the stream. */
  hash: u32 = 0;
  /** The next of its chain there, or of the calls that are not in use. */
  hashNext: HttpCall | null = null;
  private plugin: Plugin;
  private inFlight: InFlight;
  private form: Form = Form.NONE;
  private serialization: u32 = 0;
  private isAnswered: bool = false;
  /** Whether the response's headers say that the service has thrown. */
  private isThrown: bool = false;
  private requestBytes: i64 = 0;
  private responseBytes: i64 = 0;
  /** Where it waits because a fault delays it, or null. */
  private delay: Delay | null = null;
  private asked: MessageCounter = new MessageCounter();
  private answered: MessageCounter = new MessageCounter();

  /** Makes one to be started. */
  constructor(plugin: Plugin, series: Series) {
    this.plugin = plugin;
    this.inFlight = new InFlight(null, series);
  }

  /** The call that `request` has just read begins as stream `id`. */
  start(id: u32, plugin: Plugin, series: Series, request: HttpRequest): void {
    this.hash = id;
    this.plugin = plugin;
    const inFlight = this.inFlight;
    inFlight.series = series;
    inFlight.protocol = request.protocol;
    inFlight.startedAt = now();
    this.form = request.form;
    this.serialization = request.serialization;
    this.isAnswered = false;
    this.isThrown = false;
    this.requestBytes = 0;
    this.responseBytes = 0;
    this.asked.clear();
    this.answered.clear();
    inFlight.noted = startedNotes;
    inFlight.holds = 0;
    const policies = plugin.settings.policies;
    if (policies) {
      inFlight.holds = policies.holds;
      policies.holds = 0;
      const wait = policies.wait;
      if (wait != 0) this.delay = new Delay(id, inFlight.startedAt, wait);
    }
    plugin.ledger.begin(inFlight);
  }

  /** Whether it waits. */
  get isDelayed(): bool {
    return this.delay !== null;
  }

  /** It has waited long enough; call it in the root context that runs. */
  goOn(rootId: u32): void {
    this.endDelay();
    continueRequest(this.hash, rootId);
  }

  private endDelay(): void {
    const delay = this.delay;
    if (!delay) return;
    delay.leave();
    heap.free(changetype<usize>(delay));
    this.delay = null;
  }

  /** `size` bytes of the request's body; call it in their callback only. */
  onRequestBody(size: u32): void {
    this.requestBytes += size;
    if (this.form == Form.GRPC) this.asked.read(BufferType.HTTP_REQUEST_BODY, size);
  }

  /** The request's trailers are open: protected keys go away there too. */
  onRequestTrailers(): void {
    const routing = this.plugin.settings.routing;
    if (routing) protectTrailers(routing);
  }

  /** `size` bytes of the response's body, and whether they are its last. */
  onResponseBody(size: u32, isEnd: bool): void {
    this.responseBytes += size;
    if (this.form == Form.GRPC) this.answered.read(BufferType.HTTP_RESPONSE_BODY, size);
    if (isEnd) this.onResponseEnd(GRPC_UNKNOWN, false);
  }

  /**
   * The response's headers are open, and do not end it.
   *
   * Dubbo Java answers what a service throws with `grpc-status: 0`, the exception as its message, and this
   * header in front (org.apache.dubbo.rpc.protocol.tri, since 3.2; with interfaces that are not protobuf's).
   */
  onResponseHeaders(): void {
    if (this.inFlight.protocol != Protocol.TRI || this.form != Form.GRPC) return;
    const value = changetype<Span>(VALUE);
    headerValue(HeaderMap.RESPONSE_HEADERS, "tri-exception-code", value);
    this.isThrown = value.start != 0;
  }

  /** The response's headers or trailers `map`, which are open now and end it. */
  onLastHeaders(map: HeaderMap): void {
    const value = changetype<Span>(VALUE);
    headerValue(map, "grpc-status", value);
    this.onResponseEnd(parseGrpcStatus(value), value.start != 0);
  }

  /** The stream has ended; the call is not to be used any more until it is started again. */
  end(): void {
    this.endDelay();
    if (!this.isAnswered) this.endWith(this.plugin.ledger.ending.unanswered(closedBy()));
    this.plugin.release();
  }

  /** @param isTold whether the response said its gRPC status itself */
  private onResponseEnd(told: u32, isTold: bool): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    let status = told;
    let outcome = Outcome.ERROR;
    if (isTold) {
      if (status == GRPC_OK) outcome = this.isThrown ? Outcome.EXCEPTION : Outcome.SUCCESS;
      // What a service throws arrives as UNKNOWN, in Dubbo's implementations and in gRPC's.
      else if (status == GRPC_UNKNOWN) outcome = Outcome.EXCEPTION;
    } else {
      const code = responseCode();
      const isGood = code >= 200 && code < 300;
      status = isGood ? GRPC_UNKNOWN : statusOfHttp(code);
      if (isGood) outcome = Outcome.UNKNOWN;
      if (isGood && this.form == Form.PLAIN) {
        status = GRPC_OK;
        outcome = Outcome.SUCCESS;
      }
    }
    const ending = this.plugin.ledger.ending;
    this.endWith(ending.answer(EndKind.ANSWERED, status, outcome, this.responseBytes, now()));
  }

  /** Only now it is known what the request was. */
  private endWith(ending: Ending): void {
    const ledger = this.plugin.ledger;
    const inFlight = this.inFlight;
    ledger.asked(
      inFlight.series,
      inFlight.protocol,
      this.kind(),
      this.serialization,
      this.requestBytes,
    );
    inFlight.kind = this.kind();
    inFlight.serialization = <u8>this.serialization;
    inFlight.requestBytes = this.requestBytes;
    ledger.end(inFlight, ending);
  }

  private kind(): CallKind {
    if (this.form == Form.GRPC_WEB) return CallKind.UNKNOWN;
    if (this.asked.isStream) return this.answered.isStream ? CallKind.BIDI : CallKind.CLIENT_STREAM;
    return this.answered.isStream ? CallKind.SERVER_STREAM : CallKind.UNARY;
  }
}

/** Who ended the stream whose `proxy_on_done` is running. */
function closedBy(): ClosedBy {
  const flags = responseFlags();
  if (flags == 0) return ClosedBy.UNKNOWN;
  return (flags & CLIENT_WENT) != 0 ? ClosedBy.REMOTE : ClosedBy.LOCAL;
}
