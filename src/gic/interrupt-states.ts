import { FIRST_LPI, FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { load, peek, store, type Words } from '../memory/word.ts';
import type { InterruptRegions } from './interrupt-regions.ts';
import { NONE, targetOf } from './state.ts';

/** The interrupts of a machine and the offsets of their state words. Any thread may call these methods; none blocks. */
export class InterruptStates {
  protected readonly words: Words;
  /** Offset, in words, at which the state of an INTID 0 among the LPIs would lie. */
  protected readonly lpis: number;
  readonly #privates: number;
  readonly #spis: number;
  readonly #existing: number;
  /** One past the highest SPI that the layout has room for. */
  readonly #roomSpi: Intid;
  /** One past the highest INTID that can exist. */
  readonly idLimit: number;

  constructor(words: Words, regions: InterruptRegions) {
    this.words = words;
    this.#privates = regions.privates.at;
    this.#spis = regions.spis.at - FIRST_SPI;
    this.lpis = regions.lpis.at - FIRST_LPI;
    this.#existing = regions.existing.at;
    this.#roomSpi = FIRST_SPI + regions.spis.words;
    this.idLimit = regions.idLimit;
  }

  /** How many SPIs the layout has room for. */
  get roomForSpis(): number {
    return this.#roomSpi - FIRST_SPI;
  }

  /** One past the highest SPI. A plain read: the number is fixed before the first injection. */
  get endSpi(): number {
    return FIRST_SPI + peek(this.words, this.#existing);
  }

  /** Sets how many SPIs exist, at most {@link roomForSpis}. Call it before the controller is initialised. */
  resize(spis: number): void {
    store(this.words, this.#existing, Math.min(spis, this.#roomSpi - FIRST_SPI));
  }

  /** Offset of the state word of `intid`, or {@link NONE} if the machine has no such interrupt. `vcpu` selects among SGIs and PPIs. */
  find(vcpu: VcpuId, intid: Intid): number {
    if (intid >= FIRST_LPI) return intid < this.idLimit ? this.lpis + intid : NONE;
    if (intid < PRIVATE_INTIDS) return intid >= 0 ? this.#privates + vcpu * PRIVATE_INTIDS + intid : NONE;
    return intid < this.endSpi ? this.#spis + intid : NONE;
  }

  /** {@link find} for an SPI. */
  findSpi(intid: Intid): number {
    return intid >= FIRST_SPI && intid < this.endSpi ? this.#spis + intid : NONE;
  }

  /** {@link find} for an LPI. */
  findLpi(lpi: Intid): number {
    return lpi >= FIRST_LPI && lpi < this.idLimit ? this.lpis + lpi : NONE;
  }

  state(at: number): number {
    return load(this.words, at);
  }

  /** The vCPU for the interrupt's next delivery: its target, or the new target if it was rerouted while in a list register. */
  goalOf(at: number, _intid: Intid): VcpuId {
    return targetOf(this.state(at));
  }

  /** Whether each vCPU prunes its list whenever it leaves its guest: true with list registers. */
  get isPrunedAtExit(): boolean {
    return false;
  }
}
