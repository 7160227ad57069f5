import type { ErrnoName } from '../../kvm/errno.ts';
import { KvmError } from '../../kvm/kvm-error.ts';

/** Groups of device attributes. @see KVM_DEV_ARM_VGIC_GRP_*, asm/kvm.h */
export const GROUPS = {
  ADDR: 0,
  DIST_REGS: 1,
  CPU_REGS: 2,
  NR_IRQS: 3,
  CTRL: 4,
  REDIST_REGS: 5,
  CPU_SYSREGS: 6,
  LEVEL_INFO: 7,
  ITS_REGS: 8,
} as const;

/** Attributes of the group ADDR: KVM_VGIC_V2_ADDR_TYPE_*, V3_ADDR_TYPE_* and KVM_VGIC_ITS_ADDR_TYPE. */
export const ADDRESSES = {
  V2_DIST: 0,
  V2_CPU: 1,
  V3_DIST: 2,
  V3_REDIST: 3,
  ITS: 4,
  V3_REDIST_REGION: 5,
} as const;

/** Attributes of the group CTRL. */
export const CONTROLS = {
  INIT: 0,
  ITS_SAVE_TABLES: 1,
  ITS_RESTORE_TABLES: 2,
  SAVE_PENDING_TABLES: 3,
  ITS_RESET: 4,
} as const;

/** An attribute, as KVM_SET_DEVICE_ATTR and its kin name it. */
export type AttributeName = { readonly group: number; readonly attr: bigint };

/** The attribute calls of a device's descriptor. A value behind an invalid pointer is undefined. */
export type Device = {
  readonly set: (name: AttributeName, value: bigint | undefined) => void;
  readonly get: (name: AttributeName, value: bigint | undefined) => bigint;
  readonly has: (name: AttributeName) => boolean;
};

export type AttributeCall = 'KVM_SET_DEVICE_ATTR' | 'KVM_GET_DEVICE_ATTR' | 'KVM_HAS_DEVICE_ATTR';
const SET = 'KVM_SET_DEVICE_ATTR';

/** @throws KvmError always */
export function refuse(errno: ErrnoName, rule: string, call: AttributeCall = SET): never {
  throw new KvmError(call, errno, rule);
}

/** @throws KvmError EFAULT where userspace's pointer leads to nothing. */
export function readable(value: bigint | undefined, call: AttributeCall = SET): bigint {
  return value ?? refuse('EFAULT', 'the value lies where nothing can be read', call);
}

/**
 * Whether a frame may be put at `base`, in KVM's order.
 * @param current - where it is now, NaN for nowhere
 * @param physBits - guest-physical addresses are below 2^physBits
 * @throws KvmError EEXIST, EINVAL, E2BIG
 * @see vgic_check_iorange in vgic-kvm-device.c
 */
export function checkFrame(
  current: number,
  base: bigint,
  bytes: number,
  alignment: number,
  physBits: number,
): number {
  const at = `0x${base.toString(16)}`;
  if (!Number.isNaN(current)) refuse('EEXIST', `the frame lies at 0x${current.toString(16)} already`);
  if (base % BigInt(alignment) !== 0n)
    refuse('EINVAL', `${at} is no multiple of 0x${alignment.toString(16)}`);
  if (base + BigInt(bytes) >= 1n << 64n)
    refuse('EINVAL', `a frame of 0x${bytes.toString(16)} bytes at ${at} wraps`);
  if (base + BigInt(bytes) > 1n << BigInt(physBits))
    refuse(
      'E2BIG',
      `the guest's addresses have ${physBits} bits; 0x${bytes.toString(16)} bytes at ${at} end past them`,
    );
  return Number(base);
}
