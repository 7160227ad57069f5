import type { VcpuId } from '../../arch/intid.ts';
import type { BoardVcpu } from '../board-vcpu.ts';
import type { Controlled, Strategy } from '../controlled.ts';
import type { GuestBoard } from '../guest-board.ts';
import { translate } from '../translate.ts';

/** BRK #0. */
const BRK = Uint8Array.of(0x00, 0x00, 0x20, 0xd4);
const MOST_BYTES = 0x4000;
/** Registers in the order of the description: X0 to X30, SP, PC, CPSR. */
export const REGISTERS = 34;
const SP = 31;
const PC = 32;
const CPSR = 33;
const WIDE_BYTES = 8;
const CPSR_BYTES = 4;
const PAGE = 4096n;

/** A debugger's operations on a stopped guest, and running it. Controlled scheduler, on the main thread. */
export class GdbTarget {
  readonly #board: GuestBoard;
  readonly #controlled: Controlled;
  readonly #strategy: Strategy;
  readonly #look: () => void;
  /** By virtual address: the instruction that a breakpoint's BRK replaces. */
  readonly #breakpoints = new Map<bigint, Uint8Array>();

  /** @param look - serves the console */
  constructor(board: GuestBoard, controlled: Controlled, strategy: Strategy, look: () => void) {
    this.#board = board;
    this.#controlled = controlled;
    this.#strategy = strategy;
    this.#look = look;
    // A debugger that connects before the guest runs finds it at its first instruction.
    for (const vcpu of controlled.vcpus) vcpu.startIfPending();
    for (const vcpu of controlled.vcpus) vcpu.options = { semihosting: board.plan.semihosting, breaks: true };
  }

  get vcpus(): number {
    return this.#controlled.vcpus.length;
  }

  get hasEnded(): boolean {
    return this.#board.end.hasCome;
  }

  /** Whether the vCPU exists and is on. */
  isAlive(vcpu: VcpuId): boolean {
    return vcpu >= 0 && vcpu < this.vcpus && (vcpu === 0 || this.#board.psci.isOn(vcpu));
  }

  /** A register's value in hexadecimal, lowest byte first; `undefined` if no such register exists. */
  register(vcpu: VcpuId, register: number): string | undefined {
    const { core } = this.#vcpu(vcpu);
    if (!isRegister(register)) return undefined;
    if (register === CPSR) return toHex(BigInt(core.pstate), CPSR_BYTES);
    return toHex(register === PC ? core.pc : core.x(register), WIDE_BYTES);
  }

  setRegister(vcpu: VcpuId, register: number, hex: string): boolean {
    const { core } = this.#vcpu(vcpu);
    const value = fromHex(hex);
    if (value === undefined || !isRegister(register)) return false;
    if (register === CPSR) core.pstate = Number(BigInt.asUintN(32, value));
    else if (register === PC) core.pc = value;
    else core.setX(register === SP ? SP : register, value);
    core.restored();
    return true;
  }

  /** Guest memory at a virtual address in hexadecimal, up to the first unmapped byte; `undefined` if the first is unmapped. */
  read(vcpu: VcpuId, address: bigint, bytes: number): string | undefined {
    const parts: number[] = [];
    for (let index = 0; index < Math.min(bytes, MOST_BYTES); index++) {
      const at = this.#physical(vcpu, address + BigInt(index));
      if (at < 0) break;
      parts.push(this.#board.machine.memory.byte(at));
    }
    for (const [place, original] of this.#breakpoints)
      for (const [index, byte] of original.entries()) {
        const at = Number(place + BigInt(index) - address);
        if (at >= 0 && at < parts.length) parts[at] = byte;
      }
    return parts.length === 0 ? undefined : Buffer.from(parts).toString('hex');
  }

  write(vcpu: VcpuId, address: bigint, bytes: Uint8Array): boolean {
    const places = Array.from(bytes, (_, index) => this.#physical(vcpu, address + BigInt(index)));
    if (places.some((at) => at < 0)) return false;
    for (const [index, at] of places.entries()) this.#board.machine.memory.setByte(at, bytes[index] ?? 0);
    for (const { core } of this.#controlled.vcpus) core.restored();
    return true;
  }

  /** Replaces an instruction by BRK; false if the address is not mapped. */
  setBreakpoint(vcpu: VcpuId, address: bigint): boolean {
    if (this.#breakpoints.has(address)) return true;
    const hex = this.read(vcpu, address, BRK.length);
    if (hex === undefined || hex.length !== 2 * BRK.length || !this.write(vcpu, address, BRK)) return false;
    this.#breakpoints.set(address, Buffer.from(hex, 'hex'));
    return true;
  }

  clearBreakpoint(vcpu: VcpuId, address: bigint): boolean {
    const original = this.#breakpoints.get(address);
    if (!original) return true;
    this.#breakpoints.delete(address);
    return this.write(vcpu, address, original);
  }

  clearAll(vcpu: VcpuId): void {
    for (const address of [...this.#breakpoints.keys()]) this.clearBreakpoint(vcpu, address);
  }

  /** Runs one instruction of one vCPU, even at a breakpoint. */
  step(vcpu: VcpuId): void {
    const found = this.#vcpu(vcpu);
    const { pc } = found.core;
    const original = this.#breakpoints.get(pc);
    const patched = original !== undefined && this.write(vcpu, pc, original);
    // A BRK of the guest itself must raise the guest's exception.
    found.options = { semihosting: this.#board.plan.semihosting, breaks: false };
    this.#controlled.step(vcpu, 1);
    found.options = { semihosting: this.#board.plan.semihosting, breaks: true };
    if (patched) this.write(vcpu, pc, BRK);
    this.#look();
  }

  /** Runs all vCPUs for so many ms. Returns the vCPU that has stopped at a breakpoint, or -1 if none has or the guest has ended. */
  run(milliseconds: number): number {
    const end = performance.now() + milliseconds;
    for (const { id, core } of this.#controlled.vcpus) if (this.#breakpoints.has(core.pc)) this.step(id);
    while (!this.hasEnded && performance.now() < end) {
      const vcpu = this.#controlled.next(this.#strategy);
      if (vcpu < 0) return -1;
      if (this.#controlled.last !== 'break') continue;
      if (this.#breakpoints.has(this.#vcpu(vcpu).core.pc)) {
        this.#look();
        return vcpu;
      }
      this.step(vcpu);
    }
    this.#look();
    return -1;
  }

  #physical(vcpu: VcpuId, address: bigint): number {
    const { memory } = this.#board.machine;
    const at = translate(this.#vcpu(vcpu).core, memory, BigInt.asUintN(64, address));
    return at >= 0 && memory.has(at - (at % Number(PAGE)), 1) && memory.has(at, 1) ? at : -1;
  }

  #vcpu(vcpu: VcpuId): BoardVcpu {
    const found = this.#controlled.vcpus[vcpu];
    if (!found) throw new RangeError(`there is no vCPU ${vcpu}`);
    return found;
  }
}

/** Whether a register number is valid; NaN, for a packet without a number, is not. */
function isRegister(register: number): boolean {
  return register >= 0 && register < REGISTERS;
}

function toHex(value: bigint, bytes: number): string {
  return Buffer.from(
    Array.from({ length: bytes }, (_, index) => Number((value >> BigInt(8 * index)) & 0xffn)),
  ).toString('hex');
}

function fromHex(hex: string): bigint | undefined {
  if (!/^([0-9a-f]{2})+$/i.test(hex)) return undefined;
  return BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`);
}
