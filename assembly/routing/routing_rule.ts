/**
 * One rule: what is asked of a call, and what is done with a call that meets it.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { WantedAttachment } from "../dubbo/attachments";
import { Series } from "../metrics/series";
import { Match } from "../rules/match";
import { Kept } from "../wire/arena";
import { Span } from "../wire/span";
import { Choice } from "./split";

/** A rule of `routing.rules`. */
@unmanaged
@final
export class RoutingRule extends Kept {
  next: RoutingRule | null = null;
  match: Match = new Match();
  /** Where calls that took the rule are counted. */
  series: Series;
  /** What is changed in every request that takes the rule. */
  change: AttachmentChange = new AttachmentChange();
  /** The first of weighted choices, or null. */
  choices: Choice | null = null;
  totalWeight: u32 = 0;
  /** The attachment whose value decides the choice; null: chance does. */
  hashOn: WantedAttachment | null = null;
  /** The cluster of a connection whose first request takes the rule; null: none. */
  cluster: Span | null = null;

  constructor(series: Series) {
    super();
    this.series = series;
  }

  /** Whether a request that takes the rule may be changed, whatever it holds. */
  get mayChange(): bool {
    return !this.change.isEmpty || this.choices !== null;
  }

  /** Whether it sets or removes anything at all. */
  get rewrites(): bool {
    if (!this.change.isEmpty) return true;
    let choice = this.choices;
    while (choice) {
      if (!choice.change.isEmpty) return true;
      choice = choice.next;
    }
    return false;
  }
}
