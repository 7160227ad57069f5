import type { Intid, VcpuId } from '../arch/intid.ts';
import type { Register } from '../arch/register-table.ts';
import { interruptFields } from '../arch/registers.ts';
import type { Interrupts } from './interrupts.ts';
import type { GicPersonality } from './personality.ts';
import { endActive, retrigger } from './queueing.ts';
import {
  ACTIVE,
  EDGE,
  ENABLED,
  GROUP1,
  isPending,
  LATCH,
  LINE,
  MAPPED,
  PRIORITY,
  PRIORITY_SHIFT,
  priorityOf,
  targetOf,
  UNQUEUED,
} from './state.ts';

/** The interrupts of a register frame: all SPIs, or the SGIs and PPIs of one vCPU. */
export type InterruptBank = {
  readonly interrupts: Interrupts;
  readonly personality: GicPersonality;
  readonly vcpu: VcpuId;
  /** The frame covers INTIDs `from` to `to - 1`; fields of other INTIDs read as zero. */
  readonly from: number;
  readonly to: number;
  /** INTIDs below `fixedTriggers` have a fixed trigger. */
  readonly fixedTriggers: number;
};

/** A register with one field of 1, 2 or 8 bits for each interrupt. */
type Field = {
  readonly name: string;
  readonly at: number;
  readonly bits: 1 | 2 | 8;
  readonly sizes: readonly (1 | 4)[];
  readonly read: (state: number) => number;
  readonly write: (bank: InterruptBank, at: number, intid: Intid, value: number) => void;
};

const bit = (name: string, at: number, read: Field['read'], write: Field['write']): Field => ({
  name,
  at,
  bits: 1,
  sizes: [4],
  read,
  write,
});
const enabled = (state: number) => (state & ENABLED) / ENABLED;
/** Of a mapped interrupt: the level, without its latch. */
const pending = (state: number) =>
  (state & MAPPED) !== 0 ? (state & LINE) / LINE : isPending(state) ? 1 : 0;
const active = (state: number) => (state & ACTIVE) / ACTIVE;

/**
 * The registers with a field for each interrupt, at the same offsets in the distributor and in the SGI frame of a
 * redistributor. A write changes one interrupt after the other, each in one step; as in KVM, it is not atomic as a whole.
 * @see vgic-mmio.c
 */
const FIELDS: readonly Field[] = [
  bit(
    'IGROUPR',
    interruptFields.IGROUPR,
    (state) => (state & GROUP1) / GROUP1,
    ({ interrupts }, at, intid, value) => {
      // guard: igroupr-gives-group
      interrupts.change(at, intid, GROUP1, value === 0 ? 0 : GROUP1);
    },
  ),
  bit('ISENABLER', interruptFields.ISENABLER, enabled, ({ interrupts }, at, intid, value) => {
    // guard: isenabler-lists-pending
    if (value !== 0) interrupts.change(at, intid, 0, ENABLED);
  }),
  bit('ICENABLER', interruptFields.ICENABLER, enabled, ({ interrupts }, at, _intid, value) => {
    // guard: icenabler-disables
    if (value !== 0) interrupts.amend(at, ENABLED, 0);
  }),
  bit('ISPENDR', interruptFields.ISPENDR, pending, ({ interrupts }, at, intid, value) => {
    if (value !== 0) interrupts.change(at, intid, 0, LATCH);
  }),
  bit('ICPENDR', interruptFields.ICPENDR, pending, ({ interrupts }, at, _intid, value) => {
    // guard: icpendr-takes-latch
    if (value !== 0) interrupts.amend(at, LATCH | UNQUEUED, 0);
  }),
  bit('ISACTIVER', interruptFields.ISACTIVER, active, ({ interrupts }, at, intid, value) => {
    if (value === 0) return;
    interrupts.change(at, intid, 0, ACTIVE);
    interrupts.listActive(at, intid);
  }),
  bit('ICACTIVER', interruptFields.ICACTIVER, active, ({ interrupts }, at, intid, value) => {
    // guard: icactiver-ends
    if (value !== 0) endActive(interrupts, at, intid);
  }),
  {
    name: 'IPRIORITYR',
    at: interruptFields.IPRIORITYR,
    bits: 8,
    sizes: [1, 4],
    read: priorityOf,
    write: ({ interrupts, personality }, at, _intid, value) => {
      // guard: ipriorityr-takes-byte
      const before = interrupts.amend(at, PRIORITY, (value & personality.priorityMask) << PRIORITY_SHIFT);
      interrupts.ring(targetOf(before));
    },
  },
  {
    name: 'ICFGR',
    at: interruptFields.ICFGR,
    bits: 2,
    sizes: [4],
    // Int_config[1] selects edge or level; Int_config[0] reads as zero.
    read: (state) => ((state & EDGE) / EDGE) * 2,
    write: ({ interrupts, personality, fixedTriggers }, at, intid, value) => {
      // guard: icfgr-trigger-bit
      const edge = (value & 2) === 0 ? 0 : EDGE;
      if (intid < fixedTriggers) return;
      if (personality.requeues) interrupts.change(at, intid, EDGE, edge);
      else retrigger(interrupts, at, intid, edge);
    },
  },
];

/**
 * Rows of the registers in {@link FIELDS}, for a frame with INTIDs 0 to `intids - 1` that starts at offset `base`.
 * @param prefix - `GICD_` or `GICR_`
 */
export function interruptRegisters<Frame extends InterruptBank>(
  prefix: string,
  base: number,
  intids: number,
): Register<Frame>[] {
  return FIELDS.map((field) => ({
    name: `${prefix}${field.name}`,
    at: base + field.at,
    bytes: (intids * field.bits) / 8,
    sizes: field.sizes,
    read: (frame, offset, size) => readField(frame, field, offset, size),
    write: (frame, offset, size, value) => writeField(frame, field, offset, size, Number(value)),
  }));
}

function readField(bank: InterruptBank, field: Field, offset: number, size: number): bigint {
  const { interrupts } = bank;
  const first = (offset * 8) / field.bits;
  const begin = Math.max(first, bank.from);
  const end = Math.min(first + (size * 8) / field.bits, endOf(bank));
  if (begin >= end) return 0n;
  const at = interrupts.find(bank.vcpu, begin);
  let value = 0;
  for (let intid: Intid = begin; intid < end; intid++)
    value |= field.read(interrupts.state(at + intid - begin)) << ((intid - first) * field.bits);
  return BigInt(value >>> 0);
}

function writeField(bank: InterruptBank, field: Field, offset: number, size: number, value: number): void {
  const first = (offset * 8) / field.bits;
  const begin = Math.max(first, bank.from);
  const end = Math.min(first + (size * 8) / field.bits, endOf(bank));
  if (begin >= end) return;
  const at = bank.interrupts.find(bank.vcpu, begin);
  const mask = 2 ** field.bits - 1;
  for (let intid: Intid = begin; intid < end; intid++)
    field.write(bank, at + intid - begin, intid, (value >>> ((intid - first) * field.bits)) & mask);
}

/** One past the last existing INTID of a frame. The state words of a frame's INTIDs are contiguous. */
function endOf({ interrupts, to }: InterruptBank): number {
  return Math.min(to, interrupts.endSpi);
}
