/**
 * What a Dubbo request calls: by its head, and by the attachments that a provider obeys over it.
 *
 * Dubbo Java runs the service that the attachments `path` and `version` name, where they are there; the
 * head only says how the arguments are read (tried with raw frames on 3.3.6 and 3.2.19). dubbo-go 3.3.2
 * goes by the attachment `path` too. Keys are told apart by case, and of two the last one counts.
 *
 * The attachment `interface` is the caller's word: a provider of Dubbo 2.6 that calls on passes on what
 * it was called by. So it is believed only where the path is no interface's name: old versions of
 * dubbo-go send a bean's ("UserProvider").
 */
import { Call, setVersion } from "../call/call";
import { Name } from "../call/names";
import { AttachmentQuery, WantedAttachment } from "../dubbo/attachments";
import { Invocation } from "../dubbo/invocation";
import { Kept } from "../wire/arena";
import { sameBytes } from "../wire/bytes";
import { Span } from "../wire/span";

const DOT: u8 = 0x2e;
const SLASH: u8 = 0x2f;

/** The attachments that say what is served. */
@unmanaged
@final
export class ServedNames extends Kept {
  private path: WantedAttachment;
  private interfaceName: WantedAttachment;
  private version: WantedAttachment;
  private group: WantedAttachment;
  private application: WantedAttachment;

  /** @param query asks for them from now on */
  constructor(query: AttachmentQuery) {
    super();
    this.path = query.wantText("path");
    this.interfaceName = query.wantText("interface");
    this.version = query.wantText("version");
    this.group = query.wantText("group");
    this.application = query.wantText("remote.application");
    this.application.isStatement = true;
  }

  /**
   * Fills `call`, whose head's names are there, with what the attachments say that were read.
   *
   * @returns whether they name another path than the head
   */
  fill(call: Call): bool {
    const path = this.path.exact;
    const served = call.name(Name.INTERFACE);
    const isOther = path.length != 0 && !sameText(path, served);
    if (isOther) served.point(path);
    const named = this.interfaceName.value;
    if (named.length != 0 && !isInterfaceName(served)) served.point(named);
    const version = this.version.exact;
    if (version.length != 0) call.name(Name.VERSION).point(version);
    call.name(Name.GROUP).point(this.group.exact);
    call.name(Name.APPLICATION).point(this.application.value);
    return isOther;
  }

  /** The attachment `interface`, which a provider may go by. */
  get otherInterface(): Span {
    return this.interfaceName.exact;
  }
}

/** Fills `call` with the names of the invocation's head. */
export function fillFromHead(call: Call, invocation: Invocation): void {
  call.path.point(invocation.path);
  setVersion(call.headVersion, invocation.serviceVersion);
  call.name(Name.INTERFACE).point(call.path);
  call.name(Name.VERSION).point(call.headVersion);
  call.name(Name.METHOD).point(invocation.method);
}

/** Whether the path can be an interface's full name: it has a package, and no context in front. */
function isInterfaceName(path: Span): bool {
  let hasDot = false;
  for (let i: u32 = 0; i < path.length; i++) {
    const byte = load<u8>(path.start + i);
    if (byte == SLASH) return false;
    if (byte == DOT) hasDot = true;
  }
  return hasDot;
}

function sameText(a: Span, b: Span): bool {
  return a.length == b.length && sameBytes(a.start, b.start, a.length);
}
