import { FIRST_LPI, type Intid, isSpecial, type VcpuId } from '../../src/arch/intid.ts';
import { IDLE_PRIORITY } from '../../src/arch/priority.ts';
import type { Machine } from '../../src/board/machine.ts';
import { MachineTarget } from '../../src/conformance/machine-target.ts';
import type { ItsNumber } from '../../src/conformance/vectors/vector-layout.ts';
import type { VmNumber } from '../../src/conformance/vectors/vector-step.ts';

const EOI_MODE = 1 << 1;
/** A condition that no state meets: an EOI that ends nothing, and is counted where no list register is active. */
const NEVER = 1;

/**
 * The model as a live kernel is seen through its emulator, whose virtual CPU interface counts an EOI without a list register
 * (ICH_HCR_EL2.EOIcount) in EOImode 1 as well, where the architecture counts a DIR.
 * @see icv_eoir_write in QEMU's hw/intc/arm_gicv3_cpuif.c
 */
export class EmulatedTarget extends MachineTarget {
  readonly #machines: readonly [Machine, ...Machine[]];
  #vm: VmNumber = 0;

  constructor(machine: Machine, ...others: readonly Machine[]) {
    super(machine, ...others);
    this.#machines = [machine, ...others];
  }

  override use(vm: VmNumber, its: ItsNumber): void {
    super.use(vm, its);
    this.#vm = vm;
  }

  override iccWrite(cpu: VcpuId, register: string, value: bigint): void {
    if (register === 'EOIR0' || register === 'EOIR1') this.#count(cpu, Number(value & 0xff_ffffn));
    super.iccWrite(cpu, register, value);
  }

  protected override endInGuest(cpu: VcpuId, intid: Intid): void {
    this.#count(cpu, intid);
    super.endInGuest(cpu, intid);
  }

  #count(cpu: VcpuId, intid: number): void {
    const { cpuInterfaces, listRegisters } = (this.#machines[this.#vm] ?? this.#machines[0]).gic;
    const icc = cpuInterfaces[cpu];
    const isSplit = icc !== undefined && (icc.control & EOI_MODE) !== 0;
    if (!isSplit || icc.runningPriority === IDLE_PRIORITY || isSpecial(intid) || intid >= FIRST_LPI) return;
    listRegisters[cpu]?.deactivate(0, intid, NEVER, NEVER);
  }
}
