import { GICR_STRIDE } from '../../arch/frames.ts';
import type { DeviceId, Intid, VcpuId } from '../../arch/intid.ts';
import { gicd, gicr } from '../../arch/registers.ts';
import { PAGE_64K } from '../../arch/tables.ts';
import { GicDriver, type RegisterBus, setUpIts } from '../../guest/index.ts';
import * as layout from './vector-layout.ts';
import type { RegisterPlace } from './vector-registers.ts';
import type { VectorTarget } from './vector-target.ts';

const { VECTOR_LAYOUT } = layout;
const FRAMES = { gicdBase: VECTOR_LAYOUT.GICD, gicrBase: VECTOR_LAYOUT.GICR };
const ALL_GROUP_1 = 0xffff_ffffn;

/** The registers of a target by address, for the guest's drivers. */
function busOf(target: VectorTarget): RegisterBus {
  return {
    read: (address, bytes) => target.read(placeOf(address), bytes) ?? 0n,
    write: (address, bytes, value) => target.write(placeOf(address), bytes, value),
  };
}

function placeOf(address: number): RegisterPlace {
  const inRedistributors = address - VECTOR_LAYOUT.GICR;
  if (inRedistributors >= 0) {
    const cpu = Math.floor(inRedistributors / GICR_STRIDE);
    return { frame: 'GICR', cpu, offset: inRedistributors % GICR_STRIDE };
  }
  const frame = address < VECTOR_LAYOUT.ITS ? 'GICD' : 'ITS';
  return { frame, offset: address - VECTOR_LAYOUT[frame] };
}

/** `setup-dist`: EnableGrp1, and every interrupt in group 1. */
export function setUpDistributor(target: VectorTarget, cpus: number): void {
  new GicDriver(busOf(target), FRAMES).enable();
  for (let n = 1; n < 8; n++) target.write({ frame: 'GICD', offset: gicd.IGROUPR + 4 * n }, 4, ALL_GROUP_1);
  for (let cpu = 0; cpu < cpus; cpu++)
    target.write({ frame: 'GICR', cpu, offset: gicr.IGROUPR0 }, 4, ALL_GROUP_1);
}

/** `setup-lpis`: zeroes the LPI tables, writes PROPBASER and PENDBASER, sets EnableLPIs. */
export function setUpLpis(target: VectorTarget, idBits: number, cpus: readonly VcpuId[]): void {
  const gic = new GicDriver(busOf(target), FRAMES);
  zero(target, VECTOR_LAYOUT.PROP, layout.CONFIGURATION_TABLE_BYTES);
  for (const cpu of cpus) {
    const pendingTable = layout.pendingTableOf(cpu);
    zero(target, pendingTable, layout.PENDING_TABLE_BYTES);
    gic.setLpiTables(cpu, { configTable: VECTOR_LAYOUT.PROP, pendingTable, idBits });
    gic.enableLpis(cpu);
  }
}

/** The tables and the queue that `setup-its` gives an ITS. */
export const vectorItsTables = (queuePages: number, its: layout.ItsNumber = 0) => ({
  deviceTable: VECTOR_LAYOUT.DEVTAB + its * layout.ITS1_TABLES,
  collectionTable: VECTOR_LAYOUT.COLLTAB + its * layout.ITS1_TABLES,
  pageSize: PAGE_64K,
  queue: VECTOR_LAYOUT.CMDQ + its * layout.ITS1_TABLES,
  queuePages,
});

/** `setup-its`: zeroes the ITS's tables, points BASER0, BASER1 and CBASER at them, sets Enabled. */
export function setUpVectorIts(target: VectorTarget, queuePages: number, its: layout.ItsNumber): void {
  const tables = vectorItsTables(queuePages, its);
  zero(target, tables.deviceTable, layout.DEVICE_TABLE_BYTES);
  zero(target, tables.collectionTable, layout.COLLECTION_TABLE_BYTES);
  zero(target, tables.queue, queuePages * 4096);
  // The address of a vector's ITS is that of ITS 0; the target knows which ITS is meant.
  setUpIts(busOf(target), VECTOR_LAYOUT.ITS, tables);
}

/** `zero-itt`: zeroes the default ITT of a device. */
export function zeroItt(target: VectorTarget, deviceId: DeviceId, its: layout.ItsNumber): void {
  zero(target, layout.defaultIttOf(deviceId, its), layout.ITT_BYTES);
}

function zero(target: VectorTarget, address: number, bytes: number): void {
  target.ramWrite(address, new Uint8Array(bytes));
}

/** The ICC_SGI1R values that reach `to`: one for all others, else one for each group of 16 vCPUs. */
export function sgiValues(intid: Intid, to: 'others' | readonly VcpuId[]): bigint[] {
  const id = BigInt(intid) << 24n;
  if (to === 'others') return [id | (1n << 40n)];
  const lists = new Map<number, number>();
  for (const cpu of to) lists.set(cpu >> 4, (lists.get(cpu >> 4) ?? 0) | (1 << (cpu & 15)));
  return [...lists].map(([aff1, targets]) => id | (BigInt(aff1) << 16n) | BigInt(targets));
}
