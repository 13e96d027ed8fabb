/**
 * Calls in flight: from a request's end to its answer's, of all connections of a VM.
 *
 * One table for all connections, found by (connection, direction, request id), and one list for each
 * connection, oldest first. So an idle connection costs nothing here, and calls that ended are used
 * again for the next ones.
 */
import { CallKind, Direction, Protocol } from "../call/vocabulary";
import { NotedCall } from "../telemetry/noted_call";
import { Series } from "../metrics/series";
import { hashU64 } from "../wire/hash";
import { HashTable } from "../wire/hash_table";

/**
 * Calls of all connections of a VM that are followed at once, about 16 MiB: far more than a worker
 * serves, and what hostile connections may cost at most.
 */
const MAX_CALLS: u32 = 262144;

/** One call whose answer is awaited. */
@unmanaged
@final
export class InFlight {
  /** For the table. */
  hash: u32 = 0;
  hashNext: InFlight | null = null;
  /** The connection's next older and next younger call; `older` also links unused ones. */
  older: InFlight | null = null;
  younger: InFlight | null = null;
  /** Null for a call over HTTP, which its stream finds. */
  list: InFlightList | null;
  series: Series;
  id: u64 = 0;
  /** No older call of its connection, in either direction, has a higher id than this, nor has it itself. */
  highestId: i64 = 0;
  /** When the request's last byte had passed, in nanoseconds. */
  startedAt: u64 = 0;
  /** Who sent the request. */
  direction: Direction = Direction.DOWNSTREAM;
  /** The request's serialization id. */
  serialization: u8 = 0;
  protocol: Protocol = Protocol.DUBBO;
  /** What the request was: told again where the call is. */
  kind: CallKind = CallKind.TWOWAY;
  requestBytes: i64 = 0;
  /** What is noted of it for telemetry, or null. */
  noted: NotedCall | null = null;
  /** The counters of concurrency of which it takes a place: a bit for each, see holds.ts. */
  holds: u32 = 0;

  constructor(list: InFlightList | null, series: Series) {
    this.list = list;
    this.series = series;
  }
}

/** The calls in flight of one connection. */
@unmanaged
@final
export class InFlightList {
  oldest: InFlight | null = null;
  youngest: InFlight | null = null;
  count: u32 = 0;
}

/** The table of all calls; one in each VM. */
@unmanaged
@final
export class InFlightTable {
  private table: HashTable<InFlight> = new HashTable<InFlight>();
  private unused: InFlight | null = null;
  private seed: u64;

  /** @param seed for the hashes of request ids, which peers choose */
  constructor(seed: u64) {
    this.seed = seed;
  }

  /** Whether no further call can be followed. */
  get isFull(): bool {
    return this.table.count >= MAX_CALLS;
  }

  /** The call of `list` with this direction and id, or null. */
  find(list: InFlightList, direction: Direction, id: u64): InFlight | null {
    // Providers mostly answer in order.
    const oldest = list.oldest;
    if (!oldest) return null;
    if (oldest.id == id && oldest.direction == direction) return oldest;
    const hash = this.hashOf(list, direction, id);
    let call = this.table.first(hash);
    while (call) {
      if (call.id == id && call.list == list && call.direction == direction) return call;
      call = call.hashNext;
    }
    return null;
  }

  /** Whether a call of `list` may have this id: callers count up, and then it is new. */
  @inline
  mayHave(list: InFlightList, id: u64): bool {
    const youngest = list.youngest;
    return youngest !== null && <i64>id <= youngest.highestId;
  }

  /** Follows a call from `startedAt` (ns) on, and answers it; there must be none like it, and room. */
  start(
    list: InFlightList,
    direction: Direction,
    id: u64,
    serialization: u8,
    series: Series,
    startedAt: u64,
  ): InFlight {
    let call = this.unused;
    if (call) {
      this.unused = call.older;
      call.list = list;
      call.series = series;
    } else {
      call = new InFlight(list, series);
    }
    call.id = id;
    call.direction = direction;
    call.serialization = serialization;
    call.startedAt = startedAt;
    call.holds = 0;
    call.hash = this.hashOf(list, direction, id);
    this.table.insert(call);

    const youngest = list.youngest;
    call.older = youngest;
    call.younger = null;
    call.highestId = <i64>id;
    if (youngest) {
      youngest.younger = call;
      call.highestId = max<i64>(<i64>id, youngest.highestId);
    } else {
      list.oldest = call;
    }
    list.youngest = call;
    list.count++;
    return call;
  }

  /** Ends following `call`, which may not be used afterwards. */
  end(call: InFlight): void {
    this.table.remove(call);
    const list = call.list!;
    const older = call.older;
    const younger = call.younger;
    if (older) older.younger = younger;
    else list.oldest = younger;
    if (younger) younger.older = older;
    else list.youngest = older;
    list.count--;
    call.older = this.unused;
    this.unused = call;
  }

  /** The hash of a call: peers must not know which ids share a chain. */
  @inline
  private hashOf(list: InFlightList, direction: Direction, id: u64): u32 {
    const owner = changetype<usize>(list) | (direction as usize);
    return <u32>hashU64(this.seed ^ ((<u64>owner) << 32), id);
  }
}
