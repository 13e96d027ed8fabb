/**
 * Lines in Envoy's log about refused calls: at most one for each policy and second, however many calls.
 *
 *     dubbo: refused by policy no-writes: 12, the last one as denied
 *
 * Calls are only counted while they pass; the lines are written at a tick.
 */
import { REFUSAL_NAMES, RefusalReason } from "../call/vocabulary";
import { LogLevel, logBytes } from "../host/log";
import {
  startName,
  writeNumber,
  writeText,
  writeWireValue,
  writeWord,
  writtenLength,
  writtenStart,
} from "../metrics/label_writer";
import { MOST_NAMES, NameList } from "../metrics/name_list";
import { Kept, keptZeros } from "../wire/arena";

/** Ticks between two lines about one policy: a second, see FLUSH_PERIOD in plugin.ts. */
const TICKS: u32 = 2;
/** Bytes for each policy: its refused calls that were not told yet, and the last one's reason. */
const ENTRY: u32 = 8;

/** What was refused since the last lines; one for all policies of a plugin. */
@unmanaged
@final
export class RefusalLog extends Kept {
  private entries: usize = keptZeros(MOST_NAMES * ENTRY);
  private isEmpty: bool = true;
  private ticks: u32 = 0;

  /** A call was refused under the name with number `policy`. */
  note(policy: u32, reason: RefusalReason): void {
    const entry = this.entries + policy * ENTRY;
    store<u32>(entry, load<u32>(entry) + 1);
    store<u32>(entry, reason, 4);
    this.isEmpty = false;
  }

  /** Another tick has passed. */
  onTick(names: NameList): void {
    if (this.ticks != 0) this.ticks--;
    if (this.isEmpty || this.ticks != 0) return;
    this.ticks = TICKS;
    this.isEmpty = true;
    for (let policy: u32 = 0; policy < names.count; policy++) {
      const entry = this.entries + policy * ENTRY;
      const calls = load<u32>(entry);
      if (calls == 0) continue;
      store<u32>(entry, 0);
      startName();
      writeText("dubbo: refused by policy ");
      const name = names.name(policy);
      writeWireValue(name.start, name.length);
      writeText(": ");
      writeNumber(calls);
      writeText(", the last one as ");
      writeWord(REFUSAL_NAMES, load<u32>(entry, 4));
      logBytes(LogLevel.WARN, writtenStart(), writtenLength());
    }
  }
}
