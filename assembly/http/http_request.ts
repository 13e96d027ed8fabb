/**
 * What an HTTP request calls, read off its headers: a gRPC or Triple call, or none of ours.
 *
 *     POST /<interface>/<method>     content-type: application/grpc…   Triple and gRPC
 *     POST /<interface>/<method>     application/json, proto, hessian2, msgpack, triple+wrapper, and a
 *                                    header tri-… or triple-protocol-version: Triple's plain HTTP form
 *     POST /<context>/<interface>/<method>   the same behind a context path, of which nothing is told
 *     POST /<interface>:<version>/<method>   the same as Dubbo Java's providers take it in gRPC's framing
 *
 * Sources: https://dubbo.apache.org/en/overview/reference/protocols/triple-spec and
 * org.apache.dubbo.rpc.protocol.tri.TripleHeaderEnum for the headers. A plain form without any header
 * `tri-…` (or `triple-protocol-version`, which dubbo-go's clients send) looks like anybody's HTTP, and is
 * taken for that. Nothing is decoded: `%2e` in a path is three characters.
 */
import { AttachmentQuery } from "../dubbo/attachments";
import { KeyEncoding } from "../dubbo/attachment_key";
import { HESSIAN2, JSON_TEXT, MSGPACK, PROTOBUF, UNNAMED } from "../dubbo/tables";
import { HeaderMap, headerPairs, headerValue } from "../host/headers";
import { Protocol } from "../call/vocabulary";
import { hasPrefix, sameAscii } from "../wire/bytes";
import { Span } from "../wire/span";

/** How a call is written into HTTP. */
export const enum Form {
  /** Not at all: the request is no call. */
  NONE,
  /** gRPC's framing. */
  GRPC,
  /** gRPC for browsers, of which messages and trailers may be in base64. */
  GRPC_WEB,
  /** One message that is the body. */
  PLAIN,
}

const GRPC_TYPE = "application/grpc";
/** Content types of the plain form, after `application/`. */
const PLAIN_TYPES = "application/";
/** What dubbo-go's Triple clients send in the plain form, where others send `tri-…`. */
const VERSION_HEADER = "triple-protocol-version";
const TRIPLE_PREFIX = "tri-";
/** The caller's application, which is the attachment `remote.application` in the Dubbo protocol. */
const APPLICATION_HEADER = "tri-consumer-appname";
/** Triple's headers for what are attachments in the Dubbo protocol. */
export const SERVICE_PREFIX = "tri-service-";
export const SERVICE_PREFIX_LENGTH: u32 = 12;
/** Characters of `group`, as `version` has not. */
export const GROUP_LENGTH: u32 = 5;
/** Bytes of a pair's two lengths. */
const LENGTHS: u32 = 8;

const SLASH: u8 = 0x2f;
const QUESTION_MARK: u8 = 0x3f;
const DOT: u8 = 0x2e;
const COLON: u8 = 0x3a;
const TILDE: u8 = 0x7e;
const PERCENT: u8 = 0x25;

/** Whether the attachment with this key is a header `tri-service-…` over HTTP, and not its own. */
export function isServiceKey(key: usize, length: u32): bool {
  return sameAscii(key, length, "group") || sameAscii(key, length, "version");
}

/** One request, read again and again; its spans are good until the host answers with bytes again. */
@unmanaged
@final
export class HttpRequest {
  interfaceName: Span = new Span();
  method: Span = new Span();
  /** Null where there is none, as the next one. */
  version: Span = new Span();
  group: Span = new Span();
  application: Span = new Span();
  protocol: Protocol = Protocol.GRPC;
  /** How the call is written; `NONE` of what is no call. */
  form: Form = Form.NONE;
  /** What its messages are written in: an id of dubbo/tables.ts. */
  serialization: u32 = UNNAMED;
  /** Whether there are headers `group` and `version`, which dubbo-go takes for the attachments. */
  hasPlainGroup: bool = false;
  hasPlainVersion: bool = false;
  /** All of `:path`. */
  path: Span = new Span();
  /** Whether a server may find another call in path and headers: dubbo-go takes the first header of a name. */
  isDoubtful: bool = false;
  /** The method without what Dubbo Java takes for a format (`.json`) or a signature (`~S`) behind it. */
  methodStem: Span = new Span();
  /** What stands in front of the interface, between slashes. */
  context: Span = new Span();
  /** Whether the content type is gRPC's, also of what is no call. */
  isGrpcType: bool = false;
  private contentType: Span = new Span();
  private isPost: bool = false;
  private pairs: Span = new Span();
  private key: Span = new Span();
  private value: Span = new Span();

