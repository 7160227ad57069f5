import type { DeviceId, VcpuId } from '../arch/intid.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { Gic } from '../gic/gic.ts';
import type { Its } from '../its/its.ts';
import { FD_DEVICE, type FdTable } from '../kvm/fds.ts';
import type { Fd, Gsi } from '../kvm/gsi.ts';
import type { IoEventFd } from '../kvm/ioeventfds.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { Msi } from '../kvm/msi.ts';
import { VGIC_V2, VGIC_V3 } from '../kvm/vgic/vgic-state.ts';
import type { Vm } from '../kvm/vm.ts';
import { EVENTFD_MAX } from '../memory/eventfd.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { type CapabilityName, checkExtension } from './capabilities.ts';
import { type AttributeCall, type AttributeName, type Device, GROUPS } from './devices/attribute.ts';
import { createDevice, deviceOf } from './devices/devices.ts';
import { checkFrames, markLast } from './devices/redistributors.ts';
import type { KvmOptions } from './options.ts';
import { type Routing, toRoutes } from './routing-entry.ts';
import type { CreateDevice, RegisterBus, VmBoard } from './vm-board.ts';

/** Flags of KVM_IRQFD. */
export const IRQFD_DEASSIGN = 1 << 0;
export const IRQFD_RESAMPLE = 1 << 1;

/** A `kvm_irqfd`; `devid` is the field that the design `direct` puts into the padding. */
export type IrqFd = {
  readonly fd: Fd;
  readonly gsi: Gsi;
  readonly flags: number;
  readonly resamplefd: Fd;
  readonly devid?: DeviceId;
};

/** The data with which another thread attaches to a VM; postable. */
export type VmAttachment = { readonly buffer: SharedArrayBuffer; readonly index: number };

/**
 * A VM as the author of a VMM meets it: nothing is there at first, and KVM's calls, named as KVM names them, bring it
 * about in the order that KVM asks for. Calls that KVM refuses throw {@link KvmError} with KVM's errno. Any thread.
 */
export class KvmVm {
  readonly options: KvmOptions;
  /** All parts of the VM. */
  readonly board: VmBoard;
  readonly index: number;
  /** Its file descriptor is found by `fd`. */
  readonly vm: Vm;
  readonly gic: Gic;
  readonly itses: readonly Its[];
  readonly memory: GuestMemory;
  /** The guest's accesses to device registers. */
  readonly bus: RegisterBus;
  readonly fds: FdTable;

  /** @param board - all parts of the VM, as the calling thread sees them */
  constructor(board: VmBoard, options: KvmOptions) {
    this.board = board;
    this.options = options;
    this.index = board.index;
    this.vm = board.vm;
    this.gic = board.gic;
    this.itses = board.itses;
    this.memory = board.memory;
    this.bus = board.bus;
    this.fds = board.fds;
  }

  /** The argument of {@link attachVm}. */
  get attachment(): VmAttachment {
    return { buffer: this.board.words.buffer, index: this.index };
  }

  // ---- file descriptors

  /** eventfd(2). @param count - 0 to 2^32 - 1. @throws KvmError EMFILE, EINVAL for a count that is no count */
  eventfd(count: number | bigint = 0, semaphore = false): Fd {
    if (!isWhole(count, 0xffff_ffffn))
      throw new KvmError('eventfd', 'EINVAL', `the count is a whole number from 0 to 2^32 - 1, not ${count}`);
    return this.vm.irqfds.open(count, semaphore);
  }

  /** write(2) of an eventfd, a device's signal. False if the count would overflow (EAGAIN). @throws KvmError EBADF, EINVAL */
  write(fd: Fd, value: number | bigint = 1): boolean {
    this.vm.irqfds.eventfd(fd);
    if (!isWhole(value, EVENTFD_MAX))
      throw new KvmError(
        'write',
        'EINVAL',
        `an eventfd takes whole numbers from 0 to 2^64 - 2, not ${value}`,
      );
    return this.board.write(fd, value);
  }

  /** read(2) of a non-blocking eventfd: takes the count, 0n for EAGAIN. @throws KvmError EBADF, EINVAL */
  read(fd: Fd): bigint {
    return this.vm.irqfds.eventfd(fd).tryRead();
  }

