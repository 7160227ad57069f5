import { encode, findSystemRegister } from '../../src/gic/system-registers.ts';
import { VECTOR_LAYOUT } from '../../src/scenarios/vectors/vector-layout.ts';
import type { RegisterPlace } from '../../src/scenarios/vectors/vector-registers.ts';
import type { Wire } from '../../src/scenarios/vectors/vector-step.ts';
import type { VectorTarget } from '../../src/scenarios/vectors/vector-target.ts';
import type { LiveKernel } from './live-kernel.ts';

const ISR_EL1 = encode(3, 0, 12, 1, 0);
const IRQ_LINE_SPI = 1 << 24;
const IRQ_LINE_PPI = 2 << 24;
const VALID_DEVID = 1;
const DOORBELL = VECTOR_LAYOUT.ITS + 0x1_0040;
const HEX_CHUNK = 512;
/** Registers whose writing moves nothing between vCPUs. */
const LOCAL: ReadonlySet<string> = new Set(['SRE', 'CTLR', 'PMR', 'BPR0', 'BPR1', 'IGRPEN0', 'IGRPEN1']);

/** The instruction MRS x0 or MSR x2 for a system register's encoding (op0 15:14, op1 13:11, CRn 10:7, CRm 6:3, op2 2:0). */
function instruction(encoding: number, reads: boolean): string {
  const fields = (((encoding >> 14) - 2) << 19) | ((encoding & 0x3fff) << 5);
  return hex((0xd510_0000 | (reads ? 1 << 21 : 0) | fields | (reads ? 0 : 2)) >>> 0);
}

const hex = (value: number | bigint) => value.toString(16);

/**
 * A real kernel as the target of a vector: register accesses are instructions of the vCPU concerned, wires and MSIs are
 * ioctls. Before each look at a CPU interface or at pending LPIs every vCPU runs a NOP, so that KVM has moved between
 * vCPUs whatever it moves when a vCPU leaves the guest.
 */
export class KernelTarget implements VectorTarget {
  readonly #kernel: LiveKernel;

  constructor(kernel: LiveKernel, cpus: number) {
    this.#kernel = kernel;
    kernel.send(`N ${hex(cpus)}`);
  }

  read(place: RegisterPlace, bytes: 1 | 2 | 4 | 8): bigint {
    return this.#number(`R 0 ${hex(addressOf(place))} ${bytes}`);
  }

  write(place: RegisterPlace, bytes: 1 | 2 | 4 | 8, value: bigint): void {
    this.#kernel.send(`W 0 ${hex(addressOf(place))} ${bytes} ${hex(BigInt.asUintN(8 * bytes, value))}`);
  }

  ramRead(address: number, bytes: number): Uint8Array {
    return Buffer.from(this.#kernel.ask(`Q ${hex(address)} ${hex(bytes)}`), 'hex');
  }

  ramWrite(address: number, data: Uint8Array): void {
    const [first = 0] = data;
    if (data.length > 8 && data.every((byte) => byte === first)) {
      this.#kernel.send(`F ${hex(address)} ${hex(data.length)} ${hex(first)}`);
      return;
    }
    for (let at = 0; at < data.length; at += HEX_CHUNK) {
      const chunk = Buffer.from(data.subarray(at, at + HEX_CHUNK)).toString('hex');
      this.#kernel.send(`M ${hex(address + at)} ${chunk}`);
    }
  }

  msi(deviceId: number, eventId: number): void {
    this.#kernel.ask(`I ${hex(DOORBELL)} ${hex(eventId)} ${hex(deviceId)} ${VALID_DEVID}`);
  }

  line(wire: Wire, level: 0 | 1): void {
    const irq = 'spi' in wire ? IRQ_LINE_SPI | wire.spi : IRQ_LINE_PPI | (wire.cpu << 16) | wire.ppi;
    this.#kernel.ask(`L ${hex(irq)} ${level}`);
  }

  lpiPending(cpu: number, lpi: number): boolean | undefined {
    return this.lpiPendingAll()?.some(([target, pending]) => target === cpu && pending === lpi);
  }

  /** Undefined where KVM refuses to save the pending tables: one of them lies outside memory. */
  lpiPendingAll(): readonly (readonly [cpu: number, lpi: number])[] | undefined {
    this.#settle();
    const [errno, ...pairs] = this.#kernel.ask('P').split(' ');
    if (errno !== '0') return undefined;
    return pairs.map((pair) => {
      const [cpu = 0, lpi = 0] = pair.split(':').map(Number);
      return [cpu, lpi] as const;
    });
  }

  iccRead(cpu: number, register: string): bigint | undefined {
    this.#settle();
    const value = this.#number(`G ${hex(cpu)} ${instruction(encodingOf(register), true)}`);
    return value;
  }

  iccWrite(cpu: number, register: string, value: bigint): void {
    if (!LOCAL.has(register)) this.#settle();
    this.#kernel.send(`S ${hex(cpu)} ${instruction(encodingOf(register), false)} ${hex(value)}`);
  }

  irq(cpu: number): boolean {
    return (this.#signals(cpu) & 0x80n) !== 0n;
  }

  fiq(cpu: number): boolean {
    return (this.#signals(cpu) & 0x40n) !== 0n;
  }

  /** ISR_EL1. */
  #signals(cpu: number): bigint {
    this.#settle();
    return this.#number(`G ${hex(cpu)} ${instruction(ISR_EL1, true)}`);
  }

  #settle(): void {
    this.#kernel.send('Z');
  }

  #number(command: string): bigint {
    return BigInt(`0x${this.#kernel.ask(command)}`);
  }
}

function encodingOf(register: string): number {
  const found = findSystemRegister(`ICC_${register}_EL1`);
  if (!found) throw new Error(`there is no ICC_${register}_EL1`);
  return found.encoding;
}

function addressOf(place: RegisterPlace): number {
  if (place.frame === 'GICR')
    return VECTOR_LAYOUT.GICR + place.cpu * VECTOR_LAYOUT.GICR_STRIDE + place.offset;
  return VECTOR_LAYOUT[place.frame] + place.offset;
}
