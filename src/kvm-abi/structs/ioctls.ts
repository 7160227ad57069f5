import { KvmError } from '../../kvm/kvm-error.ts';
import {
  KVM_CREATE_DEVICE,
  KVM_DEVICE_ATTR,
  KVM_IOEVENTFD,
  KVM_IRQ_LEVEL,
  KVM_IRQ_ROUTING,
  KVM_IRQFD,
  KVM_MSI,
  type Struct,
} from './fields.ts';

/** KVMIO, the type byte of every KVM ioctl. */
const KVMIO = 0xae;

/** Which way the argument goes: _IO, _IOW, _IOR, _IOWR. */
const DIRECTIONS = { none: 0, write: 1, read: 2, both: 3 } as const;

export type Ioctl = {
  readonly name: string;
  /** As ioctl(2) takes it: direction 31:30, size 29:16, type 15:8, number 7:0. */
  readonly number: number;
  /** Which descriptor it is for. */
  readonly on: 'vm' | 'device';
  /** The struct at its pointer; undefined if the argument is a value, or absent. */
  readonly struct?: Struct;
};

function define(
  name: string,
  direction: keyof typeof DIRECTIONS,
  nr: number,
  on: Ioctl['on'],
  struct?: Struct,
): Ioctl {
  const size = struct?.bytes ?? 0;
  const number = ((DIRECTIONS[direction] << 30) | (size << 16) | (KVMIO << 8) | nr) >>> 0;
  return { name, number, on, ...(struct ? { struct } : {}) };
}

/** The ioctls that have to do with interrupts. @see linux/kvm.h */
export const IOCTLS: readonly Ioctl[] = [
  define('KVM_CHECK_EXTENSION', 'none', 0x03, 'vm'),
  define('KVM_CREATE_IRQCHIP', 'none', 0x60, 'vm'),
  define('KVM_IRQ_LINE', 'write', 0x61, 'vm', KVM_IRQ_LEVEL),
  define('KVM_IRQ_LINE_STATUS', 'both', 0x67, 'vm', KVM_IRQ_LEVEL),
  define('KVM_SET_GSI_ROUTING', 'write', 0x6a, 'vm', KVM_IRQ_ROUTING),
  define('KVM_IRQFD', 'write', 0x76, 'vm', KVM_IRQFD),
  define('KVM_IOEVENTFD', 'write', 0x79, 'vm', KVM_IOEVENTFD),
  define('KVM_SIGNAL_MSI', 'write', 0xa5, 'vm', KVM_MSI),
  define('KVM_CREATE_DEVICE', 'both', 0xe0, 'vm', KVM_CREATE_DEVICE),
  define('KVM_SET_DEVICE_ATTR', 'write', 0xe1, 'device', KVM_DEVICE_ATTR),
  define('KVM_GET_DEVICE_ATTR', 'write', 0xe2, 'device', KVM_DEVICE_ATTR),
  define('KVM_HAS_DEVICE_ATTR', 'write', 0xe3, 'device', KVM_DEVICE_ATTR),
];

/** An ioctl by its name or number. @throws KvmError ENOTTY for any other */
export function findIoctl(key: string | number): Ioctl {
  const found = IOCTLS.find(({ name, number }) => name === key || number === key);
  if (found) return found;
  const given = typeof key === 'number' ? `0x${key.toString(16)}` : key;
  const names = IOCTLS.map(({ name }) => name).join(', ');
  throw new KvmError(given, 'ENOTTY', `the ioctls here are ${names}`);
}
