/**
 * The names of a connection's last request as filter state, for access logs:
 * `%FILTER_STATE(wasm.dubbo.interface:PLAIN)%` and likewise method, version and group.
 *
 * Names come from the wire, so they are cleaned as labels are: no caller writes into the log.
 */
import { Call } from "../call/call";
import { cleaned } from "../call/cleaned";
import { Name } from "../call/names";
import { setFilterState } from "../host/filter_state";
import { hashBytes } from "../wire/hash";

/** Tells Envoy the names of `call`; one that is not there is told as empty. */
export function tellNames(call: Call): void {
  setFilterState("dubbo.interface", cleaned(call.name(Name.INTERFACE)));
  setFilterState("dubbo.method", cleaned(call.name(Name.METHOD)));
  setFilterState("dubbo.version", cleaned(call.name(Name.VERSION)));
  setFilterState("dubbo.group", cleaned(call.name(Name.GROUP)));
}

/** A number of the names that are told: others have another. */
export function hashOfNames(call: Call): u64 {
  let hash: u64 = 1;
  for (let name: u32 = 0; name <= (Name.GROUP as u32); name++) {
    const span = call.name(name);
    hash = hashBytes(hash, span.start, span.length);
  }
  return hash;
}
