import { INDIRECT, VALID } from '../arch/tables.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';

/** Bytes of an entry of the device and the collection table: GITS_BASERn.Entry_Size + 1. */
export const ENTRY_BYTES = 8;
/** Bits of a DeviceID and of a collection number. */
export const ID_BITS = 16;

const PAGE_BYTES = [4096, 16_384, 65_536, 65_536] as const;

/** A table that a GITS_BASERn describes. Addresses are guest-physical, sizes in bytes. */
export type Table = {
  readonly valid: boolean;
  readonly indirect: boolean;
  readonly base: number;
  readonly bytes: number;
  readonly pageBytes: number;
};

/** Decodes a GITS_BASERn. With pages of 64 KiB, its bits [15:12] are bits [51:48] of the address. */
export function tableOf(baser: bigint): Table {
  const pageBytes = PAGE_BYTES[Number((baser >> 8n) & 3n)] ?? 65_536;
  const base =
    pageBytes === 65_536
      ? (baser & 0xffff_ffff_0000n) | (((baser >> 12n) & 0xfn) << 48n)
      : baser & 0xffff_ffff_f000n;
  return {
    valid: (baser & VALID) !== 0n,
    indirect: (baser & INDIRECT) !== 0n,
    base: Number(base),
    bytes: (Number(baser & 0xffn) + 1) * pageBytes,
    pageBytes,
  };
}

/** The address in a first-level entry of a two-level table, or {@link NOT_STORABLE} if it is not valid. */
export function secondLevel(memory: GuestMemory, table: Table, index: number): number {
  const high = memory.word(table.base + index * ENTRY_BYTES + 4);
  const low = memory.word(table.base + index * ENTRY_BYTES);
  if (high >= 0) return NOT_STORABLE;
  return (high & 0xf_ffff) * 2 ** 32 + ((low & -table.pageBytes) >>> 0);
}

/** Returned where the table has no place for the entry. */
export const NOT_STORABLE = -1;

/**
 * The guest-physical address of the entry of `id`, or {@link NOT_STORABLE} if the table is not valid, has no such entry,
 * has no second level there, or the entry's page is not in guest memory.
 * @see vgic_its_check_id in vgic-its.c
 */
export function entryAddress(memory: GuestMemory, table: Table, id: number): number {
  if (!table.valid || id >= 2 ** ID_BITS) return NOT_STORABLE;
  let address = table.base + id * ENTRY_BYTES;
  if (!table.indirect) {
    if (id >= table.bytes / ENTRY_BYTES) return NOT_STORABLE;
  } else {
    const perPage = table.pageBytes / ENTRY_BYTES;
    const index = Math.floor(id / perPage);
    if (index >= table.bytes / ENTRY_BYTES) return NOT_STORABLE;
    if (!memory.has(table.base + index * ENTRY_BYTES, ENTRY_BYTES)) return NOT_STORABLE;
    const page = secondLevel(memory, table, index);
    if (page === NOT_STORABLE) return NOT_STORABLE;
    address = page + (id % perPage) * ENTRY_BYTES;
  }
  return memory.has(address, ENTRY_BYTES) ? address : NOT_STORABLE;
}
