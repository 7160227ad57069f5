import { FIRST_PPI, type Intid, PRIVATE_INTIDS, type VcpuId } from '../../arch/intid.ts';
import { gicd, interruptFields } from '../../arch/registers.ts';
import type { Gic } from '../../gic/gic.ts';
import { LATCH, NONE, UNQUEUED } from '../../gic/state.ts';
import { GICC } from '../../gic/v2/cpu-frame.ts';
import type { V2Registers } from '../../gic/v2/gic-v2.ts';
import type { Vm } from '../../kvm/vm.ts';
import { type AttributeCall, type AttributeName, GROUPS, refuse } from './attribute.ts';
import { restoreIidr } from './vgic-registers.ts';

const ALL_SOURCES = 0xff;
/** GICC_IIDR of KVM: product 0x4b, architecture 2, Arm. */
const KVM_GICC_IIDR = 0x04b2_043b;
/** Userland's GICC_PMR has the five implemented bits only. */
const PMR_SHIFT = 3;
const APR_BYTES = 16;
/** Registers of the CPU interface that userland knows by name; KVM_GET_DEVICE_ATTR of any other reads 0. */
const SAVED: readonly number[] = [GICC.CTLR, GICC.PMR, GICC.BPR, GICC.ABPR, GICC.IIDR, GICC.DIR];

type Parts = { readonly vm: Vm; readonly gic: Gic; readonly v2: V2Registers };
type Target = { readonly vcpu: VcpuId; readonly offset: number };

const isRegister = ({ group }: AttributeName) => group === GROUPS.DIST_REGS || group === GROUPS.CPU_REGS;

/**
 * Whether an attribute is a register of this GICv2; KVM_HAS_DEVICE_ATTR asks for one that is named. Any other call initialises the GICv2.
 * @throws KvmError EINVAL for a vCPU that does not exist, EBUSY while a vCPU runs
 * @see vgic_v2_attr_regs_access
 */
export function hasV2Register({ vm, v2 }: Parts, name: AttributeName, call: AttributeCall): boolean {
  if (!isRegister(name)) return false;
  const { vcpu, offset } = targetOf(name);
  if (vcpu >= vm.vgic.onlineVcpus) refuse('EINVAL', `there is no vCPU ${vcpu}`, call);
  if (call === 'KVM_HAS_DEVICE_ATTR') {
    if (name.group === GROUPS.DIST_REGS) return offset % 4 === 0 && v2.distributor.has(offset);
    return SAVED.includes(offset) || (offset >= GICC.APR && offset < GICC.APR + APR_BYTES);
  }
  vm.initVgic();
  if (vm.vgic.runningVcpus > 0) refuse('EBUSY', 'a vCPU is running', call);
  return true;
}

export function readV2Register({ v2 }: Parts, name: AttributeName): bigint {
  const { vcpu, offset } = targetOf(name);
  if (name.group === GROUPS.DIST_REGS) return v2.distributor.read(vcpu, offset, 4);
  const frame = v2.frames[vcpu];
  if (!frame) return 0n;
  if (offset === GICC.CTLR) return BigInt(frame.control);
  if (offset === GICC.PMR) return BigInt(frame.read(GICC.PMR) >>> PMR_SHIFT);
  if (offset === GICC.BPR) return BigInt(frame.binaryPoint(0));
  if (offset === GICC.ABPR) return BigInt(frame.binaryPoint(1));
  if (offset === GICC.APR) return BigInt(frame.read(GICC.APR));
  return offset === GICC.IIDR ? BigInt(KVM_GICC_IIDR) : 0n;
}

export function writeV2Register(parts: Parts, name: AttributeName, written: bigint): void {
  const { vcpu, offset } = targetOf(name);
  const value = Number(BigInt.asUintN(32, written));
  if (name.group === GROUPS.DIST_REGS) {
    writeDistributor(parts, vcpu, offset, value);
    return;
  }
  const frame = parts.v2.frames[vcpu];
  if (offset === GICC.PMR) frame?.write(GICC.PMR, value << PMR_SHIFT);
  else if (offset === GICC.BPR) frame?.setBinaryPoint(0, value);
  else if (offset === GICC.ABPR) frame?.setBinaryPoint(1, value);
  else if (offset === GICC.CTLR || offset === GICC.APR) frame?.write(offset, value);
}

function writeDistributor({ gic, v2 }: Parts, vcpu: VcpuId, offset: number, value: number): void {
  const { ISPENDR, ICPENDR } = interruptFields;
  if (offset === gicd.IIDR) restoreIidr(gic, value);
  else if (offset === ISPENDR || offset === ICPENDR) writePending(gic, v2, vcpu, offset === ISPENDR, value);
  // KVM sends no SGI for userland.
  else if (offset !== gicd.SGIR) v2.distributor.write(vcpu, offset, 4, BigInt(value));
}

/** Pending bits of a vCPU's own interrupts. KVM does not know the source of an SGI here: it takes the vCPU itself, or ends all sources. */
function writePending(
  { interrupts }: Gic,
  { sgis }: V2Registers,
  vcpu: VcpuId,
  sets: boolean,
  value: number,
): void {
  for (let intid: Intid = 0; intid < PRIVATE_INTIDS; intid++) {
    const at = interrupts.find(vcpu, intid);
    if ((value & (1 << intid)) === 0 || at === NONE) continue;
    if (intid < FIRST_PPI && sets) sgis.send(vcpu, intid, 1 << vcpu);
    else if (intid < FIRST_PPI) sgis.withdraw(vcpu, intid, ALL_SOURCES);
    else if (sets) interrupts.change(at, intid, 0, LATCH);
    else interrupts.amend(at, LATCH | UNQUEUED, 0);
  }
}

function targetOf({ attr }: AttributeName): Target {
  return { vcpu: Number((attr >> 32n) & 0xffn), offset: Number(attr & 0xffff_ffffn) };
}
