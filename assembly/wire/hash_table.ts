/**
 * A hash table of things that carry their own link: nothing is allocated to put one in.
 *
 * `T` is an unmanaged class with the fields `hash: u32` and `hashNext: T | null`. What makes two
 * things equal only their owner knows, so the owner walks the chain, unless it is the hash itself:
 *
 *     let call = table.first(hash);
 *     while (call) { if (call.id == id) …; call = call.hashNext; }
 *
 * The table doubles when it holds more things than chains, and never shrinks; its owner bounds the
 * number of things.
 */
const FIRST_CHAINS: u32 = 64;

/** The table; `T` says what it holds. */
@unmanaged
@final
export class HashTable<T> {
  /** Number of things in the table. */
  count: u32 = 0;
  private mask: u32 = FIRST_CHAINS - 1;
  private chains: usize = newChains(FIRST_CHAINS);

  /** The first thing of the chain in which everything with `hash` lies, or null. */
  @inline
  first(hash: u32): T | null {
    return changetype<T | null>(load<usize>(this.chain(hash)));
  }

  /** The thing with this `hash`, or null: for tables in which no two have the same. */
  only(hash: u32): T | null {
    let thing = this.first(hash);
    while (thing) {
      if (thing.hash == hash) return thing;
      thing = thing.hashNext;
    }
    return null;
  }

  /** Puts `thing` in; its `hash` must be set and it must not be in a table. */
  insert(thing: T): void {
    if (this.count > this.mask) this.grow();
    const chain = this.chain(thing.hash);
    thing.hashNext = changetype<T | null>(load<usize>(chain));
    store<usize>(chain, changetype<usize>(thing));
    this.count++;
  }

  /** Takes `thing` out; it must be in the table. */
  remove(thing: T): void {
    const chain = this.chain(thing.hash);
    let at = changetype<T | null>(load<usize>(chain));
    if (changetype<usize>(at) == changetype<usize>(thing)) {
      store<usize>(chain, changetype<usize>(thing.hashNext));
      this.count--;
      return;
    }
    while (at) {
      const next = at.hashNext;
      if (changetype<usize>(next) == changetype<usize>(thing)) {
        at.hashNext = thing.hashNext;
        this.count--;
        return;
      }
      at = next;
    }
  }

  /** Gives the table's own memory back; what was in it belongs to its owner. */
  free(): void {
    heap.free(this.chains);
    heap.free(changetype<usize>(this));
  }

  /** The address of the link to the first thing of the chain for `hash`. */
  @inline
  private chain(hash: u32): usize {
    return this.chains + ((<usize>(hash & this.mask)) << alignof<usize>());
  }

  private grow(): void {
    const oldChains = this.chains;
    const oldCount = this.mask + 1;
    this.mask = oldCount * 2 - 1;
    this.chains = newChains(oldCount * 2);
    for (let i: u32 = 0; i < oldCount; i++) {
      let thing = changetype<T | null>(load<usize>(oldChains + ((<usize>i) << alignof<usize>())));
      while (thing) {
        const next = thing.hashNext;
        const chain = this.chain(thing.hash);
        thing.hashNext = changetype<T | null>(load<usize>(chain));
        store<usize>(chain, changetype<usize>(thing));
        thing = next;
      }
    }
    heap.free(oldChains);
  }
}

function newChains(count: u32): usize {
  const size = (<usize>count) << alignof<usize>();
  const chains = heap.alloc(size);
  memory.fill(chains, 0, size);
  return chains;
}
