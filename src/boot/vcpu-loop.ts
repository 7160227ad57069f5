import type { VcpuId } from '../arch/intid.ts';
import { HALTED, IN_GUEST, OUTSIDE } from '../board/vcpu-control.ts';
import { type EventCount, FOREVER } from '../memory/event-count.ts';
import { nap } from '../memory/nap.ts';
import { BoardVcpu } from './board-vcpu.ts';
import type { GuestBoard } from './guest-board.ts';
import { NEVER, NS_PER_TICK } from './guest-clock.ts';

/** Instructions between two looks at interrupts, requests and the clock. */
const SLICE = 2_000;
/** How long at once time is let pass that the host waits for, ms. */
const PACE_MS = 20;
/** How long while a device is at work, for which time must not be skipped; and while a timer of another vCPU is due. */
const SHORT_NAP_MS = 1;
/** Looks of an idle vCPU before it sleeps: a wake-up by the system costs more than these. */
const LOOKS = 200;
const NS_PER_MS = 1e6;
/** A guest that spins on WFE or YIELD gives its core to another thread for so long, ms. */
const SPIN_NAP_MS = 0.02;
/** WFE and YIELD of a slice before that. */
const SPINS = 64;

/** What a vCPU has done in a run. */
export type VcpuRun = { readonly instructions: number; readonly exceptions: number };

/** The body of a vCPU's thread: runs its core until the guest has ended. It blocks the thread, and sleeps while there is nothing to do. */
export class VcpuLoop {
  readonly #board: GuestBoard;
  readonly #vcpu: BoardVcpu;
  readonly #bell: EventCount;

  constructor(board: GuestBoard, vcpu: VcpuId) {
    this.#board = board;
    this.#vcpu = new BoardVcpu(board, vcpu, true);
    this.#bell = board.machine.gic.interrupts.bell(vcpu);
  }

  run(): VcpuRun {
    const { end } = this.#board;
    this.#vcpu.control.mode = IN_GUEST;
    while (!end.hasCome) this.#turn();
    this.#vcpu.control.mode = OUTSIDE;
    this.#board.wakeAll();
    const { instructions, core } = this.#vcpu;
    return { instructions, exceptions: Number(core.exceptions) };
  }

  #turn(): void {
    const vcpu = this.#vcpu;
    const before = vcpu.core.exceptionCount;
    const from = vcpu.instructions;
    const ended = vcpu.slice(SLICE, SPINS);
    if (ended === 'idle' || ended === 'off') this.#sleep();
    else if (ended === 'spin') this.#spin();
    if (vcpu.isStuck(vcpu.instructions - from, vcpu.core.exceptionCount - before))
      this.#board.end.say('stuck', 0, vcpu.id);
    this.#board.ring();
    this.#wakeDue();
  }

  /** Gives the processor to the thread that the guest may wait for; where all others sleep, there is none. */
  #spin(): void {
    const { sleepers, plan, devicesAreBusy } = this.#board;
    if (devicesAreBusy || sleepers.count < plan.vcpus - 1) nap(SPIN_NAP_MS);
  }

  /** Sleeps until there may be something to do: an interrupt, a timer, another vCPU that turns this one on, the end. */
  #sleep(): void {
    const { sleepers, clock } = this.#board;
    const vcpu = this.#vcpu;
    for (let look = 0; look < LOOKS; look++) {
      if (!vcpu.cpu.mayBeSignalled) continue;
      if (this.#hasWork) return;
      break;
    }
    // A timer whose line is up already, and wakes nobody, is nothing to wait for.
    const deadline = vcpu.readiness === 'off' ? NEVER : vcpu.nextRise;
    clock.setDeadline(vcpu.id, deadline);
    const ticket = this.#bell.announce();
    // Announced first: a waker of this vCPU finds the announcement from here on.
    if (this.#hasWork) {
      this.#bell.withdraw();
    } else {
      const isLast = sleepers.enter() === this.#board.plan.vcpus;
      vcpu.control.mode = HALTED;
      vcpu.control.count('halts');
      this.#bell.park(ticket, isLast ? this.#lastAwake() : this.#napMs(deadline));
      vcpu.control.mode = IN_GUEST;
      sleepers.leave();
    }
    clock.setDeadline(vcpu.id, NEVER);
    if (clock.isVirtual) clock.catchUp(vcpu.id, vcpu.instructions, clock.now());
  }

  get #hasWork(): boolean {
    return this.#board.end.hasCome || this.#vcpu.readiness === 'ready';
  }

  /**
   * All others sleep: time moves to the first deadline, if no device is at work and none of them is about to wake up. Returns how long to sleep at most, ms.
   * The others' deadlines stand still, because each wrote its own before it entered.
   */
  #lastAwake(): number {
    const { clock, plan } = this.#board;
    let [first, owner] = [NEVER, -1];
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++) {
      const deadline = clock.deadline(vcpu);
      if (deadline < first) [first, owner] = [deadline, vcpu];
    }
    const { alarm } = this.#board;
    if (alarm < first) [first, owner] = [alarm, this.#vcpu.id];
    if (first === NEVER) return FOREVER;
    const ahead = first - clock.now();
    if (!clock.isVirtual) return this.#napMs(clock.deadline(this.#vcpu.id));
    if (ahead > 0 && (this.#board.devicesAreBusy || this.#isOtherCalled())) return SHORT_NAP_MS;
    if (ahead > 0 && plan.paced) {
      const ms = (ahead * NS_PER_TICK) / NS_PER_MS;
      if (ms > SHORT_NAP_MS) return this.#pace(ahead);
    }
    clock.catchUp(this.#vcpu.id, this.#vcpu.instructions, first);
    if (owner === this.#vcpu.id) return 0;
    this.#board.wake(owner);
    return FOREVER;
  }

  /** Whether another vCPU has an interrupt to take: time that was skipped would make good a ring that was forgotten. */
  #isOtherCalled(): boolean {
    for (let vcpu: VcpuId = 0; vcpu < this.#board.plan.vcpus; vcpu++)
      if (vcpu !== this.#vcpu.id && this.#board.isCalled(vcpu)) return true;
    return false;
  }

  /** Lets a part of the time pass for which the guest wants to sleep; the rest comes when this vCPU looks again. */
  #pace(ahead: number): number {
    const ms = Math.min(PACE_MS, (ahead * NS_PER_TICK) / NS_PER_MS);
    this.#board.clock.catchUp(
      this.#vcpu.id,
      this.#vcpu.instructions,
      this.#board.clock.now() + Math.floor((ms * NS_PER_MS) / NS_PER_TICK),
    );
    return ms;
  }

  /** Virtual time wakes no vCPU by itself: a running vCPU does, or the vCPU that fell asleep last. */
  #napMs(deadline: number): number {
    const { clock } = this.#board;
    const first = Math.min(deadline, this.#board.alarm);
    if (clock.isVirtual || first === NEVER) return FOREVER;
    return Math.max(0, ((first - clock.now()) * NS_PER_TICK) / NS_PER_MS);
  }

  /** While this vCPU runs, it is time itself: sleeping vCPUs whose timers are due by it are woken. */
  #wakeDue(): void {
    const { clock, sleepers, plan } = this.#board;
    if (!clock.isVirtual || sleepers.count === 0) return;
    const now = clock.now();
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++)
      if (vcpu !== this.#vcpu.id && clock.deadline(vcpu) <= now) this.#board.wake(vcpu);
  }
}
