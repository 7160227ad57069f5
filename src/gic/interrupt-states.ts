import { FIRST_LPI, FIRST_SPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../arch/intid.ts';
import { load, peek, store, type Words } from '../memory/word.ts';
import type { InterruptRegions } from './interrupt-regions.ts';
import { NONE, targetOf } from './state.ts';

/** Which interrupts a machine has, and where the state word of each lies. Any thread may call these methods; none blocks. */
export class InterruptStates {
  protected readonly words: Words;
  /** Where the state of LPI 0 would lie. */
  protected readonly lpis: number;
  readonly #privates: number;
  readonly #spis: number;
  readonly #existing: number;
  /** One past the highest SPI that there is room for. */
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

  /** How many SPIs there is room for. */
  get roomForSpis(): number {
    return this.#roomSpi - FIRST_SPI;
  }

  /** One past the highest SPI. A plain read: the number does not change once interrupts can be injected. */
  get endSpi(): number {
    return FIRST_SPI + peek(this.words, this.#existing);
  }

  /** Says how many SPIs there are, of those that there is room for: before the controller is initialised. */
  resize(spis: number): void {
    store(this.words, this.#existing, Math.min(spis, this.#roomSpi - FIRST_SPI));
  }

  /** Where the state of `intid` lies, seen from `vcpu` (which matters below 32); {@link NONE} if there is no such interrupt. */
  find(vcpu: VcpuId, intid: Intid): number {
    if (intid >= FIRST_LPI) return intid < this.idLimit ? this.lpis + intid : NONE;
    if (intid < PRIVATE_INTIDS) return intid >= 0 ? this.#privates + vcpu * PRIVATE_INTIDS + intid : NONE;
    return intid < this.endSpi ? this.#spis + intid : NONE;
  }

  /** As {@link find}, of an SPI. */
  findSpi(intid: Intid): number {
    return intid >= FIRST_SPI && intid < this.endSpi ? this.#spis + intid : NONE;
  }

  /** As {@link find}, of an LPI. */
  findLpi(lpi: Intid): number {
    return lpi >= FIRST_LPI && lpi < this.idLimit ? this.lpis + lpi : NONE;
  }

  state(at: number): number {
    return load(this.words, at);
  }

  /** The vCPU that an interrupt goes to from now on: its target, unless a list register holds it to that for a while. */
  goalOf(at: number, _intid: Intid): VcpuId {
    return targetOf(this.state(at));
  }

  /** Whether a vCPU prunes its list each time that it leaves its guest: where there are list registers. */
  get isPrunedAtExit(): boolean {
    return false;
  }
}
