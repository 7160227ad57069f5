import { FRAME_BYTES, GICD_BYTES } from '../../arch/frames.ts';
import { FIRST_SPI } from '../../arch/intid.ts';
import { IrqError } from '../../base/irq-error.ts';
import type { Gic } from '../../gic/gic.ts';
import type { V2Registers } from '../../gic/v2/gic-v2.ts';
import { VGIC_V2, VGIC_V3, type VgicState } from '../../kvm/vgic/vgic-state.ts';
import type { Vm } from '../../kvm/vm.ts';
import { V2_CPU_BYTES, V2_GICD_BYTES } from '../v2-bus.ts';
import {
  ADDRESSES,
  type AttributeName,
  CONTROLS,
  checkFrame,
  type Device,
  GROUPS,
  readable,
  refuse,
} from './attribute.ts';
import { addOnlyRegion, addRegion, packRegion, regionIndex } from './redistributors.ts';
import { hasRegister, readVgicRegister, writeVgicRegister } from './vgic-registers.ts';
import { hasV2Register, readV2Register, writeV2Register } from './vgic-v2-registers.ts';

/** The parts that a vgic device uses. */
export type VgicParts = {
  readonly vm: Vm;
  readonly gic: Gic;
  readonly gicV2?: V2Registers | undefined;
  readonly physBits: number;
};

const FEWEST_IRQS = 64;
/** VGIC_MAX_RESERVED: one above the special INTIDs, so 992 is the highest multiple of 32. */
const MOST_IRQS = 1023;
/** An unset address: VGIC_ADDR_UNDEF. */
const NOWHERE = 0xffff_ffff_ffff_ffffn;

/** The device KVM_DEV_TYPE_ARM_VGIC_V3, or V2, and its attributes. @see vgic-kvm-device.c, arm-vgic-v3.rst */
export function vgicDevice(parts: VgicParts): Device {
  return {
    set: (name, value) => setAttribute(parts, name, value),
    get: (name, value) => getAttribute(parts, name, value),
    has: (name) => hasAttribute(parts, name),
  };
}

function setAttribute(parts: VgicParts, name: AttributeName, value: bigint | undefined): void {
  const { vgic } = parts.vm;
  if (name.group === GROUPS.ADDR) setAddress(parts, name.attr, value);
  else if (name.group === GROUPS.NR_IRQS) setIrqs(parts, readable(value));
  else if (name.group === GROUPS.CTRL) control(parts, name.attr);
  else if (hasMaintenance(parts.gic, vgic, name)) setMaintenance(vgic, readable(value));
  else if (v2Of(parts)) setV2(parts, name, value);
  else if (hasRegister(parts.gic, vgic, name, 'KVM_SET_DEVICE_ATTR')) {
    writeVgicRegister(parts.gic, vgic, name, readable(value));
  } else refuse('ENXIO', `a vgic has no attribute group ${name.group}`);
}

/** The parts of the VM's GICv2; undefined where its interrupt controller is another. */
function v2Of({ vm, gic, gicV2 }: VgicParts) {
  return vm.vgic.model === VGIC_V2 && gicV2 ? { vm, gic, v2: gicV2 } : undefined;
}

function setV2(parts: VgicParts, name: AttributeName, value: bigint | undefined): void {
  const v2 = v2Of(parts);
  if (v2 && hasV2Register(v2, name, 'KVM_SET_DEVICE_ATTR')) writeV2Register(v2, name, readable(value));
  else refuse('ENXIO', `a GICv2 has no attribute group ${name.group}`);
}

function getAttribute(parts: VgicParts, name: AttributeName, value: bigint | undefined): bigint {
  const call = 'KVM_GET_DEVICE_ATTR';
  const {
    vm: { vgic },
    gic,
  } = parts;
  if (name.group === GROUPS.ADDR) return getAddress(vgic, name.attr, value);
  if (name.group === GROUPS.NR_IRQS) return BigInt(vgic.spis + FIRST_SPI);
  // No VM here has nested virtualization, so none has a maintenance interrupt of its own.
  if (hasMaintenance(gic, vgic, name)) return 0n;
  const v2 = v2Of(parts);
  if (v2 && hasV2Register(v2, name, call)) return readV2Register(v2, name);
  if (hasRegister(gic, vgic, name, call)) return readVgicRegister(gic, vgic, name);
  return refuse('ENXIO', `attribute ${name.attr} of group ${name.group} cannot be read`, call);
}

function hasAttribute(parts: VgicParts, name: AttributeName): boolean {
  const { gic, vm } = parts;
  const { vgic } = vm;
  if (name.group === GROUPS.ADDR) return addressesOf(vgic).includes(Number(name.attr));
  if (name.group === GROUPS.NR_IRQS || hasMaintenance(gic, vgic, name)) return true;
  if (name.group === GROUPS.CTRL) {
    const tables = vgic.model === VGIC_V3 && name.attr === BigInt(CONTROLS.SAVE_PENDING_TABLES);
    return name.attr === BigInt(CONTROLS.INIT) || tables;
  }
  const v2 = v2Of(parts);
  if (v2) return hasV2Register(v2, name, 'KVM_HAS_DEVICE_ATTR');
  return hasRegister(gic, vgic, name, 'KVM_HAS_DEVICE_ATTR');
}

