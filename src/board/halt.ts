import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { Clock } from '../measure/clock.ts';
import type { EventCount } from '../memory/event-count.ts';
import { HALTED, IN_GUEST, type VcpuControl } from './vcpu-control.ts';

/** The first poll after polling was off, ns. @see halt_poll_ns_grow_start */
const GROW_START_NS = 10_000;
const GROW = 2;
/** Looks at the list between two looks at the clock. */
const LOOKS = 32;

/**
 * The halt of an idle vCPU (WFI): the vCPU polls for a while, because a wake-up by the kernel costs tens of microseconds,
 * and then parks.
 *
 * The length of a poll adapts as in KVM: it grows when a wake-up came so soon after parking that a longer poll would have
 * caught it, and falls to zero when the wake-up was long in coming. A poll that was interrupted (the clock ran on much
 * further than the looks can explain) says that there are more threads than cores: polling then takes the core from
 * the very thread that the vCPU waits for, and stops.
 * @see kvm_vcpu_block, grow_halt_poll_ns, shrink_halt_poll_ns
 */
export class Halt {
  readonly #cpu: CpuInterface;
  readonly #bell: EventCount;
  readonly #control: VcpuControl;
  readonly #clock: Clock;
  readonly #mostNs: number;

  constructor(parts: HaltParts) {
    this.#cpu = parts.cpu;
    this.#bell = parts.bell;
    this.#control = parts.control;
    this.#clock = parts.clock;
    this.#mostNs = parts.haltPollNs;
  }

  /**
   * Returns when the vCPU may have work: an interrupt is signalled, or a request is waiting. The vCPU's thread.
   * @param closely - whether an interrupt must really be signalled: for the halt after a halt that ended in vain. Else
   * any listed interrupt ends the halt, which takes half as long to see, and the acknowledge decides.
   */
  halt(closely: boolean): void {
    const pollNs = Math.min(this.#control.pollNs, this.#mostNs);
    // An interrupt that comes at once is found before the clock is read.
    if (pollNs > 0 && this.#lookAround(closely)) return;
    const start = this.#mostNs > 0 ? this.#clock.now() : 0;
    if (pollNs > 0 && this.#poll(start, pollNs, closely)) return;
    const ticket = this.#bell.announce();
    if (this.#somethingToDo(closely)) {
      this.#bell.withdraw();
      return;
    }
    this.#control.mode = HALTED;
    this.#control.count('halts');
    this.#bell.park(ticket);
    this.#control.mode = IN_GUEST;
    if (this.#mostNs > 0) this.#adapt(this.#clock.now() - start);
  }

  #poll(start: number, pollNs: number, closely: boolean): boolean {
    for (;;) {
      if (this.#lookAround(closely)) return true;
      const waited = this.#clock.now() - start;
      if (waited > pollNs + this.#mostNs) this.#control.pollNs = 0;
      if (waited > pollNs) return false;
    }
  }

  #lookAround(closely: boolean): boolean {
    for (let look = 0; look < LOOKS; look++) {
      if (!this.#somethingToDo(closely)) continue;
      this.#control.count('pollHits');
      return true;
    }
    return false;
  }

  #somethingToDo(closely: boolean): boolean {
    if (this.#control.requests !== 0) return true;
    return closely ? this.#cpu.signalled : this.#cpu.mayBeSignalled;
  }

  #adapt(blockedNs: number): void {
    const pollNs = this.#control.pollNs;
    if (blockedNs > this.#mostNs) this.#control.pollNs = 0;
    else if (blockedNs > pollNs)
      this.#control.pollNs = Math.min(this.#mostNs, pollNs === 0 ? GROW_START_NS : pollNs * GROW);
  }
}

export type HaltParts = {
  readonly cpu: CpuInterface;
  readonly bell: EventCount;
  readonly control: VcpuControl;
  readonly clock: Clock;
  readonly haltPollNs: number;
};