  /** Whether the content type is one that calls have: most HTTP is told by that. */
  mayBeCall(): bool {
    headerValue(HeaderMap.REQUEST_HEADERS, "content-type", this.contentType);
    return this.readForm() != Form.NONE;
  }

  /** Reads all headers, for `query` too; afterwards `form` says whether it is a call. */
  read(query: AttachmentQuery | null): void {
    this.interfaceName.clear();
    this.method.clear();
    this.methodStem.clear();
    this.context.clear();
    this.isDoubtful = false;
    this.version.clear();
    this.group.clear();
    this.application.clear();
    this.path.clear();
    this.contentType.clear();
    this.protocol = Protocol.GRPC;
    this.isPost = false;
    this.hasPlainGroup = false;
    this.hasPlainVersion = false;
    if (query) query.clear();
    this.readPairs(query);
    let form = this.readForm();
    this.isGrpcType = form == Form.GRPC || form == Form.GRPC_WEB;
    if (form == Form.PLAIN && !(this.isPost && this.protocol == Protocol.TRI)) form = Form.NONE;
    if (this.interfaceName.length == 0) form = Form.NONE;
    this.form = form;
  }

  private readPairs(query: AttachmentQuery | null): void {
    const pairs = this.pairs;
    headerPairs(HeaderMap.REQUEST_HEADERS, pairs);
    if (pairs.length < 4) return;
    const end = pairs.start + pairs.length;
    const count = load<u32>(pairs.start);
    let lengths = pairs.start + 4;
    let p = lengths + count * LENGTHS;
    const key = this.key;
    const value = this.value;
    for (let i: u32 = 0; i < count; i++) {
      const keyLength = load<u32>(lengths);
      const valueLength = load<u32>(lengths, 4);
      lengths += LENGTHS;
      const next = p + keyLength + valueLength + 2;
      // The host does not do such a thing.
      if (next > end) return;
      key.set(p, keyLength);
      value.set(p + keyLength + 1, valueLength);
      this.readHeader(query);
      p = next;
    }
  }

  private readHeader(query: AttachmentQuery | null): void {
    const key = this.key;
    const value = this.value;
    const start = key.start;
    const length = key.length;
    if (load<u8>(start) == 0x3a) {
      if (sameAscii(start, length, ":path")) {
        this.path.point(value);
        this.readPath();
      } else if (sameAscii(start, length, ":method")) {
        this.isPost = sameAscii(value.start, value.length, "POST");
      }
      return;
    }
    if (hasPrefix(start, length, TRIPLE_PREFIX)) {
      this.protocol = Protocol.TRI;
      if (sameAscii(start, length, APPLICATION_HEADER)) this.take(this.application);
      if (hasPrefix(start, length, SERVICE_PREFIX)) {
        const name = start + SERVICE_PREFIX_LENGTH;
        const nameLength = length - SERVICE_PREFIX_LENGTH;
        if (isServiceKey(name, nameLength)) {
          const isGroup = nameLength == GROUP_LENGTH;
          this.take(isGroup ? this.group : this.version);
          return this.note(query, name, nameLength);
        }
      }
    }
    if (sameAscii(start, length, "content-type")) this.contentType.point(value);
    else if (sameAscii(start, length, VERSION_HEADER)) this.protocol = Protocol.TRI;
    if (!isServiceKey(start, length)) return this.note(query, start, length);
    if (length == GROUP_LENGTH) this.hasPlainGroup = true;
    else this.hasPlainVersion = true;
  }

  /** The header's value is what `name` is. */
  private take(name: Span): void {
    if (name.start != 0) this.isDoubtful = true;
    name.point(this.value);
  }

  /** Notes the header's value as that of the attachment `key`, if anybody asks for it. */
  private note(query: AttachmentQuery | null, key: usize, length: u32): void {
    if (!query) return;
    const wanted = query.find(key, length, KeyEncoding.BYTES);
    if (!wanted) return;
    if (wanted.found++ != 0) this.isDoubtful = true;
    wanted.value.point(this.value);
  }

