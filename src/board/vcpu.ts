import { type Intid, SPURIOUS } from '../arch/intid.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { Vm } from '../kvm/vm.ts';
import type { EventCount } from '../memory/event-count.ts';
import type { Halt } from './halt.ts';
import { IN_GUEST, OUTSIDE, REQUEST_EXIT, REQUEST_PAUSE, type VcpuControl } from './vcpu-control.ts';

/** The result of KVM_RUN: why a vCPU left its guest. `shutdown` is the guest's own request. */
export type ExitReason = 'exit' | 'pause' | 'shutdown';

/**
 * A guest, or one vCPU's part of it: small synchronous code, called in the vCPU's thread. An exception ends the thread,
 * and the machine reports it.
 */
export type Guest = {
  /** Called once, before the first interrupt. */
  boot?(): void;
  /** The interrupt vector: called after the acknowledge of `intid`; when it returns, the vCPU writes the EOI. */
  interrupt(intid: Intid): void;
  /** Called after every wake-up from a halt. */
  resumed?(): void;
  /** Called when there is no interrupt to take; true ends the run with `shutdown`. */
  finished?(): boolean;
};

/** Resamples level-triggered SPIs after their EOI: the VM. */
export type AckServer = Pick<Vm, 'serveAcks'>;

export type VcpuParts = {
  readonly cpu: CpuInterface;
  readonly control: VcpuControl;
  readonly bell: EventCount;
  readonly halt: Halt;
  /** Left out if nothing resamples. */
  readonly acks?: AckServer;
};

/** One vCPU: takes its interrupts, passes them to the guest, halts without any. */
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

  /** Ends the current `run`, or the next one. Sets a request word and rings a bell; any thread. */
  kick(request: number = REQUEST_EXIT): void {
    // guard: request-before-ring
    this.control.request(request);
    // guard: kick-rings
    this.#bell.signal();
  }

  /**
   * KVM_RUN: runs the guest until a kick of this vCPU, or until the guest has finished. Blocks; only the vCPU's thread
   * may call.
   *
   * The vCPU sets its mode before it checks requests, and a kick sets the request before it rings. So either this check
   * sees the request, or the ring reaches the vCPU. @see race-catalogue `kick-without-request`
   */
  run(guest: Guest): ExitReason {
    this.control.mode = IN_GUEST;
    this.resume(guest);
    // In a run of interrupts, the acknowledge itself finds the next one; after a single interrupt, a cheap load does.
    let busy = false;
    let reason = this.#exitReason();
    while (!reason) {
      const intid = this.cpu.acknowledge();
      if (intid !== SPURIOUS) {
        this.handle(guest, intid);
        busy ||= this.cpu.mayBeSignalled;
      }
      // Checks requests after the acknowledge: the interrupt that ended the halt must not wait for this load.
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

  /** Passes an acknowledged interrupt to the guest, and ends it. */
  protected handle(guest: Guest, intid: Intid): void {
    guest.interrupt(intid);
    this.cpu.endOfInterrupt(intid);
    this.serveAcks();
    this.control.countTaken();
  }

  /** Called right after the EOI: later, the vCPU would take the level again before its line drops. */
  protected serveAcks(): void {
    this.#acks?.serveAcks();
  }

  #exitReason(): ExitReason | undefined {
    if (this.control.requests === 0) return undefined;
    if (this.control.take(REQUEST_EXIT)) return 'exit';
    return this.control.take(REQUEST_PAUSE) ? 'pause' : undefined;
  }
}
