import { SGI_FRAME } from '../../arch/frames.ts';
import { PRIVATE_INTIDS, type VcpuId } from '../../arch/intid.ts';
import { gicd, interruptFields } from '../../arch/registers.ts';
import { vcpuWith } from '../../gic/affinity.ts';
import { DISTRIBUTOR_REGISTERS } from '../../gic/distributor.ts';
import type { Gic } from '../../gic/gic.ts';
import { NONE } from '../../gic/interrupts.ts';
import { REDISTRIBUTOR_REGISTERS } from '../../gic/redistributor.ts';
import { EDGE, LATCH, LINE, MAPPED, UNQUEUED } from '../../gic/state.ts';
import { encode, findSystemRegister } from '../../gic/system-registers.ts';
import { VGIC_V3, type VgicState } from '../../kvm/vgic/vgic-state.ts';
import { type AttributeCall, type AttributeName, GROUPS, refuse } from './attribute.ts';

/** GICD_ISPENDR and ICPENDR, of 128 bytes each; in a redistributor's SGI frame the first word alone. */
const { ISPENDR, ICPENDR, ISACTIVER, ICACTIVER } = interruptFields;
const PENDING_BYTES = 0x80;
/** Userspace cannot change the active state of a HW-mapped interrupt. @see vgic_hw_irq_change_active */
const ACTIVE_WORDS: readonly number[] = [ISACTIVER, ICACTIVER];

const GROUPS_OF_REGISTERS: readonly number[] = [
  GROUPS.DIST_REGS,
  GROUPS.REDIST_REGS,
  GROUPS.CPU_SYSREGS,
  GROUPS.LEVEL_INFO,
];

const ICC_CTLR = encode(3, 0, 12, 12, 4);
const ICC_SRE = encode(3, 0, 12, 12, 5);
/** ICC_AP0R1 to 3 and ICC_AP1R1 to 3: known by name, and not there with 5 priority bits. */
const UPPER_ACTIVE_PRIORITIES: readonly number[] = [5, 6, 7]
  .map((op2) => encode(3, 0, 12, 8, op2))
  .concat([1, 2, 3].map((op2) => encode(3, 0, 12, 9, op2)));

/** GICD_IIDR.Revision, and the revisions that userspace may choose: 2 changes IGROUPR, 3 lets LPIs be disabled. */
const REVISION_SHIFT = 12;
const REVISION = 0xf << REVISION_SHIFT;
const OLDEST_REVISION = 2;

/** @throws KvmError EINVAL where more than the revision differs @see vgic_mmio_uaccess_write_v3_misc */
export function restoreIidr({ distributor, personality }: Gic, value: number): void {
  const revision = (value & REVISION) >>> REVISION_SHIFT;
  const known = revision >= OLDEST_REVISION && revision <= personality.revision;
  if (((value ^ personality.iidr) & ~REVISION) !== 0 || !known)
    refuse('EINVAL', `GICD_IIDR is 0x${personality.iidr.toString(16)} with a revision of 2 or 3`);
  distributor.revision = revision;
}

/** Fields of ICC_CTLR_EL1 that describe the host: PRIbits 10:8, IDbits 13:11, SEIS 14, A3V 15. */
const PRIORITY_BITS = 7 << 8;
const ID_BITS = 7 << 11;
const SAME = (1 << 14) | (1 << 15);

/**
 * Restores the host's fields of ICC_CTLR_EL1: accepts fewer priority and ID bits, each in turn, and refuses more.
 * @throws KvmError EINVAL
 * @see set_gic_ctlr in vgic-sys-reg-v3.c
 */
function restoreControl(gic: Gic, vcpu: VcpuId, value: number): void {
  const cpu = gic.cpuInterface(vcpu);
  for (const field of [PRIORITY_BITS, ID_BITS]) {
    const features = cpu.features ?? gic.personality.interfaceFeatures;
    if ((value & field) > (features & field)) refuse('EINVAL', 'ICC_CTLR_EL1 has more bits than this host');
    cpu.features = (features & ~field) | (value & field);
  }
  if (((value ^ gic.personality.interfaceFeatures) & SAME) !== 0)
    refuse('EINVAL', 'ICC_CTLR_EL1.SEIS and A3V are those of this host');
}

