/**
 * What a request calls: the strings at the head of its body, and attachments if they are wanted.
 *
 *     body ::= dubboVersion path serviceVersion method descriptor argument* attachments
 *
 * Source: org.apache.dubbo.rpc.protocol.dubbo.DubboCodec.encodeRequestData. How a string, an
 * argument or the attachments are written is the serialization's matter.
 */
import { Kept, keptSpan } from "../wire/arena";
import { sameAscii } from "../wire/bytes";
import { INCOMPLETE } from "../wire/position";
import { Span } from "../wire/span";
import { AttachmentQuery } from "./attachments";

/** The strings at the head of a body, see `headPart`. */
export const HEAD_PARTS: u32 = 5;
/** The descriptor among them. */
export const DESCRIPTOR_PART: u32 = 4;
/** The last character that Java trims. */
const SPACE: u8 = 0x20;
/** dubbox: a descriptor follows. */
const DESCRIPTOR_FOLLOWS: i32 = -1;

/** One call as its body says it; its spans are good as long as the body's bytes. */
@unmanaged
@final
export class Invocation extends Kept {
  dubboVersion: Span = keptSpan();
  path: Span = keptSpan();
  serviceVersion: Span = keptSpan();
  /** The method as the head names it: `$invoke` for a generic call. */
  headMethod: Span = keptSpan();
  /** JVM type descriptors in a row, one for each argument. */
  descriptor: Span = keptSpan();
  /** Where the descriptor is written, with what stands before its characters. */
  descriptorAt: usize = 0;
  /** How many arguments there are; `BAD_DESCRIPTOR` where the descriptor is none. Told once they are needed. */
  argumentCount: u32 = 0;
  /** Whether the body says their number, and has no descriptor. */
  isCounted: bool = false;
  /** The first argument of a generic call: the method it really calls. */
  genericMethod: Span = keptSpan();
  /** What to look for among the attachments; null: the body is not read so far. */
  attachments: AttachmentQuery | null = null;
  /** Whether the five strings were read; they are good even if what follows could not be. */
  headRead: bool = false;
  /** Whether the attachments were read to their end. */
  attachmentsRead: bool = false;
  /** Whether a peer may read the body in another way than we do; see serialization/hessian2/body.ts. */
  isDoubtful: bool = false;
  /** Whether a peer may read other names in it, or find other attachments under a key that is asked for. */
  areNamesDoubtful: bool = false;
  /** Where the attachments begin; 0 if that is not known. */
  attachmentsStart: usize = 0;
  /** Where they end; meaningful if `attachmentsRead`. */
  attachmentsEnd: usize = 0;

  /**
   * Tells that the whole body up to `end` was read with this `result`.
   *
   * A body that ends after its arguments has no attachments, and that is then known.
   */
  endBody(result: usize, end: usize): void {
    if (result == INCOMPLETE && this.attachmentsStart == end) this.setAttachmentsRead(end);
  }

  /** The attachments were read up to `end`. */
  setAttachmentsRead(end: usize): void {
    this.attachmentsEnd = end;
    this.attachmentsRead = true;
  }

  /**
   * The body has a number before its descriptor, as dubbox writes it: -1, or how many arguments there are,
   * and then no descriptor.
   *
   * @returns false if it cannot be one
   */
  tell(number: i32): bool {
    if (number == DESCRIPTOR_FOLLOWS) return true;
    this.isCounted = true;
    this.argumentCount = number;
    return number >= 0 && <u32>number <= MAX_ARGUMENTS;
  }

  /** One of the head's `HEAD_PARTS` strings, in the order in which they stand. */
  headPart(part: u32): Span {
    switch (part) {
      case 0:
        return this.dubboVersion;
      case 1:
        return this.path;
      case 2:
        return this.serviceVersion;
      case 3:
        return this.headMethod;
      default:
        return this.descriptor;
    }
  }

