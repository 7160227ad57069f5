import { IrqError } from '../base/irq-error.ts';
import { LINE, type Region } from './layout.ts';
import { load, replace, store, type Words } from './word.ts';

/** Most slots a table can have: handles and the free list keep a slot's number in 16 bits. */
export const MOST_SLOTS = 65_535;

/** Words of a table of `count` slots: the free list's head, then two words a slot. */
export function slotsWords(count: number): number {
  return LINE + 2 * count;
}

declare const brand: unique symbol;
/** Names one life of one slot: its number in the low 16 bits, the generation above. Never negative; 0 is no handle. */
export type Handle = number & { readonly [brand]: 'handle' };

/** The value of a word without a handle. */
export const NO_HANDLE = 0 as Handle;

/** The slot that a handle names, 1 to the table's count. */
export function slotOf(handle: Handle): number {
  return handle & 0xffff;
}

/**
 * A table of slots for memory that can never be freed. `take` hands a slot out; `retire` moves its generation on, so a
 * later use of an old handle is detected as stale. The free list is last in, first out: immediate reuse makes a stale
 * handle meet a new owner early, in a test.
 *
 * The free list is a stack whose head carries a tag that moves with every change. A thread that read the head and the
 * next slot, and slept while others took and returned the same slot, sees that the tag moved and starts again. (The tag
 * wraps after 65,536 changes during one such sleep.) Generations wrap after 32,767 lives of a slot.
 */
export class Slots {
  readonly #words: Words;
  readonly #head: number;
  readonly #next: number;
  readonly #generation: number;
  readonly #count: number;
  readonly #name: string;

  constructor(words: Words, region: Region, name: string) {
    const count = (region.words - LINE) / 2;
    this.#words = words;
    this.#head = region.at;
    this.#next = region.at + LINE - 1;
    this.#generation = this.#next + count;
    this.#count = count;
    this.#name = name;
  }

  /** Puts every slot on the free list, slot 1 on top. Called once, by the thread that creates the memory. */
  init(): void {
    for (let slot = 1; slot <= this.#count; slot++) {
      store(this.#words, this.#next + slot, slot === this.#count ? 0 : slot + 1);
      store(this.#words, this.#generation + slot, 1);
    }
    store(this.#words, this.#head, this.#count === 0 ? 0 : 1);
  }

  /** Takes a free slot; `NO_HANDLE` if there is none. Any thread. */
  tryTake(): Handle {
    for (;;) {
      const head = load(this.#words, this.#head);
      const slot = head & 0xffff;
      if (slot === 0) return NO_HANDLE;
      const next = load(this.#words, this.#next + slot);
      // guard: slot-taken-in-one-step
      if (replace(this.#words, this.#head, head, retag(head, next))) return this.handleOf(slot);
    }
  }

  /** As {@link tryTake}. @throws IrqError `ERR_SLOTS_FULL` */
  take(): Handle {
    const handle = this.tryTake();
    if (handle === NO_HANDLE)
      throw new IrqError('ERR_SLOTS_FULL', `all ${this.#count} slots of ${this.#name} are in use`);
    return handle;
  }

  /**
   * Ends the life that `handle` names and frees its slot. @throws IrqError `ERR_HANDLE_STALE` if that life has already
   * ended
   */
  retire(handle: Handle): void {
    const slot = slotOf(handle);
    const generation = handle >>> 16;
    // guard: retired-in-one-step
    if (
      !replace(this.#words, this.#generation + slot, generation, generation === 0x7fff ? 1 : generation + 1)
    )
      throw this.#stale(handle);
    for (;;) {
      const head = load(this.#words, this.#head);
      // guard: freed-slot-leads-on
      store(this.#words, this.#next + slot, head & 0xffff);
      // guard: slot-freed-in-one-step
      if (replace(this.#words, this.#head, head, retag(head, slot))) return;
    }
  }

  /** The handle of the current life of `slot`. */
  handleOf(slot: number): Handle {
    return ((load(this.#words, this.#generation + slot) << 16) | slot) as Handle;
  }

  /** Whether the life that `handle` names has not ended. */
  isLive(handle: Handle): boolean {
    return handle !== NO_HANDLE && load(this.#words, this.#generation + slotOf(handle)) === handle >>> 16;
  }

  /** The slot of a handle. @throws IrqError `ERR_HANDLE_STALE`: a use after retirement */
  use(handle: Handle): number {
    if (!this.isLive(handle)) throw this.#stale(handle);
    return slotOf(handle);
  }

  #stale(handle: Handle): IrqError {
    return new IrqError(
      'ERR_HANDLE_STALE',
      `${this.#name} slot ${slotOf(handle)} was used through generation ${handle >>> 16}, but is at ${load(this.#words, this.#generation + slotOf(handle))}`,
    );
  }
}

function retag(head: number, slot: number): number {
  // guard: head-has-a-tag
  return ((head & ~0xffff) + 0x1_0000) | slot;
}
