/**
 * The names of a connection's last request as filter state, for access logs:
 * `%FILTER_STATE(wasm.dubbo.interface:PLAIN)%` and likewise method, version and group.
 *
 * Names come from the wire, so they are cleaned as labels are: no caller writes into the log.
 */
import { setFilterState } from "../host/filter_state";
import { isPlain, MAX_VALUE } from "../metrics/label_writer";
import { RoutedCall } from "../routing/rule";
import { Span } from "../wire/span";

/** Room for one cleaned name: `MAX_VALUE` bytes. */
const CLEANED = memory.data(200);
const SPAN = memory.data(16);

/** Tells Envoy the four names of `call`; one that is not there is told as empty. */
export function tellNames(call: RoutedCall): void {
  setFilterState("dubbo.interface", cleaned(call.interfaceName));
  setFilterState("dubbo.method", cleaned(call.method));
  setFilterState("dubbo.version", cleaned(call.version));
  setFilterState("dubbo.group", cleaned(call.group));
}

function cleaned(name: Span): Span {
  const length = min<u32>(name.length, MAX_VALUE);
  for (let i: u32 = 0; i < length; i++) {
    const byte = load<u8>(name.start + i);
    store<u8>(CLEANED + i, isPlain(byte) ? byte : 0x5f);
  }
  const span = changetype<Span>(SPAN);
  span.set(CLEANED, length);
  return span;
}
