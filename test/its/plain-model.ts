import type { ItsCommand } from '../../src/arch/its-command.ts';

/** What a model knows of an LPI. `target` is undefined where it goes nowhere. */
export type ModelLpi = { mappings: number; target: number | undefined; config: number; pending: boolean };

type Collection = { readonly icid: number; target: number | undefined };
type Event = { readonly lpi: number; collection: Collection | undefined };
type Device = { readonly bits: number; readonly events: Map<number, Event> };

/** Entries of a flat table of one 64 KiB page. */
const TABLE = 8192;

/**
 * The ITS a second time, as one would explain it: maps of maps, one thread, nothing fast. Written from the description of
 * KVM's behaviour and without looking at the other, so that a misunderstanding would have to happen twice.
 */
export class PlainModel {
  readonly vcpus: number;
  readonly devices = new Map<number, Device>();
  readonly collections = new Map<number, Collection>();
  readonly lpis = new Map<number, ModelLpi>();
  /** The configuration table; what is not in it is 0xa1. */
  readonly config = new Map<number, number>();
  readonly lpisOff = new Set<number>();
  readonly cache = new Set<string>();
  enabled = true;

  constructor(vcpus: number) {
    this.vcpus = vcpus;
  }

  /** The name of the error that the command makes, or undefined. */
  command(command: ItsCommand): string | undefined {
    switch (command.name) {
      case 'MAPD': {
        if (command.deviceId >= TABLE) return 'E_ITS_MAPD_DEVICE_OOR';
        if (command.valid && command.size >= 16) return 'E_ITS_MAPD_ITTSIZE_OOR';
        if (this.devices.has(command.deviceId)) {
          for (const event of this.devices.get(command.deviceId)?.events.values() ?? [])
            this.#drop(event.lpi);
          this.devices.delete(command.deviceId);
          this.cache.clear();
        }
        if (command.valid) this.devices.set(command.deviceId, { bits: command.size + 1, events: new Map() });
        return undefined;
      }
      case 'MAPC': {
        const collection = this.collections.get(command.collectionId);
        if (!command.valid) {
          for (const event of this.#events()) {
            if (collection && event.collection === collection) event.collection = undefined;
          }
          this.collections.delete(command.collectionId);
          this.cache.clear();
          return undefined;
        }
        if (command.rdbase >= this.vcpus) return 'E_ITS_MAPC_PROCNUM_OOR';
        if (!collection) {
          if (command.collectionId >= TABLE) return 'E_ITS_MAPC_COLLECTION_OOR';
          this.collections.set(command.collectionId, { icid: command.collectionId, target: command.rdbase });
          return undefined;
        }
        collection.target = command.rdbase;
        for (const event of this.#events()) {
          if (event.collection === collection) this.#lpi(event.lpi).target = command.rdbase;
        }
        return undefined;
      }
      case 'MAPTI':
        return this.#map(command.deviceId, command.eventId, command.lpi, command.collectionId);
      case 'MAPI':
        return this.#map(command.deviceId, command.eventId, command.eventId, command.collectionId);
      case 'MOVI': {
        const event = this.#event(command);
        if (!event) return 'E_ITS_MOVI_UNMAPPED_INTERRUPT';
        const collection = this.collections.get(command.collectionId);
        if (event.collection?.target === undefined || collection?.target === undefined)
          return 'E_ITS_MOVI_UNMAPPED_COLLECTION';
        event.collection = collection;
        this.#lpi(event.lpi).target = collection.target;
        this.cache.clear();
        return undefined;
      }
      case 'DISCARD': {
        const event = this.#event(command);
        if (event?.collection?.target === undefined) return 'E_ITS_DISCARD_UNMAPPED_INTERRUPT';
        this.devices.get(command.deviceId)?.events.delete(command.eventId);
        this.#drop(event.lpi);
        this.cache.clear();
        return undefined;
      }
      case 'INT': {
        const answer = this.#signal(command.deviceId, command.eventId);
        if (answer === 1) return undefined;
        return answer === 0 ? 'E_ITS_INT_UNMAPPED_INTERRUPT' : 'EBUSY';
      }
      case 'CLEAR': {
        const event = this.#event(command);
        if (!event) return 'E_ITS_CLEAR_UNMAPPED_INTERRUPT';
        this.#lpi(event.lpi).pending = false;
        return undefined;
      }
      case 'INV': {
        const event = this.#event(command);
        if (!event) return 'E_ITS_INV_UNMAPPED_INTERRUPT';
        this.#lpi(event.lpi).config = this.configOf(event.lpi);
        return undefined;
      }
      case 'INVALL': {
        const target = this.collections.get(command.collectionId)?.target;
        if (target === undefined) return 'E_ITS_INVALL_UNMAPPED_COLLECTION';
        for (const [number, lpi] of this.lpis) if (lpi.target === target) lpi.config = this.configOf(number);
        return undefined;
      }
      case 'MOVALL': {
        if (command.rdbase >= this.vcpus || command.rdbase2 >= this.vcpus) return 'E_ITS_MOVALL_PROCNUM_OOR';
        if (command.rdbase === command.rdbase2) return undefined;
        for (const lpi of this.lpis.values()) if (lpi.target === command.rdbase) lpi.target = command.rdbase2;
        this.cache.clear();
        return undefined;
      }
      case 'SYNC':
        return undefined;
    }
  }

