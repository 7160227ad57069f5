import {
  AIA_GROUP_BITS,
  AIA_GROUP_SHIFT,
  AIA_GUEST_BITS,
  AIA_HART_BITS,
  AIA_IDS,
  AIA_SOURCES,
  isUnset,
} from '../../aia/config.ts';
import type { RiscvVm } from '../../kvm/aia/riscv-vm.ts';
import type { ErrnoName } from '../../kvm/errno.ts';
import { type AttributeCall, type AttributeName, type Device, readable, refuse } from './attribute.ts';

/** Groups of an AIA's attributes. @see KVM_DEV_RISCV_AIA_GRP_*, asm/kvm.h */
export const AIA_GROUPS = { CONFIG: 0, ADDR: 1, CTRL: 2, APLIC: 3, IMSIC: 4 } as const;

/** Attributes of the group CONFIG. */
export const AIA_CONFIG = {
  MODE: 0,
  IDS: 1,
  SRCS: 2,
  GROUP_BITS: 3,
  GROUP_SHIFT: 4,
  HART_BITS: 5,
  GUEST_BITS: 6,
} as const;

const SET = 'KVM_SET_DEVICE_ATTR';
const GET = 'KVM_GET_DEVICE_ATTR';
const HAS = 'KVM_HAS_DEVICE_ATTR';

const ADDR_APLIC = 0n;
const ADDR_FIRST_IMSIC = 1n;
const CTRL_INIT = 0n;
/** Of an attribute of IMSIC, the bits that select the register; above them stands the vCPU. */
const SELECT_BITS = 12n;
const PAGE = 0x1000n;
const WORD = 0xffff_ffffn;

/** A value of CONFIG: where it is kept, and which numbers KVM takes. */
type Value = {
  readonly at: number;
  readonly takes: (value: number, most: number) => boolean;
  readonly rule: string;
};

const within = (low: number, high: number) => (value: number) => value >= low && value <= high;

/** By attribute. MODE is kept nowhere: an emulating host has one mode. */
const VALUES: Readonly<Record<number, Value>> = {
  [AIA_CONFIG.IDS]: {
    at: AIA_IDS,
    takes: (value, most) => value >= 63 && value % 64 === 63 && value <= most,
    rule: 'the highest identity is 63 or more, one less than a multiple of 64, and no more than the host has',
  },
  [AIA_CONFIG.SRCS]: {
    at: AIA_SOURCES,
    takes: (value, most) => value <= Math.min(1023, most),
    rule: 'sources are 0 to 1023, and no more than the host has identities',
  },
  [AIA_CONFIG.GROUP_BITS]: { at: AIA_GROUP_BITS, takes: within(0, 7), rule: 'a group has 0 to 7 bits' },
  [AIA_CONFIG.GROUP_SHIFT]: {
    at: AIA_GROUP_SHIFT,
    takes: within(24, 55),
    rule: 'a group begins with bit 24 to 55',
  },
  [AIA_CONFIG.HART_BITS]: { at: AIA_HART_BITS, takes: within(0, 15), rule: 'a hart has 0 to 15 bits' },
  [AIA_CONFIG.GUEST_BITS]: { at: AIA_GUEST_BITS, takes: within(0, 7), rule: 'a guest has 0 to 7 bits' },
};

/**
 * The attributes of KVM_DEV_TYPE_RISCV_AIA on a host that emulates interrupt files. A value of CONFIG has 32 bits, of APLIC too; of ADDR
 * and IMSIC 64.
 * @param ids - the highest identity that the host offers
 * @see arch/riscv/kvm/aia_device.c
 */
