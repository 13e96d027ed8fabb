/**
 * wire/hash_table: things with their own links, put in and taken out anywhere in a chain, while the
 * table grows.
 */
import { HashTable } from "../wire/hash_table";

/** Something with a link of its own. */
@unmanaged
class Thing {
  hash: u32 = 0;
  hashNext: Thing | null = null;
  id: u32 = 0;
}

function make(id: u32, hash: u32): Thing {
  const thing = new Thing();
  thing.id = id;
  thing.hash = hash;
  return thing;
}

function has(table: HashTable<Thing>, thing: Thing): bool {
  let found = table.first(thing.hash);
  while (found) {
    if (changetype<usize>(found) == changetype<usize>(thing)) return true;
    found = found.hashNext;
  }
  return false;
}

/** The ids in the chain of `hash`, in its order. */
function chain(table: HashTable<Thing>, hash: u32): string {
  let ids = "";
  let found = table.first(hash);
  while (found) {
    ids += found.id.toString() + " ";
    found = found.hashNext;
  }
  return ids;
}

describe("hash table", () => {
  test("an empty table has nothing", () => {
    const table = new HashTable<Thing>();
    expect(table.count).toBe(0);
    expect(table.first(0) == null && table.first(u32.MAX_VALUE) == null).toBeTruthy();
    table.free();
  });

  test("a thing is found by its hash, also behind others of its chain", () => {
    const table = new HashTable<Thing>();
    // 64 chains at first: all of these lie in one.
    for (let id = 0; id < 3; id++) table.insert(make(id, 5 + 64 * id));
    for (let id = 0; id < 3; id++) expect(table.only(5 + 64 * id)!.id).toBe(id);
    expect(table.only(5 + 64 * 3) == null && table.only(6) == null).toBeTruthy();
    table.free();
  });

  test("the head, the middle and the end of a chain can be taken out", () => {
    for (let out = 0; out < 3; out++) {
      const table = new HashTable<Thing>();
      const things = [make(0, 5), make(1, 5), make(2, 5)];
      for (let i = 0; i < 3; i++) table.insert(things[i]);
      expect(chain(table, 5)).toBe("2 1 0 ");
      table.remove(things[out]);
      expect(table.count).toBe(2);
      for (let i = 0; i < 3; i++) expect(has(table, things[i])).toBe(i != out);
      table.insert(things[out]);
      expect(table.count).toBe(3);
      expect(has(table, things[out])).toBeTruthy("put in again");
      table.free();
    }
  });

  test("different hashes in one chain are told apart by their owner and leave each other alone", () => {
    const table = new HashTable<Thing>();
    const a = make(1, 3);
    const b = make(2, 3 + 64);
    table.insert(a);
    table.insert(b);
    expect(chain(table, 3)).toBe("2 1 ");
    table.remove(a);
    expect(chain(table, 3)).toBe("2 ");
    expect(chain(table, 4)).toBe("");
    table.free();
  });

  test("taking out what is not in changes nothing", () => {
    const table = new HashTable<Thing>();
    table.insert(make(1, 9));
    table.remove(make(2, 9));
    table.remove(make(3, 10));
    expect(table.count).toBe(1);
    expect(chain(table, 9)).toBe("1 ");
    table.free();
  });

  test("everything is found again while the table doubles from 64 chains to 4096", () => {
    const table = new HashTable<Thing>();
    const things: Thing[] = [];
    let lost = 0;
    for (let i: u32 = 0; i < 4000; i++) {
      // Every fourth shares its hash with the one before.
      things.push(make(i, (i - (i % 4 == 3 ? 1 : 0)) * 0x9e3779b1));
      table.insert(things[i]);
      if (table.count != i + 1) lost++;
      for (let j: u32 = i < 3 ? 0 : i - 3; j <= i; j++) if (!has(table, things[j])) lost++;
    }
    for (let i = 0; i < 4000; i++) if (!has(table, things[i])) lost++;
    expect(lost).toBe(0);
    let longest = 0;
    for (let hash: u32 = 0; hash < 4096; hash++) {
      const length = chain(table, hash).split(" ").length - 1;
      if (length > longest) longest = length;
    }
    expect(longest).toBeLessThan(16, "the chains are those of the grown table");
    table.free();
  });

  test("a hundred thousand puts and takes against a plain list", () => {
    const table = new HashTable<Thing>();
    const things: Thing[] = [];
    const isIn: bool[] = [];
    for (let i: u32 = 0; i < 300; i++) {
      things.push(make(i, (i * 7) % 50));
      isIn.push(false);
    }
    let random: u32 = 12345;
    let wrong = 0;
    let count: u32 = 0;
    for (let turn = 0; turn < 100000; turn++) {
      random = random * 1664525 + 1013904223;
      const i = (random >> 8) % 300;
      if (isIn[i]) table.remove(things[i]);
      else table.insert(things[i]);
      isIn[i] = !isIn[i];
      count += isIn[i] ? 1 : -1;
      if (table.count != count || has(table, things[i]) != isIn[i]) wrong++;
    }
    for (let i = 0; i < 300; i++) if (has(table, things[i]) != isIn[i]) wrong++;
    expect(wrong).toBe(0);
    table.free();
  });
});
