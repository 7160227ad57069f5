import type { Intid, VcpuId } from '../arch/intid.ts';
import { load, store, type Words } from '../memory/word.ts';
import type { InterruptRegions } from './interrupt-regions.ts';
import { Interrupts } from './interrupts.ts';
import {
  ACTIVE,
  isDeliverable,
  LOADED,
  requeued,
  reroutedLater,
  TARGET,
  TARGET_SHIFT,
  targetOf,
  UNQUEUED,
} from './state.ts';

/**
 * The interrupts of a machine whose vCPUs have list registers. A {@link LOADED} interrupt keeps its target and its place on that
 * vCPU's list; a new target waits beside the state until the vCPU exits its guest. A ring also makes a running guest exit (KVM: the
 * IPI of kvm_vcpu_kick). Any thread.
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

  /** Whether a thread has rung `vcpu` since it entered its guest. */
  isKicked(vcpu: VcpuId): boolean {
    return load(this.words, this.#kicks[vcpu] ?? 0) !== 0;
  }

  /** Clears the kick of a vCPU. Its thread calls this before it reads the list. */
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
      const after = requeued((before & ~TARGET) | (vcpu << TARGET_SHIFT), UNQUEUED);
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