/** Groups whose registers KVM reaches as an access of 32 bits to the frame: where none is, a read gives 0 and a write does nothing. */
const FRAME_GROUPS: readonly number[] = [GROUPS.DIST_REGS, GROUPS.REDIST_REGS];

/** An attribute of a register group, taken apart. */
type Target = { readonly vcpu: VcpuId; readonly offset: number };

/**
 * Whether an attribute belongs to a register group of this vgic, and for KVM_HAS_DEVICE_ATTR names a register of it.
 * @throws KvmError ENOENT for an unknown system register, EINVAL for an affinity that no vCPU has, EBUSY before the vgic is
 * initialised and while a vCPU runs
 * @see KVM_DEV_ARM_VGIC_GRP_DIST_REGS and its kin; vgic_v3_attr_regs_access
 */
export function hasRegister(gic: Gic, vgic: VgicState, name: AttributeName, call: AttributeCall): boolean {
  if (vgic.model !== VGIC_V3 || !GROUPS_OF_REGISTERS.includes(name.group)) return false;
  const { vcpu, offset } = targetOf(gic, name);
  if (name.group !== GROUPS.DIST_REGS && (vcpu < 0 || vcpu >= vgic.onlineVcpus))
    refuse('EINVAL', `no vCPU has the affinity 0x${(name.attr >> 32n).toString(16)}`, call);
  if (!isKnown(gic, name.group, vcpu, offset)) {
    if (call === 'KVM_HAS_DEVICE_ATTR') return false;
    if (name.group === GROUPS.LEVEL_INFO)
      refuse('EINVAL', 'the information is LINE_LEVEL (0) of INTIDs that begin at a multiple of 32', call);
    if (name.group === GROUPS.CPU_SYSREGS)
      refuse('ENOENT', `there is no system register 0x${offset.toString(16)}`, call);
  }
  if (call === 'KVM_HAS_DEVICE_ATTR') return true;
  if (name.group === GROUPS.LEVEL_INFO && offset % PRIVATE_INTIDS !== 0)
    refuse('EINVAL', `INTID ${offset} is no multiple of 32`, call);
  if (name.group === GROUPS.CPU_SYSREGS && UPPER_ACTIVE_PRIORITIES.includes(offset) && vgic.initialised)
    refuse('EINVAL', 'with 5 priority bits there are no active priorities beyond the first register', call);
  if (!vgic.initialised)
    refuse('EBUSY', 'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first', call);
  if (vgic.runningVcpus > 0) refuse('EBUSY', 'a vCPU is running', call);
  return true;
}

/** Reads a register that {@link hasRegister} knows. Pending registers of userspace show the latch alone. */
export function readVgicRegister(gic: Gic, _vgic: VgicState, name: AttributeName): bigint {
  const { vcpu, offset } = targetOf(gic, name);
  if (name.group === GROUPS.CPU_SYSREGS) return gic.systemRegisters[vcpu]?.readSystemRegister(offset) ?? 0n;
  if (name.group === GROUPS.LEVEL_INFO) return bits(gic, vcpu, offset & 0x3ff, LINE, EDGE);
  if (!isKnown(gic, name.group, vcpu, offset)) return 0n;
  const pending = pendingWord(name.group, offset);
  if (pending) return pending.set ? bits(gic, vcpu, pending.first, LATCH | UNQUEUED) : 0n;
  if (name.group === GROUPS.DIST_REGS) return half(offset, (at, size) => gic.distributor.read(at, size));
  return half(offset, (at, size) => gic.redistributor(vcpu).read(at, size));
}

