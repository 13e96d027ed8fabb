// Requests in which a caller spoofs a protected key, in every way that came to mind: those of which the
// key can be removed, and those that must not be let through.

import { concat, fixture, fixtureIndex, hex, request } from "../../frames/frames.ts";
import { fastjson2, jsonb } from "../../frames/fastjson2.ts";
import { hessianMap, hessianString } from "../../frames/hessian2.ts";

export const KEY = "dubbo-route";
export const LONG_KEY = "k".repeat(200);
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A hessian2 request with these bytes behind its one argument. */
function hessian(attachments: Uint8Array, arg: Uint8Array = hex("90")): Uint8Array {
  const strings = ["2.0.2", "a.B", "1.0", "go", "I"].map((text) => hessianString(text));
  return request({ body: concat([...strings, arg, attachments]) });
}

/** Attachments with `entries` between two that must stay. */
function map(...entries: Uint8Array[]): Uint8Array {
  const before = concat([hessianString("a"), hessianString("1")]);
  const behind = concat([hessianString("z"), hessianString("2")]);
  return concat([hex("48"), before, ...entries, behind, hex("5a")]);
}

/** The key `text` with each character in `size` bytes, in the form that `head` begins. */
function overlong(text: string, size: number, head: Uint8Array): Uint8Array {
  const leads: Record<number, number> = { 2: 0xc0, 3: 0xe0, 4: 0xf0 };
  const bytes = [...utf8(text)].flatMap((unit) => {
    const more: number[] = Array.from({ length: size - 1 }, () => 0x80);
    more[more.length - 1]! |= unit & 0x3f;
    if (size > 2) more[more.length - 2]! |= unit >> 6;
    return [leads[size]! | (size === 2 ? unit >> 6 : 0), ...more];
  });
  return concat([head, Uint8Array.from(bytes)]);
}

export const key = hessianString(KEY);
export const v2 = hessianString("v2");
const chunked = concat([
  ...[hex("520002"), utf8("du"), hex("520000"), hex("3001"), utf8("x")].slice(0, 3),
  ...[hex("520004"), utf8("bbo-"), hex("530005"), utf8("route")],
]);

/** Frames of which the key is removed, and all else stays. */
export const REMOVED: Record<string, Uint8Array> = {
  exact: hessian(map(key, v2)),
  "upper case": hessian(map(hessianString("DUBBO-Route"), v2)),
  "twice, in two cases": hessian(map(key, v2, hessianString("Dubbo-route"), v2)),
  "a key in pieces": hessian(map(chunked, v2)),
  "a key in the long form": hessian(map(hex("53000b"), utf8(KEY), v2)),
  "a key in the middle form": hessian(map(hex("300b"), utf8(KEY), v2)),
  "two bytes for each character": hessian(map(overlong(KEY, 2, hex("0b")), v2)),
  "three bytes for each character": hessian(map(overlong(KEY, 3, hex("0b")), v2)),
  "a long key in pieces and three bytes each": hessian(
    map(
      overlong(LONG_KEY.slice(100), 3, hex("520064")),
      overlong("k".repeat(100), 3, hex("530064")),
      v2,
    ),
  ),
  "a value in pieces": hessian(map(key, hex("520001"), utf8("v"), hex("0132"))),
  "null as value": hessian(map(key, hex("4e"))),
  "an int as value": hessian(map(key, hex("91"))),
  "bytes as value": hessian(map(key, hex("22"), utf8("v2"))),
  "a list as value": hessian(map(key, hex("7a"), v2, v2)),
  "a map as value": hessian(map(key, hessianMap({ [KEY]: "v2" }))),
  "an object as value": hessian(
    map(key, hex("43"), hessianString("a.C"), hex("91"), key, hex("60"), v2),
  ),
  "a typed map": hessian(
    concat([
      hex("4d"),
      hessianString("java.util.TreeMap"),
      key,
      v2,
      hessianString("z"),
      v2,
      hex("5a"),
    ]),
  ),
  "bytes behind the attachments": hessian(concat([map(key, v2), hex("4e")])),
  "fastjson2, exact": request({ serialization: "fastjson2", extraAttachments: { [KEY]: "v2" } }),
  "fastjson2, upper case and twice": request({
    serialization: "fastjson2",
    extraAttachments: { "DUBBO-ROUTE": 5, [KEY]: { a: 1 } },
  }),
  ...Object.fromEntries(
    [
      ["7a0b", utf8(KEY)],
      ["790b", utf8(KEY)],
      ["7a380b", utf8(KEY)],
      ["7a480000000b", utf8(KEY)],
      ["7e0b", utf8(KEY)],
      ["7c16", Buffer.from(KEY, "utf16le")],
      ["7d16", Buffer.from(KEY, "utf16le").swap16()],
      ["7b16", Buffer.from(KEY, "utf16le").swap16()],
    ].map(([head, text]) => [
      `fastjson2, spelt ${head as string}`,
      json(concat([hex(head as string), text as Uint8Array])),
    ]),
  ),
};

