// The key-value store that all VMs of one `vm_id` share (proxy_get_shared_data, proxy_set_shared_data).

import { Status } from "./abi.ts";

/** One store; hand the same one to several VMs to have them share it, as Envoy's workers do. */
export class SharedData {
  readonly #values = new Map<string, { bytes: Uint8Array; cas: number }>();
  #lastCas = 0;

  get(key: string): { bytes: Uint8Array; cas: number } | undefined {
    return this.#values.get(key);
  }

  /** Stores `bytes` unless `cas` is neither 0 nor the value's present number; returns a status. */
  set(key: string, bytes: Uint8Array, cas: number): number {
    const present = this.#values.get(key);
    if (present !== undefined && cas !== 0 && cas !== present.cas) return Status.CasMismatch;
    this.#values.set(key, { bytes, cas: ++this.#lastCas });
    return Status.Ok;
  }
}
