import { FRAME_BYTES, GITS_BYTES } from '../../arch/frames.ts';
import type { Its } from '../../its/its.ts';
import type { VgicState } from '../../kvm/vgic/vgic-state.ts';
import {
  ADDRESSES,
  type AttributeCall,
  type AttributeName,
  CONTROLS,
  checkFrame,
  type Device,
  GROUPS,
  readable,
  refuse,
} from './attribute.ts';

/** The parts that an ITS device uses; `index` is its number in the VM. */
export type ItsParts = {
  readonly vgic: VgicState;
  readonly its: Its;
  readonly index: number;
  readonly physBits: number;
};

const NOWHERE = 0xffff_ffff_ffff_ffffn;
const CONTROL_NUMBERS: readonly bigint[] = [
  CONTROLS.INIT,
  CONTROLS.ITS_SAVE_TABLES,
  CONTROLS.ITS_RESTORE_TABLES,
  CONTROLS.ITS_RESET,
].map(BigInt);

/** The device KVM_DEV_TYPE_ARM_VGIC_ITS, and its attributes. @see vgic-its.c, arm-vgic-its.rst */
export function itsDevice(parts: ItsParts): Device {
  return {
    set: (name, value) => setAttribute(parts, name, value),
    get: (name) => getAttribute(parts, name),
    has: ({ group, attr }) => {
      if (group === GROUPS.ADDR) return attr === BigInt(ADDRESSES.ITS);
      if (group === GROUPS.CTRL) return CONTROL_NUMBERS.includes(attr);
      if (group !== GROUPS.ITS_REGS) return false;
      const read = parts.its.getRegister(Number(attr));
      if (read === 'EINVAL')
        refuse('EINVAL', `0x${attr.toString(16)} is no offset of a register`, 'KVM_HAS_DEVICE_ATTR');
      return typeof read === 'bigint';
    },
  };
}

function setAttribute(parts: ItsParts, { group, attr }: AttributeName, value: bigint | undefined): void {
  const { vgic, its, index, physBits } = parts;
  if (group === GROUPS.ADDR) {
    if (attr !== BigInt(ADDRESSES.ITS))
      refuse('ENODEV', `an ITS has an address of type ${ADDRESSES.ITS} only, not ${attr}`);
    const base = checkFrame(vgic.itsBase(index), readable(value), GITS_BYTES, FRAME_BYTES, physBits);
    vgic.setItsBase(index, base);
  } else if (group === GROUPS.CTRL) control(parts, attr);
  else if (group === GROUPS.ITS_REGS) {
    checkRegister(parts, 'KVM_SET_DEVICE_ATTR');
    const refused = its.setRegister(Number(attr), readable(value));
    if (refused) refuse(refused, `register 0x${attr.toString(16)} of the ITS does not take that`);
  } else refuse('ENXIO', `an ITS has no attribute group ${group}`);
}

function getAttribute(parts: ItsParts, { group, attr }: AttributeName): bigint {
  const call = 'KVM_GET_DEVICE_ATTR';
  if (group === GROUPS.ADDR) {
    if (attr !== BigInt(ADDRESSES.ITS))
      refuse('ENODEV', `an ITS has an address of type ${ADDRESSES.ITS} only, not ${attr}`, call);
    const base = parts.vgic.itsBase(parts.index);
    return Number.isNaN(base) ? NOWHERE : BigInt(base);
  }
  if (group !== GROUPS.ITS_REGS) refuse('ENXIO', `attribute ${attr} of group ${group} cannot be read`, call);
  checkRegister(parts, call);
  const read = parts.its.getRegister(Number(attr));
  return typeof read === 'bigint' ? read : refuse(read, `there is no register 0x${attr.toString(16)}`, call);
}

function checkRegister({ vgic, index }: ItsParts, call: AttributeCall): void {
  if (Number.isNaN(vgic.itsBase(index))) refuse('ENXIO', 'the ITS has no address yet', call);
  if (vgic.runningVcpus > 0) refuse('EBUSY', 'a vCPU is running', call);
}

function control({ vgic, its }: ItsParts, attr: bigint): void {
  if (!CONTROL_NUMBERS.includes(attr)) refuse('ENXIO', `an ITS has no control ${attr}`);
  if (attr === BigInt(CONTROLS.INIT)) return;
  if (vgic.runningVcpus > 0) refuse('EBUSY', 'a vCPU is running');
  if (attr === BigInt(CONTROLS.ITS_RESET)) {
    its.reset();
    return;
  }
  const saves = attr === BigInt(CONTROLS.ITS_SAVE_TABLES);
  const refused = saves ? its.saveTables() : its.restoreTables();
  if (refused)
    refuse(
      refused,
      saves ? 'the tables of the ITS cannot be saved' : 'what the tables hold cannot be restored',
    );
}
