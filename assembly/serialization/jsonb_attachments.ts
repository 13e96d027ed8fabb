/**
 * The attachments of a fastjson2 body: finding what is asked for, and writing them anew.
 *
 *     attachments ::= a6 (name value)* a5 | af | nothing
 *
 * A name may be spelt in any of JSONB's encodings, or be a symbol. Symbols and types get numbers which
 * later values use, so an entry that takes part in this numbering can only be dropped if nothing
 * after it uses a number.
 */
import { WantedAttachment, AttachmentQuery } from "../dubbo/attachments";
import { AttachmentChange } from "../dubbo/attachment_change";
import { KeyEncoding } from "../dubbo/attachment_key";
import { Output } from "../wire/output";
import { failed, MALFORMED, UNSUPPORTED } from "../wire/position";
import { Span } from "../wire/span";
import {
  isJsonbPlain,
  isJsonbString,
  isUtf16WithMark,
  jsonbEncoding,
  NULL,
  OBJECT,
  OBJECT_END,
  readJsonbString,
  REFERENCE,
  skipJsonb,
  SYMBOL,
  TYPED,
  writeJsonbString,
} from "./jsonb";

const KEY = memory.data(16);
let keyEncoding: KeyEncoding = KeyEncoding.BYTES;
let keyIsPlain: bool = true;

/** The key of the attachment that is being read. */
function key(): Span {
  return changetype<Span>(KEY);
}

/** Reads the object from `p` to `end` and fills in what `attachments` asks for. */
export function readJsonbAttachments(p: usize, end: usize, attachments: AttachmentQuery): usize {
  if (p >= end) return MALFORMED;
  const code = load<u8>(p++);
  if (code == NULL) return p;
  if (code != OBJECT) return MALFORMED;
  while (p < end) {
    if (load<u8>(p) == OBJECT_END) return p + 1;
    p = readKey(p, end);
    if (failed(p)) return p;
    if (p >= end) return MALFORMED;
    let wanted: WantedAttachment | null = null;
    if (key().start != 0) wanted = attachments.find(key().start, key().length, keyEncoding);
    if (wanted) wanted.meet(key().start, key().length, keyEncoding);
    if (wanted && isJsonbString(load<u8>(p))) {
      p = readJsonbString(p, end, wanted.value);
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
    let numberIsLost = false;
    let keep = p;
    while (p < end && load<u8>(p) != OBJECT_END) {
      const entry = p;
      p = readKey(p, end);
      if (failed(p) || p >= end) return false;
      const isPlain = keyIsPlain && isJsonbPlain(load<u8>(p));
      p = skipJsonb(p, end, 1);
      if (failed(p)) return false;
      if (key().start != 0 && change.dropsKey(key().start, key().length, keyEncoding)) {
        out.write(keep, <u32>(entry - keep));
        keep = p;
        if (!isPlain) numberIsLost = true;
      } else if (!isPlain && numberIsLost) {
        return false;
      }
    }
    out.write(keep, <u32>(p - keep));
  }
  let each: AttachmentChange | null = change;
  while (each) {
    let set = each.sets;
    while (set) {
      if (set.value.start != 0 && !each.isOverruled(set)) {
        writeJsonbString(out, set.key);
        writeJsonbString(out, set.value);
      }
      set = set.next;
    }
    each = each.next;
  }
  out.writeU8(OBJECT_END);
  return true;
}

/** Reads the key at `p`; `key` is null if it is no text. */
function readKey(p: usize, end: usize): usize {
  key().clear();
  const code = load<u8>(p);
  keyIsPlain = isJsonbPlain(code);
  if (isJsonbString(code)) {
    keyEncoding = jsonbEncoding(code);
    p = readJsonbString(p, end, key());
    // Java's UTF-16 obeys a byte order mark; no peer writes one.
    return !failed(p) && isUtf16WithMark(code, key()) ? UNSUPPORTED : p;
  }
  // What a symbol, a typed value or a reference spells may stand elsewhere; no peer writes keys so.
  const isIndirect = code == SYMBOL || code == TYPED || code == REFERENCE;
  return isIndirect ? UNSUPPORTED : skipJsonb(p, end, 1);
}