  /** close(2). An irqfd on an eventfd goes with it, in every VM. @throws KvmError EBADF */
  close(fd: Fd): void {
    for (const { vm } of this.board.neighbours) vm.hangUp(fd);
    if (fd >= this.options.eventfds) {
      if (!this.fds.close(fd)) throw new KvmError('close', 'EBADF', `file descriptor ${fd} is not open`);
    } else this.vm.closeEventFd(fd);
  }

  /** The end of the VM: its irqfds are deassigned. Descriptors stay open. */
  destroy(): void {
    this.vm.hangUpAll();
  }

  // ---- the VM's descriptor

  /** KVM_CHECK_EXTENSION on the VM. */
  checkExtension(capability: CapabilityName | number): number {
    return checkExtension(capability, this.vm);
  }

  /**
   * KVM_CREATE_VCPU: the number of the new one. A vCPU's id is its index here.
   * @throws KvmError EBUSY once the vGIC is initialised, EINVAL beyond the VM's vCPUs
   * @see kvm_arch_vcpu_precreate
   */
  createVcpu(): VcpuId {
    if (this.vm.vgic.initialised)
      throw new KvmError('KVM_CREATE_VCPU', 'EBUSY', 'the vGIC is initialised: vCPUs come before');
    const vcpu: VcpuId = this.beginVcpu();
    this.vm.vgic.endVcpu();
    markLast(this.gic.redistributors, this.vm.vgic);
    return vcpu;
  }

  /** The first half of KVM_CREATE_VCPU: the vCPU counts as being created until `vm.vgic.endVcpu()`. */
  beginVcpu(): number {
    if (this.vm.vgic.createdVcpus >= this.options.vcpus)
      throw new KvmError('KVM_CREATE_VCPU', 'EINVAL', `this VM has room for ${this.options.vcpus} vCPUs`);
    return this.vm.vgic.beginVcpu();
  }

  /** KVM_CREATE_IRQCHIP: a GICv2, where the host can run one. @throws KvmError as {@link createDevice} */
  createIrqchip(): void {
    this.createDevice({ type: VGIC_V2, flags: 0 });
  }

  /** KVM_CREATE_DEVICE: the device's descriptor, -1 for a mere test. @throws KvmError ENODEV, EEXIST, EBUSY, E2BIG, ENOMEM */
  createDevice(args: CreateDevice): number {
    const fd: Fd = this.#configured(() => createDevice(this.board, this.options, args));
    this.gic.its.exists = this.vm.vgic.hasIts;
    return fd;
  }

  /** KVM_SET_DEVICE_ATTR. @param value - the value at userspace's pointer; undefined if the pointer is invalid */
  setDeviceAttr(fd: Fd, name: AttributeName, value?: bigint | number): void {
    const device = this.#device('KVM_SET_DEVICE_ATTR', fd);
    this.#configured(() => device.set(name, value === undefined ? undefined : BigInt(value)));
    // An irqfd knows which ITS its route leads to, and that may be decided only now.
    if (name.group !== GROUPS.ADDR) return;
    this.vm.irqfds.refreshAll();
    markLast(this.gic.redistributors, this.vm.vgic);
  }

  /** KVM_GET_DEVICE_ATTR. @param value - the value at the pointer before the call, which names a redistributor region */
  getDeviceAttr(fd: Fd, name: AttributeName, value?: bigint | number): bigint {
    const device = this.#device('KVM_GET_DEVICE_ATTR', fd);
    return this.#configured(() => device.get(name, value === undefined ? undefined : BigInt(value)));
  }

