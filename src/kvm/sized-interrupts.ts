import { FIRST_LPI, FIRST_SPI } from '../arch/intid.ts';
import type { InterruptRegions } from '../gic/interrupt-regions.ts';
import { Interrupts, NONE } from '../gic/interrupts.ts';
import type { Words } from '../memory/word.ts';
import { DEFAULT_SPIS, type VgicState } from './vgic-state.ts';

/** The interrupts of a VM that has room for all SPIs, and as many as userspace asks for through NR_IRQS. */
export class SizedInterrupts extends Interrupts {
  readonly #vgic: VgicState;

  constructor(words: Words, regions: InterruptRegions, vgic: VgicState) {
    super(words, regions);
    this.#vgic = vgic;
  }

  override get endSpi(): number {
    return FIRST_SPI + (this.#vgic.spis || DEFAULT_SPIS);
  }

  override find(vcpu: number, intid: number): number {
    const none = intid >= FIRST_SPI && intid < FIRST_LPI && intid >= this.endSpi;
    return none ? NONE : super.find(vcpu, intid);
  }
}
