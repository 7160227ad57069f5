import type { VcpuId } from '../arch/intid.ts';
import { vcpuWith } from '../gic/affinity.ts';
import { load, replace, store, type Words } from '../memory/word.ts';
import type { VcpuRegions } from './plan.ts';

/** Functions, in their 32-bit form; the 64-bit form has bit 30 set. @see Arm DEN 0022, Power State Coordination Interface */
const PSCI_VERSION = 0x8400_0000;
const CPU_SUSPEND = 0x8400_0001;
const CPU_OFF = 0x8400_0002;
const CPU_ON = 0x8400_0003;
const AFFINITY_INFO = 0x8400_0004;
const MIGRATE_INFO_TYPE = 0x8400_0006;
const SYSTEM_OFF = 0x8400_0008;
const SYSTEM_RESET = 0x8400_0009;
const PSCI_FEATURES = 0x8400_000a;
const SMCCC_VERSION = 0x8000_0000;
const SMC64 = 0x4000_0000;
const WITH_64_BITS: ReadonlySet<number> = new Set([CPU_SUSPEND, CPU_ON, AFFINITY_INFO]);

const VERSION_1_1 = 0x1_0001;
const SMCCC_1_1 = 0x1_0001;
const NO_MIGRATION = 2;

const SUCCESS = 0;
const NOT_SUPPORTED = -1;
const INVALID_PARAMETERS = -2;
const ALREADY_ON = -4;
const ON_PENDING_ERROR = -5;
const INVALID_ADDRESS = -9;

/** Power states. CPU_ON of another vCPU turns a vCPU from OFF to ON_PENDING; its own thread then to ON, and by CPU_OFF to OFF. */
const OFF = 0;
const ON = 1;
const ON_PENDING = 2;
/** The state while the caller of CPU_ON writes the entry point. */
const TURNING_ON = 3;

const STATE = 0;
const ENTRY = 1;
const CONTEXT = 3;

/** The effect of a call on its vCPU. */
export type PsciOutcome =
  | { readonly kind: 'answer'; readonly x0: bigint }
  | { readonly kind: 'suspend' | 'off' | 'system-off' | 'reset' };

/** The power states of the vCPUs, in shared words. Any thread. */
export class Psci {
  readonly #words: Words;
  readonly #vcpus: readonly VcpuRegions[];
  readonly #isMemory: (address: number) => boolean;

  /** @param isMemory - whether a guest-physical address is valid as an entry point */
  constructor(words: Words, vcpus: readonly VcpuRegions[], isMemory: (address: number) => boolean) {
    this.#words = words;
    this.#vcpus = vcpus;
    this.#isMemory = isMemory;
  }

