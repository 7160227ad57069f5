import { FIRST_PPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import { lowestBit } from '../../memory/bits.ts';
import { type Layout, LINE, type Region } from '../../memory/layout.ts';
import { clearBits, load, or, replace, store, type Words } from '../../memory/word.ts';
import type { InterruptSource } from '../interrupt-source.ts';
import type { Interrupts } from '../interrupts.ts';
import { LATCH, UNQUEUED } from '../state.ts';

/** vCPUs of a GICv2: a field of eight bits names the targets and the sources. */
export const MOST_V2_VCPUS = 8;

/** Bits of an SGI's word: the sources that it is pending from, 7:0; the source of the active one, 10:8. */
const SOURCES = 0xff;
const ACTIVE_SHIFT = 8;
const ACTIVE_SOURCE = 7 << ACTIVE_SHIFT;

/** Adds the sources of all SGIs to a layout: a word for each SGI of each vCPU. */
export function sgiSourceRegion(layout: Layout): Region {
  return layout.region('gicv2.sgis', MOST_V2_VCPUS * LINE);
}

/**
 * The interrupts of a GICv2 as its CPU interfaces take them: an SGI is pending by source, and is taken from one source after the other.
 *
 * The rule: **a sender sets its source, then the latch. A vCPU that takes the latch then claims one source, and sets the latch again where
 * others are left.** A latch without a source belongs to a sender whose source was taken already: that take is undone. Any thread sends;
 * the thread of a vCPU takes.
 * @see vgic_v2_populate_lr in vgic-v2.c, which does both under the interrupt's lock
 */
export class SgiSources implements InterruptSource {
  readonly #words: Words;
  readonly #at: number;
  readonly #interrupts: Interrupts;

  constructor(words: Words, region: Region, interrupts: Interrupts) {
    this.#words = words;
    this.#at = region.at;
    this.#interrupts = interrupts;
  }

  /** Makes an SGI pending at `target`, from the sources of a mask. Any thread. */
  send(target: VcpuId, sgi: Intid, sources: number): void {
    if ((sources & SOURCES) === 0) return;
    // guard: source-before-latch
    or(this.#words, this.#word(target, sgi), sources & SOURCES);
    // guard: latch-after-source
    this.#interrupts.change(this.find(target, sgi), sgi, 0, LATCH);
  }

  /** Ends the pending state of an SGI, from the sources of a mask. Any thread. */
  withdraw(target: VcpuId, sgi: Intid, sources: number): void {
    const at = this.#word(target, sgi);
    clearBits(this.#words, at, sources & SOURCES);
    if (this.pending(target, sgi) !== 0) return;
    this.#interrupts.amend(this.find(target, sgi), LATCH | UNQUEUED, 0);
    // A sender may have set its source and the latch between the two steps.
    // guard: withdrawal-looks-again
    if (this.pending(target, sgi) !== 0) this.#interrupts.change(this.find(target, sgi), sgi, 0, LATCH);
  }

  /** The sources that an SGI is pending from, as a mask. */
  pending(target: VcpuId, sgi: Intid): number {
    return load(this.#words, this.#word(target, sgi)) & SOURCES;
  }

  /** The source of the SGI taken last. */
  activeSource(vcpu: VcpuId, sgi: Intid): VcpuId {
    return (load(this.#words, this.#word(vcpu, sgi)) & ACTIVE_SOURCE) >>> ACTIVE_SHIFT;
  }

  reset(): void {
    for (let word = 0; word < MOST_V2_VCPUS * LINE; word++) store(this.#words, this.#at + word, 0);
  }

  /** Acknowledges an interrupt, an SGI from its lowest source. */
  take(vcpu: VcpuId, intid: Intid, seen?: number): number {
    const taken = this.#interrupts.take(vcpu, intid, seen);
    if (taken === 0 || intid >= FIRST_PPI) return taken;
    const left = this.#claim(this.#word(vcpu, intid));
    if (left < 0) {
      this.#interrupts.deactivate(this.find(vcpu, intid), intid);
      return 0;
    }
    // guard: next-source-is-latched
    if (left > 0) this.#interrupts.change(this.find(vcpu, intid), intid, 0, LATCH);
    return taken;
  }

  /** Claims the lowest source and notes it as active. Returns the sources left, or -1 where there was none. */
  #claim(at: number): number {
    for (;;) {
      const before = load(this.#words, at);
      const sources = before & SOURCES;
      // guard: latch-needs-source
      if (sources === 0) return -1;
      const left = sources & (sources - 1);
      // guard: source-claimed-in-one-step
      if (replace(this.#words, at, before, left | (lowestBit(sources) << ACTIVE_SHIFT))) return left;
    }
  }

  find(vcpu: VcpuId, intid: Intid): number {
    return this.#interrupts.find(vcpu, intid);
  }

  best(vcpu: VcpuId, groups: number): Intid {
    return this.#interrupts.best(vcpu, groups);
  }

  get stateFound(): number {
    return this.#interrupts.stateFound;
  }

  deactivate(at: number, intid: Intid, mask = 0, wanted = 0): boolean {
    return this.#interrupts.deactivate(at, intid, mask, wanted);
  }

  settle(vcpu: VcpuId, intid: Intid): void {
    this.#interrupts.settle(vcpu, intid);
  }

  wantsLook(vcpu: VcpuId): boolean {
    return this.#interrupts.wantsLook(vcpu);
  }

  get forwarding(): number {
    return this.#interrupts.forwarding;
  }

  state(at: number): number {
    return this.#interrupts.state(at);
  }

  forEachListed(vcpu: VcpuId, visit: (at: number, intid: Intid) => void): void {
    this.#interrupts.forEachListed(vcpu, visit);
  }

  #word(vcpu: VcpuId, sgi: Intid): number {
    return this.#at + vcpu * LINE + sgi;
  }
}
