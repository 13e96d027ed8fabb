/**
 * A condition on one attachment.
 */
import { WantedAttachment } from "../dubbo/attachments";
import { TextMatch } from "./text_match";
import { Kept } from "../wire/arena";

/** That it is there, is not there, or has a value that meets a condition. */
@unmanaged
@final
export class AttachmentMatch extends Kept {
  next: AttachmentMatch | null = null;
  /** What the query finds under the key; the query's own. */
  private wanted: WantedAttachment;
  /** The condition on its value; null: only on whether it is there. */
  text: TextMatch | null = null;
  /** Whether it must be there. */
  mustBePresent: bool = true;

  constructor(wanted: WantedAttachment) {
    super();
    this.wanted = wanted;
  }

  /** Whether the body that was read last meets it. */
  matches(): bool {
    const text = this.text;
    if (!text) return (this.wanted.found != 0) == this.mustBePresent;
    // A value that is no string matches nothing but `present`.
    return this.wanted.value.start != 0 && text.matches(this.wanted.value);
  }
}
