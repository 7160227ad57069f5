import type { Intid, VcpuId } from '../arch/intid.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { InterruptRegions } from './interrupt-regions.ts';
import { Interrupts } from './interrupts.ts';
import {
  ACTIVE,
  HELD,
  isDeliverable,
  LOADED,
  released,
  reroutedLater,
  TARGET,
  TARGET_SHIFT,
  targetOf,
} from './state.ts';

/**
 * The interrupts of a machine whose vCPUs have list registers. While an interrupt is {@link LOADED} it stays on the list of the
 * vCPU that has it, and its target stays: another target waits beside the state until that vCPU has left its guest. A ring
 * also says that a guest which runs has to be left (KVM: the IPI of kvm_vcpu_kick). Any thread.
 */
export class LoadableInterrupts extends Interrupts {
  readonly #kicks: readonly number[];

  constructor(words: Words, regions: InterruptRegions) {
    super(words, regions);
    this.#kicks = regions.kicks.map(({ at }) => at);
  }

  override ring(vcpu: VcpuId): void {
    const kick = this.#kicks[vcpu];
    // guard: ring-kicks-guest
    if (kick !== undefined && load(this.words, kick) === 0) store(this.words, kick, 1);
    super.ring(vcpu);
  }

  /** Whether `vcpu` was rung since it entered its guest. */
  isKicked(vcpu: VcpuId): boolean {
    return load(this.words, this.#kicks[vcpu] ?? 0) !== 0;
  }

  /** Takes the kick of a vCPU: before its thread looks at the list. */
  takeKick(vcpu: VcpuId): void {
    store(this.words, this.#kicks[vcpu] ?? 0, 0);
  }

  override retarget(at: number, intid: Intid, vcpu: VcpuId): void {
    for (;;) {
      const before = this.state(at);
      // guard: loaded-interrupt-keeps-target
      if ((before & LOADED) !== 0) {
        this.setNextTarget(intid, vcpu);
        if (!this.replace(at, before, reroutedLater(before))) continue;
        this.ring(targetOf(before));
        return;
      }
      const after = released((before & ~TARGET) | (vcpu << TARGET_SHIFT), HELD);
      if (!this.replace(at, before, after)) continue;
      if (isDeliverable(after)) this.list(vcpu, intid);
      return;
    }
  }

  override get isPrunedAtExit(): boolean {
    return true;
  }

  override goalOf(at: number, intid: Intid): VcpuId {
    const state = this.state(at);
    return targetOf((state & ACTIVE) === 0 ? this.rerouted(intid, state & ~LOADED) : state);
  }
}
