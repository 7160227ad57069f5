import { GICR_STRIDE } from '../../arch/frames.ts';
import { FIRST_LPI, type VcpuId } from '../../arch/intid.ts';
import {
  COMMAND_BYTES,
  encodeCommand,
  type ItsCommand as QueueCommand,
  writePacket,
} from '../../arch/its-command.ts';
import { gicr, gits } from '../../arch/registers.ts';
import { ADDRESS_4K, QUEUE_OFFSET, QUEUE_PAGE_BYTES, SIZE } from '../../arch/tables.ts';
import { IrqError } from '../../base/irq-error.ts';
import {
  DEFAULT_CONFIG,
  type MachineConfig,
  PERSONALITIES,
  type PersonalityName,
} from '../../board/config.ts';
import type { AccessBytes } from '../../board/guest-bus.ts';
import type { Machine } from '../../board/machine.ts';
import type { GuestEvent, IccRegister } from './guest-event.ts';
import { guestMemory } from './guest-memory.ts';
import type { GuestTrace } from './guest-trace.ts';

/** A machine like the recorded guest's. @throws IrqError `ERR_TRACE_FORMAT` for an unknown personality */
export function recordedConfig(trace: GuestTrace): MachineConfig {
  const { cpus, spis, gicdBase, gicrBase, itsBase, personality } = trace.header;
  if (!isPersonality(personality)) {
    throw new IrqError(
      'ERR_TRACE_FORMAT',
      `${trace.file}:1: the personality is one of ${PERSONALITIES.join(', ')}, not "${personality}"`,
    );
  }
  return {
    ...DEFAULT_CONFIG,
    vcpus: cpus,
    spis,
    gicdBase,
    gicrBase,
    itsBase,
    personality,
    memory: guestMemory(trace).ranges,
  };
}

function isPersonality(name: string): name is PersonalityName {
  return (PERSONALITIES as readonly string[]).includes(name);
}

/**
 * Repeats a recorded guest's setup of its interrupt controller: register writes, commands in guest memory, bytes of the
 * configuration table, registers of the CPU interfaces. One thread, while no vCPU runs.
 */
export class GuestBoot {
  readonly #machine: Machine;
  readonly #trace: GuestTrace;
  /** Address of the next command; forgotten when the guest moves CWRITER. */
  #tail: number | undefined;

  constructor(machine: Machine, trace: GuestTrace) {
    this.#machine = machine;
    this.#trace = trace;
    for (const { address, value } of guestMemory(trace).presets) machine.memory.setDoubleWord(address, value);
  }

  /**
   * Repeats all setup up to event `end` (exclusive), without interrupts and acknowledges. Submits commands that the
   * guest had written but not submitted by then.
   */
  setUp(end: number): void {
    for (const event of this.#trace.events.slice(0, end)) this.apply(event);
    if (this.#tail !== undefined)
      this.#machine.bus.write(this.#machine.config.itsBase + gits.CWRITER, 8, BigInt(this.#tail));
    this.#tail = undefined;
  }

  /** Repeats one event, if it is a setup event. */
  apply(event: GuestEvent): void {
    switch (event.op) {
      case 'write':
        if (event.frame === 'GITS' && event.offset === gits.CWRITER) this.#tail = undefined;
        this.#machine.bus.write(this.addressOf(event), event.size as AccessBytes, BigInt(event.value));
        return;
      case 'command':
        this.#lay(event.command);
        return;
      case 'lpi-config':
        this.#machine.memory.setByte(configTableOf(this.#machine) + event.lpi - FIRST_LPI, event.value);
        return;
      case 'icc':
        writeIcc(this.#machine, event.cpu, event.register, event.value);
        return;
      default:
        return;
    }
  }

  /** The guest-physical address of a register. */
  addressOf(event: { frame: 'GICD' | 'GICR' | 'GITS'; cpu: VcpuId; offset: number }): number {
    const { gicdBase, gicrBase, itsBase } = this.#machine.config;
    if (event.frame === 'GICD') return gicdBase + event.offset;
    return event.frame === 'GITS'
      ? itsBase + event.offset
      : gicrBase + event.cpu * GICR_STRIDE + event.offset;
  }

  #lay(command: QueueCommand): void {
    const { bus, memory, config } = this.#machine;
    const cbaser = bus.read(config.itsBase + gits.CBASER, 8);
    this.#tail ??= Number(bus.read(config.itsBase + gits.CWRITER, 8) & BigInt(QUEUE_OFFSET));
    writePacket(memory, Number(cbaser & ADDRESS_4K) + this.#tail, encodeCommand(command));
    this.#tail = (this.#tail + COMMAND_BYTES) % ((Number(cbaser & SIZE) + 1) * QUEUE_PAGE_BYTES);
  }
}

/** Guest-physical address of the LPI configuration table, by GICR_PROPBASER of vCPU 0. */
export function configTableOf(machine: Machine): number {
  return Number(machine.bus.read(machine.config.gicrBase + gicr.PROPBASER, 8) & ADDRESS_4K);
}

function writeIcc(machine: Machine, vcpu: VcpuId, register: IccRegister, value: number): void {
  const cpu = machine.gic.cpuInterface(vcpu);
  if (register === 'PMR') cpu.priorityMask = value;
  else if (register === 'BPR1') cpu.binaryPoint1 = value;
  else if (register === 'IGRPEN1') cpu.groupEnable1 = (value & 1) !== 0;
  else cpu.control = value;
}
