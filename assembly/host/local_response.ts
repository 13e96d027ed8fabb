/**
 * An answer to an HTTP request that Envoy gives itself.
 */
import { proxy_send_local_response } from "@solo-io/proxy-runtime/assembly/imports";
import { Span } from "../wire/span";

/** No further headers: their count, 0. */
const NO_HEADERS = memory.data(4);
/** What `%RESPONSE_CODE_DETAILS%` shows: "dubbo_policy". */
const DETAILS = memory.data<u8>([
  0x64, 0x75, 0x62, 0x62, 0x6f, 0x5f, 0x70, 0x6f, 0x6c, 0x69, 0x63, 0x79,
]);
const DETAILS_LENGTH: u32 = 12;

/**
 * Ends the stream whose request's headers are open; stop its iteration afterwards. Of a gRPC request Envoy
 * makes headers that end the response, with the gRPC status and the text; of any other a body.
 *
 * @param code of HTTP
 * @param text in ASCII
 */
export function sendLocalResponse(code: u32, grpcStatus: u32, text: Span): void {
  proxy_send_local_response(
    code,
    DETAILS,
    DETAILS_LENGTH,
    text.start,
    text.length,
    NO_HEADERS,
    4,
    grpcStatus,
  );
}
