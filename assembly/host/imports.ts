/**
 * Host functions that the SDK lacks, as proxy-wasm ABI 0.2.1 has them.
 *
 * `@solo-io/proxy-runtime` 0.1.8 has everything else; its `proxy_set_buffer_status` is bound to the
 * wrong function.
 */

// @ts-ignore: decorator
@external("env", "proxy_set_buffer_bytes")
export declare function proxy_set_buffer_bytes(
  type: u32,
  start: u32,
  length: u32,
  data: usize,
  size: u32,
): u32;
