import type { Layout, Region } from '../memory/layout.ts';
import { MUTEX } from '../memory/mutex.ts';
import { slotsWords } from '../memory/slots.ts';
import { bucketsFor, type TableRegions } from './chains.ts';
import { COLLECTION_WORDS } from './collections.ts';
import { COMMAND_ERROR_WORDS } from './command-errors.ts';
import { DEVICE_WORDS } from './devices.ts';
import { EPOCH, EVENT_WORDS, LINK_WORDS } from './events.ts';
import { REGISTER_WORDS } from './register-file.ts';

/** The limits of an ITS. A mapping beyond a limit fails its command with ENOMEM, as KVM's allocation failure does. */
export type ItsConfig = {
  /** Devices that can be mapped at once, 1 to 65,535. */
  readonly devices: number;
  /** Events (ITEs) that can be mapped at once over all devices, 1 to 65,535. */
  readonly events: number;
  /** Collections that can exist at once, 1 to 65,535. */
  readonly collections: number;
};

/** The regions of one ITS. */
export type ItsRegions = {
  readonly registers: Region;
  readonly commandLock: Region;
  readonly lock: Region;
  /** One word that every translation reads: see {@link Events}. */
  readonly epoch: Region;
  readonly errors: Region;
  readonly devices: TableRegions;
  readonly collections: TableRegions;
  readonly events: TableRegions;
  /** The words of an event that only commands read. */
  readonly links: Region;
};

/** Adds the regions of ITS number `index` to a layout. */
export function itsRegions(layout: Layout, index: number, config: ItsConfig): ItsRegions {
  const name = `its${index}`;
  const table = (kind: string, count: number, fields: readonly string[]): TableRegions => ({
    slots: layout.region(`${name}.${kind}.slots`, slotsWords(count)),
    buckets: layout.region(`${name}.${kind}.buckets`, bucketsFor(count)),
    records: layout.records(`${name}.${kind}`, count + 1, fields),
  });
  return {
    registers: layout.region(`${name}.registers`, REGISTER_WORDS),
    commandLock: layout.place(`${name}.commandLock`, MUTEX),
    lock: layout.place(`${name}.lock`, MUTEX),
    epoch: layout.place(`${name}.epoch`, EPOCH),
    errors: layout.region(`${name}.errors`, COMMAND_ERROR_WORDS),
    devices: table('device', config.devices, DEVICE_WORDS),
    collections: table('collection', config.collections, COLLECTION_WORDS),
    events: table('event', config.events, EVENT_WORDS),
    links: layout.records(`${name}.link`, config.events + 1, LINK_WORDS),
  };
}
