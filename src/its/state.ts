import type { Intid } from '../arch/intid.ts';
import { VALID } from '../arch/tables.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import type { Mutex } from '../memory/mutex.ts';
import type { Readers } from '../memory/readers.ts';
import { NO_HANDLE } from '../memory/slots.ts';
import type { Collections } from './collections.ts';
import type { CommandErrors } from './command-errors.ts';
import type { Devices } from './devices.ts';
import type { Events } from './events.ts';
import type { LpiPort } from './lpi-port.ts';
import type { ItsPersonality } from './personality.ts';
import type { RegisterFile } from './register-file.ts';
import { type VpePort, vlpiOf, vpeOf } from './vpe-port.ts';

/**
 * Everything that a command may read or change.
 *
 * Locks, outer first: `commandLock`, for registers and the queue, over a whole run of commands; then `lock`, for
 * devices, collections and events, over one command. A translation past the cache takes `lock` alone.
 * @see KVM's its->cmd_lock and its->its_lock, in the comment at the top of vgic.c
 */
export type ItsState = {
  readonly commandLock: Mutex;
  readonly lock: Mutex;
  readonly errors: CommandErrors;
  readonly personality: ItsPersonality;
  readonly registers: RegisterFile;
  readonly devices: Devices;
  readonly collections: Collections;
  readonly events: Events;
  readonly lpis: LpiPort;
  readonly memory: GuestMemory;
  readonly readers: Readers;
  /** The vPEs of a GICv4.1; undefined on every other board. */
  readonly vpes: VpePort | undefined;
};

/** Which GITS_BASERn describes which table. */
export const DEVICE_TABLE = 0;
export const COLLECTION_TABLE = 1;
/** Of a board with vPEs. */
export const VPE_TABLE = 2;

/** Ends an event's part in its LPI, or clears its vLPI. */
function endLpi({ lpis, vpes }: ItsState, lpi: Intid): void {
  if (lpi >= 0) {
    lpis.unmap(lpi);
    return;
  }
  // guard: unmapping-clears-vlpi
  if (vpes?.isMapped(vpeOf(lpi))) vpes.clear(vpeOf(lpi), vlpiOf(lpi));
}

/** Unmaps one event: its LPI ends, with its latch, unless another event maps the LPI too. */
export function removeEvent(its: ItsState, event: number): void {
  const { events, readers } = its;
  // guard: unmapping-empties-cache
  events.invalidate();
  events.detach(event);
  // An injector that found the event before its detachment sets its latch before it leaves its section.
  // guard: unmapping-waits-for-injectors
  readers.synchronize();
  // guard: event-ends-mapping-once
  endLpi(its, events.lpiOf(event));
  events.free(event);
}

/** Unmaps a device and all its events, with one grace period for all of them. */
export function removeDevice(its: ItsState, device: number): void {
  removeEvents(its, [device]);
  its.devices.remove(device);
}

/** Unmaps every device: GITS_BASER0 has become invalid, or the ITS is reset. */
export function removeAllDevices(its: ItsState): void {
  const all: number[] = [];
  its.devices.forEach((device) => {
    all.push(device);
  });
  removeEvents(its, all);
  for (const device of all) its.devices.remove(device);
}

function removeEvents(its: ItsState, devices: readonly number[]): void {
  const { events, readers } = its;
  const removed: number[] = [];
  events.invalidate();
  for (const device of devices) {
    events.forEachOf(device, (event) => {
      events.detach(event);
      removed.push(event);
    });
  }
  // guard: removal-waits-for-injectors
  if (removed.length > 0) readers.synchronize();
  for (const event of removed) {
    endLpi(its, events.lpiOf(event));
    events.free(event);
  }
}

/** Ends every vPE that is not resident: GITS_BASER2 has become invalid, or the ITS is reset. */
export function removeAllVpes({ vpes }: ItsState): void {
  for (let vpe = 0; vpe < (vpes?.count ?? 0); vpe++) if (vpes?.isMapped(vpe)) vpes.unmap(vpe, false);
}

/** Ends a collection. Its events stay without a collection for good, even if a later collection has the same number. */
export function removeCollection({ collections, events }: ItsState, icid: number): void {
  const collection = collections.find(icid);
  if (collection === NO_HANDLE) return;
  events.forEach((event) => {
    if (events.collectionOf(event) === collection) events.move(event, NO_HANDLE);
  });
  collections.remove(collection);
}

/** Ends every collection: GITS_BASER1 has become invalid, or the ITS is reset. */
export function removeAllCollections({ collections, events }: ItsState): void {
  events.forEach((event) => {
    events.move(event, NO_HANDLE);
  });
  for (const collection of collections.list()) collections.remove(collection);
}

/** Disables the ITS, empties its queue and tables. @see vgic_its_reset in vgic-its.c */
export function resetState(its: ItsState): void {
  const { registers } = its;
  registers.enabled = false;
  registers.cbaser = 0n;
  registers.creadr = 0;
  registers.cwriter = 0;
  registers.stalled = false;
  for (const table of [DEVICE_TABLE, COLLECTION_TABLE, VPE_TABLE])
    registers.setBaser(table, registers.baser(table) & ~VALID);
  removeAllDevices(its);
  removeAllCollections(its);
  removeAllVpes(its);
}
