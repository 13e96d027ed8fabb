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
import { Call } from "../call/call";
import { SourceAddress } from "../host/source_address";
import { tellNames } from "../routing/access_log";
import { HttpRequest, isServiceKey, SERVICE_PREFIX, SERVICE_PREFIX_LENGTH } from "./http_request";

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
  if (!changeHeaders(routing.changeFor(rule))) {
    plugin.recorder.add(
      plugin.registry.unnamed,
      cellKey(Metric.UNREWRITTEN, Obstacle.HEADER, 0, protocol),
      1,
    );
  }
  if (routing.filterState) tellNames(call);
}

/** Removes the protected keys from a request that is no call. */
export function protectHeaders(routing: Routing): void {
  changeHeaders(routing.changeFor(null));
}

/** Removes the protected keys from a request's trailers; call it in their callback only. */
export function protectTrailers(routing: Routing): void {
  let dropped = routing.protectedKeys.drops;
  while (dropped) {
    const wanted = dropped.wanted;
    remove(HeaderMap.REQUEST_TRAILERS, wanted.key, wanted.keyLength);
    dropped = dropped.next;
  }
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
