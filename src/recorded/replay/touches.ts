import { type DeviceId, type EventId, FIRST_LPI, type Intid, type VcpuId } from '../../arch/intid.ts';
import type { ItsCommand } from '../../arch/its-command.ts';
import { gits } from '../../arch/registers.ts';
import type { GuestEvent } from '../trace/guest-event.ts';
import { MappingLedger } from '../trace/guest-mappings.ts';

/**
 * Names an interrupt, or an event of a device: `p1:27` is private INTID 27 of vCPU 1, `s40` an SPI, `l8192` an LPI,
 * `e8:1` event 1 of device 8.
 */
export type Key = string;

export const ALL = 'all';
/** The interrupts that a register write or a command may change: a list, or all. */
export type Touched = readonly Key[] | typeof ALL;

export function keyOf(intid: Intid, vcpu: VcpuId): Key {
  if (intid >= FIRST_LPI) return `l${intid}`;
  return intid < 32 ? `p${vcpu}:${intid}` : `s${intid}`;
}

export const eventKey = (deviceId: DeviceId, eventId: EventId): Key => `e${deviceId}:${eventId}`;

/** An INT command that has been submitted. */
export type SubmittedInt = {
  readonly deviceId: DeviceId;
  readonly eventId: EventId;
  /** The interrupt; undefined if the event was not mapped. */
  readonly key: Key | undefined;
  /** Whether no command submitted together with this one, other than an INT, concerns the interrupt. */
  readonly isAlone: boolean;
};

const SGI_FRAME = 0x1_0000;

/** Works out, event by event, which interrupts the setup of the controller concerns. */
export class Touches {
  readonly #ledger = new MappingLedger();
  /** Interrupts of the commands in the queue that are not submitted yet. */
  #batch: Set<Key> | typeof ALL = new Set();
  #ints: Omit<SubmittedInt, 'isAlone'>[] = [];
  /** Interrupts of the batch that another command than an INT concerns. */
  #others: Set<Key> | typeof ALL = new Set();
  #submitted: readonly SubmittedInt[] = [];

  /** The INT commands that the last event submitted, in order. */
  get submittedInts(): readonly SubmittedInt[] {
    return this.#submitted;
  }

  /** The interrupts that an event may change. Call for every event, in order. */
  of(event: GuestEvent): Touched {
    this.#submitted = [];
    if (event.op === 'icc') return ALL;
    if (event.op === 'command') this.#queue(event.command);
    if (event.op !== 'write') return [];
    if (event.frame === 'GICR')
      return event.offset >= SGI_FRAME ? ofPrivate(event.cpu, event.offset - SGI_FRAME, event.size) : ALL;
    if (event.frame === 'GICD') return ofShared(event.offset, event.size);
    if ((event.offset & ~7) !== gits.CWRITER) return ALL;
    const [batch, others] = [this.#batch, this.#others];
    this.#submitted = this.#ints.map((int) => ({
      ...int,
      isAlone: others !== ALL && int.key !== undefined && !others.has(int.key),
    }));
    this.#batch = new Set();
    this.#others = new Set();
    this.#ints = [];
    return batch === ALL ? ALL : [...batch];
  }

  #queue(command: ItsCommand): void {
    switch (command.name) {
      case 'SYNC':
        return;
      case 'MAPTI':
      case 'MAPI':
      case 'MOVI':
      case 'INV':
      case 'INT':
      case 'CLEAR':
      case 'DISCARD': {
        const { deviceId, eventId } = command;
        this.#add(eventKey(deviceId, eventId));
        const before = this.#lpiOf(deviceId, eventId);
        this.#ledger.apply(command);
        const after = this.#lpiOf(deviceId, eventId);
        for (const key of [before, after]) if (key !== undefined) this.#add(key);
        if (command.name === 'INT') this.#ints.push({ deviceId, eventId, key: after });
        else if (this.#others !== ALL)
          for (const key of [before, after]) if (key !== undefined) this.#others.add(key);
        return;
      }
      default:
        this.#ledger.apply(command);
        this.#batch = ALL;
        this.#others = ALL;
    }
  }

  #lpiOf(deviceId: DeviceId, eventId: EventId): Key | undefined {
    const mapped = this.#ledger.event(deviceId, eventId);
    return mapped && keyOf(mapped.lpi, 0);
  }

  #add(key: Key): void {
    if (this.#batch !== ALL) this.#batch.add(key);
  }
}

/** The first INTID, and the number, in a register of the distributor's map; undefined for other registers. */
function range(offset: number, size: number): { first: number; count: number } | undefined {
  if (offset >= 0x80 && offset < 0x400) return { first: (offset & 0x7f) * 8, count: size * 8 };
  if (offset >= 0x400 && offset < 0x800) return { first: offset - 0x400, count: size };
  if (offset >= 0xc00 && offset < 0xd00) return { first: (offset - 0xc00) * 4, count: size * 4 };
  if (offset >= 0x6000 && offset < 0x8000) return { first: (offset - 0x6000) >> 3, count: 1 };
  return undefined;
}

function ofShared(offset: number, size: number): Touched {
  const span = range(offset, size);
  if (!span) return ALL;
  return Array.from({ length: span.count }, (_, index) => `s${span.first + index}`);
}

function ofPrivate(vcpu: VcpuId, offset: number, size: number): Touched {
  const span = range(offset, size);
  if (!span || span.first >= 32) return ALL;
  return Array.from({ length: span.count }, (_, index) => `p${vcpu}:${span.first + index}`);
}