  /** An MSI from a device: whether it was cached, else 1, 0 or -16. */
  inject(deviceId: number, eventId: number): 'cached' | 1 | 0 | -16 {
    const cached = this.cache.has(`${deviceId}:${eventId}`);
    const event = this.#event({ deviceId, eventId });
    if (!cached || !event) return this.#signal(deviceId, eventId);
    this.#lpi(event.lpi).pending = true;
    return 'cached';
  }

  setLpis(vcpu: number, on: boolean): void {
    if (on) this.lpisOff.delete(vcpu);
    else {
      this.lpisOff.add(vcpu);
      this.cache.clear();
    }
  }

  setEnabled(on: boolean): void {
    this.enabled = on;
    if (!on) this.cache.clear();
  }

  configOf(lpi: number): number {
    return this.config.get(lpi) ?? 0xa1;
  }

  /** What `Its.mappings` should say. */
  mappings(): { deviceId: number; eventId: number; lpi: number; vcpu: number }[] {
    return [...this.devices]
      .flatMap(([deviceId, { events }]) =>
        [...events].map(([eventId, { lpi, collection }]) => ({
          deviceId,
          eventId,
          lpi,
          vcpu: collection?.target ?? -1,
        })),
      )
      .sort((a, b) => a.deviceId - b.deviceId || a.eventId - b.eventId);
  }

  /** What is left after the tables were saved, the ITS reset, and the tables restored. Pending bits were not saved. */
  saveAndRestore(): void {
    const saved = this.mappings().flatMap(({ deviceId, eventId, lpi }) => {
      const collection = this.devices.get(deviceId)?.events.get(eventId)?.collection;
      return collection ? [{ deviceId, eventId, lpi, collection }] : [];
    });
    for (const { events } of this.devices.values()) events.clear();
    this.lpis.clear();
    this.cache.clear();
    // In the order of the tables: the first event that names an LPI gives it its target.
    for (const { deviceId, eventId, lpi, collection } of saved)
      this.#map(deviceId, eventId, lpi, collection.icid);
  }

  #map(deviceId: number, eventId: number, lpi: number, icid: number): string | undefined {
    const device = this.devices.get(deviceId);
    if (!device) return 'E_ITS_MAPTI_UNMAPPED_DEVICE';
    if (eventId >= 2 ** device.bits) return 'E_ITS_MAPTI_ID_OOR';
    if (lpi < 8192 || lpi > 65_535) return 'E_ITS_MAPTI_PHYSICALID_OOR';
    if (device.events.has(eventId)) return undefined;
    let collection = this.collections.get(icid);
    if (!collection) {
      if (icid >= TABLE) return 'E_ITS_MAPC_COLLECTION_OOR';
      collection = { icid, target: undefined };
      this.collections.set(icid, collection);
    }
    device.events.set(eventId, { lpi, collection });
    const known = this.lpis.get(lpi);
    if (known) known.mappings++;
    else {
      const config = this.configOf(lpi);
      this.lpis.set(lpi, { mappings: 1, target: collection.target, config, pending: false });
    }
    return undefined;
  }

  #signal(deviceId: number, eventId: number): 1 | 0 | -16 {
    if (!this.enabled) return -16;
    const event = this.#event({ deviceId, eventId });
    if (event?.collection?.target === undefined) return 0;
    if (this.lpisOff.has(event.collection.target)) return -16;
    this.cache.add(`${deviceId}:${eventId}`);
    this.#lpi(event.lpi).pending = true;
    return 1;
  }

  #event({ deviceId, eventId }: { readonly deviceId: number; readonly eventId: number }): Event | undefined {
    return this.devices.get(deviceId)?.events.get(eventId);
  }

  #events(): Event[] {
    return [...this.devices.values()].flatMap(({ events }) => [...events.values()]);
  }

  #lpi(lpi: number): ModelLpi {
    const found = this.lpis.get(lpi);
    if (!found) throw new Error(`the plain model lost LPI ${lpi}`);
    return found;
  }

  #drop(lpi: number): void {
    if (--this.#lpi(lpi).mappings === 0) this.lpis.delete(lpi);
  }
}
