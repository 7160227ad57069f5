import * as layout from './vector-layout.ts';
import type { RegisterPlace } from './vector-registers.ts';
import type { VectorTarget } from './vector-target.ts';

const { VECTOR_LAYOUT } = layout;
const VALID = 1n << 63n;
const PAGES_64K = 2n << 8n; // GITS_BASERn.Page_Size
const ALL_GROUP_1 = 0xffff_ffffn;

const gicd = (offset: number): RegisterPlace => ({ frame: 'GICD', offset });
const gits = (offset: number): RegisterPlace => ({ frame: 'ITS', offset });
const gicr = (cpu: number, offset: number): RegisterPlace => ({ frame: 'GICR', cpu, offset });

/** `setup-dist`: EnableGrp1, and every interrupt in group 1. */
export function setUpDistributor(target: VectorTarget, cpus: number): void {
  target.write(gicd(0), 4, 2n);
  for (let n = 1; n < 8; n++) target.write(gicd(0x80 + 4 * n), 4, ALL_GROUP_1);
  for (let cpu = 0; cpu < cpus; cpu++) target.write(gicr(cpu, 0x1_0080), 4, ALL_GROUP_1);
}

/** `setup-lpis`: zeroes the LPI tables, writes PROPBASER and PENDBASER, sets EnableLPIs. */
export function setUpLpis(target: VectorTarget, idBits: number, cpus: readonly number[]): void {
  zero(target, VECTOR_LAYOUT.PROP, layout.CONFIGURATION_TABLE_BYTES);
  for (const cpu of cpus) {
    const pending = layout.pendingTableOf(cpu);
    zero(target, pending, layout.PENDING_TABLE_BYTES);
    target.write(gicr(cpu, 0x70), 8, BigInt(VECTOR_LAYOUT.PROP + idBits - 1));
    target.write(gicr(cpu, 0x78), 8, BigInt(pending));
    target.write(gicr(cpu, 0), 4, 1n);
  }
}

/** `setup-its`: zeroes the ITS's tables, points BASER0, BASER1 and CBASER at them, sets Enabled. */
export function setUpIts(target: VectorTarget, queuePages: number): void {
  zero(target, VECTOR_LAYOUT.DEVTAB, layout.DEVICE_TABLE_BYTES);
  zero(target, VECTOR_LAYOUT.COLLTAB, layout.COLLECTION_TABLE_BYTES);
  zero(target, VECTOR_LAYOUT.CMDQ, queuePages * 4096);
  target.write(gits(0x100), 8, VALID | PAGES_64K | BigInt(VECTOR_LAYOUT.DEVTAB));
  target.write(gits(0x108), 8, VALID | PAGES_64K | BigInt(VECTOR_LAYOUT.COLLTAB));
  target.write(gits(0x80), 8, VALID | BigInt(VECTOR_LAYOUT.CMDQ + queuePages - 1));
  target.write(gits(0x88), 8, 0n);
  target.write(gits(0), 4, 1n);
}

/** `zero-itt`: zeroes the default ITT of a device. */
export function zeroItt(target: VectorTarget, deviceId: number): void {
  zero(target, layout.defaultIttOf(deviceId), layout.ITT_BYTES);
}

function zero(target: VectorTarget, address: number, bytes: number): void {
  target.ramWrite(address, new Uint8Array(bytes));
}

/** The ICC_SGI1R values that reach `to`: one for all others, else one for each group of 16 vCPUs. */
export function sgiValues(intid: number, to: 'others' | readonly number[]): bigint[] {
  const id = BigInt(intid) << 24n;
  if (to === 'others') return [id | (1n << 40n)];
  const lists = new Map<number, number>();
  for (const cpu of to) lists.set(cpu >> 4, (lists.get(cpu >> 4) ?? 0) | (1 << (cpu & 15)));
  return [...lists].map(([aff1, targets]) => id | (BigInt(aff1) << 16n) | BigInt(targets));
}