/** KVM_DEV_ARM_VGIC_GRP_MAINT_IRQ: the maintenance interrupt of a nested hypervisor. */
const hasMaintenance = ({ personality }: Gic, { model }: VgicState, { group }: AttributeName) =>
  group === GROUPS.MAINT_IRQ && model === VGIC_V3 && personality.hasMaintenanceGroup;

function setMaintenance(vgic: VgicState, value: bigint): void {
  if (vgic.initialised) refuse('EBUSY', 'the maintenance interrupt comes before KVM_DEV_ARM_VGIC_CTRL_INIT');
  if (value !== 0n)
    refuse('EINVAL', 'this VM has no nested virtualization, so its maintenance interrupt is 0');
}

function addressesOf(vgic: VgicState): readonly number[] {
  const { V2_DIST, V2_CPU, V3_DIST, V3_REDIST, V3_REDIST_REGION } = ADDRESSES;
  return vgic.model === VGIC_V2 ? [V2_DIST, V2_CPU] : [V3_DIST, V3_REDIST, V3_REDIST_REGION];
}

function setAddress({ vm: { vgic }, physBits }: VgicParts, attr: bigint, value: bigint | undefined): void {
  const type = Number(attr);
  if (!addressesOf(vgic).includes(type)) refuse('ENXIO', `this vgic has no address of type ${attr}`);
  const base = readable(value);
  if (type === ADDRESSES.V3_DIST) {
    vgic.distributor = checkFrame(vgic.distributor, base, GICD_BYTES, FRAME_BYTES, physBits);
  } else if (type === ADDRESSES.V2_DIST) {
    vgic.distributorV2 = checkFrame(vgic.distributorV2, base, V2_GICD_BYTES, 0x1000, physBits);
  } else if (type === ADDRESSES.V2_CPU) {
    vgic.cpuInterface = checkFrame(vgic.cpuInterface, base, V2_CPU_BYTES, 0x1000, physBits);
  } else if (type === ADDRESSES.V3_REDIST) addOnlyRegion(vgic, base, physBits);
  else addRegion(vgic, base, physBits);
}

function getAddress(vgic: VgicState, attr: bigint, value: bigint | undefined): bigint {
  const call = 'KVM_GET_DEVICE_ATTR';
  const type = Number(attr);
  if (!addressesOf(vgic).includes(type)) refuse('ENXIO', `this vgic has no address of type ${attr}`, call);
  if (type === ADDRESSES.V3_REDIST_REGION) {
    const index = regionIndex(readable(value, call));
    const region = vgic.redistributors[index];
    return region
      ? packRegion(index, region)
      : refuse('ENOENT', `there is no redistributor region ${index}`, call);
  }
  const only = vgic.redistributors.find(({ count }) => count === 0)?.base ?? Number.NaN;
  const bases: Readonly<Record<number, number>> = {
    [ADDRESSES.V3_REDIST]: only,
    [ADDRESSES.V2_DIST]: vgic.distributorV2,
    [ADDRESSES.V2_CPU]: vgic.cpuInterface,
  };
  const base = bases[type] ?? vgic.distributor;
  return Number.isNaN(base) ? NOWHERE : BigInt(base);
}

function setIrqs({ vm: { vgic }, gic }: VgicParts, value: bigint): void {
  const irqs = Number(value);
  if (irqs < FEWEST_IRQS || irqs > MOST_IRQS || irqs % 32 !== 0)
    refuse('EINVAL', `the INTIDs, the 32 private ones with them, are 64 to 992 in steps of 32, not ${irqs}`);
  if (vgic.initialised || vgic.spis !== 0)
    refuse('EBUSY', 'the number of INTIDs is set once, before KVM_DEV_ARM_VGIC_CTRL_INIT');
  gic.interrupts.resize(irqs - FIRST_SPI);
  vgic.spis = irqs - FIRST_SPI;
}

function control({ vm, gic }: VgicParts, attr: bigint): void {
  const { vgic } = vm;
  if (attr === BigInt(CONTROLS.INIT)) {
    if (vgic.createdVcpus !== vgic.onlineVcpus) refuse('EBUSY', 'a vCPU is being created');
    vm.initVgic();
    return;
  }
  if (attr !== BigInt(CONTROLS.SAVE_PENDING_TABLES) || vgic.model !== VGIC_V3)
    refuse('ENXIO', `a vgic has no control ${attr}`);
  if (!vgic.initialised)
    refuse('ENXIO', 'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first');
  if (vgic.runningVcpus > 0) refuse('EBUSY', 'a vCPU is running');
  try {
    gic.lpis.savePendingTables();
  } catch (error) {
    if (!(error instanceof IrqError) || error.code !== 'ERR_GUEST_ADDRESS') throw error;
    refuse('EFAULT', 'a pending table lies outside memory');
  }
}
