/**
 * What an HTTP request calls, read off its headers: a gRPC or Triple call, or none of ours.
 *
 *     POST /<interface>/<method>     content-type: application/grpc…   Triple and gRPC
 *     POST /<interface>/<method>     application/json, application/proto, and a header tri-…
 *                                                                       Triple's plain HTTP form
 *
 * Sources: https://dubbo.apache.org/en/overview/reference/protocols/triple-spec and
 * org.apache.dubbo.rpc.protocol.tri.TripleHeaderEnum for the headers. A plain form without any header
 * `tri-…` looks like anybody's HTTP, and is held to be that. Nothing is decoded: `%2e` in a path is
 * three characters.
 */
import { AttachmentQuery } from "../dubbo/attachments";
import { KeyEncoding } from "../dubbo/attachment_key";
import { JSON_TEXT, PROTOBUF, UNNAMED } from "../dubbo/tables";
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
const JSON_TYPE = "application/json";
const PROTO_TYPE = "application/proto";
const TRIPLE_PREFIX = "tri-";
/** The caller's application, which is the attachment `remote.application` in the Dubbo protocol. */
const APPLICATION_HEADER = "tri-consumer-appname";
/** Triple's headers for what are attachments in the Dubbo protocol. */
export const SERVICE_PREFIX = "tri-service-";
export const SERVICE_PREFIX_LENGTH: u32 = 12;
/** Bytes of a pair's two lengths. */
const LENGTHS: u32 = 8;

const SLASH: u8 = 0x2f;
const QUESTION_MARK: u8 = 0x3f;

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
    this.version.clear();
    this.group.clear();
    this.application.clear();
    this.contentType.clear();
    this.protocol = Protocol.GRPC;
    this.isPost = false;
    if (query) query.clear();
    this.readPairs(query);
    let form = this.readForm();
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
      if (sameAscii(start, length, ":path")) this.readPath();
      else if (sameAscii(start, length, ":method")) {
        this.isPost = sameAscii(value.start, value.length, "POST");
      }
      return;
    }
    if (hasPrefix(start, length, TRIPLE_PREFIX)) {
      this.protocol = Protocol.TRI;
      if (sameAscii(start, length, APPLICATION_HEADER)) this.application.point(value);
      if (hasPrefix(start, length, SERVICE_PREFIX)) {
        const name = start + SERVICE_PREFIX_LENGTH;
        const nameLength = length - SERVICE_PREFIX_LENGTH;
        if (isServiceKey(name, nameLength)) {
          const isGroup = nameLength == 5;
          const part = isGroup ? this.group : this.version;
          part.point(value);
          return this.note(query, name, nameLength);
        }
      }
    }
    if (sameAscii(start, length, "content-type")) this.contentType.point(value);
    if (!isServiceKey(start, length)) this.note(query, start, length);
  }

  /** Notes the header's value as that of the attachment `key`, if anybody asks for it. */
  private note(query: AttachmentQuery | null, key: usize, length: u32): void {
    if (!query) return;
    const wanted = query.find(key, length, KeyEncoding.BYTES);
    if (!wanted) return;
    wanted.found++;
    wanted.value.point(this.value);
  }

  /** Cuts the path `/<interface>/<method>` into its two parts; any other has none. */
  private readPath(): void {
    const start = this.value.start;
    let end = start;
    const last = start + this.value.length;
    let slash: usize = 0;
    if (start == last || load<u8>(start) != SLASH) return;
    for (end++; end < last; end++) {
      const byte = load<u8>(end);
      if (byte == QUESTION_MARK) break;
      if (byte != SLASH) continue;
      if (slash != 0) return;
      slash = end;
    }
    if (slash == 0 || slash == start + 1 || slash + 1 == end) return;
    this.interfaceName.set(start + 1, <u32>(slash - start - 1));
    this.method.set(slash + 1, <u32>(end - slash - 1));
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
    this.serialization = PROTOBUF;
    if (sameAscii(start, length, PROTO_TYPE)) return Form.PLAIN;
    if (hasPrefix(start, length, GRPC_TYPE)) {
      const rest = length - <u32>GRPC_TYPE.length;
      const suffix = start + GRPC_TYPE.length;
      if (rest == 0 || sameAscii(suffix, rest, "+proto")) return Form.GRPC;
      this.serialization = sameAscii(suffix, rest, "+json") ? JSON_TEXT : UNNAMED;
      return load<u8>(suffix) == 0x2b ? Form.GRPC : Form.GRPC_WEB;
    }
    this.serialization = JSON_TEXT;
    return sameAscii(start, length, JSON_TYPE) ? Form.PLAIN : Form.NONE;
  }
}
