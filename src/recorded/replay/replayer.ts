import { GICR_STRIDE } from '../../arch/frames.ts';
import { FIRST_LPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import { gicr, gits } from '../../arch/registers.ts';
import { ADDRESS_4K } from '../../arch/tables.ts';
import type { Machine } from '../../board/machine.ts';
import type { CpuInterface } from '../../gic/cpu-interface.ts';
import { sendSgi } from '../../gic/sgi.ts';
import type { AccessBytes } from '../../guest/index.ts';
import { MSI_VALID_DEVID } from '../../kvm/route.ts';
import { lineOfEvent } from '../trace/guest-trace.ts';
import { PACKED, PACKED_COMMAND_WORDS, PACKED_ICC, type PackedTrace } from '../trace/packed-trace.ts';
import { GuestQueue } from './guest-queue.ts';
import { type Difference, type ReplayTally, SHOWN_DIFFERENCES } from './replay-tally.ts';

/**
 * Repeats the actions of a recorded guest and its devices, in the order in which they took effect, and compares the
 * machine's answers with the guest's. One thread, while no vCPU runs. The loop itself allocates nothing.
 */
export class Replayer {
  readonly #machine: Machine;
  readonly #trace: PackedTrace;
  readonly #cpus: readonly CpuInterface[];
  readonly #queue: GuestQueue;
  readonly #doorbell: number;

  /** @param queue - the guest's command queue, for a machine that was moved in the middle of the recording */
  constructor(machine: Machine, trace: PackedTrace, queue = new GuestQueue(machine)) {
    this.#machine = machine;
    this.#trace = trace;
    this.#cpus = machine.gic.cpuInterfaces;
    this.#queue = queue;
    this.#doorbell = machine.config.itsBase + gits.TRANSLATER;
  }

  /** The same replay, on a machine that this one was moved to. */
  moveTo(machine: Machine): Replayer {
    return new Replayer(machine, this.#trace, this.#queue.moveTo(machine));
  }

  /** Replays events `from` to `to` (exclusive) and adds the comparisons to `tally`. */
  run(tally: ReplayTally, from: number, to: number): void {
    const { kind, cpu, a, b } = this.#trace;
    for (let row = from; row < to; row++) {
      switch (kind[row]) {
        case PACKED.iar: {
          const got = this.#cpu(cpu[row]).acknowledge();
          tally.acknowledges++;
          if (got !== 1023) tally.delivered++;
          if (got !== a[row]) this.#differ(tally, 'acknowledge', row, a[row] ?? 0, got);
          break;
        }
        case PACKED.eoi:
          this.#cpu(cpu[row]).endOfInterrupt(a[row] ?? 0);
          break;
        case PACKED.line:
          this.#machine.gic.wires.drive(a[row] ?? 0, b[row] === 1, Math.max(0, cpu[row] ?? 0));
          break;
        case PACKED.msi:
          tally.msis++;
          this.#machine.vm.injector.sendMsi(this.#doorbell, b[row] ?? 0, MSI_VALID_DEVID, a[row] ?? 0);
          break;
        default:
          this.#runRare(tally, row);
      }
    }
  }

  /** Replays events that occur mostly at boot. */
  #runRare(tally: ReplayTally, row: number): void {
    const { kind, cpu, a, b, wide } = this.#trace;
    switch (kind[row]) {
      case PACKED.readGicd:
      case PACKED.readGicr:
      case PACKED.readGits:
        this.#read(tally, row);
        break;
      case PACKED.writeGicd:
      case PACKED.writeGicr:
      case PACKED.writeGits:
        this.#write(row);
        break;
      case PACKED.sgi: {
        const { interrupts, personality } = this.#machine.gic;
        sendSgi(interrupts, cpu[row] ?? 0, 'SGI1R', wide[a[row] ?? 0] ?? 0n, personality.sgi1ForAnyGroup);
        break;
      }
      case PACKED.dir:
        this.#cpu(cpu[row]).deactivate(a[row] ?? 0);
        break;
      case PACKED.icc:
        writeIcc(this.#cpu(cpu[row]), a[row] ?? 0, b[row] ?? 0);
        break;
      case PACKED.command:
        this.#queue.lay(this.#trace.commands, (a[row] ?? 0) * PACKED_COMMAND_WORDS);
        break;
      case PACKED.lpiConfig:
        this.#configure(a[row] ?? 0, b[row] ?? 0);
        break;
    }
  }

  #read(tally: ReplayTally, row: number): void {
    const { size, b, wide } = this.#trace;
    const bytes = (size[row] ?? 4) as AccessBytes;
    const got = this.#machine.bus.read(this.addressOf(row), bytes);
    tally.reads++;
    if (bytes === 8) {
      const expected = wide[b[row] ?? 0] ?? 0n;
      if (got !== expected) this.#differ(tally, 'read', row, expected, got);
    } else if (Number(got) !== b[row]) this.#differ(tally, 'read', row, b[row] ?? 0, got);
  }

  #write(row: number): void {
    const { kind, size, a, b, wide } = this.#trace;
    const bytes = (size[row] ?? 4) as AccessBytes;
    const value = bytes === 8 ? (wide[b[row] ?? 0] ?? 0n) : BigInt(b[row] ?? 0);
    if (kind[row] === PACKED.writeGits) this.#queue.registerWritten(a[row] ?? 0);
    this.#machine.bus.write(this.addressOf(row), bytes, value);
  }

  /** The guest-physical address of a register access. */
  addressOf(row: number): number {
    const { kind, cpu, a } = this.#trace;
    const { gicdBase, gicrBase, itsBase } = this.#machine.config;
    const offset = a[row] ?? 0;
    switch (kind[row]) {
      case PACKED.readGicd:
      case PACKED.writeGicd:
        return gicdBase + offset;
      case PACKED.readGicr:
      case PACKED.writeGicr:
        return gicrBase + (cpu[row] ?? 0) * GICR_STRIDE + offset;
      default:
        return itsBase + offset;
    }
  }

  /** The guest-physical address of the next command. */
  nextCommand(): number {
    return this.#queue.next();
  }

  /** The guest-physical address of an LPI's byte in the configuration table. */
  configAddressOf(lpi: Intid): number {
    return this.#configTable() + lpi - FIRST_LPI;
  }

  #configure(lpi: Intid, value: number): void {
    const { memory } = this.#machine;
    const address = this.configAddressOf(lpi);
    if (memory.has(address, 1)) memory.setByte(address, value);
  }

  /** The guest-physical address of the LPI configuration table of the first vCPU that has set one. */
  #configTable(): number {
    const { config, bus } = this.#machine;
    for (let vcpu: VcpuId = 0; vcpu < config.vcpus; vcpu++) {
      const base = Number(bus.read(config.gicrBase + vcpu * GICR_STRIDE + gicr.PROPBASER, 8) & ADDRESS_4K);
      if (base !== 0) return base;
    }
    return 0;
  }

  #cpu(vcpu: VcpuId | undefined): CpuInterface {
    const found = this.#cpus[vcpu ?? -1];
    if (!found) throw new RangeError(`the recording has an event of vCPU ${vcpu}, which is not there`);
    return found;
  }

  #differ(
    tally: ReplayTally,
    what: Difference['what'],
    row: number,
    expected: number | bigint,
    got: number | bigint,
  ): void {
    if (what === 'read') tally.readsDiffer++;
    else tally.acknowledgesDiffer++;
    if (tally.differences.length >= SHOWN_DIFFERENCES) return;
    const place = what === 'read' ? nameOfAccess(this.#trace, row) : `vcpu${this.#trace.cpu[row]} ICC_IAR1`;
    const show = (value: number | bigint) => (what === 'read' ? `0x${value.toString(16)}` : Number(value));
    tally.differences.push({
      line: lineOfEvent(row),
      what,
      place,
      expected: show(expected),
      got: show(got),
    });
  }
}

const FRAMES = {
  [PACKED.readGicd]: 'GICD',
  [PACKED.readGicr]: 'GICR',
  [PACKED.readGits]: 'GITS',
} as Readonly<Record<number, string>>;

function nameOfAccess({ kind, cpu, size, a }: PackedTrace, row: number): string {
  const of = (cpu[row] ?? -1) < 0 ? '' : String(cpu[row]);
  return `${FRAMES[kind[row] ?? 0]}${of}+0x${(a[row] ?? 0).toString(16)} (${size[row]} bytes)`;
}

/** Writes a register of a CPU interface; `register` is one of PACKED_ICC. */
export function writeIcc(cpu: CpuInterface, register: number, value: number): void {
  if (register === PACKED_ICC.PMR) cpu.priorityMask = value;
  else if (register === PACKED_ICC.BPR1) cpu.binaryPoint1 = value;
  else if (register === PACKED_ICC.IGRPEN1) cpu.groupEnable1 = (value & 1) !== 0;
  else cpu.control = value;
}
