import { PollChoice } from '../base/poll-choice.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { Clock } from '../measure/clock.ts';
import type { EventCount } from '../memory/event-count.ts';
import { HALTED, IN_GUEST, type VcpuControl } from './vcpu-control.ts';

/** Loads of the list between two reads of the clock. */
const LOOKS = 32;

/**
 * The halt of an idle vCPU (WFI): the vCPU polls for a while, because a wake-up by the kernel costs tens of
 * microseconds, and then parks. KVM grows and shrinks the poll by the delays of wake-ups. Here {@link PollChoice}
 * decides whether to poll: with fewer cores than threads, a poll keeps the thread that the vCPU waits for from running.
 * @see kvm_vcpu_block, halt_poll_ns
 */
export class Halt {
  readonly #cpu: HaltParts['cpu'];
  readonly #bell: EventCount;
  readonly #control: VcpuControl;
  readonly #clock: Clock;
  readonly #mostNs: number;
  readonly #choice: PollChoice;

  constructor(parts: HaltParts) {
    this.#cpu = parts.cpu;
    this.#bell = parts.bell;
    this.#control = parts.control;
    this.#clock = parts.clock;
    this.#mostNs = parts.haltPollNs;
    this.#choice = new PollChoice(parts.haltPollNs, parts.polls);
  }

  /**
   * Returns when the vCPU may have work: a signalled interrupt, or a request. Only the vCPU's thread may call.
   * @param closely - after a spurious wake-up: poll for a signalled interrupt (masks and priorities applied). Otherwise
   * any listed interrupt ends the halt: that takes half as long to see, and the acknowledge decides.
   */
  halt(closely: boolean): void {
    // Finds an interrupt that comes at once before reading the clock.
    if (this.#mostNs === 0) {
      this.#park(closely);
      return;
    }
    if (this.#lookAround(closely)) return;
    const start = this.#clock.now();
    const pollNs = Math.min(this.#control.pollNs, this.#mostNs);
    if (!this.#poll(start, pollNs, closely)) this.#park(closely);
    const now = this.#clock.now();
    this.#choice.waited(now, now - start, this.#control.taken);
    this.#control.pollNs = this.#choice.pollNs;
  }

  #park(closely: boolean): void {
    // guard: halt-announces-before-look
    const ticket = this.#bell.announce();
    // guard: halt-looks-again
    if (this.#somethingToDo(closely)) {
      this.#bell.withdraw();
      return;
    }
    this.#control.mode = HALTED;
    this.#control.count('halts');
    this.#bell.park(ticket);
    this.#control.mode = IN_GUEST;
  }

  #poll(start: number, pollNs: number, closely: boolean): boolean {
    while (this.#clock.now() - start < pollNs) if (this.#lookAround(closely)) return true;
    return false;
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
    // guard: halt-minds-requests
    if (this.#control.requests !== 0) return true;
    return closely ? this.#cpu.signalled : this.#cpu.mayBeSignalled;
  }
}

export type HaltParts = {
  readonly cpu: Pick<CpuInterface, 'signalled' | 'mayBeSignalled'>;
  readonly bell: EventCount;
  readonly control: VcpuControl;
  readonly clock: Clock;
  readonly haltPollNs: number;
  /** The initial guess whether polling pays; default true. */
  readonly polls?: boolean;
};
