/**
 * What the rules say of an HTTP request, carried out on its headers.
 *
 * The rules are those of the Dubbo protocol, and a header is what there is an attachment: the ones that
 * a rule sets are set, the ones that it removes and the protected ones are removed. Only the attachments
 * `group` and `version` have other names here: `tri-service-group` and `tri-service-version`. A rule's
 * cluster is for connections of `tcp_proxy`; Envoy's router has routes of its own.
 */
import { AttachmentChange, SetAttachment } from "../dubbo/attachment_change";
import { asciiOf } from "../host/ascii";
import { HeaderMap, removeHeader, setHeader } from "../host/headers";
import { Obstacle } from "../call/vocabulary";
import { Metric } from "../metrics/definitions";
import { cellKey } from "../metrics/series";
import { Plugin } from "../plugin";
import { Routing } from "../routing/routing";
import { Span } from "../wire/span";
import { Call } from "../call/call";
import { SourceAddress } from "../host/source_address";
import { tellNames } from "../routing/access_log";
import {
  GROUP_LENGTH,
  HttpRequest,
  isServiceKey,
  SERVICE_PREFIX,
  SERVICE_PREFIX_LENGTH,
} from "./http_request";

const PATH_HEADER = ":path";
const SLASH: u8 = 0x2f;
const COLON: u8 = 0x3a;
const CHANGED_PATH = new Span();
/** Room for `tri-service-version`. */
const NAME = memory.data(19);

/** Routes the call that `request` has just read; call it in `proxy_on_request_headers` only. */
export function routeHeaders(
  plugin: Plugin,
  routing: Routing,
  request: HttpRequest,
  call: Call,
): void {
  let address: SourceAddress | null = null;
  if (routing.usesAddress) {
    address = new SourceAddress();
    call.address = address.get();
  }
  const rule = routing.rules.find(call);
  if (address) heap.free(changetype<usize>(address));
  const protocol = request.protocol;
  if (rule) plugin.recorder.add(rule.series, cellKey(Metric.ROUTED, 0, 0, protocol), 1);
  if (!changeHeaders(routing.changeFor(rule, plugin.propagation))) {
    plugin.recorder.add(
      plugin.registry.unnamed,
      cellKey(Metric.UNREWRITTEN, Obstacle.HEADER, 0, protocol),
      1,
    );
  }
  if (routing.hasProtectedKeys) protectOtherNames(routing, request);
  if (routing.filterState) tellNames(call);
}

/** Removes the protected keys from a request that is no call. */
export function protectHeaders(routing: Routing, request: HttpRequest): void {
  changeHeaders(routing.changeFor(null, null));
  protectOtherNames(routing, request);
}

/** Removes what a provider would take for a protected key under another name. */
function protectOtherNames(routing: Routing, request: HttpRequest): void {
  let dropped = routing.protectedHeaders.drops;
  while (dropped) {
    const wanted = dropped.wanted;
    if (wanted.found != 0) removeHeader(HeaderMap.REQUEST_HEADERS, wanted.key, wanted.keyLength);
    dropped = dropped.next;
  }
  let protectsGroup = false;
  let protectsVersion = false;
  dropped = routing.protectedKeys.drops;
  while (dropped) {
    const wanted = dropped.wanted;
    if (isServiceKey(wanted.key, wanted.keyLength)) {
      const isGroup = wanted.keyLength == GROUP_LENGTH;
      if (isGroup) protectsGroup = true;
      else protectsVersion = true;
      if (isGroup ? request.hasPlainGroup : request.hasPlainVersion) {
        removeHeader(HeaderMap.REQUEST_HEADERS, wanted.key, wanted.keyLength);
      }
    }
    dropped = dropped.next;
  }
  if (request.isGrpcType && (protectsGroup || protectsVersion)) {
    protectPath(request.path, protectsGroup, protectsVersion);
  }
  const renames = routing.renames;
  if (!renames || renames.found == 0) return;
  // Of one that came twice only the last is known.
  if (renames.found > 1 || mayRename(renames.value, routing.protectedKeys)) {
    removeHeader(HeaderMap.REQUEST_HEADERS, renames.key, renames.keyLength);
  }
}

/**
 * Takes out of `path` what may be a group and a version to Dubbo Java's providers. They look a gRPC call's service
 * up by all that stands before the method, and its key is
 *
 *     <group>/<interface>:<version>
 *
 * so what stands before the interface may be a group as well as a context path (TriplePathResolver of 3.3.6).
 */
