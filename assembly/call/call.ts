/**
 * A call, as every protocol hands it on: its names, its side, who makes it.
 *
 * dubbo and http fill it, everybody else reads it. One is used again and again: its names are spans of
 * the bytes that are being read, and good as long as those.
 */
import { Kept, keptSpan, keptZeros } from "../wire/arena";
import { Span } from "../wire/span";
import { Name, NAME_COUNT } from "./names";
import { Protocol, Side } from "./vocabulary";

/** Bytes of a span in a row of them. */
const SPAN_BYTES: u32 = <u32>offsetof<Span>();

// "_OTHER" and "0.0.0" as bytes.
const OTHER = memory.data<u8>([0x5f, 0x4f, 0x54, 0x48, 0x45, 0x52]);
const OTHER_LENGTH: u32 = 6;
const DEFAULT_VERSION = memory.data<u8>([0x30, 0x2e, 0x30, 0x2e, 0x30]);
const DEFAULT_VERSION_LENGTH: u32 = 5;

/** What is being called. */
@unmanaged
@final
export class Call extends Kept {
  side: Side = Side.CONSUMER;
  protocol: Protocol = Protocol.DUBBO;
  /** Whether names that stand in attachments or headers are known, present or not. */
  attachmentsRead: bool = false;
  /** Sixteen bytes: the client's address; 0 where it is not known. */
  address: usize = 0;
  /** The interface and the version that the head says, where that is another thing than what is served. */
  readonly path: Span = keptSpan();
  readonly headVersion: Span = keptSpan();
  /** The identity in the peer's certificate, a SPIFFE id; without bytes where it showed none. */
  readonly principal: Span = keptSpan();
  private names: usize = keptZeros(NAME_COUNT * SPAN_BYTES);

  /** The span of one of the call's names; without bytes where the call has none. */
  @inline
  name(name: u32): Span {
    return changetype<Span>(this.names + name * SPAN_BYTES);
  }

  /** Forgets all names; who makes the call stays, as that is the connection's. */
  clear(): void {
    memory.fill(this.names, 0, NAME_COUNT * SPAN_BYTES);
    this.path.clear();
    this.headVersion.clear();
    this.attachmentsRead = false;
  }

  /** Makes it the same as `other`, whose names it then shares. */
  copy(other: Call): void {
    this.side = other.side;
    this.protocol = other.protocol;
    this.attachmentsRead = other.attachmentsRead;
    this.address = other.address;
    this.path.point(other.path);
    this.headVersion.point(other.headVersion);
    this.principal.point(other.principal);
    memory.copy(this.names, other.names, NAME_COUNT * SPAN_BYTES);
  }
}

/** Points `name` at a service's version: Dubbo's own default where none is set (Java sends it, dubbo-go nothing). */
export function setVersion(name: Span, version: Span): void {
  if (version.length == 0) name.set(DEFAULT_VERSION, DEFAULT_VERSION_LENGTH);
  else name.point(version);
}

/** Points `name` at what stands for a name that is not told apart, or that could not be read: `_OTHER`. */
export function setOther(name: Span): void {
  name.set(OTHER, OTHER_LENGTH);
}
