/**
 * Which of gRPC's statuses a response means.
 *
 * Sources: https://grpc.github.io/grpc/core/md_doc_statuscodes.html for the numbers,
 * …/md_doc_http-grpc-status-mapping.html for responses that have only an HTTP status.
 */
import { Span } from "../wire/span";

export const GRPC_OK: u32 = 0;
export const GRPC_UNKNOWN: u32 = 2;
const PERMISSION_DENIED: u32 = 7;
const UNIMPLEMENTED: u32 = 12;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;
const UNAUTHENTICATED: u32 = 16;

/** Reads the header `grpc-status`: a status, and UNKNOWN for what is none, as gRPC's libraries do. */
export function parseGrpcStatus(value: Span): u32 {
  const length = value.length;
  if (length == 0 || length > 2) return GRPC_UNKNOWN;
  let status: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const digit = <u32>load<u8>(value.start + i) - 0x30;
    if (digit > 9) return GRPC_UNKNOWN;
    status = status * 10 + digit;
  }
  return status <= UNAUTHENTICATED ? status : GRPC_UNKNOWN;
}

/** The status of a response that has none but the HTTP status `code`, which is not a success. */
export function statusOfHttp(code: u32): u32 {
  switch (code) {
    case 400:
      return INTERNAL;
    case 401:
      return UNAUTHENTICATED;
    case 403:
      return PERMISSION_DENIED;
    case 404:
      return UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
      return UNAVAILABLE;
    default:
      return GRPC_UNKNOWN;
  }
}
