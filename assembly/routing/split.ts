/**
 * One of several weighted choices: drawn at random, or always the same for the same key.
 *
 * The sticky choice is weighted rendezvous hashing: each choice gets a score from its own hash of the
 * key, -weight / ln(hash in (0, 1)), and the highest wins. Each choice wins as often as its weight says,
 * and a weight that grows can only win keys, not move others. (Schindelhauer and Schomaker, Weighted
 * Distributed Hash Tables, SPAA 2005.) Nothing in it is random, so all workers and pods agree.
 */
import { AttachmentChange } from "../dubbo/attachment_change";
import { Kept } from "../wire/arena";
import { hashBytes, hashU64 } from "../wire/hash";
import { Span } from "../wire/span";

/** One of a rule's choices. */
@unmanaged
@final
export class Choice extends Kept {
  next: Choice | null = null;
  /** The choice's place among the others: what its hashes start from. */
  index: u32;
  weight: u32;
  /** What is changed in a request that gets this choice. */
  change: AttachmentChange = new AttachmentChange();

  constructor(index: u32, weight: u32) {
    super();
    this.index = index;
    this.weight = weight;
  }
}

/** 2^-53: makes a number below 1 of 53 bits. */
const UNIT: f64 = 1.1102230246251565e-16;
/** Where hashes of keys start from: any number, but never another. */
const KEY_SEED: u64 = 0x6475_6262_6f73_706c;

/** The choice among `choices` for `key`: the same for the same key and weights, everywhere. */
export function stickyChoice(choices: Choice, key: Span): Choice {
  const keyHash = hashBytes(KEY_SEED, key.start, key.length);
  let best = choices;
  let bestScore: f64 = -1;
  let choice: Choice | null = choices;
  while (choice) {
    if (choice.weight != 0) {
      const hash = hashU64(keyHash, choice.index + 1);
      const inUnit = (<f64>(hash >> 11) + 0.5) * UNIT;
      const score = -(<f64>choice.weight) / Math.log(inUnit);
      if (score > bestScore) {
        bestScore = score;
        best = choice;
      }
    }
    choice = choice.next;
  }
  return best;
}

/** A choice among `choices`, whose weights add up to `total`, drawn by the random number `drawn`. */
export function drawnChoice(choices: Choice, total: u32, drawn: u64): Choice {
  let left = <u32>(drawn % total);
  let choice = choices;
  while (true) {
    if (left < choice.weight) return choice;
    left -= choice.weight;
    const next = choice.next;
    if (!next) return choice;
    choice = next;
  }
}
