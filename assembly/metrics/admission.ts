/**
 * Which names get series of their own, agreed on by all workers of an Envoy.
 *
 * Each worker has a VM and a registry of its own, but metrics are Envoy's and are never freed: so
 * `max_series` must hold for all workers together, and for all plugins with the same configuration,
 * one after the other too. The names that were admitted stand in shared data, with their number.
 *
 *     key of a name     's' configuration(8) side(1) length(1){4} interface method version group
 *     key of the number 'n' configuration(8)
 */
import { countShared, hasShared, markShared, startShared } from "../host/shared_data";
import { Series } from "./series";

const NAME_KEY: u8 = 0x73;
const COUNT_KEY: u8 = 0x6e;
const SCOPE: usize = 1;
const SIDE: usize = 9;
const LENGTHS: usize = 10;
const NAMES: usize = 14;
/** `NAMES` and four names of `MAX_VALUE` (200) bytes. */
const KEY = memory.data(14 + 800);
const COUNT_KEY_LENGTH: u32 = 9;


@unmanaged
@final
export class Admission {
  private scope: u64;
  private limit: u32;
  // Once the limit was reached nobody is asked again: a flood of names must not cost host calls.
  private isFull: bool = false;

  /**
   * @param scope a number of the configuration, the same in every worker
   * @param limit the most names in this scope
   */
  constructor(scope: u64, limit: u32) {
    this.scope = scope;
    this.limit = limit;
    // Envoy configures a first VM before those of its workers, so nobody counts yet.
    store<u8>(KEY, COUNT_KEY);
    store<u64>(KEY + SCOPE, scope);
    startShared(KEY, COUNT_KEY_LENGTH);
  }

  /** Whether `series` may have metrics under its own names. */
  admit(series: Series): bool {
    if (this.isFull) return false;
    const length = this.writeKey(series);
    if (hasShared(KEY, length)) return true;
    store<u8>(KEY, COUNT_KEY);
    if (!countShared(KEY, COUNT_KEY_LENGTH, this.limit)) {
      this.isFull = true;
      return false;
    }
    store<u8>(KEY, NAME_KEY);
    markShared(KEY, length);
    return true;
  }

  /** Gives the memory back; what was admitted stays so. */
  free(): void {
    heap.free(changetype<usize>(this));
  }

  /** Writes the key of a name into `KEY`; answers its length. */
  private writeKey(series: Series): u32 {
    store<u8>(KEY, NAME_KEY);
    store<u64>(KEY + SCOPE, this.scope);
    store<u8>(KEY + SIDE, <u8>(series.side as u32));
    store<u8>(KEY + LENGTHS, <u8>series.interfaceLength);
    store<u8>(KEY + LENGTHS, <u8>series.methodLength, 1);
    store<u8>(KEY + LENGTHS, <u8>series.versionLength, 2);
    store<u8>(KEY + LENGTHS, <u8>series.groupLength, 3);
    const length =
      series.interfaceLength + series.methodLength + series.versionLength + series.groupLength;
    memory.copy(KEY + NAMES, series.names, length);
    return <u32>NAMES + length;
  }
}
