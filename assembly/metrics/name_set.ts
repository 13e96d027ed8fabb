/**
 * A set of names, given once and then only asked: the configuration's allow-list of interfaces.
 */
import { sameBytes } from "../wire/bytes";
import { hashBytes } from "../wire/hash";
import { HashTable } from "../wire/hash_table";
import { Span } from "../wire/span";

/** One name of a set. */
@unmanaged
@final
class Name {
  hash: u32 = 0;
  hashNext: Name | null = null;
  /** The next of all names of the set. */
  next: Name | null = null;
  bytes: usize = 0;
  length: u32 = 0;
}

/** The set. */
@unmanaged
@final
export class NameSet {
  private table: HashTable<Name> = new HashTable<Name>();
  private all: Name | null = null;
  private seed: u64;
  /** A number of the names, whatever their order and the seed. */
  fingerprint: u64 = 0;

  constructor(seed: u64) {
    this.seed = seed;
  }

  get size(): u32 {
    return this.table.count;
  }

  /** Adds the name of `length` bytes at `bytes`, which is copied. */
  add(bytes: usize, length: u32): void {
    const name = new Name();
    name.hash = <u32>hashBytes(this.seed, bytes, length);
    name.bytes = heap.alloc(length);
    name.length = length;
    memory.copy(name.bytes, bytes, length);
    name.next = this.all;
    this.all = name;
    this.fingerprint += hashBytes(0, bytes, length);
    this.table.insert(name);
  }

  /** Whether exactly this name was added. */
  has(name: Span): bool {
    const hash = <u32>hashBytes(this.seed, name.start, name.length);
    let found = this.table.first(hash);
    while (found) {
      if (found.length == name.length && sameBytes(found.bytes, name.start, name.length))
        return true;
      found = found.hashNext;
    }
    return false;
  }

  /** Gives everything back. */
  free(): void {
    let name = this.all;
    while (name) {
      const next = name.next;
      heap.free(name.bytes);
      heap.free(changetype<usize>(name));
      name = next;
    }
    this.table.free();
    heap.free(changetype<usize>(this));
  }
}
