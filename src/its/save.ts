import { NO_HANDLE } from '../memory/slots.ts';
import { NOT_MAPPED } from './collections.ts';
import { encodeCollection, encodeDevice, encodeEvent, SAVED_UNMAPPED, storeEntry } from './saved-entries.ts';
import { COLLECTION_TABLE, DEVICE_TABLE, type ItsState } from './state.ts';
import { ENTRY_BYTES, entryAddress, NOT_STORABLE, type Table, tableOf } from './table-walk.ts';

/** The errnos of KVM's ITS device, by name: for saving and restoring tables, and for register access. */
export type ItsErrno = 'EACCES' | 'EBUSY' | 'EEXIST' | 'EFAULT' | 'EINVAL' | 'ENOMEM' | 'ENXIO';

/**
 * Writes devices, their events, and collections into the tables in guest memory, in KVM's format. Leaves out a table
 * whose GITS_BASERn is not valid. EACCES: an event is mapped to a vLPI, of which the format knows nothing. Both locks held. On an error, some of the tables may have been written.
 * @see KVM_DEV_ARM_ITS_SAVE_TABLES
 */
export function saveTables(its: ItsState): ItsErrno | undefined {
  if (its.vpes !== undefined && hasVirtualEvent(its)) return 'EACCES';
  return saveDevices(its) ?? saveCollections(its);
}

function hasVirtualEvent({ events }: ItsState): boolean {
  let found = false;
  events.forEach((event) => {
    found ||= events.lpiOf(event) < 0;
  });
  return found;
}

function saveDevices(its: ItsState): ItsErrno | undefined {
  const { devices, memory, registers } = its;
  const table = tableOf(registers.baser(DEVICE_TABLE));
  if (!table.valid) return undefined;
  const sorted: number[] = [];
  devices.forEach((device) => {
    sorted.push(device);
  });
  sorted.sort((a, b) => devices.deviceIdOf(a) - devices.deviceIdOf(b));
  for (const [index, device] of sorted.entries()) {
    const deviceId = devices.deviceIdOf(device);
    const address = entryAddress(memory, table, deviceId);
    if (address === NOT_STORABLE && its.personality.savesWhatItReaches) continue;
    if (address === NOT_STORABLE) return 'EINVAL';
    const failed = saveEvents(its, device);
    if (failed) return failed;
    const after = sorted[index + 1];
    const next = after === undefined ? 0 : devices.deviceIdOf(after) - deviceId;
    const entry = encodeDevice({ next, ittAddr: devices.ittOf(device), bits: devices.bitsOf(device) });
    if (!storeEntry(memory, address, entry)) return 'EFAULT';
  }
  return undefined;
}

/**
 * KVM's format names collections by number, so it cannot hold an event whose collection has ended. Such an event is
 * left out and its old entry zeroed: a restore must not put the event into a later collection of that number.
 */
function saveEvents(
  { collections, devices, events, memory }: ItsState,
  device: number,
): ItsErrno | undefined {
  const itt = devices.ittOf(device);
  const sorted: number[] = [];
  let written = true;
  events.forEachOf(device, (event) => {
    if (events.collectionOf(event) !== NO_HANDLE) sorted.push(event);
    else written &&= storeEntry(memory, itt + events.eventIdOf(event) * ENTRY_BYTES, 0n);
  });
  sorted.sort((a, b) => events.eventIdOf(a) - events.eventIdOf(b));
  for (const [index, event] of sorted.entries()) {
    const eventId = events.eventIdOf(event);
    const after = sorted[index + 1];
    // guard: saved-event-has-distance
    const next = after === undefined ? 0 : events.eventIdOf(after) - eventId;
    const icid = collections.icidOf(events.collectionOf(event));
    // guard: saved-event-has-collection
    const entry = encodeEvent({ next, lpi: events.lpiOf(event), icid });
    written &&= storeEntry(memory, itt + eventId * ENTRY_BYTES, entry);
  }
  return written ? undefined : 'EFAULT';
}

/** Writes the collections in consecutive entries, whatever their numbers, then a zero entry if the table has room. */
function saveCollections({ collections, memory, registers }: ItsState): ItsErrno | undefined {
  const table = tableOf(registers.baser(COLLECTION_TABLE));
  if (!table.valid) return undefined;
  const all = collections.list();
  if (all.length > table.bytes / ENTRY_BYTES) return 'EINVAL';
  const entries = all.map((collection) => {
    const target = collections.targetOf(collection);
    const icid = collections.icidOf(collection);
    return encodeCollection({ target: target === NOT_MAPPED ? SAVED_UNMAPPED : target, icid });
  });
  return storeRow(memory, table, entries) ? undefined : 'EFAULT';
}

function storeRow(memory: ItsState['memory'], table: Table, entries: readonly bigint[]): boolean {
  const row = entries.length < table.bytes / ENTRY_BYTES ? [...entries, 0n] : entries;
  return row.every((entry, index) => storeEntry(memory, table.base + index * ENTRY_BYTES, entry));
}
