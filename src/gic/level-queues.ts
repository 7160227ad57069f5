import { lowestBit } from '../memory/bits.ts';
import type { Region } from '../memory/layout.ts';
import { peek, poke, type Words } from '../memory/word.ts';

/** Priorities that can differ: an LPI has six bits of priority, all others five. */
const LEVELS = 64;
const LEVEL_SHIFT = 2;

// Words: a bit for each level with a non-empty queue; whether the queues are in use; the first position not yet indexed; the head and
// tail of each queue; a link for each slot.
const FILLED = 0;
const USED = 2;
const INDEXED = 3;
const HEADS = 4;
const TAILS = HEADS + LEVELS;
const LINKS = TAILS + LEVELS;

/** Words of the queues over a ring of `ring` slots. */
export function levelQueuesWords(ring: number): number {
  return LINKS + ring;
}

/**
 * An index of the list's ring: a queue of slots for each priority level, in the order of listing. The vCPU finds the most urgent
 * interrupt without a walk over all that wait. A slot's level is the priority that its interrupt had when the consumer indexed
 * the slot; the consumer rebuilds the index when a priority may have changed. The vCPU's thread only; plain accesses.
 *
 * A link is a slot's number + 1; 0 is the end of a queue.
 */
export class LevelQueues {
  readonly #words: Words;
  readonly #at: number;

  constructor(words: Words, { at }: Region) {
    this.#words = words;
    this.#at = at;
  }

  /** The level of a priority. */
  static levelOf(priority: number): number {
    return priority >>> LEVEL_SHIFT;
  }

  get isUsed(): boolean {
    return peek(this.#words, this.#at + USED) !== 0;
  }

  /** The position behind the last slot that is in a queue. */
  get indexed(): number {
    return peek(this.#words, this.#at + INDEXED);
  }

  set indexed(position: number) {
    poke(this.#words, this.#at + INDEXED, position);
  }

  /** Empties the queues and marks them unused. */
  reset(): void {
    if (!this.isUsed) return;
    poke(this.#words, this.#at + USED, 0);
    for (let level = this.first(0); level >= 0; level = this.first(level + 1))
      poke(this.#words, this.#at + HEADS + level, 0);
    poke(this.#words, this.#at + FILLED, 0);
    poke(this.#words, this.#at + FILLED + 1, 0);
  }

  /** Marks the empty queues used. @param begin - position of the first slot to index */
  use(begin: number): void {
    if (this.isUsed) return;
    poke(this.#words, this.#at + USED, 1);
    this.indexed = begin;
  }

  /** The most urgent level with a queue, from `from` on, or -1. */
  first(from: number): number {
    for (let word = from >>> 5; word < LEVELS >>> 5; word++) {
      const filled = peek(this.#words, this.#at + FILLED + word);
      const wanted = word === from >>> 5 ? filled & (-1 << (from & 31)) : filled;
      if (wanted !== 0) return (word << 5) + lowestBit(wanted);
    }
    return -1;
  }

  head(level: number): number {
    return peek(this.#words, this.#at + HEADS + level);
  }

  next(link: number): number {
    return peek(this.#words, this.#at + LINKS + link - 1);
  }

  /** Puts a slot at the end of a level's queue. */
  add(level: number, link: number): void {
    const words = this.#words;
    poke(words, this.#at + LINKS + link - 1, 0);
    if (this.head(level) === 0) {
      poke(words, this.#at + HEADS + level, link);
      const at = this.#at + FILLED + (level >>> 5);
      poke(words, at, peek(words, at) | (1 << (level & 31)));
    } else {
      poke(words, this.#at + LINKS + peek(words, this.#at + TAILS + level) - 1, link);
    }
    poke(words, this.#at + TAILS + level, link);
  }

  /** Takes a slot out of its queue. @param before - the link in front of the slot, 0 for the head */
  remove(level: number, before: number, link: number): void {
    const words = this.#words;
    const next = this.next(link);
    if (before === 0) poke(words, this.#at + HEADS + level, next);
    else poke(words, this.#at + LINKS + before - 1, next);
    if (next !== 0) return;
    poke(words, this.#at + TAILS + level, before);
    if (before !== 0) return;
    const at = this.#at + FILLED + (level >>> 5);
    poke(words, at, peek(words, at) & ~(1 << (level & 31)));
  }
}
