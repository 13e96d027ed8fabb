/**
 * What the metrics are called and which labels they carry: the only place that knows their names.
 *
 * The ABI has no labels, so they are written into the metric's name and Envoy's `stats_tags` cut them
 * out again:
 *
 *     dubbo_interface=.=com.k8s.User.UserProvider;.;dubbo_method=.=GetUser;.; … dubbo_requests_total
 *
 * with one regex `(T=\.=(.*?);\.;)` for each label T (Envoy's and Istio's own convention, see
 * `extraStatTags` in Istio's mesh configuration). The regexes are not anchored: no label's name may be
 * the end of another's, and no value may hold `;.;`.
 */

/** Every metric; a cell's key has it in its low byte. */
export const enum Metric {
  REQUESTS,
  RESPONSES,
  DURATION,
  REQUESTS_ACTIVE,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  UNANSWERED,
  UNTRACKED,
  UNMATCHED_RESPONSES,
  EVENTS,
  DECODE_ERRORS,
  CONNECTIONS,
  CONNECTIONS_ACTIVE,
  PASSTHROUGH_CONNECTIONS,
  ROUTED,
  UNREWRITTEN,
  REFUSED_CONNECTIONS,
  MISROUTED,
  UNROUTED_CONNECTIONS,
  GUARDED,
}

/** The metric's name; `DURATION` has its unit appended. */
export function metricName(metric: Metric): string {
  switch (metric) {
    case Metric.REQUESTS:
      return "dubbo_requests_total";
    case Metric.RESPONSES:
      return "dubbo_responses_total";
    case Metric.DURATION:
      return "dubbo_request_duration_";
    case Metric.REQUESTS_ACTIVE:
      return "dubbo_requests_active";
    case Metric.REQUEST_BYTES:
      return "dubbo_request_bytes_total";
    case Metric.RESPONSE_BYTES:
      return "dubbo_response_bytes_total";
    case Metric.UNANSWERED:
      return "dubbo_unanswered_requests_total";
    case Metric.UNTRACKED:
      return "dubbo_untracked_requests_total";
    case Metric.UNMATCHED_RESPONSES:
      return "dubbo_unmatched_responses_total";
    case Metric.EVENTS:
      return "dubbo_events_total";
    case Metric.DECODE_ERRORS:
      return "dubbo_decode_errors_total";
    case Metric.CONNECTIONS:
      return "dubbo_connections_total";
    case Metric.CONNECTIONS_ACTIVE:
      return "dubbo_connections_active";
    case Metric.PASSTHROUGH_CONNECTIONS:
      return "dubbo_passthrough_connections_total";
    case Metric.ROUTED:
      return "dubbo_routed_requests_total";
    case Metric.UNREWRITTEN:
      return "dubbo_unrewritten_requests_total";
    case Metric.REFUSED_CONNECTIONS:
      return "dubbo_refused_connections_total";
    case Metric.MISROUTED:
      return "dubbo_misrouted_requests_total";
    case Metric.UNROUTED_CONNECTIONS:
      return "dubbo_unrouted_connections_total";
    default:
      return "dubbo_guarded_requests_total";
  }
}

/** Whether the metric goes up and down. */
export function isGauge(metric: Metric): bool {
  return metric == Metric.REQUESTS_ACTIVE || metric == Metric.CONNECTIONS_ACTIVE;
}

/** Which side of a call this proxy stands on. */
export const enum Side {
  CONSUMER,
  PROVIDER,
}

/** The value of label `dubbo_side`. */
export function sideName(side: Side): string {
  return side == Side.CONSUMER ? "consumer" : "provider";
}

/** Whether a call waits for an answer: label `dubbo_call`. */
export const enum CallKind {
  TWOWAY,
  ONEWAY,
}

/** The value of label `dubbo_call`. */
export function callName(call: u32): string {
  return call == CallKind.TWOWAY ? "twoway" : "oneway";
}

/** How a call ended: label `dubbo_outcome`. */
export const enum Outcome {
  /** Status OK with a value or null. */
  SUCCESS,
  /** Status OK with an exception: the business said no. */
  EXCEPTION,
  /** Any other status: the call itself failed. */
  ERROR,
  /** Status OK in a body that could not be read. */
  UNKNOWN,
}

/** The value of label `dubbo_outcome`. */
export function outcomeName(outcome: u32): string {
  switch (outcome) {
    case Outcome.SUCCESS:
      return "success";
    case Outcome.EXCEPTION:
      return "exception";
    case Outcome.ERROR:
      return "error";
    default:
      return "unknown";
  }
}

