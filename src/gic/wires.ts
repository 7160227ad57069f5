import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import { EDGE, isDeliverable, LATCH, LINE, targetOf } from './state.ts';

/** The input wires of SPIs and PPIs. The personality chooses the rule for edge-triggered wires. Any thread. */
export class Wires {
  readonly #interrupts: Interrupts;
  readonly #everyHighIsAnEdge: boolean;

  constructor(interrupts: Interrupts, everyHighIsAnEdge: boolean) {
    this.#interrupts = interrupts;
    this.#everyHighIsAnEdge = everyHighIsAnEdge;
  }

  /**
   * Drives the wire of an interrupt.
   * @param intid - 16 to 31 for a PPI of `vcpu`, 32 and up for an SPI
   * @returns false, with no effect, if the interrupt has no wire
   */
  drive(intid: Intid, level: boolean, vcpu: VcpuId = 0): boolean {
    const at = intid >= FIRST_LPI || intid < 0 ? NONE : this.#interrupts.find(vcpu, intid);
    if (at === NONE || vcpu >= this.#interrupts.vcpus) return false;
    if (this.#everyHighIsAnEdge) this.#interrupts.drive(at, intid, level);
    else this.#driveRemembered(at, intid, level);
    return true;
  }

  /**
   * Drives the input wire by the architecture's rule (QEMU's too): the GIC stores the level for either trigger, and an edge is a
   * change from 0 to 1.
   */
  #driveRemembered(at: number, intid: Intid, level: boolean): void {
    const interrupts = this.#interrupts;
    for (;;) {
      const state = interrupts.state(at);
      const latch = level && (state & EDGE) !== 0 ? LATCH : 0;
      const next = level ? state | LINE | latch : state & ~LINE;
      if (((next ^ state) & LINE) === 0) return;
      if (!interrupts.replace(at, state, next)) continue;
      if (isDeliverable(next)) interrupts.list(targetOf(next), intid);
      return;
    }
  }
}