/** Writes a register that {@link hasRegister} knows. ISPENDR is the latches themselves, and ICPENDR is ignored. */
export function writeVgicRegister(gic: Gic, _vgic: VgicState, name: AttributeName, value: bigint): void {
  const { vcpu, offset } = targetOf(gic, name);
  if (name.group === GROUPS.CPU_SYSREGS) {
    if (offset === ICC_CTLR) restoreControl(gic, vcpu, Number(BigInt.asUintN(32, value)));
    if (offset === ICC_SRE && (value & 1n) === 0n) refuse('EINVAL', 'ICC_SRE_EL1.SRE is 1');
    gic.systemRegisters[vcpu]?.writeSystemRegister(offset, value);
    return;
  }
  if (FRAME_GROUPS.includes(name.group) && !isKnown(gic, name.group, vcpu, offset)) return;
  const word = Number(BigInt.asUintN(32, value));
  const pending = pendingWord(name.group, offset);
  const active = name.group === GROUPS.REDIST_REGS && ACTIVE_WORDS.includes(offset - SGI_FRAME);
  if (name.group === GROUPS.LEVEL_INFO) setBits(gic, vcpu, offset & 0x3ff, LINE, LINE, word);
  else if (pending) {
    if (pending.set) setBits(gic, vcpu, pending.first, LATCH | UNQUEUED, LATCH, word);
  } else if (name.group === GROUPS.DIST_REGS && offset === gicd.IIDR) restoreIidr(gic, word >>> 0);
  else if (name.group === GROUPS.DIST_REGS && offset === gicd.TYPER2 && word !== 0)
    refuse('EBUSY', 'GICD_TYPER2 is what it is');
  else if (name.group === GROUPS.DIST_REGS) gic.distributor.write(offset, 4, BigInt(word));
  else
    gic
      .redistributor(vcpu)
      .write(offset, 4, BigInt(active ? word & ~Number(bits(gic, vcpu, 0, MAPPED)) : word));
}

function targetOf(gic: Gic, { attr, group }: AttributeName): Target {
  const affinity = Number((attr >> 32n) & 0xffff_ffffn);
  const vcpu = group === GROUPS.DIST_REGS ? 0 : vcpuWith(affinity, gic.config.vcpus);
  return { vcpu, offset: Number(attr & 0xffff_ffffn) };
}

function isKnown(gic: Gic, group: number, vcpu: VcpuId, offset: number): boolean {
  // By name alone: reading some of them does something, ICC_IAR1_EL1 for one. Those are not userspace's.
  if (group === GROUPS.CPU_SYSREGS)
    return (
      gic.systemRegisters[vcpu] !== undefined &&
      (findSystemRegister(offset)?.saved === true || UPPER_ACTIVE_PRIORITIES.includes(offset))
    );
  if (group === GROUPS.LEVEL_INFO) return offset >>> 10 === 0;
  if (offset % 4 !== 0) return false;
  const registers = group === GROUPS.DIST_REGS ? DISTRIBUTOR_REGISTERS : REDISTRIBUTOR_REGISTERS;
  return registers.some(({ at, bytes }) => offset >= at && offset < at + bytes);
}

/** Which INTIDs a pending register has, and whether the register sets (ISPENDR) or clears. */
function pendingWord(group: number, offset: number): { first: number; set: boolean } | undefined {
  const inFrame = group === GROUPS.REDIST_REGS ? offset - SGI_FRAME : offset;
  const bytes = group === GROUPS.REDIST_REGS ? 4 : PENDING_BYTES;
  if (inFrame >= ISPENDR && inFrame < ISPENDR + bytes) return { first: (inFrame - ISPENDR) * 8, set: true };
  if (inFrame >= ICPENDR && inFrame < ICPENDR + bytes) return { first: (inFrame - ICPENDR) * 8, set: false };
  return undefined;
}

function half(offset: number, read: (at: number, size: number) => bigint): bigint {
  return read(offset, 4) & 0xffff_ffffn;
}

function bits(gic: Gic, vcpu: VcpuId, first: number, mask: number, without = 0): bigint {
  let word = 0;
  for (let bit = 0; bit < PRIVATE_INTIDS; bit++) {
    const at = gic.interrupts.find(vcpu, first + bit);
    const state = at === NONE ? 0 : gic.interrupts.state(at);
    if ((state & mask) !== 0 && (state & without) === 0) word |= 1 << bit;
  }
  return BigInt(word >>> 0);
}

/** Gives 32 interrupts the bits of `clear`: those of `set` where `word` has a one, none of them where it has not. */
function setBits(
  { interrupts }: Gic,
  vcpu: VcpuId,
  first: number,
  clear: number,
  set: number,
  word: number,
): void {
  for (let bit = 0; bit < PRIVATE_INTIDS; bit++) {
    const at = interrupts.find(vcpu, first + bit);
    if (at !== NONE) interrupts.change(at, first + bit, clear, (word & (1 << bit)) !== 0 ? set : 0);
  }
}
