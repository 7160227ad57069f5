import type { ItsCommand } from '../../its/command.ts';
import type { GuestEvent } from '../recording/guest-event.ts';
import { MappingLedger } from '../recording/guest-mappings.ts';

/**
 * Names an interrupt, or an event of a device: `p1:27` a private one of vCPU 1, `s40` an SPI, `l8192` an LPI,
 * `e8:1` event 1 of device 8.
 */
export type Key = string;

export const ALL = 'all';
/** Which interrupts a register write or a command may change: those, or any. */
export type Touched = readonly Key[] | typeof ALL;

export function keyOf(intid: number, vcpu: number): Key {
  if (intid >= 8192) return `l${intid}`;
  return intid < 32 ? `p${vcpu}:${intid}` : `s${intid}`;
}

export const eventKey = (deviceId: number, eventId: number): Key => `e${deviceId}:${eventId}`;

const CWRITER = 0x88;
const SGI_FRAME = 0x1_0000;

/** Works out, event by event, which interrupts the setting up of the controller concerns. */
export class Touches {
  readonly #ledger = new MappingLedger();
  /** Of the commands that lie in the queue and were not submitted yet. */
  #batch: Set<Key> | typeof ALL = new Set();

  /** Which interrupts an event may change. To be called with every one of them, in order. */
  of(event: GuestEvent): Touched {
    if (event.op === 'icc') return ALL;
    if (event.op === 'command') this.#queue(event.command);
    if (event.op !== 'write') return [];
    if (event.frame === 'GICR')
      return event.offset >= SGI_FRAME ? ofPrivate(event.cpu, event.offset - SGI_FRAME, event.size) : ALL;
    if (event.frame === 'GICD') return ofShared(event.offset, event.size);
    if ((event.offset & ~7) !== CWRITER) return ALL;
    const batch = this.#batch;
    this.#batch = new Set();
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
        this.#addLpi(deviceId, eventId);
        this.#ledger.apply(command);
        this.#addLpi(deviceId, eventId);
        return;
      }
      default:
        this.#ledger.apply(command);
        this.#batch = ALL;
    }
  }

  #addLpi(deviceId: number, eventId: number): void {
    const mapped = this.#ledger.event(deviceId, eventId);
    if (mapped) this.#add(keyOf(mapped.lpi, 0));
  }

  #add(key: Key): void {
    if (this.#batch !== ALL) this.#batch.add(key);
  }
}

/** The first INTID and how many a register of the distributor's map concerns; undefined where it is none of a few. */
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

function ofPrivate(vcpu: number, offset: number, size: number): Touched {
  const span = range(offset, size);
  if (!span || span.first >= 32) return ALL;
  return Array.from({ length: span.count }, (_, index) => `p${vcpu}:${span.first + index}`);
}