  /** KVM_HAS_DEVICE_ATTR. @throws KvmError ENXIO where the device does not know it */
  hasDeviceAttr(fd: Fd, name: AttributeName): void {
    if (this.#device('KVM_HAS_DEVICE_ATTR', fd).has(name)) return;
    const { group, attr } = name;
    throw new KvmError(
      'KVM_HAS_DEVICE_ATTR',
      'ENXIO',
      `this device has no attribute ${attr} in group ${group}`,
    );
  }

  /** KVM_SET_GSI_ROUTING. @throws KvmError EINVAL; ENOTTY in a design without a table */
  setGsiRouting(routing: Routing): void {
    this.vm.setGsiRouting(toRoutes(routing, this.vm.design.extendedMsi));
  }

  /** KVM_IRQFD. @throws KvmError EINVAL, EAGAIN, EBADF, EBUSY, ENOMEM */
  irqfd({ fd, gsi, flags, resamplefd, devid }: IrqFd): void {
    if ((flags & ~(IRQFD_DEASSIGN | IRQFD_RESAMPLE)) !== 0) {
      const given = `0x${(flags >>> 0).toString(16)}`;
      throw new KvmError('KVM_IRQFD', 'EINVAL', `the flags are DEASSIGN (1) and RESAMPLE (2), not ${given}`);
    }
    if ((flags & IRQFD_DEASSIGN) !== 0) {
      this.vm.deassignIrqFd(fd, gsi);
      return;
    }
    const resamples = (flags & IRQFD_RESAMPLE) !== 0;
    this.vm.assignIrqFd(fd, gsi, { resamplefd: resamples ? resamplefd : undefined, deviceId: devid });
  }

  /** KVM_IRQ_LINE, with the packed `irq`. @throws KvmError ENXIO, EINVAL, EBUSY */
  irqLine(irq: number, level: number | boolean): void {
    this.vm.irqLine(irq, Number(level) !== 0);
  }

  /** KVM_IRQ_LINE_STATUS: on arm64 the status word comes back as it was, which is `irq`. */
  irqLineStatus(irq: number, level: number | boolean): number {
    this.irqLine(irq, level);
    return irq;
  }

  /** KVM_SIGNAL_MSI: 1 delivered, 0 blocked by the guest. @throws KvmError EINVAL, ENODEV, EBUSY */
  signalMsi(msi: Msi): number {
    return this.vm.signalMsi(msi);
  }

  /** KVM_IOEVENTFD. @throws KvmError EINVAL, EBADF, EEXIST, ENOENT, ENOSPC */
  ioeventfd(args: IoEventFd): void {
    this.board.ioeventfds.ioeventfd(args);
  }

  // ---- vCPUs

  /**
   * The entry of KVM_RUN. The first entry checks that the interrupt controller is complete. The calling thread then runs the guest through
   * the returned CPU interface until {@link leaveGuest}.
   * @throws KvmError EBUSY, ENXIO, EINVAL
   * @see kvm_vgic_map_resources
   */
  enterGuest(vcpu: VcpuId): CpuInterface {
    const { vgic } = this.vm;
    if (!Number.isInteger(vcpu) || vcpu < 0 || vcpu >= vgic.onlineVcpus)
      throw new KvmError(
        'KVM_RUN',
        'EBADF',
        `this VM has ${vgic.onlineVcpus} vCPUs, and none is number ${vcpu}`,
      );
    if (vgic.model === VGIC_V3) checkFrames(vgic);
    for (const intid of this.options.ownedPpis) vgic.own(intid);
    const cpu = this.gic.cpuInterface(vcpu);
    vgic.enterGuest();
    return cpu;
  }

  /** The exit of KVM_RUN. @throws KvmError EINVAL where no vCPU is inside */
  leaveGuest(): void {
    if (!this.vm.vgic.leaveGuest()) throw new KvmError('KVM_RUN', 'EINVAL', 'no vCPU is inside KVM_RUN');
  }

  #device(call: AttributeCall, fd: Fd): Device {
    const state = this.fds.kindOf(fd);
    if (state === 0) throw new KvmError(call, 'EBADF', `file descriptor ${fd} is not open`);
    if (state !== FD_DEVICE) throw new KvmError(call, 'ENOTTY', `file descriptor ${fd} is no device`);
    return deviceOf(this.board, this.options, this.fds.payloadOf(fd));
  }

  #configured<T>(act: () => T): T {
    this.board.configLock.lock();
    try {
      return act();
    } finally {
      this.board.configLock.unlock();
    }
  }
}

function isWhole(value: number | bigint, most: bigint): boolean {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return false;
  return value >= 0 && BigInt(value) <= most;
}
