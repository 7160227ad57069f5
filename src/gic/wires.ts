import { FIRST_LPI, type Intid, type VcpuId } from '../arch/intid.ts';
import { type Interrupts, NONE } from './interrupts.ts';
import { EDGE, isDeliverable, LATCH, LINE, targetOf } from './state.ts';

/**
 * The input wires of SPIs and PPIs. What a trigger configuration makes of a wire is the personality's choice.
 * Any thread.
 */
export class Wires {
  readonly #interrupts: Interrupts;
  readonly #everyOneIsAnEdge: boolean;

  constructor(interrupts: Interrupts, everyOneIsAnEdge: boolean) {
    this.#interrupts = interrupts;
    this.#everyOneIsAnEdge = everyOneIsAnEdge;
  }

  /**
   * Drives the wire of an interrupt.
   * @param intid - 16 to 31 for a PPI of `vcpu`, 32 and up for an SPI
   * @returns false, with nothing done, where there is no such wire
   */
  drive(intid: Intid, level: boolean, vcpu: VcpuId = 0): boolean {
    const at = intid >= FIRST_LPI || intid < 0 ? NONE : this.#interrupts.find(vcpu, intid);
    if (at === NONE || vcpu >= this.#interrupts.vcpus) return false;
    if (this.#everyOneIsAnEdge) this.#interrupts.drive(at, intid, level);
    else this.#driveRemembered(at, intid, level);
    return true;
  }

  /**
   * Moves the input wire as the architecture has it (and QEMU): the level is remembered whatever the trigger, and an
   * edge is a step from 0 to 1.
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
