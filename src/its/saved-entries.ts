import type { Intid, VcpuId } from '../arch/intid.ts';
import { VALID } from '../arch/tables.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { ENTRY_BYTES } from './table-walk.ts';

/**
 * KVM's saved tables, ABI revision 0: the meaning of each table's 64-bit entries. `next` is the distance to the next
 * used entry, 0 for the last, clamped to its field.
 * @see Documentation/virt/kvm-abi/devices/arm-vgic-its.rst
 */
export type SavedDevice = {
  readonly valid: boolean;
  readonly next: number;
  readonly ittAddr: number;
  readonly bits: number;
};
export type SavedEvent = { readonly lpi: Intid; readonly next: number; readonly icid: number };
/** `target` is {@link SAVED_UNMAPPED} for a collection that an event names but no MAPC has mapped. */
export type SavedCollection = { readonly valid: boolean; readonly target: VcpuId; readonly icid: number };

export const SAVED_UNMAPPED = 0xffff_ffff;
/** Longest distances in the `next` fields. A reader steps to reach entries farther away. */
const MOST_NEXT_DEVICE = 2 ** 14 - 1;
const MOST_NEXT_EVENT = 2 ** 16 - 1;

export function encodeDevice({ next, ittAddr, bits }: Omit<SavedDevice, 'valid'>): bigint {
  const distance = BigInt(Math.min(next, MOST_NEXT_DEVICE));
  return VALID | (distance << 49n) | ((BigInt(ittAddr) >> 8n) << 5n) | BigInt(bits - 1);
}

export function decodeDevice(entry: bigint): SavedDevice {
  return {
    valid: (entry & VALID) !== 0n,
    next: Number((entry >> 49n) & 0x3fffn),
    ittAddr: Number(((entry >> 5n) & 0xfff_ffff_ffffn) << 8n),
    bits: Number(entry & 0x1fn) + 1,
  };
}

export function encodeEvent({ next, lpi, icid }: SavedEvent): bigint {
  return (BigInt(Math.min(next, MOST_NEXT_EVENT)) << 48n) | (BigInt(lpi) << 16n) | BigInt(icid);
}

export function decodeEvent(entry: bigint): SavedEvent {
  return {
    lpi: Number((entry >> 16n) & 0xffff_ffffn),
    next: Number((entry >> 48n) & 0xffffn),
    icid: Number(entry & 0xffffn),
  };
}

export function encodeCollection({ target, icid }: Omit<SavedCollection, 'valid'>): bigint {
  return VALID | (BigInt(target) << 16n) | BigInt(icid);
}

export function decodeCollection(entry: bigint): SavedCollection {
  return {
    valid: (entry & VALID) !== 0n,
    target: Number((entry >> 16n) & 0xffff_ffffn),
    icid: Number(entry & 0xffffn),
  };
}

/** Writes an entry; false where the address is outside guest memory. */
export function storeEntry(memory: GuestMemory, address: number, entry: bigint): boolean {
  if (!memory.has(address, ENTRY_BYTES)) return false;
  memory.setDoubleWord(address, entry);
  return true;
}