/** Who ended a connection first: label `dubbo_closed_by`, in the words of Envoy's own statistics. */
export const enum ClosedBy {
  /** No end was seen, as when the listener is taken away. */
  UNKNOWN,
  /** Envoy did, or the server behind it. */
  LOCAL,
  /** The client did. */
  REMOTE,
}

/** The value of label `dubbo_closed_by`. */
export function closedByName(closedBy: u32): string {
  switch (closedBy) {
    case ClosedBy.LOCAL:
      return "local";
    case ClosedBy.REMOTE:
      return "remote";
    default:
      return "unknown";
  }
}

/** What an event frame says: label `dubbo_kind`. */
export const enum EventLabel {
  HEARTBEAT_REQUEST,
  HEARTBEAT_RESPONSE,
  READONLY,
  WRITEABLE,
  OTHER,
}

/** The value of label `dubbo_kind`. */
export function eventName(event: u32): string {
  switch (event) {
    case EventLabel.HEARTBEAT_REQUEST:
      return "heartbeat_request";
    case EventLabel.HEARTBEAT_RESPONSE:
      return "heartbeat_response";
    case EventLabel.READONLY:
      return "readonly";
    case EventLabel.WRITEABLE:
      return "writeable";
    default:
      return "other";
  }
}

/** Who sent a frame: label `dubbo_direction`. */
export const enum Direction {
  /** The connection's client side sent it. */
  DOWNSTREAM,
  /** The connection's server side sent it. */
  UPSTREAM,
}

/** The value of label `dubbo_direction`. */
export function directionName(direction: u32): string {
  return direction == Direction.DOWNSTREAM ? "downstream" : "upstream";
}

/** Why something could not be read: label `dubbo_reason`. */
export const enum Reason {
  /** After good frames came bytes without Dubbo's magic number. */
  BAD_MAGIC,
  /** A header stated a longer body than `max_body_bytes`. */
  BODY_TOO_LARGE,
  /** The connection ended inside a frame. */
  TRUNCATED_FRAME,
  /** A request's head is not what its serialization writes, or is longer than its body. */
  MALFORMED_REQUEST,
  /** A request's head is longer than the filter reads. */
  HEAD_TOO_LONG,
  /** A request's arguments or attachments could not be read, though its head could. */
  MALFORMED_ATTACHMENTS,
  /** A response with status OK does not begin with a result's kind. */
  MALFORMED_RESPONSE,
  /** An event's body is none that Dubbo sends. */
  MALFORMED_EVENT,
  /** Too many half-received heads are kept already, see dubbo/frame_reader.ts. */
  OVERLOAD,
}

/** The value of label `dubbo_reason`. */
export function reasonName(reason: u32): string {
  switch (reason) {
    case Reason.BAD_MAGIC:
      return "bad_magic";
    case Reason.BODY_TOO_LARGE:
      return "body_too_large";
    case Reason.TRUNCATED_FRAME:
      return "truncated_frame";
    case Reason.MALFORMED_REQUEST:
      return "malformed_request";
    case Reason.HEAD_TOO_LONG:
      return "head_too_long";
    case Reason.MALFORMED_ATTACHMENTS:
      return "malformed_attachments";
    case Reason.MALFORMED_RESPONSE:
      return "malformed_response";
    case Reason.MALFORMED_EVENT:
      return "malformed_event";
    default:
      return "overload";
  }
}

/** Why a request could not be changed as its rule or the protected keys say: label `dubbo_reason`. */
export const enum Obstacle {
  /** Its frame is longer than `max_rewrite_bytes`, or no room was left to hold it. */
  TOO_LARGE,
  /** Its serialization's attachments are not rewritten. */
  SERIALIZATION,
  /** Its arguments or attachments could not be read. */
  UNDECODABLE,
  /** Later values refer by number to what would have to go. */
  REFERENCES,
  /** The bytes are no frame of Dubbo's. */
  FOREIGN,
}

/** The value of label `dubbo_reason`. */
export function obstacleName(obstacle: u32): string {
  switch (obstacle) {
    case Obstacle.TOO_LARGE:
      return "too_large";
    case Obstacle.SERIALIZATION:
      return "serialization";
    case Obstacle.UNDECODABLE:
      return "undecodable";
    case Obstacle.REFERENCES:
      return "references";
    default:
      return "foreign";
  }
}
