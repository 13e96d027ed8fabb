/**
 * The protocol's numbers: serialization ids, response statuses, result kinds.
 *
 * Sources: org.apache.dubbo.common.serialize.Constants for the ids, …remoting.exchange.Response for
 * the statuses, …rpc.protocol.dubbo.DubboCodec for the kinds. What they are called is told in
 * call/serializations.ts and call/statuses.ts.
 */

export const HESSIAN2: u8 = 2;
export const JAVA: u8 = 3;
export const COMPACTED_JAVA: u8 = 4;
export const FASTJSON: u8 = 6;
export const NATIVE_JAVA: u8 = 7;
export const PROTOBUF: u8 = 22;
export const FASTJSON2: u8 = 23;
export const MSGPACK: u8 = 27;
/** Of a message whose serialization is not said: no peer of Dubbo's uses the id. */
export const UNNAMED: u8 = 0;
/** Not one of Dubbo's ids, which have five bits: JSON that a call over HTTP carries. */
export const JSON_TEXT: u8 = 32;

export const STATUS_OK: u8 = 20;
export const SERVER_ERROR: u8 = 80;

/** What the first value of a response body with status OK says. */
export const enum ResultKind {
  EXCEPTION = 0,
  VALUE = 1,
  NULL = 2,
  EXCEPTION_WITH_ATTACHMENTS = 3,
  VALUE_WITH_ATTACHMENTS = 4,
  NULL_WITH_ATTACHMENTS = 5,
}

/** What an event's body says. */
export const enum EventKind {
  HEARTBEAT = 0,
  READONLY = 1,
  WRITEABLE = 2,
  OTHER = 3,
}
