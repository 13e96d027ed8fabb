/**
 * How a call was answered: label `dubbo_status`, by the protocol's own words.
 *
 * Sources: org.apache.dubbo.remoting.exchange.Response; https://grpc.github.io/grpc/core/md_doc_statuscodes.html
 */
import { STATUS_OK } from "../dubbo/tables";

/** Dubbo's statuses as they stand on the wire … */
const CODES = memory.data<u8>([0, 20, 25, 30, 31, 35, 40, 50, 60, 70, 80, 90, 100]);
const CODE_COUNT: u32 = 13;
/** … and their names in the same order; the first stands for all that Dubbo never gave out. */
export const DUBBO_STATUS_WORDS =
  "UNKNOWN OK SERIALIZATION_ERROR CLIENT_TIMEOUT SERVER_TIMEOUT CHANNEL_INACTIVE BAD_REQUEST BAD_RESPONSE SERVICE_NOT_FOUND SERVICE_ERROR SERVER_ERROR CLIENT_ERROR SERVER_THREADPOOL_EXHAUSTED_ERROR";
/** Which of them is OK. */
export const DUBBO_OK: u32 = 1;

/** gRPC's statuses in the order of their numbers, which are what stands on the wire. */
export const GRPC_STATUS_WORDS =
  "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED";

/** Which of Dubbo's statuses `code` is, 0 for a number that Dubbo never gave out. */
export function dubboStatus(code: u32): u32 {
  if (code == STATUS_OK) return DUBBO_OK;
  for (let i: u32 = 2; i < CODE_COUNT; i++) if (load<u8>(CODES + i) == code) return i;
  return 0;
}

/** The number on the wire of the status called `name`, 0 if it is none or OK; for configuration time. */
export function statusCodeOf(name: string): u32 {
  const index = DUBBO_STATUS_WORDS.split(" ").indexOf(name);
  return index > <i32>DUBBO_OK ? load<u8>(CODES + index) : 0;
}
