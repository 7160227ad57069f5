import { type Intid, SPURIOUS } from '../arch/intid.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { Vm } from '../kvm/vm.ts';
import type { EventCount } from '../memory/event-count.ts';
import type { Halt } from './halt.ts';
import { IN_GUEST, OUTSIDE, REQUEST_EXIT, REQUEST_PAUSE, type VcpuControl } from './vcpu-control.ts';

/** Why a vCPU left its guest: what KVM_RUN returns. `shutdown` is the guest's own wish. */
export type ExitReason = 'exit' | 'pause' | 'shutdown';

/**
 * A guest, or the part of one that a vCPU runs: small synchronous code, called in the vCPU's thread. An exception in
 * it ends the thread, and the machine says so.
 */
export type Guest = {
  /** Once, before the first interrupt. */
  boot?(): void;
  /** The interrupt vector: `intid` has been acknowledged, and its end is written when this returns. */
  interrupt(intid: Intid): void;
  /** After every wake-up from a halt. */
  resumed?(): void;
  /** Asked when there is no interrupt to take; true ends the run with `shutdown`. */
  finished?(): boolean;
};

/** Tells the devices of level-triggered SPIs of the end of their interrupts: the VM does. */
export type AckServer = Pick<Vm, 'serveAcks'>;

export type VcpuParts = {
  readonly cpu: CpuInterface;
  readonly control: VcpuControl;
  readonly bell: EventCount;
  readonly halt: Halt;
  /** Left out where nothing resamples. */
  readonly acks?: AckServer;
};

/** One vCPU: takes its interrupts, hands them to the guest, halts when there are none. */
export class Vcpu {
  readonly cpu: CpuInterface;
  readonly control: VcpuControl;
  readonly #bell: EventCount;
  readonly #halt: Halt;
  readonly #acks: AckServer | undefined;

  constructor({ cpu, control, bell, halt, acks }: VcpuParts) {
    this.cpu = cpu;
    this.control = control;
    this.#bell = bell;
    this.#halt = halt;
    this.#acks = acks;
  }

  /** Makes `run` return, or the next one if it is not under way. A request word and a ring; any thread. */
  kick(request: number = REQUEST_EXIT): void {
    // guard: request-before-ring
    this.control.request(request);
    // guard: kick-rings
    this.#bell.signal();
  }

  /**
   * KVM_RUN: runs the guest until a kick of this vCPU, or until the guest has finished. Blocks the vCPU's thread, which
   * alone may call it.
   *
   * The mode is set before the requests are looked at, and a kick sets the request before it rings: so a kick is either
   * seen by this look, or finds the vCPU where the ring reaches it. @see race-catalogue `kick-without-request`
   */
  run(guest: Guest): ExitReason {
    this.control.mode = IN_GUEST;
    this.resume(guest);
    // While interrupts come one after the other, the acknowledge finds out by itself; after a single one a cheap look does.
    let busy = false;
    let reason = this.#exitReason();
    while (!reason) {
      const intid = this.cpu.acknowledge();
      if (intid !== SPURIOUS) {
        this.handle(guest, intid);
        busy ||= this.cpu.mayBeSignalled;
      }
      // Behind the acknowledge, so that what has ended a halt does not wait for it.
      reason = this.#exitReason();
      if (reason || (busy && intid !== SPURIOUS)) continue;
      if (guest.finished?.()) {
        reason = 'shutdown';
      } else {
        this.#halt.halt(intid === SPURIOUS && !busy);
        this.resume(guest);
      }
      busy = false;
    }
    this.control.mode = OUTSIDE;
    return reason;
  }

  /** After every wake-up. */
  protected resume(guest: Guest): void {
    guest.resumed?.();
  }

  /** Hands an interrupt that was acknowledged to the guest, and ends it. */
  protected handle(guest: Guest, intid: Intid): void {
    guest.interrupt(intid);
    this.cpu.endOfInterrupt(intid);
    this.serveAcks();
    this.control.countTaken();
  }

  /** Right after the end of an interrupt: any later, and a level would be taken again before its line drops. */
  protected serveAcks(): void {
    this.#acks?.serveAcks();
  }

  #exitReason(): ExitReason | undefined {
    if (this.control.requests === 0) return undefined;
    if (this.control.take(REQUEST_EXIT)) return 'exit';
    return this.control.take(REQUEST_PAUSE) ? 'pause' : undefined;
  }
}
