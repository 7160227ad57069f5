import { GICR_STRIDE } from '../arch/frames.ts';
import { type DeviceId, type EventId, type Intid, isSpecial, type VcpuId } from '../arch/intid.ts';
import { gits } from '../arch/registers.ts';
import { DEFAULT_CONFIG } from '../board/config.ts';
import { Machine } from '../board/machine.ts';
import { prune } from '../gic/queueing.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import { MSI_VALID_DEVID } from '../kvm/route.ts';
import { MachineVm } from './machine-vm.ts';
import type { Profile } from './vectors/vector-answers.ts';
import { type ItsNumber, VECTOR_LAYOUT, VECTOR_RAM_BYTES } from './vectors/vector-layout.ts';
import type { RegisterPlace } from './vectors/vector-registers.ts';
import type { VectorMachine, VmNumber, Wire } from './vectors/vector-step.ts';
import type { VectorTarget } from './vectors/vector-target.ts';
import type { VmAnswer, VmCall } from './vectors/vector-vm.ts';

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

/** New machines with the addresses of {@link VECTOR_LAYOUT}, one for each VM of a vector. */
export function vectorMachines(
  { cpus, itses, vms }: VectorMachine,
  profile: Profile,
  listRegisters: number = profile === 'arch' || profile === 'qemu' ? 0 : LIST_REGISTERS,
): Machine[] {
  return Array.from({ length: vms }, () => {
    const machine = createMachine(cpus, itses, profile, listRegisters);
    // A machine has its ITSes one behind the other, where a vector has them apart.
    machine.vm.vgic.setItsBase(0, VECTOR_LAYOUT.ITS);
    if (itses === 2) machine.vm.vgic.setItsBase(1, VECTOR_LAYOUT.ITS1);
    return machine;
  });
}

function createMachine(cpus: number, itses: number, profile: Profile, listRegisters: number): Machine {
  return Machine.create({
    ...DEFAULT_CONFIG,
    ...MACHINES[profile],
    listRegisters,
    vcpus: cpus,
    itses,
    devices: 4096,
    events: 65_535,
    gicdBase: VECTOR_LAYOUT.GICD,
    gicrBase: VECTOR_LAYOUT.GICR,
    itsBase: itses === 1 ? VECTOR_LAYOUT.ITS : VECTOR_LAYOUT.ITS1,
    memory: [{ base: VECTOR_LAYOUT.RAM, bytes: VECTOR_RAM_BYTES }],
  });
}

/**
 * Machines as the target of a vector. One thread runs all steps in sequence, so every effect of a step is complete when it returns.
 */
export class MachineTarget implements VectorTarget {
  readonly #machines: readonly [Machine, ...Machine[]];
  /** KVM's calls on the machines; none for QEMU's personality. */
  readonly #vms: readonly MachineVm[];
  #vm: VmNumber = 0;
  #its: ItsNumber = 0;

  /** @param others - the VMs after VM 0 */
  constructor(machine: Machine, ...others: readonly Machine[]) {
    this.#machines = [machine, ...others];
    const isKvm = machine.config.personality !== 'qemu-virt';
    this.#vms = isKvm ? this.#machines.map((each) => new MachineVm(each)) : [];
  }

  get #machine(): Machine {
    return this.#machineOf(this.#vm);
  }

  #machineOf(vm: VmNumber): Machine {
    return this.#machines[vm] ?? this.#machines[0];
  }

  use(vm: VmNumber, its: ItsNumber): void {
    this.#vm = vm;
    this.#its = its;
  }

  copyRam(from: VmNumber): void {
    const { memory } = this.#machineOf(from);
    this.#machine.memory.write(VECTOR_LAYOUT.RAM, memory.read(VECTOR_LAYOUT.RAM, VECTOR_RAM_BYTES));
  }

  read(place: RegisterPlace, bytes: 1 | 2 | 4 | 8): bigint {
    this.#leave(0);
    return this.#machine.bus.read(addressOf(place, this.#its), bytes);
  }

  write(place: RegisterPlace, bytes: 1 | 2 | 4 | 8, value: bigint): void {
    this.#leave(0);
    this.#machine.bus.write(addressOf(place, this.#its), bytes, value);
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
    const { itses, vm, config } = this.#machine;
    if (config.personality === 'qemu-virt') {
      itses[this.#its]?.signal(deviceId, eventId);
      return;
    }
    // As KVM_SIGNAL_MSI, which asks the translation cache first: the cache does not know that a vCPU's LPIs are off.
    const address = vm.vgic.itsBase(this.#its) + gits.TRANSLATER;
    try {
      vm.signalMsi({ address, data: eventId, flags: MSI_VALID_DEVID, deviceId });
    } catch (error) {
      if (!(error instanceof KvmError)) throw error;
    }
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

  take(cpu: VcpuId, most: number): Intid[] {
    const taken: Intid[] = [];
    return this.#inGuest(cpu, () => {
      const icc = this.#machine.gic.cpuInterface(cpu);
      while (taken.length < most && icc.irq) {
        const intid = icc.acknowledge();
        if (isSpecial(intid)) break;
        taken.push(intid);
        this.endInGuest(cpu, intid);
      }
      return taken;
    });
  }

  /** A write of ICC_EOIR1_EL1 by a guest that runs. */
  protected endInGuest(cpu: VcpuId, intid: Intid): void {
    this.#machine.gic.cpuInterface(cpu).endOfInterrupt(intid);
  }

  irq(cpu: VcpuId): boolean {
    return this.#inGuest(cpu, () => this.#machine.gic.cpuInterface(cpu).irq);
  }

  fiq(cpu: VcpuId): boolean {
    return this.#inGuest(cpu, () => this.#machine.gic.cpuInterface(cpu).fiq);
  }

  vm(call: VmCall): VmAnswer | undefined {
    this.#settle();
    return this.#vms[this.#vm]?.call(call, this.#its);
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

function addressOf(place: RegisterPlace, its: ItsNumber): number {
  if (place.frame === 'ITS' && its === 1) return VECTOR_LAYOUT.ITS1 + place.offset;
  if (place.frame === 'GICR') return VECTOR_LAYOUT.GICR + place.cpu * GICR_STRIDE + place.offset;
  return VECTOR_LAYOUT[place.frame] + place.offset;
}
