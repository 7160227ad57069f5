import type { Fd } from '../../kvm/gsi.ts';
import type { AttributeName } from '../devices/attribute.ts';
import type { KvmVm } from '../kvm-vm.ts';
import {
  decodeCreateDevice,
  decodeDeviceAttr,
  decodeIoEventFd,
  decodeIrqFd,
  decodeIrqLevel,
  decodeMsi,
  decodeRouting,
  encodeCreateDevice,
} from './codec.ts';
import { findIoctl } from './ioctls.ts';

/** The context of an ioctl beside its argument. */
export type IoctlContext = {
  /** The descriptor of the device, for those that are a device's. */
  readonly fd?: Fd;
  /** The argument itself, where it is a value and no pointer: KVM_CHECK_EXTENSION. */
  readonly value?: number;
  /** The bytes at an address of userspace: 8, or 4 for NR_IRQS and the register words; undefined for an invalid address. */
  readonly memory?: (address: bigint) => Uint8Array | undefined;
};

export type IoctlResult = {
  /** The return value of ioctl(2). */
  readonly value: number;
  /** The argument as KVM leaves it. */
  readonly bytes: Uint8Array;
  /** The value that KVM_GET_DEVICE_ATTR stores at `addr`. */
  readonly read?: bigint;
};

/**
 * Applies an ioctl with these bytes to a VM.
 * @param key - name, or number as ioctl(2) takes it
 * @throws KvmError with KVM's errno; EFAULT where the bytes are too few, ENOTTY for an ioctl that is not one of these
 */
export function applyIoctl(
  vm: KvmVm,
  key: string | number,
  bytes: Uint8Array,
  context: IoctlContext = {},
): IoctlResult {
  const { name } = findIoctl(key);
  const done = (value = 0): IoctlResult => ({ value, bytes });
  switch (name) {
    case 'KVM_CHECK_EXTENSION':
      return done(vm.checkExtension(context.value ?? 0));
    case 'KVM_CREATE_IRQCHIP':
      vm.createIrqchip();
      return done();
    case 'KVM_SET_GSI_ROUTING':
      vm.setGsiRouting(decodeRouting(bytes));
      return done();
    case 'KVM_IRQFD':
      vm.irqfd(decodeIrqFd(bytes, vm.vm.design.name === 'direct'));
      return done();
    case 'KVM_IRQ_LINE':
    case 'KVM_IRQ_LINE_STATUS': {
      const { irq, level } = decodeIrqLevel(bytes, name);
      vm.irqLine(irq, level);
      return done();
    }
    case 'KVM_SIGNAL_MSI':
      return done(vm.signalMsi(decodeMsi(bytes)));
    case 'KVM_IOEVENTFD':
      vm.ioeventfd(decodeIoEventFd(bytes));
      return done();
    case 'KVM_CREATE_DEVICE': {
      const args = decodeCreateDevice(bytes);
      const fd: Fd = vm.createDevice(args);
      // A mere test writes no descriptor.
      return { value: 0, bytes: fd < 0 ? bytes : encodeCreateDevice(args, fd) };
    }
    default:
      return onDevice(vm, name, bytes, context);
  }
}

function onDevice(
  vm: KvmVm,
  call: string,
  bytes: Uint8Array,
  { fd = -1, memory }: IoctlContext,
): IoctlResult {
  const { group, attr, addr } = decodeDeviceAttr(bytes, call);
  const name: AttributeName = { group, attr };
  if (call === 'KVM_HAS_DEVICE_ATTR') {
    vm.hasDeviceAttr(fd, name);
    return { value: 0, bytes };
  }
  const there = memory?.(addr);
  const value = there && littleEndian(there);
  if (call === 'KVM_GET_DEVICE_ATTR') return { value: 0, bytes, read: vm.getDeviceAttr(fd, name, value) };
  vm.setDeviceAttr(fd, name, value);
  return { value: 0, bytes };
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
