/**
 * The attachments of a hessian2 body: finding what is asked for, and writing them anew.
 *
 *     attachments ::= 'H' (key value)* 'Z' | 'M' type (key value)* 'Z' | 'N' | nothing
 *
 * Rewriting copies the entries that stay byte for byte. Lists, maps, instances, classes and types are
 * numbered through the whole body, and later values refer to earlier ones by number: an entry that
 * takes part in this numbering can only be dropped if nothing after it refers to a number.
 */
import { WantedAttachment, AttachmentQuery } from "../../dubbo/attachments";
import { AttachmentChange } from "../../dubbo/attachment_change";
import { KeyEncoding } from "../../dubbo/attachment_key";
import { Output } from "../../wire/output";
import { failed, INCOMPLETE, MALFORMED, UNSUPPORTED } from "../../wire/position";
import { ENTRY, rewriteEntries, writeSets } from "../attachment_walk";
import {
  CLASS_DEFINITION,
  END,
  FIRST_KIND,
  kindOf,
  LIST,
  LIST_FIXED,
  LIST_SHORT,
  LIST_TYPED_FIXED,
  LIST_TYPED_SHORT,
  MAP,
  MAP_TYPED,
  NULL_CODE,
  BINARY_FINAL,
} from "./codes";
import { Span } from "../../wire/span";
import { lastInt, readInt, skipType, skipValues, startBody } from "./skip";
import { isStringCode, readShortLived, readString, wasCut } from "./string";
import { writeHessian2String } from "./write";

const UNTYPED_MAP: u8 = 0x48;
const MAP_END: u8 = 0x5a;
/** The most characters of a string in its short form, whose code is their number. */
const LONGEST_SHORT: u32 = 31;
/**
 * From how many keys in a tail its entries are read, at most. Each reading may take all of the tail, and the caller
 * chooses how many texts look like keys: without a bound 6 KiB cost 60 ms. The maps with contexts that a call has
 * among its arguments are mostly one or two, and cost one reading each.
 */
const MOST_TRIES: u32 = 4;

/**
 * Where the entries stand that the last query asked for: key, end and `WantedAttachment` of each. Their
 * changing then needs no second walk, which was a quarter of a rewritten request's time.
 */
const MOST_FOUND: u32 = 16;
const FOUND_SIZE: u32 = 12;
const FOUND = memory.data(<i32>(MOST_FOUND * FOUND_SIZE));
let found: u32 = 0;
/** Whether all of them are there, and none takes part in the numbering. */
let isFoundPlain: bool = false;

/** Reads the map at `p` and fills in what `attachments` asks for; answers the address after it. */
export function readAttachments(p: usize, end: usize, attachments: AttachmentQuery): usize {
  if (p >= end) return INCOMPLETE;
  if (load<u8>(p) == NULL_CODE) return p + 1;
  p = enterMap(p, end);
  return failed(p) ? p : readEntries(p, end, attachments);
}

/** See `readTailOf`; the map is the body's last value, and its keys are strings in their short form. */
export function readHessian2Tail(p: usize, end: usize, attachments: AttachmentQuery): bool {
  // Which classes were defined is not known.
  startBody();
  let tries = MOST_TRIES;
  for (; p < end && tries != 0; p++) {
    const length: u32 = load<u8>(p);
    if (length > LONGEST_SHORT || p + length >= end) continue;
    if (!attachments.find(p + 1, length, KeyEncoding.BYTES)) continue;
    attachments.clear();
    if (readEntries(p, end, attachments) == end) return true;
    tries--;
    // From the keys that it has met it would come no further.
    if (found != 0) p = load<usize>(FOUND + (found - 1) * FOUND_SIZE);
  }
  return false;
}

/** Reads the entries at `p`, and the map's end after them. */
function readEntries(p: usize, end: usize, attachments: AttachmentQuery): usize {
  found = 0;
  isFoundPlain = true;
  const key = ENTRY.key;
  while (true) {
    if (p >= end) return INCOMPLETE;
    if (kindOf(load<u8>(p)) == END) return p + 1;
    const entry = p;
    p = readKey(p, end);
    if (failed(p)) return p;
    if (p >= end) return INCOMPLETE;
    let wanted: WantedAttachment | null = null;
    if (key.start != 0) wanted = attachments.find(key.start, key.length, KeyEncoding.BYTES);
    if (wanted) {
      wanted.meet(key.start, key.length, KeyEncoding.BYTES);
      if (!isUnnumbered(load<u8>(p))) isFoundPlain = false;
    }
    if (wanted && isStringCode(load<u8>(p))) {
      p = readString(p, end, wanted.value);
      // A part of a value is another value.
      if (wasCut()) wanted.value.clear();
    } else {
      const value = p;
      p = skipValues(p, end, 1);
      if (wanted && wanted.takesLists && !failed(p)) readOnlyText(value, p, wanted.value);
    }
    if (failed(p)) return p;
    if (!wanted) continue;
    wanted.keep();
    noteFound(entry, p, wanted);
  }
}

