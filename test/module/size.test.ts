// How many bytes of code each part of assembly/ has, so that growth is seen where it happens: golden/size.txt is written
// anew with UPDATE_GOLDEN=1 in the environment. The compiler's names tell whose a function is; the release module has
// less of them, as harness/shrink.mjs puts many into their only callers, and its texts packed.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fromRoot } from "../../harness/repository.ts";

const GOLDEN = new URL("golden/size.txt", import.meta.url);
/** How many bytes a part may differ before its line is looked at. */
const SLACK = 256;
const Section = { custom: 0, imports: 2, code: 10, data: 11 } as const;
const FUNCTION_NAMES = 1;

/** Reads numbers of seven bits a byte, and bytes. */
class Reader {
  at = 0;
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  number(): number {
    let value = 0;
    for (let weight = 1; ; weight *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * weight;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Buffer {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** Sections of a module, each with its number. */
function sectionsOf(module: Buffer): [number, Buffer][] {
  const reader = new Reader(module.subarray(8));
  const sections: [number, Buffer][] = [];
  while (reader.at < reader.bytes.length) {
    const [id] = reader.take(1);
    sections.push([id!, reader.take(reader.number())]);
  }
  return sections;
}

function lengthOf(module: Buffer, wanted: number): number {
  return sectionsOf(module).reduce(
    (sum, [id, { length }]) => sum + (id === wanted ? length : 0),
    0,
  );
}

/** Names of functions by their numbers. */
function namesOf(module: Buffer): Map<number, string> {
  const names = new Map<number, string>();
  for (const [id, bytes] of sectionsOf(module)) {
    const reader = new Reader(bytes);
    if (id !== Section.custom || reader.take(reader.number()).toString() !== "name") continue;
    while (reader.at < bytes.length) {
      const [kind] = reader.take(1);
      const part = new Reader(reader.take(reader.number()));
      if (kind !== FUNCTION_NAMES) continue;
      for (let left = part.number(); left > 0; left--) {
        names.set(part.number(), part.take(part.number()).toString());
      }
    }
  }
  return names;
}

/** The folder of assembly/ that a function is of. */
function partOf(name: string): string {
  if (name.startsWith("~lib/")) return "AssemblyScript's library";
  return /^assembly\/([a-z0-9]+)\//.exec(name)?.[1] ?? "assembly itself";
}

/** A module that has names: bytes of its functions by part. */
function codeOf(module: Buffer): Map<string, number> {
  const sections = new Map(sectionsOf(module));
  const imports = new Reader(sections.get(Section.imports)!).number();
  const names = namesOf(module);
  const code = new Reader(sections.get(Section.code)!);
  const parts = new Map<string, number>();
  const count = code.number();
  for (let index = 0; index < count; index++) {
    const { length } = code.take(code.number());
    const part = partOf(names.get(imports + index) ?? "");
    parts.set(part, (parts.get(part) ?? 0) + length);
  }
  return parts;
}

test("golden/size.txt says how large each part is", { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "size-"));
  try {
    const out = join(folder, "named.wasm");
    const compiler = fromRoot("node_modules", "assemblyscript", "bin", "asc.js");
    const args = ["assembly/index.ts", "--target", "release", "--debug", "--outFile", out];
    const run = spawnSync(process.execPath, [compiler, ...args], { cwd: fromRoot(".") });
    assert.equal(run.status, 0, String(run.stderr));
    const parts = codeOf(readFileSync(out));
    const released = readFileSync(fromRoot("build", "dubbo.wasm"));
    parts.set("data, packed", lengthOf(released, Section.data));
    const code = [...parts.values()].reduce((sum, bytes) => sum + bytes, 0);
    assert.ok(Math.abs(code - released.length) < released.length / 10, `${code} bytes`);
    const lines = [...parts].sort(([a], [b]) => (a < b ? -1 : 1));
    const written = lines.map(([part, bytes]) => `${String(bytes).padStart(6)} ${part}\n`).join("");
    if (process.env.UPDATE_GOLDEN !== undefined) writeFileSync(GOLDEN, written);
    const golden = new Map(
      readFileSync(GOLDEN, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => {
          const [, bytes, part] = /^ *(\d+) (.*)$/.exec(line)!;
          return [part!, Number(bytes)] as const;
        }),
    );
    assert.deepEqual(
      [...golden.keys()],
      lines.map(([part]) => part),
    );
    for (const [part, bytes] of lines) {
      const before = golden.get(part)!;
      const difference = Math.abs(bytes - before);
      assert.ok(difference <= SLACK, `${part} has ${bytes} bytes, and had ${before}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
