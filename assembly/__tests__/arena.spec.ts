/**
 * wire/arena: what is made while an arena is open goes with it.
 */
import { Arena, Kept, keptBytes, keptCopy, keptSpan, keptZeros } from "../wire/arena";


@unmanaged
@final
class Thing extends Kept {
  first: u64 = 7;
  second: usize = keptZeros(100);
}

describe("an arena", () => {
  test("gives back all that was made while it was open", () => {
    let pages = 0;
    for (let round = 0; round < 1000; round++) {
      const arena = new Arena();
      arena.open();
      for (let i = 0; i < 100; i++) {
        new Thing();
        keptSpan();
        keptBytes(1000);
      }
      arena.close();
      arena.free();
      if (round == 10) pages = memory.size();
    }
    expect(memory.size()).toBe(pages);
  });

  test("hands out what was asked for", () => {
    const arena = new Arena();
    arena.open();
    const thing = new Thing();
    expect(thing.first).toBe(7);
    expect(load<u64>(thing.second + 92)).toBe(0);
    const copy = keptCopy(changetype<usize>(thing), 8);
    expect(load<u64>(copy)).toBe(7);
    expect(keptSpan().start).toBe(0);
    arena.close();
    arena.free();
  });

  test("has nothing of what is made after it was closed", () => {
    const arena = new Arena();
    arena.open();
    arena.close();
    const thing = new Thing();
    arena.free();
    expect(thing.first).toBe(7);
  });
});