/** Points `text` at the string of the list from `p` to `end`, which is well formed, if it has one and no more. */
function readOnlyText(p: usize, end: usize, text: Span): void {
  const code = load<u8>(p);
  const kind = kindOf(code);
  if (kind < LIST_TYPED_FIXED || kind > LIST_SHORT || kind == LIST) return;
  p++;
  if (kind == LIST_TYPED_FIXED || kind == LIST_TYPED_SHORT) {
    // The type's name, or its number.
    p = isStringCode(load<u8>(p)) ? readShortLived(p, end, text) : readInt(p, end);
    text.clear();
    if (failed(p)) return;
  }
  let count: i32 = code & 7;
  if (kind == LIST_TYPED_FIXED || kind == LIST_FIXED) {
    p = readInt(p, end);
    if (failed(p)) return;
    count = lastInt();
  }
  if (count != 1 || p >= end || !isStringCode(load<u8>(p))) return;
  if (failed(readString(p, end, text)) || wasCut()) text.clear();
}

function noteFound(entry: usize, end: usize, wanted: WantedAttachment): void {
  if (found == MOST_FOUND) {
    isFoundPlain = false;
    return;
  }
  const slot = FOUND + found++ * FOUND_SIZE;
  store<usize>(slot, entry);
  store<usize>(slot, end, 4);
  store<usize>(slot, changetype<usize>(wanted), 8);
}

/**
 * Writes the attachments that lie from `p` to `end` into `out`, changed.
 *
 * The body must have been read just before: its classes are counted on, and what was found in it.
 *
 * @returns whether they could be; if not, what was written means nothing
 */
export function rewriteHessian2Attachments(
  p: usize,
  end: usize,
  change: AttachmentChange,
  out: Output,
): bool {
  out.writeU8(UNTYPED_MAP);
  if (p < end && load<u8>(p) == UNTYPED_MAP && isFoundPlain) {
    let keep = p + 1;
    for (let slot = FOUND; slot < FOUND + found * FOUND_SIZE; slot += FOUND_SIZE) {
      const entry = load<usize>(slot);
      if (!change.dropsWanted(changetype<WantedAttachment>(load<usize>(slot, 8)))) continue;
      out.write(keep, <u32>(entry - keep));
      keep = load<usize>(slot, 4);
    }
    // All up to the map's end.
    out.write(keep, <u32>(end - 1 - keep));
    writeSets(change, out, writeHessian2String);
  } else if (p < end && load<u8>(p) != NULL_CODE) {
    // A typed map names a type, and types are numbered.
    const isTyped = load<u8>(p) != UNTYPED_MAP;
    p = enterMap(p, end);
    if (failed(p)) return false;
    if (!rewriteEntries(p, end, MAP_END, isTyped, change, out, readEntry, writeHessian2String)) {
      return false;
    }
  } else {
    writeSets(change, out, writeHessian2String);
  }
  out.writeU8(MAP_END);
  return true;
}

/** Passes the entry at `p` and fills `ENTRY`. */
function readEntry(p: usize, end: usize): usize {
  p = readKey(p, end);
  if (failed(p)) return p;
  if (p >= end) return INCOMPLETE;
  ENTRY.isPlain = isUnnumbered(load<u8>(p)) && ENTRY.key.start != 0;
  return skipValues(p, end, 1);
}

function enterMap(p: usize, end: usize): usize {
  const kind = kindOf(load<u8>(p));
  if (kind == MAP) return p + 1;
  return kind == MAP_TYPED ? skipType(p + 1, end) : MALFORMED;
}

/** Reads the key at `p` into `ENTRY`; it is null if it is no string. */
function readKey(p: usize, end: usize): usize {
  ENTRY.key.clear();
  ENTRY.encoding = KeyEncoding.BYTES;
  if (isStringCode(load<u8>(p))) return readShortLived(p, end, ENTRY.key);
  // A class definition may stand in front of any value, so of a string that would be missed here.
  if (kindOf(load<u8>(p)) == CLASS_DEFINITION) return UNSUPPORTED;
  return skipValues(p, end, 1);
}

/** Whether a value that starts with `code` takes no part in numbering: a scalar, string or bytes. */
function isUnnumbered(code: u8): bool {
  const kind = kindOf(code);
  return kind < FIRST_KIND || kind <= BINARY_FINAL;
}