export function aiaDevice(vm: RiscvVm, ids: number): Device {
  const { config, aplic, files } = vm.aia;
  const unknown = (call: AttributeCall, { group, attr }: AttributeName): never =>
    refuse('ENXIO', `an AIA has no attribute ${attr} in group ${group}`, call);
  const beforeInit = () => {
    if (config.initialised) refuse('EBUSY', 'the AIA is initialised, its values are fixed');
  };

  const setConfig = (name: AttributeName, value: number) => {
    beforeInit();
    const known = VALUES[Number(name.attr)];
    if (name.attr === BigInt(AIA_CONFIG.MODE)) {
      if (value !== 0)
        refuse('EINVAL', `the host has no guest interrupt files: the mode is 0 (emulation), not ${value}`);
    } else if (!known) unknown(SET, name);
    else if (!known.takes(value, ids)) refuse('EINVAL', `${known.rule}; not ${value}`);
    else config.set(known.at, value);
  };

  const setAddress = (name: AttributeName, value: bigint) => {
    const aligned = () => {
      if (value % PAGE !== 0n) refuse('EINVAL', `0x${value.toString(16)} is no multiple of 0x1000`);
    };
    if (!hasAddress(name.attr)) unknown(SET, name);
    beforeInit();
    aligned();
    if (name.attr === ADDR_APLIC) config.aplicAddress = value;
    else config.putFileAddress(Number(name.attr - ADDR_FIRST_IMSIC), value);
  };
  const hasAddress = (attr: bigint) => attr < ADDR_FIRST_IMSIC + BigInt(config.vcpus);

  const initialise = () => {
    if (config.initialised) refuse('EBUSY', 'the AIA is initialised already');
    const sources = config.get(AIA_SOURCES);
    const highest = config.get(AIA_IDS);
    if (highest < sources) refuse('EINVAL', `${sources} sources are more than ${highest} identities`);
    if (sources > 0 && isUnset(config.aplicAddress)) refuse('EINVAL', 'the APLIC has no address');
    const refused = vm.initialise();
    if (refused !== undefined) refuse('EINVAL', refused);
  };

  /** A register of the APLIC: its offset. */
  const offsetOf = (attr: bigint, call: AttributeCall): number => {
    if (!config.initialised || config.get(AIA_SOURCES) === 0)
      refuse('ENODEV', 'there is no APLIC: the AIA is not initialised, or has no sources', call);
    if (attr % 4n !== 0n)
      refuse('EOPNOTSUPP', `a register's offset is a multiple of 4, not 0x${attr.toString(16)}`, call);
    if (aplic.read(Number(attr)) === undefined)
      refuse('ENODEV', `an APLIC has no register at 0x${attr.toString(16)}`, call);
    return Number(attr);
  };

  /** Reads or writes a register of a vCPU's file. */
  const accessFile = (attr: bigint, call: AttributeCall, value?: bigint): bigint => {
    const [vcpu, select] = [attr >> SELECT_BITS, Number(attr & ((1n << SELECT_BITS) - 1n))];
    const file = config.initialised ? files[Number(vcpu)] : undefined;
    if (!file)
      refuse(
        'ENODEV',
        `vCPU ${vcpu} has no interrupt file: the AIA is not initialised, or there is no such vCPU`,
        call,
      );
    const failed = (errno: ErrnoName) =>
      refuse(errno, `a file has no register 0x${select.toString(16)}`, call);
    const old = value === undefined ? file.access(select) : file.access(select, value, (1n << 64n) - 1n);
    if (old === undefined) return failed('ENOENT');
    return old < 0n ? failed('EINVAL') : old;
  };

  return {
    set(name, value) {
      const { group, attr } = name;
      if (group === AIA_GROUPS.CTRL) return attr === CTRL_INIT ? initialise() : unknown(SET, name);
      if (group > AIA_GROUPS.IMSIC) return unknown(SET, name);
      const given = readable(value, SET);
      if (group === AIA_GROUPS.CONFIG) setConfig(name, Number(given & WORD));
      else if (group === AIA_GROUPS.ADDR) setAddress(name, given);
      else if (group === AIA_GROUPS.APLIC) aplic.write(offsetOf(attr, SET), Number(given & WORD));
      else accessFile(attr, SET, given);
    },

    get(name, value) {
      const { group, attr } = name;
      if (group === AIA_GROUPS.CTRL || group > AIA_GROUPS.IMSIC) return unknown(GET, name);
      readable(value, GET);
      if (group === AIA_GROUPS.APLIC) return BigInt(aplic.read(offsetOf(attr, GET)) ?? 0);
      if (group === AIA_GROUPS.IMSIC) return accessFile(attr, GET);
      if (group === AIA_GROUPS.ADDR && hasAddress(attr))
        return attr === ADDR_APLIC
          ? config.aplicAddress
          : config.fileAddress(Number(attr - ADDR_FIRST_IMSIC));
      if (group === AIA_GROUPS.CONFIG && attr === BigInt(AIA_CONFIG.MODE)) return 0n;
      const known = group === AIA_GROUPS.CONFIG ? VALUES[Number(attr)] : undefined;
      return known ? BigInt(config.get(known.at)) : unknown(GET, name);
    },

    has(name) {
      const { group, attr } = name;
      if (group === AIA_GROUPS.APLIC) offsetOf(attr, HAS);
      else if (group === AIA_GROUPS.IMSIC) accessFile(attr, HAS);
      else if (group === AIA_GROUPS.ADDR) return hasAddress(attr);
      else if (group === AIA_GROUPS.CTRL) return attr === CTRL_INIT;
      else return group === AIA_GROUPS.CONFIG && attr <= BigInt(AIA_CONFIG.GUEST_BITS);
      return true;
    },
  };
}
