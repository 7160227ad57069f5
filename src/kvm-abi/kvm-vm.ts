import type { VcpuId } from '../arch/intid.ts';
import type { CpuInterface } from '../gic/cpu-interface.ts';
import type { Gic } from '../gic/gic.ts';
import { prune } from '../gic/queueing.ts';
import type { Its } from '../its/its.ts';
import { FD_DEVICE, type FdTable } from '../kvm/fds.ts';
import type { Fd } from '../kvm/gsi.ts';
import type { IoEventFd } from '../kvm/ioeventfds.ts';
import { KvmError } from '../kvm/kvm-error.ts';
import type { Msi } from '../kvm/msi.ts';
import type { ArchTimer } from '../kvm/timer/arch-timer.ts';
import type { ArchTimers } from '../kvm/timer/arch-timers.ts';
import { VGIC_NONE, VGIC_V2 } from '../kvm/vgic/vgic-state.ts';
import type { Vm } from '../kvm/vm.ts';
import { EVENTFD_MAX } from '../memory/eventfd.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { type CapabilityName, checkExtension } from './capabilities.ts';
import { type AttributeCall, type AttributeName, type Device, GROUPS } from './devices/attribute.ts';
import { createDevice, deviceOf } from './devices/devices.ts';
import { checkFrames, markLast } from './devices/redistributors.ts';
import { getTimerRegister, setTimerRegister, vcpuAttributes } from './devices/vcpu-timer.ts';
import { type IrqFd, irqfdOptions } from './irqfd-args.ts';
import type { KvmOptions } from './options.ts';
import { type Routing, toRoutes } from './routing-entry.ts';
import { V2Bus } from './v2-bus.ts';
import type { CreateDevice, RegisterBus, VmBoard } from './vm-board.ts';

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
  irqfd(args: IrqFd): void {
    const options = irqfdOptions(args);
    if (options === undefined) this.vm.deassignIrqFd(args.fd, args.gsi);
    else this.vm.assignIrqFd(args.fd, args.gsi, options);
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

  /** KVM_SET_DEVICE_ATTR of a vCPU: the PPIs of its timers. @throws KvmError EINVAL, EFAULT, EBUSY, ENXIO */
  setVcpuAttr(vcpu: VcpuId, name: AttributeName, value?: bigint | number): void {
    const attributes = this.#vcpuAttributes('KVM_SET_DEVICE_ATTR', vcpu);
    this.#configured(() => attributes.set(name, value === undefined ? undefined : BigInt(value)));
  }

  /** KVM_GET_DEVICE_ATTR of a vCPU. @throws KvmError ENXIO */
  getVcpuAttr(vcpu: VcpuId, name: AttributeName): bigint {
    return this.#vcpuAttributes('KVM_GET_DEVICE_ATTR', vcpu).get(name, undefined);
  }

  /** KVM_HAS_DEVICE_ATTR of a vCPU. @throws KvmError ENXIO */
  hasVcpuAttr(vcpu: VcpuId, name: AttributeName): void {
    const call = 'KVM_HAS_DEVICE_ATTR';
    if (this.#vcpuAttributes(call, vcpu).has(name)) return;
    throw new KvmError(call, 'ENXIO', `a vCPU has no attribute ${name.attr} in group ${name.group}`);
  }

  /** KVM_GET_ONE_REG: a register of the vCPU's timers. @throws KvmError ENOENT */
  getOneReg(vcpu: VcpuId, id: bigint): bigint {
    return getTimerRegister(this.#timersOf('KVM_GET_ONE_REG', vcpu), vcpu, id);
  }

  /** KVM_SET_ONE_REG. @throws KvmError ENOENT */
  setOneReg(vcpu: VcpuId, id: bigint, value: bigint | number): void {
    setTimerRegister(this.#timersOf('KVM_SET_ONE_REG', vcpu), vcpu, id, BigInt(value));
  }

  /** KVM_ARM_SET_COUNTER_OFFSET, Linux 6.4 and up. @throws KvmError EINVAL, EBUSY */
  setCounterOffset(offset: bigint, reserved = 0n): void {
    const call = 'KVM_ARM_SET_COUNTER_OFFSET';
    if (reserved !== 0n) throw new KvmError(call, 'EINVAL', 'the reserved field is 0');
    if (this.vm.vgic.runningVcpus > 0) throw new KvmError(call, 'EBUSY', 'a vCPU is running');
    this.#timers(call).setOffset(offset);
  }

  /** The accesses of a vCPU to device registers: those of a GICv2 depend on the vCPU, so {@link bus} does not have them. The vCPU's thread. */
  busOf(vcpu: VcpuId): RegisterBus {
    const { gicV2 } = this.board;
    return gicV2 ? new V2Bus(this.bus, gicV2, this.vm.vgic, vcpu) : this.bus;
  }

  /** The timers of a vCPU: the guest's reads and writes of their registers, on the vCPU's thread. */
  timer(vcpu: VcpuId): ArchTimer {
    return this.#timersOf('KVM_RUN', vcpu).of(vcpu);
  }

  /**
   * The host's timer interrupt: makes the PPIs of timers that are due pending, and wakes their vCPUs. KVM has an hrtimer; here a thread
   * calls, at the latest when the returned time is over or a guest has set an earlier timer.
   * @returns ns until the next timer is due, or Infinity
   */
  expireTimers(): number {
    return this.#timers('KVM_RUN').expire();
  }

  /**
   * The entry of KVM_RUN. The first entry checks that the interrupt controller is complete, and gives the vCPU's timers their PPIs. The
   * calling thread then runs the guest through the returned CPU interface until {@link leaveGuest}.
   * @throws KvmError EBUSY, ENXIO, EINVAL
   * @see kvm_vgic_map_resources
   */
  enterGuest(vcpu: VcpuId): CpuInterface {
    const { vgic } = this.vm;
    const timer = this.timer(vcpu);
    if (vgic.model !== VGIC_NONE) {
      checkFrames(vgic);
      if (vgic.model === VGIC_V2) this.vm.initVgic();
      timer.enable();
    }
    for (const intid of this.options.ownedPpis) vgic.own(intid);
    const v2 = vgic.model === VGIC_V2 ? this.board.gicV2 : undefined;
    const cpu = (v2 ?? this.gic).cpuInterface(vcpu);
    vgic.enterGuest();
    timer.load();
    return cpu;
  }

  /**
   * The exit of KVM_RUN: the vCPU's timers leave the guest too, and its list is pruned. The vCPU's thread.
   * @throws KvmError EINVAL where no vCPU is inside
   */
  leaveGuest(vcpu: VcpuId = 0): void {
    this.timer(vcpu).put();
    if (!this.vm.vgic.leaveGuest()) throw new KvmError('KVM_RUN', 'EINVAL', 'no vCPU is inside KVM_RUN');
    prune(this.gic.interrupts, vcpu);
  }

  #vcpuAttributes(call: AttributeCall, vcpu: VcpuId): Device {
    return vcpuAttributes(this.#timersOf(call, vcpu), this.vm.vgic.model !== VGIC_NONE);
  }

  #timersOf(call: string, vcpu: VcpuId): ArchTimers {
    const { onlineVcpus } = this.vm.vgic;
    if (!Number.isInteger(vcpu) || vcpu < 0 || vcpu >= onlineVcpus)
      throw new KvmError(call, 'EBADF', `this VM has ${onlineVcpus} vCPUs, and none is number ${vcpu}`);
    return this.#timers(call);
  }

  #timers(call: string): ArchTimers {
    const { timers } = this.board;
    if (!timers)
      throw new KvmError(call, 'ENODEV', 'this VM has no timers in the kernel: make it with createVm');
    return timers;
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
