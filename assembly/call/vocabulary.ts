/**
 * The words for what a call is and how it ends: each an enum, and beside it its words as metrics, logs
 * and spans show them, in the order of the numbers.
 */

/** Which side of a call this proxy stands on. */
export const enum Side {
  CONSUMER,
  PROVIDER,
}

/** Values of label `dubbo_side`. */
export const SIDE_NAMES = "consumer provider";

/** Which protocol a call is made in: label `dubbo_protocol`. */
export const enum Protocol {
  DUBBO,
  /** Triple: gRPC's framing with at least one header `tri-…`, or its plain HTTP form. */
  TRI,
  /** gRPC without such a header. */
  GRPC,
}

/** Values of label `dubbo_protocol`. */
export const PROTOCOL_NAMES = "dubbo tri grpc";

/**
 * What goes to and fro in a call: label `dubbo_call`. In the Dubbo protocol whether it waits for an
 * answer; over HTTP on which sides more than one message was seen.
 */
export const enum CallKind {
  TWOWAY,
  ONEWAY,
  UNARY,
  CLIENT_STREAM,
  SERVER_STREAM,
  BIDI,
  /** Messages could not be told from each other. */
  UNKNOWN,
}

/** Values of label `dubbo_call`. */
export const CALL_NAMES = "twoway oneway unary client_stream server_stream bidi unknown";

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

/** Values of label `dubbo_outcome`. */
export const OUTCOME_NAMES = "success exception error unknown";

/** Who ended a connection first: label `dubbo_closed_by`, in the words of Envoy's own statistics. */
export const enum ClosedBy {
  /** No end was seen, as when the listener is taken away. */
  UNKNOWN,
  /** Envoy did, or the server behind it. */
  LOCAL,
  /** The client did. */
  REMOTE,
}

/** Values of label `dubbo_closed_by`. */
export const CLOSED_BY_NAMES = "unknown local remote";

/** What an event frame says: label `dubbo_kind`. */
export const enum EventLabel {
  HEARTBEAT_REQUEST,
  HEARTBEAT_RESPONSE,
  READONLY,
  WRITEABLE,
  OTHER,
}

/** Values of label `dubbo_kind`. */
export const EVENT_NAMES = "heartbeat_request heartbeat_response readonly writeable other";

/** Who sent a frame: label `dubbo_direction`. */
export const enum Direction {
  /** The connection's client side sent it. */
  DOWNSTREAM,
  /** The connection's server side sent it. */
  UPSTREAM,
}

/** Values of label `dubbo_direction`. */
export const DIRECTION_NAMES = "downstream upstream";

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

/** Values of label `dubbo_reason`. */
export const REASON_NAMES =
  "bad_magic body_too_large truncated_frame malformed_request head_too_long malformed_attachments malformed_response malformed_event overload";

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
  /** Over HTTP: the key or the value cannot be a header's. */
  HEADER,
}

/** Values of label `dubbo_reason` of these. */
export const OBSTACLE_NAMES = "too_large serialization undecodable references foreign header";

/** Why a policy refused a call: label `dubbo_reason`. */
export const enum RefusalReason {
  /** A policy denies it. */
  DENIED,
  /** Policies allow calls, and none allows this one. */
  NOT_ALLOWED,
  /** It could not be read to its end, or a provider may read it in another way. */
  UNREADABLE,
  /** Its serialization's attachments are not read. */
  SERIALIZATION,
  /** It is longer than `max_rewrite_bytes`, or there was no room to hold it. */
  TOO_LARGE,
  /** A rate limit had no token left. */
  RATE_LIMITED,
  /** As many calls as may be are in flight. */
  IN_FLIGHT,
  /** A fault was drawn. */
  FAULT,
}

/** Values of label `dubbo_reason` of these. */
export const REFUSAL_NAMES =
  "denied not_allowed unreadable serialization too_large rate_limited in_flight fault";

/** What is told outside: label `dubbo_record`. */
export const enum TelemetryRecord {
  SPAN,
  LOG,
}

/** Values of label `dubbo_record`. */
export const RECORD_NAMES = "span log";

/** Why a record was not told: label `dubbo_reason`. */
export const enum DropReason {
  /** There was no room for it. */
  QUEUE_FULL,
  /** The collector gave no answer in time. */
  TIMEOUT,
  /** The collector did not take it, or could not be asked. */
  FAILED,
}

/** Values of label `dubbo_reason` of these. */
export const DROP_NAMES = "queue_full timeout failed";
