/**
 * The protocol's numbers and their names: serialization ids, response statuses, result kinds.
 *
 * Sources: org.apache.dubbo.common.serialize.Constants for the ids, …remoting.exchange.Response for
 * the statuses, …rpc.protocol.dubbo.DubboCodec for the kinds. Names are what metrics show.
 */

export const HESSIAN2: u8 = 2;
export const JAVA: u8 = 3;
export const COMPACTED_JAVA: u8 = 4;
export const FASTJSON: u8 = 6;
export const NATIVE_JAVA: u8 = 7;
export const PROTOBUF: u8 = 22;
export const FASTJSON2: u8 = 23;
/** Not one of Dubbo's ids: JSON that a call over HTTP carries. */
export const JSON_TEXT: u8 = 255;

/** The name of the serialization with this `id`; `unknown` for an id that Dubbo never gave out. */
export function serializationName(id: u32): string {
  switch (id) {
    case HESSIAN2:
      return "hessian2";
    case JAVA:
      return "java";
    case COMPACTED_JAVA:
      return "compactedjava";
    case FASTJSON:
      return "fastjson";
    case NATIVE_JAVA:
      return "nativejava";
    case 8:
      return "kryo";
    case 9:
      return "fst";
    case 10:
      return "native-hessian";
    case 11:
      return "avro";
    case 12:
      return "protostuff";
    case 16:
      return "gson";
    case 17:
      return "protobuf-json";
    case 21:
      return "protobuf-json";
    case PROTOBUF:
      return "protobuf";
    case FASTJSON2:
      return "fastjson2";
    case 24:
      return "kryo2";
    case 25:
      return "grpc-kryo";
    case 27:
      return "msgpack";
    case JSON_TEXT:
      return "json";
    default:
      return "unknown";
  }
}

export const STATUS_OK: u8 = 20;
export const SERVER_ERROR: u8 = 80;

/** Where an id or status has no name, its number does not matter: 0 stands for all of them. */
export const UNNAMED: u32 = 0;

// Names are literals, so the same name has the same address.

/** `id`, or `UNNAMED` if Dubbo never gave it out; so that counters do not grow with numbers. */
export function knownSerialization(id: u8): u32 {
  return changetype<usize>(serializationName(id)) == changetype<usize>(serializationName(UNNAMED))
    ? UNNAMED
    : id;
}

/** `status`, or `UNNAMED` if Dubbo never gave it out. */
export function knownStatus(status: u8): u32 {
  return changetype<usize>(statusName(status)) == changetype<usize>(statusName(UNNAMED))
    ? UNNAMED
    : status;
}

/** The name of a response `status`; `UNKNOWN` for a number that Dubbo never gave out. */
export function statusName(status: u32): string {
  switch (status) {
    case STATUS_OK:
      return "OK";
    case 25:
      return "SERIALIZATION_ERROR";
    case 30:
      return "CLIENT_TIMEOUT";
    case 31:
      return "SERVER_TIMEOUT";
    case 35:
      return "CHANNEL_INACTIVE";
    case 40:
      return "BAD_REQUEST";
    case 50:
      return "BAD_RESPONSE";
    case 60:
      return "SERVICE_NOT_FOUND";
    case 70:
      return "SERVICE_ERROR";
    case SERVER_ERROR:
      return "SERVER_ERROR";
    case 90:
      return "CLIENT_ERROR";
    case 100:
      return "SERVER_THREADPOOL_EXHAUSTED_ERROR";
    default:
      return "UNKNOWN";
  }
}

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
