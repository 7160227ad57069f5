import type { VcpuId } from '../arch/intid.ts';
import { HALTED, IN_GUEST, OUTSIDE } from '../board/vcpu-control.ts';
import { NEVER, NS_PER_TICK } from '../kvm/timer/generic-timer.ts';
import { type EventCount, FOREVER } from '../memory/event-count.ts';
import { nap } from '../memory/nap.ts';
import { BoardVcpu } from './board-vcpu.ts';
import type { GuestBoard } from './guest-board.ts';

/** Instructions between two checks of interrupts, requests and the clock. */
const SLICE = 2_000;
/** The longest single wait at the host's pace (`paced`), ms. */
const PACE_MS = 20;
/** How long the last awake vCPU naps while a device works, or while another vCPU's timer is due, ms. */
const SHORT_NAP_MS = 1;
/** How often an idle vCPU polls before it sleeps: so many polls cost less than a wake-up by the kernel. */
const LOOKS = 200;
const NS_PER_MS = 1e6;
/** How long a vCPU that spins on WFE or YIELD gives up its core, ms. */
const SPIN_NAP_MS = 0.02;
/** How many WFE and YIELD a vCPU passes in a slice before it gives up its core. */
const SPINS = 64;

/** Figures of a vCPU's run. */
export type VcpuRun = { readonly instructions: number; readonly exceptions: number };

/** The body of a vCPU's thread: runs its core until the guest has ended. Blocks the thread; sleeps while the vCPU has no work. */
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

  /** Gives up the host's core to the thread for which the guest may spin. No effect if all others sleep. */
  #spin(): void {
    const { sleepers, plan, devicesAreBusy } = this.#board;
    if (devicesAreBusy || sleepers.count < plan.vcpus - 1) nap(SPIN_NAP_MS);
  }

  /** Sleeps until the vCPU may have work: an interrupt, a timer, CPU_ON by another vCPU, the end of the run. */
  #sleep(): void {
    const { sleepers, clock } = this.#board;
    const vcpu = this.#vcpu;
    for (let look = 0; look < LOOKS; look++) {
      if (!vcpu.cpu.mayBeSignalled) continue;
      if (this.#hasWork) return;
      break;
    }
    // A timer whose line is asserted already wakes no vCPU later: no time to wait for.
    const deadline = vcpu.readiness === 'off' ? NEVER : vcpu.nextRise;
    clock.setDeadline(vcpu.id, deadline);
    const ticket = this.#bell.announce();
    // Announces before the check, so that a waker after the check finds the announcement.
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
   * Called when all other vCPUs sleep. Moves time to the earliest deadline, unless a device works or another vCPU is about to wake up.
   * The others' deadlines are stable, because each vCPU stored its own before it entered. Returns the longest time to sleep, ms.
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

  /** Whether another sleeping vCPU has a signalled interrupt. Skipping time then would hide a lost ring. */
  #isOtherCalled(): boolean {
    for (let vcpu: VcpuId = 0; vcpu < this.#board.plan.vcpus; vcpu++)
      if (vcpu !== this.#vcpu.id && this.#board.isCalled(vcpu)) return true;
    return false;
  }

  /** Lets a part of the guest's sleep pass at the host's pace. The vCPU calls it again for the rest. */
  #pace(ahead: number): number {
    const ms = Math.min(PACE_MS, (ahead * NS_PER_TICK) / NS_PER_MS);
    this.#board.clock.catchUp(
      this.#vcpu.id,
      this.#vcpu.instructions,
      this.#board.clock.now() + Math.floor((ms * NS_PER_MS) / NS_PER_TICK),
    );
    return ms;
  }

  /** The longest nap, ms. Under virtual time a running vCPU, or the last to fall asleep, wakes the others. */
  #napMs(deadline: number): number {
    const { clock } = this.#board;
    const first = Math.min(deadline, this.#board.alarm);
    if (clock.isVirtual || first === NEVER) return FOREVER;
    return Math.max(0, ((first - clock.now()) * NS_PER_TICK) / NS_PER_MS);
  }

  /** Wakes sleeping vCPUs whose timers are due by this running vCPU's time. */
  #wakeDue(): void {
    const { clock, sleepers, plan } = this.#board;
    if (!clock.isVirtual || sleepers.count === 0) return;
    const now = clock.now();
    for (let vcpu: VcpuId = 0; vcpu < plan.vcpus; vcpu++)
      if (vcpu !== this.#vcpu.id && clock.deadline(vcpu) <= now) this.#board.wake(vcpu);
  }
}
