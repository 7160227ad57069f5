import { SGI_FRAME } from '../../arch/frames.ts';
import { PRIVATE_INTIDS } from '../../arch/intid.ts';
import { interruptFields } from '../../arch/registers.ts';
import { vcpuWith } from '../../gic/affinity.ts';
import { DISTRIBUTOR_REGISTERS } from '../../gic/distributor.ts';
import type { Gic } from '../../gic/gic.ts';
import { NONE } from '../../gic/interrupts.ts';
import { REDISTRIBUTOR_REGISTERS } from '../../gic/redistributor.ts';
import { HELD, LATCH, LINE } from '../../gic/state.ts';
import { findSystemRegister } from '../../gic/system-registers.ts';
import { VGIC_V3, type VgicState } from '../../kvm/vgic/vgic-state.ts';
import { type AttributeCall, type AttributeName, GROUPS, refuse } from './attribute.ts';

/** GICD_ISPENDR and ICPENDR, of 128 bytes each; in a redistributor's SGI frame the first word alone. */
const { ISPENDR, ICPENDR } = interruptFields;
const PENDING_BYTES = 0x80;

const GROUPS_OF_REGISTERS: readonly number[] = [
  GROUPS.DIST_REGS,
  GROUPS.REDIST_REGS,
  GROUPS.CPU_SYSREGS,
  GROUPS.LEVEL_INFO,
];

/** An attribute of a register group, taken apart. */
type Target = { readonly vcpu: number; readonly offset: number };

/**
 * Whether an attribute names a register of this vgic; false for another group.
 * @throws KvmError ENXIO unknown or misaligned, EINVAL for an affinity that no vCPU has, EBUSY before the vgic is
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
    refuse('ENXIO', `there is no register 0x${offset.toString(16)} in group ${name.group}`, call);
  }
  if (call === 'KVM_HAS_DEVICE_ATTR') return true;
  if (!vgic.initialised)
    refuse('EBUSY', 'the vgic is not initialised: KVM_DEV_ARM_VGIC_CTRL_INIT comes first', call);
  if (vgic.runningVcpus > 0) refuse('EBUSY', 'a vCPU is running', call);
  return true;
}

/** Reads a register that {@link hasRegister} knows. Pending registers of userspace show the latch alone. */
export function readVgicRegister(gic: Gic, _vgic: VgicState, name: AttributeName): bigint {
  const { vcpu, offset } = targetOf(gic, name);
  if (name.group === GROUPS.CPU_SYSREGS) return gic.systemRegisters[vcpu]?.readSystemRegister(offset) ?? 0n;
  if (name.group === GROUPS.LEVEL_INFO) return bits(gic, vcpu, offset & 0x3ff, LINE);
  const pending = pendingWord(name.group, offset);
  if (pending) return pending.set ? bits(gic, vcpu, pending.first, LATCH | HELD) : 0n;
  if (name.group === GROUPS.DIST_REGS) return half(offset, (at, size) => gic.distributor.read(at, size));
  return half(offset, (at, size) => gic.redistributor(vcpu).read(at, size));
}

/** Writes a register that {@link hasRegister} knows. ISPENDR is the latches themselves, and ICPENDR is ignored. */
export function writeVgicRegister(gic: Gic, _vgic: VgicState, name: AttributeName, value: bigint): void {
  const { vcpu, offset } = targetOf(gic, name);
  if (name.group === GROUPS.CPU_SYSREGS) {
    gic.systemRegisters[vcpu]?.writeSystemRegister(offset, value);
    return;
  }
  const word = Number(BigInt.asUintN(32, value));
  const pending = pendingWord(name.group, offset);
  if (name.group === GROUPS.LEVEL_INFO) setBits(gic, vcpu, offset & 0x3ff, LINE, LINE, word);
  else if (pending) {
    if (pending.set) setBits(gic, vcpu, pending.first, LATCH | HELD, LATCH, word);
  } else if (name.group === GROUPS.DIST_REGS) gic.distributor.write(offset, 4, BigInt(word));
  else gic.redistributor(vcpu).write(offset, 4, BigInt(word));
}

function targetOf(gic: Gic, { attr, group }: AttributeName): Target {
  const affinity = Number((attr >> 32n) & 0xffff_ffffn);
  const vcpu = group === GROUPS.DIST_REGS ? 0 : vcpuWith(affinity, gic.config.vcpus);
  return { vcpu, offset: Number(attr & 0xffff_ffffn) };
}

function isKnown(gic: Gic, group: number, vcpu: number, offset: number): boolean {
  // By name alone: reading some of them does something, ICC_IAR1_EL1 for one. Those are not userspace's.
  if (group === GROUPS.CPU_SYSREGS)
    return gic.systemRegisters[vcpu] !== undefined && findSystemRegister(offset)?.saved === true;
  if (group === GROUPS.LEVEL_INFO) return offset >>> 10 === 0 && offset % 32 === 0;
  if (offset % 4 !== 0) return false;
  const registers = group === GROUPS.DIST_REGS ? DISTRIBUTOR_REGISTERS : REDISTRIBUTOR_REGISTERS;
  return registers.some(({ at, bytes }) => offset >= at && offset < at + bytes);
}

/** Which INTIDs a pending register has, and whether it is the one that sets. */
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

function bits(gic: Gic, vcpu: number, first: number, mask: number): bigint {
  let word = 0;
  for (let bit = 0; bit < PRIVATE_INTIDS; bit++) {
    const at = gic.interrupts.find(vcpu, first + bit);
    if (at !== NONE && (gic.interrupts.state(at) & mask) !== 0) word |= 1 << bit;
  }
  return BigInt(word >>> 0);
}

/** Gives 32 interrupts the bits of `clear`: those of `set` where `word` has a one, none of them where it has not. */
function setBits(
  { interrupts }: Gic,
  vcpu: number,
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