function protectPath(path: Span, group: bool, version: bool): void {
  const start = path.start;
  const end = start + path.length;
  const method = lastSlash(start, end);
  let nameEnd = method;
  if (version) {
    nameEnd = start;
    while (nameEnd < method && load<u8>(nameEnd) != COLON) nameEnd++;
  }
  const from = group ? lastSlash(start, nameEnd) : start;
  if (from == start && nameEnd == method) return;
  const nameLength = <u32>(nameEnd - from);
  const methodLength = <u32>(end - method);
  const length = nameLength + methodLength;
  const bytes = heap.alloc(length);
  memory.copy(bytes, from, nameLength);
  memory.copy(bytes + nameLength, method, methodLength);
  CHANGED_PATH.set(bytes, length);
  setHeader(HeaderMap.REQUEST_HEADERS, asciiOf(PATH_HEADER), PATH_HEADER.length, CHANGED_PATH);
  heap.free(bytes);
}

/** The last slash from `start` to `end`, or `start` where there is none. */
function lastSlash(start: usize, end: usize): usize {
  let p = end;
  while (p > start) {
    if (load<u8>(--p) == SLASH) return p;
  }
  return start;
}

/**
 * Whether the JSON object at `value`, by which a provider gives headers other names, may name a protected
 * key: it is written as it is, or in a way that is not plain.
 */
function mayRename(value: Span, keys: AttachmentChange): bool {
  for (let i: u32 = 0; i < value.length; i++) {
    const byte = load<u8>(value.start + i);
    // Escapes of a URL's and of JSON's, and everything that is not ASCII. A plus is a space, which no key has.
    if (byte == 0x25 || byte == 0x5c || byte < 0x20 || byte > 0x7e) return true;
  }
  let dropped = keys.drops;
  while (dropped) {
    const wanted = dropped.wanted;
    const length = wanted.keyLength;
    for (let i: u32 = 0; i + length <= value.length; i++) {
      if (wanted.isKey(value.start + i, length)) return true;
    }
    dropped = dropped.next;
  }
  return false;
}

/** Removes the protected keys from a request's trailers; call it in their callback only. */
export function protectTrailers(routing: Routing): void {
  let dropped = routing.protectedKeys.drops;
  while (dropped) {
    const wanted = dropped.wanted;
    remove(HeaderMap.REQUEST_TRAILERS, wanted.key, wanted.keyLength);
    if (isServiceKey(wanted.key, wanted.keyLength)) {
      removeHeader(HeaderMap.REQUEST_TRAILERS, wanted.key, wanted.keyLength);
    }
    dropped = dropped.next;
  }
  dropped = routing.protectedHeaders.drops;
  while (dropped) {
    const wanted = dropped.wanted;
    removeHeader(HeaderMap.REQUEST_TRAILERS, wanted.key, wanted.keyLength);
    dropped = dropped.next;
  }
  const renames = routing.renames;
  if (renames) removeHeader(HeaderMap.REQUEST_TRAILERS, renames.key, renames.keyLength);
}

/** Answers whether all headers that were to be set could be. */
function changeHeaders(first: AttachmentChange): bool {
  let change: AttachmentChange | null = first;
  while (change) {
    let dropped = change.drops;
    while (dropped) {
      const wanted = dropped.wanted;
      if (wanted.found != 0) remove(HeaderMap.REQUEST_HEADERS, wanted.key, wanted.keyLength);
      dropped = dropped.next;
    }
    change = change.next;
  }
  let isWhole = true;
  change = first;
  while (change) {
    let set = change.sets;
    while (set) {
      if (set.value.start != 0 && !change.isOverruled(set)) {
        if (set.isHeader) write(set);
        else isWhole = false;
      }
      set = set.next;
    }
    change = change.next;
  }
  return isWhole;
}

function write(set: SetAttachment): void {
  const wanted = set.wanted;
  const key = headerKey(wanted.key, wanted.keyLength);
  setHeader(HeaderMap.REQUEST_HEADERS, key, headerLength(key, wanted.keyLength), set.value);
}

function remove(map: HeaderMap, attachment: usize, length: u32): void {
  const key = headerKey(attachment, length);
  removeHeader(map, key, headerLength(key, length));
}

/** Where the name lies of the header that is the attachment of `length` bytes at `key`. */
function headerKey(key: usize, length: u32): usize {
  if (!isServiceKey(key, length)) return key;
  memory.copy(NAME, asciiOf(SERVICE_PREFIX), SERVICE_PREFIX_LENGTH);
  memory.copy(NAME + SERVICE_PREFIX_LENGTH, key, length);
  return NAME;
}

/** How long it is. */
function headerLength(key: usize, length: u32): u32 {
  return key == NAME ? SERVICE_PREFIX_LENGTH + length : length;
}
