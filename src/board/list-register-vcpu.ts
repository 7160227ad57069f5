import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { ListRegisters } from '../gic/list-registers.ts';
import { type ExitReason, type Guest, Vcpu, type VcpuParts } from './vcpu.ts';

/** The interrupts for which a halted vCPU waits: WFI exits the guest, and KVM checks the list. The vCPU's thread. */
export class ExitedGuest {
  readonly #cpu: CpuInterface;
  readonly #registers: ListRegisters;

  /** @param cpu - the CPU interface with the list as its source */
  constructor(cpu: CpuInterface, registers: ListRegisters) {
    this.#cpu = cpu;
    this.#registers = registers;
  }

  get signalled(): boolean {
    this.#registers.exit();
    return this.#cpu.signalled;
  }

  get mayBeSignalled(): boolean {
    this.#registers.exit();
    return this.#cpu.mayBeSignalled;
  }
}

/** A vCPU with list registers: when KVM_RUN returns, nothing is left in them. */
export class ListRegisterVcpu extends Vcpu {
  readonly #registers: ListRegisters;

  constructor(parts: VcpuParts, registers: ListRegisters) {
    super(parts);
    this.#registers = registers;
  }

  override run(guest: Guest): ExitReason {
    const reason = super.run(guest);
    this.#registers.exit();
    return reason;
  }
}