  /** Takes the last two parts of the path, in front of its query; with fewer there are none. */
  private readPath(): void {
    const start = this.value.start;
    const last = start + this.value.length;
    if (start == last || load<u8>(start) != SLASH) return;
    let end = start;
    let slash: usize = 0;
    let slashBefore: usize = 0;
    for (; end < last; end++) {
      const byte = load<u8>(end);
      if (byte == QUESTION_MARK) break;
      if (isOddAt(end, last)) this.isDoubtful = true;
      if (byte != SLASH) continue;
      slashBefore = slash;
      slash = end;
    }
    if (end > start + 1 && slash + 1 == end) {
      // Dubbo Java passes over a slash at the end.
      end--;
      slash = slashBefore;
      slashBefore = slash;
      while (slashBefore > start && load<u8>(--slashBefore) != SLASH) {}
      if (slash == start) slashBefore = 0;
    }
    if (slashBefore == 0 || slash == slashBefore + 1 || slash + 1 == end) return;
    if (slashBefore != start) {
      // Behind a context path, which only Dubbo's services have: their names have a dot.
      if (load<u8>(start, 1) == SLASH) return;
      let p = slashBefore;
      while (p < slash && load<u8>(p) != DOT) p++;
      if (p == slash) return;
    }
    let nameEnd = slashBefore + 1;
    while (nameEnd < slash && load<u8>(nameEnd) != COLON) nameEnd++;
    // Of gRPC's framing Dubbo Java takes a version behind the interface, as no client writes it.
    if (nameEnd < slash) this.isDoubtful = true;
    if (slashBefore != start) this.context.set(start + 1, <u32>(slashBefore - start - 1));
    this.interfaceName.set(slashBefore + 1, <u32>(nameEnd - slashBefore - 1));
    this.method.set(slash + 1, <u32>(end - slash - 1));
    let stem = slash + 1;
    while (stem < end && load<u8>(stem) != DOT && load<u8>(stem) != TILDE) stem++;
    this.methodStem.set(slash + 1, <u32>(stem - slash - 1));
  }

  private readForm(): Form {
    const start = this.contentType.start;
    let length: u32 = 0;
    while (length < this.contentType.length) {
      const byte = load<u8>(start + length);
      // Parameters.
      if (byte == 0x3b || byte == 0x20) break;
      length++;
    }
    this.serialization = UNNAMED;
    if (hasPrefix(start, length, GRPC_TYPE)) {
      const rest = length - <u32>GRPC_TYPE.length;
      const suffix = start + GRPC_TYPE.length;
      if (rest == 0) {
        this.serialization = PROTOBUF;
        return Form.GRPC;
      }
      const isGrpc = load<u8>(suffix) == 0x2b;
      if (isGrpc) this.serialization = codec(suffix + 1, rest - 1);
      return isGrpc ? Form.GRPC : Form.GRPC_WEB;
    }
    if (!hasPrefix(start, length, PLAIN_TYPES)) return Form.NONE;
    const type = start + PLAIN_TYPES.length;
    const rest = length - <u32>PLAIN_TYPES.length;
    this.serialization = codec(type, rest);
    const isWrapper = sameAscii(type, rest, "triple+wrapper");
    return this.serialization != UNNAMED || isWrapper ? Form.PLAIN : Form.NONE;
  }
}

/** The serialization that a content type names: an id of dubbo/tables.ts. */
function codec(name: usize, length: u32): u32 {
  if (sameAscii(name, length, "proto")) return PROTOBUF;
  if (sameAscii(name, length, "json")) return JSON_TEXT;
  if (sameAscii(name, length, "hessian2")) return HESSIAN2;
  return sameAscii(name, length, "msgpack") ? MSGPACK : UNNAMED;
}

/**
 * Whether at `p`, in a path that ends before `end`, something stands that servers take for nothing, or for something
 * else: two slashes, `.` or `..` between slashes, `;`, `#`, `\`, a letter or the like as `%53`.
 */
function isOddAt(p: usize, end: usize): bool {
  const byte = load<u8>(p);
  if (byte == 0x3b || byte == 0x23 || byte == 0x5c) return true;
  if (byte == PERCENT) return isNeedless(p, end);
  if (byte != SLASH || p + 1 == end) return false;
  p++;
  if (load<u8>(p) == SLASH) return true;
  for (let dots = 0; dots < 2 && p < end && load<u8>(p) == DOT; dots++) {
    p++;
    if (p == end || load<u8>(p) == SLASH || load<u8>(p) == QUESTION_MARK) return true;
  }
  return false;
}

/** Whether `%` and what follows it stand for a character that needs no such thing, for a slash, or for none. */
function isNeedless(p: usize, end: usize): bool {
  if (p + 3 > end) return true;
  const high = digit(load<u8>(p, 1));
  const low = digit(load<u8>(p, 2));
  if (high > 15 || low > 15) return true;
  const byte = (high << 4) | low;
  const letter = byte | 0x20;
  if (byte >= 0x2d && byte <= 0x3a) return true;
  return (letter >= 0x61 && letter <= 0x7a) || byte == 0x24 || byte == 0x5f || byte == TILDE;
}

/** The value of a hexadecimal digit; 16 where it is none. */
function digit(byte: u8): u32 {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}