/** A fastjson2 request with these bytes as a key. */
function json(name: Uint8Array, value = jsonb("v2")): Uint8Array {
  const strings = ["2.0.2", "a.B", "1.0", "go", ""].map((text) => fastjson2(text));
  const entries = [jsonb("a"), jsonb("1"), name, value, jsonb("z"), jsonb("2")];
  const field = fastjson2(concat([hex("a6"), ...entries, hex("a5")]));
  return request({ serialization: "fastjson2", body: concat([...strings, field]) });
}

const byteOrderMark = (mark: string, text: Buffer): Uint8Array =>
  concat([hex("7b18"), hex(mark), new Uint8Array(text)]);
const java = fixtureIndex().find(({ file }) => /\/java-user.*request/.test(file))!.file;
const compacted = fixtureIndex().find(({ file }) => /compactedjava-user.*request/.test(file))!.file;

/** Frames that are not let through, with the reason: as refused calls, and as the end of the connection. */
export const REFUSED: Record<string, [string, Uint8Array]> = {
  "four bytes for each character": ["unreadable", hessian(map(overlong(KEY, 4, hex("0b")), v2))],
  "an object behind the removed one": [
    "unreadable",
    hessian(map(key, hex("7a"), v2, v2, hessianString("o"), hex("5191"))),
  ],
  "a class definition in front of a key": [
    "unreadable",
    hessian(map(hex("43"), hessianString("a.C"), hex("90"), key, v2)),
  ],
  "attachments that refer to an argument": [
    "unreadable",
    hessian(hex("5190"), hessianMap({ [KEY]: "v2" })),
  ],
  "a list for attachments": ["unreadable", hessian(concat([hex("7a"), key, v2]))],
  "attachments without an end": ["unreadable", hessian(concat([hex("48"), key, v2]))],
  "a code that is none": ["unreadable", hessian(map(hex("45"), key, v2))],
  "a bad descriptor": ["unreadable", request({ desc: "Q", extraAttachments: { [KEY]: "v2" } })],
  "a half descriptor": ["unreadable", request({ desc: "La/B", extraAttachments: { [KEY]: "v2" } })],
  "no body": ["unreadable", request({ body: hex("") })],
  "nesting without an end": ["unreadable", hessian(map(key, v2), hex("57".repeat(3000)))],
  "fastjson2, a symbol": ["unreadable", json(concat([hex("7f"), jsonb(KEY), hex("01")]))],
  "fastjson2, a known symbol": ["unreadable", json(hex("7f01"))],
  "fastjson2, a typed key": [
    "unreadable",
    json(concat([hex("92"), jsonb("java.lang.String"), hex("00"), jsonb(KEY)])),
  ],
  "fastjson2, a reference as key": ["unreadable", json(concat([hex("93"), jsonb("$.a")]))],
  "fastjson2, UTF-16 with a mark, little endian": [
    "unreadable",
    json(byteOrderMark("fffe", Buffer.from(KEY, "utf16le"))),
  ],
  "fastjson2, UTF-16 with a mark, big endian": [
    "unreadable",
    json(byteOrderMark("feff", Buffer.from(KEY, "utf16le").swap16())),
  ],
  "java serialization": ["serialization", fixture(java)],
  compactedjava: ["serialization", fixture(compacted)],
  kryo: ["serialization", request({ serialization: "kryo" })],
  "a frame over the limit": [
    "too_large",
    request({ args: ["x".repeat(1100)], extraAttachments: { [KEY]: "v2" } }),
  ],
};

export const CLOSED: Record<string, [string, Uint8Array]> = {
  "an answer longer than any body": ["too_large", hex("dabb0214 0000000000000001 00800001 0102")],
  "a length near 2^32": ["too_large", hex("dabb0214 0000000000000001 fffffff0 0102")],
  "a byte in front of a frame": ["foreign", concat([hex("00"), REMOVED["exact"]!])],
  "half a magic in front of a frame": ["foreign", concat([hex("da"), REMOVED["exact"]!])],
  "another protocol": ["foreign", utf8("GET / HTTP/1.1\r\n\r\n")],
};
