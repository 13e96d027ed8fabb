// The numbers of the proxy-wasm ABI 0.2.1 that the emulator and its tests speak.
// Described in the proxy-wasm specification, abi-versions/v0.2.1.

/** What a host function returns. */
export const Status = {
  Ok: 0,
  NotFound: 1,
  BadArgument: 2,
  SerializationFailure: 3,
  ParseFailure: 4,
  BadExpression: 5,
  InvalidMemoryAccess: 6,
  Empty: 7,
  CasMismatch: 8,
  ResultMismatch: 9,
  InternalFailure: 10,
  BrokenConnection: 11,
  Unimplemented: 12,
} as const;

/** What a connection or data callback returns. */
export const Action = { Continue: 0, StopIteration: 1 } as const;

/** What the headers of a request may answer besides: all of it waits, as it comes. */
export const STOP_ALL_ITERATION_AND_WATERMARK = 4;

/** First argument of `proxy_get_buffer_bytes` and `proxy_set_buffer_bytes`. */
export const BufferType = {
  HttpRequestBody: 0,
  HttpResponseBody: 1,
  NetworkDownstreamData: 2,
  NetworkUpstreamData: 3,
  VmConfiguration: 6,
  PluginConfiguration: 7,
} as const;

/** First argument of `proxy_define_metric`; also the low two bits of a metric's id. */
export const MetricType = { Counter: 0, Gauge: 1, Histogram: 2 } as const;

/** Who closed a connection; `unknown` is all that Envoy says of an upstream FIN. */
export const Peer = { unknown: 0, local: 1, remote: 2 } as const;

/** First argument of `proxy_log`. */
export const LogLevel = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, critical: 5 } as const;

/** Every host function that this project's module may import, unless a test allows fewer. */
export const ALLOWED_FUNCTIONS: readonly string[] = [
  "proxy_log",
  "proxy_set_tick_period_milliseconds",
  "proxy_get_current_time_nanoseconds",
  "proxy_get_property",
  "proxy_set_property",
  "proxy_get_buffer_bytes",
  "proxy_set_buffer_bytes",
  "proxy_define_metric",
  "proxy_increment_metric",
  "proxy_record_metric",
  "proxy_get_metric",
  "proxy_call_foreign_function",
  "proxy_done",
  "proxy_set_effective_context",
  "proxy_close_stream",
  "proxy_continue_stream",
  "proxy_get_shared_data",
  "proxy_set_shared_data",
  "proxy_get_header_map_value",
  "proxy_get_header_map_pairs",
  "proxy_replace_header_map_value",
  "proxy_remove_header_map_value",
  "proxy_send_local_response",
  "proxy_http_call",
];