  /** Forgets the last body. */
  clear(): void {
    this.dubboVersion.clear();
    this.path.clear();
    this.serviceVersion.clear();
    this.headMethod.clear();
    this.descriptor.clear();
    this.genericMethod.clear();
    this.isCounted = false;
    this.headRead = false;
    this.attachmentsRead = false;
    this.attachmentsStart = 0;
    this.isDoubtful = false;
    this.areNamesDoubtful = false;
    const attachments = this.attachments;
    if (attachments) attachments.clear();
  }

  /** Takes what Java's `String.trim` takes off the generic method: a provider does (GenericFilter). */
  trimGenericMethod(): void {
    let start = this.genericMethod.start;
    let end = start + this.genericMethod.length;
    while (start < end && load<u8>(start) <= SPACE) start++;
    while (start < end && load<u8>(end - 1) <= SPACE) end--;
    this.genericMethod.set(start, <u32>(end - start));
  }

  /** The method that is really called. */
  get method(): Span {
    return this.genericMethod.start != 0 ? this.genericMethod : this.headMethod;
  }

  /**
   * Whether the call is generic: `$invoke` or `$invokeAsync` with method name, types and arguments
   * as its three arguments (org.apache.dubbo.rpc.service.GenericService).
   */
  get isGeneric(): bool {
    const method = this.headMethod;
    if (method.length < 7 || load<u8>(method.start) != 0x24) return false;
    return (
      sameAscii(method.start, method.length, "$invoke") ||
      sameAscii(method.start, method.length, "$invokeAsync")
    );
  }
}

/** More arguments than a JVM method may have (JVMS 4.3.3). */
const MAX_ARGUMENTS: u32 = 255;
/** `argumentCount` answers this for a descriptor that is none. */
export const BAD_DESCRIPTOR: u32 = 0xffffffff;

/**
 * Counts the JVM type descriptors in a row in `descriptor` (`I`, `Ljava/util/Map;`, `[B`, `[[I`).
 *
 * @returns 0 to 255, or `BAD_DESCRIPTOR`
 */
export function argumentCount(descriptor: Span): u32 {
  let p = descriptor.start;
  const end = p + descriptor.length;
  let count: u32 = 0;
  while (p < end) {
    while (p < end && load<u8>(p) == 0x5b) p++; // [
    if (p == end) return BAD_DESCRIPTOR;
    switch (load<u8>(p++)) {
      case 0x42: // B
      case 0x43: // C
      case 0x44: // D
      case 0x46: // F
      case 0x49: // I
      case 0x4a: // J
      case 0x53: // S
      case 0x5a: // Z
        break;
      case 0x4c: // L…;
        p = skipClassName(p, end);
        if (p == 0) return BAD_DESCRIPTOR;
        break;
      default:
        return BAD_DESCRIPTOR;
    }
    if (++count > MAX_ARGUMENTS) return BAD_DESCRIPTOR;
  }
  return count;
}

/**
 * Passes `a/b/C;` at `p`: 0 where peers would not find a class name. They search the descriptor with a
 * regex (org.apache.dubbo.common.utils.ReflectUtils, DESC_PATTERN), and find others after what it does
 * not match.
 */
function skipClassName(p: usize, end: usize): usize {
  let isStart = true;
  while (p < end) {
    const byte = load<u8>(p++);
    const letter = byte | 0x20;
    if ((letter >= 0x61 && letter <= 0x7a) || byte == 0x5f || byte == 0x24) isStart = false;
    else if (isStart) return 0;
    else if (byte == 0x3b) return p;
    else if (byte == 0x2f) isStart = true;
    else if (byte < 0x30 || byte > 0x39) return 0;
  }
  return 0;
}

/** Where the descriptor after the one at `p` begins, in a row that `argumentCount` has counted. */
export function nextDescriptor(p: usize): usize {
  while (load<u8>(p) == 0x5b) p++; // [
  if (load<u8>(p++) != 0x4c) return p; // L
  while (load<u8>(p) != 0x3b) p++; // ;
  return p + 1;
}
