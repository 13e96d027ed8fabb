/**
 * The attachments of a fastjson2 body: finding what is asked for, and writing them anew.
 *
 *     attachments ::= a6 (name value)* a5 | af | nothing
 *
 * A name may be spelt in any of JSONB's encodings, or be a symbol. Symbols and types get numbers which
 * later values use, so an entry that takes part in this numbering can only be dropped if nothing
 * after it uses a number.
 */
import { WantedAttachment, AttachmentQuery } from "../../dubbo/attachments";
import { AttachmentChange } from "../../dubbo/attachment_change";
import { Output } from "../../wire/output";
import { failed, MALFORMED, UNSUPPORTED } from "../../wire/position";
import { ENTRY, rewriteEntries, writeSets } from "../attachment_walk";
import {
  isJsonbPlain,
  isJsonbString,
  isUtf16WithMark,
  jsonbEncoding,
  NULL,
  OBJECT,
  OBJECT_END,
  readJsonbString,
  readJsonbText,
  REFERENCE,
  skipJsonb,
  SYMBOL,
  TYPED,
  writeJsonbString,
} from "./value";

let keyIsPlain: bool = true;

/** Reads the object from `p` to `end` and fills in what `attachments` asks for. */
export function readJsonbAttachments(p: usize, end: usize, attachments: AttachmentQuery): usize {
  if (p >= end) return MALFORMED;
  const code = load<u8>(p++);
  if (code == NULL) return p;
  if (code != OBJECT) return MALFORMED;
  const key = ENTRY.key;
  while (p < end) {
    if (load<u8>(p) == OBJECT_END) return p + 1;
    p = readKey(p, end);
    if (failed(p)) return p;
    if (p >= end) return MALFORMED;
    let wanted: WantedAttachment | null = null;
    if (key.start != 0) wanted = attachments.find(key.start, key.length, ENTRY.encoding);
    if (wanted) wanted.meet(key.start, key.length, ENTRY.encoding);
    if (wanted && isJsonbString(load<u8>(p))) {
      // What the caller's application is called is only ever its own word.
      p = wanted.isStatement
        ? readJsonbString(p, end, wanted.value)
        : readJsonbText(p, end, wanted.value);
    } else {
      p = skipJsonb(p, end, 1);
    }
    if (failed(p)) return p;
    if (wanted) wanted.keep();
  }
  return MALFORMED;
}

/**
 * Writes the object that lies from `p` to `end` into `out`, changed.
 *
 * @returns whether it could be; if not, what was written means nothing
 */
export function rewriteJsonbAttachments(
  p: usize,
  end: usize,
  change: AttachmentChange,
  out: Output,
): bool {
  out.writeU8(OBJECT);
  if (p < end && load<u8>(p++) == OBJECT) {
    if (!rewriteEntries(p, end, OBJECT_END, false, change, out, readEntry, writeJsonbString)) {
      return false;
    }
  } else {
    writeSets(change, out, writeJsonbString);
  }
  out.writeU8(OBJECT_END);
  return true;
}

/** Passes the entry at `p` and fills `ENTRY`. */
function readEntry(p: usize, end: usize): usize {
  p = readKey(p, end);
  if (failed(p)) return p;
  if (p >= end) return MALFORMED;
  ENTRY.isPlain = keyIsPlain && isJsonbPlain(load<u8>(p));
  return skipJsonb(p, end, 1);
}

/** Reads the key at `p` into `ENTRY`; it is null if it is no text. */
function readKey(p: usize, end: usize): usize {
  const key = ENTRY.key;
  key.clear();
  const code = load<u8>(p);
  keyIsPlain = isJsonbPlain(code);
  if (isJsonbString(code)) {
    ENTRY.encoding = jsonbEncoding(code);
    p = readJsonbString(p, end, key);
    // Java's UTF-16 obeys a byte order mark; no peer writes one.
    return !failed(p) && isUtf16WithMark(code, key) ? UNSUPPORTED : p;
  }
  // What a symbol, a typed value or a reference spells may stand elsewhere; no peer writes keys so.
  const isIndirect = code == SYMBOL || code == TYPED || code == REFERENCE;
  return isIndirect ? UNSUPPORTED : skipJsonb(p, end, 1);
}
