import { type DeviceId, type EventId, FIRST_LPI } from '../arch/intid.ts';
import { NO_HANDLE } from '../memory/slots.ts';
import { NOT_MAPPED } from './collections.ts';
import { COMMAND_ERRORS, OK } from './command-errors.ts';
import { addEvent, isCollectionStorable } from './commands/mapping.ts';
import { NO_DEVICE } from './devices.ts';
import { NO_EVENT } from './events.ts';
import type { ItsErrno } from './save.ts';
import { decodeCollection, decodeDevice, decodeEvent, SAVED_UNMAPPED } from './saved-entries.ts';
import {
  COLLECTION_TABLE,
  DEVICE_TABLE,
  type ItsState,
  removeAllCollections,
  removeAllDevices,
} from './state.ts';
import { ENTRY_BYTES, entryAddress, ID_BITS, NOT_STORABLE, secondLevel, tableOf } from './table-walk.ts';

/**
 * The result of a table scan: an error, the last entry (`ended`), or the end of the table without a last entry
 * (`through`).
 */
type Scanned = ItsErrno | 'ended' | 'through';

/**
 * Reads the tables that `saveTables` wrote, collections first. On an error unmaps everything, earlier mappings
 * included: KVM does so since 6.13, and left some mappings behind until then. Both locks held.
 * @see KVM_DEV_ARM_ITS_RESTORE_TABLES
 */
export function restoreTables(its: ItsState): ItsErrno | undefined {
  const failed = restoreCollections(its) ?? restoreDevices(its);
  if (failed) {
    removeAllDevices(its);
    removeAllCollections(its);
  }
  return failed;
}

function restoreCollections(its: ItsState): ItsErrno | undefined {
  const { collections, lpis, memory, registers } = its;
  const table = tableOf(registers.baser(COLLECTION_TABLE));
  if (!table.valid) return undefined;
  for (let at = 0; at < table.bytes; at += ENTRY_BYTES) {
    if (!memory.has(table.base + at, ENTRY_BYTES)) return 'EFAULT';
    const { valid, target, icid } = decodeCollection(memory.doubleWord(table.base + at));
    if (!valid) return undefined;
    if (target !== SAVED_UNMAPPED && target >= lpis.vcpus) return 'EINVAL';
    if (collections.find(icid) !== NO_HANDLE) return 'EEXIST';
    if (!isCollectionStorable(its, icid)) return 'EINVAL';
    const vcpu = target === SAVED_UNMAPPED ? NOT_MAPPED : target;
    if (collections.create(icid, vcpu) === NO_HANDLE) return 'ENOMEM';
  }
  return undefined;
}

function restoreDevices(its: ItsState): ItsErrno | undefined {
  const { memory, registers } = its;
  const table = tableOf(registers.baser(DEVICE_TABLE));
  if (!table.valid) return undefined;
  const one = (deviceId: DeviceId, entry: bigint) => restoreDevice(its, deviceId, entry);
  let scanned: Scanned;
  if (!table.indirect) scanned = scan(its, table.base, table.bytes, 0, one);
  else {
    const perPage = table.pageBytes / ENTRY_BYTES;
    scanned = scan(its, table.base, table.bytes, 0, (index) => {
      const page = secondLevel(memory, table, index);
      if (page === NOT_STORABLE) return 1;
      const inside = scan(its, page, table.pageBytes, index * perPage, one);
      if (inside === 'through') return 1;
      return inside === 'ended' ? 0 : inside;
    });
  }
  return scanned === 'ended' || scanned === 'through' ? undefined : scanned;
}

/** Restores a device and its events; returns the distance to the next device, 0 after the last. */
function restoreDevice(its: ItsState, deviceId: DeviceId, entry: bigint): number | ItsErrno {
  const { devices, memory, registers } = its;
  const { valid, next, ittAddr, bits } = decodeDevice(entry);
  if (!valid) return 1;
  if (entryAddress(memory, tableOf(registers.baser(DEVICE_TABLE)), deviceId) === NOT_STORABLE)
    return 'EINVAL';
  if (bits > ID_BITS) return 'EINVAL';
  if (devices.find(deviceId) !== NO_DEVICE) return 'EEXIST';
  const device = devices.create(deviceId, bits, ittAddr);
  if (device === NO_DEVICE) return 'ENOMEM';
  const scanned = scan(its, ittAddr, 2 ** bits * ENTRY_BYTES, 0, (eventId, saved) =>
    restoreEvent(its, device, eventId, saved),
  );
  return scanned === 'ended' || scanned === 'through' ? next : scanned;
}

function restoreEvent(its: ItsState, device: number, eventId: EventId, entry: bigint): number | ItsErrno {
  const { collections, devices, events, lpis } = its;
  const { lpi, next, icid } = decodeEvent(entry);
  if (lpi === 0) return 1;
  if (lpi < FIRST_LPI || lpi >= lpis.limit) return 'EINVAL';
  if (eventId + next >= 2 ** devices.bitsOf(device)) return 'EINVAL';
  const collection = collections.find(icid);
  if (collection === NO_HANDLE) return 'EINVAL';
  if (events.find(devices.deviceIdOf(device), eventId) !== NO_EVENT) return 'EEXIST';
  const outcome = addEvent(its, device, eventId, lpi, collection);
  if (outcome === OK) return next;
  return outcome === COMMAND_ERRORS.ENOMEM ? 'ENOMEM' : 'EFAULT';
}

/**
 * Reads the entries of a table. `restore` returns the distance to the next entry: 1 after an unused entry, 0 to stop.
 * @see scan_its_table in vgic-its.c
 */
function scan(
  { memory }: ItsState,
  base: number,
  bytes: number,
  firstId: number,
  restore: (id: number, entry: bigint) => number | ItsErrno,
): Scanned {
  for (let index = 0; index * ENTRY_BYTES < bytes; ) {
    const address = base + index * ENTRY_BYTES;
    if (!memory.has(address, ENTRY_BYTES)) return 'EFAULT';
    const step = restore(firstId + index, memory.doubleWord(address));
    if (typeof step === 'string') return step;
    if (step === 0) return 'ended';
    index += step;
  }
  return 'through';
}
