/**
 * What is asked of a call: conditions on its names, its attachments, its side and who makes it.
 *
 * Conditions on the proxy's own node are decided when the configuration is read; see
 * config/match_reader.ts. Nothing here knows what follows when all are met.
 */
import { Call } from "../call/call";
import { bitOf, HEAD_NAMES, Name, NAME_COUNT } from "../call/names";
import { Kept, keptZeros } from "../wire/arena";
import { Span } from "../wire/span";
import { AddressMatch } from "./address_match";
import { AttachmentMatch } from "./attachment_match";
import { PrincipalMatch } from "./principal_match";
import { NO_SIGNATURE, signatureOf, TextMatch } from "./text_match";

/** Conditions that must all be met; with none of them every call meets them. */
@unmanaged
@final
export class Match extends Kept {
  /** That of every interface that can meet them, or `NO_SIGNATURE`: most need no further look. */
  private signature: u32 = NO_SIGNATURE;
  /** The names on which there is a condition: a bit for each. */
  private asked: u32 = 0;
  /** A condition for each name, or 0. */
  private texts: usize = 0;
  /** The first condition on an attachment. */
  attachments: AttachmentMatch | null = null;
  /** Networks of which the client's address must lie in one; null: any. */
  networks: AddressMatch | null = null;
  /** Conditions on the peer's certificate, of which one must be met; null: any. */
  principals: PrincipalMatch | null = null;
  /** The side that the call must have, or -1. */
  side: i32 = -1;

  /** Asks that the name meets `text`. */
  ask(name: u32, text: TextMatch): void {
    if (this.texts == 0) this.texts = keptZeros(NAME_COUNT << 2);
    this.asked |= bitOf(name);
    store<usize>(this.texts + (name << 2), changetype<usize>(text));
    if (name == Name.INTERFACE) this.signature = text.signature;
  }

  /** Whether there is a condition on the name. */
  asks(name: u32): bool {
    return (this.asked & bitOf(name)) != 0;
  }

  /** Whether the call, of which the attachments were read, meets all conditions. */
  meets(call: Call): bool {
    return this.meetsHead(call) && (!this.asksAttachments || this.meetsAttachments(call));
  }

  /** Whether any condition is on an attachment, as some names are. */
  get asksAttachments(): bool {
    return this.attachments !== null || (this.asked & ~HEAD_NAMES) != 0;
  }

  /**
   * Whether a call of the interface with this signature may meet the conditions.
   *
   * @param signature of the call's interface, see text_match.ts
   */
  @inline
  mayMeet(signature: u32): bool {
    return this.signature == NO_SIGNATURE || this.signature == signature;
  }

  /** Whether the call meets the conditions on what its head and its connection say. */
  meetsHead(call: Call): bool {
    if (this.side >= 0 && this.side != (call.side as i32)) return false;
    if (!this.meetsNames(call, this.asked & HEAD_NAMES)) return false;
    if (this.principals && !this.meetsPrincipal(call.principal)) return false;
    let network = this.networks;
    if (!network) return true;
    if (call.address == 0) return false;
    while (network) {
      if (network.matches(call.address)) return true;
      network = network.next;
    }
    return false;
  }

  /** Whether the call meets the conditions on its attachments, of which some names are. */
  meetsAttachments(call: Call): bool {
    if (!this.meetsNames(call, this.asked & ~HEAD_NAMES)) return false;
    let attachment = this.attachments;
    while (attachment) {
      if (!attachment.matches()) return false;
      attachment = attachment.next;
    }
    return true;
  }

  private meetsPrincipal(principal: Span): bool {
    let condition = this.principals;
    while (condition) {
      if (condition.matches(principal)) return true;
      condition = condition.next;
    }
    return false;
  }

  private meetsNames(call: Call, names: u32): bool {
    for (let name: u32 = 0; names >> name != 0; name++) {
      if (!(names & bitOf(name))) continue;
      if (!changetype<TextMatch>(load<usize>(this.texts + (name << 2))).matches(call.name(name))) {
        return false;
      }
    }
    return true;
  }
}

/** The signature of a call's interface, for `mayMeet`. */
export function signatureOfCall(call: Call): u32 {
  const name: Span = call.name(Name.INTERFACE);
  return signatureOf(name.start, name.length);
}
