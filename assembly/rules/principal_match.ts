/**
 * A condition on the identity in the peer's certificate.
 *
 *     spiffe://cluster.local/ns/mesh-demo/sa/comsumer        Istio's: trust domain, namespace, account
 *
 * Source: istio.io, "Security", and spiffe.io for the form. What a caller says of itself in attachments or
 * headers never comes here.
 */
import { Kept } from "../wire/arena";
import { hasPrefix } from "../wire/bytes";
import { Span } from "../wire/span";
import { TextMatch } from "./text_match";

const SCHEME = "spiffe://";
const SLASH: u8 = 0x2f;
const NAMESPACE = memory.data(16);

/** That the whole identity, or its namespace, meets a condition. */
@unmanaged
@final
export class PrincipalMatch extends Kept {
  next: PrincipalMatch | null = null;
  private text: TextMatch;
  private isNamespace: bool;

  /**
   * @param text becomes its own
   * @param isNamespace whether it is asked of the namespace
   */
  constructor(text: TextMatch, isNamespace: bool) {
    super();
    this.text = text;
    this.isNamespace = isNamespace;
  }

  /** Whether the identity meets it; none at all meets nothing. */
  matches(principal: Span): bool {
    if (principal.length == 0) return false;
    if (!this.isNamespace) return this.text.matches(principal);
    const namespace = changetype<Span>(NAMESPACE);
    readNamespace(principal, namespace);
    return namespace.length != 0 && this.text.matches(namespace);
  }
}

/** Points `namespace` at the part after `/ns/`, without bytes where the identity is not Istio's. */
function readNamespace(principal: Span, namespace: Span): void {
  namespace.clear();
  const end = principal.start + principal.length;
  if (!hasPrefix(principal.start, principal.length, SCHEME)) return;
  let p = principal.start + SCHEME.length;
  while (p < end && load<u8>(p) != SLASH) p++;
  if (!hasPrefix(p, <u32>(end - p), "/ns/")) return;
  p += 4;
  let to = p;
  while (to < end && load<u8>(to) != SLASH) to++;
  if (hasPrefix(to, <u32>(end - to), "/sa/")) namespace.set(p, <u32>(to - p));
}
