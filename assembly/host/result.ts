/**
 * Results of host functions (proxy-wasm ABI 0.2.1, `proxy_status_t`).
 */

/** The call was carried out. Any other result means that it was not, and nothing was changed. */
export const OK: u32 = 0;
