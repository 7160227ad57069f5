import { type EventId, FIRST_LPI, type Intid } from '../../arch/intid.ts';
import {
  deviceIdOf,
  eventIdOf,
  icidOf,
  isValid,
  ittAddrOf,
  lpiOf,
  type Packet,
  rdbaseOf,
  sizeOf,
} from '../../arch/its-command.ts';
import { type Handle, NO_HANDLE } from '../../memory/slots.ts';
import { NOT_MAPPED } from '../collections.ts';
import { COMMAND_ERRORS, OK } from '../command-errors.ts';
import { NO_DEVICE } from '../devices.ts';
import { NO_EVENT } from '../events.ts';
import { COLLECTION_TABLE, DEVICE_TABLE, type ItsState, removeCollection, removeDevice } from '../state.ts';
import { ENTRY_BYTES, entryAddress, ID_BITS, NOT_STORABLE, tableOf } from '../table-walk.ts';

/**
 * MAPD: maps a device with 2^(Size + 1) events, or unmaps the device. Mapping a mapped device first unmaps the device
 * with all its events. Unmapping an unmapped device is no error.
 */
export function mapDevice(its: ItsState, packet: Packet): number {
  const { devices, memory, registers } = its;
  const deviceId = deviceIdOf(packet);
  const bits = sizeOf(packet) + 1;
  const entry = entryAddress(memory, tableOf(registers.baser(DEVICE_TABLE)), deviceId);
  if (entry === NOT_STORABLE) return COMMAND_ERRORS.E_ITS_MAPD_DEVICE_OOR;
  if (isValid(packet) && bits > ID_BITS) return COMMAND_ERRORS.E_ITS_MAPD_ITTSIZE_OOR;
  const device = devices.find(deviceId);
  // guard: mapd-unmaps-device
  if (device !== NO_DEVICE) removeDevice(its, device);
  if (!isValid(packet)) {
    if (its.personality.zeroesEntries) memory.setDoubleWord(entry, 0n);
    return OK;
  }
  return devices.create(deviceId, bits, ittAddrOf(packet)) === NO_DEVICE ? COMMAND_ERRORS.ENOMEM : OK;
}

/**
 * MAPC: maps a collection to a redistributor, or unmaps the collection. Mapping to another redistributor retargets all
 * LPIs of the collection. The translation cache stays valid: the cache holds LPIs and not their targets.
 *
 * Checks RDbase for V = 1 only; older kernels check RDbase for V = 0 too (`unmappingChecksTarget`).
 */
export function mapCollection(its: ItsState, packet: Packet): number {
  const { collections, events, lpis } = its;
  const icid = icidOf(packet);
  const vcpu = rdbaseOf(packet);
  if (vcpu >= lpis.vcpus && (isValid(packet) || its.personality.unmappingChecksTarget))
    return COMMAND_ERRORS.E_ITS_MAPC_PROCNUM_OOR;
  if (!isValid(packet)) {
    removeCollection(its, icid);
    // guard: unmapped-collection-leaves-cache
    events.invalidate();
    return OK;
  }
  const collection = collections.find(icid);
  if (collection === NO_HANDLE) {
    if (!isCollectionStorable(its, icid)) return COMMAND_ERRORS.E_ITS_MAPC_COLLECTION_OOR;
    return collections.create(icid, vcpu) === NO_HANDLE ? COMMAND_ERRORS.ENOMEM : OK;
  }
  collections.retarget(collection, vcpu);
  events.forEach((event) => {
    // guard: mapc-takes-lpis-along
    if (events.collectionOf(event) === collection) lpis.retarget(events.lpiOf(event), vcpu);
  });
  return OK;
}

/** MAPTI: maps an event to an LPI in a collection. A mapped event stays unchanged. */
export function mapEvent(its: ItsState, packet: Packet): number {
  return mapTo(its, packet, lpiOf(packet));
}

/** MAPI: as MAPTI, to the LPI whose INTID is the EventID. */
export function mapEventToItself(its: ItsState, packet: Packet): number {
  // guard: mapi-maps-own-number
  return mapTo(its, packet, eventIdOf(packet) as number);
}

function mapTo(its: ItsState, packet: Packet, lpi: Intid): number {
  const { devices, events, lpis } = its;
  const eventId = eventIdOf(packet);
  const device = devices.find(deviceIdOf(packet));
  if (device === NO_DEVICE) return COMMAND_ERRORS.E_ITS_MAPTI_UNMAPPED_DEVICE;
  if (eventId >= 2 ** devices.bitsOf(device)) return COMMAND_ERRORS.E_ITS_MAPTI_ID_OOR;
  if (its.personality.mappingNeedsTables && !its.memory.has(ittEntry(its, device, eventId), ENTRY_BYTES))
    return COMMAND_ERRORS.E_ITS_MAPTI_ID_OOR;
  if (lpi < FIRST_LPI || lpi >= Math.min(lpis.mappingLimit(), lpis.limit))
    return COMMAND_ERRORS.E_ITS_MAPTI_PHYSICALID_OOR;
  if (events.find(deviceIdOf(packet), eventId) !== NO_EVENT) return OK;

  const icid = icidOf(packet);
  const known = its.collections.find(icid);
  if (known === NO_HANDLE && !isCollectionStorable(its, icid))
    return COMMAND_ERRORS.E_ITS_MAPC_COLLECTION_OOR;
  const collection = known === NO_HANDLE ? its.collections.create(icid, NOT_MAPPED) : known;
  if (collection === NO_HANDLE) return COMMAND_ERRORS.ENOMEM;
  const outcome = addEvent(its, device, eventId, lpi, collection);
  if (outcome !== OK && known === NO_HANDLE) its.collections.remove(collection);
  return outcome;
}

/**
 * Adds an event. If no other event maps its LPI, brings the LPI to life: its target, then its byte of the configuration
 * table, then, with a target, its bit of the pending table. Restoring a saved event takes this way too.
 * @see vgic_add_lpi in vgic-its.c
 */
export function addEvent(
  { collections, events, lpis, personality }: ItsState,
  device: number,
  eventId: EventId,
  lpi: Intid,
  collection: Handle,
): number {
  if (lpis.map(lpi)) {
    const vcpu = collections.targetOf(collection);
    // guard: new-lpi-has-target
    if (vcpu !== NOT_MAPPED) lpis.retarget(lpi, vcpu);
    const config = lpis.configByte(lpi);
    const unreadable = config === undefined || (vcpu !== NOT_MAPPED && !lpis.hasPendingByte(lpi, vcpu));
    if (unreadable && personality.mappingNeedsTables) {
      lpis.unmap(lpi);
      return COMMAND_ERRORS.EFAULT;
    }
    lpis.configure(lpi, config ?? 0);
    if (vcpu !== NOT_MAPPED && lpis.importPending(lpi, vcpu)) lpis.latch(lpi);
  }
  // Last: from here on, other threads can find the event.
  if (events.create(device, eventId, lpi, collection) !== NO_EVENT) return OK;
  lpis.unmap(lpi);
  return COMMAND_ERRORS.ENOMEM;
}

export function isCollectionStorable({ memory, registers }: ItsState, icid: number): boolean {
  return entryAddress(memory, tableOf(registers.baser(COLLECTION_TABLE)), icid) !== NOT_STORABLE;
}

/** Guest-physical address of the ITT entry of an event. */
export function ittEntry(its: ItsState, device: number, eventId: EventId): number {
  return its.devices.ittOf(device) + eventId * ENTRY_BYTES;
}
