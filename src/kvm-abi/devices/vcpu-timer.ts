import { FIRST_PPI, PRIVATE_INTIDS, type VcpuId } from '../../arch/intid.ts';
import { encode } from '../../gic/system-registers.ts';
import { KvmError } from '../../kvm/kvm-error.ts';
import type { ArchTimers } from '../../kvm/timer/arch-timers.ts';
import { PHYSICAL, type TimerKind, VIRTUAL } from '../../kvm/timer/timer-settings.ts';
import { type AttributeName, type Device, readable, refuse } from './attribute.ts';

/** KVM_ARM_VCPU_TIMER_CTRL, a group of a vCPU's attributes. */
export const VCPU_TIMER_CTRL = 1;

/** KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM64_SYSREG; the encoding of the register is added. */
const SYSTEM_REGISTER = 0x6030_0000_0013_0000n;

type Part = 'control' | 'compare' | 'count';
/** The timers' registers in KVM_GET_ONE_REG. KVM has mixed up CNTV_CVAL_EL0 and CNTVCT_EL0, and keeps it that way. */
const REGISTERS: ReadonlyMap<bigint, readonly [TimerKind, Part]> = new Map(
  (
    [
      [encode(3, 3, 14, 3, 1), VIRTUAL, 'control'],
      [encode(3, 3, 14, 0, 2), VIRTUAL, 'compare'],
      [encode(3, 3, 14, 3, 2), VIRTUAL, 'count'],
      [encode(3, 3, 14, 2, 1), PHYSICAL, 'control'],
      [encode(3, 3, 14, 2, 2), PHYSICAL, 'compare'],
      [encode(3, 3, 14, 0, 1), PHYSICAL, 'count'],
    ] as const
  ).map(([encoding, kind, part]) => [SYSTEM_REGISTER | BigInt(encoding), [kind, part]]),
);

const isTimer = ({ group, attr }: AttributeName) => group === VCPU_TIMER_CTRL && attr <= BigInt(PHYSICAL);
const kindOf = ({ attr }: AttributeName): TimerKind => (attr === 0n ? VIRTUAL : PHYSICAL);

/**
 * The attributes of a vCPU: the PPIs of the timers, which all vCPUs share. The checks follow KVM's order, as measured.
 * @param hasVgic - whether the VM has an interrupt controller
 * @see kvm_arm_timer_set_attr
 */
export function vcpuAttributes({ settings }: ArchTimers, hasVgic: boolean): Device {
  return {
    has: isTimer,
    get: (name) => {
      if (!isTimer(name)) unknown(name, 'KVM_GET_DEVICE_ATTR');
      return BigInt(settings.ppi(kindOf(name)));
    },
    set: (name, value) => {
      if (name.group !== VCPU_TIMER_CTRL) unknown(name, 'KVM_SET_DEVICE_ATTR');
      if (!hasVgic) refuse('EINVAL', 'this VM has no interrupt controller: KVM_CREATE_DEVICE comes first');
      const ppi = Number(BigInt.asIntN(32, readable(value)));
      if (ppi < FIRST_PPI || ppi >= PRIVATE_INTIDS) refuse('EINVAL', `a PPI is INTID 16 to 31, not ${ppi}`);
      if (settings.settled) refuse('EBUSY', 'a vCPU has run, and its timers have their PPIs');
      if (!isTimer(name)) unknown(name, 'KVM_SET_DEVICE_ATTR');
      settings.setPpi(kindOf(name), ppi);
    },
  };
}

function unknown({ group, attr }: AttributeName, call: 'KVM_SET_DEVICE_ATTR' | 'KVM_GET_DEVICE_ATTR'): never {
  return refuse('ENXIO', `a vCPU has no attribute ${attr} in group ${group}`, call);
}

/** KVM_GET_ONE_REG, of the timers' registers. @throws KvmError ENOENT for any other register */
export function getTimerRegister(timers: ArchTimers, vcpu: VcpuId, id: bigint): bigint {
  const [kind, part] = registerOf('KVM_GET_ONE_REG', id);
  return timers.of(vcpu)[part](kind);
}

/** KVM_SET_ONE_REG. Sets a counter for all vCPUs. Lines change when the vCPU enters its guest. @throws KvmError ENOENT */
export function setTimerRegister(timers: ArchTimers, vcpu: VcpuId, id: bigint, value: bigint): void {
  const [kind, part] = registerOf('KVM_SET_ONE_REG', id);
  if (part === 'count') timers.setCount(kind, value);
  else if (part === 'control') timers.of(vcpu).setControl(kind, value);
  else timers.of(vcpu).setCompare(kind, value);
}

function registerOf(call: string, id: bigint): readonly [TimerKind, Part] {
  const found = REGISTERS.get(id);
  if (found) return found;
  throw new KvmError(
    call,
    'ENOENT',
    `of a vCPU's registers this VM has those of its timers, and not 0x${id.toString(16)}`,
  );
}