  /** Whether a vCPU is on, so that its thread may run it. */
  isOn(vcpu: VcpuId): boolean {
    return load(this.#words, this.#at(vcpu) + STATE) === ON;
  }

  /** Whether CPU_ON has turned a vCPU on that has not started yet. */
  isPending(vcpu: VcpuId): boolean {
    return load(this.#words, this.#at(vcpu) + STATE) === ON_PENDING;
  }

  /** Changes a vCPU from ON_PENDING to ON, and returns its entry point. The vCPU's thread. */
  start(vcpu: VcpuId): { readonly pc: bigint; readonly x0: bigint } {
    const at = this.#at(vcpu);
    const started = { pc: this.#long(at + ENTRY), x0: this.#long(at + CONTEXT) };
    store(this.#words, at + STATE, ON);
    return started;
  }

  /** Turns a vCPU off. The vCPU's thread. */
  turnOff(vcpu: VcpuId): void {
    store(this.#words, this.#at(vcpu) + STATE, OFF);
  }

  /** Turns a vCPU on, and wakes its thread. @returns the return value of CPU_ON */
  turnOn(vcpu: VcpuId, pc: bigint, x0: bigint, wake: (vcpu: VcpuId) => void): number {
    const at = this.#at(vcpu);
    if (!replace(this.#words, at + STATE, OFF, TURNING_ON))
      return load(this.#words, at + STATE) === ON ? ALREADY_ON : ON_PENDING_ERROR;
    this.#setLong(at + ENTRY, pc);
    this.#setLong(at + CONTEXT, x0);
    store(this.#words, at + STATE, ON_PENDING);
    wake(vcpu);
    return SUCCESS;
  }

  /** Performs a PSCI call: x[0] is the function, the others are its arguments. The calling vCPU's thread. */
  call(x: readonly [bigint, bigint, bigint, bigint], wake: (vcpu: VcpuId) => void): PsciOutcome {
    const name = Number(BigInt.asUintN(32, x[0]));
    const id = plainForm(name);
    const wide = id !== name;
    const argument = (value: bigint) => (wide ? value : BigInt.asUintN(32, value));
    switch (id) {
      case PSCI_VERSION:
        return answer(VERSION_1_1);
      case CPU_SUSPEND:
        return { kind: 'suspend' };
      case CPU_OFF:
        return { kind: 'off' };
      case CPU_ON:
        return answer(this.#cpuOn(argument(x[1]), argument(x[2]), argument(x[3]), wake));
      case AFFINITY_INFO:
        return answer(this.#affinityInfo(argument(x[1]), Number(x[2])));
      case MIGRATE_INFO_TYPE:
        return answer(NO_MIGRATION);
      case SYSTEM_OFF:
        return { kind: 'system-off' };
      case SYSTEM_RESET:
        return { kind: 'reset' };
      case PSCI_FEATURES:
        return answer(this.#features(Number(BigInt.asUintN(32, x[1]))));
      case SMCCC_VERSION:
        return answer(SMCCC_1_1);
      default:
        return answer(NOT_SUPPORTED);
    }
  }

  #cpuOn(target: bigint, pc: bigint, x0: bigint, wake: (vcpu: VcpuId) => void): number {
    const vcpu = this.#vcpuOf(target);
    if (vcpu < 0) return INVALID_PARAMETERS;
    if (!this.#isMemory(Number(pc))) return INVALID_ADDRESS;
    return this.turnOn(vcpu, pc, x0, wake);
  }

  #affinityInfo(target: bigint, level: number): number {
    const vcpu = this.#vcpuOf(target);
    if (vcpu < 0 || level !== 0) return INVALID_PARAMETERS;
    if (this.isOn(vcpu)) return 0;
    return load(this.#words, this.#at(vcpu) + STATE) === OFF ? 1 : 2;
  }

  #features(id: number): number {
    const known = [
      PSCI_VERSION,
      CPU_SUSPEND,
      CPU_OFF,
      CPU_ON,
      AFFINITY_INFO,
      MIGRATE_INFO_TYPE,
      SYSTEM_OFF,
      SYSTEM_RESET,
      PSCI_FEATURES,
      SMCCC_VERSION,
    ];
    return known.includes(plainForm(id)) ? SUCCESS : NOT_SUPPORTED;
  }

  /** The vCPU with MPIDR's affinity fields, Aff3 in bits 39:32; -1 if none. */
  #vcpuOf(mpidr: bigint): VcpuId {
    if ((mpidr & ~0xff_00ff_ffffn) !== 0n) return -1;
    const affinity = Number(mpidr & 0xff_ffffn) | (Number((mpidr >> 32n) & 0xffn) << 24);
    return vcpuWith(affinity, this.#vcpus.length);
  }

  #long(at: number): bigint {
    return (BigInt(load(this.#words, at + 1) >>> 0) << 32n) | BigInt(load(this.#words, at) >>> 0);
  }

  #setLong(at: number, value: bigint): void {
    store(this.#words, at, Number(BigInt.asIntN(32, value)));
    store(this.#words, at + 1, Number(BigInt.asIntN(32, value >> 32n)));
  }

  #at(vcpu: VcpuId): number {
    const found = this.#vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}`);
    return found.psci.at;
  }
}

/** The 32-bit ID of a function that has both forms; any other ID unchanged. */
function plainForm(id: number): number {
  const plain = (id & ~SMC64) >>> 0;
  return WITH_64_BITS.has(plain) ? plain : id;
}

function answer(value: number): PsciOutcome {
  return { kind: 'answer', x0: BigInt.asUintN(64, BigInt(value)) };
}
