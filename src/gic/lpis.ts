import type { Region } from '../memory/layout.ts';
import { add, load, type Words } from '../memory/word.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import { FIRST_LPI } from './intid.ts';
import {
  ENABLED,
  LATCH,
  MAPPED,
  NO_TARGET,
  PRIORITY,
  PRIORITY_SHIFT,
  TARGET,
  TARGET_SHIFT,
  targetOf,
} from './state.ts';

const CONFIG_ENABLE = 1 << 0;
/** Priority bits of a configuration byte that are kept. @see LPI_PROP_PRIORITY in vgic-its.c */
const CONFIG_PRIORITY = 0xfc;

/**
 * The LPIs as the ITS sees them: mapped by any number of DevID:EvID pairs, configured from a byte of guest memory,
 * sent to a vCPU, latched. An LPI's state word lives as long as a pair maps it.
 *
 * `map`, `unmap`, `configure` and `retarget` are called with the ITS lock held; `latch` by any thread at any time.
 */
export class Lpis {
  readonly #words: Words;
  readonly #mappings: number;
  readonly #interrupts: Interrupts;

  /** @param mappings - a word for each LPI: how many pairs map it */
  constructor(words: Words, mappings: Region, interrupts: Interrupts) {
    this.#words = words;
    this.#mappings = mappings.at - FIRST_LPI;
    this.#interrupts = interrupts;
  }

  /** One past the highest LPI. */
  get limit(): number {
    return this.#interrupts.idLimit;
  }

  /** Makes it pending: an MSI, or the INT command. The hot path of an MSI. Latched even where it is disabled. */
  latch(lpi: number): void {
    const at = this.#interrupts.find(0, lpi);
    if (at !== NONE) this.#interrupts.latch(at, lpi);
  }

  /** Takes the pending state away: the CLEAR command. */
  clear(lpi: number): void {
    this.#interrupts.change(this.#at(lpi), lpi, LATCH, 0);
  }

  isPending(lpi: number): boolean {
    return (this.#interrupts.state(this.#at(lpi)) & LATCH) !== 0;
  }

  isMapped(lpi: number): boolean {
    return (this.#interrupts.state(this.#at(lpi)) & MAPPED) !== 0;
  }

  /** The vCPU it goes to, or {@link NO_TARGET}. */
  targetOf(lpi: number): number {
    return targetOf(this.#interrupts.state(this.#at(lpi)));
  }

  /**
   * Counts one more pair that maps `lpi`. True for the first: then it has just come to life, sent nowhere and disabled,
   * and wants its target, its configuration and its pending bit. A later pair changes nothing in it.
   */
  map(lpi: number): boolean {
    if (add(this.#words, this.#mappings + lpi, 1) !== 0) return false;
    this.#interrupts.change(
      this.#at(lpi),
      lpi,
      ENABLED | LATCH | TARGET,
      MAPPED | (NO_TARGET << TARGET_SHIFT),
    );
    return true;
  }

  /** Counts one pair less; with the last one the LPI ends, and what was latched in it is gone. */
  unmap(lpi: number): void {
    if (add(this.#words, this.#mappings + lpi, -1) !== 1) return;
    this.#interrupts.change(this.#at(lpi), lpi, MAPPED | ENABLED | LATCH, NO_TARGET << TARGET_SHIFT);
  }

  /** How many pairs map it. For tests and for saving. */
  mappings(lpi: number): number {
    return load(this.#words, this.#mappings + lpi);
  }

  /** Takes over a byte of the configuration table. One that is latched and was disabled is listed now. */
  configure(lpi: number, config: number): void {
    const enable = (config & CONFIG_ENABLE) !== 0 ? ENABLED : 0;
    const priority = (config & CONFIG_PRIORITY) << PRIORITY_SHIFT;
    this.#interrupts.change(
      this.#at(lpi),
      lpi,
      (ENABLED & ~enable) | (PRIORITY & ~priority),
      enable | priority,
    );
  }

  /** Sends it to another vCPU; what is pending goes along. */
  retarget(lpi: number, vcpu: number): void {
    this.#interrupts.retarget(this.#at(lpi), lpi, vcpu);
  }

  /** Every LPI that is mapped, in order. `visit` must not keep the ITS lock busy for long. */
  forEachMapped(visit: (lpi: number) => void): void {
    for (let lpi = FIRST_LPI; lpi < this.limit; lpi++) if (this.isMapped(lpi)) visit(lpi);
  }

  #at(lpi: number): number {
    const at = this.#interrupts.find(0, lpi);
    if (at === NONE || lpi < FIRST_LPI)
      throw new RangeError(`${lpi} is not an LPI of this machine (${FIRST_LPI} to ${this.limit - 1})`);
    return at;
  }
}
