import type { DeviceId, VcpuId } from '../../arch/intid.ts';

/**
 * Guest-physical addresses of a conformance vector's machine. The recorded answers contain these addresses, so they cannot
 * change. Redistributor n is at `GICR + n * GICR_STRIDE`, its pending table at
 * `PEND + n * PENDING_TABLE_BYTES`, the default ITT of device d at `ITT + (d & 0xff) * ITT_BYTES`; the ITS's
 * translation frame is the second half of its 128 KiB. ITS 1 has its frame at ITS1, and its tables, its queue and its ITTs
 * {@link ITS1_TABLES} bytes behind those of ITS 0.
 */
export const VECTOR_LAYOUT = {
  GICD: 0x0800_0000,
  ITS: 0x0808_0000,
  ITS1: 0x0c10_0000,
  GICR: 0x080a_0000,
  GICR_STRIDE: 0x2_0000,
  RAM: 0x4000_0000,
  PROP: 0x4100_0000,
  PEND: 0x4110_0000,
  DEVTAB: 0x4120_0000,
  COLLTAB: 0x4130_0000,
  CMDQ: 0x4140_0000,
  ITT: 0x4150_0000,
  L2: 0x41a0_0000,
} as const;

/** The guest memory of a vector's machine: 128 MiB from {@link VECTOR_LAYOUT}.RAM on. */
export const VECTOR_RAM_BYTES = 0x800_0000;

export const PENDING_TABLE_BYTES = 0x1_0000;
export const CONFIGURATION_TABLE_BYTES = 0x1_0000;
export const DEVICE_TABLE_BYTES = 0x1_0000;
export const COLLECTION_TABLE_BYTES = 0x1_0000;
export const ITT_BYTES = 0x4000;

/** How many vCPUs can have a pending table of their own. */
export const PENDING_TABLES = (VECTOR_LAYOUT.DEVTAB - VECTOR_LAYOUT.PEND) / PENDING_TABLE_BYTES;

export const pendingTableOf = (cpu: VcpuId) => VECTOR_LAYOUT.PEND + cpu * PENDING_TABLE_BYTES;

/** Number of an ITS of a vector's machine. */
export type ItsNumber = 0 | 1;

/** Bytes from a table of ITS 0 to that of ITS 1. */
export const ITS1_TABLES = 0x100_0000;

export const defaultIttOf = (deviceId: DeviceId, its: ItsNumber) =>
  VECTOR_LAYOUT.ITT + its * ITS1_TABLES + (deviceId & 0xff) * ITT_BYTES;
