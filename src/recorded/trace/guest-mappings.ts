import type { DeviceId, EventId, Intid, VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';

/** One mapped event of a device. `eventId` is below `2 ** bits` of its device. */
export type MappedEvent = {
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  readonly lpi: Intid;
  readonly collectionId: number;
};

export type MappedDevice = {
  readonly deviceId: DeviceId;
  /** EventID bits: the Size field plus one. */
  readonly bits: number;
  /** Guest-physical address of the ITT. */
  readonly ittAddr: number;
};

/**
 * The mappings after a series of ITS commands: the architecture's tables as plain maps, without queues, pending bits
 * and registers. A command that an ITS would refuse (an event of an unmapped device, or past its ITT) changes nothing.
 */
export class MappingLedger {
  readonly #devices = new Map<DeviceId, MappedDevice & { readonly events: Map<EventId, MappedEvent> }>();
  readonly #collections = new Map<number, VcpuId>();
  /** The number of mapped events in each collection, mapped or not. */
  readonly #population = new Map<number, number>();

  apply(command: ItsCommand): void {
    switch (command.name) {
      case 'MAPD':
        this.#unmapDevice(command.deviceId);
        if (!command.valid) return;
        this.#devices.set(command.deviceId, {
          deviceId: command.deviceId,
          bits: command.size + 1,
          ittAddr: command.ittAddr,
          events: new Map(),
        });
        return;
      case 'MAPC':
        if (command.valid) this.#collections.set(command.collectionId, command.rdbase);
        else this.#collections.delete(command.collectionId);
        return;
      case 'MAPTI':
        this.#put(command);
        return;
      case 'MAPI':
        this.#put({ ...command, lpi: command.eventId as number });
        return;
      case 'MOVI': {
        const mapped = this.event(command.deviceId, command.eventId);
        if (mapped !== undefined) this.#put({ ...mapped, collectionId: command.collectionId });
        return;
      }
      case 'DISCARD':
        this.#drop(command.deviceId, command.eventId);
        return;
      default:
        return; // the others move pending interrupts and configuration, not mappings
    }
  }

  #put({ deviceId, eventId, lpi, collectionId }: MappedEvent): void {
    const device = this.#devices.get(deviceId);
    if (device === undefined || eventId >= 2 ** device.bits) return;
    this.#drop(deviceId, eventId);
    device.events.set(eventId, { deviceId, eventId, lpi, collectionId });
    this.#populate(collectionId, 1);
  }

  #drop(deviceId: DeviceId, eventId: EventId): void {
    const mapped = this.event(deviceId, eventId);
    if (mapped === undefined) return;
    this.#devices.get(deviceId)?.events.delete(eventId);
    this.#populate(mapped.collectionId, -1);
  }

  #unmapDevice(deviceId: DeviceId): void {
    for (const { collectionId } of this.#devices.get(deviceId)?.events.values() ?? []) {
      this.#populate(collectionId, -1);
    }
    this.#devices.delete(deviceId);
  }

  #populate(collectionId: number, change: 1 | -1): void {
    this.#population.set(collectionId, (this.#population.get(collectionId) ?? 0) + change);
  }

  /** The mapped devices, by DeviceID. */
  devices(): MappedDevice[] {
    return [...this.#devices.values()]
      .map(({ deviceId, bits, ittAddr }) => ({ deviceId, bits, ittAddr }))
      .sort((a, b) => a.deviceId - b.deviceId);
  }

  /** The mapped events, by DeviceID, then EventID. */
  events(): MappedEvent[] {
    return [...this.#devices.values()]
      .flatMap(({ events }) => [...events.values()])
      .sort((a, b) => a.deviceId - b.deviceId || a.eventId - b.eventId);
  }

  /** The mapping of one event; undefined if unmapped. */
  event(deviceId: DeviceId, eventId: EventId): MappedEvent | undefined {
    return this.#devices.get(deviceId)?.events.get(eventId);
  }

  /** The RDbase of a collection; undefined if unmapped. */
  rdbaseOf(collectionId: number): VcpuId | undefined {
    return this.#collections.get(collectionId);
  }

  /** The mapped collections, by ICID. */
  collections(): { readonly collectionId: number; readonly rdbase: VcpuId }[] {
    return [...this.#collections]
      .map(([collectionId, rdbase]) => ({ collectionId, rdbase }))
      .sort((a, b) => a.collectionId - b.collectionId);
  }

  /** The number of events whose MSI can reach a vCPU: those in a mapped collection. */
  deliverable(): number {
    let count = 0;
    for (const collectionId of this.#collections.keys()) count += this.#population.get(collectionId) ?? 0;
    return count;
  }
}
