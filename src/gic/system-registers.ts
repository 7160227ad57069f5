import type { CpuInterface } from './cpu-interface.ts';
import type { Interrupts } from './interrupts.ts';
import type { GicPersonality } from './personality.ts';
import { type SgiRegister, sendSgi } from './sgi.ts';

/** The parts that a system register reads and writes. */
type Access = {
  readonly cpu: CpuInterface;
  readonly interrupts: Interrupts;
  readonly personality: GicPersonality;
};

/** A system register of the CPU interface. */
export type SystemRegister = {
  readonly name: string;
  /** op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0: the encoding of MSR and MRS, and of KVM's CPU_SYSREGS attributes. */
  readonly encoding: number;
  /** true: the register holds state, which is saved and restored. false: a read or a write has an effect. */
  readonly saved: boolean;
  /** Absent for a write-only register. */
  readonly read?: (access: Access) => bigint;
  /** Absent for a read-only register. */
  readonly write?: (access: Access, value: bigint) => void;
};

/** The encoding of a register: `encode(3, 0, 12, 12, 0)` is ICC_IAR1_EL1. */
export function encode(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

/** A register that holds state, as a number of 32 bits. */
function state(
  name: string,
  encoding: number,
  read: (access: Access) => number,
  write: (access: Access, value: number) => void,
): SystemRegister {
  return {
    name,
    encoding,
    saved: true,
    read: (access) => BigInt(read(access) >>> 0),
    write: (access, value) => write(access, Number(BigInt.asUintN(32, value))),
  };
}

function command(
  name: string,
  encoding: number,
  write: (access: Access, value: number) => void,
): SystemRegister {
  return {
    name,
    encoding,
    saved: false,
    write: (access, value) => write(access, Number(BigInt.asUintN(32, value))),
  };
}

function answer(name: string, encoding: number, read: (access: Access) => number): SystemRegister {
  return { name, encoding, saved: false, read: (access) => BigInt(read(access)) };
}

function sgi(name: string, op2: number, register: SgiRegister): SystemRegister {
  return {
    name,
    encoding: encode(3, 0, 12, 11, op2),
    saved: false,
    write: ({ cpu, interrupts, personality }, value) =>
      sendSgi(interrupts, cpu.vcpu, register, value, personality.sgi1ForAnyGroup),
  };
}

/** SRE, DFB and DIB: only system registers, no memory-mapped CPU interface and no bypass. */
const SYSTEM_REGISTERS_ONLY = 7;
/** The INTID field of EOIR and DIR has 24 bits. */
const INTID = 0xff_ffff;

/**
 * The system registers of the CPU interface. With 5 priority bits there are 32 preemption levels, so AP0R0 and AP1R0 are the only
 * active priorities registers.
 * @see Arm IHI 0069, "AArch64 System register descriptions"; gicv3-its-model section 5
 */
export const SYSTEM_REGISTERS: readonly SystemRegister[] = [
  state(
    'ICC_PMR_EL1',
    encode(3, 0, 4, 6, 0),
    ({ cpu }) => cpu.priorityMask,
    ({ cpu }, value) => {
      cpu.priorityMask = value;
    },
  ),
  answer('ICC_IAR0_EL1', encode(3, 0, 12, 8, 0), ({ cpu }) => cpu.acknowledgeGroup0()),
  command('ICC_EOIR0_EL1', encode(3, 0, 12, 8, 1), ({ cpu }, value) =>
    cpu.endOfInterruptGroup0(value & INTID),
  ),
  answer('ICC_HPPIR0_EL1', encode(3, 0, 12, 8, 2), ({ cpu }) => cpu.highestPendingGroup0),
  state(
    'ICC_BPR0_EL1',
    encode(3, 0, 12, 8, 3),
    ({ cpu }) => cpu.binaryPoint0,
    ({ cpu }, value) => {
      cpu.binaryPoint0 = value;
    },
  ),
  state(
    'ICC_AP0R0_EL1',
    encode(3, 0, 12, 8, 4),
    ({ cpu }) => cpu.activePriorities0,
    ({ cpu }, value) => {
      cpu.activePriorities0 = value;
    },
  ),
  state(
    'ICC_AP1R0_EL1',
    encode(3, 0, 12, 9, 0),
    ({ cpu }) => cpu.activePriorities1,
    ({ cpu }, value) => {
      cpu.activePriorities1 = value;
    },
  ),
  command('ICC_DIR_EL1', encode(3, 0, 12, 11, 1), ({ cpu }, value) => cpu.deactivate(value & INTID)),
  answer('ICC_RPR_EL1', encode(3, 0, 12, 11, 3), ({ cpu }) => cpu.runningPriority),
  sgi('ICC_SGI1R_EL1', 5, 'SGI1R'),
  sgi('ICC_ASGI1R_EL1', 6, 'ASGI1R'),
  sgi('ICC_SGI0R_EL1', 7, 'SGI0R'),
  answer('ICC_IAR1_EL1', encode(3, 0, 12, 12, 0), ({ cpu }) => cpu.acknowledge()),
  command('ICC_EOIR1_EL1', encode(3, 0, 12, 12, 1), ({ cpu }, value) => cpu.endOfInterrupt(value & INTID)),
  answer('ICC_HPPIR1_EL1', encode(3, 0, 12, 12, 2), ({ cpu }) => cpu.highestPending),
  state(
    'ICC_BPR1_EL1',
    encode(3, 0, 12, 12, 3),
    ({ cpu }) => cpu.binaryPoint1,
    ({ cpu }, value) => {
      cpu.binaryPoint1 = value;
    },
  ),
  state(
    'ICC_CTLR_EL1',
    encode(3, 0, 12, 12, 4),
    ({ cpu, personality }) => cpu.control | (cpu.features ?? personality.interfaceFeatures),
    ({ cpu }, value) => {
      cpu.control = value;
    },
  ),
  state(
    'ICC_SRE_EL1',
    encode(3, 0, 12, 12, 5),
    () => SYSTEM_REGISTERS_ONLY,
    () => {},
  ),
  state(
    'ICC_IGRPEN0_EL1',
    encode(3, 0, 12, 12, 6),
    ({ cpu }) => (cpu.groupEnable0 ? 1 : 0),
    ({ cpu }, value) => {
      cpu.groupEnable0 = (value & 1) !== 0;
    },
  ),
  state(
    'ICC_IGRPEN1_EL1',
    encode(3, 0, 12, 12, 7),
    ({ cpu }) => (cpu.groupEnable1 ? 1 : 0),
    ({ cpu }, value) => {
      cpu.groupEnable1 = (value & 1) !== 0;
    },
  ),
];

const BY_ENCODING = new Map(SYSTEM_REGISTERS.map((register) => [register.encoding, register]));
const BY_NAME = new Map(SYSTEM_REGISTERS.map((register) => [register.name, register]));

/** The system register with a name (`ICC_PMR_EL1`) or an encoding; undefined if none has it. */
export function findSystemRegister(key: string | number): SystemRegister | undefined {
  return typeof key === 'number' ? BY_ENCODING.get(key) : BY_NAME.get(key);
}

/**
 * The system registers of one vCPU by name or encoding: for consoles, KVM's CPU_SYSREGS, and guest programs given as lists of
 * register accesses. While the vCPU runs, only its thread may use them.
 */
export class SystemRegisters {
  readonly #access: Access;

  constructor(cpu: CpuInterface, interrupts: Interrupts, personality: GicPersonality) {
    this.#access = { cpu, interrupts, personality };
  }

  /** Reads a register, with the read's side effects; undefined if the register does not exist or is write-only. */
  readSystemRegister(key: string | number): bigint | undefined {
    return findSystemRegister(key)?.read?.(this.#access);
  }

  /** Writes a register; false if the register does not exist or is read-only. */
  writeSystemRegister(key: string | number, value: bigint): boolean {
    const register = findSystemRegister(key);
    register?.write?.(this.#access, value);
    return register?.write !== undefined;
  }
}
