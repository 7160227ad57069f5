import { GICR_STRIDE } from '../arch/frames.ts';
import type { DeviceId, EventId, Intid, VcpuId } from '../arch/intid.ts';
import { DEFAULT_CONFIG } from '../board/config.ts';
import { Machine } from '../board/machine.ts';
import { prune } from '../gic/queueing.ts';
import type { Profile } from './vectors/vector-answers.ts';
import { VECTOR_LAYOUT, VECTOR_RAM_BYTES } from './vectors/vector-layout.ts';
import type { RegisterPlace } from './vectors/vector-registers.ts';
import type { Wire } from './vectors/vector-step.ts';
import type { VectorTarget } from './vectors/vector-target.ts';

/**
 * The personality and the SPIs of each profile's machine. Where the architecture leaves a choice, the recorded answers are those of
 * QEMU's board with its 256 SPIs, so profile `arch` uses QEMU's personality too.
 */
const MACHINES = {
  kvm: { personality: 'kvm', spis: 224 },
  'kvm:7.2': { personality: 'kvm', spis: 224 },
  'kvm:6.12': { personality: 'kvm-6.12', spis: 224 },
  'kvm:6.1': { personality: 'kvm-6.1', spis: 224 },
  arch: { personality: 'qemu-virt', spis: 256 },
  qemu: { personality: 'qemu-virt', spis: 256 },
} as const satisfies Record<Profile, unknown>;

/** List registers of each vCPU in a profile of KVM: the number on the host of the recordings. */
const LIST_REGISTERS = 4;

/** A new machine with the addresses of {@link VECTOR_LAYOUT}. */
export function vectorMachine(
  cpus: number,
  profile: Profile,
  listRegisters: number = profile === 'arch' || profile === 'qemu' ? 0 : LIST_REGISTERS,
): Machine {
  return Machine.create({
    ...DEFAULT_CONFIG,
    ...MACHINES[profile],
    listRegisters,
    vcpus: cpus,
    devices: 4096,
    events: 65_535,
    gicdBase: VECTOR_LAYOUT.GICD,
    gicrBase: VECTOR_LAYOUT.GICR,
    itsBase: VECTOR_LAYOUT.ITS,
    memory: [{ base: VECTOR_LAYOUT.RAM, bytes: VECTOR_RAM_BYTES }],
  });
}

/**
 * A machine as the target of a vector. One thread runs all steps in sequence, so every effect of a step is complete when it returns.
 */
export class MachineTarget implements VectorTarget {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  read(place: RegisterPlace, bytes: 1 | 2 | 4 | 8): bigint {
    this.#leave(0);
    return this.#machine.bus.read(addressOf(place), bytes);
  }

  write(place: RegisterPlace, bytes: 1 | 2 | 4 | 8, value: bigint): void {
    this.#leave(0);
    this.#machine.bus.write(addressOf(place), bytes, value);
  }

  ramRead(address: number, bytes: number): Uint8Array {
    const { memory } = this.#machine;
    return memory.has(address, bytes) ? memory.read(address, bytes) : new Uint8Array(bytes);
  }

  ramWrite(address: number, data: Uint8Array): void {
    const { memory } = this.#machine;
    if (memory.has(address, data.length)) memory.write(address, data);
  }

  msi(deviceId: DeviceId, eventId: EventId): void {
    this.#machine.its.signal(deviceId, eventId);
  }

  line(wire: Wire, level: 0 | 1): void {
    const { wires } = this.#machine.gic;
    if ('spi' in wire) wires.drive(wire.spi, level === 1);
    else wires.drive(wire.ppi, level === 1, wire.cpu);
  }

  lpiPending(cpu: VcpuId, lpi: Intid): boolean {
    this.#settle();
    const { lpis } = this.#machine.gic;
    return lpi < lpis.limit && lpis.isPending(lpi) && lpis.targetOf(lpi) === cpu;
  }

  lpiPendingAll(): readonly (readonly [cpu: VcpuId, lpi: Intid])[] {
    this.#settle();
    const { gic, config } = this.#machine;
    const pending: (readonly [cpu: VcpuId, lpi: Intid])[] = [];
    gic.lpis.forEachMapped((lpi) => {
      const cpu = gic.lpis.targetOf(lpi);
      if (cpu < config.vcpus && gic.lpis.isPending(lpi)) pending.push([cpu, lpi]);
    });
    return pending.sort(([cpu, lpi], [otherCpu, otherLpi]) => cpu - otherCpu || lpi - otherLpi);
  }

  iccRead(cpu: VcpuId, register: string): bigint | undefined {
    return this.#inGuest(cpu, () =>
      this.#machine.gic.systemRegisters[cpu]?.readSystemRegister(`ICC_${register}_EL1`),
    );
  }

  iccWrite(cpu: VcpuId, register: string, value: bigint): void {
    this.#inGuest(cpu, () =>
      this.#machine.gic.systemRegisters[cpu]?.writeSystemRegister(`ICC_${register}_EL1`, value),
    );
  }

  irq(cpu: VcpuId): boolean {
    return this.#inGuest(cpu, () => this.#machine.gic.cpuInterface(cpu).irq);
  }

  fiq(cpu: VcpuId): boolean {
    return this.#inGuest(cpu, () => this.#machine.gic.cpuInterface(cpu).fiq);
  }

  /** Exits the guest of a vCPU: on a trapped access, and before an observation. Only KVM's personalities have effects at the exit. */
  #leave(vcpu: VcpuId): void {
    const { listRegisters, personality, interrupts } = this.#machine.gic;
    const registers = listRegisters[vcpu];
    registers?.run();
    registers?.exit();
    if (!registers && !personality.requeues) prune(interrupts, vcpu);
  }

  /** Runs a vCPU's guest for one access. */
  #inGuest<T>(cpu: VcpuId, access: () => T): T {
    this.#settle();
    const answer = access();
    this.#machine.gic.listRegisters[cpu]?.exit();
    return answer;
  }

  #settle(): void {
    for (let vcpu: VcpuId = 0; vcpu < this.#machine.config.vcpus; vcpu++) this.#leave(vcpu);
  }
}

function addressOf(place: RegisterPlace): number {
  if (place.frame === 'GICR') return VECTOR_LAYOUT.GICR + place.cpu * GICR_STRIDE + place.offset;
  return VECTOR_LAYOUT[place.frame] + place.offset;
}
